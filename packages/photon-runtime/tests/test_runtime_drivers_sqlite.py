"""SQLite's connections and cursors, whose calls are made in threads for tasks."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Integer, create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

import photon_runtime as rt
from photon_runtime.drivers import sqlite
from photon_runtime.testing import in_hub

SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
"""A statement that never ends by itself."""
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) SELECT i FROM n"


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


@pytest.fixture(params=["task", "outside of tasks"])
def anywhere(request: pytest.FixtureRequest) -> Callable[[Callable[[], None]], None]:
    """A function that runs another one, in a task or outside."""

    def call(function: Callable[[], None]) -> None:
        if request.param == "task":
            rt.run(function)
        else:
            function()

    return call


def until(condition: Callable[[], bool]) -> None:
    """Let the hub run until ``condition`` holds."""
    with rt.deadline(5):
        while not condition():
            rt.sleep(0.001)


Anywhere = Callable[[Callable[[], None]], None]


def fetch(cursor: Any, kind: str, size: int) -> object:
    if kind == "one":
        return cursor.fetchone()
    if kind == "many":
        return cursor.fetchmany(size)
    if kind == "all":
        return cursor.fetchall()
    if kind == "next":
        return next(cursor, None)
    return [row for row, _ in zip(cursor, range(size), strict=False)]


# Statements and rows


def test_rows_of_every_fetch_are_those_of_sqlite3(anywhere: Anywhere) -> None:
    generator = random.Random(1)

    def both() -> None:
        plain, own = sqlite3.connect(":memory:"), sqlite.connect(":memory:")
        for _ in range(60):
            most = generator.choice([0, 1, 2, 63, 64, 65, 200, 3000])
            cursors = [c.execute(NUMBERS, (most,)) for c in (plain, own)]
            for _ in range(6):
                kind = generator.choice(["one", "many", "all", "iterate", "next"])
                size = generator.choice([1, 5, 63, 64, 100, 2000])
                results = [fetch(cursor, kind, size) for cursor in cursors]
                assert results[0] == results[1]
        plain.close()
        own.close()

    anywhere(both)


def test_a_statement_has_the_attributes_of_sqlite3(anywhere: Anywhere) -> None:
    def main() -> None:
        connection = sqlite.connect(":memory:")
        cursor = connection.cursor()
        assert cursor.execute("CREATE TABLE t (x)") is cursor
        assert not cursor.description
        cursor.execute("INSERT INTO t VALUES (?)", ("a",))
        assert (cursor.rowcount, cursor.lastrowid) == (1, 1)
        cursor.execute("SELECT x AS name FROM t")
        assert [column[0] for column in cursor.description] == ["name"]
        assert cursor.rowcount == -1
        assert cursor.connection is connection
        assert connection.total_changes == 1
        connection.close()

    anywhere(main)


def test_a_row_factory_set_after_the_statement_applies(
    connect_sqlite: Connect, anywhere: Anywhere
) -> None:
    def main() -> None:
        connection = connect_sqlite(":memory:")
        cursor = connection.execute("SELECT 1 AS a UNION ALL SELECT 2")
        cursor.row_factory = sqlite3.Row
        assert cursor.fetchone()["a"] == 1
        cursor.row_factory = lambda _, row: list(row)
        assert cursor.fetchall() == [[2]]
        connection.row_factory = sqlite3.Row
        rows = connection.execute(NUMBERS, (2000,)).fetchall()
        assert {type(row) for row in rows} == {sqlite3.Row}
        assert sum(row["i"] for row in rows) == 2001000

    anywhere(main)


def test_an_error_in_a_later_row_is_raised_there(
    connect_sqlite: Connect, anywhere: Anywhere
) -> None:
    def main() -> None:
        connection = connect_sqlite(":memory:")
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.execute("INSERT INTO t VALUES ('a'), (CAST(x'ff' AS TEXT)), ('c')")
        cursor = connection.execute("SELECT x FROM t")
        assert cursor.fetchone() == ("a",)
        with pytest.raises(sqlite3.OperationalError, match="decode"):
            cursor.fetchone()

    anywhere(main)


def test_items_of_executemany_are_computed_in_the_caller(
    connect_sqlite: Connect, anywhere: Anywhere
) -> None:
    threads = set()

    def items() -> Iterator[tuple[int]]:
        for number in range(2500):
            threads.add(threading.get_native_id())
            yield (number,)

    def main() -> None:
        connection = connect_sqlite(":memory:")
        connection.execute("CREATE TABLE t (x)")
        cursor = connection.executemany("INSERT INTO t VALUES (?)", items())
        assert cursor.rowcount == 2500
        assert connection.execute("SELECT count(*), sum(x) FROM t").fetchone() == (2500, 3123750)
        assert connection.executemany("DELETE FROM t WHERE x = ?", []).rowcount == 0
        assert threads == {threading.get_native_id()}

    anywhere(main)


def test_an_item_of_executemany_may_use_the_connection(
    connect_sqlite: Connect, anywhere: Anywhere
) -> None:
    def main() -> None:
        connection = connect_sqlite(":memory:")
        connection.execute("CREATE TABLE t (x)")
        values = connection.execute(NUMBERS, (1500,))
        connection.executemany("INSERT INTO t VALUES (?)", values)
        assert connection.execute("SELECT sum(x) FROM t").fetchone() == (1125750,)

    anywhere(main)


def test_python_functions_may_use_the_connection(
    connect_sqlite: Connect, anywhere: Anywhere
) -> None:
    def main() -> None:
        connection = connect_sqlite(":memory:")
        connection.create_function("twice", 1, lambda x: 2 * x)
        connection.create_function("again", 0, lambda: connection.execute("SELECT 5").fetchone()[0])
        connection.create_collation("reverse", lambda a, b: (a < b) - (a > b))
        assert connection.execute("SELECT twice(21), again()").fetchone() == (42, 5)
        values = "SELECT 'a' AS x UNION SELECT 'b' ORDER BY x COLLATE reverse"
        assert connection.execute(values).fetchall() == [("b",), ("a",)]

    anywhere(main)


def test_scripts_blobs_dumps_and_copies_work(
    connect_sqlite: Connect, anywhere: Anywhere, tmp_path: Path
) -> None:
    def main() -> None:
        connection = connect_sqlite(tmp_path / "a.db")
        connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(4));")
        with connection.blobopen("t", "x", 1) as blob:
            blob.write(b"ab")
            blob[3] = 100
            blob.seek(0)
            assert (blob.read(2), len(blob), blob[2:4]) == (b"ab", 4, b"\0d")
        connection.commit()
        assert "INSERT INTO \"t\" VALUES(X'61620064');" in list(connection.iterdump())
        steps = []
        target = connect_sqlite(":memory:")
        connection.backup(target, pages=1, progress=lambda *step: steps.append(step))
        assert target.execute("SELECT x FROM t").fetchone() == (b"ab\0d",)
        assert len(steps) >= 2
        image = target.serialize()
        other = connect_sqlite(":memory:")
        other.deserialize(image)
        assert other.execute("SELECT count(*) FROM t").fetchone() == (1,)
        for each in (connection, target, other):
            each.close()

    anywhere(main)


def test_closed_connections_and_cursors_refuse_to_be_used(
    connect_sqlite: Connect, anywhere: Anywhere
) -> None:
    def main() -> None:
        connection = connect_sqlite(":memory:")
        cursor = connection.execute("SELECT 1 UNION SELECT 2")
        closed = connection.execute(NUMBERS, (1000,))
        closed.close()
        with pytest.raises(sqlite3.ProgrammingError, match="closed cursor"):
            closed.fetchone()
        connection.close()
        connection.close()
        for use in (cursor.fetchone, cursor.fetchall, connection.cursor, connection.commit):
            with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
                use()

    anywhere(main)


def test_factories_that_derive_from_sqlite3_cooperate(
    connect_sqlite: Connect, anywhere: Anywhere
) -> None:
    class OldCursor(sqlite3.Cursor):
        def execute(self, *args: Any) -> Any:
            return super().execute(*args)

    class OldConnection(sqlite3.Connection):
        def cursor(self, factory: Any = OldCursor) -> Any:
            return super().cursor(factory)

    def main() -> None:
        connection = connect_sqlite(":memory:", factory=OldConnection)
        assert isinstance(connection, OldConnection)
        assert isinstance(connection, sqlite.Connection)
        cursor = connection.execute("SELECT 1")
        assert isinstance(cursor, OldCursor)
        assert isinstance(cursor, sqlite.Cursor)
        assert cursor.fetchall() == [(1,)]

    anywhere(main)


# Tasks and threads


@in_hub
def test_other_tasks_run_during_a_statement(connect_sqlite: Connect) -> None:
    connection = connect_sqlite(":memory:")
    task = rt.spawn(connection.execute, SLOW)
    for _ in range(5):
        rt.sleep(0.001)
    assert not task.done
    connection.interrupt()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        task.result(5)


@in_hub
def test_tasks_share_a_connection_one_statement_at_a_time(connect_sqlite: Connect) -> None:
    connection = connect_sqlite(":memory:")
    connection.execute("CREATE TABLE t (x)")
    with rt.scope() as tasks:
        for number in range(50):
            tasks.spawn(connection.execute, "INSERT INTO t VALUES (?)", (number,))
    assert connection.execute("SELECT sum(x) FROM t").fetchone() == (1225,)


@in_hub
def test_open_connections_need_no_threads(path: Path) -> None:
    before = threading.active_count()
    connections = [sqlite.connect(path) for _ in range(300)]
    rows = [connection.execute("SELECT count(*) FROM t").fetchone() for connection in connections]
    assert rows == [(0,)] * 300
    assert threading.active_count() - before <= 2
    for connection in connections:
        connection.close()


def test_a_connection_belongs_to_its_thread(connect_sqlite: Connect) -> None:
    connections = [
        rt.run(lambda: connect_sqlite(":memory:")),
        connect_sqlite(":memory:"),
    ]
    free = connect_sqlite(":memory:", check_same_thread=False)
    raised = []

    def use() -> None:
        assert free.execute("SELECT 1").fetchone() == (1,)
        for connection in connections:
            try:
                connection.execute("SELECT 1")
            except sqlite3.ProgrammingError as error:
                raised.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(raised) == 2
    assert "same thread" in raised[0]


def test_a_connection_is_refused_after_a_fork(path: Path) -> None:
    program = """
