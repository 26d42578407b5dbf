"""`SQLiteStore`: rooms over a file, for the workers of one machine.

Theory of operation. Calls that write share one connection, and those that only read another one, in
turn; a call that is interrupted closes its connection, which rolls back. SQLite has one writer for
each file, so positions become visible in their order.

The listener is woken by datagrams of the workers that append (`Wakeups`), and asks the file which
logs have changed since it last looked. Should a wake-up not arrive, because the workers do not see
each other's sockets, it looks once in `_POLL` seconds: that is one ``PRAGMA data_version``.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time
from typing import Any

import photon_runtime as rt
from photon_runtime.drivers import sqlite as driver
from photon_runtime.wakeups import Wakeups, wake

from . import _sqlite_schema as sql
from ._entries import Entry, Record
from ._store import (
    Appended,
    Batch,
    LogPage,
    PresenceChange,
    PresenceTotals,
    Retention,
    StoreListener,
)
from .errors import StoreRefused, StoreUnavailable

_PAGE_BYTES = 4 * 1024 * 1024
_POLL = 1.0
_LOCKED = 5.0
_FORGET_INTERVAL = 3600.0


class SQLiteStore:
    """The logs and the presence of rooms in a file of SQLite; see `RoomStore`.

    Args:
        path: The file, on a disk of this machine; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        """Note the file; nothing is opened."""
        self._path = path.absolute()
        self._writer = _Turns(self._path)
        self._reader = _Turns(self._path)
        self._own_address = ""
        self._gone: list[str] = []
        self._next_forgetting = 0.0
        self._listener: StoreListener | None = None

    # -- life -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make the tables, if they do not exist or are of another version.

        Raises:
            StoreUnavailable: The file is locked by another process.
            StoreRefused: The file cannot be opened, or cannot be written.

        Blocks: the calling task.
        """
        folder = self._path.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise StoreRefused(
                f"[websockets] rooms: {self._path} cannot be made, because its folder does not "
                "exist or cannot be written"
            )
        with self._writer.transaction() as connection:
            connection.execute(sql.MAKE_FACTS)
            if _fact(connection, "version") != sql.VERSION:
                for statement in sql.MAKE:
                    connection.execute(statement)
                connection.execute(sql.SET_FACT, ("version", sql.VERSION))
            run = sql.run_of_machine()
            if _fact(connection, "run") != run:
                for statement in sql.RESTART:
                    connection.execute(statement)
                connection.execute(sql.SET_FACT, ("run", run))

    def close(self) -> None:
        """Close the connections."""
        self._writer.close()
        self._reader.close()

    # -- logs -------------------------------------------------------------------------------------

    def append(self, batches: Sequence[Batch]) -> Sequence[Appended]:
        """Append records to logs, and wake the listeners of the other workers."""
        if not batches:
            return []
        with self._writer.transaction() as connection:
            change = int(_fact(connection, "change")) + 1
            connection.execute(sql.SET_FACT, ("change", change))
            outcomes = [_append(connection, batch, change) for batch in batches]
            for address in self._gone:
                connection.execute(sql.REMOVE_LISTENER, (address,))
            self._gone.clear()
            listeners = [address for [address] in connection.execute(sql.LISTENERS).fetchall()]
        self._gone += wake([each for each in listeners if each != self._own_address])
        return outcomes

    def read(self, room: str, after: int, limit: int) -> LogPage:
        """Return the entries behind a position."""
        with self._reader.connection() as connection:
            rows = connection.execute(sql.READ, (room, after, limit, _PAGE_BYTES, room)).fetchall()
        if not rows:
            now = time()
            with self._writer.transaction() as connection:
                connection.execute(sql.MAKE_LOG, (room, now, now + sql.FORGET_AFTER))
            return self.read(room, after, limit)
        epoch, last = rows[0][:2]
        return LogPage(epoch, last, [Entry(*row[2:]) for row in rows if row[2] is not None])

    # -- notifications ----------------------------------------------------------------------------

    def watch(self, room: str) -> None:
        """Let the log be read: there are hints about all rooms."""
        if self._listener is not None:
            self._listener.changed(room)

    def unwatch(self, room: str) -> None:
        """Do nothing."""

    def listen(self, listener: StoreListener) -> None:
        """Give hints until the file cannot be read."""
        try:
            wakeups = Wakeups(self._path)
        except OSError as error:
            raise StoreUnavailable(f"no socket for wake-ups can be made: {error}") from error
        turns = _Turns(self._path)
        try:
            with turns.connection() as connection:
                connection.execute(sql.ADD_LISTENER, (wakeups.address,))
                self._own_address = wakeups.address
                self._listen(connection, wakeups, listener)
        finally:
            self._own_address = ""
            self._listener = None
            wakeups.close()
            self._gone.append(wakeups.address)
            turns.close()

    def _listen(self, connection: Any, wakeups: Wakeups, listener: StoreListener) -> None:
        last = int(_fact(connection, "change"))
        version = None
        self._listener = listener
        listener.listening()
        while True:
            if not wakeups.wait(_POLL):
                before = version
                [version] = connection.execute("PRAGMA data_version").fetchone()
                if version == before:
                    continue
            for room, change in connection.execute(sql.CHANGED, (last,)).fetchall():
                last = change
                listener.changed(room)

    # -- presence ---------------------------------------------------------------------------------

    def set_presence(
        self, origin: str, changes: Sequence[PresenceChange]
    ) -> Sequence[PresenceTotals]:
        """Set numbers of sockets."""
        if not changes:
            return []
        with self._writer.transaction() as connection:
            return [_set_sockets(connection, origin, change) for change in changes]

    def presence(self, room: str) -> Mapping[str, int]:
        """Return the sockets of each user."""
        with self._reader.connection() as connection:
            return dict(connection.execute(sql.PRESENCE, (time(), room)).fetchall())

    def renew(self, origin: str, lease: float) -> bool:
        """Extend the lease of a worker, and remove now and then what was unused for a day."""
        with self._writer.transaction() as connection:
            now = time()
            if now >= self._next_forgetting:
                self._next_forgetting = now + _FORGET_INTERVAL
                for statement in sql.FORGET:
                    connection.execute(statement, {"now": now, "old": now - sql.FORGET_AFTER})
            extended = connection.execute(sql.EXTEND, (now + lease, origin, now)).rowcount
            if not extended:
                connection.execute(sql.REMOVE_WORKER, (origin,))
                connection.execute(sql.SET_LEASE, (origin, now + lease))
        return bool(extended)

    def expire(self, rooms: Collection[str]) -> Sequence[tuple[str, str]]:
        """Remove the presence of workers whose lease has expired."""
        left = []
        now = time()
        with self._reader.connection() as connection:
            expired = [
                room for room in rooms if connection.execute(sql.EXPIRED, (room, now)).fetchone()
            ]
        if not expired:
            return []
        with self._writer.transaction() as connection:
            for room in expired:
                members = connection.execute(sql.EXPIRED, (room, now)).fetchall()
                connection.execute(sql.REMOVE_EXPIRED, (room, now))
                for [member] in members:
                    if not connection.execute(sql.IS_PRESENT, (room, member)).fetchone():
                        left.append((room, member))
        return left

    def release(self, origin: str) -> None:
        """Remove the lease and the presence of a worker."""
        with self._writer.transaction() as connection:
            connection.execute(sql.REMOVE_WORKER, (origin,))
            connection.execute(sql.REMOVE_LEASE, (origin,))


class _Turns:
    """A connection that tasks use in turn, and that is opened when it is needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = rt.Lock()
        self._connection: Any = None

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Yield the connection; if the block fails it is closed."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _open(self._path)
                yield self._connection
            except BaseException as error:
                self.close()
                if isinstance(error, driver.OperationalError):
                    raise StoreUnavailable(f"{self._path}: {error}") from error
                raise

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield the connection, in a transaction that writes."""
        with self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(driver.Error):
                connection.close()


def _open(path: Path) -> Any:
    connection = driver.connect(str(path), isolation_level=None, timeout=_LOCKED)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        synchronous = "NORMAL" if sql.run_of_machine() else "FULL"
        connection.execute(f"PRAGMA synchronous = {synchronous}")
    except BaseException:
        connection.close()
        raise
    return connection


def _fact(connection: Any, name: str) -> Any:
    row = connection.execute(sql.FACT, (name,)).fetchone()
    return None if row is None else row[0]


def _append(connection: Any, batch: Batch, change: int) -> Appended:
    """Append a batch to its log, in the transaction of the caller."""
    room, retention = batch.room, batch.retention
    now = time()
    connection.execute(sql.MAKE_LOG, (room, now, now))
    epoch, base, last, before = connection.execute(sql.LOG, (room,)).fetchone()
    now = max(now, before)  # so that the entries that are too old are the first ones
    fresh = _fresh(connection, batch)
    connection.executemany(
        sql.INSERT,
        [
            (room, position, now, each.origin, each.sequence, each.kind, each.payload)
            for position, each in enumerate(fresh, last + 1)
        ],
    )
    sequences = {each.origin: each.sequence for each in fresh}
    connection.executemany(
        sql.NOTE_SENT, [(room, origin, sequence, now) for origin, sequence in sequences.items()]
    )
    newest = last + len(fresh)
    cut = _cut(connection, room, retention, (base, newest, now))
    if cut > base:
        connection.execute(sql.PRUNE, (room, cut))
    expires = now + max(sql.FORGET_AFTER, 2 * (retention.seconds or 0))
    connection.execute(sql.SET_LOG, (cut, newest, now, expires, change, room))
    return Appended(epoch, last + 1 if len(fresh) == len(batch.records) else None, now)


def _fresh(connection: Any, batch: Batch) -> list[Record]:
    """Return the records of a batch that the log does not have yet."""
    known = {}
    for origin in {each.origin for each in batch.records}:
        row = connection.execute(sql.SENT, (batch.room, origin)).fetchone()
        known[origin] = -1 if row is None else row[0]
    return [each for each in batch.records if each.sequence > known[each.origin]]


def _cut(connection: Any, room: str, retention: Retention, log: tuple[int, int, float]) -> int:
    """Return the position up to which entries are removed."""
    base, newest, now = log
    cut = newest - retention.entries
    row = connection.execute(sql.TIME, (room, cut)).fetchone() if cut > base else None
    if row is not None and row[0] > now - sql.GRACE:
        cut = newest - sql.MOST * retention.entries
    cut = max(base, cut)
    if retention.seconds is None:
        return cut
    row = connection.execute(sql.OLDEST, (room, cut, now - retention.seconds)).fetchone()
    return newest if row is None else max(cut, row[0] - 1)


def _set_sockets(connection: Any, origin: str, change: PresenceChange) -> PresenceTotals:
    room, user = change.room, change.user
    before, own = connection.execute(sql.TOTAL, (origin, room, user, origin, time())).fetchone()
    if change.sockets:
        connection.execute(sql.SET_SOCKETS, (room, user, origin, change.sockets))
    else:
        connection.execute(sql.REMOVE_SOCKETS, (room, user, origin))
    return PresenceTotals(before, before - own + change.sockets)
