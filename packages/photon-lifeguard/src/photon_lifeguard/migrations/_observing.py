"""What statements do to a server while they run: locks, rewritten tables, scans.

Theory of operation. The text of a statement does not tell which locks it takes: that depends on the
version of the server and on the state of the table. So the statements run, on a copy, and the
server is asked after each of them: ``pg_locks`` has the locks of the transaction so far, another
file of a table means that it was rewritten, and the statistics of the transaction count full scans.
A statement outside of a transaction has given its locks back by then; a second connection looks
while it runs.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import attrs
from sqlalchemy import Connection, Engine, event

from ._engine import is_autocommit
from ._log import OWN_TABLES

_CONTROL = ("BEGIN", "PRAGMA", "SELECT", "EXPLAIN", "SET LOCAL", "SET LOCK_TIMEOUT", "SHOW")
_TABLES = (
    "SELECT c.oid::int, c.oid::regclass::text, pg_relation_filenode(c.oid)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT LIKE 'pg\\_%'"
    " AND n.nspname <> 'information_schema'"
)
_LOCKS = (
    "SELECT relation::int, mode FROM pg_locks WHERE locktype = 'relation' AND granted"
    " AND pid = {pid}"
)
_SCANS = "SELECT relid::int, seq_scan FROM pg_stat_xact_user_tables"


@attrs.define
class Observed:
    """A statement that was executed.

    Attributes:
        statement: Its text.
        seconds: Duration.
        locks: Locks on existing tables that it took, strongest last, by table.
        held_locks: The same with those that its transaction had before.
        rewritten: Tables whose rows it wrote anew.
        scanned: Tables whose rows it read all.
        held: Seconds from its end to the end of the transaction, which gives the locks back.
    """

    statement: str
    seconds: float
    locks: dict[str, list[str]] = attrs.field(factory=dict)
    held_locks: dict[str, list[str]] = attrs.field(factory=dict)
    rewritten: set[str] = attrs.field(factory=set)
    scanned: set[str] = attrs.field(factory=set)
    held: float = 0.0


class Observer:
    """Observes the statements of an engine.

    Args:
        engine: Engine of a copy.
    """

    def __init__(self, engine: Engine) -> None:
        """Begin to observe."""
        self._is_postgresql = engine.dialect.name == "postgresql"
        self._engine = engine
        self._tables: dict[int, tuple[str, int]] = {}
        self._seen: set[tuple[int, str]] = set()
        self._scans: dict[int, int] = {}
        self._current: list[tuple[Observed, float]] = []
        self._statements: list[Observed] = []
        self._started = 0.0
        self._watch: _Watch | None = None
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "commit", self._end)
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)

    def take(self) -> list[Observed]:
        """Return the statements since the last call."""
        taken, self._statements = self._statements, []
        return taken

    def _begin(self, connection: Connection) -> None:
        self._current.clear()
        self._seen.clear()
        self._scans.clear()
        self._tables.clear()

    def _end(self, connection: Connection) -> None:
        now = time.monotonic()
        for observed, ended in self._current:
            observed.held = now - ended
        self._current.clear()

    def _before(  # noqa: PLR0917  the signature of the event
        self,
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        if not _is_of_migration(statement):
            return
        if self._is_postgresql:
            driver: Any = connection.connection.driver_connection
            if not self._tables:
                self._tables = _tables(driver)
            if is_autocommit(connection):
                self._watch = _Watch(self._engine, driver.info.backend_pid)
        self._started = time.monotonic()

    def _after(  # noqa: PLR0917  the signature of the event
        self,
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        if not _is_of_migration(statement):
            return
        ended = time.monotonic()
        observed = Observed(" ".join(statement.split()), ended - self._started)
        self._statements.append(observed)
        self._current.append((observed, ended))
        if self._is_postgresql:
            driver: Any = connection.connection.driver_connection
            locks = _rows(driver, _LOCKS.format(pid=driver.info.backend_pid))
            if self._watch is not None:
                locks, self._watch = self._watch.stop(), None
                self._seen.clear()
            self._compare(observed, driver, locks)

    def _compare(self, observed: Observed, driver: Any, locks: list[Any]) -> None:
        now = set(locks)
        for oid, mode in sorted(now - self._seen, key=lambda lock: _strength(lock[1])):
            if oid in self._tables:
                observed.locks.setdefault(self._tables[oid][0], []).append(mode)
        self._seen |= now
        for oid, mode in self._seen:
            if oid in self._tables:
                observed.held_locks.setdefault(self._tables[oid][0], []).append(mode)
        after = _tables(driver)
        for oid, (name, file) in self._tables.items():
            if oid in after and after[oid][1] != file:
                observed.rewritten.add(name)
        self._tables = {oid: after.get(oid, was) for oid, was in self._tables.items()}
        self._compare_scans(observed, driver)

    def _compare_scans(self, observed: Observed, driver: Any) -> None:
        for oid, count in _rows(driver, _SCANS):
            if count > self._scans.get(oid, 0) and oid in self._tables:
                observed.scanned.add(self._tables[oid][0])
            self._scans[oid] = count


class _Watch:
    """Looks at the locks of a process while a statement of it runs."""

    def __init__(self, engine: Engine, pid: int) -> None:
        self._locks: set[Any] = set()
        self._is_over = threading.Event()
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(engine, pid))
        self._thread.start()
        self._is_ready.wait(5)

    def _run(self, engine: Engine, pid: int) -> None:
        connection = engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            driver.autocommit = True
            while not self._is_over.is_set():
                self._locks |= set(_rows(driver, _LOCKS.format(pid=pid)))
                self._is_ready.set()
        finally:
            self._is_ready.set()
            connection.close()

    def stop(self) -> list[Any]:
        """Return the locks that were seen."""
        self._is_over.set()
        self._thread.join()
        return list(self._locks)


MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""The locks of PostgreSQL's tables, the weakest first."""


def _strength(mode: str) -> int:
    return MODES.index(mode) if mode in MODES else -1


def _is_of_migration(statement: str) -> bool:
    words = " ".join(statement.upper().split())
    return not words.startswith(_CONTROL) and not any(name in statement for name in OWN_TABLES)


def _tables(driver: Any) -> dict[int, tuple[str, int]]:
    return {row[0]: (row[1], row[2]) for row in _rows(driver, _TABLES)}


def _rows(driver: Any, query: str) -> list[Any]:
    with driver.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
