"""The base class of built-in middleware: attrs classes whose fields are their options.

One class is both the middleware and its table in photon.toml: the settings reader creates the
instance that handles requests. So an option has one name, one default and one check, in code and in
settings. Fields with ``repr=False`` hold secrets, which are not listed.
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
"""The operations of an application: the method in capitals, and the route."""
Rules = Mapping[tuple[str, str], T]
"""Rules of single operations, by template and method."""


@attrs.define(kw_only=True, eq=False)
class Layer(ABC):
    """Middleware with options.

    Attributes:
        enabled: ``False`` disables the middleware, for example in one environment.
    """

    enabled: bool = True

    @abstractmethod
    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Return the response to ``request``, usually that of ``call_next``."""

    def bind(self, operations: Operations) -> Middleware:
        """Return the middleware of an application with these operations.

        Called at start-up, for the middleware of the application. Middleware for which the document
        has rules reads them here, and returns a copy of itself, because the same object may be part
        of a second application.

        Raises:
            ValueError: A rule is invalid; the message names the operation.
        """
        return self


def drop_body(response: Response) -> None:
    """Close a body that will not be sent: the server closes only what it sends."""
    close = getattr(response.body, "close", None)
    if close is not None:
        close()


def rules_of(operations: Operations, extension: str) -> dict[tuple[str, str], tuple[Route, Any]]:
    """Return the values of an extension by template and method; those of GET apply to HEAD."""
    rules = {
        (route.template, method): (route, route.operation[extension])
        for method, route in operations
        if route.operation is not None and extension in route.operation
    }
    declared = {(route.template, method) for method, route in operations}
    for (template, method), rule in list(rules.items()):
        if method == "GET" and (template, "HEAD") not in declared:
            rules[template, "HEAD"] = rule
    return rules


def rule_for(request: Request, rules: Rules[T], default: T) -> T:
    """Return the rule of the operation that a request matches."""
    route = request.route
    return default if route is None else rules.get((route.template, request.method), default)
