"""Figures of one run: samples per round, their spread, and ratios between servers.

A ratio is taken round by round and the median of those is reported: the two sides of one round were
measured within seconds of each other, so what slows the machine down for a while slows both.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    """One server in one scenario in one round."""

    cpu_us: float  # CPU microseconds per request, user and system
    rate: float  # requests per second
    p50_us: float
    p99_us: float
    memory: int  # resident bytes


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of some figures."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """Summarise ``figures``, at least one."""
        return cls(statistics.median(figures), min(figures), max(figures))


@dataclass(slots=True)
class Row:
    """One server in one scenario: its samples by round, or what went wrong.

    Attributes:
        way: How Photon ran: with photon-speedups or in Python alone; None for peers.
    """

    scenario: str
    server: str
    samples: dict[int, Sample] = field(default_factory=dict)
    error: str | None = None
    way: str | None = None

    def spread(self, figure: str) -> Spread:
        """Summarise one field of the samples, at least one sample being there."""
        return Spread.of([float(getattr(sample, figure)) for sample in self.samples.values()])


def ratio(row: Row, *, to: Row | None, figure: str = "cpu_us") -> Spread | None:
    """Divide a figure, CPU per request by default, by that of another row, round by round.

    Returns:
        The spread over the rounds both have; None without such a round, or when either failed.
    """
    if to is None or row.error is not None or to.error is not None:
        return None
    rounds = sorted(row.samples.keys() & to.samples.keys())
    pairs = [(getattr(row.samples[n], figure), getattr(to.samples[n], figure)) for n in rounds]
    quotients = [mine / other for mine, other in pairs if other]
    return Spread.of(quotients) if quotients else None


def find(rows: Sequence[Row], *, scenario: str, server: str) -> Row | None:
    """Find a row by its two names."""
    return next((r for r in rows if r.scenario == scenario and r.server == server), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one run reports."""

    machine: Mapping[str, object]
    options: Mapping[str, object]
    versions: Mapping[str, str]
    rows: Sequence[Row]

    @property
    def failed(self) -> bool:
        """Whether any row is an error."""
        return any(row.error is not None for row in self.rows)
