"""Instruments: counters, gauges and histograms.

Theory of operation. A figure is one element of a *cell*: a list of this process, or eight bytes of
a file that all workers can read (`_mmap_dict`). To count is ``cell[0] += amount``, whichever it is.
CPython switches threads at calls and at loops, and there is neither between reading the element and
storing it, so that no count is lost to another thread, and no lock is needed.

The cells of an instrument are replaced once, when its meter is exposed in a process with other
workers; the figures are carried over. From then on they stay, so that the request path may count in
`cells` itself. Until a meter is exposed, instruments count all the same: this costs less than
asking whether they should.
"""

from __future__ import annotations

import logging
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from math import isnan
from typing import ClassVar, Final, Generic, Literal, TypeAlias, TypeVar, final

import attrs

_log = logging.getLogger("photon.metrics")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED_LABELS = frozenset(("le", "pid"))
OVERFLOW: Final = "OTHER"
"""The label value of all series beyond the limit of a family."""

Cell: TypeAlias = "list[float] | memoryview[float]"
Kind = Literal["counter", "gauge", "histogram"]
Aggregation = Literal["sum", "min", "max"]


@attrs.frozen
class Sample:
    """One figure of a series, as Prometheus names it.

    Attributes:
        suffix: The end of its name, behind that of the metric.
        labels: Labels in addition to those of the series.
    """

    suffix: str
    labels: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class Definition:
    """The definition of a metric.

    Attributes:
        kind: The type of the instrument.
        name: Its name, without the ``_total`` of counters.
        description: What is counted, in one sentence.
        labels: Names of its labels.
        buckets: Upper bounds of a histogram's buckets; the last one is infinite.
        aggregation: How the values of a gauge in several workers become one.
    """

    kind: Kind
    name: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    aggregation: Aggregation = "sum"

    def check(self) -> None:
        """Refuse names that are invalid in Prometheus.

        Raises:
            ValueError: A name is invalid, or the bounds do not increase.
        """
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"the name of a metric has letters, digits and _, not {self.name!r}")
        for label in self.labels:
            if not _LABEL.fullmatch(label) or label in _RESERVED_LABELS:
                raise ValueError(f"{self.name}: {label!r} cannot be the name of a label")
        if list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError(f"{self.name}: the bounds of buckets increase, not {self.buckets}")

    @property
    def samples(self) -> list[Sample]:
        """The figures of each series, in the order of its cells."""
        if self.kind == "histogram":
            bounds = [Sample("_bucket", (("le", repr(bound)),)) for bound in self.buckets]
            return [*bounds, Sample("_sum")]
        return [Sample("_total" if self.kind == "counter" else "")]


@final
class Counter:
    """A figure that only grows."""

    __slots__ = ("_cell",)
    kind: ClassVar[Kind] = "counter"

    def __init__(self, cells: Sequence[Cell], definition: Definition) -> None:
        """Use the cells; a meter makes counters."""
        self.use_cells(cells)

    def inc(self, amount: float = 1.0) -> None:
        """Add ``amount``.

        Raises:
            ValueError: It is negative.
        """
        if amount < 0.0:
            raise ValueError(f"a counter only grows: {amount!r} is negative; use a gauge")
        self._cell[0] += amount

    @property
    def value(self) -> float:
        """The figure in this process."""
        return self._cell[0]

    @property
    def cells(self) -> list[Cell]:
        """Where its figures are."""
        return [self._cell]

    def use_cells(self, cells: Sequence[Cell]) -> None:
        """Count in other cells from now on."""
        (self._cell,) = cells


@final
class Gauge:
    """A figure that goes up and down."""

    __slots__ = ("_cell",)
    kind: ClassVar[Kind] = "gauge"

    def __init__(self, cells: Sequence[Cell], definition: Definition) -> None:
        """Use the cells; a meter makes gauges."""
        self.use_cells(cells)

    def set(self, value: float) -> None:
        """Set the figure."""
        self._cell[0] = value

    def inc(self, amount: float = 1.0) -> None:
        """Add ``amount``."""
        self._cell[0] += amount

    def dec(self, amount: float = 1.0) -> None:
        """Subtract ``amount``."""
        self._cell[0] -= amount

    @property
    def value(self) -> float:
        """The figure in this process."""
        return self._cell[0]

    @property
    def cells(self) -> list[Cell]:
        """Where its figures are."""
        return [self._cell]

    def use_cells(self, cells: Sequence[Cell]) -> None:
        """Count in other cells from now on."""
        (self._cell,) = cells


