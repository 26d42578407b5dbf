"""What the built-in layers are: attrs classes whose fields are their options.

One class is both the layer and its table in photon.toml: the settings reader makes the instance
that goes around the requests. So an option has one name, one default and one check, wherever it
is given. Fields with ``repr=False`` hold secrets, which no listing shows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attrs

from photon_runtime.http import Handler, Request, Response, Route

from ..handlers import Middleware

T = TypeVar("T")
Operations = Sequence[tuple[str, Route]]
"""The operations of an application: method in capitals, and where it is."""
Rules = Mapping[tuple[str, str], T]
"""What holds for single operations, by template and method."""


@attrs.define(kw_only=True, eq=False)
class Layer(ABC):
    """A layer with options.

    Attributes:
        enabled: ``False`` leaves the layer out, for an environment that is to go without it.
    """

    enabled: bool = True

    @abstractmethod
    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Answer ``request``, mostly by what ``call_next`` answers."""

    def settle(self, operations: Operations) -> Middleware:
        """Return what is put around the requests of an application with these operations.

        Called at its start, for the layers of the application. A layer for which the document
        has rules reads them here, and returns a copy of itself, since the same layer may lie
        around a second application.

        Raises:
            ValueError: A rule is wrong; says of which operation.
        """
        return self


def drop_body(response: Response) -> None:
    """Close a body that will not be sent: the server closes only what it sends."""
    close = getattr(response.body, "close", None)
    if close is not None:
        close()


def rules_of(operations: Operations, extension: str) -> dict[tuple[str, str], tuple[Route, Any]]:
    """Return the values of an extension by template and method; those of GET count for HEAD."""
    found = {
        (route.template, method): (route, route.operation[extension])
        for method, route in operations
        if route.operation is not None and extension in route.operation
    }
    stated = {(route.template, method) for method, route in operations}
    for (template, method), rule in list(found.items()):
        if method == "GET" and (template, "HEAD") not in stated:
            found[template, "HEAD"] = rule
    return found


def rule_for(request: Request, rules: Rules[T], default: T) -> T:
    """Return the rule for the operation that a request is for."""
    route = request.route
    return default if route is None else rules.get((route.template, request.method), default)
