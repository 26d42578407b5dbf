"""Time limits by signals: `signal.alarm` and ``ITIMER_REAL``, one for each task.

Theory of operation. The operating system has one such timer for a process and calls one handler,
wherever the main thread happens to be. Libraries that limit the time of a call use both, and mean
the caller. So under the patch each task of the main thread's hub has a timer and a handler of its
own; the main task has those of the process. The timer of the operating system is set for the
nearest of all. Where the handler of the limit is called depends on what its task does:

- It runs (it computes): at once, in its code, which the exception of the handler then leaves.
- It waits: in a task of its own, and the exception is raised out of the wait.
- It is runnable, or in a `shield`: later. The timer is set again, for a few milliseconds.

A limit is for the call that has set it. It is dropped, and logged, when that call is over
(`_alarm_owner`).

A task that uses its timer without any handler would end the process in plain Python. Here that is
an error of the task.
"""

from __future__ import annotations

import errno
import logging
import math
import operator
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

import attrs

from .._hub import Hub
from .._task import Task
from ..errors import PhotonError
from . import _saved
from ._alarm_owner import Owner
from ._delivery import report, spawn_handler, unwrapped
from ._running import hub_of, running_task

_log = logging.getLogger("photon.runtime")
_SOONEST = 1e-6
_AGAIN = 0.005
_LATEST_AGAIN = 0.05


class AlarmClock(PhotonError):
    """A time limit by a signal has expired, and no handler of SIGALRM is set."""


@attrs.define(eq=False)
class _Timer:
    """A timer of one task, or of the process, whose ``owner`` is ``None``."""

    owner: Owner | None
    due: float
    interval: float


@attrs.define(eq=False)
class _Strike:
    """An expired timer whose handler is to be called for its task.

    Attributes:
        due: Time at which to try again, infinite while the handler runs in a task of its own.
        again: Seconds to the time after that.
        error: What the handler has raised there.
    """

    owner: Owner
    hub: Hub
    due: float = 0.0
    again: float = _AGAIN
    error: BaseException | None = None


