# ruff: noqa: PT012 - what is tested here are blocks
"""Transactions on SQLite, PostgreSQL and MariaDB: nesting, commit hooks, isolation, locks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import String, create_engine, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, PendingRollbackError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, mapped_column

import photon_runtime as rt
from photon_lifeguard import (
    Database,
    DatabaseSettings,
    TransactionError,
    advisory_lock,
    on_commit,
    set_local,
    transaction,
)
from photon_lifeguard.transactions import commit_changes
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.testing import in_hub


class Base(DeclarativeBase):
    """The models of this file."""


class Post(Base):
    """A text."""

    __tablename__ = "transaction_posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), unique=True)
    count: Mapped[int] = mapped_column(default=0)


KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]
KINDS += [pytest.param("mysql", marks=pytest.mark.slow)]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/app.db"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    database = Database(DatabaseSettings(url=url, acquire_timeout=20, pool_size=5))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    try:
        yield database
    finally:
        database.close()


def titles(database: Database) -> list[str]:
    with database.session() as session:
        return sorted(session.scalars(select(Post.title)))


first, second, third, fourth = (aliased(Post) for _ in range(4))
EVERY_FOUR = (
    select(func.count())
    .select_from(first)
    .join(second, second.count == first.count)
    .join(third, third.count == first.count)
    .join(fourth, fourth.count == first.count)
)
"""A statement that reads, and takes long with a few hundred rows."""


def fail() -> None:
    raise ValueError("failed")


@in_hub
def test_a_block_is_committed_whole_or_not_at_all(database: Database) -> None:
    with database.transaction() as session:
        session.add_all([Post(title="a"), Post(title="b")])
    with pytest.raises(ValueError, match="failed"), database.transaction() as session:
        session.add(Post(title="c"))
        session.flush()
        fail()
    assert titles(database) == ["a", "b"]


@in_hub
def test_an_error_outside_of_an_inner_block_undoes_it(database: Database) -> None:
    with pytest.raises(ValueError, match="failed"), database.transaction():
        with database.transaction() as session:
            session.add(Post(title="a"))
        fail()
    assert titles(database) == []


@in_hub
def test_an_error_in_an_inner_block_undoes_that_block_alone(database: Database) -> None:
    with database.transaction() as session:
        session.add(Post(title="a"))
        session.flush()
        with pytest.raises(IntegrityError), database.transaction() as inner:
            assert inner is session
            inner.add(Post(title="a"))
        session.add(Post(title="b"))
    assert titles(database) == ["a", "b"]


@in_hub
def test_another_task_has_a_transaction_of_its_own(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        return  # the second writer would wait for the first
    with database.transaction() as outer:

        def other() -> None:
            with database.transaction() as session:
                assert session is not outer
                session.add(Post(title="other"))

        rt.spawn(other).result()
        assert titles(database) == ["other"]


@in_hub
def test_changes_before_a_block_are_not_committed_by_it(database: Database) -> None:
    with database.session() as session:
        session.add(Post(title="before"))
        with transaction(session):
            session.add(Post(title="inside"))
        session.rollback()
    assert titles(database) == []


@in_hub
def test_reads_before_a_block_do_not_make_it_a_savepoint(database: Database) -> None:
    with database.session() as session:
        assert session.scalars(select(Post)).all() == []
        with transaction(session):
            session.add(Post(title="inside"))
        session.rollback()
    assert titles(database) == ["inside"]


@in_hub
def test_a_block_that_only_reads_refuses_to_write(database: Database) -> None:
    with pytest.raises(DBAPIError), database.transaction(read_only=True) as session:
        session.add(Post(title="a"))
    assert titles(database) == []
    with database.transaction() as session:
        session.add(Post(title="b"))
    assert titles(database) == ["b"]


@in_hub
def test_isolation_belongs_to_the_outermost_block(database: Database) -> None:
    with database.transaction(isolation="SERIALIZABLE") as session:
        with (
            pytest.raises(TransactionError, match="outermost"),
            database.transaction(isolation="REPEATABLE READ"),
        ):
            pass
        with (
            pytest.raises(TransactionError, match="outermost"),
            transaction(session, read_only=True),
        ):
            pass


@in_hub
def test_a_serializable_block_sees_one_snapshot(database: Database) -> None:
    with database.transaction(isolation="REPEATABLE READ", read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Post)) == 0

        def write() -> None:
            with database.transaction() as other:
                other.add(Post(title="new"))

        rt.spawn(write).result()
        assert session.scalar(select(func.count()).select_from(Post)) == 0
    assert titles(database) == ["new"]


@in_hub
def test_calls_run_after_the_commit_in_order_and_may_use_the_session(database: Database) -> None:
    calls: list[object] = []
    with database.session() as session:
        with transaction(session):
            on_commit(session, calls.append, 1)
            session.add(Post(title="a"))
            with transaction(session):
                on_commit(session, lambda: calls.append(session.scalar(select(Post.title))))
            assert calls == []
        assert calls == [1, "a"]
        session.rollback()
        session.add(Post(title="b"))
        session.commit()
    assert calls == [1, "a"]


@in_hub
def test_calls_of_what_is_rolled_back_are_dropped(database: Database) -> None:
    calls: list[int] = []
    with database.session() as session:
        with transaction(session):
            on_commit(session, calls.append, 1)
            with pytest.raises(ValueError, match="failed"), transaction(session):
                on_commit(session, calls.append, 2)
                with transaction(session):
                    on_commit(session, calls.append, 3)
                fail()
        with pytest.raises(ValueError, match="failed"), transaction(session):
            on_commit(session, calls.append, 4)
            fail()
        session.commit()
    assert calls == [1]


@in_hub
def test_a_failed_call_does_not_stop_the_others(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []
    with database.transaction() as session:
        on_commit(session, fail)
        on_commit(session, calls.append, 1)
    assert calls == [1]
    assert "a call after the commit failed" in caplog.text


@in_hub
def test_calls_that_were_added_before_a_block_wait_for_its_commit(database: Database) -> None:
    calls: list[int] = []
    with database.session() as session:
        on_commit(session, calls.append, 1)
        with pytest.raises(ValueError, match="failed"), transaction(session):
            on_commit(session, calls.append, 2)
            fail()
        assert calls == []
        with transaction(session):
            on_commit(session, calls.append, 3)
            assert calls == []
        assert calls == [1, 3]


@in_hub
def test_a_cancelled_call_does_not_stop_the_others(database: Database) -> None:
    calls: list[int] = []
    with rt.scope() as scope, database.transaction() as session:
        session.add(Post(title="a"))
        on_commit(session, scope.cancel)
        on_commit(session, rt.sleep, 30)
        on_commit(session, calls.append, 1)
    assert calls == [1]
    assert titles(database) == ["a"]


@in_hub
def test_reading_and_writing_in_one_block_loses_no_update(database: Database) -> None:
    with database.transaction() as session:
        session.add(Post(id=1, title="counter"))

    def increment() -> None:
        for _ in range(5):
            database.run_transaction(count_up, isolation="SERIALIZABLE", attempts=100)

    def count_up(session: Session) -> None:
        post = session.get_one(Post, 1, with_for_update=True)
        rt.yield_now()
        post.count += 1

    with rt.scope() as scope:
        for _ in range(8):
            scope.spawn(increment)
    with database.session() as session:
        assert session.get_one(Post, 1).count == 40


@in_hub
def test_an_advisory_lock_is_held_to_the_end_of_the_transaction(database: Database) -> None:
    order: list[str] = []

    def work(name: str) -> None:
        with database.transaction() as session:
            assert advisory_lock(session, "report")
            order.append(f"{name} begins")
            rt.sleep(0.02)
            order.append(f"{name} ends")

    with rt.scope() as scope:
        for name in ("first", "second", "third"):
            scope.spawn(work, name)
    for begins, ends in zip(order[::2], order[1::2], strict=True):
        assert begins.split()[0] == ends.split()[0]


@in_hub
def test_a_lock_that_is_held_is_refused_to_a_caller_that_does_not_wait(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        return  # the second transaction would wait for the first
    with database.transaction() as session:
        advisory_lock(session, "report")

        def other() -> bool:
            with database.transaction() as another:
                return advisory_lock(another, "report", wait=False)

        assert rt.spawn(other).result() is False
    assert rt.spawn(other).result() is True


@in_hub
def test_a_local_setting_ends_with_the_transaction(database: Database) -> None:
    with database.session() as session:
        if database.engine.dialect.name != "postgresql":
            with pytest.raises(TransactionError, match="PostgreSQL"):
                set_local(session, "app.tenant", "7")
            return
        setting = text("SELECT current_setting('app.tenant', true)")
        set_local(session, "app.tenant", "7'; DROP TABLE x")
        assert session.scalar(setting) == "7'; DROP TABLE x"
        session.commit()
        assert not session.scalar(setting)


@in_hub
def test_reads_begin_no_transaction_and_writes_begin_one(database: Database) -> None:
    with database.session() as session:
        connection = session.connection().connection.dbapi_connection
        session.scalars(select(Post)).all()
        assert not database.backend.in_transaction(connection)
        session.add(Post(title="a"))
        session.flush()
        assert database.backend.in_transaction(connection)
        session.commit()
        assert not database.backend.in_transaction(connection)


@in_hub
def test_an_isolation_level_of_sqlalchemy_lasts_until_the_connection_is_given_back(
    database: Database,
) -> None:
    statements: list[str] = []
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text("INSERT INTO transaction_posts (id, title, count) VALUES (1,'a',0)")
        )
        assert not database.backend.in_transaction(connection.connection.dbapi_connection)
    while database.pool.in_use:
        rt.sleep(0.01)
    with database.engine.begin() as connection:
        event.listen(
            connection, "before_cursor_execute", lambda *args: statements.append(str(args[2]))
        )
        connection.execute(select(Post.id))
        assert not database.backend.in_transaction(connection.connection.dbapi_connection)
    assert titles(database) == ["a"]
    assert statements


def test_everything_works_outside_of_coroutines(database: Database) -> None:
    with database.transaction() as session, database.transaction():
        session.add(Post(title="a"))
    assert titles(database) == ["a"]


def test_a_session_of_another_engine_is_refused(tmp_path: Path) -> None:
    engine = create_engine("sqlite://")
    with (
        Session(engine) as session,
        pytest.raises(TransactionError, match="photon_lifeguard"),
    ):
        advisory_lock(session, "x")
    engine.dispose()


def test_the_engine_has_no_listeners_that_every_connection_would_join(database: Database) -> None:
    assert not database.engine._has_events


class CountingSession(Session):
    """Counts its commits."""

    commits = 0

    def commit(self) -> None:
        self.commits += 1
        super().commit()


@in_hub
def test_commit_changes_leaves_out_the_commit_of_a_session_that_has_only_read(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.add(Post(title="a"))
    with database.session(CountingSession) as reader:
        assert reader.scalars(select(Post.title)).all() == ["a"]
        commit_changes(reader)
        assert reader.commits == 0
    assert database.pool.in_use == 0


@in_hub
def test_commit_changes_commits_pending_flushed_and_executed_changes(database: Database) -> None:
    with database.session(CountingSession) as session:
        session.add(Post(title="pending"))
        commit_changes(session)
        session.add(Post(title="flushed"))
        session.flush()
        commit_changes(session)
        session.execute(text("INSERT INTO transaction_posts (title, count) VALUES ('text', 0)"))
        commit_changes(session)
        session.scalars(select(Post).where(Post.title == "text")).one().title = "changed"
        commit_changes(session)
        session.delete(session.scalars(select(Post).where(Post.title == "pending")).one())
        commit_changes(session)
        assert session.commits == 5
    assert titles(database) == ["changed", "flushed"]


@in_hub
def test_commit_changes_commits_inside_of_a_savepoint(database: Database) -> None:
    with database.session(CountingSession) as session:
        session.begin_nested()
        session.scalars(select(Post.title)).all()
        commit_changes(session)
        assert session.commits == 1


@in_hub
def test_commit_changes_calls_the_listeners_of_commits_after_reads(database: Database) -> None:
    calls: list[str] = []
    with database.session() as session:
        session.scalars(select(Post.title)).all()
        on_commit(session, calls.append, "hook")
        commit_changes(session)
    event.listen(CountingSession, "before_commit", lambda _: calls.append("listener"))
    with database.session(CountingSession) as session:
        commit_changes(session)
    engine_listener = database.engine, "commit", lambda _: calls.append("engine")
    event.listen(*engine_listener)
    with database.session() as session:
        session.scalars(select(Post.title)).all()
        commit_changes(session)
    assert calls == ["hook", "listener", "engine"]


@in_hub
def test_commit_changes_fails_after_a_failed_flush(database: Database) -> None:
    with database.transaction() as session:
        session.add(Post(title="a"))
    with database.session() as session:
        session.add(Post(title="a"))
        with pytest.raises(IntegrityError):
            session.flush()
        session.expunge_all()
        with pytest.raises(PendingRollbackError):
            commit_changes(session)


def ignore_duplicate(session: Session, title: str) -> None:
    with suppress(IntegrityError):
        session.execute(insert(Post).values(title=title))


@in_hub
@pytest.mark.parametrize("is_block", [False, True])
def test_a_commit_that_the_database_would_turn_into_a_rollback_is_an_error(
    database: Database, is_block: bool
) -> None:
    calls: list[int] = []

    def write() -> None:
        with database.transaction() if is_block else database.session() as session:
            session.execute(insert(Post).values(title="a"))
            on_commit(session, calls.append, 1)
            ignore_duplicate(session, "a")
            if not is_block:
                session.commit()

    if database.backend.name == "postgresql":
        with pytest.raises(TransactionError, match="a statement in it failed"):
            write()
        assert (titles(database), calls) == ([], [])
    else:
        write()
        assert (titles(database), calls) == (["a"], [1])


@in_hub
def test_a_statement_that_fails_in_a_block_of_its_own_spoils_nothing(database: Database) -> None:
    with database.transaction() as session:
        session.execute(insert(Post).values(title="a"))
        with suppress(IntegrityError), transaction(session):
            session.execute(insert(Post).values(title="a"))
        session.execute(insert(Post).values(title="b"))
    assert titles(database) == ["a", "b"]


@in_hub
def test_a_transaction_that_was_ended_by_an_error_does_not_continue_as_another(
    tmp_path: Path,
) -> None:
    database = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/app.db"))
    Base.metadata.create_all(database.engine)
    duplicate = insert(Post).prefix_with("OR ROLLBACK").values(title="a")
    with database.session() as session:
        session.execute(insert(Post).values(title="a"))
        with suppress(IntegrityError):
            session.execute(duplicate)
        with pytest.raises(TransactionError, match="undone all changes"):
            session.execute(insert(Post).values(title="b"))
        with pytest.raises(TransactionError, match="undone all changes"):
            session.commit()
        session.rollback()
        session.execute(insert(Post).values(title="c"))
        session.commit()
    assert titles(database) == ["c"]
    database.close()


@pytest.mark.slow
@in_hub
def test_a_deadlock_inside_of_a_block_is_repeated(mysql_url: str) -> None:
    database = Database(DatabaseSettings(url=mysql_url, pool_size=5))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    with database.transaction() as session:
        session.add_all([Post(id=1, title="a"), Post(id=2, title="b")])

    def increment(first: int, second: int) -> None:
        def count_up(session: Session) -> None:
            session.execute(update(Post).where(Post.id == first).values(count=Post.count + 1))
            rt.sleep(0.2)
            with transaction(session):
                session.execute(update(Post).where(Post.id == second).values(count=Post.count + 1))

        database.run_transaction(count_up, attempts=5)

    with rt.scope() as scope:
        scope.spawn(increment, 1, 2)
        scope.spawn(increment, 2, 1)
    with database.session() as session:
        assert session.scalars(select(Post.count)).all() == [2, 2]
    database.close()


@pytest.mark.slow
@in_hub
def test_a_deadlock_that_is_caught_is_not_committed_by_halves(mysql_url: str) -> None:
    database = Database(DatabaseSettings(url=mysql_url, pool_size=5))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    with database.transaction() as session:
        session.add_all([Post(id=1, title="a"), Post(id=2, title="b")])
    outcomes: list[str] = []

    def increment(first: int, second: int) -> None:
        with database.session() as session:
            session.execute(update(Post).where(Post.id == first).values(count=Post.count + 1))
            rt.sleep(0.2)
            with suppress(OperationalError):
                session.execute(update(Post).where(Post.id == second).values(count=Post.count + 1))
            try:
                session.commit()
                outcomes.append("committed")
            except TransactionError:
                outcomes.append("refused")

    with rt.scope() as scope:
        scope.spawn(increment, 1, 2)
        scope.spawn(increment, 2, 1)
    assert sorted(outcomes) == ["committed", "refused"]
    with database.session() as session:
        assert session.scalars(select(Post.count)).all() == [1, 1]
    database.close()


@in_hub
def test_a_read_that_a_deadline_ended_can_be_followed_by_a_commit(database: Database) -> None:
    with database.transaction() as session:
        session.add_all([Post(title=f"post {number}") for number in range(300)])
    with database.session() as session:
        with pytest.raises(DeadlineExceeded), rt.deadline(0.1):
            session.scalar(EVERY_FOUR)
        session.commit()
        assert session.scalar(select(func.count()).select_from(Post)) == 300


@in_hub
def test_an_isolation_level_of_sqlalchemy_costs_no_connection_when_it_is_interrupted(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.add_all([Post(title=f"post {number}") for number in range(300)])
    for _ in range(6):  # the pool has five
        with pytest.raises(DeadlineExceeded), rt.deadline(0.1), database.session() as session:
            session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            session.scalar(EVERY_FOUR)
    while database.pool.in_use:
        rt.sleep(0.01)
    with database.engine.connect() as connection:
        assert not database.backend.is_altered(connection.connection.dbapi_connection)


def test_the_end_of_a_hub_costs_no_connection_that_is_being_reset(database: Database) -> None:
    with database.transaction() as session:
        session.add_all([Post(title=f"post {number}") for number in range(300)])

    def leave_at_the_deadline() -> None:
        with pytest.raises(DeadlineExceeded), rt.deadline(0.05), database.session() as session:
            session.scalar(EVERY_FOUR)

    for _ in range(6):  # the pool has five
        rt.run(leave_at_the_deadline)
    assert database.pool.in_use == 0
    assert len(titles(database)) == 300
