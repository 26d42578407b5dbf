"""`SqlStore` in the transactions of an application, on other engines, and when things fail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_tasks.errors import StoreRefused, StoreUnavailable
from photon_tasks.records import (
    AttemptOutcome,
    Delivery,
    Enqueued,
    JobFilter,
    JobState,
    NewEvent,
    NewGroup,
    NewJob,
    UniqueKey,
)
from photon_tasks.stores import JobStore
from photon_tasks.stores._job_text import decode_jobs, encode_jobs
from photon_tasks.stores.sql import SqlStore
from photon_tasks.stores.sql._connections import Connections, Execute
from servers import PostgresServer, run_postgres

from .conftest import StoreCase, sql_engine
from .store_contract import (
    Listener,
    claim,
    claim_one,
    deliver,
    end,
    ids,
    new_job,
    state_of,
    work_at,
)

T = TypeVar("T")
KINDS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.slow),
]


@pytest.fixture(params=KINDS)
def sql_case(request: pytest.FixtureRequest) -> StoreCase:
    """An empty database of each kind."""
    found: StoreCase = request.getfixturevalue(f"{request.param}_jobs")
    return found


@pytest.fixture
def engine(sql_case: StoreCase) -> Engine:
    """The engine of the application, with a table of its own."""
    assert sql_case.database is not None
    with sql_case.database.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number int PRIMARY KEY)"))
    return sql_case.database


@pytest.fixture
def sql_store(sql_case: StoreCase) -> JobStore:
    """The store on the engine of the application."""
    return sql_case.make()


@pytest.fixture(params=KINDS)
def plain_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine that photon-lifeguard has not made."""
    if request.param == "sqlite":
        engine = create_engine(f"sqlite:///{tmp_path / 'plain.db'}")
    else:
        url: str = request.getfixturevalue("empty_postgres_url")
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


def order(connection: Connection | Session, number: int) -> None:
    """Insert a row of the application."""
    connection.execute(text("INSERT INTO orders VALUES (:number)"), {"number": number})


# -- transactions of the application ------------------------------------------------------------


@in_hub
def test_a_job_is_part_of_the_transaction_that_it_joins(
    engine: Engine, sql_store: JobStore
) -> None:
    first, second = new_job(), new_job(unique=UniqueKey("k"))
    with engine.connect() as connection:
        order(connection, 1)
        outcomes = sql_store.deliver(Delivery([first, second]), connection=connection)
        assert [each.is_new for each in outcomes] == [True, True]
        connection.rollback()
        assert sql_store.job(first.id) is None
        order(connection, 1)
        sql_store.deliver(Delivery([first, second]), connection=connection)
        connection.commit()
    assert state_of(sql_store, first.id) == "queued"
    assert not deliver(sql_store, new_job(unique=UniqueKey("k")))[0].is_new


@in_hub
def test_a_savepoint_takes_its_jobs_along(engine: Engine, sql_store: JobStore) -> None:
    kept, dropped = new_job(), new_job(unique=UniqueKey("k"))
    with Session(engine) as session:
        order(session, 1)
        sql_store.deliver(Delivery([kept]), connection=session.connection())
        nested = session.begin_nested()
        sql_store.deliver(Delivery([dropped]), connection=session.connection())
        nested.rollback()
        session.commit()
    assert state_of(sql_store, kept.id) == "queued"
    assert sql_store.job(dropped.id) is None
    assert deliver(sql_store, new_job(unique=UniqueKey("k")))[0].is_new


@in_hub
def test_conflicts_leave_the_transaction_usable(engine: Engine, sql_store: JobStore) -> None:
    work_at(sql_store)
    deliver(sql_store, holder := new_job(unique=UniqueKey("k")))
    claim_one(sql_store)
    delivery = Delivery(
        [holder, new_job(unique=UniqueKey("k"))],
        [NewGroup(id="g", size=2)],
        [NewEvent(holder.id, "e"), NewEvent("none", "e")],
    )
    with engine.begin() as connection:
        for _ in range(2):
            outcomes = sql_store.deliver(delivery, connection=connection)
            assert [*outcomes] == [Enqueued(holder.id, False), Enqueued(holder.id, False)]
        order(connection, 1)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM orders")) == 1


