"""Signal handlers that belong to the first task, and waiting for signals.

Theory of operation. The interpreter runs a handler wherever the main thread happens to be: in any
task, or in the hub itself, where waiting is impossible and an exception would reach unrelated code.
Under the patch a handler that was set in a task runs immediately only in the hub's main task, which
is the program's main thread. Elsewhere it gets a task of its own; an exception that it raises (a
KeyboardInterrupt, a timeout of the program's own) is raised in the main task, out of its current
wait, as the main thread's blocking call would have been interrupted.

A second Ctrl-C that arrives while the first has not been delivered is raised in the running code: a
task does not let the others run, and the user wants to stop it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from greenlet import getcurrent

from .._hub import Hub
from .._pooled_greenlet import PooledGreenlet
from .._run import new_task
from .._task import Task
from . import _saved
from ._descriptors import Patience
from ._running import hub_of, running_task

Handler = Callable[[int, FrameType | None], Any]
_real_sigtimedwait = getattr(signal, "sigtimedwait", None)
_real_sigwait = getattr(signal, "sigwait", None)
_real_sigwaitinfo = getattr(signal, "sigwaitinfo", None)
_real_pause = getattr(signal, "pause", None)
_real_pthread_kill = getattr(signal, "pthread_kill", None)


class _Delivery:
    """A handler, and the way it is called."""

    def __init__(self, handler: Handler, hub: Hub) -> None:
        self.handler = handler
        self._hub = hub
        self._undelivered = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        hub, current = self._hub, getcurrent()
        main = hub.main
        is_here = current is hub.greenlet or isinstance(current, PooledGreenlet)
        if main is None or main.done or not is_here or current is main.greenlet:
            _note(hub)
            self.handler(number, frame)
        elif self._undelivered and current is not hub.greenlet and number == signal.SIGINT:
            self.handler(number, frame)
        else:
            self._undelivered += 1
            hub.post(lambda: self._spawn(main, number, frame))

    def _spawn(self, main: Task[object], number: int, frame: FrameType | None) -> None:
        def run() -> None:
            self._undelivered -= 1
            try:
                self.handler(number, frame)
            except BaseException as error:
                _raise_in(main, error)
            finally:
                _note(self._hub)

        task = new_task(self._hub, run, self.handler)
        task.name = f"handler of {signal.Signals(number).name}"
        self._hub.spawn(task)


def _raise_in(main: Task[object], error: BaseException) -> None:
    """Raise ``error`` out of the wait of ``main``, at its next one if it runs."""
    hub = hub_of(main)
    if not main.done and not main.interrupt(error):
        hub.post(lambda: _raise_in(main, error))


class _Count:
    """Number of signals that were handled, for `pause`."""

    def __init__(self) -> None:
        self.handled = 0


def _count(hub: Hub) -> _Count:
    found = hub.resources.get(_Count)
    if not isinstance(found, _Count):
        found = hub.resources[_Count] = _Count()
    return found


def _note(hub: Hub) -> None:
    _count(hub).handled += 1


def set_signal(signalnum: int, handler: Any, /) -> Any:
    """Set the handler of a signal; see `signal.signal`."""
    task = running_task()
    if task is not None and callable(handler) and not isinstance(handler, int):
        before = _saved.set_signal(signalnum, _Delivery(handler, hub_of(task)))
    else:
        before = _saved.set_signal(signalnum, handler)
    return _unwrapped(before)


def get_signal(signalnum: int, /) -> Any:
    """Return the handler of a signal; see `signal.getsignal`."""
    return _unwrapped(_saved.get_signal(signalnum))


def _unwrapped(handler: Any) -> Any:
    return handler.handler if isinstance(handler, _Delivery) else handler


def pause() -> None:
    """Wait until a signal was handled. Blocks: the calling task."""
    task = running_task()
    if task is None:
        _original(_real_pause)()
        return
    count = _count(hub_of(task))
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
