"""Work for after the response: small things that the client need not wait for.

`BackgroundTasks` is a provided value like any other: `background_tasks` is resumed after the
response was sent, and an error of the handler, or of another dependency that can still fail the
request, ends it before. Work that must not be lost belongs in a durable queue; this work is gone
when the process is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec

from photon_runtime.callables import require_function
from photon_runtime.http import Request

P = ParamSpec("P")


class BackgroundTasks:
    """Calls that are made after the response was sent; an argument of handlers and dependencies.

    They are made one after the other, in the request's task. A call that fails is logged and does
    not prevent the next. If the handler fails, or answers with an `HttpError`, none is made.

    The connection's next request waits for them: spawn a task of your own for work that takes long.
    """

    __slots__ = ("_calls", "_request")

    def __init__(self) -> None:
        """Begin without calls."""
        self._calls: list[Callable[[], object]] = []
        self._request: Request | None = None

    def add(self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Have ``function`` called with these arguments after the response was sent.

        Raises:
            SignatureError: It is a coroutine function or a generator function.
        """
        require_function(function, "a background task")
        call = functools.partial(function, *args, **kwargs)
        if self._request is None:
            self._calls.append(call)
        else:  # one of the calls adds another
            self._request.after_response(call)

    def begin(self, request: Request) -> None:
        """Make the calls, and those that they add, one after the other."""
        self._request = request
        for call in self._calls:
            request.after_response(call)


def background_tasks(request: Request) -> Iterator[BackgroundTasks]:
    """Provide `BackgroundTasks`; to be resumed after the response."""
    tasks = BackgroundTasks()
    yield tasks
    tasks.begin(request)
