from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import photon_runtime as rt
from photon_lifeguard import (
    Database,
    DatabaseSettings,
    assert_queries,
    count_queries,
    uncounted,
)
from photon_runtime.testing import in_hub


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "counted_items"

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    database = Database(DatabaseSettings(url=postgres_url))
    yield database
    database.close()


def execute(database: Database, times: int = 1) -> None:
    with database.session() as session:
        for _ in range(times):
            session.execute(text("SELECT 1"))


def test_every_statement_of_the_block_counts_and_nothing_after_it(database: Database) -> None:
    with count_queries() as queries:
        execute(database, 3)
    execute(database)
    assert queries.count == len(queries.statements) == 3
    assert queries.seconds > 0
    assert queries.statements[0].line.startswith(f"{__file__}:")


def test_the_statements_that_prepare_a_new_connection_do_not_count(postgres_url: str) -> None:
    cold = Database(DatabaseSettings(url=postgres_url))
    with assert_queries(exact=1):
        execute(cold)
    cold.close()
    with assert_queries(exact=1):
        execute(cold)  # the pool is new, and so is its first connection
    cold.close()


def test_begin_and_commit_do_not_count(database: Database) -> None:
    with assert_queries(exact=1), database.transaction() as session:
        session.execute(text("SELECT 1"))


@in_hub
def test_statements_of_other_tasks_and_threads_count(database: Database) -> None:
    with assert_queries(exact=3):
        task = rt.spawn(execute, database, 2)
        task.join()
        rt.offload(execute, database)


def test_statements_of_a_thread_count(database: Database) -> None:
    with assert_queries(exact=1):
        thread = threading.Thread(target=execute, args=(database,))
        thread.start()
        thread.join()


def test_background_work_that_is_marked_does_not_count(database: Database) -> None:
    with assert_queries(exact=0):
        with uncounted():
            execute(database)
        database.check_readiness()


def test_a_block_may_count_one_database_engine_or_session(
    database: Database, postgres_url: str
) -> None:
    other = Database(DatabaseSettings(url=postgres_url))
    with (
        database.session() as session,
        other.session() as stranger,
        count_queries() as every,
        count_queries(database) as by_database,
        count_queries(database.engine) as by_engine,
        count_queries(session) as by_session,
    ):
        session.execute(text("SELECT 1"))
        execute(database)
        stranger.execute(text("SELECT 1"))
    other.close()
    counts = [each.count for each in (every, by_database, by_engine, by_session)]
    assert counts == [3, 2, 2, 1]


def test_the_statements_in_a_savepoint_are_those_of_the_session(database: Database) -> None:
    with (
        database.session() as session,
        assert_queries(session, exact=3),  # with a SAVEPOINT and its RELEASE
        session.begin_nested(),
    ):
        session.execute(text("SELECT 1"))


def test_an_engine_of_another_origin_is_counted_by_name() -> None:
    engine = create_engine("sqlite://")
    with Session(engine) as session:
        with count_queries() as unnamed, assert_queries(engine, exact=2):
            session.execute(text("SELECT 1"))
            session.execute(text("SELECT :x"), {"x": 2})
        with assert_queries(session, exact=1):
            session.execute(text("SELECT 3"))
        with assert_queries(engine, exact=0):
            pass
    engine.dispose()
    assert unnamed.count == 0


def test_a_statement_that_fails_counts(database: Database) -> None:
    with count_queries() as queries, pytest.raises(DBAPIError), database.session() as session:
        session.execute(text("SELECT nothing"))
    [failed] = queries.statements
    assert failed.error == "UndefinedColumn"
    assert "(UndefinedColumn)" in str(queries)


def test_a_batch_counts_once_and_each_of_several_batches(database: Database) -> None:
    Base.metadata.create_all(database.engine)
    try:
        with database.session() as session:
            with assert_queries(exact=1):
                session.execute(insert(Item), [{"id": number} for number in range(900)])
            rows = [{"id": number} for number in range(1_000, 3_000)]
            with assert_queries(exact=2):
                session.scalars(insert(Item).returning(Item.id), rows).all()
    finally:
        Base.metadata.drop_all(database.engine)


def test_too_many_fail_with_lines_and_remedies(database: Database) -> None:
    def loop() -> None:
        with database.session() as session:
            for number in range(3):
                session.execute(text("SELECT 'secret' WHERE 0 = :number"), {"number": number})

    with pytest.raises(AssertionError) as failure, assert_queries(max=2):
        loop()
    message = str(failure.value)
    assert message.startswith("expected at most 2 statements, got 3 statements in ")
    assert message.count(f"SELECT ? WHERE ? = %(number)s at {__file__}:") == 3
    assert "Repeated statements:\n  - 3 statements in" in message
    assert "read all rows by one statement" in message
    assert "secret" not in message


@pytest.mark.parametrize("number", [0, 2])
def test_another_number_than_the_exact_one_fails(database: Database, number: int) -> None:
    expected = f"expected exactly 1 statement, got {number} statements in"
    with pytest.raises(AssertionError, match=expected), assert_queries(exact=1):
        execute(database, number)


def test_fewer_than_the_maximum_pass(database: Database) -> None:
    with assert_queries(max=3) as queries:
        execute(database, 2)
    assert queries.count == 2


def test_an_error_of_the_block_is_not_replaced(database: Database) -> None:
    def fail() -> None:
        execute(database)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), assert_queries(max=0):
        fail()
    with assert_queries(exact=0):  # the block that failed is closed
        pass


def test_a_session_with_a_database_for_each_class_can_be_counted(database: Database) -> None:
    with Session(binds={Item: database.engine}) as session, assert_queries(session, exact=1):
        session.execute(text("SELECT 1"), bind_arguments={"mapper": Item})


@pytest.mark.parametrize("limits", [{}, {"max": 1, "exact": 1}, {"max": True}])
def test_exactly_one_limit_is_required(limits: Any) -> None:
    with pytest.raises(TypeError, match=r"assert_queries\(max=3\)"), assert_queries(**limits):
        pass


def test_a_number_in_the_place_of_the_database_is_refused() -> None:
    with pytest.raises(TypeError, match="can be counted, not 3"), assert_queries(3, max=3):  # type: ignore[arg-type]
        pass


def test_many_statements_are_counted_and_the_list_is_bounded(database: Database) -> None:
    with count_queries() as queries, database.session() as session:
        for _ in range(10):
            session.execute(select(1))
        queries.statements *= 1_000
        session.execute(select(1))
    assert queries.count == 11
    assert len(queries.statements) == 10_000
    assert "more" not in str(queries).splitlines()[-1]
