"""``photon worker``: processes that jobs end, that are killed, stopped and replaced.

Every test runs real processes on a real store. ``PHOTON_TEST_DEPLOYS=1000`` sets the number of jobs
of the deploys, which is small otherwise.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import redis

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings
from photon_tasks.records import Delivery, JobFilter, JobRecord, NewJob
from photon_tasks.stores import JobStore
from photon_tasks.stores.redis import RedisStore
from photon_tasks.stores.sql import SqlStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
_DEPLOYED = int(os.environ.get("PHOTON_TEST_DEPLOYS", "60"))

APPLICATION = """
    import ctypes, os, re, resource, signal, threading, time
    from photon import Photon, task

    app = Photon()

    def note(*words):
        file = os.open("effects.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, (" ".join(map(str, words)) + "\\n").encode())
        os.close(file)

    @task
    def wait(number: int, seconds: float) -> int:
        note("begin", number, os.getpid())
        time.sleep(seconds)
        note("end", number, os.getpid())
        return number

    @task
    def compute(number: int, seconds: float) -> None:
        note("begin", number, os.getpid())
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass
        note("end", number, os.getpid())

    @task
    def begin_thread(number: int, seconds: float) -> None:
        threading.Thread(target=wait, args=(number, seconds)).start()

    @task
    def keep_lock(number: int) -> None:
        note("begin", number, os.getpid())
        re.match(r"(a+)+$", "a" * 60 + "b")

    @task(on="process")
    def compute_apart(number: int, seconds: float) -> None:
        compute(number, seconds)

    @task(queue="poison")
    def poison(kind: str) -> None:
        note("poison", kind)
        match kind:
            case "exit":
                os._exit(7)
            case "segfault":
                ctypes.string_at(0)
            case "memory":  # a pool of memory that is used up ends the process, as the kernel does
                _, hard = resource.getrlimit(resource.RLIMIT_AS)
                used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (used + 64_000_000, hard))
                try:
                    bytearray(1_000_000_000)
                except MemoryError:
                    os.kill(os.getpid(), signal.SIGKILL)
"""

PLAIN = """
    from photon import Photon
    app = Photon()
