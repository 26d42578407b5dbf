"""Flows: what follows a job, what is side by side, and what becomes of both."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

import photon_runtime as rt
from photon_tasks import (
    ArgumentsError,
    Backoff,
    EnqueuedFlow,
    Flow,
    FlowProgress,
    Job,
    JobFailed,
    JobNotFound,
    JobState,
    NoTasks,
    Task,
    TaskDefinitionError,
    flow_from_json,
    group,
    pipeline,
    provided,
    task,
)
from photon_tasks.flows import COLLECT, follow_up
from photon_tasks.flows._compatibility import can_be_passed
from photon_tasks.records import AttemptOutcome, Delivery, JobFilter, WorkerInfo

from .running_worker import Running, run_with_worker

SOON = Backoff(first=0.01, factor=1, jitter=0)


@attrs.frozen
class Receipt:
    """What a payment is confirmed by."""

    order: int
    total: float


@task
def charge(order: int) -> Receipt:
    return Receipt(order, order * 1.5)


@task
def total_of(receipt: Receipt, factor: int = 1, job: Job = provided) -> float:
    return receipt.total * factor


@task
def sum_of(numbers: list[float]) -> float:
    return sum(numbers)


@task
def describe(number: float, unit: str) -> str:
    return f"{number:g} {unit}"


@task
def nothing() -> None:
    return None


@task
def length(text: str) -> float:
    return len(text)


@task(retries=0, backoff=SOON)
def fails_once(number: int) -> float:
    if number not in FAILED:
        FAILED.append(number)
        raise ValueError(f"{number} fails")
    return number


@task(unique=True)
def alone(number: int) -> int:
    return number


FAILED: list[int] = []
TASKS: list[Task[..., Any]] = [
    charge,
    total_of,
    sum_of,
    describe,
    nothing,
    length,
    fails_once,
    alone,
]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    FAILED.clear()

    def run(main: Callable[[Running], object], *more: Task[..., Any], **settings: Any) -> None:
        run_with_worker(tmp_path / "jobs.db", [*TASKS, *more], main, **settings)

    return run


def wait_for(flow: EnqueuedFlow[Any], state: JobState) -> None:
    with rt.deadline(10):
        while flow.status() is not state:
            rt.sleep(0.01)


Run = Callable[..., None]

# -- results ------------------------------------------------------------------------------------


def test_a_result_is_the_first_argument_of_the_next_task(run: Run) -> None:
    def main(running: Running) -> None:
        flow = charge.call(4).then(total_of, factor=2).then(describe, "EUR").enqueue()
        assert flow.result(timeout=10) == "12 EUR"
        assert flow.status() is JobState.COMPLETED
        assert flow.progress() == FlowProgress(3, 3)
        assert flow.id == flow.jobs[-1]

    run(main)


def test_a_call_follows_without_the_result(run: Run) -> None:
    def main(running: Running) -> None:
        flow = (charge.call(1) | nothing.call() | describe.call(2, unit="kg")).enqueue()
        assert flow.result(timeout=10) == "2 kg"

    run(main)


def test_a_task_after_a_bar_gets_the_result(run: Run) -> None:
    def main(running: Running) -> None:
        assert (charge.call(2) | total_of).enqueue().result(timeout=10) == 3

    run(main)


def test_a_group_has_the_results_in_the_order_of_its_calls(run: Run) -> None:
    def main(running: Running) -> None:
        flow = group(charge.call(each) for each in range(20)).enqueue()
        assert flow.result(timeout=10) == [Receipt(each, each * 1.5) for each in range(20)]
        assert flow.progress() == FlowProgress(20, 20)

    run(main)


def test_a_task_after_a_group_gets_the_list_of_results(run: Run) -> None:
    def main(running: Running) -> None:
        members = [charge.call(each).then(total_of) for each in (1, 2, 3)]
        assert group(members).then(sum_of).then(describe, "EUR").enqueue().result(10) == "9 EUR"

    run(main)


def test_a_group_after_a_call_passes_its_result_to_its_tasks(run: Run) -> None:
    def main(running: Running) -> None:
        flow = (
            charge.call(2)
            | group(
                [total_of, pipeline(total_of, describe.call(7, "x"), length), length.call("abc")]
            )
        ).enqueue()
        assert flow.result(timeout=10) == [3.0, 3.0, 3.0]

    run(main)


def test_groups_are_nested_in_groups_and_pipelines(run: Run) -> None:
    inner = group([length.call("a"), length.call("bb")])
    outer = group([inner, inner.then(sum_of), length.call("ccc"), group([])])

    def main(running: Running) -> None:
        flow = (nothing.call() | outer | group([outer, length.call("dddd")])).enqueue()
        expected = [[1, 2], 3.0, 3, []]
        assert flow.result(timeout=10) == [expected, 4]

    run(main)


def test_an_empty_group_is_completed_at_once(run: Run) -> None:
    def main(running: Running) -> None:
        empty: Flow[list[float]] = group([])
        assert empty.then(sum_of).enqueue().result(timeout=10) == 0

    run(main)


def test_results_that_nothing_reads_are_not_collected(run: Run) -> None:
    def main(running: Running) -> None:
        flow = (group([charge.call(1), charge.call(2)]) | nothing.call()).enqueue()
        assert flow.result(timeout=10) is None
        collecting = running.tasks.store.jobs(JobFilter(tasks=[COLLECT]))
        assert [each.arguments for each in collecting] == ['{"jobs":[]}']

    run(main)


def test_a_flow_of_one_call_is_a_job(run: Run) -> None:
    def main(running: Running) -> None:
        first = alone.call(3).enqueue_in(60)
        second = alone.call(3).enqueue()
        assert second.id == first.id
        assert second.status() is JobState.SCHEDULED

    run(main)


def test_the_first_jobs_of_a_flow_can_be_delayed(run: Run) -> None:
    def main(running: Running) -> None:
        flow = (charge.call(1) | total_of).enqueue_in(0.2)
        assert flow.status() is JobState.SCHEDULED
        assert flow.progress() == FlowProgress(0, 2)
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=0.2)
        other = (charge.call(1) | total_of).enqueue_at(later)
        assert flow.result(timeout=10) == other.result(timeout=10) == 1.5
        record = running.tasks.store.job(flow.jobs[0])
        assert record is not None
        assert record.due is not None
        assert record.due - record.enqueued == pytest.approx(0.2, abs=0.01)

    run(main)


def test_the_result_is_not_waited_for_with_a_timeout_of_zero(run: Run) -> None:
    def main(running: Running) -> None:
        flow = (charge.call(1) | total_of).enqueue_in(60)
        with pytest.raises(TimeoutError):
            flow.result(timeout=0)
        with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
            flow.result(timeout=0.05)

    run(main)


# -- failures -----------------------------------------------------------------------------------


def test_nothing_follows_a_dead_job_until_it_is_queued_again(run: Run) -> None:
    def main(running: Running) -> None:
        members = [fails_once.call(5), length.call("abc")]
        flow = group(members).then(sum_of).enqueue()
        wait_for(flow, JobState.DEAD)
        with pytest.raises(JobFailed, match="5 fails"):
            flow.result(timeout=10)
        running.ended(flow.jobs[1])
        assert flow.progress() == FlowProgress(1, 3)
        assert running.tasks.store.job(flow.id) is None
        assert running.tasks.store.requeue(JobFilter(ids=flow.jobs)) == 1
        running.tasks.note_delivery()
        assert flow.result(timeout=10) == 8

    run(main)


def test_a_dead_job_stops_a_pipeline(run: Run) -> None:
    def main(running: Running) -> None:
        flow = (fails_once.call(5) | nothing.call()).enqueue()
        wait_for(flow, JobState.DEAD)
        assert running.tasks.store.job(flow.id) is None
        running.tasks.store.requeue(JobFilter(ids=flow.jobs))
        running.tasks.note_delivery()
        assert flow.result(timeout=10) is None

    run(main)


def test_a_cancelled_flow_does_not_go_on(run: Run) -> None:
    begun = rt.Event()
    end = rt.Event()

    @task(name="hold")
    def hold() -> int:
        begun.set()
        with rt.shield():
            end.wait()
        return 1

    def main(running: Running) -> None:
        flow = (hold.call() | group([hold.call(), hold.call()]) | nothing.call()).enqueue()
        begun.wait()
        flow.cancel()
        end.set()
        record = running.ended(flow.jobs[0])
        assert record.state in (JobState.CANCELLED, JobState.COMPLETED)
        assert flow.status() is JobState.CANCELLED
        states = [each.state for each in flow.records() if each.id != flow.jobs[0]]
        assert states == [JobState.CANCELLED] * 4
        assert running.worker.started == 1

    run(main, hold)


def test_what_follows_a_job_that_is_completed_after_the_cancellation_is_not_enqueued(
    run: Run,
) -> None:
    def main(running: Running) -> None:
        store = running.tasks.store
        running.worker.stop()
        flow = (charge.call(1) | total_of).enqueue()
        store.register(WorkerInfo(id="w"), 60)
        (claimed,) = store.claim("w", 1).jobs
        flow.cancel()
        outcome = AttemptOutcome(
            claim=claimed.claim,
            state=JobState.COMPLETED,
            result='{"order":1,"total":1}',
            keep=60,
            delivery=follow_up(claimed, '{"order":1,"total":1}'),
        )
        assert store.finish("w", [outcome]) == [True]
        assert store.claim("w", 10).jobs == ()
        assert flow.status() is JobState.CANCELLED

    run(main)


def test_a_completed_flow_stays_completed_when_it_is_cancelled(run: Run) -> None:
    def main(running: Running) -> None:
        flow = (charge.call(1) | total_of).enqueue()
        flow.result(timeout=10)
        assert flow.cancel() is JobState.COMPLETED

    run(main)


def test_the_result_of_a_member_that_is_gone_ends_the_flow(run: Run) -> None:
    def main(running: Running) -> None:
        flow = group([fails_once.call(1), length.call("abc")]).enqueue()
        wait_for(flow, JobState.DEAD)
        running.ended(flow.jobs[1])
        running.tasks.store.purge(JobFilter(ids=[flow.jobs[1]]))
        running.tasks.store.requeue(JobFilter(ids=flow.jobs))
        running.tasks.note_delivery()
        wait_for(flow, JobState.DEAD)
        with pytest.raises(JobFailed, match="not kept any more"):
            flow.result(timeout=10)

    run(main, retries=0)


def test_results_of_a_group_are_kept_as_long_as_dead_jobs(run: Run) -> None:
    def main(running: Running) -> None:
        store = running.tasks.store
        running.worker.stop()
        group([charge.call(1)]).then(nothing_of).enqueue()
        (charge.call(2) | nothing.call()).enqueue()
        store.register(WorkerInfo(id="w"), 60)
        keeps = {each.arguments: each.keep for each in store.claim("w", 10).jobs}
        assert keeps == {'{"order":1}': 1000, '{"order":2}': 7}

    run(main, keep_completed=7, keep_dead=1000)


@task
def nothing_of(receipts: list[Receipt]) -> None:
    return None


def test_the_same_outcome_twice_enqueues_what_follows_once(run: Run) -> None:
    def main(running: Running) -> None:
        store = running.tasks.store
        running.worker.stop()
        (charge.call(1) | group([total_of, total_of]) | sum_of).enqueue()
        store.register(WorkerInfo(id="w"), 60)
        (claimed,) = store.claim("w", 1).jobs
        following = follow_up(claimed, '{"order":1,"total":1}')
        assert following is not None
        assert following == follow_up(claimed, '{"order":1,"total":1}')
        assert [each.is_new for each in store.deliver(following)] == [True, True]
        assert [each.is_new for each in store.deliver(following)] == [False, False]
        arguments = [json.loads(each.arguments) for each in following.jobs]
        assert arguments == [{"receipt": {"order": 1, "total": 1}}] * 2

    run(main)


def test_a_job_with_what_another_version_has_written_is_parked(run: Run) -> None:
    def main(running: Running) -> None:
        job = attrs.evolve(charge.new_job((1,), tasks=running.tasks), then='{"stages": 3}')
        running.tasks.deliver(Delivery([job]))
        record = running.ended(job.id)
        assert record.state is JobState.PARKED
        assert "what follows it cannot be read" in (record.error or "")

    run(main)


def test_a_flow_is_found_again_from_its_text(run: Run) -> None:
    def main(running: Running) -> None:
        flow = group([charge.call(1), charge.call(2)]).enqueue_in(0.1)
        found = flow_from_json(flow.to_json())
        assert found.jobs == flow.jobs
        assert found.result(timeout=10) == [
            {"order": 1, "total": 1.5},
            {"order": 2, "total": 3.0},
        ]
        assert found.progress() == FlowProgress(2, 2)
        other = (charge.call(1) | nothing.call()).enqueue_in(60)
        assert flow_from_json(other.to_json()).cancel() is JobState.CANCELLED
        assert other.status() is JobState.CANCELLED
        for text in ("[]", "{}", "no"):
            with pytest.raises(ValueError, match=r"malformed|truncated|array|has no jobs"):
                flow_from_json(text)

    run(main)


# -- definitions --------------------------------------------------------------------------------


def test_a_result_of_another_type_is_refused() -> None:
    with pytest.raises(TaskDefinitionError, match=r"the parameter text is of the type str"):
        charge.call(1).then(length)  # type: ignore[arg-type]
    with pytest.raises(TaskDefinitionError, match="a group of 1"):
        group([charge.call(1)]) | length  # type: ignore[operator]
    with pytest.raises(TaskDefinitionError, match="would get"):
        charge.call(1) | group([pipeline(length)])


def test_the_result_of_a_task_without_one_is_refused() -> None:
    with pytest.raises(TaskDefinitionError, match="returns nothing"):
        nothing.call() | length  # type: ignore[operator]


def test_a_task_without_parameters_cannot_get_a_result() -> None:
    with pytest.raises(TaskDefinitionError, match="no first parameter"):
        charge.call(1) | nothing  # type: ignore[operator]


def test_wrong_arguments_are_refused_where_the_flow_is_made() -> None:
    with pytest.raises(ArgumentsError):
        charge.call("one")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="lacks unit"):
        charge.call(1).then(total_of).then(describe)  # type: ignore[call-arg]
    with pytest.raises(ArgumentsError):
        charge.call(1).then(total_of).then(describe, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [5, len, "charge"])
def test_what_is_not_a_task_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="is not a task"):
        group([value])
    with pytest.raises(TypeError, match="is not a task"):
        charge.call(1).then(value)


def test_a_pipeline_has_a_call() -> None:
    with pytest.raises(TypeError, match="at least one"):
        pipeline()


def test_a_flow_cannot_begin_with_a_task(run: Run) -> None:
    def main(running: Running) -> None:
        with pytest.raises(TypeError, match="needs the result of another call"):
            pipeline(charge, total_of).enqueue()
        with pytest.raises(TypeError, match="needs the result of another call"):
            group([charge]).enqueue()

    run(main)


def test_a_unique_key_is_refused_in_a_flow(run: Run) -> None:
    def main(running: Running) -> None:
        with pytest.raises(TaskDefinitionError, match="unique key"):
            group([alone.call(1)]).enqueue()
        free = alone.with_options(unique=False)
        assert group([free.call(1)]).enqueue().result(timeout=10) == [1]

    run(main)


def test_a_flow_has_a_limit_of_jobs() -> None:
    with pytest.raises(ArgumentsError, match="at most 10000 jobs"):
        group([nothing.call()] * 10_000)


def test_arguments_have_a_limit(run: Run) -> None:
    def main(running: Running) -> None:
        with pytest.raises(ArgumentsError, match="max_arguments"):
            (nothing.call() | length.call("x" * 101)).enqueue()
        with pytest.raises(ArgumentsError, match="store the data"):
            pipeline(*[length.call("x" * 80)] * 100).enqueue()

    run(main, max_arguments=100)


def test_times_have_limits() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        charge.call(1).enqueue_in(-1)
    with pytest.raises(ValueError, match="zone"):
        charge.call(1).enqueue_at(datetime.datetime(2026, 1, 1))


def test_a_flow_needs_an_application() -> None:
    with pytest.raises(NoTasks):
        charge.call(1).enqueue()


def test_a_flow_that_does_not_exist_has_no_status(run: Run) -> None:
    def main(running: Running) -> None:
        flow = charge.call(1).then(total_of).enqueue_in(60)
        running.tasks.store.purge(JobFilter(ids=flow.jobs))
        with pytest.raises(JobNotFound):
            flow.status()

    run(main)


def test_flows_have_readable_texts() -> None:
    flow = charge.call(1) | group([total_of, total_of]) | sum_of
    assert repr(flow).endswith("charge | a group of 2 | " + sum_of.name + ">")


@pytest.mark.parametrize(
    ("result", "parameter", "expected"),
    [
        (int, int, True),
        (int, float, True),
        (float, int, False),
        (int, str, False),
        (int, int | None, True),
        (int | None, int, True),
        (None, int, False),
        (str | int, int, True),
        (Receipt, Receipt | None, True),
        (Receipt, dict[str, Any], True),
        (Receipt, str, False),
        (list, list[Receipt], True),
        (list, Receipt, False),
        (Any, str, True),
        (str, Any, True),
        (datetime.date, str, True),
    ],
)
def test_types_are_compared_by_what_they_are_in_json(
    result: Any, parameter: Any, expected: bool
) -> None:
    assert can_be_passed(result, parameter) is expected
