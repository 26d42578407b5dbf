"""Connections that break, peers that vanish, handlers that are busy: over real sockets."""

from __future__ import annotations

import logging
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import attrs
import pytest
from sqlalchemy import text
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect
from websockets.uri import parse_uri

from photon import Depends, Photon, PhotonWebSocket, deadline, offload, sleep, spawn
from photon_lifeguard import Database, DatabaseSettings
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server
from photon_ws import WebSocketClosed

Handler = Callable[[PhotonWebSocket], object]


@attrs.define
class HandlerEnd:
    """How a handler has ended."""

    ended: threading.Event = attrs.field(factory=threading.Event)
    code: int | None = None
    reason: str = ""
    seconds: float = 0.0
    error: BaseException | None = None


@contextmanager
def served(
    handler: Handler, tmp_path: Path, settings: str = ""
) -> Iterator[tuple[str, HandlerEnd]]:
    """Serve a handler; yield its URL, and how its next call has ended."""
    (tmp_path / "photon.toml").write_text(f"[websockets]\n{settings}\n")
    app = Photon()
    app.use_settings(load_settings(tmp_path, environment="test", environ={}))
    outcome = HandlerEnd()

    @app.websocket("/socket")
    def call(ws: PhotonWebSocket) -> None:
        begun = time.monotonic()
        try:
            handler(ws)
        except BaseException as error:
            outcome.error = error
            raise
        finally:
            outcome.code, outcome.reason = ws.close_code, ws.close_reason
            outcome.seconds = time.monotonic() - begun
            outcome.ended.set()

    with live_server(app) as server:
        yield f"ws://127.0.0.1:{server.port}/socket", outcome


class SlowPeer:
    """A client with a small buffer, which reads and writes only when the test does."""

    def __init__(self, url: str, *, buffer: int | None = None, behind: bytes = b"") -> None:
        self.protocol = ClientProtocol(parse_uri(url), max_size=None)
        self.socket = socket.socket()
        self.socket.settimeout(20)
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect((self.protocol.uri.host, self.protocol.uri.port))
        self.protocol.send_request(self.protocol.connect())
        self.socket.sendall(b"".join(self.protocol.data_to_send()) + behind)
        self.events: list[Any] = []
        self.next()
        assert self.protocol.handshake_exc is None

    def next(self) -> Any:
        """Return the response, and then one frame after the other; ``None`` at the end."""
        while not self.events:
            data = self.socket.recv(4096)
            if not data:
                return None
            self.protocol.receive_data(data)
            self.events += self.protocol.events_received()
        return self.events.pop(0)

    def reset(self) -> None:
        """Break the connection by an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def records_of(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.name.startswith("photon.web")]


def assert_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Assert that the end of a connection is one debug line, and that nothing else is logged."""
    assert [each.levelname for each in records_of(caplog)] == ["DEBUG"]
    loud = [each for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]
    assert not loud, caplog.text


# -- sending ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_coroutines_that_send_to_a_slow_peer_send_two_whole_messages(tmp_path: Path) -> None:
    messages = ["a" * 5_000_000, b"b" * 5_000_000]

    def send_both(ws: PhotonWebSocket) -> None:
        for task in [spawn(ws.send, message) for message in messages]:
            task.result()

    with served(send_both, tmp_path) as (url, outcome):
        peer = SlowPeer(url, buffer=4096)
        frames: list[Frame] = [peer.next(), peer.next()]
        peer.socket.close()
        assert outcome.ended.wait(5)
    assert [frame.opcode for frame in frames] == [Opcode.TEXT, Opcode.BINARY]
    assert frames[0].data == b"a" * 5_000_000
    assert frames[1].data == b"b" * 5_000_000


def test_a_cancelled_send_that_was_half_way_closes_the_connection(tmp_path: Path) -> None:
    seen: list[object] = []

    def send_for_a_moment(ws: PhotonWebSocket) -> None:
        try:
            with deadline(0.1):
                ws.send(bytes(20_000_000))
        except DeadlineExceeded as error:
            seen.append(error)
        assert not ws.connected
        ws.send("more")

    with served(send_for_a_moment, tmp_path) as (url, outcome):
        peer = SlowPeer(url, buffer=4096)
        assert outcome.ended.wait(5)
        peer.socket.close()
    assert isinstance(seen[0], DeadlineExceeded)
    assert isinstance(outcome.error, WebSocketClosed)
    assert outcome.code == 1006


