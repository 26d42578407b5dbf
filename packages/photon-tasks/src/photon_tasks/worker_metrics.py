"""The metrics of ``photon worker``, which has no web server: ``[tasks] metrics``.

Theory of operation. The supervisor opens one listening socket, and the processes that it starts
inherit it: whichever accepts a connection answers with the figures of all, which they keep in files
of one folder (`photon_runtime.observability`). So a process whose job computes delays no scrape as
long as another one is free. The server has one page and no others: it is not for clients.

A page for liveness is left out on purpose. A job may compute for minutes, and is to be run once; a
check that does not get an answer meanwhile would kill it.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import photon_runtime as rt
from photon_runtime.errors import LoadError
from photon_runtime.http import (
    HttpError,
    Request,
    Response,
    Server,
    ServerSettings,
    problem_response,
)
from photon_runtime.http import listen as open_listener
from photon_runtime.observability import Meter, MetricsBusy

from .current import Tasks
from .observability import DepthReader

PATH: Final = "/metrics"
_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
_SETTINGS: Final = ServerSettings(max_connections=50, shutdown_timeout=1.0)


@contextmanager
def metrics_listener(address: str) -> Iterator[socket.socket | None]:
    """Open the socket for the metrics, and make the folder of their figures; in the supervisor.

    Args:
        address: Address and port; empty for no metrics.

    Raises:
        LoadError: prometheus-client is not installed.
        ServerError: The address is unavailable.
    """
    if not address:
        yield None
        return
    if importlib.util.find_spec("prometheus_client") is None:
        raise LoadError(
            "[tasks] metrics needs prometheus-client: pip install 'photon-runtime[metrics]'"
        )
    host, _, port = address.rpartition(":")
    with open_listener(host.strip("[]"), int(port)) as listener, _folder():
        yield listener


@contextmanager
def _folder() -> Iterator[None]:
    if _FOLDER in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="photon-worker-metrics-") as folder:
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_FOLDER]


@contextmanager
def serving_metrics(listener: socket.socket | None, tasks: Tasks) -> Iterator[None]:
    """Serve the metrics during the block; in a process of the worker.

    Blocks: the calling task at the end, for a moment.
    """
    if listener is None:
        yield
        return
    meter = tasks.meter
    meter.expose()
    server = Server(sockets=[listener], settings=_SETTINGS)
    reader = DepthReader(tasks.store, tasks.observer, leads=lambda: meter.leads("photon-jobs"))
    with rt.scope() as helpers, meter.observing():
        helpers.spawn(server.serve, lambda request: _respond(request, meter))
        reading = helpers.spawn(reader.run)
        try:
            yield
        finally:
            reading.cancel()
            server.stop()


def _respond(request: Request, meter: Meter) -> Response:
    if request.path != PATH:
        return problem_response(HttpError(404, f"a worker serves {PATH} only"))
    if request.method not in ("GET", "HEAD"):
        return problem_response(HttpError(405, headers={"allow": "GET, HEAD"}))
    try:
        body, content_type = meter.page(request.headers.get("accept", ""))
    except MetricsBusy as error:
        return problem_response(HttpError(503, str(error), headers={"retry-after": "1"}))
    return Response(body=body, headers={"cache-control": "no-store"}, content_type=content_type)
