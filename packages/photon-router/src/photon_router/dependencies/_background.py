"""Background tasks: short calls after the response, for which the client does not wait.

`BackgroundTasks` is a provided value like any other: `background_tasks` resumes after the response
was sent, and an error of the handler, or of another dependency that can still fail the request,
ends it before. Work that must not be lost belongs in a durable queue; background tasks are lost
when the process ends.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec

from photon_runtime.callables import require_function, require_value
from photon_runtime.escapes import as_failure
from photon_runtime.http import Request
from photon_runtime.transactions import leave_transactions
from photon_runtime.unattended import call_site, report_error

P = ParamSpec("P")


class BackgroundTasks:
    """Calls that run after the response was sent; an argument of handlers and dependencies.

    They run one after the other, in the task of the request, after the last byte of the response. A
    call that fails is logged with the line that has added it, counted, and does not prevent the
    next; in a test, the client raises its error. If the handler fails, or raises an `HttpError`,
    none of them runs.

    The next request on the connection waits for them: spawn a task of your own for long work.
    """

    __slots__ = ("_calls", "_request")

    def __init__(self) -> None:
        """Begin without calls."""
        self._calls: list[Callable[[], object]] = []
        self._request: Request | None = None

    def add(self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call ``function`` with these arguments after the response was sent.

        Raises:
            SignatureError: It is a coroutine function or a generator function.
        """
        require_function(function, "a background task")
        call = functools.partial(_call, call_site(), functools.partial(function, *args, **kwargs))
        if self._request is None:
            self._calls.append(call)
        else:  # a background task adds another one
            self._request.after_response(call)

    add_task = add
    """The name of `add` in other frameworks."""

    def begin(self, request: Request) -> None:
        """Run the calls, and the calls that they add, one after the other."""
        self._request = request
        for call in self._calls:
            request.after_response(call)


def _call(site: str, call: functools.partial[object]) -> None:
    leave_transactions()
    try:
        require_value(call(), call.func)
    except BaseException as error:
        name = getattr(call.func, "__qualname__", None) or repr(call.func)
        report_error(as_failure(error), name, site, kind="after_response")


def background_tasks(request: Request) -> Iterator[BackgroundTasks]:
    """Provide `BackgroundTasks`; resumed after the response."""
    tasks = BackgroundTasks()
    yield tasks
    tasks.begin(request)