class Alarms:
    """The timers and handlers of the tasks of the main thread.

    Attributes:
        is_in_use: Whether the signal is handled here; not before the first task has set a timer.
    """

    def __init__(self) -> None:
        """Begin without timers."""
        self.is_in_use = False
        self._main_ident = threading.main_thread().ident
        self._timers: dict[Task[object] | None, _Timer] = {}
        self._strikes: dict[Task[object], _Strike] = {}
        self._handlers: weakref.WeakKeyDictionary[Task[object], tuple[Owner, Any]] = (
            weakref.WeakKeyDictionary()
        )
        self._acting: weakref.WeakKeyDictionary[Task[object], Owner] = weakref.WeakKeyDictionary()
        self._of_process: Any = signal.SIG_DFL

    def owner(self) -> Owner | None:
        """Return the owner of what the caller sets now; ``None`` for the process."""
        task = running_task()
        if task is None or task is hub_of(task).main or _saved.get_ident() != self._main_ident:
            return None
        acting = self._acting.get(task)
        return Owner.of(task) if acting is None else acting

    # -- handlers -----------------------------------------------------------------------------

    def set_handler(self, owner: Owner | None, handler: Any) -> Any:
        """Set the handler of SIGALRM for ``owner``; return the one before."""
        if not callable(handler):
            try:
                handler = signal.Handlers(handler)
            except (ValueError, TypeError):
                raise TypeError(
                    "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object"
                ) from None
        before = self.handler(owner)
        task = None if owner is None else owner.task()
        if owner is None or task is None:
            self._of_process = handler
        elif handler is self.handler(None):
            self._handlers.pop(task, None)
        else:
            self._handlers[task] = owner, handler
        return before

    def handler(self, owner: Owner | None) -> Any:
        """Return the handler of SIGALRM that ``owner`` sees."""
        task = None if owner is None else owner.task()
        if task is not None and (found := self._handlers.get(task)) is not None:
            of, handler = found
            if of.living() is not None:
                return handler
        return unwrapped(self._of_process if self.is_in_use else _saved.get_signal(signal.SIGALRM))

    # -- timers -------------------------------------------------------------------------------

    def alarm(self, seconds: int, /) -> int:
        """Set the timer in whole seconds; see `signal.alarm`."""
        owner = self.owner()
        if owner is None and not self.is_in_use:
            return _saved.alarm(seconds)
        return math.ceil(self._set(owner, float(operator.index(seconds)), 0.0)[0])

    def setitimer(self, which: int, seconds: float, interval: float = 0.0, /) -> Any:
        """Set a timer; see `signal.setitimer`.

        Raises:
            RuntimeError: It counts the time of the processor, which is that of all tasks.
        """
        owner = self.owner()
        if which != signal.ITIMER_REAL:
            if seconds and owner is not None:
                raise RuntimeError(
                    "ITIMER_VIRTUAL and ITIMER_PROF count the processor time of the process, "
                    "which all coroutines share: limit the time of a call with "
                    "photon_runtime.deadline(), signal.alarm() or ITIMER_REAL"
                )
            return _saved.setitimer(which, seconds, interval)
        if owner is None and not self.is_in_use:
            return _saved.setitimer(which, seconds, interval)
        return self._set(owner, _checked(seconds), _checked(interval))

    def getitimer(self, which: int, /) -> Any:
        """Return the time that is left, and the interval; see `signal.getitimer`."""
        owner = self.owner()
        if which != signal.ITIMER_REAL or (owner is None and not self.is_in_use):
            return _saved.getitimer(which)
        return _state(self._timers.get(None if owner is None else owner.task()))

    def forget(self) -> None:
        """Forget all timers: a forked child does not inherit them."""
        self._main_ident = _saved.get_ident()
        self._timers.clear()
        self._strikes.clear()

    def _set(self, owner: Owner | None, seconds: float, interval: float) -> tuple[float, float]:
        self._take_over()
        task = None if owner is None else owner.task()
        before = _state(self._timers.get(task))
        self._end_timer(task)
        if task is not None and running_task() is task:  # it is in time, so nothing strikes it
            self._end_strike(task)
        if seconds:
            self._timers[task] = _Timer(owner, time.monotonic() + seconds, interval)
            if task is not None:
                hub_of(task).pending_external += 1  # it may end a wait: not a deadlock
        self._arm()
        return before

    def _take_over(self) -> None:
        """Handle the signal here from now on, with the handler and timer of the process."""
        if self.is_in_use:
            return
        self._of_process = _saved.get_signal(signal.SIGALRM)
        left, interval = _saved.getitimer(signal.ITIMER_REAL)
        if left:
            self._timers[None] = _Timer(None, time.monotonic() + left, interval)
        self.is_in_use = True
        _saved.set_signal(signal.SIGALRM, self._expire)

    def _end_timer(self, task: Task[object] | None) -> None:
        if self._timers.pop(task, None) is not None and task is not None:
            hub_of(task).pending_external -= 1

    def _end_strike(self, task: Task[object]) -> None:
        strike = self._strikes.pop(task, None)
        if strike is not None:
            strike.hub.pending_external -= 1

    def _arm(self) -> None:
        # The signal may arrive meanwhile and change both: copy them by one call in C.
        dues = [timer.due for timer in tuple(self._timers.values())]
        dues += [strike.due for strike in tuple(self._strikes.values())]
        due = min(dues, default=math.inf)
        left = 0.0 if due == math.inf else max(_SOONEST, due - time.monotonic())
        _saved.setitimer(signal.ITIMER_REAL, left, 0.0)

    # -- expiry -------------------------------------------------------------------------------

    def _expire(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal: call handlers, or have them called; last the one of the caller."""
        now = time.monotonic()
        is_of_process = not (self._timers or self._strikes)
        for task, timer in list(self._timers.items()):
            if timer.due <= now:
                if timer.owner is None or task is None:
                    is_of_process = True
                elif task not in self._strikes:
                    hub = hub_of(task)
                    self._strikes[task] = _Strike(timer.owner, hub)
                    hub.pending_external += 1
                if timer.interval:
                    timer.due = now + timer.interval
                else:
                    self._end_timer(task)
        last = self._deliver(now, frame)
        self._arm()
        try:
            if is_of_process and callable(self._of_process):
                self._of_process(number, frame)
        finally:
            if last is not None:
                last()

    def _deliver(self, now: float, frame: FrameType | None) -> Callable[[], object] | None:
        """Deliver what can be delivered now; return the call that the running task is to make."""
        last = None
        for task, strike in list(self._strikes.items()):
            if strike.due <= now:
                last = self._strike(task, strike, now, frame) or last
        return last

    def _strike(
        self, task: Task[object], strike: _Strike, now: float, frame: FrameType | None
    ) -> Callable[[], object] | None:
        is_running = running_task() is task
        pooled = task.greenlet
        stack = frame if is_running else None if pooled is None else pooled.gr_frame
        is_inside = strike.owner.is_inside(stack)
        handler, error = self.handler(strike.owner), strike.error
        if strike.owner.living() is None or is_inside is None:
            self._end_strike(task)
            strike.hub.post(lambda: _log_loss(task, handler, error))
        elif handler == signal.SIG_IGN:
            self._end_strike(task)
        elif not is_inside or _is_shielded(task) or not (is_running or task.state == "waiting"):
            strike.due = now + strike.again
            strike.again = min(strike.again * 2, _LATEST_AGAIN)
        elif is_running:
            self._end_strike(task)
            return lambda: _call(handler, error, frame)
        elif error is not None:
            self._end_strike(task)
            task.interrupt(error)
        else:
            strike.due = math.inf
            strike.hub.post(lambda: self._call_apart(task, strike, handler, stack))
        return None

    def _call_apart(
        self, task: Task[object], strike: _Strike, handler: Any, stack: FrameType | None
    ) -> None:
        """Call the handler of a task that waits, in a task of its own."""

        def run() -> None:
            own = running_task()
            if own is None or self._strikes.get(task) is not strike:
                return
            self._acting[own] = strike.owner
            try:
                _call(handler, None, stack)
            except BaseException as error:
                if self._strikes.get(task) is not strike:  # the task was in time meanwhile
                    report(handler, signal.SIGALRM, error)
                    return
                strike.error = error
                now = strike.due = time.monotonic()
                self._strike(task, strike, now, None)
            else:
                self._end_strike(task)
            self._arm()

        if self._strikes.get(task) is strike:
            task.context.copy().run(spawn_handler, strike.hub, run, signal.SIGALRM)


def _call(handler: Any, error: BaseException | None, frame: FrameType | None) -> None:
    """Call a handler, or raise what it has raised before."""
    if error is not None:
        raise error
    if not callable(handler):
        raise AlarmClock(
            "the time limit of signal.alarm() or setitimer() has expired, and no handler of "
            "SIGALRM is set: in plain Python the process would have ended"
        )
    handler(signal.SIGALRM, frame)


def _log_loss(task: Task[object], handler: Any, error: BaseException | None) -> None:
    if error is None:
        _log.warning(
            "a time limit by SIGALRM strikes nothing: the call in %r that has set it is over", task
        )
    else:
        report(handler, signal.SIGALRM, error)


def _state(timer: _Timer | None) -> tuple[float, float]:
    if timer is None:
        return 0.0, 0.0
    return max(_SOONEST, timer.due - time.monotonic()), timer.interval


def _checked(seconds: float) -> float:
    value = float(seconds)
    if value < 0 or not math.isfinite(value):
        raise signal.ItimerError(errno.EINVAL, os.strerror(errno.EINVAL))
    return value


def _is_shielded(task: Task[object]) -> bool:
    """Return whether ``task`` itself has entered a `shield`."""
    scope: Any = task.scope
    while scope is not None and scope._task is task:
        if scope.is_shielded:
            return True
        scope = scope.parent
    return False
