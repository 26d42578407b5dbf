"""Waits that any thread may end: the basis of the patched locks and queues.

Theory of operation. A waiter is one wait of one caller: a task parks, a thread without a hub
blocks on a real lock of its own. It can be *claimed* exactly once, by the code that grants the
resource or by the waiter itself when it gives up; the claim is a single operation of the
interpreter, so it does not need a lock and may be made by any thread, by a signal handler and by a
finaliser. The code that claimed a waiter then wakes it. A waiter that gives up but is already
claimed has been granted the resource, and must take it or pass it on, so that it is not lost.

The main thread between two runs blocks as well, but the threads that the last run has left continue
meanwhile: one of them may have to end the wait.

A wake-up from another thread goes through `Hub.post`. So does one whose task is not parked yet,
for example from a finaliser that ran just before parking; it is delivered only to the wait it
belongs to.
"""

from __future__ import annotations

from typing import Protocol

from greenlet import getcurrent

from .._paused_hub import has_paused, take_paused
from .._pooled_greenlet import current_task
from .._run import run_in
from .._task import Task
from . import _saved
from ._running import hub_of, running_task


class Waiter(Protocol):
    """One wait of a task or of a thread."""

    def claim(self) -> bool:
        """Return whether the caller is the first to claim."""

    def is_claimed(self) -> bool:
        """Return whether it was claimed."""

    def wake(self) -> None:
        """Let the waiter continue. Called by the code that claimed it, from any thread."""

    def wait(self, timeout: float | None, *, is_external: bool = True) -> None:
        """Pause until `wake`, ``timeout`` seconds at the most.

        Args:
            timeout: Seconds; ``None`` for as long as it takes.
            is_external: False if a virtual clock may advance meanwhile. It needs a timeout.
        """


def new_waiter() -> Waiter:
    """Return a waiter for the caller: the running task, or the thread."""
    task = running_task()
    if task is not None:
        return _TaskWaiter(task)
    return _MainWaiter() if has_paused() else _ThreadWaiter()


def wake_first(waiters: list[Waiter]) -> bool:
    """Wake the first waiter that still waits, and remove those before it; return whether one did.

    Every step is one operation of the interpreter, so any thread or finaliser may call it.
    """
    while waiters:
        try:
            waiter = waiters.pop(0)
        except IndexError:
            break
        if waiter.claim():
            waiter.wake()
            return True
    return False


def drop_waiter(waiters: list[Waiter], waiter: Waiter) -> None:
    """Remove a waiter that has given up."""
    try:
        waiters.remove(waiter)
    except ValueError:  # `wake_first` has removed it already
        pass


class _Claim:
    """A claim that succeeds once."""

    __slots__ = ("_token",)

    def __init__(self) -> None:
        self._token = [None]

    def claim(self) -> bool:
        try:
            self._token.pop()
        except IndexError:
            return False
        return True

    def is_claimed(self) -> bool:
        return not self._token


class _ThreadWaiter(_Claim):
    """A thread that blocks."""

    __slots__ = ("_bell",)

    def __init__(self) -> None:
        super().__init__()
        self._bell = _saved.allocate_lock()
        self._bell.acquire()

    def wake(self) -> None:
        self._bell.release()

    def wait(self, timeout: float | None, *, is_external: bool = True) -> None:
        self._bell.acquire(True, -1 if timeout is None else timeout)


class _MainWaiter(_ThreadWaiter):
    """The main thread between two runs: the threads of its paused hub run while it waits."""

    __slots__ = ("_in_hub",)

    def __init__(self) -> None:
        super().__init__()
        self._in_hub: _TaskWaiter | None = None

    def wake(self) -> None:
        super().wake()
        if self._in_hub is not None:
            self._in_hub.wake()

    def wait(self, timeout: float | None, *, is_external: bool = True) -> None:
        hub = take_paused()
        if hub is None:
            super().wait(timeout)
        else:
            run_in(hub, lambda: self._wait_in_hub(timeout), self._wait_in_hub)

    def _wait_in_hub(self, timeout: float | None) -> None:
        self._in_hub = waiter = _TaskWaiter(current_task())
        if not self.is_claimed():
            waiter.wait(timeout)


class _TaskWaiter(_Claim):
    """A task that parks."""

    __slots__ = ("_hub", "_task", "_thread", "_waits")

    def __init__(self, task: Task[object]) -> None:
        super().__init__()
        self._task = task
        self._hub = hub_of(task)
        self._thread = _saved.get_ident()
        self._waits = False

    def wake(self) -> None:
        is_near = _saved.get_ident() == self._thread and getcurrent() is not self._hub.greenlet
        if not (is_near and self._waits and self._task.unpark()):
            self._hub.post(self._deliver)

    def wait(self, timeout: float | None, *, is_external: bool = True) -> None:
        hub = self._hub
        is_external = is_external and not hub.is_alone
        hub.pending_external += is_external  # another thread may end this wait: not a deadlock
        self._waits = True
        try:
            if self._token:
                self._task.park_for(timeout)
        finally:
            self._waits = False
            hub.pending_external -= is_external

    def _deliver(self) -> None:
        if self._waits:
            self._task.unpark()
