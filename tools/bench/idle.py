"""What an idle connection holds: resident memory of a server with many of them.

``PYTHONPATH=tools python -m bench.idle [CONNECTIONS]`` starts the bare server of ``servers/`` in a
process of its own, opens that many connections (by default 10,000), sends one request on
each and prints what the server's resident memory has grown by, divided by their number. Memory of
the kernel (socket buffers, the poller's entries) is not in the figure.

Some hundred connections are opened and used before the first look, so that what is loaded or
allocated once is not counted. There are two figures: right after use, when each connection still
has its coroutine, and at rest, when the server has taken those back.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench._usage import read_usage

_SERVER = Path(__file__).parent / "servers" / "photon_runtime_app.py"
_REQUEST = b"GET /json HTTP/1.1\r\nHost: a\r\n\r\n"
_WARM_UP = 500
_SPARE = 200
_PATIENCE = 20.0
_UNTIL_REST = 7.0
_RESTS_PER_SECOND = 900


def main(count: int) -> None:
    """Measure with ``count`` connections, and print."""
    _raise_limit(count + _WARM_UP + _SPARE)
    with running_server() as (process, port):
        clients = [_used(port) for _ in range(_WARM_UP)]
        before = read_usage(process.pid).memory
        clients += [_used(port) for _ in range(count)]
        time.sleep(1.5)  # the sweep's own lists come and go
        used = read_usage(process.pid).memory
        time.sleep(_UNTIL_REST + count / _RESTS_PER_SECOND)
        resting = read_usage(process.pid)
        time.sleep(5.0)
        cpu = (read_usage(process.pid).cpu - resting.cpu) / 5.0
        for client in clients:
            client.close()
    print(f"connections            {count:>12,}")
    print(f"memory without them    {before:>12,} bytes")
    print(f"each, just used        {(used - before) / count:>12,.0f} bytes")
    print(f"each, at rest          {(resting.memory - before) / count:>12,.0f} bytes")
    print(f"CPU while all rest     {cpu * 100:>12.2f} %")


def _raise_limit(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard < wanted:
            sys.exit(f"{wanted} descriptors are needed, the hard limit is {hard}: ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def running_server() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start the bare server; give its process and port while the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(_SERVER), str(port)], start_new_session=True)
    try:
        _wait_for(port)
        yield process, port
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            _used(port).close()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _used(port: int) -> socket.socket:
    """Return a kept connection after one response."""
    client = socket.create_connection(("127.0.0.1", port), _PATIENCE)
    client.sendall(_REQUEST)
    answer = client.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the server answered {answer!r}")
    return client


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
