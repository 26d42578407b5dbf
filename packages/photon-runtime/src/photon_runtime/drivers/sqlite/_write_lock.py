"""`WriteLock`: the queue of the writers of one database file.

Theory of operation. SQLite admits one writer per file, and lets the others try again after a
while; the one that tries at the right moment wins. Among the connections of one process this lock
makes a fair queue of it: first come, first served. A connection holds it from its first writing
statement to the end of its transaction. It is an agreement between the connections of this driver,
and SQLite remains the authority: a writer that does not know of the queue, such as another process,
is met by trying again, and only the head of the queue does so.

There is one lock per file (by device and inode) or per shared memory database in a process; tasks
of every hub and threads may use it.

*Other processes* poll, so they would hardly ever meet a moment in which the lock is free, because
it is handed over within microseconds. So a process that has written without a break for
`_LONGEST_STREAK` seconds makes one that is longer than a poll (`pause_due`), and more often when it
has met another process itself in the last seconds. A process cannot know that others wait for it.

*The limit of a wait* counts for each holder: a caller gives up when one holder has had the lock for
the whole timeout, while it waited. A queue that moves is not a deadlock, however long it is.

The steps are those of `photon_runtime.patch.Lock`: every step is one operation of the interpreter,
so a finaliser may release the lock in the middle of any other step.
"""

from __future__ import annotations

import os
import time
from urllib.parse import parse_qs, unquote, urlsplit
from weakref import WeakValueDictionary

import attrs

from ...patch import Waiter, drop_waiter, new_waiter, real_allocate_lock, wake_first

_monotonic = time.monotonic

Key = tuple[object, ...]

_LONGEST_STREAK = 0.25
_LONGEST_CONTENDED_STREAK = 0.025
_CONTENTION = 5.0
_BREAK = 0.002
PAUSE = 0.012
"""Seconds of a break for other processes; longer than `LONGEST_POLL`."""

LONGEST_POLL = 0.003
"""Seconds between two attempts to write to a database that another process has locked.

The process that looks when the file is free writes next, so the wait of an unlucky writer is a
number of looks: with 8 ms, the slowest hundredth beside four busy workers waited for 123 to 146 ms,
with 3 ms for 74 to 94 ms.
"""


@attrs.frozen
class WriteLockStatus:
    """The state of the queue of writers of one database.

    Attributes:
        holder: Name of the task or thread that wrote first in the transaction; ``None`` if no
            connection of this process writes.
        held_for: Seconds since the holder got its turn, zero without one.
        waiting: Number of callers in the queue.
    """

    holder: str | None
    held_for: float
    waiting: int


class WriteLock:
    """Mutual exclusion of the writers of one database; see the module."""

    __slots__ = (
        "__weakref__",
        "_contended_until",
        "_holder",
        "_raw",
        "_since",
        "_streak_began",
        "_waiters",
        "key",
    )

    def __init__(self, key: Key) -> None:
        """Make a lock that is free."""
        self.key = key
        self._raw = real_allocate_lock()
        self._waiters: list[Waiter] = []
        self._holder: str | None = None
        self._since = self._streak_began = self._contended_until = 0.0

    @property
    def status(self) -> WriteLockStatus:
        """The holder and the number of waiters, as they are now."""
        holder = self._holder if self._raw.locked() else None
        held_for = 0.0 if holder is None else _monotonic() - self._since
        return WriteLockStatus(holder, held_for, len(self._waiters))

    def try_acquire(self, name: str) -> bool:
        """Take the lock if it is free."""
        if not self._raw.acquire(False):
            return False
        self._begin(name)
        return True

    def acquire(self, name: str, timeout: float) -> bool:
        """Take the lock, after all callers that came before.

        Args:
            name: Name of the caller, for reports.
            timeout: Seconds that one holder may have the lock, while the caller waits.

        Returns:
            Whether the lock was taken.

        Raises:
            Cancelled: A scope around the task was cancelled; the lock was not taken.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        if self.try_acquire(name):
            return True
        if timeout <= 0:
            return False
        waiter = new_waiter()
        self._waiters.append(waiter)
        if self._raw.acquire(False):
            waiter.claim()
            drop_waiter(self._waiters, waiter)
        elif not self._wait(waiter, timeout):
            return False
        self._begin(name)
        return True

    def release(self) -> None:
        """Free the lock, or hand it to the caller that has waited longest."""
        raw, waiters = self._raw, self._waiters
        self._holder = None
        self._since = _monotonic()
        while not wake_first(self._waiters):
            raw.release()
            # A waiter may have been added between the check of the list and the release.
            if not waiters or not raw.acquire(False):
                return

    def note_contention(self) -> None:
        """Note that another process writes to the database, too."""
        self._contended_until = _monotonic() + _CONTENTION

    def pause_due(self) -> float:
        """Return for how many seconds the holder must wait before it writes, mostly zero."""
        now = self._since
        limit = _LONGEST_CONTENDED_STREAK if now < self._contended_until else _LONGEST_STREAK
        if now - self._streak_began < limit:
            return 0.0
        self._streak_began = now + PAUSE
        return PAUSE

    def _begin(self, name: str) -> None:
        now = _monotonic()
        if now - self._since > _BREAK:  # the lock was free for a while
            self._streak_began = now
        self._holder = name
        self._since = now

    def _wait(self, waiter: Waiter, timeout: float) -> bool:
        """Wait for a turn; return whether the lock was handed over."""
        arrived = _monotonic()
        try:
            while True:
                left = max(arrived, self._since) + timeout - _monotonic()
                if left <= 0:
                    break
                waiter.wait(left, is_external=False)
                if waiter.is_claimed():
                    return True
        except BaseException:
            if waiter.claim():
                drop_waiter(self._waiters, waiter)
            else:
                self.release()
            raise
        if waiter.claim():
            drop_waiter(self._waiters, waiter)
            return False
        return True


# One per database file of the process, because SQLite's own locks are the process's, too.
_locks: WeakValueDictionary[Key, WriteLock] = WeakValueDictionary()
os.register_at_fork(after_in_child=_locks.clear)


def find_write_lock(database: object, *, is_uri: bool) -> WriteLock | None:
    """Return the lock of a database that was just opened, ``None`` for a private one.

    Args:
        database: The name of the database, as `sqlite3.connect` takes it.
        is_uri: True if a name that begins with ``file:`` is a URI.
    """
    key = _key_of(os.fsdecode(database), is_uri)  # type: ignore[arg-type]  # a path
    if key is None:
        return None
    # One operation each: another thread may look the same key up.
    return _locks.get(key) or _locks.setdefault(key, WriteLock(key))


def _key_of(name: str, is_uri: bool) -> Key | None:
    path = name
    if is_uri and name.startswith("file:"):
        parts = urlsplit(name)
        query = parse_qs(parts.query)
        path = unquote(parts.path)
        if query.get("mode") == ["memory"] or path == ":memory:":
            return ("memory", path) if query.get("cache") == ["shared"] else None
    if path in ("", ":memory:"):
        return None
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # it was removed, or belongs to another VFS
        return ("path", os.path.abspath(path))
    return (status.st_dev, status.st_ino)


def write_locks() -> list[WriteLock]:
    """Return the locks of all databases that are open in this process."""
    return list(_locks.values())
