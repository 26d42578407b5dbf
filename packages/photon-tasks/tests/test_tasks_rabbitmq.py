"""`RabbitStore` over a real RabbitMQ, and without one."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pika
import pytest
from sqlalchemy import Connection, Engine, create_engine

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_runtime.transactions import find_transactions_by
from photon_tasks import TasksSettings
from photon_tasks.errors import StoreRefused, StoreUnavailable
from photon_tasks.records import (
    AttemptOutcome,
    Delivery,
    JobFilter,
    JobState,
    NewJob,
    ScheduleRecord,
    WorkerInfo,
)
from photon_tasks.stores import opened_store
from photon_tasks.stores.rabbitmq import RabbitStore
from photon_tasks.stores.sql import SqlStore
from servers.rabbitmq import RabbitMQServer

pytestmark = pytest.mark.slow


def test_pika_has_what_is_used() -> None:
    assert list(inspect.signature(pika.BlockingConnection._cleanup).parameters) == ["self"]


@contextmanager
def opened(url: str, path: Path) -> Iterator[RabbitStore]:
    """Open a store whose jobs are in a file of SQLite."""
    store = RabbitStore(url, SqlStore(create_engine(f"sqlite:///{path}")))
    store.open()
    try:
        store.register(WorkerInfo(id="w"), 30.0)
        yield store
    finally:
        store.close()


def new(number: int, **options: object) -> NewJob:
    return NewJob(id=f"{number:032x}", task="app.work", **options)  # type: ignore[arg-type]


class Wakes:
    """A listener that counts what it is woken by."""

    def __init__(self, store: RabbitStore) -> None:
        self.count = 0
        self.errors: list[StoreUnavailable] = []
        self._store = store

    def _wake(self) -> None:
        self.count += 1

    def run(self) -> None:
        while True:
            try:
                self._store.listen(self._wake)
            except StoreUnavailable as error:
                self.errors.append(error)
                rt.sleep(0.1)


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "the condition does not hold in time"
        rt.sleep(0.005)
    return time.monotonic() - began


@in_hub
def test_workers_of_all_processes_are_woken(rabbitmq_url: str, tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with (
        opened(rabbitmq_url, path) as one,
        opened(rabbitmq_url, path) as two,
        rt.scope() as tasks,
    ):
        wakes = [Wakes(one), Wakes(two)]
        for each in wakes:
            tasks.spawn(each.run)
        wait_until(lambda: all(each.count == 1 for each in wakes))

        def wakes_all(call: Callable[[], object]) -> None:
            before = [each.count for each in wakes]
            call()
            waited = wait_until(
                lambda: all(each.count > b for each, b in zip(wakes, before, strict=True))
            )
            assert waited < 0.5

        wakes_all(lambda: one.deliver(Delivery([new(1)])))
        claims = two.claim("w", 1)
        failed = AttemptOutcome(claim=claims.jobs[0].claim, state=JobState.FAILED, delay=0.0)
        wakes_all(lambda: two.finish("w", [failed]))
        wakes_all(lambda: one.requeue(JobFilter(states=[JobState.FAILED])))
        assert len(two.claim("w", 1).jobs) == 1
        wakes_all(lambda: two.recover("w", 0))
        first = ScheduleRecord("s", "every 5 s", 1.0)
        one.set_schedule(first, None)
        wakes_all(lambda: one.fire(ScheduleRecord("s", "every 5 s", 2.0), first, [new(2)]))
        two.register(WorkerInfo(id="v"), 30.0)
        assert len(two.claim("v", 5).jobs) == 2
        wakes_all(lambda: two.unregister("v"))
        tasks.cancel()


@in_hub
def test_many_deliveries_at_once_send_few_messages(rabbitmq_url: str, tmp_path: Path) -> None:
    with opened(rabbitmq_url, tmp_path / "jobs.db") as store, rt.scope() as tasks:
        wakes = Wakes(store)
        tasks.spawn(wakes.run)
        wait_until(lambda: wakes.count == 1)
        with rt.scope() as deliveries:
            for number in range(50):
                deliveries.spawn(store.deliver, Delivery([new(number)]))
        wait_until(lambda: wakes.count > 1)
        assert len(store.claim("w", 100).jobs) == 50
        rt.sleep(0.2)
        assert wakes.count < 50
        tasks.cancel()


class OpenTransaction:
    """The transaction of the current context, as a database layer has it."""

    is_begun = True

    def __init__(self, engine: Engine) -> None:
        self.database = engine
        self.after_commit: list[Callable[[], object]] = []

    def connection(self) -> Connection:
        raise NotImplementedError

    def on_commit(self, callback: Callable[[], object], /) -> None:
        self.after_commit.append(callback)


@in_hub
def test_a_job_of_a_transaction_is_announced_after_the_commit(
    rabbitmq_url: str, tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    store = RabbitStore(rabbitmq_url, SqlStore(engine))
    store.open()
    store.register(WorkerInfo(id="w"), 30.0)
    assert store.joins(engine)
    with rt.scope() as tasks:
        wakes = Wakes(store)
        tasks.spawn(wakes.run)
        wait_until(lambda: wakes.count == 1)
        transaction = OpenTransaction(engine)
        find_transactions_by(lambda of: [transaction])
        with engine.begin() as connection:
            store.deliver(Delivery([new(1)]), connection=connection)
            rt.sleep(0.1)
            assert wakes.count == 1
        for callback in transaction.after_commit:
            callback()
        wait_until(lambda: wakes.count == 2)
        assert len(store.claim("w", 5).jobs) == 1
        tasks.cancel()
    store.close()


class Source:
    """The databases of an application."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def engine(self) -> Engine:
        return self._engine

    def close(self) -> None: ...

    def engines(self) -> Mapping[str, Engine]:
        return {"default": self._engine}

    @contextmanager
    def opened(self, url: str) -> Iterator[Engine]:
        assert url == ""
        yield self._engine