import os, sys
from photon_runtime import run
from photon_runtime.drivers import sqlite
def main():
    connection = sqlite.connect(sys.argv[1])
    connection.execute("INSERT INTO t VALUES (1)")
    pid = os.fork()
    if pid == 0:
        try:
            connection.execute("SELECT 1")
        except sqlite.ProgrammingError as error:
            ok = "forked" in str(error)
        connection.close()
        del connection
        os._exit(0 if ok else 1)
    assert os.waitpid(pid, 0)[1] == 0
    connection.commit()
    print(connection.execute("SELECT count(*) FROM t").fetchone()[0])
run(main)
"""
    command: list[str | Path] = [sys.executable, "-W", "ignore", "-c", program, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (done.stdout, done.stderr) == ("1\n", "")


# SQLAlchemy


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)


@in_hub
def test_sqlalchemy_works_with_the_module(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}", module=sqlite, poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Item(id=number) for number in range(5))
        session.commit()
        assert session.scalars(select(Item.id)).all() == list(range(5))
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.05):
            session.execute(text(SLOW))
        session.rollback()
        assert session.get(Item, 3) is not None
    with engine.connect() as connection:
        own: object = connection.connection.dbapi_connection
        assert isinstance(own, sqlite.Connection)
        assert connection.execute(text("SELECT 'ab' REGEXP 'a.'")).scalar() == 1
    engine.dispose()
