"""The workers of the jobs suite: how each is started, and how its queue is filled."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench import _peers
from bench._servers import PEERS_PYTHON

SQLITE, POSTGRESQL, REDIS = "sqlite", "postgresql", "redis"
STORES = (SQLITE, POSTGRESQL, REDIS)


@dataclass(frozen=True, slots=True)
class Runner:
    """A worker that is measured. Its commands are run in ``servers/``.

    Attributes:
        name: Its name in the tables.
        about: What it is.
        store: Where its jobs are.
        worker: The command of the worker.
        fill: Gives the command that enqueues so many jobs.
        jobs: Number of jobs of one round.
        library: What it belongs to: ``photon``, or a distribution of the peers.
    """

    name: str
    about: str
    store: str
    worker: tuple[str, ...]
    fill: Callable[[int], tuple[str, ...]]
    jobs: int
    library: str

    @property
    def is_photon(self) -> bool:
        """True for Photon's own worker."""
        return self.library == PHOTON

    def prepare(self) -> None:
        """Install what it needs. Blocks."""
        if not self.is_photon:
            _peers.ensure()


PHOTON = "photon"
WORKER = (sys.executable, "-m", "photon_cli", "worker", "jobs_app:app")


def client(*arguments: str) -> tuple[str, ...]:
    """Return a command of the program that enqueues jobs of Photon."""
    return (sys.executable, "jobs_client.py", *arguments)


def _fill_photon(count: int) -> tuple[str, ...]:
    return client("fill", "noop", str(count))


def _fill_by(script: str) -> Callable[[int], tuple[str, ...]]:
    return lambda count: (*PEERS_PYTHON, script, str(count))


def _photon(store: str) -> Runner:
    about = f"photon worker, one process, 100 jobs at a time, on {store}"
    return Runner(f"photon-{store}", about, store, WORKER, _fill_photon, 15_000, PHOTON)


def _dramatiq(threads: int) -> Runner:
    command = ("-m", "dramatiq", "dramatiq_jobs", "--processes", "1", "--threads", str(threads))
    return Runner(
        f"dramatiq-{threads}",
        f"one process with {threads} threads",
        REDIS,
        (*PEERS_PYTHON, *command),
        _fill_by("dramatiq_jobs.py"),
        4_000,
        "dramatiq",
    )


def _celery(pool: str, concurrency: int) -> Runner:
    command = ["-m", "celery", "-A", "celery_jobs", "worker", "-P", pool, "-c", str(concurrency)]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING"]
    return Runner(
        f"celery-{pool}",
        f"one process, -P {pool} -c {concurrency}, no results",
        REDIS,
        (*PEERS_PYTHON, *command),
        _fill_by("celery_jobs.py"),
        2_000,
        "celery",
    )


_ALL = (
    *(_photon(store) for store in STORES),
    _dramatiq(8),
    _dramatiq(16),
    _celery("prefork", 1),
    _celery("threads", 8),
    _celery("gevent", 100),
    Runner(
        "rq",
        "SimpleWorker, which does not fork, no results",
        REDIS,
        (*PEERS_PYTHON, "rq_jobs.py", "worker"),
        _fill_by("rq_jobs.py"),
        1_000,
        "rq",
    ),
)
RUNNERS = {runner.name: runner for runner in _ALL}
