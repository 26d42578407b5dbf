"""Handles by which threads are joined.

Before Python 3.13 a thread object has a lock that is held for as long as the thread lives, and
joining takes and releases that lock: see ``set_sentinel`` in `_thread`. Those who have released it
check that it is free; so here it is a `Sentinel`, which is not handed from one waiter to the next.
Since 3.13 a thread has a handle, which here holds a `Gate`: a lock that stays open for all callers
once it is released, since a thread ends only once. The main thread has a gate in any version,
because it is declared ended while it is still running.
"""

from __future__ import annotations

import time

from ._lock import Lock, check_timeout
from ._running import get_ident
from ._waiter import drop_waiter, new_waiter, wake_first


class Sentinel(Lock):
    """A lock that is free after its release: the waiter that is woken has to take it."""

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; see `threading.Lock.acquire`."""
        expires = None if timeout == -1 else time.monotonic() + check_timeout(blocking, timeout)
        while not self._raw.acquire(False):
            left = None if expires is None else expires - time.monotonic()
            if not blocking or (left is not None and left <= 0):
                return False
            self._wait_for_release(left)
        return True

    def __enter__(self) -> bool:
        """Take the lock."""
        return self.acquire()

    def release(self) -> None:
        """Free the lock, and wake the first waiter."""
        self._raw.release()
        wake_first(self._waiters)

    def _wait_for_release(self, timeout: float | None) -> None:
        waiter = new_waiter()
        self._waiters.append(waiter)
        try:
            if self._raw.locked():
                waiter.wait(timeout)
        except BaseException:
            if not waiter.claim() and not self._raw.locked():
                wake_first(self._waiters)  # it was woken, and does not take the lock
            raise
        finally:
            waiter.claim()
            drop_waiter(self._waiters, waiter)


class Gate(Lock):
    """A lock whose release is final: all current and later callers acquire it at once."""

    __slots__ = ("_is_open",)

    def __init__(self) -> None:
        """Make a gate; it is shut by `acquire`."""
        super().__init__()
        self._is_open = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Shut the gate, or wait until it is open."""
        return self._is_open or super().acquire(blocking, timeout)

    def release(self) -> None:
        """Open the gate. Does nothing if it is open."""
        if not self._is_open:
            self._is_open = True
            if self._raw.locked():
                self._raw.release()
            while wake_first(self._waiters):
                pass

    def locked(self) -> bool:
        """Return whether the gate is shut."""
        return not self._is_open and super().locked()

    def _is_free(self) -> bool:
        return self._is_open or super()._is_free()

    def _at_fork_reinit(self) -> None:
        super()._at_fork_reinit()
        self._is_open = False


class ThreadHandle:
    """The replacement of `_thread._ThreadHandle`.

    Attributes:
        ident: Number of the thread, 0 before it was started.
        life: Gate that is shut while the thread lives.
    """

    __slots__ = ("__weakref__", "_is_started", "ident", "life")

    def __init__(self) -> None:
        """Make the handle of a thread that is not started."""
        self.ident = 0
        self.life = Gate()
        self._is_started = False

    @classmethod
    def of_running(cls, ident: int) -> ThreadHandle:
        """Return the handle of a thread that runs already."""
        handle = cls()
        handle.begin()
        handle.ident = ident
        return handle

    def begin(self) -> None:
        """Note that the thread is started.

        Raises:
            RuntimeError: It was started before.
        """
        if self._is_started:
            raise RuntimeError("thread already started")
        self._is_started = True
        self.life.acquire()

    def is_done(self) -> bool:
        """Return whether the thread has ended."""
        return self._is_started and not self.life.locked()

    def join(self, timeout: float | None = None, /) -> None:
        """Wait for the end of the thread. Blocks: the calling task or thread."""
        if not self._is_started:
            raise RuntimeError("thread not started")
        if self.is_done():
            return
        if self.ident == get_ident():
            raise RuntimeError("Cannot join current thread")
        self.life.acquire(timeout=-1 if timeout is None or timeout < 0 else timeout)

    def _set_done(self) -> None:
        self.life.release()
