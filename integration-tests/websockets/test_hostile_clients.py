"""Clients that send what would cost memory or time are refused by a code, and others are served."""

from __future__ import annotations

import socket
import struct
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.client import connect

from photon import Photon, PhotonWebSocket
from photon_runtime.testing import LiveServer, live_server
from photon_ws.protocol import Close, Event, FrameDecoder, encode_frame

CONTINUATION, TEXT, BINARY = 0, 1, 2
MEBIBYTE = 1024 * 1024
HANDSHAKE = (
    "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    app = Photon()

    @app.websocket("/echo")
    def echo(ws: PhotonWebSocket) -> None:
        for message in ws:
            ws.write_message(message)

    with live_server(app) as live:
        yield live


@contextmanager
def opened(server: LiveServer) -> Iterator[socket.socket]:
    with server.connect() as client:
        client.settimeout(20)
        client.sendall(HANDSHAKE.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        yield client


def end_of(client: socket.socket) -> Close:
    """Return the close frame of the server."""
    decoder = FrameDecoder(is_client=True, max_message_size=1 << 24)
    events: list[Event] = []
    while not events:
        decoder.feed(client.recv(65536), events)
    [close] = events
    assert isinstance(close, Close)
    return close


def masked(opcode: int, payload: bytes, *, is_final: bool = True, deflated: bool = False) -> bytes:
    return encode_frame(opcode, payload, mask=True, is_final=is_final, deflated=deflated)


def deflated(content: bytes) -> bytes:
    deflate = zlib.compressobj(9, wbits=-15)
    return (deflate.compress(content) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def header(length: int) -> bytes:
    return b"\x82\xff" + struct.pack("!Q", length) + bytes(4)


def fragments(payload: bytes, count: int) -> Iterator[bytes]:
    yield masked(BINARY, payload, is_final=False)
    frame = masked(CONTINUATION, payload, is_final=False)
    for _ in range(count // 500):
        yield frame * 500


BOMB = deflated(bytes(10 * MEBIBYTE))


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        pytest.param([masked(TEXT, BOMB, deflated=True)], 1009, id="bomb"),
        pytest.param(
            [
                masked(BINARY, BOMB[:5000], deflated=True, is_final=False),
                masked(CONTINUATION, BOMB[5000:]),
            ],
            1009,
            id="bomb in fragments",
        ),
        pytest.param([header(1 << 62)], 1009, id="2 ** 62 bytes"),
        pytest.param([header((1 << 63) - 1)], 1009, id="2 ** 63 - 1 bytes"),
        pytest.param([header(1 << 63)], 1002, id="2 ** 63 bytes"),
        pytest.param(fragments(b"", 1_000_000), 1009, id="empty fragments"),
        pytest.param(fragments(b"x" * 1000, 20_000), 1009, id="fragments"),
        pytest.param(
            [masked(BINARY, deflated(b"")[:-1] + b"\x03\x00" * 5000, deflated=True)],
            1007,
            id="final blocks",
        ),
        pytest.param(
            [masked(BINARY, b"\x00\x00\x00\xff\xff" * 10_000, deflated=True, is_final=False)]
            + [masked(CONTINUATION, b"\x00\x00\x00\xff\xff" * 10_000, is_final=False)] * 50,
            1009,
            id="empty blocks",
        ),
    ],
)
def test_what_would_cost_memory_closes_with_a_code(
    server: LiveServer, parts: Iterable[bytes], code: int
) -> None:
    with connect(server.url.replace("http", "ws") + "/echo") as other, opened(server) as client:
        tracemalloc.start()
        try:
            for part in parts:
                client.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server has disconnected already
        assert end_of(client).code == code
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5 * MEBIBYTE
        other.send("still served")
        assert other.recv(timeout=10) == "still served"