"""


class Worker:
    """A ``photon worker`` in processes of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(output)

    @property
    def output(self) -> str:
        """What it has printed."""
        return "".join(self.lines)

    def wait_ready(self) -> None:
        """Wait until the first process runs jobs."""
        wait_until(lambda: "runs jobs" in self.output, lambda: self.output)

    def children(self) -> list[int]:
        """Return its processes."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in Path(path).read_text().split()]

    def stop(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = 40.0) -> int:
        """Stop it, and return the exit code."""
        self.process.send_signal(number)
        return self.exit_code(seconds=seconds)

    def exit_code(self, *, seconds: float = 40.0) -> int:
        """Wait for its end."""
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code


def wait_until(
    condition: Callable[[], object],
    shown: Callable[[], object] = lambda: "",
    *,
    seconds: float = 60.0,
) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s\n{shown()}"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@attrs.define
class Shop:
    """A project with tasks, and its store.

    Attributes:
        folder: Folder of the project.
        url: Where its jobs are.
    """

    folder: Path
    url: str
    _number: int = 0

    def write(self, source: str = APPLICATION, **settings: object) -> None:
        """Write the files of the project."""
        settings = {
            "url": self.url,
            "mode": "queue",
            "lease": 1.0,
            "poll_interval": 0.2,
            **settings,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        text = "\n".join(["[project]", 'app = "shop:app"', "[tasks]", *lines])
        (self.folder / "photon.toml").write_text(text)
        (self.folder / "shop.py").write_text(textwrap.dedent(source))

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command."""
        environ = {name: value for name, value in os.environ.items() if name != "PHOTON_ENV"}
        return subprocess.Popen(
            [sys.executable, "-m", "photon_cli", *arguments],
            cwd=self.folder,
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    @contextmanager
    def worker(self, *options: str) -> Iterator[Worker]:
        """Run a worker during the block."""
        worker = Worker(self.command("worker", *options))
        try:
            yield worker
        finally:
            if worker.process.poll() is None:
                worker.process.terminate()
                try:
                    worker.process.wait(40)
                finally:
                    worker.process.kill()
            worker.exit_code()

    @contextmanager
    def store(self) -> Iterator[JobStore]:
        """Yield the store, in a hub."""
        with contextlib.ExitStack() as stack:
            store: JobStore
            if self.url.startswith("redis"):
                store = RedisStore(self.url)
            else:
                database = Database(DatabaseSettings(url=self.url))
                stack.callback(database.close)
                store = SqlStore(database.engine)
            stack.callback(store.close)
            store.open()
            yield store

    def enqueue(self, task: str, count: int = 1, **options: Any) -> list[str]:
        """Enqueue jobs of a task; ``{number}`` in arguments is the number of each."""
        arguments = options.pop("arguments", {})
        jobs = []
        for _ in range(count):
            self._number += 1
            shown = {
                name: self._number if value == "{number}" else value
                for name, value in arguments.items()
            }
            name = f"01900000-0000-7000-8000-{self._number:012x}"
            text = json.dumps(shown)
            jobs.append(NewJob(id=name, task=f"shop.{task}", arguments=text, **options))

        def deliver() -> None:
            with self.store() as store:
                store.deliver(Delivery(jobs))

        rt.run(deliver)
        return [each.id for each in jobs]

    def jobs(self) -> dict[str, JobRecord]:
        """Return all jobs by id."""

        def read() -> Sequence[JobRecord]:
            with self.store() as store:
                return store.jobs(JobFilter(), limit=5000)

        return {each.id: each for each in rt.run(read)}

    def wait_for_end(self, worker: Worker, *, seconds: float = 120.0) -> dict[str, JobRecord]:
        """Wait until all jobs have ended, and return them."""
        ended = {"completed", "dead", "cancelled"}
        until = time.monotonic() + seconds
        while True:
            jobs = self.jobs()
            left = [each for each in jobs.values() if each.state not in ended]
            if not left:
                return jobs
            assert time.monotonic() < until, f"{left[:3]} of {len(left)}\n{worker.output}"
            time.sleep(0.3)

    def effects(self) -> list[list[str]]:
        """Return what the jobs have noted."""
        path = self.folder / "effects.txt"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def count(self, *words: str) -> Counter[str]:
        """Return how often each number was noted with these words."""
        return Counter(effect[1] for effect in self.effects() if effect[0] in words)


@pytest.fixture
def make_shop(tmp_path: Path) -> Callable[[str], Shop]:
    return lambda url: Shop(tmp_path, url)


@pytest.fixture
def sqlite_shop(make_shop: Callable[[str], Shop], tmp_path: Path) -> Shop:
    return make_shop(f"sqlite:///{tmp_path / 'jobs.db'}")


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def shop(request: pytest.FixtureRequest, make_shop: Callable[[str], Shop], tmp_path: Path) -> Shop:
    """A project on each kind of store in turn."""
    if request.param == "sqlite":
        return make_shop(f"sqlite:///{tmp_path / 'jobs.db'}")
    if request.param == "postgresql":
        url: str = request.getfixturevalue("empty_postgres_url")
        return make_shop(url)
    url = request.getfixturevalue("redis_url")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return make_shop(url)


# -- jobs that end their process ----------------------------------------------------------------


def test_a_job_that_ends_its_process_is_dead_after_its_attempts_and_the_others_complete(
    shop: Shop,
) -> None:
    shop.write()
    others = shop.enqueue("wait", 8, arguments={"number": "{number}", "seconds": 0.5})
    [poison] = shop.enqueue("poison", arguments={"kind": "exit"}, max_attempts=4)
    others += shop.enqueue("wait", 8, arguments={"number": "{number}", "seconds": 0.01})
    with shop.worker() as worker:
        jobs = shop.wait_for_end(worker)
        later = shop.enqueue("wait", arguments={"number": "{number}", "seconds": 0})
        jobs = shop.wait_for_end(worker)
        assert worker.stop() == 0, worker.output
    assert jobs[poison].state == "dead"
    assert jobs[poison].attempts == 4
    assert "has ended during attempt 4 of 4" in (jobs[poison].error or "")
    assert {jobs[each].state for each in [*others, *later]} == {"completed"}
    assert shop.count("poison") == {"exit": 4}
    assert worker.output.count("ended with exit code 7; ") == 4


@pytest.mark.parametrize("kind", ["segfault", "memory"])
def test_a_crash_of_any_kind_costs_its_job_only(sqlite_shop: Shop, kind: str) -> None:
    sqlite_shop.write()
    [poison] = sqlite_shop.enqueue("poison", arguments={"kind": kind}, max_attempts=2)
    others = sqlite_shop.enqueue(
        "wait", 5, arguments={"number": "{number}", "seconds": 0.3}, max_attempts=2
    )
    with sqlite_shop.worker("--processes", "2", "--concurrency", "4") as worker:
        jobs = sqlite_shop.wait_for_end(worker)
        assert worker.stop() == 0, worker.output
    assert (jobs[poison].state, jobs[poison].attempts) == ("dead", 2)
    assert {jobs[each].state for each in others} == {"completed"}
    assert "killed by signal" in worker.output


# -- processes that are killed ------------------------------------------------------------------


def test_jobs_of_a_killed_process_are_run_by_another_one_after_the_lease(shop: Shop) -> None:
    shop.write()
    shop.enqueue("wait", 3, arguments={"number": "{number}", "seconds": 1.5})
    with shop.worker() as worker:
        wait_until(lambda: len(shop.count("begin")) == 3, lambda: worker.output)
        [killed] = worker.children()
        os.kill(killed, signal.SIGKILL)
        jobs = shop.wait_for_end(worker)
        assert worker.stop() == 0
    assert {(each.state, each.attempts) for each in jobs.values()} == {("completed", 2)}
    assert set(shop.count("end").values()) == {1}
    assert set(shop.count("begin").values()) == {2}


def test_processes_end_with_a_supervisor_that_is_killed_and_give_their_jobs_back(
    sqlite_shop: Shop,
) -> None:
    sqlite_shop.write(shutdown_timeout=0.2)
    [job] = sqlite_shop.enqueue("wait", arguments={"number": "{number}", "seconds": 60})
    with sqlite_shop.worker("--processes", "2") as worker:
        wait_until(lambda: sqlite_shop.count("begin"), lambda: worker.output)
        wait_until(lambda: len(worker.children()) == 2)
        processes = worker.children()
        worker.stop(signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, processes)), lambda: worker.output)
    record = sqlite_shop.jobs()[job]
    assert (record.state, record.attempts) == ("queued", 0), "the attempt does not count"