@in_hub
def test_the_url_of_a_rabbitmq_keeps_jobs_in_the_database(tmp_path: Path) -> None:
    source = Source(create_engine(f"sqlite:///{tmp_path / 'jobs.db'}"))
    settings = TasksSettings(url="amqp://127.0.0.1:1/")
    for is_shared in (True, False):
        with opened_store(settings, source, is_shared=is_shared) as store:
            store.open()
            assert store.name == "rabbitmq"
            assert store.joins(source.engine())
            store.deliver(Delivery([new(1)]))
    assert len(SqlStore(source.engine()).jobs(JobFilter())) == 1


@in_hub
def test_jobs_do_not_need_the_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened("amqp://127.0.0.1:1/", tmp_path / "jobs.db") as store:
        with caplog.at_level(logging.WARNING, "photon.tasks"):
            for number in range(3):
                assert store.deliver(Delivery([new(number)]))[0].is_new
        messages = [each for each in caplog.records if each.name == "photon.tasks"]
        assert len(messages) == 1  # and no further attempt for a while
        assert len(store.claim("w", 5).jobs) == 3
        with pytest.raises(StoreUnavailable, match="RabbitMQ"):
            store.listen(lambda: None)
    with pytest.raises(StoreRefused, match="url"):
        RabbitStore("amqp://127.0.0.1:port/", SqlStore(create_engine("sqlite://")))


@in_hub
def test_a_server_that_restarts_is_used_again(
    rabbitmq_server: RabbitMQServer, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    with opened(rabbitmq_server.url, path) as store, rt.scope() as tasks:
        wakes = Wakes(store)
        tasks.spawn(wakes.run)
        wait_until(lambda: wakes.count == 1)
        store.deliver(Delivery([new(1)]))
        wait_until(lambda: wakes.count == 2)
        rt.offload(rabbitmq_server.restart)
        assert wakes.errors
        wait_until(lambda: wakes.count == 3, 10)
        with rt.deadline(2):
            store.deliver(Delivery([new(2)]))
        wait_until(lambda: wakes.count == 4)
        assert len(store.claim("w", 5).jobs) == 2
        tasks.cancel()


@in_hub
def test_a_server_that_is_stopped_is_noticed(
    rabbitmq_server: RabbitMQServer, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    with opened(rabbitmq_server.url, path) as store, rt.scope() as tasks:
        wakes = Wakes(store)
        tasks.spawn(wakes.run)
        wait_until(lambda: wakes.count == 1)
        with rabbitmq_server.paused():
            with rt.deadline(3):
                assert store.deliver(Delivery([new(1)]))[0].is_new
            wait_until(lambda: bool(wakes.errors), 20)
        assert len(store.claim("w", 5).jobs) == 1
        tasks.cancel()
