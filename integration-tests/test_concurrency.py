"""Thousands of waiting requests in one process, as `photon run` serves them."""

from __future__ import annotations

import re
import resource
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

APPLICATION = """
from photon import Photon, sleep

app = Photon(title="Sleepy", version="1.0.0")


@app.get("/sleep")
def nap() -> dict[str, bool]:
    sleep(1)
    return {"rested": True}
"""
REQUEST = b"GET /sleep HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
MANY = 10_000
# One second of sleep, the rest for a busy machine: one after the other they would take hours.
LIMIT = 30.0


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Serve the application in a process of its own and yield its port."""
    (tmp_path / "sleepy.py").write_text(APPLICATION, encoding="utf-8")
    command = [sys.executable, "-m", "photon_cli", "run", "sleepy:app", "--port", "0"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        for line in server.stdout:
            found = re.search(r"URL +http://127\.0\.0\.1:(\d+)", line)
            if found:
                yield int(found[1])
                break
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.mark.slow
def test_ten_thousand_requests_wait_at_once_in_one_process(port: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.fail(f"this test needs {wanted} descriptors; raise `ulimit -Hn` from {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    begun = time.monotonic()
    answers = ask_all(port, MANY)
    took = time.monotonic() - begun
    assert answers == [200] * MANY
    assert took < LIMIT
    print(f"{MANY} requests of one second each were answered in {took:.2f} s")


def ask_all(port: int, count: int) -> list[int]:
    """Send ``count`` requests at once, each on a connection of its own; return the statuses."""
    statuses: list[int] = []
    with selectors.DefaultSelector() as selector:
        for _ in range(count):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            selector.register(client, selectors.EVENT_WRITE)
        while selector.get_map():
            ready = selector.select(timeout=LIMIT)
            assert ready, f"nothing came for {LIMIT} seconds, after {len(statuses)} answers"
            for key, events in ready:
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                if events & selectors.EVENT_WRITE:
                    connection.sendall(REQUEST)
                    selector.modify(connection, selectors.EVENT_READ)
                else:
                    statuses.append(int(connection.recv(4096).split(b" ", 2)[1]))
                    selector.unregister(connection)
                    connection.close()
    return statuses
