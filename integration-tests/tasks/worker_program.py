"""A worker in a process of its own, which tests kill.

    worker_program.py STORE_URL EFFECTS LEASE

The first process only forks: it has imported everything, and opened nothing. It reads a line for
each worker to start, and answers with the id of its process. Jobs add a line to the file of effects
when they begin and when they end: ``begin NUMBER ATTEMPT PROCESS TIME``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import photon_runtime as rt
from photon_runtime.observability import Meter
from photon_runtime.process import stop_event
from photon_tasks import Tasks, TasksSettings, current_job, task
from photon_tasks.registry import Registry
from photon_tasks.stores import JobStore
from photon_tasks.worker import Worker

from .outbox_program import open_store

CONCURRENCY = 5
_effects = -1


def _note(word: str, number: int) -> None:
    line = f"{word} {number} {current_job().attempt} {os.getpid()} {time.time()}\n"
    os.write(_effects, line.encode())


@task(name="work", retries=30)
def work(number: int, seconds: float) -> None:
    """Have an effect, after a while."""
    _note("begin", number)
    rt.sleep(seconds)
    _note("end", number)


@task(name="poison", retries=2)
def poison(number: int) -> None:
    """End the process."""
    _note("begin", number)
    os._exit(13)


@task(name="count", retries=30)
def count(number: int) -> int:
    """Have an effect, and a result."""
    _note("begin", number)
    rt.sleep(0.05)
    _note("end", number)
    return number


@task(name="add", retries=30)
def add(numbers: list[int], number: int) -> int:
    """Have an effect, and the sum of results."""
    _note("begin", number)
    return sum(numbers)


@contextmanager
def tasks_of(url: str, lease: float) -> Iterator[Tasks]:
    """Make the tasks current, with their store open."""

    @contextmanager
    def opened() -> Iterator[JobStore]:
        store = open_store(url)
        try:
            yield store
        finally:
            store.close()

    with opened() as store:
        store.open()
        settings = TasksSettings(lease=lease, shutdown_timeout=3.0)
        registry = Registry([work, poison, count, add])
        tasks = Tasks(settings, store, registry, Meter(), open_store=opened)
        with tasks.current():
            yield tasks


def _work(url: str, lease: float) -> None:
    with tasks_of(url, lease) as tasks, stop_event() as stop, rt.scope() as helpers:
        worker = Worker(tasks, concurrency=CONCURRENCY)

        def stop_worker() -> None:
            stop.wait()
            worker.stop()

        helpers.spawn(stop_worker)
        worker.run()
        helpers.cancel()


def _fork(*arguments: Any) -> int:
    process = os.fork()
    if process == 0:
        try:
            rt.run(_work, *arguments)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return process


def main() -> None:
    """Start workers as the test says."""
    global _effects
    url, effects, lease = sys.argv[1:]
    _effects = os.open(effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        os.write(1, f"{_fork(url, float(lease))}\n".encode())


if __name__ == "__main__":
    main()