def test_the_process_of_a_job_ends_with_a_worker_that_is_killed(sqlite_shop: Shop) -> None:
    sqlite_shop.write()
    sqlite_shop.enqueue("compute_apart", arguments={"number": "{number}", "seconds": 60})
    with sqlite_shop.worker() as worker:
        wait_until(lambda: sqlite_shop.count("begin"), lambda: worker.output)
        [[_, _, computing]] = sqlite_shop.effects()
        [killed] = worker.children()
        assert int(computing) != killed
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: not is_alive(int(computing)), lambda: worker.output)
        worker.process.terminate()
        assert worker.stop() == 0


def test_a_job_that_computes_for_many_leases_runs_once(sqlite_shop: Shop) -> None:
    sqlite_shop.write()
    sqlite_shop.enqueue("compute", arguments={"number": "{number}", "seconds": 6})
    with sqlite_shop.worker("--processes", "2") as worker:
        jobs = sqlite_shop.wait_for_end(worker)
        assert worker.stop() == 0
    assert [(each.state, each.attempts) for each in jobs.values()] == [("completed", 1)]
    assert sqlite_shop.count("begin") == {"1": 1}


# -- stopping and replacing ---------------------------------------------------------------------


@pytest.mark.timeout(300 + 3 * _DEPLOYED)
def test_each_effect_happens_once_over_many_deploys(shop: Shop) -> None:
    count = _DEPLOYED
    shop.write(shutdown_timeout=10.0)
    shop.enqueue("wait", count, arguments={"number": "{number}", "seconds": 0.5})
    deploys = 0
    until = time.monotonic() + 200 + 2 * count
    while any(each.state != "completed" for each in shop.jobs().values()):
        with shop.worker("--concurrency", "5", "--processes", "2") as worker:
            worker.wait_ready()
            time.sleep(2.0)
            assert worker.stop() == 0, worker.output
        deploys += 1
        assert {each.state for each in shop.jobs().values()} <= {"queued", "completed"}
        assert time.monotonic() < until
    assert deploys > 1
    assert len(shop.count("end")) == count
    assert set(shop.count("end").values()) == {1}
    assert set(shop.count("begin").values()) == {1}


