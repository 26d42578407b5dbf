"""Metrics for Prometheus: how many requests, how long they take, by route.

Theory of operation. A series is named by method, the template of the route and the status, never by
the path itself: the number of series has a bound that the document sets. The children of
prometheus-client are looked up once and kept, so that a request costs one look-up and the
counting itself.

With several workers each process counts for itself, into files of one folder (`_processes`);
whichever worker is asked then answers for all, by a thread. prometheus-client decides on this when
it is imported, which is why it is imported here no earlier than a `Metrics` is made.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from photon_runtime import offload, stats
from photon_runtime.errors import PhotonError
from photon_runtime.http import Handler, HttpError, Request, Response

from ._methods import METHODS
from ._processes import common_folder, undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.core import Metric

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the durations' buckets, in seconds."""
_PATIENCE: Final = 5.0


class _Series(NamedTuple):
    """What a request of one kind is counted in."""

    requests: Counter
    duration: Histogram


class Metrics:
    """Middleware that counts requests, and the page that shows the counts.

    ``photon_requests_total{method,route,status}``, ``photon_request_duration_seconds{method,
    route}`` (until the answer is made; a stream goes on after it), ``photon_requests_in_progress``,
    and in a single process ``photon_tasks``, ``photon_tasks_runnable`` and
    ``photon_hub_holds_total``. The page shows the metrics of prometheus-client's default registry
    as well: the place for an application's own.

    Args:
        buckets: Upper bounds of the durations' buckets, in seconds.

    Raises:
        PhotonError: prometheus-client is not installed.
    """

    def __init__(self, *, buckets: Sequence[float] = BUCKETS) -> None:
        """Begin at zero."""
        try:
            import prometheus_client
        except ImportError:
            raise PhotonError(
                "metrics need prometheus-client: pip install 'photon-router[metrics]'"
            ) from None
        self._client = prometheus_client
        self._registry = prometheus_client.CollectorRegistry()
        self._requests = prometheus_client.Counter(
            "photon_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._duration = prometheus_client.Histogram(
            "photon_request_duration_seconds",
            "Seconds from the request's head to its answer.",
            ("method", "route"),
            registry=self._registry,
            buckets=tuple(buckets),
        )
        self._in_progress = prometheus_client.Gauge(
            "photon_requests_in_progress",
            "Requests that are being handled.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._series: dict[tuple[str, str, int], _Series] = {}
        self._folder = common_folder()
        if self._folder is None:
            self._registry.register(_HubCollector())
        else:
            # The files of those that it replaces are put together, also if nobody ever asks;
            # who is in the midst of it does the same.
            with suppress(TimeoutError), undisturbed(self._folder, patience=0.0):
                pass

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call on and count."""
        begun = perf_counter()
        self._in_progress.inc()
        try:
            response = call_next(request)
        finally:
            self._in_progress.dec()
        route = request.route
        key = (request.method, "" if route is None else route.template, response.status)
        series = self._series.get(key)
        if series is None:
            series = self._new_series(key)
        series.requests.inc()
        series.duration.observe(perf_counter() - begun)
        return response

    def _new_series(self, key: tuple[str, str, int]) -> _Series:
        method, route, status = key
        if method not in METHODS:
            method = "OTHER"  # a client makes up any word that it likes
        series = _Series(
            self._requests.labels(method, route, str(status)),
            self._duration.labels(method, route),
        )
        if method == key[0]:
            self._series[key] = series
        return series

    def page(self, request: Request) -> Response:
        """Answer with all metrics, in the format that the ``Accept`` field asks for.

        Raises:
            HttpError: 503; another worker has been reading them for too long.

        Blocks: the calling task, where there are several workers, while a thread reads.
        """
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        if self._folder is None:
            body = b"".join(encode(each) for each in (self._registry, self._client.REGISTRY))
        else:
            body = offload(self._of_all_processes, self._folder, encode)
        headers = {"cache-control": "no-store"}
        return Response(body=_one_end(body), headers=headers, content_type=content_type)

    def _of_all_processes(
        self, folder: Path, encode: Callable[[CollectorRegistry], bytes]
    ) -> bytes:
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self._client.CollectorRegistry()
        MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
        try:
            with undisturbed(folder, patience=_PATIENCE):
                return encode(registry)
        except TimeoutError as error:
            raise HttpError(503, str(error), headers={"retry-after": "1"}) from error


class _HubCollector:
    """Numbers of the hub that serves."""

    def collect(self) -> Iterator[Metric]:
        """Yield them; the caller runs in a task."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        now = stats()
        yield GaugeMetricFamily("photon_tasks", "Tasks that have not ended.", now.tasks)
        yield GaugeMetricFamily(
            "photon_tasks_runnable", "Tasks that wait for their turn.", now.runnable
        )
        yield CounterMetricFamily(
            "photon_hub_holds", "How often a task held the hub for too long.", now.holds
        )

    def describe(self) -> list[Metric]:
        """Return nothing: it spares the registry a call of `collect` outside of a task."""
        return []


def _one_end(body: bytes) -> bytes:
    """Leave only the last of several ends, where the format has one (OpenMetrics)."""
    end = b"# EOF\n"
    return body.replace(end, b"") + end if body.endswith(end) else body
