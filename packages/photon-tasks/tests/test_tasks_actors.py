"""Actors and middleware of dramatiq on Photon's worker."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import dramatiq
import pytest
from dramatiq.errors import ActorNotFound, QueueNotFound
from dramatiq.message import Message
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    CurrentMessage,
    GroupCallbacks,
    Middleware,
    Pipelines,
    Retries,
    ShutdownNotifications,
    SkipMessage,
    TimeLimit,
    TimeLimitExceeded,
)
from dramatiq.rate_limits.backends import StubBackend
from dramatiq.results import ResultFailure, ResultMissing, Results, ResultTimeout

import photon_runtime as rt
from photon_tasks import ArgumentsError, JobState, NoTasks, TaskDefinitionError, Tasks, task
from photon_tasks.actors import JobResults, PhotonBroker, actors_in, as_job_middleware
from photon_tasks.registry import Registry, find_tasks

from .running_worker import Running, run_with_worker

DONE: list[Any] = []
Run = Callable[..., None]


@pytest.fixture
def broker() -> Iterator[PhotonBroker]:
    DONE.clear()
    broker = PhotonBroker()
    before = dramatiq.broker.global_broker
    dramatiq.set_broker(broker)
    yield broker
    dramatiq.broker.global_broker = before


@pytest.fixture
def run(tmp_path: Path, broker: PhotonBroker) -> Run:
    def run(main: Callable[[Running], object], **options: Any) -> None:
        run_with_worker(tmp_path / "jobs.db", broker.tasks(), main, **options)

    return run


def note(*values: Any) -> None:
    DONE.append(values)


def ended(running: Running, message: Message[Any]) -> Any:
    return running.ended(message.message_id)


class Recorder(Middleware):
    """Notes the hooks that are called."""

    HOOKS: ClassVar[tuple[str, ...]] = (
        "after_process_boot",
        "before_worker_boot",
        "after_worker_boot",
        "before_enqueue",
        "after_enqueue",
        "before_process_message",
        "after_process_message",
        "after_skip_message",
        "before_ack",
        "after_ack",
        "before_nack",
        "after_nack",
    )

    def __init__(self, name: str = "") -> None:
        self.calls: list[str] = DONE
        self.name = name

    def __getattribute__(self, name: str) -> Any:
        if name in Recorder.HOOKS:
            return lambda *args, **kwargs: self.calls.append(f"{self.name}{name}")
        return super().__getattribute__(name)


# -- messages -----------------------------------------------------------------------------------


def test_a_message_is_a_job(run: Run, broker: PhotonBroker) -> None:
    actor = dramatiq.actor(actor_name="note", queue_name="letters", priority=5)(note)

    def main(running: Running) -> None:
        message = actor.send(1, "two")
        record = ended(running, message)
        assert DONE == [(1, "two")]
        assert (record.id, record.task, record.queue) == (message.message_id, "note", "letters")
        assert (record.priority, record.state, record.attempts) == (-5, JobState.COMPLETED, 1)
        assert record.max_attempts == 21
        assert json.loads(record.arguments)["args"] == [1, "two"]
        assert record.result == "null"

    run(main)


def test_keywords_and_delays_arrive(run: Run, broker: PhotonBroker) -> None:
    @dramatiq.actor(max_retries=2)
    def place(order: int, *, note: str = "") -> None:
        DONE.append((order, note))

    def main(running: Running) -> None:
        message = place.send_with_options(args=(1,), kwargs={"note": "soon"}, delay=200)
        record = ended(running, message)
        assert DONE == [(1, "soon")]
        assert record.due - record.enqueued == pytest.approx(0.2, abs=0.01)
        assert record.max_attempts == 3
        other = place.send_with_options(args=(1,), max_retries=None)
        assert ended(running, other).max_attempts == 10_000

    run(main)


def test_a_message_is_enqueued_once(run: Run, broker: PhotonBroker) -> None:
    actor = dramatiq.actor(actor_name="note")(note)

    def main(running: Running) -> None:
        message = actor.message(1)
        broker.enqueue(message)
        broker.enqueue(message)
        ended(running, message)
        odd = message.copy(message_id="not-a-uuid")
        broker.enqueue(odd)
        broker.join("default")
        assert DONE == [(1,), (1,)]

    run(main)


def test_a_message_that_cannot_be_sent_is_refused(run: Run, broker: PhotonBroker) -> None:
    actor = dramatiq.actor(actor_name="note")(note)

    def main(running: Running) -> None:
        with pytest.raises(TypeError):
            actor.send(object())
        with pytest.raises(ArgumentsError, match="max_arguments"):
            actor.send("x" * 2000)
        with pytest.raises(QueueNotFound):
            broker.enqueue(actor.message(1).copy(queue_name="other"))
        with pytest.raises(ActorNotFound):
            broker.enqueue(actor.message(1).copy(actor_name="other"))
        dramatiq.set_encoder(dramatiq.PickleEncoder())
        try:
            with pytest.raises(ArgumentsError, match="sent as JSON only"):
                actor.send(1)
        finally:
            dramatiq.set_encoder(dramatiq.JSONEncoder())

    run(main, max_arguments=1000)
    with pytest.raises(NoTasks):
        actor.send(1)


def test_dramatiqs_own_worker_is_refused(broker: PhotonBroker) -> None:
    with pytest.raises(NotImplementedError, match="photon worker"):
        broker.consume("default")


def test_a_queue_is_flushed(run: Run, broker: PhotonBroker) -> None:
    actor = dramatiq.actor(actor_name="note")(note)

    def main(running: Running) -> None:
        actor.send_with_options(args=(1,), delay=60_000)
        with pytest.raises(dramatiq.QueueJoinTimeout):
            broker.join("default", timeout=50)
        broker.flush("default")
        broker.join("default", timeout=1000)
        actor.send_with_options(args=(1,), delay=60_000)
        broker.flush_all()
        broker.join("default", timeout=1000)
        assert DONE == []

    run(main)


# -- middleware ---------------------------------------------------------------------------------


def test_hooks_are_called_in_dramatiqs_order(run: Run, broker: PhotonBroker) -> None:
    broker.add_middleware(Recorder("a "))
    broker.add_middleware(Recorder("b "))
    actor = dramatiq.actor(actor_name="note")(note)

    def main(running: Running) -> None:
        ended(running, actor.send(1))
        assert DONE == [
            "a before_enqueue",
            "b before_enqueue",
            "b after_enqueue",
            "a after_enqueue",
            "b after_process_boot",
            "a after_process_boot",
            "a before_worker_boot",
            "b before_worker_boot",
            "b after_worker_boot",
            "a after_worker_boot",
            "a before_process_message",
            "b before_process_message",
            (1,),
            "b after_process_message",
            "a after_process_message",
            "a before_ack",
            "b before_ack",
            "b after_ack",
            "a after_ack",
        ]

    run(main)


def test_attempts_follow_as_retries_computes_them(run: Run, broker: PhotonBroker) -> None:
    @dramatiq.actor(max_retries=2, min_backoff=10, max_backoff=20)
    def fail() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        DONE.append(message.options.get("retries", 0))
        assert ("traceback" in message.options) is bool(DONE[-1])
        raise ValueError("again")

    broker.add_middleware(CurrentMessage())

    def main(running: Running) -> None:
        record = ended(running, fail.send())
        assert DONE == [0, 1, 2]
        assert (record.state, record.attempts) == (JobState.DEAD, 3)
        assert "ValueError: again" in (record.error or "")

    run(main)


def test_an_actor_chooses_the_delay(run: Run, broker: PhotonBroker) -> None:
    @dramatiq.actor
    def once_more() -> None:
        DONE.append("run")
        if len(DONE) < 2:
            raise dramatiq.Retry("later", delay=100)

    def main(running: Running) -> None:
        record = ended(running, once_more.send())
        assert (record.state, record.attempts) == (JobState.COMPLETED, 2)
        assert record.due - record.enqueued >= 0.1
        assert record.due - record.enqueued < 10, "not the 15 seconds of `Retries`"

    run(main)


def test_errors_that_are_expected_end_the_message(run: Run, broker: PhotonBroker) -> None:
    @dramatiq.actor(throws=(LookupError,))
    def throws() -> None:
        raise LookupError("gone")

    def main(running: Running) -> None:
        record = ended(running, throws.send())
        assert (record.state, record.attempts) == (JobState.DEAD, 1)

    run(main)


def test_a_predicate_decides_about_attempts(run: Run, broker: PhotonBroker) -> None:
    @dramatiq.actor(retry_when=lambda retries, error: retries < 1, min_backoff=1, max_backoff=2)
    def fail() -> None:
        raise ValueError("again")

    def main(running: Running) -> None:
        assert ended(running, fail.send()).attempts == 2

    run(main)


def test_without_retries_there_is_one_attempt(tmp_path: Path, broker: PhotonBroker) -> None:
    plain = PhotonBroker(middleware=[])

    @dramatiq.actor(broker=plain)
    def fail() -> None:
        raise ValueError("once")

    def main(running: Running) -> None:
        record = ended(running, fail.send())
        assert (record.state, record.attempts) == (JobState.DEAD, 1)

    run_with_worker(tmp_path / "jobs.db", plain.tasks(), main)


def test_a_message_is_skipped(run: Run, broker: PhotonBroker) -> None:
    class Skip(Recorder):
        def __getattribute__(self, name: str) -> Any:
            if name == "before_process_message":
                return self.skip
            return super().__getattribute__(name)

        def skip(self, broker: Any, message: Any) -> None:
            if message.args[0] == "fail":
                message.fail()
            raise SkipMessage("not now")

    broker.add_middleware(Skip())
    actor = dramatiq.actor(actor_name="note")(note)

    def main(running: Running) -> None:
        assert ended(running, actor.send(1)).state is JobState.COMPLETED
        assert DONE[-3:] == ["after_skip_message", "before_ack", "after_ack"]
        assert ended(running, actor.send("fail")).state is JobState.DEAD
        assert DONE[-3:] == ["after_skip_message", "before_nack", "after_nack"]

    run(main)


def test_a_message_that_is_too_old_is_dead(run: Run, broker: PhotonBroker) -> None:
    actor = dramatiq.actor(actor_name="note", max_age=1000)(note)

    def main(running: Running) -> None:
        message = actor.message(1)
        old = message.copy(message_timestamp=message.message_timestamp - 2000)
        broker.enqueue(old)
        assert ended(running, old).state is JobState.DEAD
        assert DONE == []

    run(main)


def test_a_time_limit_cancels_the_job(run: Run, broker: PhotonBroker) -> None:
    @dramatiq.actor(time_limit=50, max_retries=0)
    def wait() -> None:
        rt.sleep(30)

    class Seen(Middleware):
        def after_process_message(
            self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
        ) -> None:
            DONE.append(type(exception))

    broker.add_middleware(Seen())

    def main(running: Running) -> None:
        record = ended(running, wait.send())
        assert record.state is JobState.DEAD
        assert [TimeLimitExceeded] == DONE
        assert "TimeLimitExceeded" in (record.error or "")

    run(main)


def test_callbacks_are_enqueued_with_the_outcome(run: Run, broker: PhotonBroker) -> None:
    @dramatiq.actor
    def report(message: dict[str, Any], result: Any) -> None:
        DONE.append((message["actor_name"], result))

    @dramatiq.actor(on_success="report", on_failure="report", max_retries=0)
    def work(value: int) -> int:
        if value < 0:
            raise ValueError("negative")
        return value

    def main(running: Running) -> None:
        ended(running, work.send(1))
        ended(running, work.send(-1))
        broker.join("default")
        expected = {"type": "ValueError", "message": "negative"}
        assert [("work", 1), ("work", expected)] == DONE

    run(main)


def test_a_lost_attempt_enqueues_nothing(run: Run, broker: PhotonBroker) -> None:
    @dramatiq.actor
    def report(message: dict[str, Any], result: Any) -> None:
        DONE.append(result)

    @dramatiq.actor(on_success="report")
    def work() -> int:
        return 1

    def main(running: Running) -> None:
        store = running.tasks.store
        finish = store.finish
        lost: list[Any] = []

        def lose(worker: str, outcomes: Any) -> Any:
            (outcome,) = outcomes
            if not lost:
                lost.append(outcome)
                jobs = outcome.delivery.jobs
                assert [each.task for each in jobs] == ["report"]
                outcomes = [attrs.evolve(outcome, claim=attrs.evolve(outcome.claim, attempt=9))]
            return finish(worker, outcomes)

        store.finish = lose  # type: ignore[method-assign]
        work.send()
        with rt.deadline(10):
            while not lost:
                rt.sleep(0.01)
        rt.sleep(0.1)
        assert DONE == []

    run(main)


def test_pipelines_and_groups_of_dramatiq_run(run: Run, broker: PhotonBroker) -> None:
    backend = StubBackend()
    broker.add_middleware(GroupCallbacks(backend))
    broker.add_middleware(Results(backend=JobResults(), store_results=True))

    @dramatiq.actor
    def add(a: int, b: int) -> int:
        DONE.append(a + b)
        return a + b

    def main(running: Running) -> None:
        pipeline = (
            add.message(1, 2)
            | add.message_with_options(args=(3,))
            | add.message_with_options(args=(4,))
        )
        assert pipeline.run().get_result(block=True) == 10
        group = dramatiq.group([add.message(1, 1), add.message(2, 2)])
        group.add_completion_callback(add.message(100, 1))
        assert list(group.run().get_results(block=True)) == [2, 4]
        broker.join("default")
        assert DONE.count(101) == 1

    run(main)


def test_results_are_those_of_the_jobs(run: Run, broker: PhotonBroker) -> None:
    backend = JobResults()
    broker.add_middleware(Results(backend=backend))

    @dramatiq.actor(store_results=True, max_retries=0, result_ttl=5000)
    def divide(a: int, b: int) -> float:
        return a / b

    @dramatiq.actor(store_results=True)
    def wait() -> None:
        rt.sleep(30)

    def main(running: Running) -> None:
        message = divide.send(6, 3)
        assert message.get_result(block=True) == 2.0
        assert message.get_result(backend=backend) == 2.0
        with pytest.raises(ResultFailure, match="division by zero") as failure:
            divide.send(1, 0).get_result(block=True)
        assert failure.value.orig_exc_type == "ZeroDivisionError"
        with pytest.raises(ResultMissing):
            wait.send().get_result()
        with pytest.raises(ResultTimeout):
            wait.send().get_result(block=True, timeout=50)

    run(main, shutdown_timeout=0)


def test_an_attempt_that_has_killed_its_process_counts(run: Run, broker: PhotonBroker) -> None:
    @dramatiq.actor(max_retries=1, min_backoff=1, max_backoff=2)
    def fail() -> None:
        DONE.append("run")
        raise ValueError("again")

    def main(running: Running) -> None:
        from photon_tasks.records import WorkerInfo

        running.worker.stop()
        rt.sleep(0.1)
        store = running.tasks.store
        store.register(WorkerInfo(id="dead"), 60)
        message = fail.send()
        (claimed,) = store.claim("dead", 1).jobs
        assert claimed.max_attempts == 2
        store.recover("dead", 0)
        from photon_tasks._clock import MovableClock
        from photon_tasks.worker import InlineJobs

        with pytest.raises(ValueError, match="again"):
            InlineJobs(running.tasks, MovableClock()).run()
        record = store.job(message.message_id)
        assert record is not None
        assert (record.state, record.attempts) == (JobState.DEAD, 2)
        assert DONE == ["run"]

    run(main)


@pytest.mark.parametrize("cls", [TimeLimit, ShutdownNotifications])
def test_middleware_that_interrupts_threads_is_replaced(cls: type[Middleware]) -> None:
    broker = PhotonBroker(middleware=[cls()])
    assert broker.actor_options == cls().actor_options
    assert not isinstance(broker.middleware[0], cls)


def test_middleware_that_cannot_work_is_refused(
    broker: PhotonBroker, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TypeError, match="plain functions"):
        broker.add_middleware(AsyncIO())

    class Forks(Middleware):
        @property
        def forks(self) -> Any:
            return [int]

    with pytest.raises(TypeError, match="starts processes"):
        broker.add_middleware(Forks())

    class Prometheus(Middleware):
        __module__ = "dramatiq.middleware.prometheus"

    with pytest.raises(TypeError, match="/metrics"):
        broker.add_middleware(Prometheus())

    class Threads(Middleware):
        def before_worker_thread_shutdown(self, broker: Any, thread: Any) -> None:
            """Close connections."""

    broker.add_middleware(Threads())
    assert "before_worker_thread_shutdown of the middleware Threads" in caplog.text


# -- applications -------------------------------------------------------------------------------

EXAMPLE = '''
"""The counting of words, as in dramatiq's guide."""

