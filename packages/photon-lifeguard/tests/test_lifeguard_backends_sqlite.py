"""SQLite through sessions and transactions: many writers, several processes, slow statements."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Integer, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings
from photon_runtime.testing import in_hub


class Base(DeclarativeBase):
    """The models of this file."""


class Counter(Base):
    """A number that is read and written."""

    __tablename__ = "counters"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    value: Mapped[int]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "app.db"
    database = Database(DatabaseSettings(url=f"sqlite:///{file}"))
    Base.metadata.create_all(database.engine)
    with database.transaction() as session:
        session.add(Counter(id=1, value=0))
    database.close()
    return file


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(DatabaseSettings(url=f"sqlite:///{path}", acquire_timeout=30))
    yield database
    database.close()


def value(database: Database) -> int:
    with database.session() as session:
        return session.get_one(Counter, 1).value


@in_hub
def test_fifty_writers_that_wait_in_their_transactions_lose_nothing(database: Database) -> None:
    def write() -> None:
        with database.transaction() as session:
            counter = session.get_one(Counter, 1)
            rt.sleep(0.005)
            counter.value += 1

    with database.life():
        with rt.scope() as scope:
            for _ in range(50):
                scope.spawn(write)
        assert value(database) == 50


@in_hub
def test_sessions_that_write_wait_for_each_other(database: Database) -> None:
    def write() -> None:
        with database.session() as session:
            session.execute(text("UPDATE counters SET value = value + 1"))
            rt.sleep(0.005)
            session.commit()

    with database.life():
        with rt.scope() as scope:
            for _ in range(20):
                scope.spawn(write)
        assert value(database) == 20


@in_hub
def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.life(), database.transaction() as writer:
        writer.get_one(Counter, 1).value = 7
        writer.flush()
        with rt.deadline(5):
            assert rt.spawn(value, database).result() == 0


@in_hub
def test_a_slow_statement_lets_other_tasks_run_and_can_be_cancelled(database: Database) -> None:
    endless = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    )
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            rt.sleep(0.001)
            ticks += 1

    with database.life():
        ticking = rt.spawn(tick)
        begun = time.monotonic()
        with (
            pytest.raises(rt.DeadlineExceeded),
            rt.deadline(0.3),
            database.session() as session,
        ):
            session.execute(text(endless))
        took = time.monotonic() - begun
        ticking.cancel()
        assert took < 2
        assert ticks > 10
        assert value(database) == 0


def pragmas(session: Session) -> list[object]:
    names = ("journal_mode", "foreign_keys", "synchronous")
    return [session.scalar(text(f"PRAGMA {name}")) for name in names]


@pytest.mark.parametrize(("synchronous", "number"), [("full", 2), ("normal", 1)])
def test_the_file_is_opened_with_the_settings(path: Path, synchronous: str, number: int) -> None:
    database = Database(DatabaseSettings(url=f"sqlite:///{path}", synchronous=synchronous))
    with database.session() as session:
        assert pragmas(session) == ["wal", 1, number]
    database.close()


def test_a_changed_pragma_is_gone_for_the_next_session(path: Path) -> None:
    database = Database(DatabaseSettings(url=f"sqlite:///{path}", pool_size=1))
    with database.session() as session:
        session.commit()
        session.connection().exec_driver_sql("PRAGMA foreign_keys = OFF")
        session.commit()
    with database.session() as session:
        assert pragmas(session)[1] == 1
    database.close()


def test_a_file_that_cannot_be_opened_fails_at_once(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/missing/app.db"))
    begun = time.monotonic()
    with pytest.raises(OperationalError, match="unable to open"):
        database.check()
    assert time.monotonic() - begun < 5


PROGRAM = """
import sys
import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings
from sqlalchemy import text

def main():
    database = Database(DatabaseSettings(url=f"sqlite:///{sys.argv[1]}", acquire_timeout=60))

    def work():
        for _ in range(10):
            with database.transaction() as session:
                value = session.scalar(text("SELECT value FROM counters WHERE id = 1"))
                rt.yield_now()
                session.execute(
                    text("UPDATE counters SET value = :value WHERE id = 1"), {"value": value + 1}
                )

    with database.life(), rt.scope() as scope:
        for _ in range(20):
            scope.spawn(work)

rt.run(main)
"""


@pytest.mark.slow
def test_processes_that_read_and_then_write_lose_nothing(path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=50)
        assert process.returncode == 0, errors.decode()
    database = Database(DatabaseSettings(url=f"sqlite:///{path}"))
    assert value(database) == 3 * 20 * 10
    database.close()
