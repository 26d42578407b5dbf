"""Tests whose sessions share one connection of PostgreSQL, which is rolled back."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql import Executable

import photon_runtime as rt
from photon_lifeguard import (
    Database,
    DatabaseSettings,
    TransactionError,
    on_commit,
    transaction,
)
from photon_lifeguard.testing import TemporaryDatabases
from photon_runtime.testing import hub_thread, in_hub

METADATA = MetaData()
POSTS = Table(
    "posts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("title", String(50), unique=True, nullable=False),
)
COMMENTS = Table(
    "comments",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("post", ForeignKey("posts.id", deferrable=True, initially="DEFERRED"), nullable=False),
)

NewDatabase = Callable[[], Database]


@pytest.fixture(scope="module")
def temporary() -> Iterator[TemporaryDatabases]:
    with TemporaryDatabases(METADATA) as databases:
        yield databases


@pytest.fixture
def settings(postgres_url: str) -> DatabaseSettings:
    return DatabaseSettings(url=postgres_url, acquire_timeout=5.0)


@pytest.fixture
def new_database(
    temporary: TemporaryDatabases, settings: DatabaseSettings
) -> Iterator[NewDatabase]:
    with temporary.open(mode="rollback") as factory:
        yield lambda: factory("default", settings)


@pytest.fixture
def database(new_database: NewDatabase) -> Database:
    return new_database()


def write(database: Database, *titles: str) -> None:
    with database.session() as session:
        for title in titles:
            session.execute(insert(POSTS).values(title=title))
        session.commit()


def titles(database: Database) -> list[str]:
    with database.session() as session:
        return sorted(session.scalars(select(POSTS.c.title)))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_test_sees_nothing_of_the_one_before(new_database: NewDatabase, number: int) -> None:
    first, second = new_database(), new_database()
    assert titles(first) == []
    write(first, "a")
    assert titles(second) == ["a"]
    with pytest.raises(IntegrityError):
        write(second, "a")
    write(second, "b")
    thread = threading.Thread(target=write, args=(first, "thread"))
    thread.start()
    thread.join()
    with hub_thread() as hub:
        hub.call(write, second, "task")
    with first.engine.begin() as connection:
        connection.execute(text("CREATE TABLE made_by_the_test (id int)"))
    assert titles(first) == titles(second) == ["a", "b", "task", "thread"]


def test_the_application_cannot_touch_the_database_of_its_settings(
    database: Database, postgres_url: str
) -> None:
    with database.session() as session:
        name = session.scalar(select(func.current_database()))
    assert name != postgres_url.rpartition("/")[2]
    assert "test" in str(name)


def test_what_is_not_committed_ends_with_its_session(database: Database) -> None:
    with database.session() as session:
        session.execute(insert(POSTS).values(title="lost"))
    with pytest.raises(DBAPIError), database.transaction() as session:  # noqa: PT012
        session.execute(insert(POSTS).values(title="lost, too"))
        session.execute(text("SELECT 1/0"))
    assert titles(database) == []


def test_savepoints_nest_in_a_transaction(database: Database) -> None:
    with database.session() as session:
        with transaction(session):
            session.execute(insert(POSTS).values(title="a"))
            with pytest.raises(IntegrityError), transaction(session):  # noqa: PT012
                session.execute(insert(POSTS).values(title="b"))
                session.execute(insert(POSTS).values(title="a"))
            with transaction(session):
                session.execute(insert(POSTS).values(title="c"))
        assert titles(database) == ["a", "c"]
        with pytest.raises(DBAPIError), transaction(session):  # noqa: PT012
            with transaction(session):
                session.execute(insert(POSTS).values(title="d"))
            session.execute(text("SELECT 1/0"))
    assert titles(database) == ["a", "c"]


def test_hooks_run_after_a_commit_and_may_write(database: Database) -> None:
    with database.session() as session:
        session.execute(insert(POSTS).values(title="a"))
        on_commit(session, write, database, "hook")
        session.commit()
        session.execute(insert(POSTS).values(title="b"))
        on_commit(session, write, database, "never")
        session.rollback()
    assert titles(database) == ["a", "hook"]


def test_an_error_of_a_read_harms_no_other_session(database: Database) -> None:
    with database.session() as writer, database.session() as reader:
        writer.execute(insert(POSTS).values(title="a"))
        with pytest.raises(DBAPIError):
            reader.execute(select(1 / (func.length("a") - 1)))
        assert reader.scalar(select(func.count()).select_from(POSTS)) == 1
        writer.commit()
    assert titles(database) == ["a"]


@in_hub
def test_a_read_waits_while_the_open_transaction_has_failed(database: Database) -> None:
    with database.session() as writer:
        writer.execute(insert(POSTS).values(title="a"))
        with pytest.raises(IntegrityError):
            writer.connection().execute(insert(POSTS).values(title="a"))
        reading = rt.spawn(titles, database)
        rt.sleep(0.05)
        assert not reading.done
        writer.rollback()
    assert reading.result() == []


@in_hub
def test_transactions_take_turns_and_none_is_lost(database: Database) -> None:
    def work(number: int) -> None:
        with database.session() as session:
            session.execute(insert(POSTS).values(title=f"{number}"))
            rt.sleep(0.002)
            if number % 3 == 0:
                session.rollback()
            else:
                session.commit()

    with rt.scope() as scope:
        for number in range(30):
            scope.spawn(work, number)
    assert titles(database) == sorted(f"{number}" for number in range(30) if number % 3)


def test_a_transaction_contains_others_of_its_task_and_of_requests(database: Database) -> None:
    with database.session() as first, database.session() as second, hub_thread() as hub:
        first.execute(insert(POSTS).values(title="a"))
        second.execute(insert(POSTS).values(title="b"))
        second.commit()
        hub.call(write, database, "request")
        with pytest.raises(IntegrityError):
            hub.call(write, database, "request")
        first.execute(insert(POSTS).values(title="c"))
        first.commit()
    assert titles(database) == ["a", "b", "c", "request"]


def test_a_rollback_that_would_undo_commits_of_others_fails(database: Database) -> None:
    with database.session() as session, hub_thread() as hub:
        session.execute(insert(POSTS).values(title="a"))
        hub.call(write, database, "request")
        with pytest.raises(TransactionError, match=r"would have kept.*database\(.fresh"):
            session.rollback()
    with database.session() as session, hub_thread() as hub:
        session.execute(text("SELECT 1"))
        hub.call(write, database, "request")
        session.rollback()
    assert titles(database) == ["request"]


def test_a_transaction_that_waits_for_its_own_task_is_refused_at_once(database: Database) -> None:
    with database.session() as first, database.session() as second:
        first.execute(insert(POSTS).values(title="a"))
        second.execute(insert(POSTS).values(title="b"))
        with pytest.raises(TransactionError, match=r"of the same task: .*test_lifeguard_testing"):
            first.execute(insert(POSTS).values(title="c"))
        second.commit()
        first.commit()
    assert titles(database) == ["a", "b"]


@pytest.mark.slow
def test_a_request_that_waits_for_the_test_is_refused_and_named(database: Database) -> None:
    with database.session() as session, hub_thread() as hub:
        session.execute(insert(POSTS).values(title="a"))
        with pytest.raises(IntegrityError):
            session.connection().execute(insert(POSTS).values(title="a"))
        with pytest.raises(TransactionError, match=r"has waited 1 s .*Commit or close"):
            hub.call(write, database, "b")
        session.rollback()
        hub.call(write, database, "b")
    assert titles(database) == ["b"]


def test_a_deferred_constraint_is_checked_at_the_commit(database: Database) -> None:
    for _ in range(2):
        with database.session() as session:
            session.execute(insert(COMMENTS).values(id=1, post=7))
            with pytest.raises(IntegrityError):
                session.commit()
            session.rollback()
    with database.session() as session:
        session.execute(insert(COMMENTS).values(id=1, post=7))
        session.execute(insert(POSTS).values(id=7, title="a"))
        session.commit()
        assert session.scalar(select(func.count()).select_from(COMMENTS)) == 1


def test_local_settings_end_with_their_transaction(database: Database) -> None:
    tenant = text("SELECT current_setting('app.tenant', true)")
    with database.session() as session:
        for commands in (
            "SET LOCAL app.tenant = '7'",
            "SELECT set_config('app.tenant', '7', true)",
        ):
            with transaction(session):
                session.execute(text(commands))
                assert session.scalar(tenant) == "7"
            with transaction(session):
                assert session.scalar(tenant) in ("", None)


@in_hub
def test_the_time_limit_of_a_transaction_ends_with_it(database: Database) -> None:
    limit = text("SHOW statement_timeout")
    with database.session() as session:
        with rt.deadline(2.0), transaction(session):
            assert session.scalar(limit) != "30s"
        with transaction(session):
            assert session.scalar(limit) == "30s"


def test_a_read_only_transaction_refuses_writes_and_only_these(database: Database) -> None:
    with database.session() as session:
        with pytest.raises(DBAPIError, match="read-only"), transaction(session, read_only=True):
            session.execute(insert(POSTS).values(title="a"))
        with transaction(session, isolation="SERIALIZABLE"):
            session.execute(insert(POSTS).values(title="b"))
    assert titles(database) == ["b"]


def test_isolation_levels_of_sqlalchemy_are_accepted(database: Database) -> None:
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(insert(POSTS).values(title="a"))
        connection.rollback()
    engine = database.engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        connection.execute(insert(POSTS).values(title="b"))
        connection.rollback()
        connection.execute(insert(POSTS).values(title="c"))
        connection.commit()
    assert titles(database) == ["a", "c"]


def test_rows_are_streamed_in_a_transaction(database: Database) -> None:
    write(database, *map(str, range(100)))
    with database.transaction() as session:
        result = session.execute(
            select(POSTS.c.title).order_by(POSTS.c.id), execution_options={"yield_per": 7}
        )
        assert [title for (title,) in result] == [str(number) for number in range(100)]


def test_temporary_tables_and_settings_end_with_the_connection(database: Database) -> None:
    for _ in range(2):
        with database.engine.begin() as connection:
            connection.execute(text("CREATE TEMPORARY TABLE scratch (id int)"))
            connection.execute(text("SET search_path = pg_catalog"))
    assert titles(database) == []


@in_hub
def test_cancelled_statements_leave_on_time_and_harm_nothing(database: Database) -> None:
    write(database, "a")
    for statement in (select(1), insert(POSTS).values(title="lost")) * 3:
        with rt.deadline(3.0):
            with database.session() as session:
                fails_late(session, statement, 0.03)
            write(database, f"after {random.random()}")
    assert len(titles(database)) == 7


def random_work(database: Database, choose: random.Random, title: str) -> bool:
    """Do one of several things in a session; return whether it has committed ``title``."""
    new = insert(POSTS).values(title=title)
    kind = choose.choice(["commit", "rollback", "error", "nested", "read", "cancel"])
    with database.session() as session:
        if kind == "read":
            session.scalars(select(POSTS.c.title)).all()
        elif kind == "cancel":
            fails_late(session, new, choose.random() / 20)
        else:
            session.execute(new)
            rt.sleep(choose.random() / 500)
            if kind == "error":
                fails(session, new)
            elif kind == "nested":
                with transaction(session):
                    session.execute(select(1))
            if kind in ("commit", "nested"):
                session.commit()
    return kind in ("commit", "nested")


def fails(session: Session, statement: Executable) -> None:
    with pytest.raises(IntegrityError):
        session.execute(statement)


def fails_late(session: Session, statement: Executable, limit: float) -> None:
    def work() -> None:
        with rt.deadline(limit):
            session.execute(statement)
            session.execute(select(func.pg_sleep(20)))

    with pytest.raises(TimeoutError):
        work()


def in_tasks(database: Database, committed: set[str], name: str) -> None:
    """Let eight tasks do random things; note in ``committed`` what they have committed."""

    def work(number: int) -> None:
        choose = random.Random(f"{name}{number}")
        for step in range(6):
            title = f"{name}{number}-{step}"
            if random_work(database, choose, title):
                committed.add(title)

    with rt.scope() as scope:
        for number in range(8):
            scope.spawn(work, number)


def in_thread(database: Database, committed: set[str], name: str) -> None:
    for step in range(10):
        write(database, f"{name}-{step}")
        committed.add(f"{name}-{step}")


@in_hub
def test_random_work_of_many_tasks_keeps_exactly_what_was_committed(database: Database) -> None:
    committed: set[str] = set()
    in_tasks(database, committed, "task")
    assert titles(database) == sorted(committed)


@pytest.mark.slow
def test_hubs_and_threads_share_the_connection(new_database: NewDatabase) -> None:
    first, second = new_database(), new_database()
    committed: set[str] = set()
    with hub_thread() as hub, hub_thread() as other:
        calls = [
            hub.begin(in_tasks, first, committed, "hub"),
            other.begin(in_tasks, second, committed, "other"),
        ]
        thread = threading.Thread(target=in_thread, args=(first, committed, "thread"))
        thread.start()
        in_thread(second, committed, "test")
        thread.join()
        for call in calls:
            call.result()
    assert titles(first) == titles(second) == sorted(committed)


def test_a_session_of_an_ended_test_is_refused(
    temporary: TemporaryDatabases, settings: DatabaseSettings
) -> None:
    with temporary.open(mode="rollback") as factory:
        session = factory("default", settings).session()
        session.execute(insert(POSTS).values(title="a"))
    with temporary.open(mode="rollback") as factory:
        with pytest.raises(TransactionError, match="has ended"):
            session.execute(insert(POSTS).values(title="b"))
        session.close()
        assert titles(factory("default", settings)) == []


def test_a_lost_connection_fails_its_test_alone(
    temporary: TemporaryDatabases, settings: DatabaseSettings
) -> None:
    with temporary.open(mode="rollback") as factory:
        database = factory("default", settings)
        with pytest.raises(DBAPIError), database.session() as session:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        with pytest.raises(TransactionError, match=r'closed.*@pytest.mark.database\("fresh"\)'):
            write(database, "a")
    with temporary.open(mode="rollback") as factory:
        database = factory("default", settings)
        write(database, "a")
        assert titles(database) == ["a"]


def test_values_of_the_driver_reach_the_connection_beneath(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE copied (line text)"))
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor().copy("COPY copied FROM STDIN") as copy:
            copy.write_row(["a"])
    with database.session() as session:
        copied = Table("copied", MetaData(), Column("line", Text))
        assert session.scalars(select(copied.c.line)).all() == ["a"]
