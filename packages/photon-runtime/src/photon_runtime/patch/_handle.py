"""Handles by which threads are joined.

Before Python 3.13 a thread object has a lock that is held for as long as the thread lives, and
joining takes and releases that lock: see ``set_sentinel`` in `_thread`. Since then it has a handle.
Here both are a `Gate`: a lock that stays open for all callers once it is released, since a thread
ends only once. A lock that is handed from one waiter to the next would not do: callers check that
it is free as soon as they have released it.
"""

from __future__ import annotations

from ._lock import Lock
from ._running import get_ident
from ._waiter import wake_first


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
