"""What a server keeps of what is over: its memory while ten million requests pass.

``PYTHONPATH=tools python -m bench.endurance [--server NAME] [--requests N] [--cycles N]`` starts
one of Photon's servers in a process of its own, sends ten million requests on a few kept
connections and then opens and closes 100,000 connections with a request each. Requests are those of
the benchmark's scenarios in turn, with those that are refused. Every hundredth of the way it looks
at the server's resident memory and open descriptors, and prints what it saw after a tenth, a half
and all of it.

The slope is that of the straight line with the least squares through the memory, in bytes for each
thousand. The first fifth of the way is left out: free lists, caches and the heap's own pages fill
up there. What is kept of every request shows as a thousand times its size; what is far below the
size of any object is the heap's breathing.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bench import _machine, _servers
from bench._process import free_port
from bench._speedups import way_of
from bench._usage import members_of, read_usage
from bench.errors import BenchError
from bench.scenarios import BROWSER, JSON, POST, SCENARIOS, TYPED, Exchange

_KEPT = 64
Load = Callable[[int], AbstractContextManager[Callable[[int], None]]]
_SHOWN = (0.1, 0.5, 1.0)  # the shares of the way after which the memory is printed
_LOOKS = 100
_WARM_UP = 0.2  # the share of the way that is left out of the slope
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Look:
    """What the server held after ``done`` requests or connections: bytes, and descriptors."""

    done: int
    memory: int
    descriptors: int


def _encoded(exchange: Exchange) -> bytes:
    body = exchange.body or b""
    fields = {"Host": "a", **exchange.headers, **({"Content-Length": len(body)} if body else {})}
    lines = [f"{exchange.method} {exchange.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


_REFUSED = [each for scenario in SCENARIOS.values() for each in scenario.refused]
_LOADS = [JSON.load, TYPED.load, POST.load, BROWSER.load] * 3
# A bare handler answers every request with 200.
_REQUESTS = [(_encoded(each), {200, *each.statuses}) for each in (*_LOADS, *_REFUSED)]


def main(server: str, *, requests: int, cycles: int) -> None:
    """Measure, and print."""
    server_core, load_core = _machine.cores()
    os.sched_setaffinity(0, {load_core})
    print(f"{server}: {way_of(_servers.SERVERS[server])}")
    with running(server, core=server_core) as (pid, port):
        for what, count, load in (("requests", requests, ask), ("cycles", cycles, connect)):
            if not count:
                continue
            begun = time.monotonic()
            looks = endure(load, port=port, pid=pid, count=count)
            took = time.monotonic() - begun
            print(f"\n{what:>12}  {'memory bytes':>14}  {'descriptors':>11}")
            for share in _SHOWN:
                look = looks[round(share * len(looks)) - 1]
                print(f"{look.done:>12,}  {look.memory:>14,}  {look.descriptors:>11}")
            print(f"{slope(looks):,.0f} bytes per 1,000 {what}; {took:.0f} s", flush=True)


@contextlib.contextmanager
def running(server: str, *, core: int) -> Iterator[tuple[int, int]]:
    """Run a server of ``_servers`` on ``core``; give its process id and port while the block runs.

    Raises:
        BenchError: It does not listen.
    """
    port = free_port()
    tested = _servers.SERVERS[server]
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *tested.command(port)],
        cwd=_servers.FOLDER,
        env={**os.environ, **tested.environ},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        yield process.pid, port
    finally:
        process.terminate()  # so that a supervisor ends its workers
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(ConnectionError):
            _connect_once(port)
            return
        time.sleep(0.05)
    raise BenchError(f"nothing listened on port {port} within {_PATIENCE:.0f} s, or has ended")


def endure(load: Load, *, port: int, pid: int, count: int) -> list[Look]:
    """Put ``count`` requests or connections on a server, and look at it a hundred times.

    Args:
        load: `ask` or `connect`.
        port: Where the server listens.
        pid: The process that leads the server's session.
        count: How many; rounded down to full hundreds.

    Blocks: until all are done.
    """
    step = max(1, count // _LOOKS)
    looks = []
    with load(port) as send:
        for number in range(1, _LOOKS + 1):
            send(step)
            descriptors = sum(len(os.listdir(f"/proc/{each}/fd")) for each in members_of(pid))
            looks.append(Look(number * step, read_usage(pid).memory, descriptors))
    return looks


def slope(looks: list[Look]) -> float:
    """Return by how many bytes the memory grows for each thousand, after the warm-up."""
    rest = looks[int(len(looks) * _WARM_UP) :]
    middle = sum(look.done for look in rest) / len(rest)
    memory = sum(look.memory for look in rest) / len(rest)
    numerator = sum((look.done - middle) * (look.memory - memory) for look in rest)
    return 1000 * numerator / sum((look.done - middle) ** 2 for look in rest)


@contextlib.contextmanager
def ask(port: int) -> Iterator[Callable[[int], None]]:
    """Keep a few connections open; give what sends so many requests on them."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(_connected(port)) for _ in range(_KEPT)]
        turns = itertools.count()

        def send(count: int) -> None:
            for sent in range(0, count, _KEPT):
                # Each connection sends all kinds of requests, one after the other.
                batch = list(zip(clients[: count - sent], _turned(next(turns)), strict=False))
                for client, (request, _) in batch:
                    client.sendall(request)
                for client, (_, statuses) in batch:
                    _check(client, statuses)

        yield send


def _turned(turn: int) -> Iterator[tuple[bytes, set[int]]]:
    return (_REQUESTS[(turn + number) % len(_REQUESTS)] for number in range(_KEPT))


@contextlib.contextmanager
def connect(port: int) -> Iterator[Callable[[int], None]]:
    """Give what opens and closes so many connections, one after the other, with a request each."""

    def send(count: int) -> None:
        for _ in range(count):
            _connect_once(port)

    yield send


def _connect_once(port: int) -> None:
    request, statuses = _REQUESTS[0]
    with _connected(port) as client:
        client.sendall(request)
        _check(client, statuses)


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), _PATIENCE)


def _check(client: socket.socket, statuses: set[int]) -> None:
    answer = client.recv(4096)
    if not answer.startswith(b"HTTP/1.1 ") or int(answer[9:12]) not in statuses:
        raise BenchError(f"the server answered {answer!r}")


if __name__ == "__main__":
    of_photon = [each.name for each in _servers.SERVERS.values() if each.speedups is not None]
    parser = argparse.ArgumentParser(prog="bench.endurance")
    parser.add_argument("--server", choices=of_photon, default="photon-metrics")
    parser.add_argument("--requests", type=int, default=10_000_000, metavar="N")
    parser.add_argument("--cycles", type=int, default=100_000, metavar="N")
    chosen = parser.parse_args()
    try:
        main(chosen.server, requests=chosen.requests, cycles=chosen.cycles)
    except BenchError as error:
        sys.exit(f"bench.endurance: {error}")
