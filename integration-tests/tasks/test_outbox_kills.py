"""Rows and jobs agree exactly, whenever the processes that write and relay them are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from photon_lifeguard import Database, DatabaseSettings
from photon_runtime.testing import in_hub
from photon_tasks.records import JobFilter

from .outbox_program import Base, Order, open_store

KILLS = int(os.environ.get("PHOTON_TEST_KILLS", "40"))
PROGRAM = Path(__file__).with_name("outbox_program.py")


class Forks:
    """Starts processes of the program."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._program = program
        self._ready: set[int] = set()

    def start(self, command: str) -> int:
        """Start a process, and return its id."""
        assert self._program.stdin
        self._program.stdin.write(f"{command}\n")
        self._program.stdin.flush()
        return self._read("started")

    def wait_until_ready(self, process: int) -> None:
        """Wait until a process has written an order."""
        while process not in self._ready:
            self._read("ready")

    def _read(self, wanted: str) -> int:
        assert self._program.stdout
        while line := self._program.stdout.readline():
            word, process = line.split()
            if word == "ready":
                self._ready.add(int(process))
            if word == wanted:
                return int(process)
        raise AssertionError("the program has ended")


@contextmanager
def forks(url: str, store_url: str) -> Iterator[Forks]:
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), url, store_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        try:
            yield Forks(program)
        finally:
            os.killpg(program.pid, signal.SIGKILL)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("database_kind", ["sqlite", "postgres", "mysql"])
@pytest.mark.parametrize("store_kind", ["sqlite", "redis"])
def test_rows_and_jobs_agree_after_kills_at_random_moments(
    request: pytest.FixtureRequest, tmp_path: Path, database_kind: str, store_kind: str
) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    if database_kind != "sqlite":
        url = request.getfixturevalue(f"{database_kind}_url")
    store_url = f"sqlite:///{tmp_path}/jobs.db"
    if store_kind == "redis":
        store_url = request.getfixturevalue("redis_url")
    prepare(url, store_url)
    with forks(url, store_url) as program:
        running = [program.start("work") for _ in range(3)]
        for _ in range(KILLS):
            victim = running.pop(0)
            if random.random() < 0.8:  # else it may be about to make its tables
                program.wait_until_ready(victim)
            time.sleep(random.uniform(0, 0.1))
            os.kill(victim, signal.SIGKILL)
            running.append(program.start("work"))
        for each in running:
            os.kill(each, signal.SIGKILL)
        last = program.start("drain")
        end = time.monotonic() + 30
        while is_alive(last):
            assert time.monotonic() < end, "the outbox was not relayed"
            time.sleep(0.05)
    orders, jobs = rows_and_jobs(url, store_url)
    assert len(orders) > KILLS // 2
    assert set(orders) - set(jobs) == set(), "jobs were lost"
    assert set(jobs) - set(orders) == set(), "jobs were invented"
    assert len(jobs) == len(orders)


@in_hub
def prepare(url: str, store_url: str) -> None:
    database = Database(DatabaseSettings(url=url))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    with database.engine.begin() as connection:
        for table in ("photon_outbox", "photon_outbox_relays"):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
    database.close()
    store = open_store(store_url)
    store.open()
    store.purge(JobFilter())
    store.close()


@in_hub
def rows_and_jobs(url: str, store_url: str) -> tuple[list[str], list[str]]:
    database = Database(DatabaseSettings(url=url))
    with database.session() as session:
        orders = sorted(session.scalars(select(Order.id)))
    database.close()
    store = open_store(store_url)
    jobs = sorted(each.id for each in store.jobs(JobFilter(), limit=1_000_000))
    store.close()
    return orders, jobs
