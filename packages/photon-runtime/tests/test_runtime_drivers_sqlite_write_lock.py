"""The fair queue of the writers of one database, and waits for other processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import photon_runtime as rt
from photon_runtime.drivers import sqlite
from photon_runtime.testing import in_hub, in_virtual_time

Connect = Callable[..., sqlite.Connection]


@pytest.fixture(params=["delete", "wal"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database with a counter."""
    path = tmp_path / "test.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {request.param}")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (0)")
    connection.commit()
    connection.close()
    return path


def until(condition: Callable[[], bool]) -> None:
    """Let the hub run until ``condition`` holds."""
    with rt.deadline(5):
        while not condition():
            rt.sleep(0.001)


def value_in(path: Path) -> object:
    """Return the counter."""
    connection = sqlite3.connect(path)
    (value,) = connection.execute("SELECT x FROM t").fetchone()
    connection.close()
    return value


def status_of(connection: sqlite.Connection) -> sqlite.WriteLockStatus:
    """Return the state of the queue that the connection is in."""
    lock = sqlite.write_lock_of(connection)
    assert lock is not None
    assert lock in sqlite.write_locks()
    return lock.status


@pytest.mark.parametrize("many", [5, pytest.param(50, marks=pytest.mark.slow)])
@in_hub
def test_writers_that_wait_before_their_commit_all_succeed(path: Path, many: int) -> None:
    def write() -> None:
        connection = sqlite.connect(path)
        connection.execute("UPDATE t SET x = x + 1")
        rt.sleep(0.01)
        connection.commit()
        connection.close()

    with rt.scope() as tasks:
        for _ in range(many):
            tasks.spawn(write)
    assert value_in(path) == many


@in_hub
def test_writers_get_their_turn_in_the_order_of_their_arrival(
    connect_sqlite: Connect, path: Path
) -> None:
    order: list[int] = []

    def write(number: int) -> None:
        with connect_sqlite(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            order.append(number)

    first = connect_sqlite(path)
    first.execute("UPDATE t SET x = 1")
    with rt.scope() as tasks:
        for number in range(10):
            tasks.spawn(write, number)
            until(lambda: status_of(first).waiting == number + 1)  # noqa: B023 - called at once
        assert status_of(first).holder is not None
        assert status_of(first).held_for > 0
        first.commit()
    assert order == list(range(10))


@in_hub
def test_readers_do_not_wait_for_a_writer(connect_sqlite: Connect, path: Path) -> None:
    writer, reader = connect_sqlite(path), connect_sqlite(path, timeout=0)
    writer.execute("UPDATE t SET x = 1")
    assert reader.execute("SELECT x FROM t").fetchone() == (0,)
    writer.commit()
    assert reader.execute("SELECT x FROM t").fetchone() == (1,)


@in_hub
def test_a_holder_that_never_commits_is_named_in_the_error(
    connect_sqlite: Connect, path: Path
) -> None:
    holder, waiter = connect_sqlite(path), connect_sqlite(path, timeout=0.1)
    rt.spawn(holder.execute, "UPDATE t SET x = 1").result()
    with pytest.raises(sqlite3.OperationalError, match="database is locked") as caught:
        waiter.execute("UPDATE t SET x = 2")
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
    (note,) = caught.value.__notes__
    assert "'Cursor.execute'" in note or "Connection.execute" in note
    holder.rollback()
    waiter.execute("UPDATE t SET x = 2")
    waiter.commit()
    assert value_in(path) == 2


@in_hub
def test_a_queue_that_moves_is_waited_for_longer_than_the_timeout(
    connect_sqlite: Connect, path: Path
) -> None:
    def write() -> None:
        with connect_sqlite(path, timeout=0.3) as connection:
            connection.execute("UPDATE t SET x = x + 1")
            rt.sleep(0.06)

    with rt.scope() as tasks:
        for _ in range(10):
            tasks.spawn(write)
    assert value_in(path) == 10


@in_hub
def test_a_cancelled_waiter_leaves_the_queue(connect_sqlite: Connect, path: Path) -> None:
    first, second, third = (connect_sqlite(path) for _ in range(3))
    first.execute("UPDATE t SET x = 1")
    waiting = rt.spawn(second.execute, "UPDATE t SET x = 2")
    until(lambda: status_of(first).waiting == 1)
    last = rt.spawn(third.execute, "UPDATE t SET x = x + 3")
    until(lambda: status_of(first).waiting == 2)
    waiting.cancel()
    assert waiting.join(1)
    first.commit()
    last.result(1)
    third.commit()
    assert value_in(path) == 4


@pytest.mark.parametrize("end", ["close", "rollback", "commit", "ROLLBACK", "END"])
@in_hub
def test_the_next_writer_begins_when_a_transaction_ends(
    connect_sqlite: Connect, path: Path, end: str
) -> None:
    first, second = connect_sqlite(path), connect_sqlite(path)
    first.execute("UPDATE t SET x = 1")
    task = rt.spawn(second.execute, "UPDATE t SET x = 2")
    until(lambda: status_of(first).waiting == 1)
    getattr(first, end, lambda: first.execute(end))()
    task.result(1)
    second.commit()
    assert value_in(path) == 2


@in_hub
def test_a_failed_statement_does_not_hold_the_queue_outside_of_a_transaction(
    connect_sqlite: Connect, path: Path
) -> None:
    first, second = connect_sqlite(path), connect_sqlite(path)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        first.execute("INSERT INTO nowhere VALUES (1)")
    second.execute("UPDATE t SET x = 2")
    second.commit()
    assert value_in(path) == 2


@in_hub
def test_a_transaction_that_has_read_before_others_wrote_fails_at_once(
    connect_sqlite: Connect, path: Path
) -> None:
    first, second = (connect_sqlite(path, isolation_level=None) for _ in range(2))
    for connection in (first, second):
        connection.execute("BEGIN")
        connection.execute("SELECT x FROM t").fetchall()
    first.execute("UPDATE t SET x = 1")
    with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
        second.execute("UPDATE t SET x = 2")
    assert "BEGIN IMMEDIATE" in caught.value.__notes__[0]
    second.execute("ROLLBACK")
    first.execute("COMMIT")
    assert value_in(path) == 1


@in_hub
def test_a_commit_waits_for_readers(connect_sqlite: Connect, path: Path) -> None:
    writer = connect_sqlite(path)
    reader = connect_sqlite(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT x FROM t").fetchall()
    writer.execute("UPDATE t SET x = 5")
    task = rt.spawn(writer.commit)
    rt.sleep(0.03)
    reader.execute("COMMIT")
    task.result(2)
    assert value_in(path) == 5


@in_hub
def test_tables_of_a_shared_memory_database_are_waited_for(connect_sqlite: Connect) -> None:
    name = "file:shared?mode=memory&cache=shared"
    first, second = connect_sqlite(name, uri=True), connect_sqlite(name, uri=True)
    first.execute("CREATE TABLE t (x)")
    first.execute("INSERT INTO t VALUES (1)")
    task = rt.spawn(lambda: second.execute("SELECT x FROM t").fetchall())
    rt.sleep(0.03)
    assert not task.done
    first.commit()
    assert task.result(2) == [(1,)]


@in_hub
def test_a_timeout_is_set_by_a_pragma_too(connect_sqlite: Connect, path: Path) -> None:
    connection, other = connect_sqlite(path), connect_sqlite(path)
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)
    assert connection.execute("PRAGMA busy_timeout = 20").fetchone() == (20,)
    other.execute("UPDATE t SET x = 1")
    with rt.deadline(2), pytest.raises(sqlite3.OperationalError, match="locked"):
        connection.execute("UPDATE t SET x = 2")
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (20,)


@in_virtual_time
def test_virtual_time_passes_while_a_writer_waits(connect_sqlite: Connect, path: Path) -> None:
    first, second = connect_sqlite(path), connect_sqlite(path)
    first.execute("UPDATE t SET x = 1")
    task = rt.spawn(second.execute, "UPDATE t SET x = 2")
    rt.sleep(3)
    assert not task.done
    first.commit()
    task.result()
    second.rollback()


def test_a_thread_outside_of_tasks_waits_for_a_task(connect_sqlite: Connect, path: Path) -> None:
    done = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(path)) as plain, plain:
            plain.execute("UPDATE t SET x = x + 1")
        with closing(sqlite.connect(path)) as connection, connection:
            connection.execute("UPDATE t SET x = x + 1")
        done.set()

    def main() -> None:
        connection = connect_sqlite(path)
        connection.execute("UPDATE t SET x = x + 1")
        thread = threading.Thread(target=write)
        thread.start()
        rt.sleep(0.05)
        assert not done.is_set()
        connection.commit()
        until(done.is_set)
        thread.join()

    rt.run(main)
    assert value_in(path) == 3


