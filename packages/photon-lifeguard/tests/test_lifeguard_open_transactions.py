"""Calls of code that knows no database, after the commit of sessions and connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import String, create_engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings, TransactionError, transaction
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.testing import in_hub
from photon_runtime.transactions import on_commit


class Base(DeclarativeBase):
    """The models of this file."""


class Note(Base):
    """A text."""

    __tablename__ = "open_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), unique=True)


KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]
KINDS += [pytest.param("mysql", marks=pytest.mark.slow)]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/app.db"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    database = Database(DatabaseSettings(url=url, acquire_timeout=5, pool_size=5))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    try:
        yield database
    finally:
        database.close()


class Log:
    """What was announced, in order."""

    def __init__(self) -> None:
        self.entries: list[object] = []

    def announce(self, entry: object) -> bool:
        return on_commit(lambda: self.entries.append(entry))


INSERT = insert(Note)


@in_hub
def test_a_session_that_has_only_read_is_not_a_transaction(database: Database) -> None:
    log = Log()
    with database.session() as session:
        assert log.announce(1)
        session.scalars(select(Note)).all()
        assert log.announce(2)
        session.add(Note(title="a"))
        assert not log.announce(3)
        session.flush()
        assert not log.announce(4)
        session.commit()
        assert log.entries == [1, 2, 3, 4]
        assert log.announce(5)


@in_hub
def test_a_changed_object_counts_before_it_is_flushed(database: Database) -> None:
    log = Log()
    with database.transaction() as session:
        session.add(Note(title="a"))
    with database.session() as session:
        note = session.scalars(select(Note)).one()
        note.title = "b"
        assert not log.announce(1)
    assert log.entries == []
    with database.session() as session:
        session.delete(session.scalars(select(Note)).one())
        assert not log.announce(2)
        session.commit()
    assert log.entries == [2]


@in_hub
@pytest.mark.parametrize("begin", ["transaction", "session", "begin", "function"])
def test_blocks_announce_at_their_commit(database: Database, begin: str) -> None:
    log = Log()

    def work(session: Session) -> None:
        assert not log.announce(1)
        session.add(Note(title="a"))
        assert not log.announce(2)

    if begin == "transaction":
        with database.transaction() as session:
            work(session)
    elif begin == "function":
        database.run_transaction(work)
    else:
        with database.session() as session:
            with transaction(session) if begin == "session" else session.begin():
                work(session)
            assert log.entries == [1, 2]
    assert log.entries == [1, 2]


@in_hub
def test_nothing_is_announced_of_what_was_rolled_back(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    log = Log()
    with suppress(ValueError), database.transaction() as session:
        session.add(Note(title="a"))
        log.announce(1)
        raise ValueError
    with database.session() as session:
        session.execute(INSERT.values(title="b"))
        log.announce(2)
        session.rollback()
        session.execute(INSERT.values(title="c"))
        log.announce(3)
        session.commit()
        session.execute(INSERT.values(title="d"))
        log.announce(4)
    assert log.entries == [3]
    assert "a rollback has dropped 1 calls that waited for the commit" in caplog.text


@in_hub
def test_a_savepoint_that_is_rolled_back_takes_its_announcements_with_it(
    database: Database,
) -> None:
    log = Log()
    with database.transaction() as session:
        log.announce(1)
        with suppress(ValueError), transaction(session):
            session.add(Note(title="a"))
            log.announce("inner")
            with transaction(session):
                log.announce("innermost")
            raise ValueError
        with session.begin_nested():
            log.announce(2)
        log.announce(3)
    assert log.entries == [1, 2, 3]


@in_hub
def test_a_block_that_was_rolled_back_inside_is_still_one(database: Database) -> None:
    log = Log()
    with database.session() as session, transaction(session):
        session.rollback()
        with transaction(session):
            log.announce(1)
        assert log.entries == [1]
        session.execute(select(Note)).all()
        assert not log.announce(2)
    assert log.entries == [1, 2]


@in_hub
def test_a_failed_flush_announces_nothing_until_the_rollback(database: Database) -> None:
    log = Log()
    with database.session() as session:
        session.add_all([Note(title="a"), Note(title="a")])
        with pytest.raises(IntegrityError):
            session.flush()
        assert not log.announce(1)
        session.rollback()
        assert log.announce(2)
    assert log.entries == [2]


@in_hub
def test_connections_of_core_announce_at_their_commit(database: Database) -> None:
    log = Log()
    with database.engine.begin() as connection:
        connection.execute(INSERT.values(title="a"))
        assert not log.announce(1)
        assert log.entries == []
    assert log.entries == [1]
    with database.engine.connect() as connection:
        connection.execute(INSERT.values(title="b"))
        log.announce("rolled back")
        connection.rollback()
        connection.execute(INSERT.values(title="c"))
        log.announce(2)
        connection.commit()
        assert log.entries == [1, 2]
        connection.execute(INSERT.values(title="d"))
        log.announce("closed")
    assert log.announce(3)
    assert log.entries == [1, 2, 3]


@in_hub
def test_savepoints_of_core_take_their_announcements_with_them(database: Database) -> None:
    log = Log()
    with database.engine.begin() as connection:
        connection.execute(INSERT.values(title="a"))
        log.announce(1)
        outer = connection.begin_nested()
        log.announce("outer")
        with connection.begin_nested():
            log.announce("inner")
        outer.rollback()
        with connection.begin_nested():
            log.announce(2)
        log.announce(3)
    assert log.entries == [1, 2, 3]


@in_hub
def test_sessions_of_the_application_announce_at_their_commit(database: Database) -> None:
    log = Log()
    with Session(database.engine) as session:
        session.execute(INSERT.values(title="a"))
        assert not log.announce(1)
        session.commit()
        assert log.entries == [1]
        session.execute(INSERT.values(title="b"))
        log.announce(2)
    assert log.entries == [1]


@in_hub
@pytest.mark.parametrize("level", ["SERIALIZABLE", "AUTOCOMMIT"])
def test_transactions_that_the_driver_begins_announce_at_their_commit(
    database: Database, level: str
) -> None:
    log = Log()
    with database.engine.connect().execution_options(isolation_level=level) as connection:
        connection.execute(select(Note)).all()
        connection.execute(INSERT.values(title="a"))
        assert log.announce(1) == (level == "AUTOCOMMIT")
        connection.commit()
        assert log.entries == [1]
        connection.execute(INSERT.values(title="b"))
        log.announce(2)
    assert log.entries == ([1, 2] if level == "AUTOCOMMIT" else [1])


@in_hub
def test_an_announcement_waits_for_all_databases(database: Database, tmp_path: Path) -> None:
    log = Log()
    other = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/other.db"))
    Base.metadata.create_all(other.engine)
    with database.session() as session, other.session() as further:
        session.add(Note(title="a"))
        further.add(Note(title="a"))
        log.announce(1)
        further.commit()
        assert log.entries == []
        session.commit()
        assert log.entries == [1]
        session.add(Note(title="b"))
        further.add(Note(title="b"))
        log.announce(2)
        further.commit()
        session.rollback()
    assert log.entries == [1]
    other.close()


@in_hub
def test_a_session_of_another_library_counts_while_it_is_open(
    database: Database, tmp_path: Path
) -> None:
    log = Log()
    engine = create_engine(f"sqlite:///{tmp_path}/foreign.db")
    Base.metadata.create_all(engine)
    with database.session() as session:
        session.bind = engine
        session.execute(INSERT.values(title="a"))
        assert not log.announce(1)
        session.commit()
    assert log.entries == [1]
    engine.dispose()


@in_hub
def test_tasks_are_inside_of_the_transactions_of_the_task_that_spawned_them(
    database: Database,
) -> None:
    log = Log()
    with database.transaction() as session:
        session.add(Note(title="a"))
        rt.spawn(log.announce, 1).join()
        assert log.entries == []
    assert log.entries == [1]


@in_hub
def test_another_context_does_not_wait(database: Database) -> None:
    log = Log()
    begun, end = rt.Event(), rt.Event()

    def work() -> None:
        with database.transaction() as session:
            session.add(Note(title="a"))
            begun.set()
            end.wait()

    task = rt.spawn(work)
    begun.wait()
    assert log.announce(1)
    end.set()
    task.join()


@in_hub
def test_a_deadline_within_a_statement_drops_the_announcements(database: Database) -> None:
    log = Log()
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000)"
        " SELECT count(*) FROM n",
        "postgresql": "SELECT pg_sleep(10)",
        "mysql": "SELECT sleep(10)",
    }[database.engine.dialect.name]

    with suppress(DeadlineExceeded), database.engine.begin() as connection:
        connection.execute(INSERT.values(title="a"))
        log.announce(1)
        with rt.deadline(0.05):
            connection.execute(text(slow))
    with database.session() as session:
        session.execute(INSERT.values(title="a"))
        log.announce(2)
        with pytest.raises(DeadlineExceeded), rt.deadline(0.05):
            session.execute(text(slow))
        with suppress(TransactionError):  # SQLite undoes the statement alone
            session.commit()
    with database.session() as session:
        written = len(session.scalars(select(Note)).all())
    assert log.entries == [2] * written


@in_hub
def test_an_announcement_may_use_the_database(database: Database) -> None:
    titles: list[list[str]] = []

    def read() -> None:
        with database.session() as session:
            titles.append(list(session.scalars(select(Note.title))))

    with database.transaction() as session:
        session.add(Note(title="a"))
        on_commit(read)
    with database.engine.begin() as connection:
        connection.execute(update(Note).values(title="b"))
        on_commit(read)
    assert titles == [["a"], ["b"]]


@in_hub
def test_an_error_in_an_announcement_is_logged(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log()

    def fail() -> None:
        raise ValueError("not announced")

    with database.engine.begin() as connection:
        connection.execute(INSERT.values(title="a"))
        on_commit(fail)
        log.announce(1)
    assert log.entries == [1]
    assert "not announced" in caplog.text


@in_hub
def test_notes_of_ended_sessions_and_transactions_do_not_pile_up(database: Database) -> None:
    from photon_lifeguard.transactions import _open_transactions, _server_transactions

    sessions = len(_open_transactions._SESSIONS.get())
    blocks = len(_open_transactions._BLOCKS.get())
    transactions = len(_server_transactions._TRANSACTIONS.get())
    for number in range(20):
        with database.transaction() as session:
            session.add(Note(title=f"a{number}"))
        with database.engine.begin() as connection:
            connection.execute(INSERT.values(title=f"b{number}"))
    assert len(_open_transactions._SESSIONS.get()) <= sessions + 2
    assert len(_open_transactions._BLOCKS.get()) <= blocks + 2
    assert len(_server_transactions._TRANSACTIONS.get()) <= transactions + 2
