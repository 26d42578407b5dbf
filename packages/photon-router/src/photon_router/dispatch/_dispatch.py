"""The work per request: find the endpoint, run the middleware, call the handler.

Theory of operation. The match precedes all middleware: so every middleware function knows the route
of the request (metrics are labelled with it, CORS and limits have rules for it), and cannot change
it. The result of the match is always a handler, a function from the request to its response: the
handler of an operation, or one that responds with 404, 405 or to OPTIONS. The request stores it
while the middleware runs, and it is called innermost. An error that it raises is turned into a
response immediately.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from photon_openapi.codec import encode_plain
from photon_openapi.errors import ValidationError
from photon_openapi.messages import shorten
from photon_runtime import speedups
from photon_runtime.callables import location, require_value
from photon_runtime.escapes import as_failure
from photon_runtime.http import (
    Handler,
    HttpError,
    Request,
    Response,
    Route,
    leave_root_path,
)

from ..handlers import Middleware
from ._match import Node, PathTree
from ._middleware import ErrorResponses, wrap

_log = logging.getLogger("photon.router")

ANY_METHOD = "*"
"""The key of the endpoint for all methods without an endpoint of their own."""


class Endpoint(NamedTuple):
    """The endpoint of one method of a resource.

    Attributes:
        handler: Returns the response to a request.
        route: The route of its requests, `Request.route`.
    """

    handler: Handler
    route: Route


class Dispatch:
    """Responds to requests with the endpoints of a tree.

    Args:
        tree: The endpoints by template and method.
        error_responses: The responses to errors.
        middleware: The middleware of the application, outermost first.
        drains: The calls for the start of the shutdown.

    Attributes:
        context: The context variables; each request starts with a copy of them.
        respond: Does what a call of the object does, and is faster.
    """

    __slots__ = ("_drains", "_enter", "_error_responses", "_find", "_tree", "context", "respond")

    def __init__(
        self,
        tree: PathTree[Endpoint],
        *,
        error_responses: ErrorResponses,
        middleware: Sequence[Middleware] = (),
        drains: Sequence[Callable[[], object]] = (),
    ) -> None:
        """Store the endpoints, and build the chain of middleware."""
        self.context = contextvars.Context()
        self._drains = tuple(drains)
        self.use(tree)
        self._error_responses = error_responses
        run = speedups.step("endpoint", self._run, self._respond_to_error)
        self._enter = wrap(run, middleware, error_responses)
        self.respond: Handler = speedups.step("dispatch", self.__call__, self)

    def __call__(self, request: Request) -> Response:
        """Return the response to ``request``; raises nothing but cancellation."""
        try:
            match = self._find(request.raw_path)
        except HttpError as error:
            request._endpoint = _refusal(error)
        else:
            if match is None:
                self._match_otherwise(request)
            else:
                endpoints, request._path_values = match
                endpoint = endpoints.get(request.method)
                if endpoint is None:
                    endpoint = _other_method(endpoints, request.method)
                request._endpoint, request.route = endpoint
        return self._enter(request)

    def _match_otherwise(self, request: Request) -> None:
        """Find the endpoint of a request that does not match as it is."""
        if request.raw_path == "*":
            request._endpoint = _describe_server
            return
        request._endpoint = _not_found
        # The servers of the document may name the path that the proxy has stripped.
        match = self._find(request.public_path) if request.root_path else None
        if match is not None:
            leave_root_path(request)
            endpoints, request._path_values = match
            endpoint = endpoints.get(request.method)
            if endpoint is None:
                endpoint = _other_method(endpoints, request.method)
            request._endpoint, request.route = endpoint

    def use(self, tree: PathTree[Endpoint]) -> None:
        """Respond to later requests with the endpoints of another tree."""
        self._tree = tree
        self._find = tree.find

    def wrap(self, wrapper: Callable[[Handler], Handler]) -> None:
        """Wrap all middleware, for example in the counting of requests."""
        self._enter = wrapper(self._enter)

    def drain(self) -> None:
        """Make the calls that were registered for the start of the shutdown."""
        for begin in self._drains:
            try:
                require_value(begin(), begin)
            except BaseException as error:
                _log.error(
                    "%s failed when the server began to stop",
                    location(begin),
                    exc_info=as_failure(error),
                )

    def _run(self, request: Request) -> Response:
        try:
            return request._endpoint(request)
        except BaseException as error:
            return self._respond_to_error(request, error)

    def _respond_to_error(self, request: Request, error: BaseException) -> Response:
        return self._error_responses(request, as_failure(error))


def _other_method(endpoints: dict[str, Endpoint], method: str) -> Endpoint:
    """Return the endpoint of a method that a resource does not declare.

    HEAD is handled as GET, OPTIONS returns the allowed methods, other methods get 405.
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

    def refuse(request: Request) -> Response:
        detail = f"method {method} is not allowed for {_shown_path(request)}"
        raise HttpError(405, detail, headers=allow)

    return Endpoint(refuse, Route(template, has_method=False))


def _describe_server(request: Request) -> Response:
    """Respond to ``OPTIONS *``, which is about the server as a whole (RFC 9110, section 9.3.7)."""
    return Response(204)


def _not_found(request: Request) -> Response:
    raise HttpError(404, f"no route matches {_shown_path(request)}")


def _shown_path(request: Request) -> str:
    return shorten(request.path, limit=200)


def _refusal(error: HttpError) -> Handler:
    def refuse(request: Request) -> Response:
        raise error

    return refuse


speedups.set_up_steps(
    {
        "Dispatch": Dispatch,
        "PathTree": PathTree,
        "Route": Route,
        "ValidationError": ValidationError,
        "Node": Node,
        "encode": encode_plain,
    }
)
