"""What a worker does with jobs, and what becomes of them."""

from __future__ import annotations

import datetime
import logging
import time
from pathlib import Path
from typing import Any

import pytest

import photon_runtime as rt
from photon_runtime.transactions import find_transactions_by
from photon_tasks import (
    Backoff,
    Job,
    JobFailed,
    JobState,
    Task,
    current_job,
    current_tasks,
    provided,
    send_event,
    step,
    task,
)
from photon_tasks.errors import TransactionOpen
from photon_tasks.records import Delivery, NewJob

from .running_worker import Running, run_with_worker

FAST = Backoff(first=0.01, factor=1, jitter=0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


def make(function: Any, **options: Any) -> Task[..., Any]:
    made: Task[..., Any] = task(name=function.__name__, **options)(function)
    return made


# -- results ------------------------------------------------------------------------------------


def test_a_job_runs_and_has_a_result(file: Path) -> None:
    def add(a: int, b: int = 2) -> int:
        return a + b

    adding = make(add)

    def main(running: Running) -> None:
        job = adding.enqueue(1)
        assert job.is_new
        assert job.result(timeout=10) == 3
        assert job.status() == JobState.COMPLETED
        record = job.record()
        assert (record.attempts, record.result, record.queue) == (1, "3", "default")

    run_with_worker(file, [adding], main)


def test_a_job_that_is_enqueued_wakes_its_worker(file: Path) -> None:
    waits: list[float] = []

    def measure(since: float) -> None:
        waits.append(time.monotonic() - since)

    measuring = make(measure)

    def main(running: Running) -> None:
        for _ in range(50):
            measuring.enqueue(time.monotonic()).result(timeout=10)
            rt.sleep(0.005)

    run_with_worker(file, [measuring], main, poll_interval=30)
    assert max(waits) < 15, "the worker did not wait for the next poll; how long: tools/bench"


@pytest.mark.parametrize("development", [True, False])
def test_the_log_of_development_has_jobs_that_are_completed(
    file: Path, caplog: pytest.LogCaptureFixture, development: bool
) -> None:
    noting = make(_nothing)

    def prepare(tasks: Any) -> None:
        tasks.development = development

    def main(running: Running) -> None:
        noting.enqueue().result(timeout=10)

    with caplog.at_level(logging.INFO, "photon.tasks"):
        run_with_worker(file, [noting], main, prepare=prepare)
    assert ("of _nothing is completed" in caplog.text) is development


def test_attempts_follow_until_one_succeeds(file: Path) -> None:
    attempts: list[int] = []

    def flaky() -> str:
        attempts.append(current_job().attempt)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return "done"

    flaking = make(flaky, retries=5, backoff=FAST)

    def main(running: Running) -> None:
        assert flaking.enqueue().result(timeout=10) == "done"

    run_with_worker(file, [flaking], main)
    assert attempts == [1, 2, 3]


def test_a_job_without_attempts_is_dead_with_its_error(file: Path) -> None:
    def fail() -> None:
        raise ValueError("the printer burns")

    failing = make(fail, retries=2, backoff=FAST)

    def main(running: Running) -> None:
        job = failing.enqueue()
        record = running.ended(job)
        assert (record.state, record.attempts) == (JobState.DEAD, 3)
        assert "the printer burns" in (record.error or "")
        assert "test_tasks_worker.py" in (record.error or "")
        with pytest.raises(JobFailed, match="the printer burns"):
            job.result()

    run_with_worker(file, [failing], main)


def test_a_fatal_error_ends_the_attempts(file: Path) -> None:
    def refuse() -> None:
        raise KeyError("card")

    refusing = make(refuse, retries=5, backoff=FAST, fatal=[LookupError])

    def main(running: Running) -> None:
        record = running.ended(refusing.enqueue())
        assert (record.state, record.attempts) == (JobState.DEAD, 1)

    run_with_worker(file, [refusing], main)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_an_error_that_ends_programs_ends_the_attempt_only(file: Path, error: Any) -> None:
    def leave() -> None:
        raise error

    def stay() -> int:
        return 1

    leaving, staying = make(leave, retries=0), make(stay)

    def main(running: Running) -> None:
        assert running.ended(leaving.enqueue()).state == JobState.DEAD
        assert staying.enqueue().result(timeout=10) == 1

    run_with_worker(file, [leaving, staying], main)


def test_a_result_of_another_type_fails_the_attempt(file: Path) -> None:
    def promise() -> int:
        return object()  # type: ignore[return-value]

    promising = make(promise, retries=0)

    def main(running: Running) -> None:
        assert running.ended(promising.enqueue()).state == JobState.DEAD

    run_with_worker(file, [promising], main)


# -- time ---------------------------------------------------------------------------------------


def test_an_attempt_ends_at_its_time_limit(file: Path) -> None:
    released: list[str] = []

    def wait() -> None:
        try:
            rt.sleep(60)
        finally:
            released.append("lock")

    waiting = make(wait, timeout=0.1, retries=1, backoff=FAST)

    def main(running: Running) -> None:
        record = running.ended(waiting.enqueue())
        assert (record.state, record.attempts) == (JobState.DEAD, 2)
        assert "did not end within 0.1 s" in (record.error or "")

    run_with_worker(file, [waiting], main)
    assert released == ["lock", "lock"]


def test_the_deadline_of_a_task_is_not_its_time_limit(file: Path) -> None:
    def ask() -> str:
        try:
            with rt.deadline(0.02):
                rt.sleep(60)
        except rt.DeadlineExceeded:
            return "no answer"
        return "answer"

    asking = make(ask, timeout=10, retries=0)

    def main(running: Running) -> None:
        assert asking.enqueue().result(timeout=10) == "no answer"

    run_with_worker(file, [asking], main)


def test_delayed_jobs_begin_in_the_order_of_their_times(file: Path) -> None:
    begun: list[str] = []

    def note(name: str) -> None:
        begun.append(name)

    noting = make(note)

    def main(running: Running) -> None:
        now = datetime.datetime.now(datetime.UTC)
        late = noting.enqueue_in(0.4, "late")
        noting.enqueue_at(now + datetime.timedelta(seconds=0.2), "early")
        noting.enqueue("now")
        noting.enqueue_at(now - datetime.timedelta(days=1), "past")
        assert late.status() == JobState.SCHEDULED
        running.ended(late)

    run_with_worker(file, [noting], main, poll_interval=5)
    assert sorted(begun[:2]) == ["now", "past"]
    assert begun[2:] == ["early", "late"]


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_an_impossible_delay_is_refused(file: Path, seconds: float) -> None:
    noting = make(_nothing)

    def main(running: Running) -> None:
        with pytest.raises(ValueError, match="enqueue_in"):
            noting.enqueue_in(seconds)
        with pytest.raises(ValueError, match="zone"):
            noting.enqueue_at(datetime.datetime(2030, 1, 1))

    run_with_worker(file, [noting], main)


def _nothing() -> None:
    """Do nothing."""


# -- order --------------------------------------------------------------------------------------


def test_jobs_run_first_in_first_out_and_by_priority(file: Path) -> None:
    begun: list[int] = []

    def note(number: int) -> None:
        begun.append(number)

    noting = make(note)
    urgent = noting.with_options(priority=5)

    def main(running: Running) -> None:
        tasks = running.tasks
        jobs = [noting.new_job([number], tasks=tasks) for number in range(100)]
        jobs += [urgent.new_job([number], tasks=tasks) for number in range(100, 105)]
        tasks.deliver(Delivery(jobs))
        running.ended(jobs[99].id)

    run_with_worker(file, [noting], main, concurrency=1)
    assert begun == [*range(100, 105), *range(100)]


def test_a_flood_in_one_queue_leaves_room_for_others(file: Path) -> None:
    begun: list[str] = []

    def note(name: str) -> None:
        begun.append(name)
        rt.sleep(0.001)

    noting = make(note)
    other = noting.with_options(queue="other")

    def main(running: Running) -> None:
        tasks = running.tasks
        flood = [noting.new_job(["flood"], tasks=tasks) for _ in range(200)]
        tasks.deliver(Delivery([*flood, *(other.new_job(["other"], tasks=tasks) for _ in "12345")]))
        running.ended(flood[-1].id)

    run_with_worker(file, [noting], main, concurrency=2)
    assert max(place for place, name in enumerate(begun) if name == "other") < 20


def test_a_worker_takes_jobs_of_its_queues_only(file: Path) -> None:
    noting = make(_nothing)

    def main(running: Running) -> None:
        mine = noting.with_options(queue="mine").enqueue()
        other = noting.enqueue()
        running.ended(mine)
        rt.sleep(0.2)
        assert other.status() == JobState.QUEUED

    run_with_worker(file, [noting], main, queues=["mine"])


def test_no_more_jobs_run_than_the_worker_has_room_for(file: Path) -> None:
    most = [0, 0]

    def wait() -> None:
        most[0] += 1
        most[1] = max(most)
        rt.sleep(0.005)
        most[0] -= 1

    waiting = make(wait)

    def main(running: Running) -> None:
        jobs = [waiting.new_job(tasks=running.tasks) for _ in range(60)]
        running.tasks.deliver(Delivery(jobs))
        for each in jobs:
            running.ended(each.id)

    run_with_worker(file, [waiting], main, concurrency=7)
    assert most[1] == 7


# -- what cannot be run ---------------------------------------------------------------------------


def test_unknown_tasks_and_arguments_that_do_not_fit_are_parked(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noting = make(_nothing)

    def main(running: Running) -> None:
        store, ids = running.tasks.store, running.tasks.ids
        unknown = NewJob(id=ids.new(), task="gone")
        misfit = NewJob(id=ids.new(), task="_nothing", arguments='{"number":1}')
        store.deliver(Delivery([unknown, misfit]))
        assert running.ended(unknown.id).state == JobState.PARKED
        record = running.ended(misfit.id)
        assert (record.state, record.attempts) == (JobState.PARKED, 0)
        assert "number" in (record.error or "")

    with caplog.at_level(logging.ERROR, "photon.tasks"):
        run_with_worker(file, [noting], main)
    assert "'gone' is not defined" in caplog.text


# -- cancellation ---------------------------------------------------------------------------------


def test_a_running_job_is_cancelled(file: Path) -> None:
    ended: list[str] = []

    def wait() -> None:
        try:
            rt.sleep(60)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    waiting = make(wait)

    def main(running: Running) -> None:
        job = waiting.enqueue()
        running.wait(job, [JobState.RUNNING])
        assert job.cancel() == JobState.RUNNING
        assert running.ended(job).state == JobState.CANCELLED

    run_with_worker(file, [waiting], main)
    assert ended == ["Cancelled"]


def test_a_job_that_waits_is_cancelled_at_once(file: Path) -> None:
    noting = make(_nothing)

    def main(running: Running) -> None:
        job = noting.enqueue_in(60)
        assert job.cancel() == JobState.CANCELLED
        with pytest.raises(JobFailed, match="cancelled"):
            job.result(timeout=5)

    run_with_worker(file, [noting], main)


def test_a_worker_that_stops_gives_jobs_back(file: Path) -> None:
    def wait() -> None:
        rt.sleep(60)

    waiting = make(wait)
    jobs: list[str] = []

    def main(running: Running) -> None:
        job = waiting.enqueue()
        running.wait(job, [JobState.RUNNING])
        jobs.append(job.id)

    run_with_worker(file, [waiting], main, shutdown_timeout=0.1)

    def look(running: Running) -> None:
        record = running.tasks.store.job(jobs[0])
        assert record is not None
        assert (record.state, record.attempts) == (JobState.QUEUED, 0)

    run_with_worker(file, [waiting], look, queues=["none"])


def test_a_worker_that_stops_lets_jobs_end(file: Path) -> None:
    def wait() -> int:
        rt.sleep(0.3)
        return 1

    waiting = make(wait)
    jobs: list[str] = []

    def main(running: Running) -> None:
        job = waiting.enqueue()
        running.wait(job, [JobState.RUNNING])
        jobs.append(job.id)

    run_with_worker(file, [waiting], main)

    def look(running: Running) -> None:
        record = running.tasks.store.job(jobs[0])
        assert record is not None
        assert (record.state, record.result) == (JobState.COMPLETED, "1")

    run_with_worker(file, [waiting], look, queues=["none"])


@pytest.mark.slow
@pytest.mark.parametrize("computes", [True, False])
def test_a_job_of_six_times_its_lease_runs_once(file: Path, computes: bool) -> None:
    begun: list[int] = []

    def work() -> None:
        begun.append(1)
        end = time.monotonic() + 6
        while time.monotonic() < end:
            if not computes:
                rt.sleep(0.1)

    working = make(work)

    def main(running: Running) -> None:
        job = working.enqueue()
        record = running.ended(job, seconds=20)
        assert (record.state, record.attempts) == (JobState.COMPLETED, 1)

    run_with_worker(file, [working], main, lease=1.0)
    assert begun == [1]


def test_a_job_whose_worker_has_lost_the_lease_records_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun: list[str] = []

    def work(job: Job = provided) -> str:
        begun.append(job.id)
        if len(begun) == 1:
            worker = current_tasks().store.workers()[0]
            current_tasks().store.recover(worker.info.id, worker.beats)
            job.progress(0.5)
        return "second"

    working = make(work)

    def main(running: Running) -> None:
        job = working.enqueue()
        assert job.result(timeout=10) == "second"
        assert job.record().attempts == 2
        assert job.progress() is None

    with caplog.at_level(logging.ERROR):
        run_with_worker(file, [working], main)
    assert len(begun) == 2
    assert "has lost its lease" in caplog.text
    assert "Traceback" not in caplog.text


# -- provided values ------------------------------------------------------------------------------


def test_the_job_is_filled_in(file: Path) -> None:
    def show(job: Job = provided) -> str:
        job.progress({"done": 1})
        return job.id

    showing = make(show)

    def main(running: Running) -> None:
        job = showing.enqueue()
        assert job.result(timeout=10) == job.id
        assert job.progress() == {"done": 1}

    run_with_worker(file, [showing], main)


def test_middleware_wraps_the_call(file: Path) -> None:
    calls: list[str] = []

    def add(a: int) -> int:
        calls.append("task")
        return a

    def outer(job: Job, call: Any) -> Any:
        calls.append(f"outer {job.task}")
        return call() + 1

    def inner(job: Job, call: Any) -> Any:
        calls.append("inner")
        return call() * 10

    adding = make(add)

    def prepare(tasks: Any) -> None:
        tasks.middleware = (outer, inner)

    def main(running: Running) -> None:
        assert adding.enqueue(2).result(timeout=10) == 21

    run_with_worker(file, [adding], main, prepare=prepare)
    assert calls == ["outer add", "inner", "task"]


def test_a_task_can_run_in_a_thread(file: Path) -> None:
    import threading

    def where() -> str:
        return f"{threading.current_thread().name} {current_job().attempt}"

    threaded = make(where, on="thread")

    def main(running: Running) -> None:
        place = threaded.enqueue().result(timeout=10)
        assert place != f"{threading.current_thread().name} 1"
        assert place.endswith(" 1")

    run_with_worker(file, [threaded], main)


# -- steps ----------------------------------------------------------------------------------------


def test_a_step_runs_once_over_attempts(file: Path) -> None:
    calls: list[str] = []

    def charge(amount: int) -> dict[str, int]:
        calls.append("charge")
        return {"amount": amount}

    def pay() -> int:
        receipt = step("charge", charge, 5)
        calls.append("after")
        if calls.count("after") < 3:
            raise ValueError("again")
        return receipt["amount"]

    paying = make(pay, retries=5, backoff=FAST)

    def main(running: Running) -> None:
        assert paying.enqueue().result(timeout=10) == 5

    run_with_worker(file, [paying], main)
    assert calls == ["charge", "after", "after", "after"]


def test_a_step_that_fails_runs_again(file: Path) -> None:
    calls: list[int] = []

    def charge() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("no")
        return len(calls)

    def pay() -> int:
        return step("charge", charge)

    paying = make(pay, retries=2, backoff=FAST)

    def main(running: Running) -> None:
        assert paying.enqueue().result(timeout=10) == 2

    run_with_worker(file, [paying], main)


def test_steps_need_names_of_their_own(file: Path) -> None:
    def pay() -> None:
        step("charge", _nothing)
        step("charge", _nothing)

    paying = make(pay, retries=0)

    def main(running: Running) -> None:
        record = running.ended(paying.enqueue())
        assert record.state == JobState.DEAD
        assert "two steps 'charge'" in (record.error or "")

    run_with_worker(file, [paying], main)


def test_a_job_that_sleeps_holds_no_slot(file: Path) -> None:
    calls: list[str] = []

    def workflow(job: Job = provided) -> str:
        job.step("first", calls.append, "first")
        job.sleep(seconds=1.2)
        job.step("second", calls.append, "second")
        return "done"

    working = make(workflow, retries=0)
    noting = make(_nothing)

    def main(running: Running) -> None:
        job = working.enqueue()
        record = running.wait(job, [JobState.WAITING])
        assert record.attempts == 0
        assert running.worker.running == 0
        noting.enqueue().result(timeout=5)
        begun = time.monotonic()
        assert job.result(timeout=10) == "done"
        assert time.monotonic() - begun > 0.5
        assert job.record().attempts == 1

    run_with_worker(file, [working, noting], main, concurrency=1)
    assert calls == ["first", "second"]


def test_a_job_waits_for_an_event(file: Path) -> None:
    def order(job: Job = provided) -> str:
        paid = job.wait_event("paid", timeout=60, type=int)
        sent = job.wait_event("sent")
        return f"{paid} {sent}"

    ordering = make(order)

    def main(running: Running) -> None:
        job = ordering.enqueue()
        running.wait(job, [JobState.WAITING])
        send_event(job.id, "sent", "yes")  # before the job waits for it
        send_event(job.id, "other")
        rt.sleep(0.1)
        assert job.status() == JobState.WAITING
        job.send_event("paid", 7)
        assert job.result(timeout=10) == "7 yes"

    run_with_worker(file, [ordering], main)


def test_an_event_that_does_not_come_in_time_is_an_error_that_can_be_handled(file: Path) -> None:
    def order(job: Job = provided) -> str:
        try:
            job.wait_event("paid", timeout=0.2)
        except TimeoutError:
            job.step("remind", _nothing)
            return "reminded"
        return "paid"

    ordering = make(order, retries=0)

    def main(running: Running) -> None:
        assert ordering.enqueue().result(timeout=10) == "reminded"

    run_with_worker(file, [ordering], main)


def test_an_attempt_begins_at_the_checkpoint_of_the_one_before(file: Path) -> None:
    seen: list[int] = []

    def copy(job: Job = provided) -> None:
        for number in range(job.cursor or 0, 10):
            seen.append(number)
            job.checkpoint(number + 1)
            if number in (3, 6):
                raise ValueError("interrupted")

    copying = make(copy, retries=5, backoff=FAST)

    def main(running: Running) -> None:
        copying.enqueue().result(timeout=10)

    run_with_worker(file, [copying], main)
    assert seen == list(range(10))


# -- unique keys ----------------------------------------------------------------------------------


def test_one_job_with_the_same_arguments_at_a_time(file: Path) -> None:
    gate = rt.Event

    def report(day: str) -> None:
        opened[day].wait()

    opened = {"monday": gate(), "tuesday": gate()}
    reporting = make(report, unique=True)

    def main(running: Running) -> None:
        first = reporting.enqueue("monday")
        again = reporting.enqueue(day="monday")
        other = reporting.enqueue("tuesday")
        assert (again.id, again.is_new, other.is_new) == (first.id, False, True)
        running.wait(first, [JobState.RUNNING])
        assert not reporting.enqueue("monday").is_new
        for each in opened.values():
            each.set()
        running.ended(first)
        assert reporting.enqueue("monday").is_new

    run_with_worker(file, [reporting], main)


def test_a_key_until_the_start_is_free_when_the_job_runs(file: Path) -> None:
    gate = rt.Event()

    def refresh() -> None:
        gate.wait()

    refreshing = make(refresh, unique="start")

    def main(running: Running) -> None:
        first = refreshing.enqueue()
        running.wait(first, [JobState.RUNNING])
        second = refreshing.enqueue()
        assert second.is_new
        gate.set()
        running.ended(second)

    run_with_worker(file, [refreshing], main)


@pytest.mark.parametrize("call", ["step", "sleep", "wait_event", "checkpoint"])
@pytest.mark.parametrize("is_begun", [True, False])
def test_nothing_is_recorded_while_a_transaction_that_has_written_is_open(
    file: Path, call: str, is_begun: bool
) -> None:
    class Transaction:
        database = None

        def __init__(self) -> None:
            self.is_begun = is_begun

        def connection(self) -> None: ...
        def on_commit(self, callback: Any, /) -> None: ...

    def work(job: Job = provided) -> str:
        find_transactions_by(lambda owner: [Transaction()])
        calls: dict[str, Any] = {
            "step": lambda: job.step("charge", _nothing),
            "sleep": lambda: job.sleep(seconds=0.01),
            "wait_event": lambda: job.wait_event("paid", timeout=0),
            "checkpoint": lambda: job.checkpoint(1),
        }
        try:
            calls[call]()
        except TransactionOpen:
            return "refused"
        except TimeoutError:
            return "too late"
        return "recorded"

    working = make(work, retries=0)

    def main(running: Running) -> None:
        result = working.enqueue().result(timeout=10)
        assert result == "refused" if is_begun else result in ("recorded", "too late")

    run_with_worker(file, [working], main)
