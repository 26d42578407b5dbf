"""The figures of the jobs suite."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench._results import Sample

_PERCENTILES = 100


@dataclass(frozen=True, slots=True)
class JobsSample(Sample):
    """One runner in one scenario in one round; what a scenario does not measure is zero.

    Attributes:
        p95_us: The 95th percentile of what ``p50_us`` and ``p99_us`` are of.
        seconds: From the first job to the end of the last one.
        before: Resident bytes before the jobs were there.
        growth: Resident bytes that came with them.
    """

    cpu_us: float = 0.0
    rate: float = 0.0
    p50_us: float = 0.0
    p99_us: float = 0.0
    memory: int = 0
    p95_us: float = 0.0
    seconds: float = 0.0
    before: int = 0
    growth: int = 0


def of_durations(seconds: Sequence[float], *, cpu: float = 0.0, rate: float = 0.0) -> JobsSample:
    """Summarise durations.

    Args:
        seconds: The durations, at least two.
        cpu: Seconds of CPU time of all.
        rate: Jobs per second of a worker beside them.
    """
    cuts = statistics.quantiles(seconds, n=_PERCENTILES, method="inclusive")
    return JobsSample(
        cpu_us=cpu * 1e6 / len(seconds),
        rate=rate,
        p50_us=cuts[49] * 1e6,
        p95_us=cuts[94] * 1e6,
        p99_us=cuts[98] * 1e6,
    )
