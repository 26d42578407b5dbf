"""Each tick once, over processes that share a database and are stopped and killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

PROGRAM = """
import os
import sys
from contextlib import contextmanager

from sqlalchemy import create_engine

import photon_runtime as rt
from photon_runtime.observability import Meter
from photon_runtime.process import stop_event
from photon_tasks import Job, Tasks, TasksSettings, schedule, task, tick_of
from photon_tasks.registry import Registry
from photon_tasks.schedules import scheduler_of
from photon_tasks.stores.sql import SqlStore
from photon_tasks.worker import Worker

role, url, log = sys.argv[1:]


@schedule("every second", args=["a"])
@schedule("* * * * * *", args=["b"])
@schedule("every second", args=["c"], timezone="Europe/Berlin")
@schedule("*/1 * * * * *", args=["d"], timezone="Asia/Tokyo", catch_up="all")
@task(name="note")
def note(letter: str, job: Job) -> None:
    line = f"{letter} {tick_of(job.id)}\\n".encode()
    with open(log, "ab", buffering=0) as file:
        file.write(line)


@contextmanager
def open_store():
    store = SqlStore(create_engine(url))
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
            stop.wait()
            worker.stop()
            if role == "scheduler":
                task.cancel()
            else:
                task.join()


rt.run(main)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the address of an empty database."""
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


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_four_workers_and_two_schedulers_restarted_in_turn_fire_each_tick_once(
    url: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    log = tmp_path / "ticks.log"

    def start(role: str) -> tuple[str, subprocess.Popen[bytes]]:
        command = [sys.executable, str(program), role, url, str(log)]
        with (tmp_path / "errors.log").open("ab") as errors:
            return role, subprocess.Popen(command, stderr=errors)

    processes = [start("worker")]
    time.sleep(1.5)  # the tables are made by one of them
    processes += [start(role) for role in ["worker"] * 3 + ["scheduler"] * 2]
    killed = 0
    try:
        deadline = time.monotonic() + 34
        number = 0
        while time.monotonic() < deadline:
            time.sleep(2.5)
            role, process = processes[number % 6]
            is_kill = number % 3 == 2
            killed += is_kill
            process.send_signal(signal.SIGKILL if is_kill else signal.SIGTERM)
            processes[number % 6] = start(role)
            process.wait(20)
            number += 1
        time.sleep(5)  # what a killed worker has claimed is run by another one
    finally:
        for _, process in processes:
            process.terminate()
        for _, process in processes:
            process.wait(20)
    assert killed >= 3

    engine = create_engine(url)
    with engine.connect() as connection:
        jobs = connection.execute(text("SELECT arguments, id, state FROM photon_jobs")).all()
    engine.dispose()
    ticks: dict[str, list[int]] = {}
    for arguments, id_, _ in jobs:
        ticks.setdefault(arguments, []).append(int(id_.replace("-", "")[:12], 16) // 1000)
    assert len(ticks) == 4
    for found in ticks.values():
        assert sorted(found) == list(range(min(found), max(found) + 1))  # none lost, none twice
        assert len(found) >= 30
    assert sum(map(len, ticks.values())) >= 120

    effects = Counter(log.read_text().splitlines())
    ended = {"completed"}
    assert {state for _, _, state in jobs} <= {*ended, "queued"}
    completed = sum(state == "completed" for _, _, state in jobs)
    assert len(effects) >= completed >= 120
    twice = [line for line, count in effects.items() if count > 1]
    assert len(twice) <= killed * 4  # only what a killed worker had in its hands
