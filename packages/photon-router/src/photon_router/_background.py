"""Work for after the response: small things that the client need not wait for.

What must not be lost belongs into a queue of jobs; this is gone when the process is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final, ParamSpec, cast

from photon_runtime.callables import require_function
from photon_runtime.http import Handler, Request, Response

P = ParamSpec("P")
_KEY: Final = "photon.background"


class BackgroundTasks:
    """Calls that are made when the response was sent; an argument of handlers and dependencies.

    They are made one after the other, in the request's task. One that fails is logged and does not
    keep the others. If the handler fails, or answers with an `HttpError`, none is made.

    The connection's next request waits for them: start a task of your own for what takes long.
    """

    __slots__ = ("_calls", "_request")

    def __init__(self) -> None:
        """Begin without any."""
        self._calls: list[Callable[[], object]] = []
        self._request: Request | None = None

    def add(self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Have ``function`` called with these arguments when the response was sent.

        Raises:
            SignatureError: It is a coroutine function or a generator function.
        """
        require_function(function, "a background task")
        call = functools.partial(function, *args, **kwargs)
        if self._request is None:
            self._calls.append(call)
        else:  # from within a stream: the handler has succeeded already
            self._request.after_response(call)

    def begin(self, request: Request) -> None:
        """Hand the calls over to the request, whose handler has succeeded."""
        self._request = request
        for call in self._calls:
            request.after_response(call)


def with_background(plan: Handler) -> Handler:
    """Return ``plan`` with the calls that are made after its response, if it makes one."""

    def run(request: Request) -> Response:
        tasks = request.state[_KEY] = BackgroundTasks()
        response = plan(request)
        tasks.begin(request)
        return response

    return run


def background_of(request: Request) -> BackgroundTasks:
    """Return the one that `with_background` made for a request."""
    return cast("BackgroundTasks", request.state[_KEY])
