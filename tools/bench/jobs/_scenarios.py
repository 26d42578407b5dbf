"""The scenarios of the jobs suite, and the limits that Photon keeps in them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.jobs._runners import SQLITE, STORES

NOOP, WAITS, ENQUEUE, JOINED = "noop", "waits", "enqueue", "enqueue-joined"
PICKUP, PICKUP_BETWEEN, BESIDE, DELAYED = "pickup", "pickup-between", "beside", "delayed"


@dataclass(frozen=True, slots=True)
class Limit:
    """What Photon keeps: the figure of a sample, in its unit.

    Attributes:
        figure: Name of the field of the sample.
        most: The figure is at most this.
        unit: Its unit.
        scale: What the field is divided by, to be in that unit.
    """

    figure: str
    most: float
    unit: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One question.

    Attributes:
        name: Its name.
        about: What is measured.
        columns: Fields of a sample, the text above them, and what they are divided by.
        stores: Where Photon's jobs are.
        size: Number of jobs, or seconds.
        limit: What Photon keeps.
    """

    name: str
    about: str
    columns: tuple[tuple[str, str, float], ...]
    stores: tuple[str, ...] = STORES
    size: int = 0
    limit: Limit | None = None


_WAITED = (("p50_us", "p50 ms", 1e3), ("p95_us", "p95 ms", 1e3), ("p99_us", "p99 ms", 1e3))
_CALL = (("cpu_us", "CPU µs/job", 1.0), ("p50_us", "p50 µs", 1.0), ("p99_us", "p99 µs", 1.0))
_ALL = (
    Scenario(
        NOOP,
        "jobs that do nothing, in one worker process",
        (("cpu_us", "CPU µs/job", 1.0), ("rate", "jobs/s", 1.0), ("memory", "memory MB", 1e6)),
    ),
    Scenario(
        WAITS,
        "1,000 jobs that wait 1 s each, 100 at a time",
        (("seconds", "seconds", 1.0), ("cpu_us", "CPU µs/job", 1.0)),
        size=1_000,
        limit=Limit("seconds", 12, "s"),
    ),
    Scenario(
        PICKUP,
        "from the call that enqueues to the job, idle queue, one process",
        _WAITED,
        size=100,
        limit=Limit("p95_us", 50, "ms", 1e3),
    ),
    Scenario(
        PICKUP_BETWEEN,
        "the same between two processes",
        _WAITED,
        size=100,
        limit=Limit("p95_us", 100, "ms", 1e3),
    ),
    Scenario(ENQUEUE, "to enqueue a job, in a transaction of its own", _CALL, size=2_000),
    Scenario(
        JOINED,
        "to enqueue a job, as a part of an open transaction",
        _CALL,
        stores=tuple(store for store in STORES if store != "redis"),
        size=2_000,
    ),
    Scenario(
        BESIDE,
        "to enqueue a job, beside four processes of a worker that is busy",
        (*_WAITED, ("rate", "worker jobs/s", 1.0)),
        stores=(SQLITE,),
        size=4,
        limit=Limit("p99_us", 100, "ms", 1e3),
    ),
    Scenario(
        DELAYED,
        "a worker with 100,000 jobs that are due in an hour",
        (("before", "MB before", 1e6), ("memory", "MB after", 1e6), ("growth", "growth MB", 1e6)),
        size=100_000,
        limit=Limit("growth", 10, "MB", 1e6),
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}

LEAST_RATE = 5_000
"""Jobs per second that one process runs at least, on SQLite and PostgreSQL."""
LEAST_OF_DRAMATIQ = 2.0
"""Photon's rate on Redis, as a multiple of dramatiq's."""
