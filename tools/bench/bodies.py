"""What large bodies cost: CPU time and page faults of servers that receive or send them.

``PYTHONPATH=tools python -m bench.bodies [--servers NAMES] [--uploads SIZES] [--responses SIZES]
[--rounds N] [--connections N]`` starts the servers of ``servers/``, pinned to one core,
and a client on the other core sends each request when the response to the one before has arrived.
Each size is measured in interleaved rounds: a round is some megabytes of bodies for each server,
one server after the other. A table gives the medians: CPU time (user and system, of all
processes of the server) and minor page faults for each request, and the ratio of CPU times to the
first peer within the same round, which the speed of the machine does not change.

The handlers are bare: they read the whole body as bytes and respond with its length, or send bytes
that exist already. All servers make their own bytes of a body, as an application needs them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import _machine
from bench._process import ServerProcess, free_port
from bench._servers import FOLDER, PEERS_PYTHON
from bench._usage import members_of
from bench.errors import BenchError

UPLOADS = (1_024, 16_384, 65_536, 1_048_576, 16_777_216)
RESPONSES = (1_024, 65_536, 1_048_576)
_BYTES_PER_ROUND = 128 * 1024 * 1024
_LEAST, _MOST = 8, 4_000
_START = 20.0
_LOOPBACK = "127.0.0.1"


def _photon_router(port: int) -> list[str]:
    run = [sys.executable, "-m", "photon_cli", "run", "photon_bodies_router_app:app"]
    return [*run, "--host", _LOOPBACK, "--port", str(port)]


def _uvicorn(port: int) -> list[str]:
    run = [*PEERS_PYTHON, "-m", "uvicorn", "asgi_bodies_app:app", "--loop", "uvloop"]
    run += ["--http", "httptools", "--workers", "1", "--no-access-log", "--log-level", "warning"]
    return [*run, "--host", _LOOPBACK, "--port", str(port)]


def _granian(port: int) -> list[str]:
    run = [*PEERS_PYTHON, "-m", "granian", "--interface", "rsgi", "--loop", "uvloop"]
    run += ["--workers", "1", "--runtime-threads", "1", "--no-access-log", "granian_bodies_app:app"]
    return [*run, "--host", _LOOPBACK, "--port", str(port)]


SERVERS: Mapping[str, Callable[[int], list[str]]] = {
    "photon-runtime": lambda port: [sys.executable, "photon_bodies_app.py", str(port)],
    "photon": _photon_router,
    "granian": _granian,
    "uvicorn": _uvicorn,
}
_ENVIRON = {"PHOTON__SERVER__MAX_BODY_SIZE": str(64 * 1024 * 1024)}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request with a body of ``size`` bytes, or one whose response has such a body."""

    is_upload: bool
    size: int

    @property
    def name(self) -> str:
        """The direction and the size."""
        return f"{'upload' if self.is_upload else 'response'} of {self.size:,}"

    def request(self) -> bytes:
        """Return the bytes of the request."""
        if not self.is_upload:
            return b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % self.size
        kind = b"Content-Type: application/octet-stream\r\n"
        head = b"POST / HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n" % (kind, self.size)
        return head + bytes(self.size)

    @property
    def expected(self) -> int:
        """The length of the response's body."""
        return len(str(self.size)) if self.is_upload else self.size

    def count(self, connections: int) -> int:
        """Return the number of requests of one round on each connection."""
        return max(_LEAST, min(_MOST, _BYTES_PER_ROUND // self.size)) // connections or 1


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time in microseconds, and minor page faults, for each request."""

    cpu: float
    faults: float


def main(
    servers: Sequence[str], exchanges: Sequence[Exchange], *, rounds: int, connections: int
) -> None:
    """Measure, and print."""
    server_core, load_core = _machine.cores()
    os.sched_setaffinity(0, {load_core})
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(_running(name, server_core)) for name in servers}
        print(f"{'':24}{'':16}{'CPU µs':>10}{'to last':>9}{'faults':>9}")
        for exchange in exchanges:
            for process in running.values():
                measure(process, exchange, connections)  # warm
            costs: dict[str, list[Cost]] = {name: [] for name in servers}
            for _ in range(rounds):
                for name, process in running.items():
                    costs[name].append(measure(process, exchange, connections))
            _print(exchange, costs)


def _print(exchange: Exchange, costs: Mapping[str, Sequence[Cost]]) -> None:
    last = [cost.cpu for cost in list(costs.values())[-1]]
    for name, measured in costs.items():
        cpu = statistics.median(cost.cpu for cost in measured)
        ratio = statistics.median(
            cost.cpu / base for cost, base in zip(measured, last, strict=True)
        )
        faults = statistics.median(cost.faults for cost in measured)
        print(f"{exchange.name:24}{name:16}{cpu:>10,.1f}{ratio:>9.2f}{faults:>9.1f}", flush=True)


@contextlib.contextmanager
def _running(name: str, core: int) -> Iterator[ServerProcess]:
    port = free_port()
    with ServerProcess(
        SERVERS[name](port), port=port, folder=FOLDER, core=core, environ=_ENVIRON
    ) as process:
        process.wait_listening(timeout=_START)
        yield process


def measure(process: ServerProcess, exchange: Exchange, connections: int) -> Cost:
    """Return the cost of one round of requests.

    Raises:
        BenchError: A response is not the expected one.
    """
    count = exchange.count(connections)
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            _ask(process.port, exchange, count)
        except (OSError, ValueError) as error:
            failures.append(error)

    before = _spent(process.pid)
    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = _spent(process.pid)
    if failures:
        process.check_alive(within=1.0)
        raise BenchError(f"{exchange.name}: {failures[0]}")
    total = count * connections
    return Cost((after[0] - before[0]) / 1000 / total, (after[1] - before[1]) / total)


def _ask(port: int, exchange: Exchange, count: int) -> None:
    request, buffer = exchange.request(), bytearray(256 * 1024)
    with socket.create_connection((_LOOPBACK, port), 30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            client.sendall(request)
            _read_response(client, buffer, exchange.expected)


def _read_response(client: socket.socket, buffer: bytearray, expected: int) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        size = client.recv_into(buffer)
        if not size:
            raise ValueError(f"the connection was closed after {received!r}")
        received += buffer[: min(size, 4096)]
        if b"\r\n\r\n" in received:
            left = expected - (size - buffer.index(b"\r\n\r\n") - 4)
    if not received.startswith(b"HTTP/1.1 200"):
        raise ValueError(f"got {received[:200]!r}")
    while left:
        size = client.recv_into(buffer, min(left, len(buffer)))
        if not size:
            raise ValueError("the connection was closed within the response")
        left -= size


def _spent(leader: int) -> tuple[int, int]:
    """Return the nanoseconds of CPU time and the minor page faults of a tree of processes."""
    nanoseconds = faults = 0
    for pid in members_of(leader):
        folder = Path("/proc") / str(pid)
        faults += int((folder / "stat").read_text().rpartition(")")[2].split()[7])
        for thread in (folder / "task").iterdir():
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds, faults


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",") if size]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--uploads", type=_sizes, default=UPLOADS)
    parser.add_argument("--responses", type=_sizes, default=RESPONSES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=1)
    options = parser.parse_args()
    main(
        options.servers.split(","),
        [Exchange(True, size) for size in options.uploads]
        + [Exchange(False, size) for size in options.responses],
        rounds=options.rounds,
        connections=options.connections,
    )
