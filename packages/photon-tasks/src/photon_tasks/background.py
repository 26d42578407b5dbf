"""`spawn_background`: work of this process that outlives its request.

::

    @app.post("/reports")
    def order_report(report: Json[Report]) -> Accepted:
        spawn_background(warm_up, report.id)
        ...

Theory of operation. It is supervised by the application: the number of such tasks has a limit,
errors are logged with the line that has begun the work, counted, and fail a test; and the
application does not stop before they have ended, for as long as ``[tasks] shutdown_timeout``
allows. Those that do not end are cancelled, and named in the log.

The work begins in a copy of the context of its caller, outside of the caller's transactions: the
session of a request is not its own. It is lost when the process is killed; what must not be lost
is a task.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, final

import photon_runtime as rt
from photon_runtime.callables import require_function
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.escapes import as_failure
from photon_runtime.observability import Meter
from photon_runtime.transactions import leave_transactions
from photon_runtime.unattended import call_site, report_error

from .errors import NoTasks, Overloaded

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("photon.background")
_GRACE = 2.0


def spawn_background(
    function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> rt.Task[T | None]:
    """Call ``function`` in a task of its own, which may live longer than the request.

    Args:
        function: Function to call.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Returns:
        The task. Its result is ``None`` if the function has failed, because the error is reported
        already; a caller that waits for results uses `photon_runtime.spawn`.

    Raises:
        NoTasks: No application is running here, or it has stopped.
        Overloaded: ``[tasks] max_background`` such tasks are running.
        SignatureError: It is a coroutine function or a generator function.
    """
    background = _BACKGROUND.get()
    if background is None:
        raise NoTasks(
            "no application is running here that would supervise background work: call "
            "spawn_background in a handler, a job or a lifespan, or use photon_runtime.spawn"
        )
    return background.spawn(function, *args, **kwargs)


def drain_background() -> None:
    """Wait for the background work of this context; see `Background.drain`. For tests.

    It needs no application.

    Blocks: the calling task.
    """
    background = _BACKGROUND.get()
    if background is not None:
        background.drain()


@final
class Background:
    """The background work of an application.

    Args:
        limit: Maximum number of tasks at the same time.
        timeout: Seconds that they have to end when the application stops.
        meter: Makes the metrics.
    """

    def __init__(self, limit: int, timeout: float, meter: Meter | None = None) -> None:
        """Begin without work."""
        meter = meter or Meter()
        self._limit = limit
        self._timeout = timeout
        self._running: dict[rt.Task[Any], tuple[str, float]] = {}
        self._has_ended = False
        meter.observable_gauge(
            "photon_background_running",
            "Background work that is running.",
            lambda: len(self),
        )
        self._refused = meter.counter(
            "photon_background_refused", "Background work beyond [tasks] max_background."
        )

    def __len__(self) -> int:
        """Return the number of running tasks."""
        # One that is cancelled before its first turn ends without having removed itself.
        for task in [each for each in self._running if each.done]:
            del self._running[task]
        return len(self._running)

    def spawn(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> rt.Task[T | None]:
        """Call ``function`` in a task; see `spawn_background`."""
        require_function(function, "background work")
        if self._has_ended:
            raise NoTasks("the application has stopped: background work would not be waited for")
        if len(self._running) >= self._limit and len(self) >= self._limit:
            self._refused.inc()
            raise Overloaded(
                f"[tasks] max_background = {self._limit} tasks are running in the background: "
                "refuse the request, or make it a job, which can wait"
            )
        name = getattr(function, "__qualname__", None) or repr(function)
        site = call_site()

        def work() -> T | None:
            leave_transactions()
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                report_error(as_failure(error), name, site, kind="spawned")
                return None
            finally:
                self._running.pop(rt.current_task(), None)

        task = rt.spawn(work)
        self._running[task] = (f"{name}, begun at {site}", time.monotonic())
        return task

    @contextmanager
    def current(self) -> Iterator[None]:
        """Let `spawn_background` in the block, and in what it spawns, use this object."""
        token = _BACKGROUND.set(self)
        try:
            yield
        finally:
            with suppress(ValueError):  # the block ends in another context than it began in
                _BACKGROUND.reset(token)

    def drain(self) -> None:
        """Wait until all work has ended; what has not in time is cancelled, and named in the log.

        Work may spawn further work until then.

        Blocks: the calling task, for the timeout and 2 seconds at most.
        """
        if not self:
            return  # an application may also end outside of a hub
        with rt.shield():
            with suppress(DeadlineExceeded), rt.deadline(self._timeout):
                while self:
                    next(iter(self._running)).join()
            left = dict(self._running) if self else {}
            self._has_ended = bool(left)
            for task, (name, begun) in left.items():
                _log.error(
                    "%s, is cancelled after %.1f s, because the application stops and it has not "
                    "ended within %g s",
                    name,
                    time.monotonic() - begun,
                    self._timeout,
                )
                task.cancel()
            with suppress(DeadlineExceeded), rt.deadline(_GRACE):
                for task in left:
                    task.join()
            for name, _ in self._running.values() if self else ():
                _log.error("%s, does not end although it was cancelled: it is left behind", name)


_BACKGROUND: ContextVar[Background | None] = ContextVar("photon_background", default=None)
