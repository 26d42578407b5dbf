"""Interrupted statements of SQLite: the caller leaves on time, the connection is cleaned up."""

from __future__ import annotations

import gc
import random
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest

import photon_runtime as rt
from photon_runtime.drivers import _clean_up, sqlite
from photon_runtime.drivers.sqlite._interruption import Interruption, start_later
from photon_runtime.hub_threads import current_hub
from photon_runtime.testing import in_hub

SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
SLOW_INSERT = SLOW.replace(" SELECT count(*)", " INSERT INTO t SELECT i")
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) SELECT i FROM n"
PROMPT = 0.5
"""Seconds within which a caller must have left, on a machine that is busy with other things."""


Connect = Callable[..., sqlite.Connection]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a table."""
    path = tmp_path / "test.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    return path


class Gate:
    """A function for SQL that blocks its thread until it is opened."""

    def __init__(self, connection: sqlite.Connection) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()
        connection.create_function("gate", 0, self)

    def __call__(self) -> int:
        self.entered.set()
        self.opened.wait(10)
        return 1


def until(condition: Callable[[], bool]) -> None:
    """Let the hub run until ``condition`` holds."""
    with rt.deadline(5):
        while not condition():
            rt.sleep(0.001)


def interrupt(connection: sqlite.Connection, sql: str) -> None:
    """Execute a statement that a deadline interrupts."""
    begun = time.monotonic()
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.05):
        connection.execute(sql)
    assert time.monotonic() - begun < PROMPT


def rows_of(path: Path) -> list[object]:
    """Return the rows that another connection sees."""
    connection = sqlite3.connect(path, timeout=0)
    rows = [x for (x,) in connection.execute("SELECT x FROM t")]
    connection.close()
    return rows


@pytest.mark.parametrize("isolation_level", ["", None])
@in_hub
def test_a_connection_is_usable_after_an_interrupted_statement(
    connect_sqlite: Connect, isolation_level: None
) -> None:
    connection = connect_sqlite(":memory:", isolation_level=isolation_level)
    connection.execute("CREATE TABLE t (x)")
    for statement in (SLOW, SLOW_INSERT):
        interrupt(connection, statement)
        assert sqlite.is_interrupted(connection)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert not sqlite.is_interrupted(connection)


@in_hub
def test_a_statement_that_began_its_transaction_is_undone(
    connect_sqlite: Connect, path: Path
) -> None:
    connection = connect_sqlite(path)
    gate = Gate(connection)
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.05):
        connection.execute("INSERT INTO t VALUES (gate())")
    gate.opened.set()
    connection.execute("INSERT INTO t VALUES (2)")
    connection.commit()
    assert rows_of(path) == [2]


@pytest.mark.parametrize("statement", [SLOW_INSERT, "INSERT INTO t VALUES (gate())"])
@in_hub
def test_an_interrupted_transaction_must_be_rolled_back(
    connect_sqlite: Connect, path: Path, statement: str
) -> None:
    connection = connect_sqlite(path)
    gate = Gate(connection)
    gate.entered.set()
    connection.execute("INSERT INTO t VALUES (1)")
    threading.Timer(0.1, gate.opened.set).start()
    interrupt(connection, statement)
    for use in (lambda: connection.execute("INSERT INTO t VALUES (2)"), connection.commit):
        with pytest.raises(sqlite3.OperationalError, match="call rollback"):
            use()
    assert rows_of(path) == []
    connection.rollback()
    connection.execute("INSERT INTO t VALUES (3)")
    connection.commit()
    assert rows_of(path) == [3]


@pytest.mark.parametrize("waits", [True, False])
@in_hub
def test_an_interrupted_transaction_can_be_rolled_back_by_a_statement(
    connect_sqlite: Connect, waits: bool
) -> None:
    connection = connect_sqlite(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("BEGIN")
    interrupt(connection, SLOW_INSERT)
    if waits:
        with pytest.raises(sqlite3.OperationalError, match="call rollback"):
            connection.execute("COMMIT")
    connection.execute("ROLLBACK")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


@in_hub
def test_an_interrupted_query_leaves_its_transaction_open(
    connect_sqlite: Connect, path: Path
) -> None:
    connection = connect_sqlite(path)
    connection.execute("INSERT INTO t VALUES (1)")
    interrupt(connection, SLOW)
    connection.execute("INSERT INTO t VALUES (2)")
    connection.commit()
    assert rows_of(path) == [1, 2]


@in_hub
def test_other_cursors_end_when_a_statement_is_interrupted(connect_sqlite: Connect) -> None:
    connection = connect_sqlite(":memory:")
    cursor = connection.execute(NUMBERS, (10_000,))
    interrupt(connection, SLOW)
    assert connection.execute("SELECT 5").fetchone() == (5,)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        cursor.fetchall()
    assert connection.execute(NUMBERS, (10_000,)).fetchall()[-1] == (10_000,)


@in_hub
def test_an_interrupted_executemany_stops(connect_sqlite: Connect, path: Path) -> None:
    connection = connect_sqlite(path)
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.05):
        connection.executemany("INSERT INTO t VALUES (?)", iter(lambda: (1,), None))
    until(lambda: not sqlite.is_interrupted(connection))
    connection.rollback()
    assert rows_of(path) == []


@in_hub
def test_an_interrupted_fetch_stops(connect_sqlite: Connect) -> None:
    connection = connect_sqlite(":memory:")
    cursor = connection.execute(NUMBERS, (10**12,))
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.05):
        cursor.fetchall()
    until(lambda: not sqlite.is_interrupted(connection))
    assert connection.execute("SELECT 1").fetchone() == (1,)


@in_hub
def test_a_cancelled_block_rolls_back_in_the_background(
    connect_sqlite: Connect, path: Path
) -> None:
    connection = connect_sqlite(path)

    def write() -> None:
        with connection:
            connection.execute("INSERT INTO t VALUES (1)")
            rt.sleep(10)

    task = rt.spawn(write)
    until(lambda: connection.in_transaction)
    task.cancel()
    assert task.join(1)
    with connect_sqlite(path) as other:
        other.execute("INSERT INTO t VALUES (2)")
    connection.execute("INSERT INTO t VALUES (3)")
    connection.commit()
    assert rows_of(path) == [2, 3]


@in_hub
def test_a_cancelled_task_closes_its_connection(path: Path) -> None:
    connection = sqlite.connect(path)

    def write() -> None:
        try:
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute(SLOW)
        finally:
            connection.close()

    task = rt.spawn(write)
    rt.sleep(0.05)
    settled: list[bool] = []
    task.cancel()
    assert task.join(PROMPT)
    sqlite.when_settled(connection, settled.append)
    until(lambda: settled == [False])
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    assert rows_of(path) == []
    sqlite.when_settled(connection, settled.append)
    assert settled == [False, False]


@in_hub
def test_a_cancelled_commit_leaves_no_transaction(connect_sqlite: Connect, path: Path) -> None:
    connection = connect_sqlite(path)

    def write() -> None:
        with rt.deadline(5) as scope:
            connection.execute("INSERT INTO t VALUES (1)")
            rt.current_task().cancel()
            del scope
            with connection:
                pass

    task = rt.spawn(write)
    assert task.join(5)
    assert task.cancelled
    until(lambda: not sqlite.is_interrupted(connection))
    assert not connection.in_transaction
    assert rows_of(path) == []


@in_hub
def test_pools_are_notified_when_a_connection_is_usable(connect_sqlite: Connect) -> None:
    connection = connect_sqlite(":memory:")
    settled: list[bool] = []
    sqlite.when_settled(connection, settled.append)
    assert settled == [True]
    interrupt(connection, SLOW)
    sqlite.when_settled(connection, settled.append)
    assert settled == [True]
    until(lambda: settled == [True, True])


@in_hub
def test_a_caller_leaves_whatever_a_function_in_sql_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_clean_up, "CLEANUP_TIMEOUT", 0.05)
    connection = sqlite.connect(":memory:")
    gate = Gate(connection)
    settled: list[bool] = []
    interrupt(connection, "SELECT gate()")
    sqlite.when_settled(connection, settled.append)
    until(lambda: settled == [False])
    with pytest.raises(sqlite3.OperationalError, match="did not end in time"):
        connection.execute("SELECT 1")
    connection.close()
    gate.opened.set()
    until(lambda: connection._photon_state.is_closed)
    assert "did not end in time" in caplog.text


@in_hub
def test_an_error_of_a_clean_up_is_logged_and_no_failure_of_its_task(
    connect_sqlite: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect_sqlite(":memory:")
    settled: list[bool] = []

    def fail() -> None:
        raise sqlite3.OperationalError("the transaction was rolled back")

    start_later(connection, fail, current_hub())
    sqlite.when_settled(connection, settled.append)
    until(lambda: settled == [True])
    rt.sleep(0.01)
    [record] = caplog.records
    assert record.getMessage().endswith("in the background: the transaction was rolled back")


@in_hub
def test_a_rollback_that_fails_after_an_interruption_is_logged(
    connect_sqlite: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect_sqlite(":memory:")
    settled: list[bool] = []

    def fail(interruption: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Interruption, "_restore", fail)
    interrupt(connection, SLOW)
    sqlite.when_settled(connection, settled.append)
    until(lambda: settled == [False])
    rt.sleep(0.01)
    [record] = caplog.records
    assert record.getMessage().endswith("could not be rolled back: disk I/O error")


@in_hub
def test_a_waiting_use_of_an_interrupted_connection_has_its_own_deadline(
    connect_sqlite: Connect,
) -> None:
    connection = connect_sqlite(":memory:")
    gate = Gate(connection)
    interrupt(connection, "SELECT gate()")
    interrupt(connection, "SELECT 1")
    gate.opened.set()
    assert connection.execute("SELECT 1").fetchone() == (1,)


@in_hub
def test_a_call_that_has_not_begun_is_withdrawn(connect_sqlite: Connect, path: Path) -> None:
    connection = connect_sqlite(path)
    gate = Gate(connection)
    busy = rt.spawn(connection.execute, "SELECT gate()")
    until(gate.entered.is_set)
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.02):
        connection.execute("INSERT INTO t VALUES (1)")
    gate.opened.set()
    busy.result(5)
    assert not connection.in_transaction
    assert rows_of(path) == []


@pytest.mark.parametrize("action", ["ignore", "error"])
@in_hub
def test_a_forgotten_transaction_is_rolled_back(
    connect_sqlite: Connect, path: Path, action: Literal["ignore", "error"]
) -> None:
    reports: list[object] = []
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(sys, "unraisablehook", reports.append)
        warnings.simplefilter(action, ResourceWarning)
        connection = sqlite.connect(path)
        connection.execute("INSERT INTO t VALUES (1)")
        del connection
        gc.collect()
    with connect_sqlite(path) as other:
        other.execute("INSERT INTO t VALUES (2)")
    assert rows_of(path) == [2]
    assert len(reports) == (action == "error" and sys.version_info >= (3, 13))


@in_hub
def test_a_connection_whose_opening_is_cancelled_is_closed(path: Path) -> None:
    opened: list[sqlite.Connection] = []

    class Recorded(sqlite.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            opened.append(self)
            super().__init__(*args, **kwargs)

    def is_closed() -> bool:
        with pytest.raises(sqlite3.ProgrammingError) as caught:
            _ = opened[0].total_changes
        return "closed database" in str(caught.value)

    task = rt.spawn(sqlite.connect, path, factory=Recorded)
    rt.sleep(0)
    task.cancel()
    task.join()
    until(is_closed)


@in_hub
def test_a_forgotten_cursor_is_ended_in_a_thread(connect_sqlite: Connect) -> None:
    connection = connect_sqlite(":memory:")
    gate = Gate(connection)
    cursor = connection.execute(NUMBERS, (1000,))
    busy = rt.spawn(connection.execute, "SELECT gate()")
    until(gate.entered.is_set)
    begun = time.monotonic()
    del cursor
    assert time.monotonic() - begun < PROMPT
    gate.opened.set()
    busy.result(5)
    assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["wal", "delete"])
@in_hub
def test_writers_that_are_cancelled_at_any_moment_leave_nothing_half_done(
    path: Path, mode: str
) -> None:
    generator = random.Random(7)
    with closing(sqlite3.connect(path)) as plain:
        plain.execute(f"PRAGMA journal_mode = {mode}")
    outcomes: dict[int, str] = {}

    def write(number: int) -> None:
        connection = sqlite.connect(path, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t VALUES (?)", (number,))
            connection.execute("SELECT count(*) FROM t").fetchone()
            connection.executemany("INSERT INTO t VALUES (?)", [(number,)])
            outcomes[number] = "unknown"
            connection.execute("COMMIT")
            outcomes[number] = "committed"
        finally:
            connection.close()

    def cancelled(number: int) -> None:
        task = rt.spawn(write, number)
        rt.sleep(generator.random() * 0.2)
        task.cancel()
        task.join()
        assert task.error is None

    for begin in range(0, 300, 30):
        with rt.scope() as tasks:
            for number in range(begin, begin + 30):
                tasks.spawn(cancelled, number)
    # Connections are cleaned up behind their callers, and the reader does not wait for locks.
    until(lambda: not any(lock.status.holder for lock in sqlite.write_locks()))
    rows = Counter(rows_of(path))
    assert set(rows.values()) == {2}
    assert {n for n, outcome in outcomes.items() if outcome == "committed"} <= set(rows)
    assert set(rows) <= set(outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["return", "raise SystemExit(0)", "os.kill(os.getpid(), 2)"])
def test_a_process_ends_while_statements_run(path: Path, end: str) -> None:
    program = f"""
import os, sys, time
from photon_runtime import run, spawn, sleep
from photon_runtime.drivers import sqlite
def main():
    for _ in range(3):
        spawn(sqlite.connect(sys.argv[1]).execute, {SLOW!r})
    connection = sqlite.connect(":memory:")
    connection.create_function("block", 0, lambda: time.sleep(30))
    spawn(connection.execute, "SELECT block()")
    sleep(0.1)
    {end}
try:
    run(main)
except KeyboardInterrupt:
    pass
"""
    begun = time.monotonic()
    command: list[str | Path] = [sys.executable, "-c", program, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begun < 10
