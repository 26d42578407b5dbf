"""Jobs of an application in its metrics, its traces, its log and its readiness."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from photon import Photon, TasksPart, task
from photon.testing import Client
from photon_router.middleware import RequestId
from photon_router.observability import Tracing
from photon_runtime.logs import log_fields
from photon_runtime.settings import load_settings
from photon_tasks import Task
from servers.valkey import run_valkey

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Jobs:
    """The functions of the tasks; tasks of modules would be found by other applications."""

    @staticmethod
    def pack(order: int) -> int:
        logging.getLogger("shop").warning("packed %d", order)
        return order


def application(folder: Path, *, url: str = "", middleware: tuple[Any, ...] = ()) -> Photon:
    (folder / "photon.toml").write_text(
        f'[tasks]\nmode = "in_process"\nurl = "{url or f"sqlite:///{folder}/jobs.db"}"\n'
        'enqueue_timeout = 0.5\n[observability]\nmetrics = "/metrics"\n'
    )
    app = Photon(title="Shop", version="1", middleware=middleware)
    app.use_settings(load_settings(folder, environment="test", environ={}))
    pack: Task[[int], int] = task(name="shop.pack", queue="packing")(Jobs.pack)
    app.add(TasksPart(tasks=[pack], home="shop_of_no_module"))

    @app.post("/orders")
    def order() -> int:
        return pack.enqueue(1).result(timeout=10)

    @app.post("/later")
    def later() -> str:
        return pack.enqueue_in(3600, 1).id

    return app


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_request_and_its_job_are_one_trace_and_have_one_request_id(tmp_path: Path) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    fields: list[dict[str, object]] = []

    class Fields(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            fields.append(log_fields(record))

    handler = Fields()
    logging.getLogger("shop").addHandler(handler)
    middleware = (RequestId(), Tracing(provider))
    try:
        with Client(application(tmp_path, middleware=middleware)) as client:
            headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "x-request-id": "req-7"}
            assert client.post("/orders", headers=headers).json() == 1
            until(lambda: len(spans.get_finished_spans()) >= 3)
    finally:
        logging.getLogger("shop").removeHandler(handler)
    by_name: dict[str, ReadableSpan] = {each.name: each for each in spans.get_finished_spans()}
    chain = [by_name[name] for name in ("POST /orders", "send shop.pack", "process shop.pack")]
    for parent, child in itertools.pairwise(chain):
        assert child.parent is not None
        assert parent.context is not None
        assert child.parent.span_id == parent.context.span_id
    for each in chain:
        assert each.context is not None
        assert format(each.context.trace_id, "032x") == TRACE
    [packed] = fields
    assert packed["request_id"] == "req-7"
    assert packed["trace_id"] == TRACE
    assert (packed["task"], packed["attempt"]) == ("shop.pack", 1)


def test_the_metrics_of_an_application_show_its_jobs(tmp_path: Path) -> None:
    with Client(application(tmp_path)) as client:
        client.post("/later")
        assert client.post("/orders").json() == 1

        def shown() -> str:
            return client.get("/metrics").text

        until(
            lambda: 'photon_jobs_attempts_total{outcome="completed",task="shop.pack"} 1' in shown()
        )
        page = shown()
        assert 'photon_jobs_enqueued_total{queue="packing",task="shop.pack"} 2.0' in page
        assert 'photon_jobs_claim_latency_seconds_count{queue="packing"} 1.0' in page
        assert "photon_jobs_running 0.0" in page
        assert "photon_jobs_store_up 1.0" in page, "the depths are read once at the start"


@pytest.mark.slow
def test_an_outage_of_the_store_takes_no_process_out_but_a_wrong_address_does(
    tmp_path: Path,
) -> None:
    with run_valkey() as server:
        app = application(tmp_path, url=server.url)
        with Client(app) as client:
            until(lambda: client.get("/ready").status_code == 200)
            server.pause()
            try:
                response = client.post("/orders")
                assert response.status_code == 503
                assert response.headers["content-type"] == "application/problem+json"
                assert response.headers["retry-after"] == "5"
                assert client.get("/ready").status_code == 200
            finally:
                server.resume()
            until(lambda: client.post("/orders").status_code == 200)
    with Client(application(tmp_path, url="redis://127.0.0.1:1")) as client:
        response = client.get("/ready")
        assert response.status_code == 503
        assert response.json()["checks"]["tasks"]["status"] == "failed"
        assert client.get("/health").status_code == 200
