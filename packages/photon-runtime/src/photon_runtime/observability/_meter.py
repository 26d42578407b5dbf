"""Meters: the metrics of one application, and the page that shows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, final, overload

from .._offload import offload
from .._run import sleep, spawn
from ..errors import MetricsBusy, PhotonError
from ._exposition import AnyFamily, joined, page_of_client, page_of_process, page_of_workers
from ._instruments import Aggregation, Counter, Definition, Family, Gauge, Histogram, I
from ._observables import Observable, Observation
from ._worker_folder import (
    Leadership,
    WorkerFigures,
    is_shared_by_clients,
    merge_ended,
    worker_folder,
)

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of a duration's buckets, in seconds."""
_SERIES: Final = 10_000
_PAGE_TIMEOUT: Final = 5.0


@final
class Meter:
    """Declares metrics, and writes the page that shows them.

    Any package may declare metrics, at any time. They count in memory from the start, which costs
    about as much as adding two numbers; `expose`, which an application calls when its settings
    have metrics on, imports prometheus-client and makes them readable. Declaring a metric again
    with the same definition returns the same instruments, so that an application may start twice.

    An application has a meter of its own, and two applications in one process share no figures.
    Give both the same meter where they should. Workers that were forked before they
    imported the application add up their figures by name, whichever meter they belong to.

    Example:
        >>> from photon_runtime.observability import Meter
        >>> meter = Meter()
        >>> orders = meter.counter("shop_orders", "Orders that were accepted.", labels=("kind",))
        >>> orders.labels("book").inc()
        >>> orders.labels("book").value
        1.0
    """

    def __init__(self) -> None:
        """Begin without metrics."""
        self._families: dict[str, AnyFamily] = {}
        self._observables: dict[str, Observable] = {}
        self._numbers: dict[str, list[float]] = {}
        self._folder: Path | None = None
        self._figures: WorkerFigures | None = None
        self._leaderships: dict[str, Leadership] = {}
        self._is_exposed = False

    @overload
    def counter(self, name: str, description: str) -> Counter: ...

    @overload
    def counter(
        self,
        name: str,
        description: str,
        *,
        labels: Sequence[str],
        max_series: int | None = _SERIES,
    ) -> Family[Counter]: ...

    def counter(
        self,
        name: str,
        description: str,
        *,
        labels: Sequence[str] = (),
        max_series: int | None = _SERIES,
    ) -> Counter | Family[Counter]:
        """Declare a figure that only grows, such as the number of orders.

        Args:
            name: Its name; on the page it ends in ``_total``.
            description: What is counted, in one sentence.
            labels: Names of labels; with some, the result is a `Family` of counters.
            max_series: The most combinations of label values; ``None`` for no limit, where
                clients cannot choose the values.

        Raises:
            ValueError: A name is not one, or another metric has it.
        """
        definition = Definition("counter", name.removesuffix("_total"), description, tuple(labels))
        return _one_or_all(self._declare(Counter, definition, max_series))

    @overload
    def gauge(self, name: str, description: str, *, aggregation: Aggregation = "sum") -> Gauge: ...

    @overload
    def gauge(
        self,
        name: str,
        description: str,
        *,
        labels: Sequence[str],
        aggregation: Aggregation = "sum",
        max_series: int | None = _SERIES,
    ) -> Family[Gauge]: ...

    def gauge(
        self,
        name: str,
        description: str,
        *,
        labels: Sequence[str] = (),
        aggregation: Aggregation = "sum",
        max_series: int | None = _SERIES,
    ) -> Gauge | Family[Gauge]:
        """Declare a figure that goes up and down, such as the number of open connections.

        Args:
            name: Its name.
            description: What it measures, in one sentence.
            labels: Names of labels; with some, the result is a `Family` of gauges.
            aggregation: How the values of several workers become one: their ``sum``, ``min`` or
                ``max``.
            max_series: The most combinations of label values; ``None`` for no limit.

        Raises:
            ValueError: A name is not one, or another metric has it.
        """
        definition = Definition("gauge", name, description, tuple(labels), aggregation=aggregation)
        return _one_or_all(self._declare(Gauge, definition, max_series))

    @overload
    def histogram(
        self, name: str, description: str, *, buckets: Sequence[float] = BUCKETS
    ) -> Histogram: ...

    @overload
    def histogram(
        self,
        name: str,
        description: str,
        *,
        labels: Sequence[str],
        buckets: Sequence[float] = BUCKETS,
        max_series: int | None = _SERIES,
    ) -> Family[Histogram]: ...

    def histogram(
        self,
        name: str,
        description: str,
        *,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = BUCKETS,
        max_series: int | None = _SERIES,
    ) -> Histogram | Family[Histogram]:
        """Declare a distribution, such as that of a query's duration.

        Args:
            name: Its name, with its unit: ``_seconds``, ``_bytes``.
            description: What it measures, in one sentence.
            labels: Names of labels; with some, the result is a `Family` of histograms.
            buckets: Upper bounds of the buckets; by default for seconds, from 1 ms to 10 s.
            max_series: The most combinations of label values; ``None`` for no limit.

        Raises:
            ValueError: A name is not one, the bounds do not increase, or another metric has the
                name.
        """
        bounds = tuple(float(bound) for bound in buckets)
        if not bounds or bounds[-1] != math.inf:
            bounds += (math.inf,)
        definition = Definition("histogram", name, description, tuple(labels), bounds)
        return _one_or_all(self._declare(Histogram, definition, max_series))

    def observable_counter(
        self,
        name: str,
        description: str,
        callback: Callable[[], Observation],
        *,
        labels: Sequence[str] = (),
    ) -> None:
        """Declare a counter whose figure ``callback`` returns; see `observable_gauge`."""
        definition = Definition("counter", name.removesuffix("_total"), description, tuple(labels))
        family = self._declare(Counter, definition, _SERIES)
        self._observables[definition.name] = Observable(family, callback)

    def observable_gauge(
        self,
        name: str,
        description: str,
        callback: Callable[[], Observation],
        *,
        labels: Sequence[str] = (),
        aggregation: Aggregation = "sum",
    ) -> None:
        """Declare a gauge whose figure ``callback`` returns when the metrics are read.

        Args:
            name: Its name.
            description: What it measures, in one sentence.
            callback: Returns the figure; with labels, a mapping from tuples of label values to
                figures. It runs in a task and must not wait. One that fails is logged, and
                the metric keeps its last figures. Declared again, the metric gets the new one.
            labels: Names of labels.
            aggregation: How the values of several workers become one.

        Raises:
            ValueError: A name is not one, or another metric has it.
        """
        definition = Definition("gauge", name, description, tuple(labels), aggregation=aggregation)
        family = self._declare(Gauge, definition, _SERIES)
        self._observables[definition.name] = Observable(family, callback)

    def _number(self, name: str, description: str) -> list[float]:
        """Declare an observable gauge whose figure is the element of the list that is returned.

        For what changes with each request: the gauge of a worker has its figure in a file, where to
        write it costs five times as much. All that declare it change the same number.
        """
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = [0.0]
            self.observable_gauge(name, description, lambda: number[0])
        return number

    def _declare(self, kind: type[I], definition: Definition, max_series: int | None) -> Family[I]:
        declared: Family[Any] | None = self._families.get(definition.name)
        if declared is None:
            definition.check()
            family = Family(kind, definition, limit=max_series)
            if self._figures is not None:
                family.use_cells(self._figures.cells)
            self._families[definition.name] = family
            return family
        if declared.definition != definition:
            raise ValueError(
                f"the metric {definition.name!r} was declared before as {declared.definition}"
            )
        return declared

    # -- the page -----------------------------------------------------------------------------

    @property
    def is_exposed(self) -> bool:
        """Whether the figures can be read."""
        return self._is_exposed

    def expose(self) -> None:
        """Make the figures readable, those of the runtime itself included.

        In a worker of ``photon run``, and where ``PROMETHEUS_MULTIPROC_DIR`` is set, the figures
        move to files that other workers, or a successor, can read. A second call does nothing.

        Raises:
            PhotonError: prometheus-client is not installed.
        """
        if self._is_exposed:
            return
        try:
            import prometheus_client  # noqa: F401 - only to see that it is there
        except ImportError:
            raise PhotonError(
                "metrics need prometheus-client: pip install 'photon-runtime[metrics]'"
            ) from None
        from ._runtime_metrics import declare_runtime_metrics

        self._is_exposed = True
        declare_runtime_metrics(self)
        self._folder = worker_folder()
        if self._folder is not None:
            merge_ended(self._folder)  # also where the metrics are never read
            self._figures = WorkerFigures(self._folder)
            for family in list(self._families.values()):
                family.use_cells(self._figures.cells)

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics as text, and its media type.

        Args:
            accept: The ``Accept`` field of the request: Prometheus' text, or OpenMetrics.

        Raises:
            RuntimeError: The meter is not exposed.
            MetricsBusy: Another worker has been reading them for too long.

        Blocks: the calling task, where there are several workers, while a thread reads.
        """
        if not self._is_exposed:
            raise RuntimeError("the meter has no page before it is exposed: call expose()")
        self._read_observables()
        if self._folder is None:
            return page_of_process(list(self._families.values()), accept)
        try:
            page, kind = offload(page_of_workers, self._folder, accept, timeout=_PAGE_TIMEOUT)
        except TimeoutError as error:
            raise MetricsBusy(str(error)) from error
        return (page if is_shared_by_clients() else joined(page, page_of_client(accept))), kind

    def leads(self, name: str) -> bool:
        """Return whether this process reads the figures ``name`` for all workers of the server.

        For figures that are the same for all workers and take effort to read. Without other
        workers it is this process; when the one that reads has ended, another one does. Does not
        wait.

        Args:
            name: A name of letters, digits and hyphens.
        """
        if self._folder is None:
            return True
        leadership = self._leaderships.get(name)
        if leadership is None:
            leadership = self._leaderships[name] = Leadership(self._folder, name)
        return leadership.acquire()

    @contextmanager
    def observing(self, *, interval: float = 5.0) -> Iterator[None]:
        """Read the observable metrics regularly within the block, where other workers show them.

        Without other workers, the page reads them, and this does nothing.

        Args:
            interval: Seconds between two readings.
        """
        if self._folder is None:
            yield
            return
        task = spawn(self._observe, interval)
        try:
            yield
        finally:
            task.cancel()

    def _observe(self, interval: float) -> None:
        while True:
            self._read_observables()
            sleep(interval)

    def _read_observables(self) -> None:
        for observable in list(self._observables.values()):
            observable.read()


def _one_or_all(family: Family[I]) -> I | Family[I]:
    return family if family.definition.labels else family.labels()
