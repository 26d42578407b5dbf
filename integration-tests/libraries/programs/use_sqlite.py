"""SQLite under the patch: plain `sqlite3` and SQLAlchemy as they are, many writers at once.

The URL is the path of a database that does not exist yet.
"""

from __future__ import annotations

import sqlite3
import time
from sqlite3 import dbapi2
from sqlite3.dbapi2 import connect

from program import perform
from sqlalchemy import Integer, create_engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from writers import WAIT, Probe, all_write

from photon_runtime import DeadlineExceeded, deadline, run
from photon_runtime.drivers import sqlite
from photon_runtime.patch import is_patched


class Base(DeclarativeBase):
    """The base of the models."""


class Item(Base):
    """A row."""

    __tablename__ = "item"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int]


def plain_writers(path: str) -> object:
    """Each inserts, waits, and commits."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, number)")

    def write(number: int) -> None:
        connection = sqlite3.connect(path)
        connection.execute("INSERT INTO item (number) VALUES (?)", (number,))
        time.sleep(WAIT)
        connection.commit()
        connection.close()

    late = max(all_write(write, count) for count in (5, 50))
    (rows,) = connection.execute("SELECT count(*) FROM item").fetchone()
    return {"rows": rows, "late": late}


def sqlalchemy_writers(path: str) -> object:
    """Each inserts, waits, and commits, by the ORM and the engine's own pool."""
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)

    def write(number: int) -> None:
        with Session(engine) as session:
            session.add(Item(number=number))
            session.flush()
            time.sleep(WAIT)
            session.commit()
            assert session.scalar(select(func.count()).select_from(Item))

    late = max(all_write(write, count) for count in (5, 50))
    with Session(engine) as session:
        rows = session.scalar(select(func.count()).select_from(Item))
        try:
            with deadline(0.1):
                session.execute(text(_ENDLESS))
        except DeadlineExceeded:
            session.rollback()
        assert session.scalar(select(func.count()).select_from(Item)) == rows
    engine.dispose()
    return {"rows": rows, "late": late}


_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
_NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) SELECT i FROM n"
)
LONG = {
    "insert": f"INSERT INTO t SELECT i, hex(randomblob(20)) FROM ({_NUMBERS.format(300_000)})",
    "scan": "SELECT sum(i) FROM t WHERE x LIKE '%ABC%' OR x LIKE '%1234%'",
    "count": "SELECT count(*) FROM t",
    "sort": "SELECT x FROM t ORDER BY x LIMIT 5 OFFSET 299000",
    "index": "CREATE INDEX t_x ON t (x)",
    "check": "PRAGMA integrity_check",
    "json": f"SELECT json_array_length('[{'1,' * 1_000_000}1]')",
    "like": f"SELECT '{'a' * 10_000}' LIKE '{'%a' * 5}%b'",
    "delete": "DELETE FROM t WHERE i % 2",
    "vacuum": "VACUUM",
    "empty": "DELETE FROM t",
    "drop": "DROP TABLE t",
}


def long_statements(path: str) -> object:
    """How late another task is during statements of every kind."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE t (i, x)")
    late = {}
    for name, sql in LONG.items():
        probe = Probe()
        with probe.running():
            connection.execute(sql).fetchall()
        late[name] = round(probe.late, 4)
    for name, call in (
        ("fetchall", lambda: connection.execute(_NUMBERS.format(500_000)).fetchall()),
        ("script", lambda: connection.executescript("CREATE TABLE t (i);" + "SELECT 1;" * 9999)),
        (
            "many",
            lambda: connection.executemany("INSERT INTO t VALUES (?)", [(1,)] * 2_000),
        ),
        ("backup", lambda: connection.backup(sqlite3.connect(":memory:"))),
    ):
        probe = Probe()
        with probe.running():
            result = call()
        late[name] = round(probe.late, 4)
        del result
    connection.close()
    return {"late": late}


def names(_: str) -> dict[str, object]:
    """All names of the module lead to the driver, whoever imported them."""
    return {
        "connect": {sqlite3.connect, dbapi2.connect, connect} == {sqlite.connect},
        "classes": (sqlite3.Connection, dbapi2.Cursor) == (sqlite.Connection, sqlite.Cursor),
        "is_ours": isinstance(connect(":memory:"), sqlite.Connection),
        "name": f"{sqlite3.Connection.__module__}.{sqlite3.Connection.__qualname__}",
    }


def patched_late(_: str) -> object:
    """A program that patches after it has imported `sqlite3`, and holds its names."""
    assert not is_patched()
    from photon_runtime.patch import patch_stdlib

    class OldCursor(sqlite3.Cursor):
        """A class that derives from the original."""

    patch_stdlib()
    connection = connect(":memory:")
    cursor = connection.cursor(OldCursor)
    return {**names("-"), "cursor": isinstance(cursor, sqlite.Cursor)}


def perform_all() -> None:
    """Run the scenario of the command line."""
    perform(plain_writers, sqlalchemy_writers, long_statements, names, patched_late)


if __name__ == "__main__":
    if is_patched():
        perform_all()
    else:
        run(perform_all)
