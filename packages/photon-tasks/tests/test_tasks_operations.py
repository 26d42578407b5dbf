"""What people do with jobs: cancel and remove many, write them to files, run one again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import photon_runtime as rt
from photon_runtime.observability import Meter
from photon_tasks import (
    Job,
    JobNotFound,
    JobState,
    Task,
    Tasks,
    TasksError,
    TasksSettings,
    provided,
    step,
    task,
)
from photon_tasks.operations import (
    cancel_all,
    import_jobs,
    job_lines,
    job_members,
    job_row,
    purge_all,
    replay,
    selected,
)
from photon_tasks.records import AttemptOutcome, JobFilter, WorkerInfo
from photon_tasks.registry import Registry

from .running_worker import opened


@task(name="pay", retries=0)
def pay(amount: int, job: Job = provided) -> int:
    """Pay in two steps."""
    first = step("reserve", _reserve, amount)
    job.progress(0.5)
    job.checkpoint(amount)
    if amount < 0:
        raise ValueError(f"{amount} is negative")
    return first + amount


def _reserve(amount: int) -> int:
    return 10 * amount


@task(name="rest")
def rest(job: Job = provided) -> None:
    """Wait for long."""
    job.sleep(days=3)


def in_tasks(path: Path, main: Callable[[Tasks], object], *tasks: Task[..., Any]) -> None:
    """Call ``main`` in a hub, with tasks on a file and without a worker."""

    def run() -> None:
        with opened(path) as store:
            store.open()
            of_application = Tasks(
                TasksSettings(),
                store,
                Registry(tasks or (pay, rest)),
                Meter(),
                open_store=lambda: opened(path),
            )
            with of_application.current():
                main(of_application)

    rt.run(run)


def finish(tasks: Tasks, state: JobState, *, error: str | None = None) -> None:
    """Let a worker finish one job."""
    tasks.store.register(WorkerInfo(id="w"), 30.0)
    [job] = tasks.store.claim("w", 1).jobs
    assert tasks.store.finish(
        "w", [AttemptOutcome(claim=job.claim, state=state, error=error, keep=60)]
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


def test_all_jobs_of_a_filter_are_found_page_by_page(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photon_tasks.operations._selection._PAGE", 3)

    def main(tasks: Tasks) -> None:
        ids = [pay.enqueue(number).id for number in range(7)]
        rest.enqueue()
        found = selected(tasks.store, JobFilter(tasks=["pay"]))
        assert [each.id for each in found] == ids[::-1]

    in_tasks(file, main)


def test_all_jobs_of_a_filter_are_cancelled_if_they_have_not_ended(file: Path) -> None:
    def main(tasks: Tasks) -> None:
        first = pay.enqueue(1)
        finish(tasks, JobState.DEAD, error="no")
        others = [pay.enqueue(2), pay.enqueue_in(60, 3)]
        kept = rest.enqueue()
        assert cancel_all(tasks.store, JobFilter(tasks=["pay"])) == 2
        assert [each.status() for each in others] == [JobState.CANCELLED] * 2
        assert first.status() is JobState.DEAD
        assert kept.status() is JobState.QUEUED
        assert cancel_all(tasks.store, JobFilter(states=[JobState.DEAD])) == 0

    in_tasks(file, main)


def test_jobs_that_are_removed_can_be_written_before_and_enqueued_again(
    file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "removed.jsonl"

    def main(tasks: Tasks) -> None:
        dead = pay.enqueue(-5)
        finish(tasks, JobState.DEAD, error="Error: no\nlast line")
        completed = pay.enqueue(6)
        finish(tasks, JobState.COMPLETED)
        running = pay.enqueue(7)
        tasks.store.claim("w", 1)
        assert purge_all(tasks.store, JobFilter(), path) == 2
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [each["id"] for each in lines] == [completed.id, dead.id]
        assert tasks.store.job(dead.id) is None
        assert running.status() is JobState.RUNNING

        assert import_jobs(tasks, path, [JobState.DEAD]) == (1, 0)
        assert import_jobs(tasks, path, [JobState.DEAD]) == (0, 1), "a repetition does nothing"
        again = dead.record()
        assert (again.state, again.attempts, again.arguments) == ("queued", 0, '{"amount":-5}')
        assert tasks.store.job(completed.id) is None

    in_tasks(file, main)


def test_a_file_with_another_line_is_refused_with_its_number(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_text('\n{"id": 1}\n')

    def main(tasks: Tasks) -> None:
        with pytest.raises(TasksError, match=r"jobs\.jsonl:2: this line is not a job"):
            import_jobs(tasks, path, list(JobState))

    in_tasks(file, main)


def test_a_job_is_shown_with_the_end_of_its_error(file: Path) -> None:
    def main(tasks: Tasks) -> None:
        job = pay.enqueue(1)
        finish(tasks, JobState.DEAD, error="Traceback:\n  there\nValueError: no\n")
        record = job.record()
        assert job_row(record)[1:5] == ("dead", "1/1", "default", "pay")
        assert job_row(record)[-1] == "ValueError: no"
        assert job_members(record)["arguments"] == {"amount": 1}
        lines = [*job_lines(record)]
        assert lines[-1].endswith("ValueError: no")
        assert any(line.startswith("arguments ") and '{"amount": 1}' in line for line in lines)

    in_tasks(file, main)


# -- running one again --------------------------------------------------------------------------


def test_a_replay_runs_the_function_and_leaves_the_record_as_it_is(file: Path) -> None:
    def main(tasks: Tasks) -> None:
        job = pay.enqueue(2)
        finish(tasks, JobState.DEAD, error="earlier")
        before = job.record()
        assert replay(tasks, job.id).result == "22"
        assert job.record() == before
        assert tasks.store.steps(job.id) == {}

    in_tasks(file, main)


def test_a_replay_has_the_error_of_the_function(file: Path) -> None:
    def main(tasks: Tasks) -> None:
        job = pay.enqueue(-1)
        outcome = replay(tasks, job.id)
        assert isinstance(outcome.error, ValueError)
        assert outcome.error.__traceback__ is not None
        assert job.status() is JobState.QUEUED

    in_tasks(file, main)


def test_a_replay_does_not_repeat_recorded_steps(file: Path) -> None:
    def main(tasks: Tasks) -> None:
        job = pay.enqueue(2)
        tasks.store.register(WorkerInfo(id="w"), 30.0)
        [claimed] = tasks.store.claim("w", 1).jobs
        tasks.store.set_step("w", claimed.claim, "step:reserve", "1000")
        assert replay(tasks, job.id).result == "1002"

    in_tasks(file, main)


def test_a_replay_of_a_job_that_waits_ends_at_the_wait(file: Path) -> None:
    def main(tasks: Tasks) -> None:
        assert replay(tasks, rest.enqueue().id).waits.endswith(" s")

    in_tasks(file, main)


def test_a_job_that_is_not_known_cannot_be_replayed(file: Path) -> None:
    def main(tasks: Tasks) -> None:
        with pytest.raises(JobNotFound, match="nope"):
            replay(tasks, "nope")
        job = rest.enqueue()
        tasks.registry = Registry([pay])
        with pytest.raises(TasksError, match="'rest' is not defined"):
            replay(tasks, job.id)

    in_tasks(file, main)
