"""Jobs on the engine of a `photon_lifeguard.Database`, which begins transactions by itself."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, select, text

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.testing.temporary import TemporaryDatabases
from photon_runtime.testing import in_hub
from photon_tasks import Job, task
from photon_tasks.enqueued_job import send_event
from photon_tasks.errors import StoreUnavailable
from photon_tasks.records import (
    AttemptOutcome,
    ClaimedJob,
    Delivery,
    JobState,
    NewEvent,
    NewGroup,
    NewJob,
    UniqueKey,
    WorkerInfo,
)
from photon_tasks.stores import encode_jobs
from photon_tasks.stores.sql import SqlStore

from .worker_program import tasks_of


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)],
)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with a table of the application."""
    url = f"sqlite:///{tmp_path / 'app.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("empty_postgres_url")
    database = Database(DatabaseSettings(url=url, pool_size=3, acquire_timeout=2.0))
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number int PRIMARY KEY)"))
    yield database
    database.close()


def opened(database: Database) -> SqlStore:
    """Return the store of a database, with a worker."""
    store = SqlStore(database.engine)
    store.open()
    store.register(WorkerInfo(id="a"), 30.0)
    return store


def claim(store: SqlStore) -> list[ClaimedJob]:
    return [*store.claim("a", 100).jobs]


def complete(store: SqlStore, jobs: list[ClaimedJob]) -> None:
    outcomes = [AttemptOutcome(claim=job.claim, state=JobState.COMPLETED) for job in jobs]
    assert all(store.finish("a", outcomes))


@in_hub
def test_rows_and_jobs_are_committed_together_or_not_at_all(database: Database) -> None:
    store = opened(database)
    for number, is_committed in enumerate([True, False, True]):
        with database.session() as session:
            session.execute(text(f"INSERT INTO orders VALUES ({number})"))
            with session.begin_nested() as savepoint:
                dropped = NewJob(id=f"dropped {number}", task="t", unique=UniqueKey("dropped"))
                store.deliver(Delivery([dropped]), connection=session.connection())
                savepoint.rollback()
            job = NewJob(id=f"{number}", task="t", unique=UniqueKey(f"{number}"))
            store.deliver(Delivery([job]), connection=session.connection())
            if is_committed:
                session.commit()
    assert [job.claim.job for job in claim(store)] == ["0", "2"]


@in_hub
def test_what_follows_from_outcomes_is_one_transaction(database: Database) -> None:
    store = opened(database)
    after = NewJob(id="9", task="t")
    jobs = [NewJob(id=f"{number}", task="t", group="g") for number in range(3)]
    groups = [NewGroup(id="g", size=3, then=encode_jobs([after]))]
    store.deliver(Delivery(jobs, groups))
    complete(store, claim(store))
    [last] = claim(store)
    assert last.claim.job == "9"
    waiting = AttemptOutcome(
        claim=last.claim, state=JobState.WAITING, event="paid", gives_back=True
    )
    assert [*store.finish("a", [waiting])] == [True]
    store.deliver(Delivery(events=[NewEvent("9", "paid")]))
    complete(store, claim(store))


@in_hub
def test_listeners_are_woken_after_the_commit_although_the_pool_is_in_use(
    database: Database,
) -> None:
    store, woken = opened(database), rt.Event()
    listening = rt.spawn(store.listen, woken.set)
    with rt.deadline(5.0):
        woken.wait()
    woken.clear()
    with database.engine.connect() as first, database.engine.connect() as second:
        for connection in (first, second):
            connection.execute(select(1))
        with database.session() as session:
            store.deliver(Delivery([NewJob(id="1", task="t")]), connection=session.connection())
            rt.sleep(0.1)
            assert not woken.is_set()
            session.commit()
        with rt.deadline(0.7):
            woken.wait()
        with database.session() as session:
            session.execute(select(1))
            with pytest.raises(StoreUnavailable, match="all 3 connections of the pool are in use"):
                store.claim("a", 1)
    listening.cancel()
    listening.join()


@in_hub
def test_many_tasks_enqueue_one_key_over_a_small_pool(database: Database) -> None:
    store = opened(database)
    jobs = [NewJob(id=f"{number:02}", task="t", unique=UniqueKey("k")) for number in range(50)]
    tasks = [rt.spawn(store.deliver, Delivery([job])) for job in jobs]
    outcomes = [task.result()[0] for task in tasks]
    assert sum(each.is_new for each in outcomes) == 1
    assert len({each.id for each in outcomes}) == 1


@pytest.mark.slow
@in_hub
def test_tests_that_share_a_connection_can_use_jobs(postgres_url: str) -> None:
    settings = DatabaseSettings(url=postgres_url.rpartition("/")[0] + "/jobs_test")
    with (
        TemporaryDatabases(MetaData()) as databases,
        databases.open(mode="rollback") as factory,
    ):
        store = opened(database := factory("default", settings))
        with database.session() as session:
            store.deliver(Delivery([NewJob(id="1", task="t")]), connection=session.connection())
            session.commit()
            store.deliver(Delivery([NewJob(id="2", task="t")]), connection=session.connection())
            session.rollback()
        jobs = claim(store)
        assert [job.claim.job for job in jobs] == ["1"]
        complete(store, jobs)


@task(name="print", unique=True)
def print_text(text: str) -> None:
    """Be a job with a key as long as its arguments."""


@in_hub
def test_names_of_any_length_and_content_are_keys(database: Database) -> None:
    # random, because PostgreSQL compresses what it puts into an index
    name = "".join(random.choices(string.ascii_letters, k=50_000)) + "\0"
    with tasks_of(database.engine.url.render_as_string(hide_password=False), 30.0) as tasks:
        enqueued = [print_text.enqueue(each) for each in (name, name, f"{name}!")]
        assert [each.is_new for each in enqueued] == [True, False, True]
        tasks.store.register(WorkerInfo(id="a"), 30.0)
        claimed = tasks.store.claim("a", 1).jobs[0]
        send_event(claimed.claim.job, name, 5)
        job = Job(claimed, "a", tasks)
        assert job.step(name, lambda: 1) == 1
        assert job.wait_event(name) == 5
        again = Job(claimed, "a", tasks)
        again._is_resumed = True
        assert again.step(name, lambda: 2) == 1
        assert again.wait_event(name) == 5