import dramatiq

COUNTS = {}


@dramatiq.actor(max_retries=3)
def count_words(text, *, language="en"):
    COUNTS[text] = len(text.split())
    summarise.send(COUNTS[text])


@dramatiq.actor(queue_name="summaries")
def summarise(count):
    COUNTS["summary"] = count


class Greet(dramatiq.GenericActor):
    class Meta:
        queue_name = "greetings"

    def perform(self, name):
        COUNTS["greeting"] = name
'''


def test_an_application_with_actors_is_found_and_runs(
    tmp_path: Path, broker: PhotonBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "words_example.py").write_text(EXAMPLE)
    monkeypatch.syspath_prepend(tmp_path)
    registry = find_tasks(None, ["words_example"])
    assert [each.name for each in registry] == ["Greet", "count_words", "summarise"]

    def main(running: Running) -> None:
        import words_example  # type: ignore[import-not-found]

        words_example.count_words.send("one two three")
        words_example.Greet.send("Ada")
        broker.join("default")
        broker.join("summaries")
        broker.join("greetings")
        assert words_example.COUNTS == {"one two three": 3, "summary": 3, "greeting": "Ada"}

    run_with_worker(tmp_path / "jobs.db", list(registry), main)


def test_tasks_and_actors_do_not_share_names(broker: PhotonBroker) -> None:
    @task(name="note")
    def other() -> None:
        """Do nothing."""

    dramatiq.actor(actor_name="note")(note)
    registry = Registry([other])
    (found,) = actors_in([broker])
    with pytest.raises(TaskDefinitionError, match="two tasks have the name 'note'"):
        registry.add(found)


# -- tasks --------------------------------------------------------------------------------------


@task(name="double", retries=0)
def double(number: int) -> int:
    DONE.append(number)
    if number < 0:
        raise ValueError("negative")
    return 2 * number


def run_task(tmp_path: Path, main: Callable[[Running], object], *middleware: Middleware) -> None:
    def prepare(tasks: Tasks) -> None:
        tasks.middleware = tuple(as_job_middleware(each) for each in middleware)

    run_with_worker(tmp_path / "jobs.db", [double], main, prepare=prepare)


def test_middleware_of_dramatiq_wraps_tasks(tmp_path: Path, broker: PhotonBroker) -> None:
    class Seen(Middleware):
        def before_process_message(self, broker: Any, message: Any) -> None:
            current = CurrentMessage.get_current_message()
            assert current is not None
            DONE.append((current.actor_name, message.kwargs, message.queue_name))
            if message.kwargs["number"] == 13:
                raise SkipMessage("unlucky")

        def after_process_message(
            self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
        ) -> None:
            DONE.append((result, type(exception)))

        def after_skip_message(self, broker: Any, message: Any) -> None:
            DONE.append(uuid.UUID(message.message_id).version)

    def main(running: Running) -> None:
        assert double.enqueue(4).result(timeout=10) == 8
        assert [("double", {"number": 4}, "default"), 4, (8, type(None))] == DONE
        running.ended(double.enqueue(-1))
        assert DONE[-1] == (None, ValueError)
        job = double.enqueue(13)
        assert running.ended(job).state is JobState.COMPLETED
        assert DONE[-1] == 7

    run_task(tmp_path, main, CurrentMessage(), Seen())


def test_old_messages_of_tasks_are_rejected_by_middleware(
    tmp_path: Path, broker: PhotonBroker
) -> None:
    class Reject(Middleware):
        def before_process_message(self, broker: Any, message: Any) -> None:
            message.fail()
            if message.kwargs["number"]:
                raise SkipMessage("rejected")

    def main(running: Running) -> None:
        for number in (0, 1):
            record = running.ended(double.enqueue(number))
            assert record.state is JobState.DEAD
            assert "a middleware has rejected the job" in (record.error or "")
        assert DONE == []

    run_task(tmp_path, main, AgeLimit(max_age=1000), Reject())


@pytest.mark.parametrize("cls", [Retries, TimeLimit, Pipelines])
def test_middleware_that_tasks_have_an_option_for_is_refused(cls: type[Middleware]) -> None:
    with pytest.raises(TypeError, match="for tasks use"):
        as_job_middleware(cls())
