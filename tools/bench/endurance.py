"""What a server keeps of what is over: its memory while a million requests and connections pass.

``PYTHONPATH=tools python -m bench.endurance [--server NAME] [--requests N] [--cycles N]`` starts
one of Photon's servers in a process of its own, sends a million requests on a few kept connections
and then opens and closes 100,000 connections with a request each. Every hundredth of the way it
looks at the server's resident memory and open descriptors.

The slope is that of the straight line with the least squares through the memory, in bytes for each
thousand. The first fifth of the way is left out: free lists, caches and the heap's own pages fill
up there. What is kept of every request shows as a thousand times its size; what is far below the
size of any object is the heap's breathing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench import _machine, _servers
from bench._process import free_port
from bench._usage import read_usage
from bench.errors import BenchError

_REQUEST = b"GET /json HTTP/1.1\r\nHost: a\r\n\r\n"
_KEPT = 16
_LOOKS = 100
_WARM_UP = 0.2  # the share of the way that is left out of the slope
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Look:
    """What the server held after ``done`` requests or connections: bytes, and descriptors."""

    done: int
    memory: int
    descriptors: int


def main(server: str, *, requests: int, cycles: int) -> None:
    """Measure, and print."""
    server_core, load_core = _machine.cores()
    os.sched_setaffinity(0, {load_core})
    with running(server, core=server_core) as (pid, port):
        for what, count, load in (("requests", requests, ask), ("cycles", cycles, connect)):
            begun = time.monotonic()
            looks = endure(load, port=port, pid=pid, count=count)
            took = time.monotonic() - begun
            print(f"\n{what:>12}  {'memory bytes':>14}  {'descriptors':>11}")
            for look in looks[:: max(1, len(looks) // 10)]:
                print(f"{look.done:>12,}  {look.memory:>14,}  {look.descriptors:>11}")
            print(f"{slope(looks):,.0f} bytes per 1,000 {what}; {took:.0f} s", flush=True)


@contextlib.contextmanager
def running(server: str, *, core: int) -> Iterator[tuple[int, int]]:
    """Run a server of ``_servers`` on ``core``; give its process id and port while the block runs.

    Raises:
        BenchError: It does not listen.
    """
    port = free_port()
    command = ["taskset", "-c", str(core), *_servers.SERVERS[server].command(port)]
    process = subprocess.Popen(
        command, cwd=_servers.FOLDER, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait_for(port, process)
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(ConnectionError):
            connect(port, 1)
            return
        time.sleep(0.05)
    raise BenchError(f"nothing listened on port {port} within {_PATIENCE:.0f} s, or has ended")


def endure(load: Callable[[int, int], None], *, port: int, pid: int, count: int) -> list[Look]:
    """Put ``count`` requests or connections on a server, and look at it a hundred times.

    Args:
        load: `ask` or `connect`.
        port: Where the server listens.
        pid: The server's only process, which leads a session.
        count: How many; rounded down to full hundreds.

    Blocks: until all are done.
    """
    step = max(1, count // _LOOKS)
    looks = []
    for number in range(1, _LOOKS + 1):
        load(port, step)
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        looks.append(Look(number * step, read_usage(pid).memory, descriptors))
    return looks


def slope(looks: list[Look]) -> float:
    """Return by how many bytes the memory grows for each thousand, after the warm-up."""
    rest = looks[int(len(looks) * _WARM_UP) :]
    middle = sum(look.done for look in rest) / len(rest)
    memory = sum(look.memory for look in rest) / len(rest)
    numerator = sum((look.done - middle) * (look.memory - memory) for look in rest)
    return 1000 * numerator / sum((look.done - middle) ** 2 for look in rest)


def ask(port: int, count: int) -> None:
    """Send ``count`` requests on a few connections, each of which is used again and again."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(_connected(port)) for _ in range(min(_KEPT, count))]
        left = count
        while left:
            batch = clients[:left]
            for client in batch:
                client.sendall(_REQUEST)
            for client in batch:
                _check(client)
            left -= len(batch)


def connect(port: int, count: int) -> None:
    """Open and close ``count`` connections, one after the other, with a request on each."""
    for _ in range(count):
        with _connected(port) as client:
            client.sendall(_REQUEST)
            _check(client)


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), _PATIENCE)


def _check(client: socket.socket) -> None:
    answer = client.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the server answered {answer!r}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.endurance")
    parser.add_argument("--server", choices=("photon", "photon-runtime"), default="photon")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--cycles", type=int, default=100_000)
    asked = parser.parse_args()
    main(asked.server, requests=asked.requests, cycles=asked.cycles)
