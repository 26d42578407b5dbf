"""Locks that tasks of any hub and real threads may share.

Theory of operation. `Lock` is a real lock, which is only ever tried without waiting, and a list of
waiters. A caller that cannot acquire the lock puts a waiter on the list, tries once more (the lock
may have been released in between) and waits. `Lock.release` does not free a lock that has waiters
but hands it to the first of them, so no caller can overtake another, and a task that releases and
acquires again at once cannot starve the others. Every step is one operation of the interpreter and
no step leaves a state in which another thread, a signal handler or a finaliser would have to wait.

The methods that `threading.Condition` looks up (``_release_save`` and so on) acquire the lock again
even in a task that is being cancelled: the caller's ``with`` is going to release it.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import NoReturn

from .._scope import shield
from ..errors import Cancelled
from . import _saved
from ._running import get_ident, running_task
from ._waiter import Waiter, drop_waiter, new_waiter, wake_first

_TIMEOUT_MAX = 9223372036.0  # `threading.TIMEOUT_MAX`


class Lock:
    """The replacement of `threading.Lock`."""

    __slots__ = ("__weakref__", "_raw", "_waiters")
    __module__ = "_thread"  # module of the standard class, for readers of the repr

    def __init__(self) -> None:
        """Make a lock that is free."""
        self._raw = _saved.allocate_lock()
        self._waiters: list[Waiter] = []

    def __repr__(self) -> str:
        """Show the state."""
        return _described(self, "locked" if self.locked() else "unlocked")

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; see `threading.Lock.acquire`.

        Raises:
            Cancelled: A scope around the task was cancelled; the lock was not acquired.

        Blocks: the calling task, or the calling thread where there is no hub.
        """
        if timeout == -1:
            return self._raw.acquire(False) or (bool(blocking) and self._wait(None))
        checked = check_timeout(blocking, timeout)
        return self._raw.acquire(False) or (timeout > 0 and self._wait(checked))

    def release(self) -> None:
        """Free the lock, or hand it to the caller that has waited longest.

        Raises:
            RuntimeError: The lock is not held.
        """
        raw, waiters = self._raw, self._waiters
        if not raw.locked():
            raise RuntimeError("release unlocked lock")
        while not (waiters and wake_first(self._waiters)):
            raw.release()
            # A waiter may have been added between the check of the list and the release.
            if not waiters or not raw.acquire(False):
                return

    def locked(self) -> bool:
        """Return whether the lock is held."""
        return self._raw.locked()

    def __enter__(self) -> bool:
        """Take the lock."""
        return self._raw.acquire(False) or self._wait(None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Free the lock."""
        self.release()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def _wait(self, timeout: float | None) -> bool:
        waiter = new_waiter()
        self._waiters.append(waiter)
        if self._is_free():
            waiter.claim()
            drop_waiter(self._waiters, waiter)
            return True
        try:
            waiter.wait(timeout)
        except BaseException as error:
            if waiter.claim():
                drop_waiter(self._waiters, waiter)
            elif not self._accepts_in_spite_of(error):
                self.release()
            else:
                return True
            raise
        if waiter.claim():
            drop_waiter(self._waiters, waiter)
            return False
        return True

    def _accepts_in_spite_of(self, error: BaseException) -> bool:
        """Return whether a waiter keeps the lock that it got after its wait had been ended."""
        return False

    def _is_free(self) -> bool:
        """Take the lock if it has become free since the caller's waiter was added."""
        return self._raw.acquire(False)

    def __getstate__(self) -> NoReturn:
        """Refuse to be copied or pickled, as the standard one does."""
        raise TypeError("cannot pickle '_thread.lock' object")

    def _at_fork_reinit(self) -> None:
        self._raw = _saved.allocate_lock()
        self._waiters = []

    def _release_save(self) -> None:
        self.release()

    def _acquire_restore(self, _: object) -> None:
        acquire_surely(self)


Lock.__name__ = "lock"
# Pickles refer to it by the name that `threading.Lock` has in this version of Python, so that
# another process finds its own, patched or not.
Lock.__qualname__ = "lock" if sys.version_info >= (3, 13) else "allocate_lock"


class Notification(Lock):
    """The lock that one waiter of a `threading.Condition` waits for.

    Its release is a notification, which another waiter cannot get in its place. So a waiter that
    is cancelled and then notified, before it runs again, returns; the cancellation takes effect at
    its next wait.
    """

    __slots__ = ()
    __module__ = "_thread"

    def _accepts_in_spite_of(self, error: BaseException) -> bool:
        return isinstance(error, Cancelled)


class RLock:
    """The replacement of `threading.RLock`: its holder may acquire it again."""

    __slots__ = ("__weakref__", "_block", "_count", "_owner")
    __module__ = "_thread"  # module of the standard class, for readers of the repr

    def __init__(self) -> None:
        """Make a lock that is free."""
        self._block = Lock()
        self._owner: int | None = None
        self._count = 0

    def __repr__(self) -> str:
        """Show the state, the holder and how often he has taken it."""
        state = "locked" if self._block.locked() else "unlocked"
        return _described(self, state, f" owner={self._owner or 0} count={self._count}")

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, once more if the caller holds it; see `threading.RLock.acquire`.

        Raises:
            Cancelled: A scope around the task was cancelled; the lock was not acquired.

        Blocks: the calling task, or the calling thread where there is no hub.
        """
        me = get_ident()
        if self._owner == me:
            self._count += 1
            return True
        if not self._block.acquire(blocking, timeout):
            return False
        self._owner = me
        self._count = 1
        return True

    def release(self) -> None:
        """Undo one `acquire`; the last one frees the lock.

        Raises:
            RuntimeError: The caller does not hold the lock.
        """
        if self._owner != get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._block.release()

    def __enter__(self) -> bool:
        """Take the lock."""
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Undo one `acquire`."""
        self.release()

    def __getstate__(self) -> NoReturn:
        """Refuse to be copied or pickled, as the standard one does; a subclass may allow it."""
        raise TypeError("cannot pickle '_thread.RLock' object")

    def _is_owned(self) -> bool:
        return self._owner == get_ident()

    def _is_held_by_another(self) -> bool:
        return self._block.locked() and not self._is_owned()

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0

    def _release_save(self) -> tuple[int, int | None]:
        if not self._count:
            raise RuntimeError("cannot release un-acquired lock")
        state = (self._count, self._owner)
        self._count = 0
        self._owner = None
        self._block.release()
        return state

    def _acquire_restore(self, state: tuple[int, int | None]) -> None:
        acquire_surely(self._block)
        self._count, self._owner = state

    def _at_fork_reinit(self) -> None:
        self._block._at_fork_reinit()
        self._owner = None
        self._count = 0


def acquire_surely(lock: Lock) -> None:
    """Take ``lock`` even in a task that is being cancelled."""
    if lock.acquire(False):
        return
    if running_task() is None:
        lock.acquire()
        return
    with shield():
        lock.acquire()


def check_timeout(blocking: bool, timeout: float) -> float:
    """Return the timeout of an ``acquire``, ``None`` for -1; refuse an invalid one."""
    if not blocking:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > _TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return float(timeout)


def _described(lock: object, state: str, more: str = "") -> str:
    kind = type(lock)
    return f"<{state} {kind.__module__}.{kind.__name__} object{more} at {id(lock):#x}>"
