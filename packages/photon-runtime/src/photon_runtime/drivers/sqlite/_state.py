"""`ConnectionState`: what the driver knows of one connection."""

from __future__ import annotations

import _sqlite3
import os
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

from ..._hub import Hub
from ...patch import Lock, real_get_ident
from ._statements import Statement
from ._write_lock import WriteLock

# The process: a child gets another object. Asking for its number would be a system call, and each
# statement would make several.
_PROCESS: list[object] = [object()]
os.register_at_fork(after_in_child=lambda: _PROCESS.append(object()))

SettledCallback = Callable[[bool], object]


class OpenCursor(Protocol):
    """A cursor that has rows to read."""

    @property
    def _photon_is_open(self) -> bool:
        """Whether it still has."""

    def _photon_read_error(self) -> None:
        """Read on, and leave the error to the next fetch."""


class ConnectionState:
    """What the driver knows of one connection.

    Attributes:
        lock: Held by the task or thread that uses the connection; the others wait for it. While an
            interrupted call is cleaned up the clean-up holds it.
        timeout: Seconds to wait for locks of the database.
        sqlite_timeout: The same as SQLite knows it; zero for calls of tasks, which wait in the hub.
        thread: Number of the only thread that may use the connection, ``None`` for all.
        runner: Number of the thread that executes a call now. Callbacks of SQLite run in it and may
            use the connection.
        hub: Hub of the last call of a task.
        write_lock: The queue of the writers of the database; ``None`` for a private database.
        holds_write_lock: True while the connection has the turn in this queue.
        is_writer: True after a writing statement in the current transaction.
        has_read: True after a reading statement in the current transaction, which has a snapshot
            of the database since.
        is_failed: True after a transaction was rolled back that its owner did not roll back yet.
        is_interrupted: True while an interrupted call runs, which should end soon.
        is_lost: True when a call did not end in time after its interruption.
        is_closed: True after `close`.
        unsettled: Number of calls that are being cleaned up or completed in the background.
        settled_callbacks: Functions to call when there are none left.
        open_cursors: Cursors that have rows to read.
        forgotten: Cursors that had rows to read when they were released. The next call closes them.
    """

    __slots__ = (
        "_process",
        "forgotten",
        "has_read",
        "holds_write_lock",
        "hub",
        "is_closed",
        "is_failed",
        "is_interrupted",
        "is_lost",
        "is_writer",
        "lock",
        "open_cursors",
        "runner",
        "settled_callbacks",
        "sqlite_timeout",
        "thread",
        "timeout",
        "unsettled",
        "write_lock",
    )

    def __init__(self, *, timeout: float, sqlite_timeout: float, thread: int | None) -> None:
        """Describe a connection that was just opened."""
        self._process = _PROCESS[-1]
        self.lock = Lock()
        self.timeout = timeout
        self.sqlite_timeout = sqlite_timeout
        self.thread = thread
        self.runner: int | None = None
        self.hub: Hub | None = None
        self.write_lock: WriteLock | None = None
        self.holds_write_lock = self.is_writer = self.has_read = False
        self.is_failed = self.is_interrupted = self.is_lost = self.is_closed = False
        self.unsettled = 0
        self.settled_callbacks: list[SettledCallback] = []
        self.forgotten: list[_sqlite3.Cursor] = []
        self.open_cursors: WeakSet[OpenCursor] = WeakSet()

    @property
    def is_inherited(self) -> bool:
        """Whether the connection was opened before this process was forked."""
        return self._process is not _PROCESS[-1]

    def refuse_foreign_use(self) -> None:
        """Refuse a use by another thread or process.

        Raises:
            sqlite3.ProgrammingError: The connection belongs to another thread or process.
        """
        if self.thread is not None and self.thread != (ident := real_get_ident()):
            if self.runner == ident:
                return
            raise _sqlite3.ProgrammingError(
                "SQLite objects created in a thread can only be used in that same thread. The "
                f"object was created in thread id {self.thread} and this is thread id {ident}."
            )
        if self.is_inherited:
            raise _sqlite3.ProgrammingError(
                "the connection was opened before this process was forked, and a use here could "
                "damage the database: open connections after the fork"
            )

    def refuse_unusable(self, statement: Statement) -> None:
        """Refuse a use after an interruption has left the connection unusable.

        Raises:
            sqlite3.OperationalError: The transaction was rolled back, or the connection is lost.
        """
        if self.is_lost:
            raise _sqlite3.OperationalError(
                "an interrupted statement of this connection did not end in time: use another "
                "connection"
            )
        if self.is_failed and not statement.undoes:
            raise _sqlite3.OperationalError(
                "the transaction was rolled back when one of its statements was interrupted: call "
                "rollback() before the next one"
            )

    def observe(self, statement: Statement, caller: str, *, succeeded: bool) -> None:
        """Note what a call has done to the open transaction."""
        if statement.is_write:
            self.is_writer = self.is_writer or succeeded
            if succeeded and not self.holds_write_lock and self.write_lock is not None:
                # It has written without a turn, because SQLite has let it.
                self.holds_write_lock = self.write_lock.try_acquire(caller)
        elif not statement.is_neutral:
            self.has_read = True

    def take_turn(self, caller: str) -> bool:
        """Wait for the turn among the writers of the database.

        A transaction that has read does not wait: it would keep the holder from its commit.

        Args:
            caller: Name of the task or thread, for reports.

        Returns:
            Whether the caller may go on: ``False`` if one holder had the turn for too long.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        lock = self.write_lock
        if lock is None or self.holds_write_lock:
            return True
        if self.has_read or self.is_writer:
            self.holds_write_lock = lock.try_acquire(caller)
            return True
        self.holds_write_lock = lock.acquire(caller, self.timeout)
        return self.holds_write_lock

    def end_transaction(self) -> None:
        """Note that no transaction is open."""
        self.is_writer = self.has_read = False
        self.release_write_lock()

    def release_write_lock(self) -> None:
        """Let the next writer in, if this connection has the turn."""
        if self.holds_write_lock and self.write_lock is not None:
            self.holds_write_lock = False
            self.write_lock.release()
