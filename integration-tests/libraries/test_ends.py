"""Nothing that handlers begin is lost at the end of a worker: TERM, HUP and max_requests.

A real server with real libraries is under load while its workers end. Afterwards every kind of work
that each answered request has begun must have been done once.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PROGRAM = Path(__file__).parent / "programs" / "serve_ends.py"
KINDS = ["thread", "timer", "pool", "executor", "task", "background", "span", "queued", "buffered"]
ONCE = ["folder", "hook", "closed"]


@attrs.define
class Sentry:
    """A server that takes what the SDK of Sentry sends, slowly.

    Attributes:
        numbers: Numbers of the messages that have arrived.
    """

    dsn: str = ""
    numbers: list[int] = attrs.field(factory=list)


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    sentry = Sentry()

    class Envelopes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers["content-encoding"] == "gzip":
                body = zlib.decompress(body, wbits=31)
            time.sleep(0.01)
            if found := re.search(rb'"message": ?"sentry (\d+)"', body):
                sentry.numbers.append(int(found[1]))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Envelopes) as server:
        sentry.dsn = f"http://key@127.0.0.1:{server.server_port}/1"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield sentry
        server.shutdown()
        thread.join()


@attrs.define
class Service:
    """A running service.

    Attributes:
        answered: Numbers of the requests that were answered.
    """

    process: subprocess.Popen[str]
    url: str
    log: Path
    lines: Path
    answered: list[int] = attrs.field(factory=list)

    def begin(self, number: int) -> None:
        """Send one request; it may fail while the service ends."""
        try:
            with urllib.request.urlopen(f"{self.url}/begin/{number}", timeout=30) as response:
                assert int(response.read()) == number
        except OSError:
            return
        self.answered.append(number)

    def load(self, numbers: range) -> None:
        """Send requests, four at a time."""
        with ThreadPoolExecutor(4) as clients:
            list(clients.map(self.begin, numbers))

    def ended_workers(self) -> int:
        """Return how many workers have run their exit hooks."""
        return self.lines.read_text().count("hook ")

    def end(self) -> None:
        """Stop the service."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log.read_text()


@contextmanager
def serving(tmp_path: Path, sentry: Sentry, **settings: int) -> Iterator[Service]:
    values = "".join(f"{name} = {value}\n" for name, value in settings.items())
    (tmp_path / "photon.toml").write_text(f'[project]\nname = "ends"\n[server]\n{values}')
    (tmp_path / "main.py").write_text(PROGRAM.read_text())
    log, lines = tmp_path / "log", tmp_path / "lines"
    with (
        log.open("w") as file,
        subprocess.Popen(
            [sys.executable, "-m", "photon_cli", "run", "main:app", "--port", "0"],
            cwd=tmp_path,
            env={**os.environ, "ENDS_FILE": str(lines), "ENDS_SENTRY": sentry.dsn},
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.strip().startswith("URL"):
                    yield Service(process, line.split()[1], log, lines)
                    break
        finally:
            process.kill()


def check(service: Service, sentry: Sentry) -> None:
    """Check that all work was done once, and that every worker has ended completely."""
    done = Counter(service.lines.read_text().splitlines())
    expected = {f"{kind} {number}" for kind in KINDS for number in service.answered}
    assert len(service.answered) > 10
    assert sorted(expected - set(done)) == []
    assert {line: count for line, count in done.items() if count > 1 and line in expected} == {}
    assert set(service.answered) - set(sentry.numbers) == set()
    ends = Counter(line.split()[0] for line in done.elements() if line.split()[0] in ONCE)
    assert ends["folder"] == ends["hook"] == ends["closed"] > 0
    folders = [line.split()[1] for line in done if line.startswith("folder")]
    assert [folder for folder in folders if os.path.exists(folder)] == []
    assert '"level":"error"' not in service.log.read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_that_handlers_have_begun_is_lost_at_a_stop(
    tmp_path: Path, sentry: Sentry, workers: int
) -> None:
    with serving(tmp_path, sentry, workers=workers) as service:
        service.load(range(40))
        service.end()
    assert service.answered != []
    check(service, sentry)


@pytest.mark.parametrize(
    "settings", [{"workers": 2}, {"workers": 1, "max_requests": 10}], ids=["HUP", "max_requests"]
)
def test_nothing_that_handlers_have_begun_is_lost_when_workers_are_replaced(
    tmp_path: Path, sentry: Sentry, settings: dict[str, int]
) -> None:
    with serving(tmp_path, sentry, **settings) as service:
        first = 0
        until = time.monotonic() + 100
        while not service.ended_workers() and time.monotonic() < until:
            service.load(range(first, first + 12))
            if not first and "max_requests" not in settings:
                service.process.send_signal(signal.SIGHUP)
            first += 12
            time.sleep(0.5)
        assert service.ended_workers()
        service.end()
    check(service, sentry)
