"""Handlers behind a real server, called by another implementation of the protocol."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import photon_runtime as rt
from photon_runtime.http import HttpError
from photon_ws import PhotonWebSocket, WebSocketAdapter, WebSocketClosed, WebSocketsSettings

if TYPE_CHECKING:
    from photon_runtime.testing import LiveServer

    from .conftest import ServeSocket


def echo(ws: PhotonWebSocket) -> None:
    while (message := ws.read_message()) is not None:
        ws.write_message(message)


def open_socket(server: LiveServer, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}/chat?x=1", legacy=True, **options)


def extensions_of(client: ClientConnection) -> str:
    assert client.response is not None
    return client.response.headers.get("Sec-WebSocket-Extensions", "")


def close_code(client: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(timeout=5)
    assert caught.value.rcvd is not None, "the connection broke without a close frame"
    return caught.value.rcvd.code, caught.value.rcvd.reason


def test_a_loop_of_reading_and_writing_ends_when_the_client_leaves(
    serve_socket: ServeSocket,
) -> None:
    with serve_socket(echo) as server, open_socket(server) as client:
        client.send("text")
        client.send(b"bytes")
        assert [client.recv(), client.recv()] == ["text", b"bytes"]
        client.close(1000, "enough")
        assert client.close_code == 1000


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536, 1_000_000])
def test_messages_of_all_sizes_come_back(serve_socket: ServeSocket, size: int) -> None:
    with serve_socket(echo) as server, open_socket(server) as client:
        client.send("ü" * (size // 2) + "x" * (size % 2))
        assert len(client.recv()) == size // 2 + size % 2
        client.send(b"\xff" * size)
        assert client.recv() == b"\xff" * size


def test_iteration_ends_when_the_client_leaves(serve_socket: ServeSocket) -> None:
    received: list[object] = []

    def collect(ws: PhotonWebSocket) -> None:
        received.extend(ws)
        received.append(ws.close_code)

    with serve_socket(collect) as server, open_socket(server) as client:
        client.send("a")
        client.send("b")
    assert received == ["a", "b", 1000]


def test_a_handler_that_returns_closes_with_1000(serve_socket: ServeSocket) -> None:
    with serve_socket(lambda ws: None) as server, open_socket(server) as client:
        assert close_code(client) == (1000, "")


def test_a_handler_that_fails_closes_with_1011(
    serve_socket: ServeSocket, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(ws: PhotonWebSocket) -> None:
        raise LookupError("secret")

    with (
        caplog.at_level(logging.ERROR),
        serve_socket(fail) as server,
        open_socket(server) as client,
    ):
        code, reason = close_code(client)
    assert code == 1011
    assert "secret" not in reason
    assert "secret" in caplog.text


@pytest.mark.parametrize(("status", "code"), [(404, 1008), (503, 1011)])
def test_http_errors_of_a_handler_close_with_a_code(
    serve_socket: ServeSocket, status: int, code: int
) -> None:
    def fail(ws: PhotonWebSocket) -> None:
        raise HttpError(status, "no such room")

    with serve_socket(fail) as server, open_socket(server) as client:
        assert close_code(client) == (code, "no such room")


def test_a_handler_closes_with_a_code_of_its_own(serve_socket: ServeSocket) -> None:
    with (
        serve_socket(lambda ws: ws.close(4001, "grüße")) as server,
        open_socket(server) as client,
    ):
        assert close_code(client) == (4001, "grüße")


def test_the_server_closes_with_1001_when_it_stops(serve_socket: ServeSocket) -> None:
    with serve_socket(echo) as server:
        client = open_socket(server)
        client.send("x")
        assert client.recv() == "x"
    assert close_code(client)[0] == 1001


def test_json_is_received_with_a_type(serve_socket: ServeSocket) -> None:
    def add(ws: PhotonWebSocket) -> None:
        ws.send_json({"sum": sum(ws.receive_json(list[int]))})
        ws.receive_json(list[int])

    with serve_socket(add) as server, open_socket(server) as client:
        client.send("[1, 2, 3]")
        assert client.recv() == '{"sum":6}'
        client.send('[1, "2"]')
        code, reason = close_code(client)
        assert code == 1007
        assert "/1" in reason


def test_another_kind_of_message_than_expected_closes_with_1003(serve_socket: ServeSocket) -> None:
    with (
        serve_socket(lambda ws: ws.receive_text()) as server,
        open_socket(server) as client,
    ):
        client.send(b"bytes")
        assert close_code(client) == (1003, "text is expected, not a binary message")


def test_a_message_over_the_limit_closes_with_1009(serve_socket: ServeSocket) -> None:
    settings = WebSocketsSettings(max_message_size=1000)
    with serve_socket(echo, settings=settings) as server, open_socket(server) as client:
        client.send("x" * 1000)
        assert client.recv() == "x" * 1000
        client.send("x" * 1001)
        assert close_code(client)[0] == 1009


def test_the_request_is_at_hand(serve_socket: ServeSocket) -> None:
    def describe(ws: PhotonWebSocket) -> None:
        assert ws.client is not None
        ws.send_text(f"{ws.request.path} {ws.headers['x-name']} {ws.subprotocol}")

    adapter = WebSocketAdapter(subprotocols=["v2", "v1"])
    with (
        serve_socket(describe, adapter=adapter) as server,
        open_socket(
            server,
            subprotocols=["v1", "v2"],
            additional_headers={"X-Name": "Ada"},
        ) as client,
    ):
        assert client.recv() == "/chat Ada v2"


def test_pages_of_other_origins_are_refused(serve_socket: ServeSocket) -> None:
    with serve_socket(echo) as server:
        with pytest.raises(InvalidStatus) as caught:
            open_socket(server, origin="https://evil.example")
        assert caught.value.response.status_code == 403
        open_socket(server, origin=server.url).close()
    adapter = WebSocketAdapter(origins=["https://shop.example"])
    with serve_socket(echo, adapter=adapter) as server:
        open_socket(server, origin="https://shop.example").close()


def test_a_plain_request_is_answered_with_426(serve_socket: ServeSocket) -> None:
    with serve_socket(echo) as server:
        response = server.request("GET", "/chat")
        assert response.status == 426
        assert response.headers["upgrade"] == "websocket"


def test_subprotocols_are_different_tokens() -> None:
    with pytest.raises(TypeError, match="a list of names, not the string 'chat'"):
        WebSocketAdapter(subprotocols="chat")
    for names in (["a b"], ["a", "a"], [""]):
        with pytest.raises(ValueError, match="different tokens"):
            WebSocketAdapter(subprotocols=names)


HANDSHAKE = (
    b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize(
    ("old", "new", "status", "field"),
    [
        (b"Version: 13", b"Version: 8", 426, b"sec-websocket-version: 13"),
        (b"Upgrade: websocket\r\n", b"", 426, b"upgrade: websocket"),
        (b"HTTP/1.1", b"HTTP/1.0", 426, b"connection: close"),
        (b"Connection: Upgrade\r\n", b"", 400, b""),
        (
            b"Sec-WebSocket-Key",
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Key",
            400,
            b"",
        ),
        (b"AAA==", b"A==", 400, b""),
        (b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\nbody", 400, b""),
        (b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, b""),
        (b"\r\n\r\n", b"\r\nOrigin: null\r\n\r\n", 403, b""),
        (b"\r\n\r\n", b"\r\nOrigin: http://b\r\n\r\n", 403, b""),
        (b"GET", b"POST", 405, b"allow: GET"),
    ],
)
def test_other_handshakes_are_refused_by_responses(
    serve_socket: ServeSocket, old: bytes, new: bytes, status: int, field: bytes
) -> None:
    with serve_socket(echo) as server, server.connect() as client:
        client.sendall(HANDSHAKE.replace(old, new, 1))
        head, _, rest = b"".join(iter(lambda: _part_of(client), b"")).partition(b"\r\n\r\n")
        assert int(head.split()[1]) == status
        assert field in head
        assert f'"status":{status}'.encode() in rest


def _part_of(client: socket.socket) -> bytes:
    """Return what has arrived; the end after a pause, since the connection stays open."""
    client.settimeout(0.3)
    try:
        return client.recv(65536)
    except TimeoutError:
        return b""


def test_a_busy_handler_stays_connected(serve_socket: ServeSocket) -> None:
    def work(ws: PhotonWebSocket) -> None:
        rt.sleep(1.5)
        ws.send_text("done")

    settings = WebSocketsSettings(ping_interval=0.2, ping_timeout=0.2)
    with serve_socket(work, settings=settings) as server, open_socket(server) as client:
        assert client.recv(timeout=5) == "done"


@pytest.mark.slow
def test_holds_of_the_scheduler_end_no_socket_whose_client_answers(
    serve_socket: ServeSocket,
) -> None:
    def serve(ws: PhotonWebSocket) -> None:
        while (message := ws.read_message()) is not None:
            if message == "hold":
                time.sleep(0.4)  # the test does not patch: this blocks the scheduler
            ws.write_message(message)

    settings = WebSocketsSettings(ping_interval=0.1, ping_timeout=0.3)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve_socket(serve, settings=settings))
        clients = [stack.enter_context(open_socket(server)) for _ in range(6)]
        for _ in range(2):
            for client in clients[:4]:
                client.send("hold")
            for client in clients[:4]:
                assert client.recv(timeout=10) == "hold"
            for client in clients[4:]:
                client.send("still here")
                assert client.recv(timeout=10) == "still here"


@pytest.mark.slow
def test_client_that_answers_no_ping_is_ended_with_a_log_record(
    serve_socket: ServeSocket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "photon.websockets")
    settings = WebSocketsSettings(ping_interval=0.1, ping_timeout=0.2)
    with serve_socket(echo, settings=settings) as server, server.connect() as client:
        client.sendall(HANDSHAKE)
        address = "{}:{}".format(*client.getsockname())
        while client.recv(4096):
            pass
    expected = f"the WebSocket of {address} was ended: the peer did not answer a ping"
    assert f"{expected}; the limit is ping_timeout = 0.2 seconds" in caplog.text


def test_bytes_behind_the_handshake_are_kept(serve_socket: ServeSocket) -> None:
    with serve_socket(echo) as server, server.connect() as client:
        client.sendall(HANDSHAKE + b"\x81\x82\0\0\0\0hi")
        received = b""
        while not received.endswith(b"\x81\x02hi"):
            part = client.recv(4096)
            assert part, received
            received += part


def test_messages_are_compressed_for_clients_that_offer_it(serve_socket: ServeSocket) -> None:
    with serve_socket(echo) as server, open_socket(server) as client:
        assert "no_context_takeover" in extensions_of(client)
        client.send("x" * 10_000)
        assert client.recv() == "x" * 10_000
    settings = WebSocketsSettings(deflate=False)
    with serve_socket(echo, settings=settings) as server, open_socket(server) as client:
        assert not extensions_of(client)


def test_what_the_client_causes_is_an_error_for_dependencies_and_no_error_in_the_log(
    serve_socket: ServeSocket, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def fail(ws: PhotonWebSocket) -> None:
        try:
            ws.receive_json(int)
        except Exception as error:
            seen.append(type(error).__name__)
            raise

    with (
        caplog.at_level(logging.WARNING),
        serve_socket(fail) as server,
        open_socket(server) as client,
    ):
        client.send('"text"')
        assert close_code(client)[0] == 1007
    assert seen == ["ValidationError"]
    assert not caplog.records


def test_large_messages_without_a_wait_let_other_tasks_run(serve_socket: ServeSocket) -> None:
    turns: list[int] = []

    def send_much(ws: PhotonWebSocket) -> None:
        def count() -> None:
            while True:
                turns.append(1)
                rt.yield_now()

        counting = rt.spawn(count)
        for _ in range(20):
            ws.send(bytes(1_000_000))  # 1 KB compressed: there is always room
        counting.cancel()

    with serve_socket(send_much) as server, open_socket(server, max_size=None) as client:
        assert [len(client.recv()) for _ in range(20)] == [1_000_000] * 20
    assert len(turns) > 10


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError("elsewhere"), WebSocketClosed(1000, "of B")]
)
def test_an_error_of_another_connection_is_an_error_of_the_handler(
    serve_socket: ServeSocket, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(ws: PhotonWebSocket) -> None:
        raise error

    with (
        caplog.at_level(logging.ERROR),
        serve_socket(fail) as server,
        open_socket(server) as client,
    ):
        assert close_code(client)[0] == 1011
    assert len(caplog.records) == 1
    assert str(error) in caplog.text


def test_a_handler_that_ends_the_task_closes_with_1011(serve_socket: ServeSocket) -> None:
    def leave(ws: PhotonWebSocket) -> None:
        raise GeneratorExit

    with serve_socket(leave) as server, open_socket(server) as client:
        assert close_code(client)[0] == 1011


@pytest.mark.parametrize(
    "data", [bytearray(b"abcd"), memoryview(b"abcd"), memoryview(b"abcdabcd").cast("i")[:1]]
)
def test_buffers_are_sent_as_binary_messages(serve_socket: ServeSocket, data: Any) -> None:
    def send(ws: PhotonWebSocket) -> None:
        ws.send(data)
        ws.send_bytes(data)
        ws.write_message(data)

    with serve_socket(send) as server, open_socket(server) as client:
        assert [client.recv() for _ in range(3)] == [b"abcd"] * 3
        assert close_code(client)[0] == 1000


def test_values_are_not_sent_as_their_python_text(serve_socket: ServeSocket) -> None:
    def send(ws: PhotonWebSocket) -> None:
        calls: list[Any] = [ws.send, ws.send_text, ws.send_bytes, ws.write_message]
        for call in calls:
            for value in ({"a": 1}, [1], None):
                with pytest.raises(TypeError, match=r"send_json\(\)"):
                    call(value)
        ws.send(5)  # as with simple-websocket

    with serve_socket(send) as server, open_socket(server) as client:
        assert client.recv() == "5"
        assert close_code(client)[0] == 1000