@final
class Histogram:
    """A distribution: how many observations are in each bucket, and their sum.

    Attributes:
        bounds: Upper bounds of the buckets; the last one is infinite.
    """

    __slots__ = ("_buckets", "_sum", "bounds")
    kind: ClassVar[Kind] = "histogram"

    def __init__(self, cells: Sequence[Cell], definition: Definition) -> None:
        """Use the cells; a meter makes histograms."""
        self.bounds = definition.buckets
        self.use_cells(cells)

    def observe(self, value: float) -> None:
        """Count one observation.

        Raises:
            ValueError: It is not a number (NaN).
        """
        if isnan(value):
            raise ValueError("nan is not an observation")
        self._buckets[bisect_left(self.bounds, value)][0] += 1.0
        self._sum[0] += value

    @property
    def count(self) -> float:
        """Number of observations that were counted in this process."""
        return sum(cell[0] for cell in self._buckets)

    @property
    def sum(self) -> float:
        """Their sum."""
        return self._sum[0]

    @property
    def cells(self) -> list[Cell]:
        """Where its figures are: the buckets', each without those below it, and the sum."""
        return [*self._buckets, self._sum]

    def use_cells(self, cells: Sequence[Cell]) -> None:
        """Count in other cells from now on."""
        *self._buckets, self._sum = cells


Instrument: TypeAlias = Counter | Gauge | Histogram
I = TypeVar("I", Counter, Gauge, Histogram)  # noqa: E741 - an instrument
MakeCells: TypeAlias = Callable[[Definition, tuple[str, ...]], list[Cell]]


def local_cells(definition: Definition, values: tuple[str, ...]) -> list[Cell]:
    """Return cells of this process."""
    return [[0.0] for _ in definition.samples]


@final
class Family(Generic[I]):
    """The instruments of one name, one for each combination of label values.

    Store the result of `labels` where the values are known beforehand: looking it up takes longer
    than counting.
    """

    __slots__ = ("_limit", "_make_cells", "_series", "_type", "definition")

    def __init__(self, kind: type[I], definition: Definition, *, limit: int | None) -> None:
        """Begin without series; a meter makes families."""
        self.definition = definition
        self._type: type[I] = kind
        self._limit = limit
        self._make_cells: MakeCells = local_cells
        self._series: dict[tuple[str, ...], I] = {}

    def labels(self, *values: str) -> I:
        """Return the instrument for these values of the labels, in the order of their names.

        Beyond the limit of series all further values share one whose values are ``OTHER``, so that
        a client that invents values cannot fill the memory.

        Raises:
            ValueError: There are more or fewer values than labels.
        """
        series = self._series.get(values)
        return self._add(values) if series is None else series

    def _add(self, values: tuple[str, ...]) -> I:
        labels = self.definition.labels
        if len(values) != len(labels):
            raise ValueError(f"{self.definition.name} has the labels {labels}, not {values}")
        if self._limit is not None and len(self._series) >= self._limit:
            others = (OVERFLOW,) * len(labels)
            if values != others and others not in self._series:
                _log.warning(
                    "%s has %d series: further label values are counted as %s",
                    self.definition.name,
                    self._limit,
                    OVERFLOW,
                )
            values = others
            if values in self._series:
                return self._series[values]
        made = self._type(self._make_cells(self.definition, values), self.definition)
        # Of two threads that add the same series one is first.
        return self._series.setdefault(values, made)

    def series(self) -> Iterator[tuple[tuple[str, ...], I]]:
        """Yield the label values and the instrument of each series."""
        yield from list(self._series.items())

    def use_cells(self, make: MakeCells) -> None:
        """Count in the cells that ``make`` returns, for current and later series."""
        self._make_cells = make
        for values, instrument in self.series():
            cells = make(self.definition, values)
            for old, new in zip(instrument.cells, cells, strict=True):
                new[0] += old[0]
            instrument.use_cells(cells)
