"""Jobs are neither lost nor stuck when their workers are killed, stopped or end themselves."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import attrs
import pytest
import redis

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_tasks import Tasks, group
from photon_tasks.errors import StoreUnavailable
from photon_tasks.flows import COLLECT
from photon_tasks.records import JobFilter, JobState
from photon_tasks.stores import JobStore
from servers.valkey import run_valkey

from .worker_program import CONCURRENCY, add, poison, tasks_of, work
from .worker_program import count as count_task

FOLDER = Path(__file__).parent
LEASE = 1.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@attrs.frozen
class Effect:
    """One line of the file of effects."""

    word: str
    number: int
    attempt: int
    process: int
    time: float


@attrs.frozen
class Workers:
    """Worker processes, and the effects of their jobs."""

    program: subprocess.Popen[str]
    file: Path

    def start(self) -> int:
        """Start a worker, and return its process."""
        assert self.program.stdin
        assert self.program.stdout
        self.program.stdin.write("start\n")
        self.program.stdin.flush()
        return int(self.program.stdout.readline())

    def effects(self, word: str) -> list[Effect]:
        """Return the effects so far, of one kind."""
        if not self.file.exists():
            return []
        lines = [line.split() for line in self.file.read_text().splitlines()]
        found = [Effect(w, int(n), int(a), int(p), float(t)) for w, n, a, p, t in lines]
        return [each for each in found if each.word == word]

    def has_begun(self, process: int) -> bool:
        """Return whether a worker has begun a job."""
        return any(each.process == process for each in self.effects("begin"))


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for jobs, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.db"
    if request.param == "postgresql":
        return str(request.getfixturevalue("empty_postgres_url"))
    found = str(request.getfixturevalue("redis_url"))
    with redis.Redis.from_url(found) as client:
        client.flushdb()
    return found


@contextmanager
def running_program(url: str, folder: Path) -> Iterator[Workers]:
    file = folder / "effects"
    module = f"{FOLDER.name}.worker_program"
    with subprocess.Popen(
        [sys.executable, "-m", module, url, str(file), str(LEASE)],
        cwd=FOLDER.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        try:
            yield Workers(program, file)
        finally:
            os.killpg(program.pid, signal.SIGKILL)


@contextmanager
def workers_of(url: str, folder: Path) -> Iterator[tuple[Workers, Tasks]]:
    with tasks_of(url, LEASE) as tasks, running_program(url, folder) as workers:
        yield workers, tasks


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition does not hold in time"
        rt.sleep(0.02)


def count(store: JobStore, *states: JobState) -> int:
    return sum(each.jobs for each in store.depths() if each.state in states)


@in_hub
def test_jobs_of_workers_that_are_killed_run_again(url: str, tmp_path: Path) -> None:
    total, kills = 500, 20
    with workers_of(url, tmp_path) as (workers, tasks):
        for number in range(total):
            work.enqueue(number, 0.05)
        running = [workers.start() for _ in range(3)]
        for _ in range(kills):
            victim = running.pop(0)
            wait_until(partial(workers.has_begun, victim))
            rt.sleep(random.uniform(0, 0.15))
            os.kill(victim, signal.SIGKILL)
            running.append(workers.start())
        wait_until(lambda: count(tasks.store, JobState.COMPLETED) == total)
        begun = Counter(each.number for each in workers.effects("begin"))
        ended = {each.number for each in workers.effects("end")}
        assert ended == set(range(total)), "effects are missing"
        assert sum(begun.values()) - total <= kills * CONCURRENCY, "more than what was in flight"
        assert not [each for each in tasks.store.jobs(JobFilter()) if each.worker]


@in_hub
def test_the_job_of_a_killed_worker_runs_again_soon(url: str, tmp_path: Path) -> None:
    with workers_of(url, tmp_path) as (workers, _):
        victim = workers.start()
        job = work.enqueue(1, 30.0)
        wait_until(lambda: bool(workers.effects("begin")))
        workers.start()
        rt.sleep(1.0)  # the other one observes, and has nothing to do
        os.kill(victim, signal.SIGKILL)
        killed = time.time()
        wait_until(lambda: len(workers.effects("begin")) == 2)
        second = workers.effects("begin")[1]
        assert second.process != victim
        assert second.attempt == 2
        assert second.time - killed < LEASE + 1.0
        job.cancel()


@in_hub
def test_a_job_that_ends_its_process_is_dead_after_its_attempts(url: str, tmp_path: Path) -> None:
    with workers_of(url, tmp_path) as (workers, tasks):
        bad = poison.enqueue(-1)
        for number in range(40):
            work.enqueue(number, 0.02)
        running = [workers.start() for _ in range(2)]
        end = time.monotonic() + 60
        while bad.status() is not JobState.DEAD or count(tasks.store, JobState.COMPLETED) < 40:
            assert time.monotonic() < end, "the jobs do not end"
            for each in list(running):
                if not is_alive(each):
                    running.remove(each)
                    running.append(workers.start())
            rt.sleep(0.05)
        assert [each.attempt for each in workers.effects("begin") if each.number == -1] == [1, 2, 3]


@in_hub
def test_workers_that_are_stopped_by_a_signal_repeat_nothing(url: str, tmp_path: Path) -> None:
    with workers_of(url, tmp_path) as (workers, tasks):
        for number in range(300):
            work.enqueue(number, 0.05)
        running = [workers.start() for _ in range(2)]
        for _ in range(6):
            rt.sleep(0.4)
            os.kill(running.pop(0), signal.SIGTERM)
            running.append(workers.start())
        wait_until(lambda: count(tasks.store, JobState.COMPLETED) == 300)
        ended = Counter(each.number for each in workers.effects("end"))
        assert ended == dict.fromkeys(range(300), 1)


@in_hub
def test_connections_that_are_killed_again_and_again_lose_no_job(tmp_path: Path) -> None:
    total = 200
    with (
        run_valkey() as server,
        workers_of(server.url, tmp_path) as (workers, tasks),
        redis.Redis.from_url(server.url) as client,
        rt.scope() as helpers,
    ):

        def disturb() -> None:
            while True:
                rt.sleep(0.3)
                client.execute_command("CLIENT", "KILL", "SKIPME", "yes")

        def enqueue(number: int) -> None:
            with rt.deadline(10):
                while True:
                    with suppress(StoreUnavailable):
                        work.enqueue(number, 0.02)
                        return

        helpers.spawn(disturb)
        workers.start()
        for number in range(total):
            enqueue(number)
            rt.sleep(0.02)
        wait_until(lambda: len({each.number for each in workers.effects("end")}) == total)
        helpers.cancel()
        rt.sleep(0.5)
        assert count(tasks.store, JobState.COMPLETED) >= total
        assert count(tasks.store, JobState.QUEUED, JobState.RUNNING, JobState.DEAD) == 0
        assert len(workers.effects("begin")) == count(tasks.store, JobState.COMPLETED)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@in_hub
def test_what_follows_is_enqueued_once_when_workers_are_killed(url: str, tmp_path: Path) -> None:
    flows, size, kills = 60, 4, 25
    with workers_of(url, tmp_path) as (workers, tasks):
        enqueued = [
            group(
                # each member is a pipeline of two, whose last job counts for the group
                count_task.call(number) | count_task.call(1000 + number)
                for number in range(first * size, (first + 1) * size)
            )
            .then(add, 10_000 + first)
            .enqueue()
            for first in range(flows)
        ]
        running = [workers.start() for _ in range(3)]
        jobs = flows * (2 * size + 2)
        for _ in range(kills):
            victim = running.pop(0)
            wait_until(
                lambda victim=victim: (  # type: ignore[misc]
                    workers.has_begun(victim) or count(tasks.store, JobState.COMPLETED) == jobs
                )
            )
            rt.sleep(random.uniform(0, 0.1))
            os.kill(victim, signal.SIGKILL)
            running.append(workers.start())
        for first, flow in enumerate(enqueued):
            expected = sum(1000 + each for each in range(first * size, (first + 1) * size))
            assert flow.result(timeout=60) == expected
        records = tasks.store.jobs(JobFilter(), limit=10_000)
        assert {each.state for each in records} == {JobState.COMPLETED}
        names = Counter(each.task for each in records)
        assert names == {"count": 2 * size * flows, COLLECT: flows, "add": flows}
