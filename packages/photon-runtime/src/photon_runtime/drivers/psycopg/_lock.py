"""`ConnectionLock`: the lock by which tasks and threads share one connection.

psycopg guards each connection with a `threading.Lock`. Unpatched, a task that waits for one blocks
the thread in which the holder would have to run: a deadlock. This lock pauses tasks and blocks
threads.

It is deliberately not reentrant. A task that uses the connection inside of its own ``notifies()``
or ``stream()`` loop would lose notifications, or mix two results; with plain psycopg it waits for
itself for ever. This lock raises an error instead.
"""

from __future__ import annotations

from types import TracebackType

import psycopg

from ...patch import Lock, get_ident


class ConnectionLock(Lock):
    """Mutual exclusion for tasks of any hub and for threads; refuses to wait for itself."""

    __slots__ = ("_holder",)

    def __init__(self) -> None:
        """Make a lock that is free."""
        super().__init__()
        self._holder: int | None = None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock.

        Raises:
            psycopg.OperationalError: The caller holds the lock itself, and would wait for ever.
            Cancelled: A scope around the task was cancelled; the lock was not taken.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        caller = get_ident()
        if blocking and timeout < 0 and self._holder == caller and self.locked():
            raise psycopg.OperationalError(
                "this task uses the connection already, in a loop over notifies(), stream() or in "
                "a copy() block: end that first, or use another connection"
            )
        taken = super().acquire(blocking, timeout)
        if taken:
            self._holder = caller
        return taken

    def release(self) -> None:
        """Free the lock, or hand it to the caller that has waited longest."""
        self._holder = None
        super().release()

    def __enter__(self) -> bool:
        """Take the lock; see `acquire`."""
        if self._raw.acquire(False):
            self._holder = get_ident()
            return True
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Free the lock."""
        self._holder = None
        super().release()
