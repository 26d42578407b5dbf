"""Rooms on a real server: sockets that end in every way, resuming, streams of events."""

from __future__ import annotations

import gc
import os
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from websockets.sync.client import connect

from photon import EventStream, Header, Photon, PhotonWebSocket, Room, deadline
from photon_runtime.settings import load_settings
from photon_runtime.testing import LiveServer, live_server

LOBBY = Room("lobby", history=100, envelope=True)
LARGE = Room("large", history=16)
HANDSHAKE = (
    b"GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
CONNECTS = 5_000


class ExpectedError(Exception):
    """An error of a handler."""


def make_application() -> Photon:
    app = Photon()
    add_sockets(app)
    add_routes(app)
    return app


def add_sockets(app: Photon) -> None:
    @app.websocket("/lobby")
    def lobby(ws: PhotonWebSocket, user: str = "ada", after: str | None = None) -> None:
        with LOBBY.join(ws, user=user, after=after):
            ws.send_json({"id": LOBBY.last_id(), "data": "joined"})
            for text in ws:
                LOBBY.broadcast(text)

    @app.websocket("/raises")
    def raises(ws: PhotonWebSocket) -> None:
        with LOBBY.join(ws, user="eve"):
            ws.close()  # the error is one of the handler, and not to be logged 2,000 times
            raise TimeoutError

    @app.websocket("/cancelled")
    def cancelled(ws: PhotonWebSocket) -> None:
        with deadline(0.001):
            LARGE.join(ws, user="eve", after="")


def add_routes(app: Photon) -> None:
    @app.get("/state")
    def state() -> list[Any]:
        return [LOBBY.presence(), LARGE.presence(), LOBBY.last_id()]

    @app.get("/fill")
    def fill() -> None:
        for _ in range(16):
            LARGE.broadcast("x" * 500_000)

    @app.get("/events")
    def events(last_event_id: Header[str | None] = None) -> EventStream[Any]:
        return EventStream(LOBBY.events(last_event_id))


@contextmanager
def served(tmp_path: Path) -> Iterator[LiveServer]:
    (tmp_path / "photon.toml").write_text("[websockets]\nmax_queue = 100_000_000\n")
    app = make_application()
    app.use_settings(load_settings(tmp_path, environment="test", environ={}))
    with live_server(app) as server:
        yield server


def get(server: LiveServer, path: str) -> Any:
    response = httpx2.get(f"http://127.0.0.1:{server.port}{path}", timeout=20)
    assert response.status_code < 300, response.text
    return response.json() if response.content else None


def visit(server: LiveServer, path: bytes) -> None:
    """Connect, and leave by an RST."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(HANDSHAKE % path)
        assert client.recv(1024).startswith(b"HTTP/1.1 101")
        if path == b"cancelled":
            time.sleep(0.005)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def visit_in_every_way(server: LiveServer, number: int) -> None:
    visit(server, (b"cancelled", b"lobby", b"raises")[number % 3])


def resident_memory() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_rooms_are_empty_and_memory_is_free_after_5000_connects(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    with served(tmp_path) as server, ThreadPoolExecutor(8) as pool:
        get(server, "/fill")
        list(pool.map(lambda number: visit_in_every_way(server, number), range(CONNECTS // 5)))
        before = resident_memory()
        list(pool.map(lambda number: visit_in_every_way(server, number), range(CONNECTS)))
        assert get(server, "/state")[:2] == [{}, {}]
        assert resident_memory() - before < 10 * 1024 * 1024


def test_a_socket_resumes_what_a_stream_of_events_has_read_and_the_reverse(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        url = f"ws://127.0.0.1:{server.port}/lobby"
        with connect(url) as ada, httpx2.Client(timeout=20) as http:
            page = msgspec.json.decode(ada.recv(timeout=5))["id"]
            for text in "abc":
                ada.send(text)
            first, second, third = (msgspec.json.decode(ada.recv(timeout=5)) for _ in range(3))
            with connect(f"{url}?user=bob&after={first['id']}") as bob:
                assert [msgspec.json.decode(bob.recv(timeout=5)) for _ in range(2)] == [
                    second,
                    third,
                ]
            events = f"http://127.0.0.1:{server.port}/events"
            with http.stream("GET", events, headers={"Last-Event-ID": page}) as response:
                lines = response.iter_lines()
                received = [next(lines) for _ in range(9)]
                assert received[0::3] == [f"id: {each['id']}" for each in (first, second, third)]
                assert received[1::3] == ["data: a", "data: b", "data: c"]
                ada.send("d")
                assert [next(lines), next(lines)][1] == "data: d"


def test_a_stream_of_a_room_ends_when_the_server_stops(tmp_path: Path) -> None:
    with httpx2.Client(timeout=20) as http, ThreadPoolExecutor(1) as pool:
        with served(tmp_path) as server:
            request = http.build_request("GET", f"http://127.0.0.1:{server.port}/events")
            lines = http.send(request, stream=True).iter_lines()
            assert next(lines).startswith("id: ")
            rest = pool.submit(list, lines)
        assert "".join(rest.result(timeout=20)) == ""
