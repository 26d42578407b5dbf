"""What remains to do per request: find the plan, go through the middleware, run it.

Theory of operation. The match comes first, before any middleware: so every layer knows the route
that the request is for (metrics name it, CORS and limits have rules for it), and none can change
it. Whatever the match says is a *plan*, a function from the request to its response: that of an
operation, or one that answers 404, 405 or OPTIONS. The plan waits at the request while the layers
are passed, and is run innermost. What it raises is turned into an answer right there.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from photon_openapi.messages import shorten
from photon_runtime.callables import location, require_value
from photon_runtime.http import Handler, HttpError, Request, Response, Route

from ..handlers import Middleware
from ._layers import ErrorAnswers, wrap
from ._match import PathTree

_log = logging.getLogger("photon.router")

ANY_METHOD = "*"
"""Stands for every method that a resource has no other endpoint for."""


class Endpoint(NamedTuple):
    """What answers one method of a resource.

    Attributes:
        plan: Answers a request.
        route: What the request is told about where it is.
    """

    plan: Handler
    route: Route


class Dispatch:
    """Answers requests by the plans of a tree.

    Args:
        tree: The endpoints by template and method.
        answers: Answers for errors.
        layers: The middleware of the application, outermost first.
        drains: Called when the host begins to stop.

    Attributes:
        context: The context variables that each request starts with a copy of.
    """

    __slots__ = ("_answers", "_drains", "_enter", "_find", "context")

    def __init__(
        self,
        tree: PathTree[Endpoint],
        *,
        answers: ErrorAnswers,
        layers: Sequence[Middleware] = (),
        drains: Sequence[Callable[[], object]] = (),
    ) -> None:
        """Keep the endpoints, and build the chain."""
        self.context = contextvars.Context()
        self._drains = tuple(drains)
        self._find = tree.find
        self._answers = answers
        self._enter = wrap(self._run, layers, answers)

    def __call__(self, request: Request) -> Response:
        """Answer ``request``; nothing passes through but cancellation."""
        try:
            found = self._find(request.raw_path)
        except HttpError as error:
            request._endpoint = _refusal(error)
        else:
            if found is None:
                request._endpoint = _nothing
            else:
                endpoints, request._path_values = found
                endpoint = endpoints.get(request.method)
                if endpoint is None:
                    endpoint = _other_method(endpoints, request.method)
                request._endpoint, request.route = endpoint
        return self._enter(request)

    def use(self, tree: PathTree[Endpoint]) -> None:
        """Answer the requests that come from now on by the plans of another tree."""
        self._find = tree.find

    def wrap(self, around: Callable[[Handler], Handler]) -> None:
        """Put something around all middleware, such as the counting of requests."""
        self._enter = around(self._enter)

    def drain(self) -> None:
        """Make the calls that were registered for the beginning of the end."""
        for begin in self._drains:
            try:
                require_value(begin(), begin)
            except Exception:
                _log.exception("%s failed when the server began to stop", location(begin))

    def _run(self, request: Request) -> Response:
        try:
            return request._endpoint(request)
        except Exception as error:
            return self._answers(request, error)


def _other_method(endpoints: dict[str, Endpoint], method: str) -> Endpoint:
    """Return what answers a method that a resource does not state.

    HEAD is answered as GET, OPTIONS by the methods that there are, others with 405.
    """
    if ANY_METHOD in endpoints:
        return endpoints[ANY_METHOD]
    if method == "HEAD" and "GET" in endpoints:
        return endpoints["GET"]
    methods = set(endpoints) | {"OPTIONS"} | ({"HEAD"} if "GET" in endpoints else set())
    allow = {"allow": ", ".join(sorted(methods))}
    template = next(iter(endpoints.values())).route.template
    if method == "OPTIONS":
        return Endpoint(lambda request: Response(204, headers=allow), Route(template))
    error = HttpError(405, f"{method} is not possible here", headers=allow)
    return Endpoint(_refusal(error), Route(template))


def _nothing(request: Request) -> Response:
    raise HttpError(404, f"there is nothing at {shorten(request.path, limit=200)}")


def _refusal(error: HttpError) -> Handler:
    def refuse(request: Request) -> Response:
        raise error

    return refuse