def test_a_job_that_does_not_end_in_time_is_queued_again_and_its_attempt_does_not_count(
    shop: Shop,
) -> None:
    shop.write(shutdown_timeout=0.5)
    [job] = shop.enqueue("wait", arguments={"number": "{number}", "seconds": 60})
    with shop.worker() as worker:
        wait_until(lambda: shop.count("begin"), lambda: worker.output)
        assert worker.stop() == 0, worker.output
        assert "have not ended within [tasks] shutdown_timeout = 0.5 s" in worker.output
    record = shop.jobs()[job]
    assert (record.state, record.attempts, record.worker) == ("queued", 0, None)


def test_a_second_signal_kills(sqlite_shop: Shop) -> None:
    sqlite_shop.write(shutdown_timeout=60.0)
    sqlite_shop.enqueue("wait", arguments={"number": "{number}", "seconds": 60})
    with sqlite_shop.worker() as worker:
        wait_until(lambda: sqlite_shop.count("begin"), lambda: worker.output)
        worker.process.terminate()
        time.sleep(0.5)
        assert worker.process.poll() is None, "it waits for the job"
        assert worker.stop(seconds=10) == 0


def test_processes_are_replaced_one_by_one_without_a_loss(sqlite_shop: Shop) -> None:
    sqlite_shop.write()
    with sqlite_shop.worker("--processes", "2") as worker:
        wait_until(lambda: len(worker.children()) == 2, lambda: worker.output)
        worker.wait_ready()
        before = worker.children()
        sqlite_shop.enqueue("wait", 20, arguments={"number": "{number}", "seconds": 0.5})
        worker.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "all workers are replaced" in worker.output, lambda: worker.output)
        wait_until(lambda: not any(map(is_alive, before)))
        sqlite_shop.wait_for_end(worker)
        assert worker.stop() == 0
    assert set(sqlite_shop.count("end").values()) == {1}
    assert "runs jobs" in worker.output
    assert worker.output.count("runs jobs") == 1, "only the start is announced"


def test_a_process_is_replaced_after_its_jobs_and_ends_when_the_last_one_has(
    sqlite_shop: Shop,
) -> None:
    sqlite_shop.write(max_jobs=10, shutdown_timeout=0.1)
    [long] = sqlite_shop.enqueue("wait", arguments={"number": "{number}", "seconds": 6})
    sqlite_shop.enqueue("wait", 30, arguments={"number": "{number}", "seconds": 0.05})
    with sqlite_shop.worker("--concurrency", "3") as worker:
        jobs = sqlite_shop.wait_for_end(worker)
        assert worker.stop() == 0
    assert {each.state for each in jobs.values()} == {"completed"}
    assert jobs[long].attempts == 1, "it was not cancelled by the end of its process"
    assert "takes no more work; it is replaced" in worker.output
    assert len({effect[2] for effect in sqlite_shop.effects()}) >= 2
    assert set(sqlite_shop.count("end").values()) == {1}


def test_a_process_that_uses_too_much_memory_is_replaced_between_jobs(sqlite_shop: Shop) -> None:
    sqlite_shop.write(max_memory=1_000_000, poll_interval=1.5)
    sqlite_shop.enqueue("wait", 3, arguments={"number": "{number}", "seconds": 1.0})
    with sqlite_shop.worker("--concurrency", "1") as worker:
        jobs = sqlite_shop.wait_for_end(worker)
        assert worker.stop() == 0
    assert {(each.state, each.attempts) for each in jobs.values()} == {("completed", 1)}
    assert len({effect[2] for effect in sqlite_shop.effects()}) == 3
    assert "more than max_memory = 1000000: it is replaced" in worker.output


