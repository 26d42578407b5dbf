"""The outbox: what is relayed, when, in which order, and what becomes of rows that cannot be."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

import photon_runtime as rt
from photon_runtime.errors import AmbiguousTransaction
from photon_runtime.observability import Meter
from photon_runtime.testing import in_hub
from photon_runtime.transactions import find_transactions_by
from photon_tasks.delivery import Deliveries, joining
from photon_tasks.errors import StoreRefused, StoreUnavailable
from photon_tasks.outbox import Outbox, OutboxStatus
from photon_tasks.outbox._rows import decode_delivery, encode_delivery
from photon_tasks.outbox._table import OutboxTable
from photon_tasks.records import Delivery, Enqueued, NewEvent, NewGroup, NewJob, UniqueKey

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]
KINDS += [pytest.param("mysql", marks=pytest.mark.slow)]


class Store:
    """A store in memory that knows ids, with errors on demand."""

    name = "fake"

    def __init__(self) -> None:
        self.jobs: dict[str, NewJob] = {}
        self.deliveries: list[Delivery] = []
        self.error: Callable[[Delivery], Exception | None] = lambda delivery: None
        self.engine: object = None

    def joins(self, database: object) -> bool:
        return database is self.engine

    def deliver(self, delivery: Delivery, *, connection: Any = None) -> Sequence[Enqueued]:
        error = self.error(delivery)
        if error is not None:
            raise error
        self.deliveries.append(delivery)
        outcomes = []
        for job in delivery.jobs:
            outcomes.append(Enqueued(job.id, is_new=job.id not in self.jobs))
            self.jobs.setdefault(job.id, job)
        return outcomes


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine without outbox for each kind of database."""
    if request.param == "sqlite":
        engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    else:
        url = request.getfixturevalue(f"{request.param}_url")
        url = url.replace("mysql://", "mysql+pymysql://")
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for table in ("photon_outbox", "photon_outbox_relays"):
            connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    try:
        yield engine
    finally:
        engine.dispose()


