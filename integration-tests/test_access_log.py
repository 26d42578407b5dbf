"""The access log and the metrics of `photon run`: complete over reloads, kills and stops.

Real processes, real signals, and standard error as a pipe, which is read or is not.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

APPLICATION = """
import logging
from photon import Photon
from prometheus_client import Gauge

app = Photon()
Gauge("shop_open", "Made with the library itself.")
log = logging.getLogger("shop")

@app.get("/items/{number}")
def read_item(number: int) -> int:
    if not number % 10:
        log.info("item %d", number)
    return number
"""
WATCHED = {
    "PHOTON__OBSERVABILITY__ACCESS_LOG": "true",
    "PHOTON__OBSERVABILITY__METRICS": "/metrics",
    "PHOTON__MIDDLEWARE__REQUEST_ID__HEADER": "X-Request-ID",
    "PHOTON__LOG__FORMAT": "json",
}


class Service:
    """A ``photon run`` in processes of its own."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read)

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines += self.process.stderr

    def get(self, path: str) -> str:
        """Return the response to a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        body = connection.getresponse().read().decode()
        connection.close()
        return body

    def get_items(self, numbers: range) -> None:
        """Send requests one after the other."""
        for number in numbers:
            assert self.get(f"/items/{number}") == str(number)

    def figure(self, name: str) -> float:
        """Return a figure of the metrics."""
        lines = self.get("/metrics").splitlines()
        return float(next(line for line in lines if line.startswith(name)).rpartition(" ")[2])

    def workers(self) -> list[int]:
        """Return the workers."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in Path(path).read_text().split()]

    def stop(self) -> None:
        """Stop it, and read the rest of its log."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        if self.reader.is_alive():
            self.reader.join(10)


@contextmanager
def served(folder: Path, *options: str, reads: bool) -> Iterator[Service]:
    (folder / "main.py").write_text(APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "photon_cli", "run", "main:app", "--port", str(port)]
    with subprocess.Popen(
        [*command, *options],
        cwd=folder,
        env=os.environ | WATCHED,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        service = Service(process, port)
        if reads:
            service.reader.start()
        try:
            wait_until(lambda: "ok" in service.get("/health"))
            yield service
        finally:
            process.kill()


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            if is_so():
                return
        except OSError:
            pass
        assert time.monotonic() < end
        time.sleep(0.1)


def test_no_line_and_no_count_is_lost_to_reloads_kills_and_stops(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "2", reads=True) as service:
        wait_until(lambda: len(service.workers()) == 2)
        before = service.workers()
        service.get_items(range(100))
        service.process.send_signal(signal.SIGHUP)
        service.get_items(range(100, 200))
        wait_until(lambda: len(service.workers()) == 2 and not {*before} & {*service.workers()})
        service.get_items(range(200, 210))
        time.sleep(0.2)  # the last batch is written, which a kill would take
        killed = service.workers()[0]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(service.workers()) == 2 and killed not in service.workers())
        service.get_items(range(210, 220))
        name = 'photon_requests_total{method="GET",route="/items/{number}"'
        assert service.figure(name) == 220
        service.stop()
    events = [json.loads(line) for line in service.lines]
    requests = [event for event in events if event["logger"] == "photon.access"]
    items = [each for each in requests if each["route"] == "/items/{number}"]
    assert sorted(int(each["path"].rpartition("/")[2]) for each in items) == list(range(220))
    assert len({each["request_id"] for each in items}) == 220
    logged = [event for event in events if event["logger"] == "shop"]
    assert {each["request_id"] for each in logged} <= {each["request_id"] for each in items}


def test_the_only_worker_hands_its_counts_on(tmp_path: Path) -> None:
    with served(tmp_path, reads=True) as service:
        [first] = service.workers()
        service.get_items(range(20))
        service.process.send_signal(signal.SIGHUP)
        service.get_items(range(20, 40))
        wait_until(lambda: len(service.workers()) == 1 and first not in service.workers())
        service.get_items(range(40, 50))
        [second] = service.workers()
        os.kill(second, signal.SIGKILL)
        wait_until(lambda: service.workers() not in ([], [second]))
        service.get_items(range(50, 60))
        name = 'photon_requests_total{method="GET",route="/items/{number}"'
        assert service.figure(name) == 60
        name = name.replace("_requests_total", "_request_duration_seconds_count")
        assert service.figure(name) == 60
        assert service.figure("photon_requests_in_progress") == 1  # the page itself
        memory = service.figure("process_resident_memory_bytes")
        assert memory > 1_000_000  # of the worker that serves
        made = service.get("/metrics").splitlines()
        assert [line for line in made if line.startswith("shop_open")] == ["shop_open 0.0"]
        service.stop()


def test_a_log_that_is_not_read_stops_no_request(tmp_path: Path) -> None:
    with served(tmp_path, reads=False) as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        for number in range(6_000):
            connection.request("GET", f"/items/{number}")
            assert connection.getresponse().read() == str(number).encode()
        connection.close()
        dropped = service.figure("photon_log_lines_dropped_total")
        assert 0 < dropped < 6_600
        service.reader.start()
        wait_until(lambda: any("log lines were dropped" in line for line in service.lines))
        service.stop()
    events = [json.loads(line) for line in service.lines]
    requests = [event for event in events if event.get("route") == "/items/{number}"]
    items = [event for event in events if event["logger"] == "shop"]
    assert len(requests) + len(items) >= 6_600 - dropped
    numbers = [int(each["path"].rpartition("/")[2]) for each in requests]
    assert numbers == sorted(numbers)
