"""Each tick once, over processes that share a database and are stopped and killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

import photon_runtime as rt
from photon_tasks import JobState, tick_of
from photon_tasks.records import JobFilter, JobRecord
from photon_tasks.stores.redis import RedisStore
from photon_tasks.stores.sql import SqlStore

PROGRAM = """
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine

import photon_runtime as rt
from photon_runtime.observability import Meter
from photon_runtime.process import stop_event
from photon_tasks import Job, Tasks, TasksSettings, schedule, task, tick_of
from photon_tasks.registry import Registry
from photon_tasks.schedules import scheduler_of
from photon_tasks.stores.redis import RedisStore
from photon_tasks.stores.sql import SqlStore
from photon_tasks.worker import Worker

role, url, log = sys.argv[1:]


@schedule("every second", args=["a"], catch_up="all")
@schedule("* * * * * *", args=["b"], catch_up="all")
@schedule("every second", args=["c"], timezone="Europe/Berlin", catch_up="all")
@schedule("*/1 * * * * *", args=["d"], timezone="Asia/Tokyo", catch_up="all")
@schedule("* * * * * ?", args=["e"], catch_up="all")
@schedule("every 1 seconds", args=["f"], catch_up="all")
@schedule("0-59 * * * * *", args=["g"], timezone="America/New_York", catch_up="all")
@schedule("every second", args=["h"], catch_up="all")
@task(name="note")
def note(letter: str, job: Job) -> None:
    line = f"{letter} {tick_of(job.id)}\\n".encode()
    with open(log, "ab", buffering=0) as file:
        file.write(line)


@contextmanager
def open_store():
    store = RedisStore(url) if url.startswith("redis") else SqlStore(create_engine(url))
    yield store
    store.close()


def main() -> None:
    with open_store() as store, stop_event() as stop:
        store.open()
        settings = TasksSettings(lease=3.0, enqueue_timeout=5.0)
        tasks = Tasks(settings, store, Registry([note]), Meter(), open_store=open_store)
        worker = Worker(tasks, concurrency=5)
        work = worker.run if role == "worker" else scheduler_of(tasks).run
        with tasks.current():
            task = rt.spawn(work)
            Path(f"{log}.{os.getpid()}").touch()
            stop.wait()
            worker.stop()
            if role == "scheduler":
                task.cancel()
            else:
                task.join()


rt.run(main)
"""


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the address of an empty database."""
    if request.param == "redis":
        yield request.getfixturevalue("redis_url")
        return
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    address = make_url(request.getfixturevalue("postgres_url")).set(drivername="postgresql+psycopg")
    server = create_engine(address, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE schedules"))
        yield address.set(database="schedules").render_as_string(hide_password=False)
        connection.execute(text("DROP DATABASE schedules WITH (FORCE)"))
    server.dispose()


class Processes:
    """Four workers and two schedulers.

    Attributes:
        killed: Number of processes that were killed.
        log: The ticks whose jobs have run, a line each time.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._program = folder / "program.py"
        self._program.write_text(PROGRAM)
        self._errors = folder / "errors.log"
        self._url = url
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.log = folder / "ticks.log"
        self.killed = 0

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def _start(self, role: str) -> tuple[str, subprocess.Popen[bytes]]:
        command = [sys.executable, str(self._program), role, self._url, str(self.log)]
        with self._errors.open("ab") as errors:
            return role, subprocess.Popen(command, stderr=errors)

    def start(self, *roles: str) -> None:
        self._running += [self._start(role) for role in roles]
        for _, process in self._running:
            self._wait_ready(process)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + 40
        while not Path(f"{self.log}.{process.pid}").exists():
            assert process.poll() is None, self._errors.read_text()
            assert time.monotonic() < end, self._errors.read_text()
            time.sleep(0.05)

    def restart(self, number: int) -> None:
        role, process = self._running[number % 6]
        is_kill = number % 3 == 2
        self.killed += is_kill
        process.send_signal(signal.SIGKILL if is_kill else signal.SIGTERM)
        self._running[number % 6] = self._start(role)
        process.wait(20)
        self._wait_ready(self._running[number % 6][1])

    def stop(self) -> None:
        for _, process in self._running:
            process.terminate()
        for _, process in self._running:
            process.wait(20)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_four_workers_and_two_schedulers_restarted_in_turn_fire_each_tick_once(
    url: str, tmp_path: Path
) -> None:
    processes = Processes(url, tmp_path)
    end = time.monotonic() + 90
    try:
        processes.start("worker")  # it makes the tables
        processes.start(*["worker"] * 3, *["scheduler"] * 2)
        number = 0
        while (len(set(processes.lines)) < 130 or number < 8) and time.monotonic() < end:
            time.sleep(0.5)
            processes.restart(number)
            number += 1
        time.sleep(5)  # what a killed worker has claimed is run by another one
    finally:
        processes.stop()

    jobs = rt.run(_jobs, url)
    ticks: dict[str, list[int]] = {}
    for job in jobs:
        ticks.setdefault(job.arguments, []).append(tick_of(job.id))
    assert len(ticks) == 8
    for found in ticks.values():
        assert sorted(found) == list(range(min(found), max(found) + 1))  # none lost, none twice
    assert len(jobs) >= 120
    assert processes.killed >= 2
    assert {job.state for job in jobs} <= {JobState.COMPLETED, JobState.QUEUED}
    effects = Counter(processes.lines)
    assert len(effects) >= sum(job.state == JobState.COMPLETED for job in jobs) >= 100
    twice = [line for line, count in effects.items() if count > 1]
    assert len(twice) <= processes.killed * 5  # only what a killed worker had in its hands


def _jobs(url: str) -> list[JobRecord]:
    engine = None if url.startswith("redis") else create_engine(url)
    store: Any = RedisStore(url) if engine is None else SqlStore(engine)
    found: list[JobRecord] = []
    while page := store.jobs(JobFilter(), before=found[-1].id if found else None):
        found += page
    store.close()
    if engine is not None:
        engine.dispose()
    return [job for job in found if job.task == "note"]