@in_hub
def test_listeners_are_woken_after_the_commit(sql_case: StoreCase, engine: Engine) -> None:
    store, other = sql_case.make(), sql_case.make()
    listener = Listener(other)
    with engine.begin() as connection:
        store.deliver(Delivery([job := new_job()]), connection=connection)
        with pytest.raises(rt.DeadlineExceeded):
            listener.wait(0.2)
    listener.wait(0.7)
    assert state_of(other, job.id) == "queued"
    listener.close()


@in_hub
def test_a_store_joins_engines_of_its_database(sql_case: StoreCase, engine: Engine) -> None:
    store = sql_case.make()
    other = sql_case.make()
    assert isinstance(other, SqlStore)
    assert store.joins(engine)
    assert store.joins(other.engine)
    assert not store.joins(create_engine("sqlite://"))
    assert not store.joins("sqlite://")
    in_memory = create_engine("sqlite://")
    assert not SqlStore(create_engine("sqlite://")).joins(in_memory)
    assert SqlStore(in_memory).joins(in_memory)


@pytest.mark.slow
@in_hub
def test_a_second_enqueuer_of_a_key_waits_for_the_transaction_of_the_first(
    postgresql_jobs: StoreCase,
) -> None:
    store, other = postgresql_jobs.make(), postgresql_jobs.make()
    engine = postgresql_jobs.database
    assert engine is not None
    for is_committed in (True, False):
        key = UniqueKey(f"key {is_committed}")
        first, second = new_job(unique=key), new_job(unique=key)
        with engine.connect() as connection:
            store.deliver(Delivery([first]), connection=connection)
            waiting = rt.spawn(deliver, other, second)
            assert not waiting.join(0.2)
            if is_committed:
                connection.commit()
            else:
                connection.rollback()
        expected = Enqueued(first.id, False) if is_committed else Enqueued(second.id, True)
        assert [*waiting.result(5.0)] == [expected]


@pytest.mark.slow
@in_hub
def test_a_duplicate_in_an_open_transaction_does_not_keep_the_holder_from_its_end(
    postgresql_jobs: StoreCase,
) -> None:
    store, engine = postgresql_jobs.make(), postgresql_jobs.database
    assert engine is not None
    work_at(store)
    deliver(store, new_job(unique=UniqueKey("k")))
    job = claim_one(store)
    with engine.begin() as connection:
        store.deliver(Delivery([new_job(unique=UniqueKey("k"))]), connection=connection)
        with rt.deadline(5.0):
            assert end(postgresql_jobs.make(), job)


# -- other engines ------------------------------------------------------------------------------


@in_hub
def test_a_plain_engine_is_enough(plain_engine: Engine) -> None:
    store = SqlStore(plain_engine)
    store.open()
    work_at(store)
    after = new_job()
    jobs = [new_job(group="g", unique=UniqueKey(str(number))) for number in range(3)]
    deliver(store, *jobs, groups=[NewGroup(id="g", size=3, then=encode_jobs([after]))])
    with plain_engine.begin() as connection:
        store.deliver(Delivery([joined := new_job()]), connection=connection)
    claimed = claim(store)
    assert ids(claimed) == [*(job.id for job in jobs), joined.id]
    outcomes = [AttemptOutcome(claim=job.claim, state=JobState.COMPLETED) for job in claimed]
    assert all(store.finish("a", outcomes))
    assert ids(claim(store)) == [after.id]
    assert store.cancel(after.id) is not None
    store.unregister("a")
    assert state_of(store, after.id) == "cancelled"


@in_hub
def test_listeners_of_a_plain_engine_are_woken_after_the_commit(plain_engine: Engine) -> None:
    store = SqlStore(plain_engine)
    store.open()
    listener = Listener(store)
    with plain_engine.begin() as connection:
        store.deliver(Delivery([new_job()]), connection=connection)
    listener.wait(0.7)
    listener.close()


@in_hub
def test_jobs_in_memory_last_as_long_as_their_engine() -> None:
    engine = create_engine("sqlite://")
    store = SqlStore(engine)
    store.open()
    listener = Listener(store)
    deliver(store, new_job())
    listener.wait(0.7)
    listener.close()
    work_at(store)
    assert end(store, claim_one(store))
    engine.dispose()


