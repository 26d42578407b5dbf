"""Tasks in processes: results, errors, crashes, cancellation."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

import photon_runtime as rt
from photon_tasks import Job, JobState, Task, TaskDefinitionError, provided, task

from . import computing
from .running_worker import Running, run_with_worker

pytestmark = pytest.mark.slow

TASKS: list[Task[..., Any]] = [
    computing.add,
    computing.crash,
    computing.refuse,
    computing.compute,
    computing.compute_too_long,
    computing.enlarge,
]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes find the module of the tasks by its name, which begins with ``tests``."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(path: Path) -> int:
    """Wait for the process that a function has noted."""
    with rt.deadline(30):
        while not path.exists() or not path.read_text():
            rt.sleep(0.02)
    return int(path.read_text())


def wait_until_ended(pid: int) -> None:
    with rt.deadline(10):
        while is_alive(pid):
            rt.sleep(0.02)


def test_a_function_runs_in_a_process_that_is_used_again(file: Path) -> None:
    def main(running: Running) -> None:
        first = computing.add.enqueue([1, 2]).result(timeout=30)
        second = computing.add.enqueue([3]).result(timeout=30)
        assert (first.value, second.value) == (3, 3)
        assert first.pid == second.pid != os.getpid()

    run_with_worker(file, TASKS, main)


def test_a_process_waits_for_calls_under_the_patch(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socketpair = socket.socketpair

    def patched(*arguments: Any) -> tuple[socket.socket, socket.socket]:
        pair = socketpair(*arguments)
        for each in pair:
            os.set_blocking(each.fileno(), False)  # as sockets of `photon_runtime` are
        return pair

    def main(running: Running) -> None:
        pids = []
        for number in range(3):
            pids.append(computing.add.enqueue([number]).result(timeout=30).pid)
            rt.sleep(0.1)
        assert pids == pids[:1] * 3

    monkeypatch.setattr(socket, "socketpair", patched)
    run_with_worker(file, TASKS, main)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("exit", "the process of the job has ended with exit code 5"),
        ("segfault", "the process of the job was killed by signal 11"),
        ("leave", "SystemExit: 3"),
    ],
)
def test_a_crash_fails_its_attempts_and_nothing_else(file: Path, kind: str, message: str) -> None:
    def main(running: Running) -> None:
        crashing = computing.crash.enqueue(kind)
        others = [computing.add.enqueue([number]) for number in range(5)]
        assert [each.result(timeout=30).value for each in others] == [0, 1, 2, 3, 4]
        record = running.ended(crashing, seconds=30)
        assert (record.state, record.attempts) == (JobState.DEAD, 2)
        assert message in (record.error or "")

    run_with_worker(file, TASKS, main)


def test_errors_decide_about_attempts_as_anywhere(file: Path, tmp_path: Path) -> None:
    def main(running: Running) -> None:
        record = running.ended(computing.refuse.enqueue(str(tmp_path / "seen")), seconds=30)
        assert (record.state, record.attempts) == (JobState.DEAD, 2)
        assert (record.error or "").rstrip().endswith("computing.Refused: never")
        assert "computing.py" in (record.error or ""), "the line of the author is in it"

    run_with_worker(file, TASKS, main)


def test_a_job_that_computes_is_cancelled(file: Path, tmp_path: Path) -> None:
    noted = tmp_path / "pid"

    def main(running: Running) -> None:
        job = computing.compute.enqueue(str(noted))
        pid = wait_for(noted)
        job.cancel()
        assert running.ended(job).state is JobState.CANCELLED
        wait_until_ended(pid)

    run_with_worker(file, TASKS, main)


def test_a_job_that_computes_is_killed_at_its_time_limit(file: Path, tmp_path: Path) -> None:
    noted = tmp_path / "pid"

    def main(running: Running) -> None:
        computing.add.enqueue([1]).result(timeout=30)  # a process has started
        record = running.ended(computing.compute_too_long.enqueue(str(noted)), seconds=30)
        assert record.state is JobState.DEAD
        assert "did not end within 0.5 s" in (record.error or "")
        wait_until_ended(wait_for(noted))

    run_with_worker(file, TASKS, main)


def test_a_worker_that_stops_leaves_no_process(file: Path, tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    pids: list[int] = []

    def main(running: Running) -> None:
        pids.append(computing.add.enqueue([1]).result(timeout=30).pid)
        computing.compute.enqueue(str(noted))
        pids.append(wait_for(noted))

    run_with_worker(file, TASKS, main, shutdown_timeout=0.1)
    until = time.monotonic() + 10
    while any(map(is_alive, pids)):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_result_is_limited(file: Path) -> None:
    def main(running: Running) -> None:
        record = running.ended(computing.enlarge.enqueue(5000), seconds=30)
        assert "more than [tasks] max_result = 1000" in (record.error or "")
        assert computing.enlarge.enqueue(10).result(timeout=30) == 10 * "x"

    run_with_worker(file, TASKS, main, max_result=1000)


def test_a_function_that_a_process_cannot_call_is_refused_at_its_definition() -> None:
    def inner() -> None: ...

    with pytest.raises(TaskDefinitionError, match="finds it by its name"):
        task(on="process")(inner)

    def with_job(job: Job = provided) -> None: ...

    with_job.__qualname__ = "with_job"
    with pytest.raises(TaskDefinitionError, match=r"provides job, is in another one"):
        task(on="process")(with_job)