class OpenBlock:
    """The transaction of a connection, for `transaction_to_join`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.database: object = connection.engine
        self.is_begun = True
        self.calls: list[Callable[[], object]] = []

    def connection(self) -> Connection:
        return self._connection

    def on_commit(self, callback: Callable[[], object], /) -> None:
        self.calls.append(callback)


@contextmanager
def transaction(engine: Engine) -> Iterator[OpenBlock]:
    """Open a transaction that others find in the context."""
    open_blocks: list[OpenBlock] = []
    find_transactions_by(
        lambda owner: [each for each in open_blocks if owner in (None, each, each.database)]
    )
    with engine.begin() as connection:
        block = OpenBlock(connection)
        open_blocks.append(block)
        try:
            yield block
        finally:
            open_blocks.clear()
    for call in block.calls:
        call()


def job(number: int, **options: Any) -> Delivery:
    return Delivery([NewJob(id=f"job-{number}", task="work", **options)])


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    with rt.deadline(seconds):
        while not condition():
            rt.sleep(0.005)


def ids(store: Store) -> list[str]:
    return list(store.jobs)


def put(outbox: Outbox, engine: Engine, *deliveries: Delivery) -> None:
    with engine.begin() as connection:
        for each in deliveries:
            outbox.put(connection, each)
    outbox.wake()


# -- rows ------------------------------------------------------------------------------------------


def test_a_delivery_survives_its_text() -> None:
    delivery = Delivery(
        [
            NewJob(
                id="1", task="täglich\0\U0001f600", unique=UniqueKey("k", "period", 3.0), due=12.5
            )
        ],
        [NewGroup(id="g", size=2, then="[]")],
        [NewEvent("1", "paid", '{"a":1}')],
    )
    written = encode_delivery(delivery)
    assert written.isascii()
    assert decode_delivery(written, 0.0) == Delivery(
        list(delivery.jobs), list(delivery.groups), list(delivery.events)
    )


def test_delays_are_counted_from_the_insertion() -> None:
    written = encode_delivery(
        Delivery(
            [NewJob(id=str(n), task="t", delay=n, due=due) for n, due in enumerate([None] * 4)]
        )
    )
    assert [each.delay for each in decode_delivery(written, 2.0).jobs] == [0.0, 0.0, 0.0, 1.0]
    assert [each.delay for each in decode_delivery(written, -9.0).jobs] == [0.0, 1.0, 2.0, 3.0]


def test_rows_of_other_versions_are_read() -> None:
    written = '{"jobs":[{"id":"1","task":"t","colour":"red"}],"later":[]}'
    assert decode_delivery(written, 1.0).jobs == [NewJob(id="1", task="t")]


# -- relaying --------------------------------------------------------------------------------------


@in_hub
def test_deliveries_arrive_at_once_in_their_order(engine: Engine) -> None:
    store = Store()
    outbox = Outbox({"default": engine}, store, interval=60)
    with outbox.running():
        put(outbox, engine, *(job(number) for number in range(250)))
        eventually(lambda: len(store.jobs) == 250)
        started = time.monotonic()
        put(outbox, engine, job(250))
        eventually(lambda: len(store.jobs) == 251)
        assert time.monotonic() - started < 0.5
        eventually(lambda: outbox.status()["default"] == OutboxStatus(0, 0.0, 0))
    assert ids(store) == [f"job-{number}" for number in range(251)]
    assert len(store.deliveries) == 4


@in_hub
def test_what_is_rolled_back_is_not_relayed(engine: Engine) -> None:
    store = Store()
    outbox = Outbox({"default": engine}, store, interval=0.01)
    with outbox.running():
        with suppress(ValueError), engine.begin() as connection:
            outbox.put(connection, job(1))
            raise ValueError
        with engine.begin() as connection:
            outbox.put(connection, job(2))
            savepoint = connection.begin_nested()
            outbox.put(connection, job(3))
            savepoint.rollback()
        eventually(lambda: bool(store.jobs))
    assert ids(store) == ["job-2"]


@in_hub
def test_rows_of_other_processes_are_found_by_looking(engine: Engine) -> None:
    store = Store()
    outbox = Outbox({"default": engine}, store, interval=0.02)
    with outbox.running():
        with engine.begin() as connection:
            outbox.put(connection, job(1))  # and no wake-up
        eventually(lambda: bool(store.jobs))


@in_hub
def test_rows_that_wait_at_the_end_are_relayed_before_it(engine: Engine) -> None:
    store = Store()
    outbox = Outbox({"default": engine}, store, interval=60)
    with outbox.running():
        rt.sleep(0.05)
        with engine.begin() as connection:
            outbox.put(connection, job(1))
    assert ids(store) == ["job-1"]


@in_hub
def test_rows_wait_while_the_store_is_down(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "photon.tasks.outbox")
    store, attempts = Store(), list[float]()

    def refuse(delivery: Delivery) -> Exception:
        attempts.append(time.monotonic())
        return StoreUnavailable("no answer")

    store.error = refuse
    outbox = Outbox({"default": engine}, store, interval=0.01)
    with outbox.running():
        for number in range(30):
            put(outbox, engine, job(number))  # wakes it, which must not hurry the attempts
            rt.sleep(0.02)
        assert 1 < len(attempts) < 10
        assert outbox.status()["default"].rows == 30
        store.error = lambda delivery: None
        eventually(lambda: len(store.jobs) == 30)
    assert ids(store) == [f"job-{number}" for number in range(30)]
    errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "relayed again" in caplog.text


@in_hub
def test_a_row_at_fault_is_set_aside_and_blocks_no_others(
    engine: Engine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photon_tasks.outbox._relay._LONGEST_PAUSE", 0.01)
    store = Store()
    poisonous = {"job-1"}
    store.error = lambda delivery: (
        TypeError("not a job") if any(each.id in poisonous for each in delivery.jobs) else None
    )
    outbox = Outbox({"default": engine}, store, interval=0.01)
    with outbox.running():
        with engine.begin() as connection:
            outbox.put(connection, job(0))
            outbox.put(connection, job(1))
            OutboxTable(engine).put(connection, '{"jobs": "no')
            outbox.put(connection, job(2))
        eventually(lambda: outbox.status()["default"].aside == 2)
        assert ids(store) == ["job-0", "job-2"]
        assert outbox.status()["default"] == OutboxStatus(0, 0.0, 2)
        assert "is set aside after 5 attempts" in caplog.text
        with engine.connect() as connection:
            found = connection.execute(text("SELECT error FROM photon_outbox ORDER BY number"))
            assert [each.split(":")[0] for each in found.scalars()] == [
                "TypeError",
                "DecodeError",
            ]
        put(outbox, engine, job(3))
        eventually(lambda: "job-3" in store.jobs)
        poisonous.clear()
        assert outbox.retry() == 2
        eventually(lambda: "job-1" in store.jobs)


@in_hub
def test_a_database_that_does_not_respond_is_relayed_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "photon.tasks.outbox")
    folder = tmp_path / "later"
    engine = create_engine(f"sqlite:///{folder}/app.db")
    store = Store()
    outbox = Outbox({"default": engine}, store, interval=0.01)
    with outbox.running():
        eventually(lambda: "cannot be relayed" in caplog.text)
        folder.mkdir()
        eventually(lambda: "relayed again" in caplog.text)
        put(outbox, engine, job(1))
        eventually(lambda: bool(store.jobs))
    engine.dispose()


@in_hub
@pytest.mark.parametrize("is_undone", [False, True])
def test_a_further_database_gets_its_table_when_it_is_used(
    engine: Engine, *, is_undone: bool
) -> None:
    store = Store()
    outbox = Outbox({"reports": engine}, store, interval=0.01)
    table = OutboxTable(engine)
    with outbox.running():
        rt.sleep(0.1)
        assert not table.exists()
        assert outbox.status() == {}
        assert outbox.retry() == 0
        with suppress(ValueError), engine.begin() as connection:
            outbox.put(connection, job(1))
            if is_undone:
                raise ValueError
        put(outbox, engine, job(2))
        eventually(lambda: "job-2" in store.jobs)
        put(outbox, engine, job(3))
        eventually(lambda: "job-3" in store.jobs)
        assert outbox.status() == {"reports": OutboxStatus(0, 0.0, 0)}
    assert len(store.jobs) == (2 if is_undone else 3)


@in_hub
def test_the_metrics_show_the_rows_and_the_oldest(engine: Engine) -> None:
    store, meter = Store(), Meter()
    store.error = lambda delivery: StoreUnavailable("no answer")
    outbox = Outbox({"default": engine}, store, meter, interval=0.01)
    table = OutboxTable(engine)
    table.make()
    with engine.begin() as connection:
        table.put(connection, encode_delivery(job(1)))
    rt.sleep(0.02)
    meter.expose()
    with outbox.running():
        eventually(lambda: outbox._relay(engine).last_status is not None)
        page = meter.page()[0].decode()
    assert 'photon_tasks_outbox_rows{database="default"} 1.0' in page
    assert 'photon_tasks_outbox_aside{database="default"} 0.0' in page
    status = table.status()
    assert 0.02 <= status.oldest < 60


# -- several relays --------------------------------------------------------------------------------


@in_hub
def test_one_relay_at_a_time_works_on_a_table(engine: Engine) -> None:
    table = OutboxTable(engine)
    table.make()
    with engine.begin() as connection:
        for number in range(3):
            table.put(connection, encode_delivery(job(number)))
    rows = table.claim("one", 10, 2)
    assert rows is not None
    assert len(rows) == 2
    assert table.claim("other", 10, 2) is None
    table.finish("other", [rows[0].number], {}, max_attempts=5, is_last=True)
    assert table.status().rows == 3
    table.finish("one", [each.number for each in rows], {}, max_attempts=5, is_last=True)
    [last] = table.claim("other", 10, 2) or []
    assert decode_delivery(last.delivery, last.age).jobs[0].id == "job-2"


@in_hub
def test_a_relay_that_has_lost_its_lease_deletes_nothing(engine: Engine) -> None:
    table = OutboxTable(engine)
    table.make()
    with engine.begin() as connection:
        table.put(connection, encode_delivery(job(1)))
    [row] = table.claim("slow", 0.01, 10) or []
    rt.sleep(0.05)
    [again] = table.claim("other", 10, 10) or []
    assert (again.number, again.delivery) == (row.number, row.delivery)
    table.finish("slow", [row.number], {}, max_attempts=5, is_last=True)
    assert table.status().rows == 1
    assert table.claim("slow", 10, 10) is None


@in_hub
def test_a_clock_that_is_set_back_does_not_stop_the_relays(engine: Engine) -> None:
    table = OutboxTable(engine)
    table.make()
    with engine.begin() as connection:
        table.put(connection, encode_delivery(job(1)))
    assert table.claim("before", 10, 10)
    with engine.begin() as connection:
        connection.execute(text("UPDATE photon_outbox_relays SET expires = expires + 3600"))
    assert table.claim("after", 10, 10)


@in_hub
def test_numbers_of_rows_are_not_used_again(engine: Engine) -> None:
    table = OutboxTable(engine)
    table.make()
    numbers = []
    for number in range(2):
        with engine.begin() as connection:
            table.put(connection, encode_delivery(job(number)))
        [row] = table.claim("one", 10, 10) or []
        numbers.append(row.number)
        table.finish("one", [row.number], {}, max_attempts=5, is_last=True)
    assert numbers[1] > numbers[0]


@in_hub
def test_several_relays_deliver_everything_once_and_in_order(engine: Engine) -> None:
    store = Store()
    outboxes = [Outbox({"default": engine}, store, interval=0.02) for _ in range(3)]
    with outboxes[0].running(), outboxes[1].running(), outboxes[2].running():
        for number in range(40):
            put(outboxes[number % 3], engine, job(number))
            rt.sleep(0.001)
        eventually(lambda: len(store.jobs) == 40)
    assert ids(store) == [f"job-{number}" for number in range(40)]
    assert sum(len(each.jobs) for each in store.deliveries) == 40


@in_hub
def test_tables_are_made_by_several_processes_at_once(engine: Engine) -> None:
    tables = [OutboxTable(engine) for _ in range(4)]
    for task in [rt.spawn(rt.offload, each.make) for each in tables]:
        task.result()
    assert tables[0].claim("one", 10, 10) == []


# -- the transaction that a delivery joins ---------------------------------------------------------


def deliveries(store: Store, outbox: Outbox | None) -> Deliveries:
    made = Deliveries(store)  # type: ignore[arg-type]  # a store, as far as enqueueing is concerned
    made.outbox = outbox
    return made


@in_hub
def test_a_delivery_without_a_transaction_goes_to_the_store(engine: Engine) -> None:
    store = Store()
    made = deliveries(store, Outbox({"default": engine}, store))
    assert made.deliver(job(1)) == ([Enqueued("job-1", is_new=True)], None)
    assert ids(store) == ["job-1"]


@in_hub
def test_a_delivery_joins_a_transaction_of_the_stores_own_database(engine: Engine) -> None:
    store = Store()
    store.engine = engine
    with transaction(engine) as block:
        enqueued, after_commit = deliveries(store, None).deliver(job(1))
        assert after_commit == block.on_commit
        assert ids(store) == [enqueued[0].id]


@in_hub
@pytest.mark.parametrize("is_undone", [False, True])
def test_a_delivery_in_a_transaction_of_another_database_goes_to_the_outbox(
    engine: Engine, *, is_undone: bool
) -> None:
    store = Store()
    outbox = Outbox({"default": engine}, store, interval=60)
    with outbox.running():
        rt.sleep(0.05)
        with suppress(ValueError), transaction(engine):
            enqueued, after_commit = deliveries(store, outbox).deliver(job(1))
            assert enqueued == [Enqueued("job-1", is_new=True)]
            assert after_commit is not None
            rt.sleep(0.05)
            assert ids(store) == []
            if is_undone:
                raise ValueError
        rt.sleep(0.05)
        if not is_undone:
            eventually(lambda: bool(store.jobs))
    assert ids(store) == ([] if is_undone else ["job-1"])


@in_hub
def test_a_caller_can_name_the_transaction(tmp_path: Path, engine: Engine) -> None:
    store = Store()
    other = create_engine(f"sqlite:///{tmp_path}/other.db")
    outbox = Outbox({"default": engine, "other": other}, store, interval=60)
    made = deliveries(store, outbox)
    with outbox.running():
        with transaction(engine) as block, transaction(other) as further:
            with pytest.raises(AmbiguousTransaction, match="2 transactions are open here"):
                made.deliver(job(0))
            with joining(block):
                made.deliver(job(1))
            with joining(further):
                made.deliver(job(2))
            assert ids(store) == []
        eventually(lambda: len(store.jobs) == 2)
    other.dispose()


@in_hub
def test_a_database_that_nothing_relays_from_is_refused(engine: Engine, tmp_path: Path) -> None:
    store = Store()
    foreign = create_engine(f"sqlite:///{tmp_path}/foreign.db")
    with pytest.raises(StoreRefused, match="nothing would relay them"), transaction(foreign):
        deliveries(store, Outbox({"default": engine}, store)).deliver(job(1))
    with pytest.raises(StoreRefused, match="has no outbox there"), transaction(foreign):
        deliveries(store, None).deliver(job(1))
    foreign.dispose()
    assert ids(store) == []


@in_hub
def test_engines_with_options_share_an_outbox(engine: Engine) -> None:
    store = Store()
    outbox = Outbox({"default": engine}, store)
    with outbox.running(), engine.execution_options(a=1).begin() as connection:
        outbox.put(connection, job(1))
    assert ids(store) == ["job-1"]