def test_threads_and_tasks_queue_together(connect_sqlite: Connect, path: Path) -> None:
    order: list[str] = []

    def write_in_a_thread() -> None:
        connection = connect_sqlite(path)
        connection.execute("UPDATE t SET x = x + 1")
        order.append("thread")
        connection.commit()
        connection.close()

    def main() -> None:
        first, second = connect_sqlite(path), connect_sqlite(path)
        first.execute("UPDATE t SET x = x + 1")
        thread = threading.Thread(target=write_in_a_thread)
        thread.start()
        until(lambda: status_of(first).waiting == 1)
        task = rt.spawn(second.execute, "UPDATE t SET x = x + 1")
        until(lambda: status_of(first).waiting == 2)
        order.append("first")
        first.commit()
        task.result(5)
        order.append("second")
        second.commit()
        thread.join()

    rt.run(main)
    assert order == ["first", "thread", "second"]
    assert value_in(path) == 3


def test_hubs_of_several_threads_share_the_queue(path: Path) -> None:
    def write() -> None:
        connection = sqlite.connect(path)
        for _ in range(3):
            connection.execute("UPDATE t SET x = x + 1")
            rt.sleep(0.001)
            connection.commit()
        connection.close()

    def main() -> None:
        with rt.scope() as tasks:
            for _ in range(3):
                tasks.spawn(write)

    threads = [threading.Thread(target=rt.run, args=(main,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value_in(path) == 27


PROGRAM = """
import sys
from photon_runtime import run, scope, sleep
from photon_runtime.drivers import sqlite
def work():
    connection = sqlite.connect(sys.argv[1], isolation_level=None)
    for _ in range(int(sys.argv[2])):
        connection.execute("BEGIN IMMEDIATE")
        (x,) = connection.execute("SELECT x FROM t").fetchone()
        sleep(0.001)
        connection.execute("UPDATE t SET x = ?", (x + 1,))
        connection.execute("COMMIT")
    connection.close()
def main():
    with scope() as tasks:
        for _ in range(20):
            tasks.spawn(work)
run(main)
"""


@pytest.mark.slow
def test_processes_with_many_writers_lose_nothing(path: Path) -> None:
    command: list[Any] = [sys.executable, "-c", PROGRAM, path, "10"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=50)[1] for process in processes] == [""] * 3
    assert value_in(path) == 600
