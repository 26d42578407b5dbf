"""What slow clients cost the others: thousands of heads that never end, and one honest client.

``PYTHONPATH=tools python -m bench.slow [CLIENTS [SECONDS]]`` starts the bare server of
``servers/``, opens that many connections (5,000) from a process of their own and sends a byte of a
header field on each every second, for that long (30). Meanwhile it asks for one page again and
again on a connection of its own and measures the answers. At the end it says when the slow clients
were closed: the server gives a head 10 seconds, whatever drips in.
"""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import socket
import sys
import time

from bench.idle import running_server

_REQUEST = b"GET /json HTTP/1.1\r\nHost: a\r\n\r\n"
_BEGINNING = b"GET /json HTTP/1.1\r\nHost: a\r\nX-Slow: "
_OPENED = b"o"
_ENDED = b"e"


def main(count: int, seconds: float) -> None:
    """Measure, and print."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with running_server() as (_, port):
        before = sorted(_latencies(port, 3.0))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                _drip(port, count, seconds, writing)
            finally:
                os._exit(0)
        os.close(writing)
        assert os.read(reading, 1) == _OPENED
        during = sorted(_latencies(port, seconds))
        with os.fdopen(reading) as report:
            text = report.read()
        os.waitpid(child, 0)
    print(f"slow clients            {count:>10,}")
    for name, times in (("without them", before), ("with them", during)):
        middle, high = times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000
        print(f"{name:24}{len(times):>10,} answers, p50 {middle:.2f} ms, p99 {high:.2f} ms")
    print(text, end="")


def _latencies(port: int, seconds: float) -> list[float]:
    times = []
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            begin = time.perf_counter()
            client.sendall(_REQUEST)
            client.recv(4096)
            times.append(time.perf_counter() - begin)
            time.sleep(0.002)
    return times


def _drip(port: int, count: int, seconds: float, report: int) -> None:
    begin = time.monotonic()
    ends: list[float] = []
    answers: set[bytes] = set()
    with selectors.DefaultSelector() as selector:
        opened: dict[socket.socket, float] = {}
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port), 10)
            client.sendall(_BEGINNING)
            client.setblocking(False)
            opened[client] = time.monotonic()
            selector.register(client, selectors.EVENT_READ)
        os.write(report, _OPENED)
        due = time.monotonic()
        while time.monotonic() < begin + seconds and opened:
            for key, _ in selector.select(0.05):
                client = key.fileobj  # type: ignore[assignment]
                with contextlib.suppress(OSError):
                    answers.add(client.recv(4096)[:12])
                selector.unregister(client)
                ends.append(time.monotonic() - opened.pop(client))
                client.close()
            if time.monotonic() >= due:
                due += 1.0
                for client in opened:
                    with contextlib.suppress(OSError):
                        client.send(b"x")
        left = len(opened)
    lines = f"closed by the server    {len(ends):>10,}, {left} were left\n"
    if ends:
        lines += f"after                   {min(ends):>10.1f} s to {max(ends):.1f} s\n"
        lines += f"with                    {sorted(answers)}\n"
    os.write(report, lines.encode())


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 5000,
        float(sys.argv[2]) if len(sys.argv) > 2 else 30.0,
    )
