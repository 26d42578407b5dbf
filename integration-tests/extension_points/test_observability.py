"""A foreign package is observed beside the router's requests: metrics, spans, logs, readiness."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

FOLDER = Path(__file__).resolve().parent
APPLICATION = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from photon import Photon
from toy_database.pool import Pool



def one_line(recorded):
    return recorded.to_json(indent=None) + "\\n"


provider = TracerProvider()
exporter = ConsoleSpanExporter(out=open("spans.jsonl", "a", buffering=1), formatter=one_line)
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

app = Photon(title="Toys", version="1.0.0", lifespan=lambda: pool.life())
pool = Pool(app.meter, app.readiness)


@app.get("/toys/{name}")
def read_toy(name: str) -> str:
    return pool.query(f"select {name}")


@app.post("/down")
def take_down() -> None:
    pool.is_up = False
"""
SETTINGS = """
[observability]
metrics = "/metrics"
tracing = true
access_log = true

[middleware.request_id]

[log]
format = "json"
"""


@attrs.frozen
class Served:
    """The application in processes of its own."""

    url: str
    folder: Path

    def get(self, path: str, *, method: str = "GET") -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> dict[str, float]:
        _, page = self.get("/metrics")
        lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
        return {name: float(figure) for name, _, figure in lines}

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def spans(self) -> list[dict[str, Any]]:
        text = (self.folder / "spans.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Served]:
    (folder / "toys.py").write_text(APPLICATION)
    (folder / "photon.toml").write_text(SETTINGS)
    command = [sys.executable, "-m", "photon_cli", "run", "toys:app", "--port", "0", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(FOLDER)}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            for line in server.stdout:
                found = re.search(r"URL +(http://127\.0\.0\.1:\d+)", line)
                if found:
                    yield Served(found[1], folder)
                    break
            else:
                pytest.fail((folder / "log").read_text())
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=30) == 0
        finally:
            server.kill()


def test_the_foreign_package_imports_no_package_but_the_runtime() -> None:
    imported = {
        (node.module or "").partition(".")[0]
        for path in (FOLDER / "toy_database").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    assert {name for name in imported if name.startswith("photon")} == {"photon_runtime"}


@pytest.mark.slow
def test_a_foreign_package_is_observed_beside_the_requests(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        for name in ("bear", "ball"):
            assert server.get(f"/toys/{name}") == (200, json.dumps(f"select {name}"))
        figures = server.metrics()
        status, ready = server.get("/ready")
        assert (status, json.loads(ready)["checks"]["toy_database"]["status"]) == (200, "ok")
        assert server.get("/down", method="POST")[0] == 204
        status, ready = server.get("/ready")
        assert (status, json.loads(ready)["checks"]["toy_database"]["status"]) == (503, "failed")

    expected = {
        'toy_queries_total{kind="select"}': 2.0,
        "toy_query_seconds_count": 2.0,
        "toy_open_connections": 2.0,
        "toy_in_use": 0.0,
        'photon_requests_total{method="GET",route="/toys/{name}",status="200"}': 2.0,
        "photon_hub_blocked_total": 0.0,
    }
    assert {name: figures.get(name) for name in expected} == expected

    spans = server.spans()
    by_id = {each["context"]["span_id"]: each for each in spans}
    queries = [by_id[each["parent_id"]] for each in spans if each["name"] == "toy network"]
    assert [each["name"] for each in queries] == ["toy select"] * 2
    requests = [by_id[each["parent_id"]] for each in queries]
    assert [each["name"] for each in requests] == ["GET /toys/{name}"] * 2

    logged = server.logged()
    sent = [each for each in logged if each["logger"] == "toy.database"]
    answered = [each for each in logged if each.get("route") == "/toys/{name}"]
    assert [each["query"] for each in sent] == ["select bear", "select ball"]
    for own, request in zip(sent, answered, strict=True):
        assert own["request_id"] == request["request_id"]
        assert own["trace_id"] == request["trace_id"]
        assert "query" not in request


@pytest.mark.slow
def test_every_worker_shows_the_figures_of_all(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "2") as server:
        for number in range(10):
            assert server.get(f"/toys/{number}")[0] == 200
        pages = [server.metrics() for _ in range(4)]
    for figures in pages:
        assert figures['toy_queries_total{kind="select"}'] == 10.0
        assert figures["toy_query_seconds_count"] == 10.0
        assert figures["toy_open_connections"] == 4.0
        assert figures["photon_hub_blocked_total"] == 0.0
        assert figures["photon_tasks"] > 0.0
