"""A meter's figures in the text formats of Prometheus and OpenMetrics.

prometheus-client writes the formats. In a single process it receives the figures of a meter
directly; in a process with other workers it reads the files of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from ._instruments import Counter, Family, Gauge, Histogram
from ._worker_folder import exclusive

if TYPE_CHECKING:
    from prometheus_client.core import Metric

AnyFamily = Family[Counter] | Family[Gauge] | Family[Histogram]
_END = b"# EOF\n"


def page_of_process(families: Iterable[AnyFamily], accept: str) -> tuple[bytes, str]:
    """Return the figures of this process, and the page's media type.

    Those of prometheus-client's default registry follow.

    Args:
        families: The metrics.
        accept: The ``Accept`` field of the request.
    """
    import prometheus_client
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(accept)
    registry = prometheus_client.CollectorRegistry()
    registry.register(_Collector(families))
    return joined(encode(registry), page_of_client(accept)), content_type


def page_of_client(accept: str) -> bytes:
    """Return the figures of prometheus-client's default registry in this process.

    Args:
        accept: The ``Accept`` field of the request.
    """
    import prometheus_client
    from prometheus_client.exposition import choose_encoder

    encode, _ = choose_encoder(accept)
    return encode(prometheus_client.REGISTRY)


def joined(first: bytes, second: bytes) -> bytes:
    """Return one page of two: OpenMetrics has an end, and a page has one."""
    return first.removesuffix(_END) + second


def page_of_workers(folder: Path, accept: str, *, timeout: float) -> tuple[bytes, str]:
    """Return the figures of all processes that count in the folder, and the page's media type.

    Raises:
        TimeoutError: Another process was reading them for longer than ``timeout`` seconds.

    Blocks: the thread.
    """
    import prometheus_client
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.multiprocess import MultiProcessCollector

    encode, content_type = choose_encoder(accept)
    registry = prometheus_client.CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    with exclusive(folder, timeout=timeout):
        return encode(registry), content_type


class _Collector:
    """The collector of a meter's figures for prometheus-client."""

    def __init__(self, families: Iterable[AnyFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with its samples."""
        from prometheus_client.core import Metric

        for family in self._families:
            definition = family.definition
            metric = Metric(definition.name, definition.description, definition.kind)
            for values, instrument in family.series():
                labels = dict(zip(definition.labels, values, strict=True))
                for suffix, more, figure in _samples(instrument):
                    metric.add_sample(definition.name + suffix, labels | more, figure)
            yield metric

    def describe(self) -> list[Metric]:
        """Return nothing: it spares a second call of `collect`."""
        return []


def _samples(
    instrument: Counter | Gauge | Histogram,
) -> Iterator[tuple[str, dict[str, str], float]]:
    from prometheus_client.utils import floatToGoString

    if not isinstance(instrument, Histogram):
        yield "_total" if isinstance(instrument, Counter) else "", {}, instrument.value
        return
    counts = [cell[0] for cell in instrument.cells[:-1]]
    below = list(accumulate(counts))
    for bound, count in zip(instrument.bounds, below, strict=True):
        text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
        yield "_bucket", {"le": text}, count
    yield "_count", {}, below[-1]
    yield "_sum", {}, instrument.sum
