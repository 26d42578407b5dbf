"""Jobs of applications under test: run inline, on time without waiting, with their errors."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from sqlalchemy import String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import photon_runtime as rt
from photon import HttpError, Job, Photon, TasksPart, group, provided, send_event, task
from photon.testing import Client, live_client
from photon_lifeguard import DatabasePart, Databases
from photon_lifeguard.testing import TemporaryDatabases
from photon_runtime.http import Response
from photon_runtime.settings import Settings, load_settings
from photon_runtime.unattended import note_error
from photon_tasks import JobFailed, JobState, NoTasks, Task, TasksSettings, current_tasks
from photon_tasks.actors import PhotonBroker
from photon_tasks.records import Delivery, NewJob

pytest_plugins = ["pytester"]

DONE: list[Any] = []


@task
def note(value: int) -> None:
    DONE.append(value)


@task
def note_in_turn(value: int) -> None:
    if value:
        note_in_turn.enqueue(value - 1)
        DONE.append(-value)
    DONE.append(value)


@task(retries=3, backoff=[60, 3600])
def fails(times: int, job: Job = provided) -> int:
    DONE.append(job.attempt)
    if job.attempt <= times:
        raise ValueError(f"attempt {job.attempt}")
    return job.attempt


@task
def sleeps(job: Job = provided) -> None:
    job.step("first", DONE.append, "first")
    job.sleep(days=3)
    job.step("second", DONE.append, "second")
    job.sleep(seconds=0.5)
    DONE.append("third")


@task
def waits(job: Job = provided) -> str:
    try:
        paid: str = job.wait_event("paid", timeout=86_400, type=str)
    except TimeoutError:
        paid = "late"
    DONE.append(paid)
    return paid


@task(retries=0)
def endless() -> None:
    endless.enqueue()


TASKS: list[Task[..., Any]] = [note, note_in_turn, fails, sleeps, waits, endless]


def make_app(settings: Settings | None = None) -> Photon:
    app = Photon()
    if settings is not None:
        app.use_settings(settings)
    app.add(TasksPart(tasks=TASKS))

    @app.post("/note/{value}")
    def enqueue_note(value: int) -> str:
        note.enqueue(value)
        return f"{DONE}"

    @app.post("/fail/{times}")
    def enqueue_failure(times: int) -> str:
        return fails.enqueue(times).id

    return app


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    DONE.clear()
    monkeypatch.chdir(tmp_path)
    with Client(make_app()) as client:
        yield client
    assert not [*tmp_path.iterdir()]


# -- running ------------------------------------------------------------------------------------


def test_a_job_runs_before_its_enqueueing_returns(client: Client) -> None:
    assert client.post("/note/5").json() == "[5]"
    (job,) = client.jobs.enqueued()
    assert (job.task, job.arguments, job.state) == (note.name, {"value": 5}, JobState.COMPLETED)


def test_applications_share_no_jobs(client: Client) -> None:
    client.post("/note/5")
    with Client(make_app()) as other:
        assert other.jobs.enqueued() == []


def test_jobs_of_jobs_run_after_them(client: Client) -> None:
    client.jobs.call(note_in_turn.enqueue, 2)
    assert DONE == [-2, 2, -1, 1, 0]


def test_what_is_held_runs_later(client: Client) -> None:
    with client.jobs.held():
        client.post("/note/1")
        client.post("/note/2")
        assert DONE == []
        assert [each.state for each in client.jobs.enqueued(note)] == [JobState.QUEUED] * 2
    assert client.jobs.run() == 2
    assert client.jobs.run() == 0
    assert DONE == [1, 2]


def test_delayed_jobs_run_in_their_order_when_the_time_is_moved(client: Client) -> None:
    now = datetime.datetime.now(datetime.UTC)
    client.jobs.call(note.enqueue_in, 7200, 3)
    client.jobs.call(note.enqueue_at, now + datetime.timedelta(hours=1), 2)
    client.jobs.call(note.enqueue_in, 60, 1)
    begin = time.monotonic()
    assert client.jobs.run() == 0
    assert client.jobs.run(until=datetime.timedelta(minutes=90)) == 2
    assert DONE == [1, 2]
    assert client.jobs.run(until=1500) == 0
    assert client.jobs.run(until=600) == 1
    assert DONE == [1, 2, 3]
    assert time.monotonic() - begin < 5


def test_a_job_sleeps_without_waiting(client: Client) -> None:
    client.jobs.call(sleeps.enqueue)
    assert DONE == ["first"]
    client.jobs.run(until=datetime.timedelta(days=2))
    assert DONE == ["first"]
    client.jobs.run(until=datetime.timedelta(days=2))
    assert DONE == ["first", "second", "third"]


def test_an_event_comes_or_is_late(client: Client) -> None:
    in_time = client.jobs.call(waits.enqueue)
    late = client.jobs.call(waits.enqueue)
    client.jobs.call(send_event, in_time.id, "paid", "now")
    client.jobs.run()
    assert DONE == ["now"]
    client.jobs.run(until=datetime.timedelta(days=2))
    assert DONE == ["now", "late"]
    assert [each.id for each in client.jobs.enqueued()] == [in_time.id, late.id]


def test_flows_run_to_their_end(client: Client) -> None:
    flow = group([note.call(1), note.call(2)]) | fails.call(0) | note.call(3)
    enqueued = client.jobs.call(flow.enqueue)
    assert DONE == [1, 2, 1, 3]
    assert client.jobs.call(enqueued.status) is JobState.COMPLETED
    assert [each.arguments for each in client.jobs.enqueued(note)] == [
        {"value": 1},
        {"value": 2},
        {"value": 3},
    ]


def test_jobs_without_an_end_are_noticed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photon_tasks.worker._inline._MOST_ATTEMPTS", 20)
    with pytest.raises(RuntimeError, match="without an end"):
        client.jobs.call(endless.enqueue)


# -- errors -------------------------------------------------------------------------------------


def test_the_error_of_a_job_is_raised_by_the_request_that_enqueues_it(client: Client) -> None:
    with pytest.raises(ValueError, match="attempt 1"):
        client.post("/fail/1")


def test_further_attempts_follow_when_the_time_is_moved(client: Client) -> None:
    with client.jobs.held():
        client.post("/fail/2")
    assert client.jobs.run(until=datetime.timedelta(hours=2)) == 3
    assert DONE == [1, 2, 3]


def test_the_error_of_the_last_attempt_is_raised(client: Client) -> None:
    with client.jobs.held():
        client.post("/fail/9")
    with pytest.raises(ValueError, match="attempt 1"):
        client.jobs.run()
    with pytest.raises(ValueError, match="attempt 4"):
        client.jobs.run(until=datetime.timedelta(days=1))
    (job,) = client.jobs.enqueued()
    assert (job.state, job.attempts) == (JobState.DEAD, 4)


def test_a_parked_job_is_an_error(client: Client) -> None:
    def enqueue() -> None:
        tasks = current_tasks()
        tasks.deliver(Delivery([NewJob(id=tasks.ids.new(), task="gone")]))

    with pytest.raises(JobFailed, match="'gone' is not defined"):
        client.jobs.call(enqueue)


def test_the_time_does_not_go_back(client: Client) -> None:
    with pytest.raises(ValueError, match="zero or more"):
        client.jobs.run(until=-1)


# -- assertions ---------------------------------------------------------------------------------


def test_calls_are_found_by_their_arguments(client: Client) -> None:
    client.post("/note/5")
    assert client.jobs.assert_enqueued(note, 5).state is JobState.COMPLETED
    assert client.jobs.assert_enqueued(note, value=5).attempts == 1
    with pytest.raises(AssertionError, match=r"was not enqueued with \{'value': 6\}. 1 jobs were"):
        client.jobs.assert_enqueued(note, 6)
    with pytest.raises(AssertionError, match="value': 5"):
        client.jobs.assert_enqueued(sleeps)
    with pytest.raises(AssertionError, match="value': 5"):
        client.jobs.assert_not_enqueued()
    client.jobs.assert_not_enqueued(sleeps)


def test_nothing_was_enqueued(client: Client) -> None:
    client.jobs.assert_not_enqueued()
    with pytest.raises(AssertionError, match="No job was enqueued"):
        client.jobs.assert_enqueued(note, 5)


# -- applications -------------------------------------------------------------------------------


def test_an_application_without_tasks_has_no_jobs() -> None:
    with Client(lambda request: Response()) as client, pytest.raises(NoTasks):
        client.jobs.enqueued()


def in_environment(environment: str, root: Path, **variables: str) -> Settings:
    return load_settings(root, environment=environment, environ=variables)


def test_the_server_of_jobs_is_not_used_in_tests(tmp_path: Path) -> None:
    DONE.clear()
    settings = in_environment("test", tmp_path, PHOTON__TASKS__URL="redis://127.0.0.1:1")
    with Client(make_app(settings)) as client:
        client.post("/note/1")
        assert DONE == [1]
        assert client.jobs.call(lambda: current_tasks().store.name) == "sqlite"
    assert not [*tmp_path.iterdir()]


def test_another_mode_has_a_worker(tmp_path: Path) -> None:
    settings = in_environment("test", tmp_path, PHOTON__TASKS__MODE="in_process")
    with Client(make_app(settings)) as client:
        job = client.jobs.call(note.enqueue, 5)
        client.jobs.call(lambda: job.result(timeout=10))
        with pytest.raises(NoTasks, match="mode 'in_process'"):
            client.jobs.run()
    assert TasksSettings().mode_in("test") == "inline"


# -- databases ----------------------------------------------------------------------------------


class Base(DeclarativeBase):
    """The root of the models."""


class Order(Base):
    """What somebody has ordered."""

    __tablename__ = "orders_of_job_tests"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(20))


@task
def confirm(order_id: int) -> None:
    with DATABASES[0].default.session() as db:
        order = db.get(Order, order_id)
        assert order is not None, "the row is committed before its job runs"
        if order.state == "broken":
            raise ValueError("a broken order")
        order.state = "confirmed"
        note.enqueue(order_id)  # a part of this transaction
        db.commit()


DATABASES: list[Databases] = []


def make_shop(settings: Settings) -> tuple[Photon, DatabasePart]:
    # Not a task of the module: other applications of this file provide no session.
    @task(retries=0)
    def cancel_order(order_id: int, db: Session = provided) -> None:
        order = db.get(Order, order_id)
        assert order is not None
        order.state = "cancelled"
        note.enqueue(order_id)  # a part of the transaction of the job
        if order_id < 0:
            raise ValueError("rolled back")

    app = Photon()
    app.use_settings(settings)
    part = DatabasePart()
    app.add(part)
    app.add(TasksPart(tasks=[confirm, cancel_order, note]))

    @app.post("/orders/{id}")
    def create(id: int, db: Session, databases: Databases, state: str = "new") -> str:
        DATABASES[:] = [databases]
        db.add(Order(id=id, state=state))
        confirm.enqueue(id)
        assert not DONE, "the job does not run before the commit"
        if state == "refused":
            raise HttpError(409, "the order is refused")
        return state

    @app.delete("/orders/{id}")
    def cancel(id: int) -> None:
        cancel_order.enqueue(id)

    @app.get("/orders/{id}")
    def show(id: int, db: Session) -> str | None:
        return db.scalar(select(Order.state).where(Order.id == id))

    return app, part


@pytest.fixture(scope="module")
def temporary() -> Iterator[TemporaryDatabases]:
    with TemporaryDatabases(Base.metadata) as databases:
        yield databases


@pytest.fixture(
    params=[
        ("sqlite", "fresh"),
        pytest.param(("postgresql", "rollback"), marks=pytest.mark.slow),
        pytest.param(("postgresql", "fresh"), marks=pytest.mark.slow),
        pytest.param(("mysql", "fresh"), marks=pytest.mark.slow),
    ]
)
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, temporary: TemporaryDatabases
) -> Iterator[Client]:
    DONE.clear()
    kind, mode = request.param
    url = f"sqlite:///{tmp_path}/app.db"
    if kind != "sqlite":
        url = request.getfixturevalue({"postgresql": "postgres_url", "mysql": "mysql_url"}[kind])
    app, part = make_shop(in_environment("test", tmp_path, PHOTON__DATABASE__URL=url))
    with temporary.open(mode=mode) as factory, part.overridden(factory), Client(app) as client:
        yield client
    assert not [*tmp_path.iterdir()]


def test_the_job_of_a_request_runs_after_its_commit(shop: Client) -> None:
    assert shop.post("/orders/1").json() == "new"
    assert shop.get("/orders/1").json() == "confirmed"
    assert DONE == [1]
    assert [each.state for each in shop.jobs.enqueued()] == [JobState.COMPLETED] * 2


def test_a_request_that_is_refused_enqueues_nothing(shop: Client) -> None:
    assert shop.post("/orders/1?state=refused").status_code == 409
    shop.jobs.assert_not_enqueued()
    assert shop.get("/orders/1").json() is None


def test_the_error_of_a_job_after_the_commit_is_raised_by_the_request(shop: Client) -> None:
    with pytest.raises(ValueError, match="a broken order"):
        shop.post("/orders/1?state=broken")
    assert shop.get("/orders/1").json() == "broken"
    (job,) = shop.jobs.enqueued()
    assert job.state is JobState.FAILED


def test_held_jobs_of_a_request_run_later(shop: Client) -> None:
    with shop.jobs.held():
        shop.post("/orders/1")
        assert shop.get("/orders/1").json() == "new"
    assert shop.jobs.run() == 2
    assert shop.get("/orders/1").json() == "confirmed"


def test_a_job_has_a_session_of_its_own(shop: Client) -> None:
    shop.post("/orders/1")
    DONE.clear()
    shop.delete("/orders/1")
    assert shop.get("/orders/1").json() == "cancelled"
    assert DONE == [1]


def test_a_job_that_fails_leaves_nothing(shop: Client) -> None:
    shop.post("/orders/-1")
    DONE.clear()
    with pytest.raises(ValueError, match="rolled back"):
        shop.delete("/orders/-1")
    assert shop.get("/orders/-1").json() == "confirmed"
    assert DONE == []


def test_delayed_jobs_run_in_each_database(shop: Client) -> None:
    shop.jobs.call(note.enqueue_in, 3600, 1)
    assert shop.jobs.run(until=3500) == 0
    assert shop.jobs.run(until=200) == 1


def test_a_live_server_without_settings_has_its_jobs_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DONE.clear()
    monkeypatch.chdir(tmp_path)
    with live_client(make_app()) as client:
        client.post("/note/5")
        assert DONE == [5]
    assert not [*tmp_path.iterdir()]


PROJECT = """
from photon import Json, Photon, task
from photon_lifeguard import DatabasePart

