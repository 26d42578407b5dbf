"""Metrics of requests: counts and durations by route; and the page of all metrics.

Theory of operation. Metrics wrap the whole application, outside of its middleware: this saves a
call, and the match is part of the duration. The labels of a series are the method, the template of
the route and the status, never the path itself: the document bounds the number of series. The cells
of each series are looked up once and cached, and are incremented without method calls: a request
costs one look-up and the counting itself. What is in progress is a number of this process, which
is read for the page: only counts have to outlive a process that is killed.
"""

from __future__ import annotations

from bisect import bisect_left
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from photon_runtime import speedups
from photon_runtime.http import Handler, HttpError, Request, Response
from photon_runtime.observability import Cell, Meter, MetricsBusy

from ._methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the durations' buckets, in seconds."""


_Series: TypeAlias = "tuple[Cell, tuple[float, ...], list[Cell], Cell]"
"""The cells of one series: the cell of the number of requests; the upper bounds of the buckets of
durations, a cell for each bucket, and the cell of their sum. A plain tuple, because it is unpacked
for every request."""


class Metrics:
    """Middleware that counts requests, and the page that shows all metrics.

    ``photon_requests_total{method,route,status}``, ``photon_request_duration_seconds{method,
    route}`` (until the response is made; a stream continues after it) and
    ``photon_requests_in_progress``. The page shows every metric of the meter, those of the
    runtime, and those of prometheus-client's default registry.

    Args:
        meter: The meter that counts requests; by default a new one.
        buckets: Upper bounds of the durations' buckets, in seconds.

    Raises:
        PhotonError: prometheus-client is not installed.
    """

    def __init__(self, meter: Meter | None = None, *, buckets: Sequence[float] = BUCKETS) -> None:
        """Declare the metrics, and expose the meter."""
        self._meter = meter = Meter() if meter is None else meter
        meter.expose()
        self._requests = meter.counter(
            "photon_requests",
            "Requests with a response.",
            labels=("method", "route", "status"),
            max_series=None,
        )
        self._duration = meter.histogram(
            "photon_request_duration_seconds",
            "Seconds from the request's head to its response.",
            labels=("method", "route"),
            buckets=buckets,
            max_series=None,
        )
        self._in_progress = meter._number(
            "photon_requests_in_progress", "Requests that are being handled."
        )
        self._series: dict[tuple[str, str, int], _Series] = {}

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call the next handler and count the request; `wrap` is faster."""
        return self.wrap(call_next)(request)

    def wrap(self, call_next: Handler) -> Handler:
        """Return a handler that calls ``call_next`` and counts."""
        in_progress = self._in_progress
        known, add = self._series, self._add_series

        def count(request: Request) -> Response:
            started = perf_counter()
            in_progress[0] += 1.0
            try:
                response = call_next(request)
            finally:
                in_progress[0] -= 1.0
            route = request.route
            key = (request.method, "" if route is None else route.template, response.status)
            try:
                requests, bounds, buckets, seconds = known[key]
            except KeyError:
                requests, bounds, buckets, seconds = add(key)
            requests[0] += 1.0
            duration = perf_counter() - started
            buckets[bisect_left(bounds, duration)][0] += 1.0
            seconds[0] += duration
            return response

        return speedups.step("count", count, call_next, in_progress, known, add)

    def _add_series(self, key: tuple[str, str, int]) -> _Series:
        method, route, status = key
        if method not in METHODS:
            method = "OTHER"  # a client can send any word as a method
        (requests,) = self._requests.labels(method, route, str(status)).cells
        duration = self._duration.labels(method, route)
        *buckets, seconds = duration.cells
        series = (requests, duration.bounds, buckets, seconds)
        if method == key[0]:
            self._series[key] = series
        return series

    def page(self, request: Request) -> Response:
        """Return all metrics, in the format that the ``Accept`` field requests.

        Raises:
            HttpError: 503; another worker has been reading the metrics for too long.

        Blocks: the calling task, where there are several workers, while a thread reads.
        """
        try:
            body, content_type = self._meter.page(request.headers.get("accept", ""))
        except MetricsBusy as error:
            raise HttpError(503, str(error), headers={"retry-after": "1"}) from error
        headers = {"cache-control": "no-store"}
        return Response(body=body, headers=headers, content_type=content_type)
