"""What large bodies cost: CPU time and page faults of servers that receive or send them.

``PYTHONPATH=tools python -m bench.bodies [--servers NAMES] [--uploads SIZES] [--responses SIZES]
[--rounds N] [--connections N]`` starts the servers of ``servers/``, pinned to one core,
and a client on the other core sends each request when the response to the one before has arrived.
Each size is measured in interleaved rounds: a round is some megabytes of bodies for each server,
one server after the other. A table gives the medians: CPU time (user and system, of all
processes of the server) and minor page faults for each request, and the ratio of CPU times to that
of the best peer within the same round, which the speed of the machine does not change. The best
peer is the one with the least CPU time for that size.

The handlers read the whole body as bytes and respond with its length, or send bytes
that exist already. All servers make their own bytes of a body, as an application needs them.
A server that fails with a size is an error in its row, and the exit code is 1. freastal does not
take part where a request does not fit into its buffer of 16 KiB.
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

from bench import _machine, _peers
from bench._command import names
from bench._process import ServerProcess, free_port
from bench._servers import FOLDER, PEERS_PYTHON, ROBYN, Server, granian, uvicorn, wsgi
from bench._speedups import way_of
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


def _photon_runtime(port: int) -> list[str]:
    return [sys.executable, "photon_bodies_app.py", str(port)]


def _robyn(port: int) -> list[str]:
    return [*PEERS_PYTHON, "robyn_bodies_server.py", str(port), *ROBYN]


def _photon(name: str, command: Callable[[int], list[str]], *, is_python: bool = False) -> Server:
    environ = {"PHOTON__SERVER__MAX_BODY_SIZE": str(_LARGEST)}
    if is_python:
        name, environ["PHOTON_SPEEDUPS"] = f"{name}-python", "0"
    return Server(name, "Photon", command, environ=environ, speedups=not is_python)


def _peer(
    name: str, command: Callable[[int], list[str]], environ: Mapping[str, str] | None = None
) -> Server:
    return Server(name, "peer", command, prepare=_peers.ensure, environ=environ or {})


_LARGEST = 64 * 1024 * 1024
_SERVERS = (
    _photon("photon-runtime", _photon_runtime),
    _photon("photon", _photon_router),
    _photon("photon", _photon_router, is_python=True),
    _peer("freastal", wsgi("freastal", "wsgi_bodies_app")),
    _peer("bjoern", wsgi("bjoern", "wsgi_bodies_app")),
    _peer("fastpysgi", wsgi("fastpysgi", "wsgi_bodies_app")),
    _peer("fastwsgi", wsgi("fastwsgi", "wsgi_bodies_app")),
    _peer("blacksheep", granian("blacksheep_bodies_app:app", interface="asgi")),
    _peer("blacksheep-uvicorn", uvicorn("blacksheep_bodies_app:app")),
    _peer("robyn", _robyn, {"ROBYN_MAX_PAYLOAD_SIZE": str(_LARGEST)}),
    _peer("granian", granian("granian_bodies_app:app")),
    _peer("uvicorn", uvicorn("asgi_bodies_app:app")),
)
SERVERS: Mapping[str, Server] = {server.name: server for server in _SERVERS}
_LARGEST_UPLOADS = {"freastal": 16_000}  # bytes of a body, without the head


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
    page_faults: float


def main(
    servers: Sequence[str], exchanges: Sequence[Exchange], *, rounds: int, connections: int
) -> bool:
    """Measure, and print.

    Returns:
        Whether all servers could be measured with all sizes.
    """
    server_core, load_core = _machine.cores()
    os.sched_setaffinity(0, {load_core})
    all_measured = True
    with contextlib.ExitStack() as stack:
        running = {}
        for name in servers:
            way = way_of(SERVERS[name])
            running[name] = stack.enter_context(_running(SERVERS[name], server_core))
            if way is not None:
                print(f"{name}: {way}")
        print(f"{'':24}{'':20}{'CPU µs':>10}{'of best peer':>14}{'page faults':>13}")
        for exchange in exchanges:
            able = {name: each for name, each in running.items() if is_possible(name, exchange)}
            costs, errors = _measured(exchange, able, rounds=rounds, connections=connections)
            print("\n".join(lines(exchange, costs, errors)), flush=True)
            all_measured = all_measured and not errors
    return all_measured


def _measured(
    exchange: Exchange, running: Mapping[str, ServerProcess], *, rounds: int, connections: int
) -> tuple[dict[str, list[Cost]], dict[str, str]]:
    """Return the costs of all rounds, and what went wrong, by the names of the servers."""
    costs: dict[str, list[Cost]] = {name: [] for name in running}
    errors: dict[str, str] = {}
    for number in range(rounds + 1):
        for name, process in running.items():
            if name in errors:
                continue
            try:
                cost = measure(process, exchange, connections)
            except BenchError as error:
                errors[name] = str(error)
            else:
                if number:  # the first one warms up
                    costs[name].append(cost)
    return costs, errors


def is_possible(server: str, exchange: Exchange) -> bool:
    """Return whether a server takes bodies of that size at all."""
    return not exchange.is_upload or exchange.size <= _LARGEST_UPLOADS.get(server, exchange.size)


def lines(
    exchange: Exchange, costs: Mapping[str, Sequence[Cost]], errors: Mapping[str, str]
) -> Iterator[str]:
    """Write the rows of one size; the best peer has a star."""
    medians = {
        name: statistics.median(cost.cpu for cost in measured)
        for name, measured in costs.items()
        if measured and name not in errors
    }
    peers = [name for name in medians if SERVERS[name].speedups is None]
    best = min(peers, key=lambda name: medians[name]) if peers else None
    for name, measured in costs.items():
        if name not in medians:
            yield f"{exchange.name:24}{name:20}ERROR: {errors[name]}"
            continue
        ratio = "-"
        if best is not None:
            pairs = zip(measured, costs[best], strict=True)
            ratio = f"{statistics.median(mine.cpu / its.cpu for mine, its in pairs):.2f}"
        pages = statistics.median(cost.page_faults for cost in measured)
        star = "*" if name == best else ""
        yield f"{exchange.name:24}{name + star:20}{medians[name]:>10,.1f}{ratio:>14}{pages:>13.1f}"


@contextlib.contextmanager
def _running(server: Server, core: int) -> Iterator[ServerProcess]:
    server.prepare()
    port = free_port()
    with ServerProcess(
        server.command(port), port=port, folder=FOLDER, core=core, environ=server.environ
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
    nanoseconds = page_faults = 0
    for pid in members_of(leader):
        folder = Path("/proc") / str(pid)
        page_faults += int((folder / "stat").read_text().rpartition(")")[2].split()[7])
        for thread in (folder / "task").iterdir():
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds, page_faults


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",") if size]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--servers", type=names(SERVERS), default=tuple(SERVERS), metavar="A,B")
    parser.add_argument("--uploads", type=_sizes, default=UPLOADS)
    parser.add_argument("--responses", type=_sizes, default=RESPONSES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=1)
    options = parser.parse_args()
    try:
        is_complete = main(
            options.servers,
            [Exchange(True, size) for size in options.uploads]
            + [Exchange(False, size) for size in options.responses],
            rounds=options.rounds,
            connections=options.connections,
        )
    except BenchError as error:
        sys.exit(f"bench.bodies: {error}")
    sys.exit(0 if is_complete else 1)