app = Photon()
app.add(DatabasePart())

@task
def note(value: int) -> int:
    return value

@app.post("/notes/{value}")
def enqueue(value: int) -> None:
    note.enqueue(value)
"""

PROJECT_TESTS = """
import pytest
from shop import note

@pytest.mark.parametrize("value", [1, 2])
def test_jobs_of_a_test_do_not_reach_the_next(client, jobs, value):
    jobs.assert_not_enqueued()
    client.post(f"/notes/{value}")
    assert jobs.assert_enqueued(note, value).state == "completed"
"""


@pytest.mark.slow
def test_the_fixture_has_the_jobs_of_the_client(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", photon='[project]\napp = "shop:app"\n')
    pytester.makepyfile(shop=PROJECT, test_shop=PROJECT_TESTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    assert not [*pytester.path.glob("*.db*")]


def test_actors_of_dramatiq_run_inline(tmp_path: Path) -> None:
    DONE.clear()
    broker = PhotonBroker()

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=60_000)
    def greet(name: str) -> None:
        DONE.append(name)
        if name == "nobody":
            raise ValueError("who?")

    app = Photon()
    app.add(TasksPart(tasks=broker.tasks()))

    @app.post("/greetings/{name}")
    def enqueue_greeting(name: str) -> str:
        return greet.send(name).message_id

    with Client(app) as client:
        id_ = client.post("/greetings/Ada").json()
        (job,) = client.jobs.enqueued()
        assert (job.id, job.task, job.arguments["args"]) == (id_, "greet", ["Ada"])
        with client.jobs.held():
            client.post("/greetings/nobody")
        with pytest.raises(ValueError, match=r"who\?"):
            client.jobs.run(until=datetime.timedelta(days=8))
    assert DONE == ["Ada", "nobody", "nobody"]


def test_an_error_that_no_request_has_raised_is_raised_at_the_end() -> None:
    client = Client(make_app())

    def fail_later() -> None:
        rt.spawn(note_error, ValueError("lost"), kind="test")

    client.jobs.call(fail_later)
    with pytest.raises(ValueError, match="lost"):
        client.close()
