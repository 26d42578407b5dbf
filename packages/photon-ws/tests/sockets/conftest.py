"""A connection and its peer in memory, and applications of one socket on a real server."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import attrs
import pytest

import photon_runtime as rt
from photon_runtime.http import Handler, Request, Response, Upgrade, UpgradedStream, upgrade
from photon_runtime.observability import Meter
from photon_runtime.testing import LiveServer, MemoryStream, live_server, memory_pair, serve_upgrade
from photon_ws import PhotonWebSocket, WebSocketAdapter, WebSocketsSettings
from photon_ws._connection import MAX_FRAMES, Connection
from photon_ws._frame_writer import ConnectionLimits
from photon_ws._sockets import Sockets
from photon_ws.protocol import (
    Close,
    Event,
    FrameDecoder,
    encode_close,
    encode_message,
    encode_ping,
    encode_pong,
)

if TYPE_CHECKING:
    from typing import Protocol

    class Connected(Protocol):
        """Makes a connection in the role of a server, and its peer, in a task."""

        def __call__(  # noqa: D102
            self, limits: ConnectionLimits | None = None, *, capacity: int = 65536
        ) -> AbstractContextManager[tuple[Connection, Peer]]: ...

    class ServeSocket(Protocol):
        """Serves a handler of WebSockets on a real server."""

        def __call__(  # noqa: D102
            self,
            handler: Callable[[PhotonWebSocket], object],
            *,
            settings: WebSocketsSettings | None = None,
            adapter: WebSocketAdapter | None = None,
        ) -> AbstractContextManager[LiveServer]: ...


@attrs.define
class Peer:
    """The client at the other end of a connection in memory."""

    stream: MemoryStream
    decoder: FrameDecoder = attrs.field(
        factory=lambda: FrameDecoder(is_client=True, max_message_size=1 << 24)
    )
    events: list[Event] = attrs.field(factory=list)

    def send(self, message: str | bytes) -> None:
        """Send a message."""
        self.stream.sendall(encode_message(message, mask=True))

    def ping(self, data: bytes = b"") -> None:
        """Send a ping."""
        self.stream.sendall(encode_ping(data, mask=True))

    def pong(self, data: bytes = b"") -> None:
        """Send a pong."""
        self.stream.sendall(encode_pong(data, mask=True))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame."""
        self.stream.sendall(encode_close(code, reason, mask=True))

    def receive(self) -> Event | None:
        """Wait for the next message or control frame; ``None`` at the end."""
        while not self.events:
            data = self.stream.recv(65536)
            if not data:
                return None
            self.decoder.feed(data, self.events)
        return self.events.pop(0)

    def close_code(self) -> int:
        """Wait for the next frame, which must be a close frame, and return its code."""
        close = self.receive()
        assert isinstance(close, Close), close
        return close.code


@pytest.fixture
def connected() -> Connected:
    """Return a function that yields a connection in memory and its peer."""
    return _connected


@contextmanager
def _connected(
    limits: ConnectionLimits | None = None, *, capacity: int = 65536
) -> Iterator[tuple[Connection, Peer]]:
    client, server = memory_pair(capacity=capacity)
    made: list[Connection] = []
    ready, done = rt.Event(), rt.Event()

    def serve(stream: UpgradedStream) -> None:
        decoder = FrameDecoder(max_message_size=1 << 20, max_frames=MAX_FRAMES)
        made.append(Connection(stream, decoder=decoder, limits=limits))
        ready.set()
        done.wait()

    response = upgrade("websocket", serve)
    assert isinstance(response.body, Upgrade)
    with rt.scope() as tasks:
        tasks.spawn(serve_upgrade, response, server)
        ready.wait()
        try:
            yield made[0], Peer(client)
        finally:
            done.set()


class OneSocket:
    """An application whose every path is one WebSocket."""

    def __init__(
        self,
        handler: Callable[[PhotonWebSocket], object],
        settings: WebSocketsSettings,
        adapter: WebSocketAdapter,
    ) -> None:
        self.handler = handler
        self.sockets = Sockets(settings, Meter())
        self.adapter = adapter

    @contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        """Yield the handler."""
        with self.sockets.running():
            yield _Started(self)


class _Started:
    """The started application."""

    def __init__(self, application: OneSocket) -> None:
        self.context = contextvars.copy_context()
        self._application = application

    def __call__(self, request: Request) -> Response:
        return self._application.adapter.respond(request, self._application.handler)

    def drain(self) -> None:
        """Do nothing."""


@pytest.fixture
def serve_socket() -> ServeSocket:
    """Return a function that serves a handler while a block runs."""

    def serve(
        handler: Callable[[PhotonWebSocket], object],
        *,
        settings: WebSocketsSettings | None = None,
        adapter: WebSocketAdapter | None = None,
    ) -> AbstractContextManager[LiveServer]:
        application = OneSocket(
            handler, settings or WebSocketsSettings(), adapter or WebSocketAdapter()
        )
        return live_server(application)

    return serve