def test_a_cancelled_send_that_has_not_begun_leaves_the_connection_open(tmp_path: Path) -> None:
    def send_two(ws: PhotonWebSocket) -> None:
        first = spawn(ws.send, bytes(20_000_000))
        sleep(0.05)
        with pytest.raises(TimeoutError):
            ws.send("second", timeout=0.05)
        assert ws.connected
        first.result()
        ws.send("third")

    with served(send_two, tmp_path) as (url, outcome):
        peer = SlowPeer(url)
        time.sleep(0.3)
        assert len(peer.next().data) == 20_000_000
        assert peer.next().data == b"third"
        assert peer.next().opcode is Opcode.CLOSE
        peer.socket.close()
        assert outcome.ended.wait(5)
    assert outcome.error is None


# -- the connection breaks --------------------------------------------------------------------


def send_for_ever(ws: PhotonWebSocket) -> None:
    while True:
        ws.send(bytes(1_000_000))


def receive_for_ever(ws: PhotonWebSocket) -> None:
    for _ in ws:
        pass


def sleep_while_connected(ws: PhotonWebSocket) -> None:
    while ws.connected:
        sleep(0.01)


@pytest.mark.parametrize("handler", [send_for_ever, receive_for_ever, sleep_while_connected])
@pytest.mark.parametrize("is_reset", [True, False])
def test_a_broken_connection_ends_the_handler_with_one_debug_line(
    handler: Handler, is_reset: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with served(handler, tmp_path, "ping_interval = 0.1") as (url, outcome):
        peer = SlowPeer(url)
        time.sleep(0.02)
        if is_reset:
            peer.reset()
        else:
            peer.socket.close()
        assert outcome.ended.wait(5)
    assert outcome.code == 1006
    assert outcome.error is None or isinstance(outcome.error, WebSocketClosed)
    assert_quiet(caplog)


def test_a_client_that_leaves_at_once_is_one_debug_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with served(receive_for_ever, tmp_path) as (url, outcome):
        SlowPeer(url).reset()
        assert outcome.ended.wait(5)
    assert_quiet(caplog)


def test_frames_that_follow_the_handshake_at_once_are_kept(tmp_path: Path) -> None:
    received: list[object] = []

    def receive_two(ws: PhotonWebSocket) -> None:
        received.extend([ws.receive(), ws.receive()])

    first = Frame(Opcode.TEXT, b"tea").serialize(mask=True)
    second = Frame(Opcode.BINARY, bytes(100_000)).serialize(mask=True)
    with served(receive_two, tmp_path) as (url, outcome):
        peer = SlowPeer(url, behind=first + second)
        assert outcome.ended.wait(5)
        peer.socket.close()
    assert received == ["tea", bytes(100_000)]


# -- the handler is busy ----------------------------------------------------------------------

KEEPALIVE = "ping_interval = 0.1\nping_timeout = 0.3"


def send_slowly(ws: PhotonWebSocket) -> None:
    while ws.connected:
        ws.send("tick")
        sleep(0.02)


def work_in_threads(ws: PhotonWebSocket) -> None:
    while ws.connected:
        offload(time.sleep, 0.05)


BUSY = [send_slowly, sleep_while_connected, work_in_threads]


@pytest.mark.slow
@pytest.mark.parametrize("handler", BUSY)
def test_a_busy_handler_stays_connected_and_learns_of_the_close(
    handler: Handler, tmp_path: Path
) -> None:
    with served(handler, tmp_path, KEEPALIVE) as (url, outcome), reading_client(url) as client:
        for _ in range(6):  # many times the interval and the timeout
            time.sleep(0.2)
            assert client.ping().wait(2), "the ping was not answered"
        assert not outcome.ended.is_set()
        client.close(4000, "enough")
        assert outcome.ended.wait(2)
    assert (outcome.code, outcome.reason) == (4000, "enough")
    assert outcome.error is None or isinstance(outcome.error, WebSocketClosed)


@pytest.mark.slow
def test_a_handler_that_queries_stays_connected_and_learns_of_the_close(
    postgres_url: str, tmp_path: Path
) -> None:
    database = Database(DatabaseSettings(url=postgres_url))

    def query(ws: PhotonWebSocket) -> None:
        with database.session() as session:
            while ws.connected:
                session.execute(text("SELECT pg_sleep(0.3)"))

    with served(query, tmp_path, KEEPALIVE) as (url, end), reading_client(url) as client:
        for _ in range(5):
            time.sleep(0.2)
            assert client.ping().wait(2), "the ping was not answered"
        assert not end.ended.is_set()
        client.close(4000, "enough")
        assert end.ended.wait(2)
    assert (end.code, end.reason) == (4000, "enough")
    database.close()


@contextmanager
def reading_client(url: str) -> Iterator[ClientConnection]:
    """Connect by another implementation, and discard what arrives."""
    with connect(url, ping_interval=None) as client:
        reading = threading.Thread(target=drain, args=[client])
        reading.start()
        yield client
        client.close()
        reading.join()


def drain(client: ClientConnection) -> None:
    try:
        while True:
            client.recv()
    except ConnectionClosed:
        pass


@pytest.mark.parametrize("handler", [receive_for_ever, send_for_ever, *BUSY])
def test_a_peer_that_does_not_answer_pings_is_given_up(handler: Handler, tmp_path: Path) -> None:
    with served(handler, tmp_path, KEEPALIVE) as (url, outcome), closing(SlowPeer(url).socket):
        assert outcome.ended.wait(5)
    assert outcome.code == 1006
    assert 0.3 < outcome.seconds < 2
    assert "ping" in outcome.reason


CLIENT = """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1], ping_interval=None) as client:
    print("connected", flush=True)
    for message in client:
        pass
"""


@contextmanager
def client_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """Run a client that reads and answers pings, as a process."""
    program = [sys.executable, "-c", CLIENT, url]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as client:
        try:
            assert client.stdout is not None
            assert client.stdout.readline() == "connected\n"
            yield client
        finally:
            client.kill()


@pytest.mark.slow
@pytest.mark.parametrize("handler", [receive_for_ever, sleep_while_connected, send_for_ever])
def test_a_stopped_process_is_noticed_and_one_that_answers_is_not(
    handler: Handler, tmp_path: Path
) -> None:
    with served(handler, tmp_path, KEEPALIVE) as (url, outcome), client_process(url) as client:
        assert not outcome.ended.wait(1)  # it answers pings
        client.send_signal(signal.SIGSTOP)
        assert outcome.ended.wait(3)
    assert outcome.code == 1006


# -- how a handler ends -----------------------------------------------------------------------


def fail(ws: PhotonWebSocket) -> None:
    raise LookupError("nothing here")


def leave(ws: PhotonWebSocket) -> None:
    ws.send("bye")


@pytest.mark.parametrize(("handler", "code"), [(fail, 1011), (leave, 1000)])
def test_the_end_of_the_handler_is_a_close_code(
    handler: Handler, code: int, tmp_path: Path
) -> None:
    with served(handler, tmp_path) as (url, outcome), connect(url) as client:
        drain(client)
        assert outcome.ended.wait(5)
        assert client.close_code == code
        assert "nothing here" not in (client.close_reason or "")


class Late:
    """A value that is released after the WebSocket."""


ENDS: list[str] = []
ENDED = threading.Event()


def noted() -> Iterator[int]:
    try:
        yield 1
    except BaseException as error:
        ENDS.append(type(error).__name__)
        raise
    ENDS.append("complete")


def noted_late() -> Iterator[Late]:
    try:
        with contextmanager(noted)():
            yield Late()
    finally:
        ENDED.set()


@pytest.mark.parametrize(("is_broken", "end"), [(True, "WebSocketClosed"), (False, "complete")])
def test_dependencies_of_a_connection_that_breaks_end_with_an_error(
    is_broken: bool, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Photon()
    app.provide(Late, noted_late, release="after_response")

    @app.websocket("/socket")
    def echo(ws: PhotonWebSocket, one: Annotated[int, Depends(noted)], two: Late) -> None:
        for message in ws:
            ws.send(message)

    ENDS.clear()
    ENDED.clear()
    with live_server(app) as server, caplog.at_level(logging.ERROR):
        with connect(f"ws://127.0.0.1:{server.port}/socket") as client:
            client.send("hello")
            assert client.recv() == "hello"
            if is_broken:
                client.socket.shutdown(socket.SHUT_RDWR)
        assert ENDED.wait(10)
    assert [end, end] == ENDS
    assert not [each for each in caplog.records if each.name.startswith("photon")]