def test_other_databases_and_drivers_are_refused() -> None:
    with pytest.raises(StoreRefused, match=r"jobs cannot be kept in mysql: set \[tasks\] url to"):
        SqlStore(create_engine("mysql+pymysql://localhost/shop"))
    with pytest.raises(StoreRefused, match=r"write its address as postgresql\+psycopg://"):
        SqlStore(create_engine("postgresql+pg8000://localhost/shop"))


# -- tables -------------------------------------------------------------------------------------


@in_hub
def test_tables_that_another_process_has_made_need_no_opening(sql_case: StoreCase) -> None:
    sql_case.make()
    assert sql_case.database is not None
    deliver(SqlStore(sql_case.database), new_job())


@in_hub
def test_missing_tables_are_a_matter_of_time(plain_engine: Engine) -> None:
    store = SqlStore(plain_engine)
    for call in (lambda: deliver(store, new_job()), lambda: store.claim("a", 1)):
        with pytest.raises(StoreUnavailable, match="start the application or a worker once"):
            call()


@in_hub
def test_tables_of_a_later_version_are_refused(sql_case: StoreCase, engine: Engine) -> None:
    store = sql_case.make()
    with engine.begin() as connection:
        connection.execute(text("UPDATE photon_job_facts SET value = '99'"))
    with pytest.raises(StoreRefused, match="a later version of Photon has made them"):
        store.open()


@pytest.mark.slow
@in_hub
def test_a_user_who_must_not_make_tables_is_refused(empty_postgres_url: str) -> None:
    engine = create_engine(empty_postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
        connection.execute(text("DROP ROLE IF EXISTS visitor_of_jobs"))
        connection.execute(text("CREATE ROLE visitor_of_jobs LOGIN"))
    visitor = create_engine(engine.url.set(username="visitor_of_jobs"))
    with pytest.raises(StoreRefused, match="let the user of the database create tables"):
        SqlStore(visitor).open()
    SqlStore(engine).open()
    with pytest.raises(StoreRefused, match="permission denied"):
        deliver(SqlStore(visitor), new_job())
    visitor.dispose()
    with engine.begin() as connection:
        connection.execute(text("DROP ROLE visitor_of_jobs"))
    engine.dispose()


# -- trouble ------------------------------------------------------------------------------------


@in_hub
def test_a_file_that_stays_locked_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.1})
    store = SqlStore(engine)
    store.open()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    for job in (new_job(), new_job(unique=UniqueKey("k"))):
        with pytest.raises(StoreUnavailable, match="database is locked"):
            deliver(store, job)
    assert [*store.jobs(JobFilter())] == []
    writer.execute("COMMIT")
    writer.close()
    deliver(store, new_job())
    engine.dispose()


@in_hub
def test_a_pool_without_a_free_connection_is_unavailable(tmp_path: Path) -> None:
    engine = create_engine(
        f"sqlite:///{tmp_path / 'jobs.db'}", pool_size=1, max_overflow=0, pool_timeout=0.1
    )
    store = SqlStore(engine)
    store.open()
    with engine.connect(), pytest.raises(StoreUnavailable, match="limit of size 1 overflow 0"):
        deliver(store, new_job())
    engine.dispose()


@in_hub
def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.write_bytes(b"not a database" * 200)
    with pytest.raises(StoreRefused, match="not a database"):
        SqlStore(create_engine(f"sqlite:///{path}")).open()