def test_a_thread_that_a_job_has_begun_finishes_before_its_process_ends(sqlite_shop: Shop) -> None:
    sqlite_shop.write(shutdown_timeout=30.0)
    sqlite_shop.enqueue("begin_thread", arguments={"number": "{number}", "seconds": 2.0})
    with sqlite_shop.worker() as worker:
        jobs = sqlite_shop.wait_for_end(worker)
        wait_until(lambda: sqlite_shop.count("begin"), lambda: worker.output)
        assert worker.stop() == 0, worker.output
    assert {each.state for each in jobs.values()} == {"completed"}
    assert sqlite_shop.count("end") == sqlite_shop.count("begin")


def test_a_job_that_keeps_the_interpreter_from_running_shows_its_stack_and_is_killed(
    sqlite_shop: Shop,
) -> None:
    sqlite_shop.write(shutdown_timeout=60.0)
    sqlite_shop.enqueue("keep_lock", arguments={"number": "{number}"})
    with sqlite_shop.worker() as worker:
        wait_until(lambda: sqlite_shop.count("begin"), lambda: worker.output)
        [process] = worker.children()
        for number in (signal.SIGUSR2, signal.SIGUSR1):  # to the supervisor, which passes them on
            worker.process.send_signal(number)
        wait_until(lambda: "in keep_lock" in worker.output, lambda: worker.output)
        assert "supervisor (pid" in worker.output
        worker.process.terminate()
        time.sleep(0.5)
        assert worker.stop(seconds=10) == 0
        assert not is_alive(process)


def test_the_stacks_of_all_jobs_are_printed_by_a_signal(sqlite_shop: Shop) -> None:
    sqlite_shop.write(shutdown_timeout=0.1)
    sqlite_shop.enqueue("wait", arguments={"number": "{number}", "seconds": 60})
    with sqlite_shop.worker() as worker:
        wait_until(lambda: sqlite_shop.count("begin"), lambda: worker.output)
        [process] = worker.children()
        os.kill(process, signal.SIGUSR1)
        wait_until(lambda: "time.sleep(seconds)" in worker.output, lambda: worker.output)
        assert worker.stop() == 0


# -- what is said and refused at start ----------------------------------------------------------


def test_the_start_is_announced_and_unknown_queues_are_named(sqlite_shop: Shop) -> None:
    sqlite_shop.write()
    with sqlite_shop.worker("--queues", "default,mail", "--concurrency", "7") as worker:
        worker.wait_ready()
        assert worker.stop() == 0
    [line] = [line for line in worker.lines if "runs jobs" in line]
    assert "(production): queues default, mail; store sqlite:///" in line
    assert "7 jobs at a time in 1 process;" in line
    assert "no task of the application has the queue mail" in worker.output


def test_the_password_of_the_store_is_not_shown(sqlite_shop: Shop) -> None:
    sqlite_shop.url = "redis://user:secret@127.0.0.1:1/0"
    sqlite_shop.write(enqueue_timeout=1.0)
    with sqlite_shop.worker() as worker:
        worker.wait_ready()
        worker.stop()
    assert "store redis://user:***@127.0.0.1:1/0" in worker.output
    assert "secret" not in worker.output


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        (APPLICATION, {"mode": "inline"}, "[tasks] mode is inline in the environment production"),
        (PLAIN, {}, "the application has no tasks"),
        ("def app(request): ...", {}, "the application has no tasks"),
        ("import nothing_of_the_kind", {}, "importing `shop` failed"),
    ],
)
def test_what_cannot_run_jobs_is_refused_at_start(
    sqlite_shop: Shop, source: str, settings: dict[str, object], message: str
) -> None:
    sqlite_shop.write(source, **settings)
    with sqlite_shop.worker() as worker:
        assert worker.exit_code() == 3
    assert message in worker.output
    assert worker.output.count(message) == 1, "it is not tried again"


def test_a_store_of_a_later_version_is_refused_at_start(sqlite_shop: Shop) -> None:
    sqlite_shop.write()
    sqlite_shop.enqueue("wait", arguments={"number": "{number}", "seconds": 0})
    with contextlib.closing(sqlite3.connect(sqlite_shop.url.removeprefix("sqlite:///"))) as file:
        file.execute("UPDATE photon_job_facts SET value = '99' WHERE name = 'version'")
        file.commit()
    with sqlite_shop.worker() as worker:
        assert worker.exit_code() == 3
    assert worker.output.count("a later version of Photon has made them") == 1
