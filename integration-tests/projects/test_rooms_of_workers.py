"""A room of four worker processes over Redis, of which one is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import msgspec
import pytest
from project_folder import Folder
from websockets.sync.client import ClientConnection, connect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

MESSAGES = 10_000
APPLICATION = f"""
import os

from photon import Photon, PhotonWebSocket, Room

app = Photon()
lobby = Room("lobby", history=100)


@app.websocket("/lobby")
def chat(ws: PhotonWebSocket, user: str) -> None:
    with lobby.join(ws, user=user):
        ws.send(str(os.getpid()))
        for _ in ws:
            for number in range(1, {MESSAGES} + 1):
                lobby.broadcast(str(number))


@app.get("/presence")
def presence() -> dict[str, int]:
    return dict(lobby.presence())
"""


@pytest.fixture
def url(tmp_path: Path, redis_url: str) -> Iterator[str]:
    (tmp_path / "main.py").write_text(APPLICATION)
    (tmp_path / "photon.toml").write_text(
        f'[project]\napp = "main:app"\n[server]\nworkers = 4\n'
        f'[websockets]\nrooms = "{redis_url}"\nrooms_lease = 2.0\n'
    )
    with Folder(tmp_path).serving() as url:
        yield url


def sockets_of_all_workers(url: str, stack: ExitStack) -> dict[int, ClientConnection]:
    """Connect until every worker has a socket; return these by process."""
    sockets: dict[int, ClientConnection] = {}
    for number in range(200):
        target = f"{url.replace('http', 'ws', 1)}/lobby?user=user-{number}"
        with ExitStack() as attempt:
            socket = attempt.enter_context(connect(target, max_queue=None))
            pid = int(socket.recv(timeout=10))
            if pid not in sockets:
                sockets[pid] = socket
                stack.push(attempt.pop_all())
        if len(sockets) == 4:
            break
    assert len(sockets) == 4
    return sockets


def presence(url: str) -> dict[str, int]:
    found: dict[str, int] = httpx2.get(f"{url}/presence", timeout=10).json()
    return found


def test_receivers_of_all_workers_see_one_increasing_sequence(url: str) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        sockets = sockets_of_all_workers(url, stack)
        sender = next(iter(sockets.values()))
        sender.send("begin")
        received = pool.map(
            lambda each: [int(each.recv(timeout=30)) for _ in range(MESSAGES)], sockets.values()
        )
        assert list(received) == [list(range(1, MESSAGES + 1))] * 4


def test_the_users_of_a_killed_worker_are_gone_within_the_lease(url: str) -> None:
    with ExitStack() as stack:
        sockets = sockets_of_all_workers(url, stack)
        deadline = time.monotonic() + 5
        while len(presence(url)) != 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(next(iter(sockets)), signal.SIGKILL)
        killed = time.monotonic()
        while len(presence(url)) != 3:
            assert time.monotonic() < killed + 5
            time.sleep(0.05)
        assert msgspec.json.encode(sorted(presence(url).values())) == b"[1,1,1]"
