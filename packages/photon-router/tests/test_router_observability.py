from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from photon_router import Application, HttpError, Request, Response
from photon_router.observability import AccessLog, Metrics, Readiness, Tracing, trace_headers
from photon_router.observability.health import ready_page
from photon_runtime import run as real_run
from photon_runtime import scope, sleep
from photon_runtime.observability._worker_folder import exclusive
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server, run


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    asked = urllib.request.Request(url, headers=headers or {})
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def told(url: str) -> tuple[int, Any]:
    status, body = get(url)
    return status, json.loads(body)


def shop() -> Application:
    router = Application()

    @router.get("/items/{item_id}")
    def read_item(item_id: int) -> dict[str, int]:
        if item_id == 404:
            raise HttpError(404)
        return {"id": 1 // item_id}

    return router


# Health


def test_health_answers_and_ready_asks_the_checks() -> None:
    router = shop()
    is_there = [True]
    router.readiness.add("database", lambda: is_there[0])
    with live_server(router) as server:
        assert told(f"{server.url}/health") == (200, {"status": "ok"})
        status, document = told(f"{server.url}/ready")
        assert (status, document["checks"]["database"]["status"]) == (200, "ok")
        is_there[0] = False
        status, document = told(f"{server.url}/ready")
        assert (status, document["status"]) == (503, "unavailable")
        assert document["checks"]["database"]["status"] == "failed"


def test_why_a_check_failed_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    ready = Readiness()
    ready.add("cache", lambda: 1 // 0)
    response = run(lambda: ready_page(ready)(Request("GET", "/ready", [])))
    assert response.status == 503
    assert b"division" not in bytes(response.body)  # type: ignore[arg-type]  # it is bytes
    assert "cache: ZeroDivisionError" in caplog.text


def test_checks_run_at_the_same_time_and_have_their_time_together() -> None:
    ready = Readiness(timeout=2.0)
    ready.add("quick", lambda: sleep(1))
    ready.add("other", lambda: sleep(1))
    ready.add("slow", lambda: sleep(100))
    response = run(lambda: ready_page(ready)(Request("GET", "/ready", [])))
    checks = json.loads(bytes(response.body))["checks"]  # type: ignore[arg-type]  # it is bytes
    assert {name: state["status"] for name, state in checks.items()} == {
        "quick": "ok",
        "other": "ok",
        "slow": "timeout",
    }


def test_a_server_that_stops_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photon_router.observability.health.is_stopping", lambda: True)
    response = ready_page(Readiness())(Request("GET", "/ready", []))
    assert (response.status, response.body) == (503, b'{"status":"stopping"}')


def test_an_operation_may_have_the_path_of_a_page_and_settings_may_move_it(tmp_path: Path) -> None:
    (tmp_path / "photon.toml").write_text('[observability]\nready = "/up"\nhealth = ""\n')
    router = shop()

    @router.get("/ready")
    def own() -> str:
        return "mine"

    router.use_settings(load_settings(tmp_path, environment="test", environ={}))
    with live_server(router) as server:
        assert told(f"{server.url}/ready") == (200, "mine")
        assert told(f"{server.url}/up")[0] == 200
        assert get(f"{server.url}/health")[0] == 404
    assert "/up" not in router.document()["paths"]


# Metrics


def test_requests_are_counted_by_method_route_and_status() -> None:
    router, metrics = shop(), Metrics()
    router.middleware(metrics)
    router.mount("/metrics", metrics.page)
    with live_server(router) as server:
        for path in ("/items/1", "/items/2", "/items/0", "/items/x", "/nowhere", "/items/404"):
            get(server.url + path)
        get(f"{server.url}/metrics")
        status, body = get(f"{server.url}/metrics")
    text = body.decode()
    assert status == 200
    for line in (
        'photon_requests_total{method="GET",route="/items/{item_id}",status="200"} 2.0',
        'photon_requests_total{method="GET",route="/items/{item_id}",status="500"} 1.0',
        'photon_requests_total{method="GET",route="/items/{item_id}",status="422"} 1.0',
        'photon_requests_total{method="GET",route="",status="404"} 1.0',
        'photon_requests_total{method="GET",route="/metrics",status="200"} 1.0',
        'photon_request_duration_seconds_count{method="GET",route="/items/{item_id}"} 5.0',
        "photon_requests_in_progress 1.0",
        "photon_hub_blocked_total 0.0",
    ):
        assert line in text.splitlines(), line
    assert "process_cpu_seconds_total" in text  # of the client's default registry


def test_a_made_up_method_makes_no_series_of_its_own() -> None:
    metrics = Metrics()
    for number in range(3):
        request = Request(f"METHOD{number}", "/x", [])
        metrics(request, lambda request: Response(405))
    response = run(lambda: metrics.page(Request("GET", "/metrics", [])))
    assert b'photon_requests_total{method="OTHER",route="",status="405"} 3.0' in bytes(
        response.body  # type: ignore[arg-type]  # it is bytes
    )
    assert b"METHOD0" not in bytes(response.body)  # type: ignore[arg-type]


def test_openmetrics_is_answered_with_one_end() -> None:
    metrics = Metrics()
    accept = [(b"accept", b"application/openmetrics-text; version=1.0.0")]
    response = run(lambda: metrics.page(Request("GET", "/metrics", accept)))
    body = bytes(response.body)  # type: ignore[arg-type]  # it is bytes
    assert body.count(b"# EOF") == 1
    assert body.endswith(b"# EOF\n")
    assert (response.content_type or "").startswith("application/openmetrics-text")


def test_several_processes_answer_for_all_and_forget_what_the_dead_held(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import os, sys
        from photon_router import Request, Response
        from photon_router.observability import Metrics
        from photon_runtime import run
        metrics = Metrics()
        request = Request("GET", "/x", [])
        if sys.argv[1] == "die":
            metrics(request, lambda request: os._exit(0))
        metrics(request, lambda request: Response())
        metrics(request, lambda request: Response())
        print(run(lambda: metrics.page(request)).body.decode())
    """)
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def go(how: str) -> str:
        command = [sys.executable, "-c", program, how]
        return subprocess.run(
            command, env=environ, capture_output=True, text=True, check=True
        ).stdout

    go("die")
    go("live")
    text = go("live")
    assert 'photon_requests_total{method="GET",route="",status="200"} 4.0' in text
    assert "photon_requests_in_progress 0.0" in text


def test_counts_of_the_dead_are_kept_in_few_files_and_counted_once(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import os, sys
        from photon_router import Request, Response
        from photon_router.observability import Metrics
        from photon_runtime import run
        metrics = Metrics()
        request = Request("GET", "/x", [])
        for _ in range(int(sys.argv[1])):
            metrics(request, lambda request: Response())
        if sys.argv[2] == "ask":
            print(run(lambda: metrics.page(request)).body.decode())
    """)
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def go(times: int, then: str = "end") -> str:
        command = [sys.executable, "-c", program, str(times), then]
        return subprocess.run(
            command, env=environ, capture_output=True, text=True, check=True
        ).stdout

    for _ in range(3):
        go(2)
    assert len(list(tmp_path.glob("counter_*.db"))) == 2  # the last one's, and that of all before
    (tmp_path / "counter_4194305.db").touch()  # of one that was killed while it made the file
    for _ in range(2):
        text = go(1, "ask")
    assert 'photon_requests_total{method="GET",route="",status="200"} 8.0' in text
    assert 'photon_request_duration_seconds_count{method="GET",route=""} 8.0' in text
    assert 'photon_request_duration_seconds_bucket{le="+Inf",method="GET",route=""} 8.0' in text
    assert (
        len(list(tmp_path.glob("*.db"))) == 5
    )  # without a process: counter, histogram; its own: and gauge


def test_reading_what_all_processes_counted_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    metrics = Metrics()
    request = Request("GET", "/metrics", [])

    def ask() -> int:
        try:
            return metrics.page(request).status
        except HttpError as error:
            return error.status

    def go() -> None:
        with scope() as running:
            with exclusive(tmp_path, timeout=0.0):  # as another process that is asked
                Metrics()  # does not wait: the work is in progress
                page = running.spawn(ask)
                for _ in range(5):
                    sleep(0.01)
                assert not page.done
            assert page.result() == 200
            monkeypatch.setattr("photon_runtime.observability._meter._PAGE_TIMEOUT", 0.05)
            with exclusive(tmp_path, timeout=0.0):
                assert ask() == 503

    real_run(go)  # with the clock on the wall: the virtual one waits for threads


# Tracing


@pytest.fixture
def spans() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider, exporter
    provider.shutdown()


def test_a_request_is_a_span_in_the_trace_of_its_caller(
    spans: tuple[TracerProvider, InMemorySpanExporter],
) -> None:
    provider, exporter = spans
    router = Application()
    router.middleware(Tracing(provider))
    seen: list[dict[str, str]] = []

    @router.get("/items/{item_id}")
    def read_item(item_id: int) -> int:
        with trace.get_tracer("shop", tracer_provider=provider).start_as_current_span("inner"):
            seen.append(dict(trace_headers()))
        return 1 // item_id

    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with live_server(router) as server:
        get(f"{server.url}/items/7?secret=1", {"traceparent": parent})
        get(f"{server.url}/items/0")
    inner, outer, _, failed = exporter.get_finished_spans()
    assert outer.name == "GET /items/{item_id}"
    assert outer.parent is not None
    assert format(outer.parent.span_id, "016x") == "b7ad6b7169203331"
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.context is not None
    assert inner.parent.span_id == outer.context.span_id
    assert format(inner.context.span_id, "016x") in seen[0]["traceparent"]
    assert outer.attributes is not None
    assert outer.attributes["http.route"] == "/items/{item_id}"
    assert outer.attributes["http.response.status_code"] == 200
    assert "secret" not in str(outer.attributes)
    assert failed.parent is None  # nothing is left of the request before
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "ZeroDivisionError"
    assert not failed.status.is_ok


def told_of(request: Request, provider: TracerProvider, response: Response) -> None:
    def handle(request: Request) -> Response:
        return response

    copy_context().run(Tracing(provider), request, handle)


def test_a_span_names_host_and_port_as_the_conventions_have_them(
    spans: tuple[TracerProvider, InMemorySpanExporter],
) -> None:
    provider, exporter = spans
    for host in (b"shop.example:8443", b"shop.example", b"[::1]:80", b"[::1]", b""):
        request = Request("GET", "/", [(b"host", host)])
        told_of(request, provider, Response())
        request.run_after_response_callbacks()
    found = [span.attributes or {} for span in exporter.get_finished_spans()]
    assert [(each.get("server.address"), each.get("server.port")) for each in found] == [
        ("shop.example", 8443),
        ("shop.example", None),
        ("[::1]", 80),
        ("[::1]", None),
        (None, None),
    ]


def test_a_made_up_method_names_no_span(
    spans: tuple[TracerProvider, InMemorySpanExporter],
) -> None:
    provider, exporter = spans
    request = Request("MADEUP", "/", [])
    told_of(request, provider, Response(405))
    request.run_after_response_callbacks()
    [span] = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.name == "HTTP"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "MADEUP"


def test_what_fails_after_the_answer_has_begun_is_on_the_span(
    spans: tuple[TracerProvider, InMemorySpanExporter],
) -> None:
    provider, exporter = spans
    request = Request("GET", "/", [])
    told_of(request, provider, Response(200))
    request.failure = OSError("the disk is gone")  # as a server says of a stream
    request.run_after_response_callbacks()
    [span] = exporter.get_finished_spans()
    assert span.attributes is not None
    assert (span.attributes["error.type"], span.status.is_ok) == ("OSError", False)
    assert [event.name for event in span.events] == ["exception"]


# Access log


def test_a_request_whose_stream_broke_off_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    request = Request("GET", "/report", [])
    with caplog.at_level(logging.INFO, "photon.access"):
        AccessLog()(request, lambda request: Response(200))
        request.failure = OSError("the disk is gone")
        request.run_after_response_callbacks()
    [record] = caplog.records
    assert (record.levelname, vars(record)["error"]) == ("WARNING", "OSError")


def test_a_request_is_one_event_with_its_parts(caplog: pytest.LogCaptureFixture) -> None:
    router = shop()
    router.middleware(AccessLog())
    with caplog.at_level(logging.INFO, "photon.access"), live_server(router) as server:
        get(f"{server.url}/items/1?token=secret")
        get(f"{server.url}/items/0")
    good, bad = [record for record in caplog.records if record.name == "photon.access"]
    assert good.getMessage() == "GET /items/1 200"
    fields = vars(good)
    assert (fields["method"], fields["route"], fields["client"]) == (
        "GET",
        "/items/{item_id}",
        "127.0.0.1",
    )
    assert fields["duration_ms"] > 0
    assert "secret" not in str(fields)
    assert (bad.levelname, vars(bad)["status"]) == ("WARNING", 500)


def test_the_access_log_is_on_in_development_unless_settings_say(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, "photon.access")

    def count(router: Application, *, development: bool) -> int:
        caplog.clear()
        with live_server(router, development=development) as server:
            get(f"{server.url}/items/1")
        return sum(record.name == "photon.access" for record in caplog.records)

    assert count(shop(), development=True) == 1
    assert count(shop(), development=False) == 0
    (tmp_path / "photon.toml").write_text("[observability]\naccess_log = true\n")
    router = shop()
    router.use_settings(load_settings(tmp_path, environment="test", environ={}))
    assert count(router, development=False) == 1


def test_no_request_writes_a_line_of_its_own_into_the_access_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = shop()
    router.middleware(AccessLog())
    with caplog.at_level(logging.INFO, "photon.access"), live_server(router) as server:
        get(f"{server.url}/no%0d%0aGET%20/admin%20200%1b[2J")
    [record] = [record for record in caplog.records if record.name == "photon.access"]
    assert record.getMessage() == "GET /no%0d%0aGET%20/admin%20200%1b[2J 404"
