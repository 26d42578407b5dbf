"""Setting signal handlers and waiting for signals.

Theory of operation. How a handler is called is explained in `_delivery`, and the time limits of
tasks in `_alarm`. SIGALRM is the signal of those limits, so a task that is not the program's main
thread sets its handler for itself only: twenty requests may use `signal.alarm` at once, and each
puts back what it has found.

The handlers by which a service is stopped and inspected stay in place: a handler that an
application sets for one of their signals is called after them. It is logged, once for each signal.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from . import _saved
from ._alarm import Alarms
from ._delivery import Beside, Delivery, count_of, unwrapped
from ._descriptors import Patience
from ._running import hub_of, running_task

_log = logging.getLogger("photon.runtime")
_real_sigtimedwait = getattr(signal, "sigtimedwait", None)
_real_sigwait = getattr(signal, "sigwait", None)
_real_sigwaitinfo = getattr(signal, "sigwaitinfo", None)
_real_pause = getattr(signal, "pause", None)
_real_pthread_kill = getattr(signal, "pthread_kill", None)
_PHOTON = frozenset({"photon", "photon_cli", "photon_runtime", "photon_tasks"})


class Handlers:
    """The handlers that were set under the patch."""

    def __init__(self, alarms: Alarms) -> None:
        """Begin without handlers."""
        self._alarms = alarms
        self._warned: set[int] = set()

    def set_signal(self, signalnum: int, handler: Any, /) -> Any:
        """Set the handler of a signal; see `signal.signal`."""
        if signalnum == signal.SIGALRM:
            owner = self._alarms.owner()
            if owner is not None:
                return self._alarms.set_handler(owner, handler)
            if self._alarms.is_in_use:
                return self._alarms.set_handler(None, _delivered(handler))
        before = _saved.get_signal(signalnum)
        if _is_photon(sys._getframe(2).f_globals.get("__name__")):
            return unwrapped(_saved.set_signal(signalnum, _delivered(handler)))
        own: Any = before.own if isinstance(before, Beside) else before
        if not isinstance(own, Delivery) and _is_photon(getattr(own, "__module__", None)):
            if handler is own:
                return unwrapped(_saved.set_signal(signalnum, own))
            beside = Beside(own, _delivered(handler))
            _saved.set_signal(signalnum, beside)
            self._warn(signalnum, handler)
            return unwrapped(before)
        return unwrapped(_saved.set_signal(signalnum, _delivered(handler)))

    def get_signal(self, signalnum: int, /) -> Any:
        """Return the handler of a signal; see `signal.getsignal`."""
        if signalnum == signal.SIGALRM:
            return self._alarms.handler(self._alarms.owner())
        return unwrapped(_saved.get_signal(signalnum))

    def _warn(self, signalnum: int, handler: object) -> None:
        if signalnum not in self._warned:
            self._warned.add(signalnum)
            _log.warning(
                "%r does not replace the handler of %s, by which this service is controlled: it "
                "is called after it",
                handler,
                signal.Signals(signalnum).name,
            )


def of_handlers() -> dict[str, object]:
    """Return the functions of `signal` that set handlers and timers; those of a module."""
    alarms = Alarms()
    handlers = Handlers(alarms)
    os.register_at_fork(after_in_child=alarms.forget)

    def set_signal(signalnum: int, handler: Any, /) -> Any:
        return handlers.set_signal(signalnum, handler)

    def get_signal(signalnum: int, /) -> Any:
        return handlers.get_signal(signalnum)

    def alarm(seconds: int, /) -> int:
        return alarms.alarm(seconds)

    def setitimer(which: int, seconds: float, interval: float = 0.0, /) -> Any:
        return alarms.setitimer(which, seconds, interval)

    def getitimer(which: int, /) -> Any:
        return alarms.getitimer(which)

    functions = (set_signal, get_signal, alarm, setitimer, getitimer)
    names = ("signal", "getsignal", "alarm", "setitimer", "getitimer")
    for name, function in zip(names, functions, strict=True):
        function.__doc__ = getattr(signal, name).__doc__
    return dict(zip(names, functions, strict=True))


def _delivered(handler: Any) -> Any:
    """Return what the interpreter is to call in place of ``handler``."""
    task = running_task()
    if not callable(handler) or isinstance(handler, signal.Handlers):
        return handler
    if _is_photon(getattr(handler, "__module__", None)):
        return handler
    if task is None and handler is signal.default_int_handler:
        return handler
    return Delivery(handler, task)


def _is_photon(module: object) -> bool:
    """Return whether ``module`` is one of Photon's own, whose handlers may be called anywhere."""
    return isinstance(module, str) and module.partition(".")[0] in _PHOTON


def pause() -> None:
    """Wait until a signal was handled. Blocks: the calling task."""
    task = running_task()
    if task is None:
        _original(_real_pause)()
        return
    count = count_of(hub_of(task))
    seen = count.handled
    patience = Patience()
    while count.handled == seen:
        patience.pause()


def sigtimedwait(sigset: Iterable[int], timeout: float, /) -> Any:
    """Wait for a blocked signal; see `signal.sigtimedwait`. Blocks: the calling task."""
    if running_task() is None:
        return _original(_real_sigtimedwait)(sigset, timeout)
    if timeout < 0:
        raise ValueError("timeout must be non-negative")
    return _await_signal(list(sigset), time.monotonic() + timeout)


def sigwaitinfo(sigset: Iterable[int], /) -> Any:
    """Wait for a blocked signal; see `signal.sigwaitinfo`. Blocks: the calling task."""
    if running_task() is None:
        return _original(_real_sigwaitinfo)(sigset)
    return _await_signal(list(sigset), None)


def sigwait(sigset: Iterable[int], /) -> Any:
    """Wait for a blocked signal; see `signal.sigwait`. Blocks: the calling task."""
    if running_task() is None:
        return _original(_real_sigwait)(sigset)
    return signal.Signals(_await_signal(list(sigset), None).si_signo)


def _await_signal(sigset: list[int], expires: float | None) -> Any:
    look = _original(_real_sigtimedwait)
    patience = Patience()
    while (found := look(sigset, 0)) is None:
        left = None if expires is None else expires - time.monotonic()
        if left is not None and left <= 0:
            return None
        patience.pause(left)
    return found


def pthread_kill(thread_id: int, signalnum: int, /) -> None:
    """Send a signal to a thread; for a task, to the thread of its hub."""
    task = running_task()
    if task is not None and any(id(other) == thread_id for other in hub_of(task).tasks):
        thread_id = _saved.get_ident()
    _original(_real_pthread_kill)(thread_id, signalnum)


def _original(function: Callable[..., Any] | None) -> Callable[..., Any]:
    if function is None:
        raise NotImplementedError("this operating system has no such call")
    return function