@in_hub
def test_an_error_in_a_joined_transaction_stays_that_of_sqlalchemy(
    engine: Engine, sql_store: JobStore
) -> None:
    with engine.connect() as connection:
        order(connection, 1)
        connection.execute(text("DROP TABLE photon_jobs"))
        with pytest.raises(SQLAlchemyError):
            sql_store.deliver(Delivery([new_job()]), connection=connection)
        connection.rollback()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that tests may stop."""
    with run_postgres(max_connections=30) as server:
        yield server


@pytest.mark.slow
@in_hub
def test_a_server_that_is_down_is_unavailable_until_it_is_back(server: PostgresServer) -> None:
    engine = sql_engine(server.url)
    store = SqlStore(engine)
    store.open()
    listening = rt.spawn(store.listen, lambda: None)
    rt.sleep(0.2)
    rt.offload(server.stop)
    calls: list[Callable[[], Any]] = [
        lambda: deliver(store, new_job()),
        lambda: deliver(store, new_job(unique=UniqueKey("k"))),
        lambda: store.claim("a", 1),
        lambda: store.beat("a", 1.0),
        store.workers,
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    with pytest.raises(StoreUnavailable):
        listening.result(10.0)
    with pytest.raises(StoreUnavailable):
        store.listen(lambda: None)
    rt.offload(server.start)
    with rt.deadline(20.0):
        while True:
            try:
                deliver(store, new_job())
            except StoreUnavailable:
                rt.sleep(0.1)
            else:
                break
    engine.dispose()


def surely(call: Callable[[], T]) -> T:
    """Return the result of a call that is repeated while the store is unavailable."""
    while True:
        try:
            return call()
        except StoreUnavailable:
            rt.sleep(0.005)


@contextmanager
def ended_connections(engine: Engine) -> Iterator[None]:
    """End all connections to a database again and again."""
    killer = create_engine(engine.url, isolation_level="AUTOCOMMIT")

    def kill() -> None:
        while True:
            with killer.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                    )
                )
            rt.sleep(0.05)

    killing = rt.spawn(kill)
    yield
    killing.cancel()
    killing.join()
    killer.dispose()


@pytest.mark.slow
@in_hub
def test_connections_that_are_ended_all_the_time_lose_no_job(postgresql_jobs: StoreCase) -> None:
    store, engine = postgresql_jobs.make(), postgresql_jobs.database
    assert engine is not None
    jobs = [new_job() for _ in range(60)]
    ended: list[str] = []

    def work() -> int:
        claimed = surely(partial(claim, store, limit=3))
        for job in claimed:
            surely(partial(end, store, job))
        ended.extend(ids(claimed))
        return len(claimed)

    with ended_connections(engine):
        surely(partial(work_at, store))
        for job in jobs:
            surely(partial(deliver, store, job))
            work()
        while work():
            pass
    assert sorted(ended) == [job.id for job in jobs]
    completed = surely(partial(store.jobs, JobFilter(states=[JobState.COMPLETED])))
    assert len(completed) == 60


@pytest.mark.slow
@in_hub
def test_a_transaction_that_the_server_gave_up_is_repeated(postgresql_jobs: StoreCase) -> None:
    store = postgresql_jobs.make()
    assert isinstance(store, SqlStore)
    connections = Connections(store.engine)
    attempts: list[int] = []

    def work(execute: Execute) -> str:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            execute(
                "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$",
                {},
            )
        return "done"

    assert connections.repeated(work) == "done"
    assert attempts == [0, 1, 2]


# -- large tables -------------------------------------------------------------------------------


@in_hub
def test_hot_statements_of_sqlite_search_indexes_only(sqlite_jobs: StoreCase) -> None:
    store = sqlite_jobs.make()
    assert isinstance(store, SqlStore)
    scanned = []
    for name in (
        "look",
        "promote",
        "claim",
        "finish",
        "complete",
        "beat",
        "kept_too_long",
        "queues_of_ended",
    ):
        statement: str = getattr(store._sql, name)
        values = dict.fromkeys(
            ["now", "worker", "queue", "limit", "batch", "rows", "lease", "state", "keep"]
        )
        with store.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
        steps = [row[3] for row in plan]
        scanned += [(name, step) for step in steps if step == "SCAN photon_jobs"]
        assert any("SEARCH photon_job" in step for step in steps), name
    assert scanned == []


# -- jobs as text -------------------------------------------------------------------------------


def test_jobs_that_follow_are_read_as_they_were_written() -> None:
    jobs = [
        NewJob(id="1", task="a", due=1.5, unique=UniqueKey("k", "period", 3.0), then="[]"),
        new_job(delay=3.0, group="g", arguments='{"x":"\\u0000é"}'),
    ]
    assert decode_jobs(encode_jobs(jobs)) == jobs
