from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.sync.server import ServerConnection, serve

from photon_openapi.errors import ValidationError
from photon_runtime import deadline, scope, sleep, spawn
from photon_runtime.errors import DeadlineExceeded, NotRunning
from photon_runtime.testing import in_hub
from photon_ws.client import ClientWebSocket, connect, reconnecting
from photon_ws.errors import (
    ConnectionFailed,
    HandshakeFailed,
    HandshakeRefused,
    WebSocketClosed,
)
from photon_ws.protocol import encode_message, encode_ping

Handler = Callable[[ServerConnection], None]


@contextmanager
def peer(handler: Handler, **options: Any) -> Iterator[str]:
    """Serve ``handler`` by another implementation, on threads; yield its URL."""
    options = {"compression": "deflate", "ping_interval": None, "close_timeout": 2} | options
    with serve(handler, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.socket.getsockname()[:2]
        try:
            yield f"{'wss' if 'ssl' in options else 'ws'}://{host}:{port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def raw_peer(serve_one: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accept one connection, and pass its socket to ``serve_one`` on a thread."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                serve_one(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


class Silent:
    """Shakes hands, sends some bytes, and then neither reads nor writes until `over`."""

    def __init__(self, sent: bytes = b"") -> None:
        self.sent = sent
        self.over = threading.Event()

    def serve(self, connection: socket.socket) -> None:
        protocol = ServerProtocol()
        while not (events := protocol.events_received()):
            protocol.receive_data(connection.recv(65536))
        [request] = events
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        connection.sendall(b"".join(protocol.data_to_send()) + self.sent)
        self.over.wait(10)


def echo(ws: ServerConnection) -> None:
    for message in ws:
        ws.send(message)


@attrs.frozen
class Price:
    name: str
    cents: int


# -- messages ---------------------------------------------------------------------------------


@in_hub
def test_messages_are_sent_and_received() -> None:
    with peer(echo) as url, connect(url) as ws:
        ws.send_text("tea")
        ws.send_bytes(b"\x00tea")
        ws.send_json(Price("tea", 300))
        ws.write_message("last")
        assert ws.receive_text() == "tea"
        assert ws.receive_bytes() == b"\x00tea"
        assert ws.receive_json(Price) == Price("tea", 300)
        assert ws.read_message() == "last"
        assert ws.close_code is None
    assert ws.close_code == 1000


@pytest.mark.parametrize("deflate", [False, True])
@in_hub
def test_a_message_of_1_mib_is_echoed(deflate: bool) -> None:
    with peer(echo) as url, connect(url, deflate=deflate) as ws:
        text, data = "é" * (512 * 1024), bytes(range(256)) * 4096
        ws.send(text)
        assert ws.receive_text() == text
        ws.send(data)
        assert ws.receive_bytes() == data


@in_hub
def test_fragments_are_joined() -> None:
    def send_parts(ws: ServerConnection) -> None:
        ws.send(iter(["caf", "é ", "noir"]))
        ws.send(iter([b"a", b"b"]))
        ws.send(iter([b""] * 1000))

    with peer(send_parts) as url, connect(url) as ws:
        assert list(ws) == ["café noir", b"ab", b""]
        assert ws.close_code == 1000


@pytest.mark.parametrize("is_text", [True, False])
@in_hub
def test_a_message_of_the_other_kind_closes_with_1003(is_text: bool) -> None:
    codes: list[int] = []

    def note(ws: ServerConnection) -> None:
        try:
            echo(ws)
        finally:
            codes.append(ws.close_code or 0)

    with peer(note) as url, connect(url) as ws:
        ws.send("tea" if is_text else b"tea")
        with pytest.raises(WebSocketClosed, match=r"1003.*is expected"):
            (ws.receive_bytes if is_text else ws.receive_text)()
        assert not ws.connected
    assert codes == [1003]


@in_hub
def test_json_of_another_type_is_an_error_and_leaves_the_connection_open() -> None:
    with peer(echo) as url, connect(url) as ws:
        ws.send('{"name": 1}')
        with pytest.raises(ValidationError, match="/name: expected string"):
            ws.receive_json(Price)
        ws.send("{")
        with pytest.raises(ValidationError, match="not valid JSON"):
            ws.receive_json()
        ws.send("tea")
        assert ws.receive_text() == "tea"


@in_hub
def test_a_receive_ends_at_its_timeout_and_loses_nothing() -> None:
    with peer(echo) as url, connect(url) as ws:
        assert ws.receive(timeout=0) is None
        with pytest.raises(TimeoutError, match="no message of ws"):
            ws.read_message(timeout=0.01)
        with pytest.raises(TimeoutError):
            ws.receive_text(timeout=0.01)
        with pytest.raises(DeadlineExceeded), deadline(0.01):
            ws.receive()
        ws.send("tea")
        assert ws.receive(timeout=5) == "tea"


@in_hub
def test_messages_must_be_text_or_bytes() -> None:
    with peer(echo) as url, connect(url) as ws:
        wrong: list[tuple[Callable[[Any], None], object]]
        wrong = [
            (ws.write_message, 5),
            (ws.send, None),
            (ws.send_text, b"x"),
            (ws.send_bytes, "x"),
            (ws.send_bytes, 5),
        ]
        for send, value in wrong:
            with pytest.raises(TypeError):
                send(value)
        assert ws.connected


@in_hub
def test_senders_do_not_interleave() -> None:
    with peer(echo, max_size=None) as url, connect(url, max_message_size=2**23) as ws:
        messages = [letter * 2_000_000 for letter in "abc"]
        tasks = [spawn(ws.send, message) for message in messages]
        assert sorted(ws.receive_text() for _ in messages) == messages
        for task in tasks:
            task.result()


@in_hub
def test_a_slow_caller_makes_the_server_wait() -> None:
    sent: list[int] = []

    def flood(ws: ServerConnection) -> None:
        for number in range(400):
            ws.send(bytes(100_000))
            sent.append(number)

    with peer(flood, compression=None) as url, connect(url, max_queue=2) as ws:
        sleep(0.3)
        assert len(sent) < 200
        assert sum(1 for _ in ws) == 400


# -- control frames ---------------------------------------------------------------------------


@in_hub
def test_pings_of_the_server_are_answered_while_the_caller_is_busy() -> None:
    answered = threading.Event()

    def ping(ws: ServerConnection) -> None:
        if ws.ping().wait(5):
            answered.set()

    with peer(ping) as url, connect(url):
        for _ in range(100):
            if answered.is_set():
                break
            sleep(0.02)  # the caller does something else
    assert answered.is_set()


@in_hub
def test_a_server_that_pings_without_pause_leaves_turns_to_other_tasks() -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            sleep(0)
            turns += 1

    flooding = Silent(encode_ping() * 200_000 + encode_message("done"))
    with raw_peer(flooding.serve) as url, connect(url) as ws, scope() as tasks:
        tasks.spawn(count)
        assert ws.receive_text(timeout=20) == "done"
        assert turns >= 5
        tasks.cancel()
        flooding.over.set()


@in_hub
def test_a_ping_measures_the_round_trip() -> None:
    with peer(echo) as url, connect(url) as ws:
        assert 0 < ws.ping() < 5
        assert 0 < ws.ping(b"tea") < 5
        with pytest.raises(ValueError, match="125"):
            ws.ping(b"x" * 126)


@in_hub
def test_a_pong_that_does_not_come_is_a_timeout() -> None:
    silent = Silent()
    with raw_peer(silent.serve) as url:
        ws = connect(url, close_timeout=0.1)
        with pytest.raises(TimeoutError, match="no pong"):
            ws.ping(timeout=0.05)
        ws.close()
        silent.over.set()
    with pytest.raises(WebSocketClosed):
        ws.ping()


@in_hub
def test_a_server_that_vanished_is_noticed() -> None:
    silent = Silent()
    with raw_peer(silent.serve) as url:
        ws = connect(url, ping_interval=0.1, ping_timeout=0.1)
        with pytest.raises(WebSocketClosed, match="did not answer a ping") as caught:
            ws.receive(timeout=5)
        silent.over.set()
    assert caught.value.code == 1006


@in_hub
def test_an_idle_connection_stays_open() -> None:
    with peer(echo) as url, connect(url, ping_interval=0.05, ping_timeout=1) as ws:
        assert ws.receive(timeout=0.3) is None
        assert ws.connected


# -- the end ----------------------------------------------------------------------------------


@in_hub
def test_the_close_of_the_server_has_its_code_and_reason() -> None:
    def leave(ws: ServerConnection) -> None:
        ws.send("bye")
        ws.close(4000, "no tea")

    with peer(leave) as url, connect(url) as ws:
        assert list(ws) == ["bye"]
        for call in (ws.receive, ws.receive_text, ws.ping, lambda: ws.send("x")):
            with pytest.raises(WebSocketClosed, match="4000: no tea") as caught:
                call()
            assert (caught.value.code, caught.value.reason) == (4000, "no tea")
        assert ws.read_message() is None
        assert (ws.close_code, ws.close_reason) == (4000, "no tea")


@in_hub
def test_close_tells_the_server_code_and_reason() -> None:
    seen: list[tuple[int, str]] = []

    def note(ws: ServerConnection) -> None:
        try:
            ws.recv()
        except ConnectionClosed as error:
            seen.append((error.rcvd.code, error.rcvd.reason) if error.rcvd else (0, ""))

    with peer(note) as url:
        ws = connect(url)
        ws.close(4001, "ü" * 100)
        ws.close()
    assert seen == [(4001, "ü" * 61)]


@in_hub
def test_codes_that_must_not_be_sent_are_refused() -> None:
    with peer(echo) as url, connect(url) as ws:
        for code in (1005, 1006, 999, 5000):
            with pytest.raises(ValueError, match=str(code)):
                ws.close(code)
        assert ws.connected


@in_hub
def test_a_server_that_does_not_answer_the_close_is_left() -> None:
    silent = Silent()
    with raw_peer(silent.serve) as url:
        ws = connect(url, close_timeout=0.1)
        ws.close()
        assert ws.close_code == 1006
        assert "did not close" in ws.close_reason
        silent.over.set()


@in_hub
def test_a_message_over_the_limit_closes_with_1009() -> None:
    codes: list[int] = []

    def send_much(ws: ServerConnection) -> None:
        ws.send("x" * 100_000)  # compresses to little
        try:
            ws.recv()
        except ConnectionClosed as error:
            codes.append(error.rcvd.code if error.rcvd else 0)

    with peer(send_much) as url, connect(url, max_message_size=1000) as ws:
        with pytest.raises(WebSocketClosed) as caught:
            ws.receive(timeout=5)
        assert caught.value.code == 1009
    assert codes == [1009]


@pytest.mark.parametrize(
    ("sent", "code"),
    [(b"\x81\x02\xc3\x28", 1007), (b"\x83\x00", 1002), (b"\x81\x80\x00\x00\x00\x00", 1002)],
)
@in_hub
def test_a_server_that_breaks_the_protocol_is_closed(sent: bytes, code: int) -> None:
    silent = Silent(sent)
    with raw_peer(silent.serve) as url:
        ws = connect(url, close_timeout=0.1)
        with pytest.raises(WebSocketClosed) as caught:
            ws.receive(timeout=5)
        silent.over.set()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("last", "code"), [(b"\x88\x02\x0f\xa0", 4000), (b"\x83\x00", 1002), (b"\x81\x01\xff", 1007)]
)
@in_hub
def test_messages_before_the_end_can_still_be_answered(last: bytes, code: int) -> None:
    answers: list[bytes] = []

    def serve_one(connection: socket.socket) -> None:
        silent = Silent(b"\x81\x03one\x81\x03two" + last)
        silent.over.set()
        silent.serve(connection)
        while data := connection.recv(65536):
            answers.append(data)

    with raw_peer(serve_one) as url:
        ws = connect(url, close_timeout=0.2)
        for message in ws:
            ws.send(message)
        assert ws.close_code == code
    frames = b"".join(answers)  # masked: 2 + 4 bytes of header
    assert [frames[0], frames[9], frames[18]] == [0x81, 0x81, 0x88]


@in_hub
def test_a_close_within_a_fragmented_message_is_answered() -> None:
    silent = Silent(b"\x01\x03one\x88\x02\x0f\xa0")
    with raw_peer(silent.serve) as url:
        ws = connect(url, close_timeout=0.1)
        assert list(ws) == []
        silent.over.set()
    assert ws.close_code == 4000


@in_hub
def test_a_caller_that_does_not_receive_does_not_keep_the_connection_open() -> None:
    def leave(ws: ServerConnection) -> None:
        ws.send("bye")
        ws.close(4000)

    with peer(leave) as url:
        ws = connect(url, close_timeout=0.1)
        for _ in range(100):
            if ws.close_code is not None:
                break
            sleep(0.02)
        assert ws.close_code == 4000
        assert ws.receive() == "bye"


@in_hub
def test_a_connection_that_breaks_is_1006() -> None:
    def break_connection(ws: ServerConnection) -> None:
        ws.send("one")
        ws.socket.shutdown(socket.SHUT_RDWR)

    with peer(break_connection) as url, connect(url) as ws:
        assert list(ws) == ["one"]
        assert ws.close_code == 1006
        with pytest.raises(WebSocketClosed, match="1006"):
            ws.send("two")


@in_hub
def test_frames_that_arrive_with_the_response_are_kept() -> None:
    silent = Silent(b"\x81\x03tea")
    with raw_peer(silent.serve) as url:
        ws = connect(url, close_timeout=0.1)
        assert ws.receive_text(timeout=5) == "tea"
        silent.over.set()
        ws.close()


@in_hub
def test_a_send_that_is_cancelled_half_way_closes_the_connection() -> None:
    silent = Silent()
    with raw_peer(silent.serve) as url:
        ws = connect(url, deflate=False)
        with pytest.raises(DeadlineExceeded), deadline(0.1):
            ws.send(bytes(20_000_000))
        with pytest.raises(WebSocketClosed, match="a send was cancelled"):
            ws.send("more")
        silent.over.set()


@in_hub
def test_a_send_that_waits_for_its_turn_can_be_cancelled() -> None:
    silent = Silent()
    with raw_peer(silent.serve) as url:
        ws = connect(url, deflate=False, close_timeout=0.1)
        first = spawn(ws.send, bytes(20_000_000))
        sleep(0.05)
        with pytest.raises(TimeoutError):
            ws.send("second", timeout=0.05)
        assert ws.connected
        ws.close()
        with pytest.raises(WebSocketClosed):
            first.result()
        silent.over.set()


@in_hub
def test_a_cancelled_block_closes_the_connection() -> None:
    codes: list[int] = []

    def note(ws: ServerConnection) -> None:
        try:
            ws.recv()
        except ConnectionClosed as error:
            codes.append(error.rcvd.code if error.rcvd else 0)

    with peer(note) as url:
        with pytest.raises(DeadlineExceeded), deadline(0.1), connect(url) as ws:
            ws.receive()
        assert not ws.connected
    assert codes == [1000]


@in_hub
def test_the_connection_outlives_the_deadline_in_which_it_was_made() -> None:
    with peer(echo) as url:
        with deadline(1):
            ws = connect(url)
        sleep(0.01)
        ws.send("tea")
        assert ws.receive(timeout=5) == "tea"
        ws.close()


# -- the handshake ----------------------------------------------------------------------------


@in_hub
def test_headers_origin_credentials_and_subprotocols_are_sent() -> None:
    seen: list[Any] = []

    def note(ws: ServerConnection) -> None:
        assert ws.request is not None
        fields = ws.request.headers
        seen.extend(fields.get(name) for name in ("X-Tea", "Origin", "Authorization"))

    with peer(note, subprotocols=["b"]) as url:
        ws = connect(
            url.replace("//", "//ada:secret@"),
            subprotocols=["a", "b"],
            headers={"x-tea": "green"},
            origin="https://shop.example",
        )
        assert ws.subprotocol == "b"
        assert ws.headers["upgrade"] == "websocket"
        assert "secret" not in repr(ws)
        ws.close()
    assert seen == ["green", "https://shop.example", "Basic YWRhOnNlY3JldA=="]


@in_hub
def test_a_field_replaces_that_of_the_handshake() -> None:
    hosts: list[str] = []

    def note(ws: ServerConnection) -> None:
        assert ws.request is not None
        hosts.extend(ws.request.headers.get_all("Host"))

    with peer(note) as url, connect(url, headers={"Host": "shop.example"}):
        pass
    assert hosts == ["shop.example"]


@pytest.mark.parametrize(
    "fields", [{"Sec-WebSocket-Key": "x"}, {"upgrade": "x"}, {"x": "a\r\nb: c"}, {"x y": "z"}]
)
@in_hub
def test_fields_that_would_break_the_handshake_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="field"):
        connect("ws://127.0.0.1:1", headers=fields)


@in_hub
def test_a_refusal_has_status_headers_and_body() -> None:
    def refuse(ws: ServerConnection, request: Request) -> Response:
        return ws.respond(401, '{"title": "no token"}')

    with peer(echo, process_request=refuse) as url, pytest.raises(HandshakeRefused) as caught:
        connect(url)
    error = caught.value
    assert error.status == 401
    assert error.json() == {"title": "no token"}
    assert error.headers["content-type"].startswith("text/plain")
    assert "status 401" in str(error)
    assert "no token" in str(error)


@in_hub
def test_a_redirect_is_refused_and_names_its_target() -> None:
    def redirect(ws: ServerConnection, request: Request) -> Response:
        response = ws.respond(307, "")
        response.headers["Location"] = "wss://elsewhere.example/"
        return response

    with peer(echo, process_request=redirect) as url, pytest.raises(HandshakeRefused) as caught:
        connect(url)
    assert "redirect to wss://elsewhere.example/" in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: wrong\r\n\r\n",
    ],
)
@in_hub
def test_an_invalid_response_is_an_error(answer: bytes) -> None:
    def serve_one(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with raw_peer(serve_one) as url, pytest.raises(HandshakeFailed, match="invalid handshake"):
        connect(url)


@in_hub
def test_a_server_that_does_not_answer_is_a_timeout() -> None:
    over = threading.Event()

    def wait(connection: socket.socket) -> None:
        over.wait(5)

    with raw_peer(wait) as url:
        with pytest.raises(TimeoutError, match=r"not open after 0\.1 seconds"):
            connect(url, timeout=0.1)
        over.set()


@pytest.mark.parametrize(
    "url", ["http://x/", "/chat", "ws:///chat", "ws://x/#top", "ws://x:99999/", "ws://ada@x/", ""]
)
@in_hub
def test_an_invalid_url_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - some are of the standard library
        connect(url)


@in_hub
def test_an_unknown_name_is_said() -> None:
    with pytest.raises(ConnectionFailed, match=r"the name nowhere\.invalid is not known"):
        connect("ws://nowhere.invalid/chat?token=secret")


@in_hub
def test_a_port_that_nothing_listens_on_is_said() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionFailed, match=f"127.0.0.1:{port}/chat cannot be reached.*refused"):
        connect(f"ws://127.0.0.1:{port}/chat")


def test_it_needs_a_scheduler() -> None:
    with pytest.raises(NotRunning):
        connect("ws://127.0.0.1:1/")


# -- TLS --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", "both.pem", "-out", "both.pem", "-days", "2"),
            *("-subj", "/CN=shop.example", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "both.pem"


@contextmanager
def secure_peer(handler: Handler, certificate: Path) -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with peer(handler, ssl=context) as url:
        yield url


@in_hub
def test_wss_is_tls(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with secure_peer(echo, certificate) as url, connect(url, tls=trusting) as ws:
        waiting = spawn(ws.receive_text)
        ws.send("x" * 1_000_000)
        assert len(waiting.result()) == 1_000_000
        assert ws.ping() > 0


@in_hub
def test_a_certificate_that_is_not_trusted_is_refused(certificate: Path) -> None:
    with secure_peer(echo, certificate) as url:
        with pytest.raises(ConnectionFailed, match="certificate is not valid: self-signed"):
            connect(url)
        trusting = ssl.create_default_context(cafile=str(certificate))
        with pytest.raises(ConnectionFailed, match=r"certificate is not valid: .*localhost"):
            connect(url.replace("127.0.0.1", "localhost"), tls=trusting)


@in_hub
def test_a_server_without_tls_is_said() -> None:
    with peer(echo) as url:
        with pytest.raises(ConnectionFailed, match="TLS handshake failed"):
            connect(url.replace("ws:", "wss:"))
        with pytest.raises(ValueError, match="use wss"):
            connect(url, tls=ssl.create_default_context())


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Swit", b"HTTP/1.1 503 Busy\r\nServer: x"])
@in_hub
def test_a_server_that_ends_within_its_response_is_a_broken_connection(answer: bytes) -> None:
    def serve_one(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with (
        raw_peer(serve_one) as url,
        pytest.raises(ConnectionFailed, match="before the response was complete"),
    ):
        connect(url)


@in_hub
def test_a_refusal_by_a_proxy_of_http_1_0_has_its_status() -> None:
    def serve_one(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.0 503 Unavailable\r\nContent-Type: text/plain\r\n\r\nsoon")

    with raw_peer(serve_one) as url, pytest.raises(HandshakeRefused) as caught:
        connect(url)
    assert (caught.value.status, caught.value.body) == (503, b"soon")


# -- connecting again -------------------------------------------------------------------------


@in_hub
def test_it_connects_again_after_each_end() -> None:
    served: list[int] = []

    def serve_one(ws: ServerConnection) -> None:
        served.append(len(served))
        ws.send(f"message {served[-1]}")

    received: list[object] = []
    with peer(serve_one) as url:
        for ws in reconnecting(url, min_delay=0.01, max_delay=0.02):
            received += ws
            if len(received) == 3:
                break
    assert received == ["message 0", "message 1", "message 2"]


@in_hub
def test_it_waits_for_a_server_that_is_not_there_yet() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]

    def first() -> ClientWebSocket:
        url = f"ws://127.0.0.1:{port}"
        [ws] = islice(reconnecting(url, min_delay=0.01, max_delay=0.02), 1)
        return ws

    connecting = spawn(first)
    sleep(0.1)
    assert not connecting.done
    connecting.cancel()


@in_hub
def test_a_refusal_for_good_is_raised_and_a_temporary_one_is_not() -> None:
    statuses = [503, 429, 403]

    def refuse(ws: ServerConnection, request: Request) -> Response:
        return ws.respond(statuses.pop(0), "")

    with peer(echo, process_request=refuse) as url, pytest.raises(HandshakeRefused) as caught:
        next(reconnecting(url, min_delay=0.01))
    assert caught.value.status == 403
    assert not statuses


@in_hub
def test_it_waits_as_long_as_a_refusal_asks() -> None:
    refused: list[float] = []

    def refuse(ws: ServerConnection, request: Request) -> Response | None:
        refused.append(time.monotonic())
        if len(refused) > 1:
            return None
        response = ws.respond(503, "")
        response.headers["Retry-After"] = "1"
        return response

    with peer(echo, process_request=refuse) as url:
        for ws in reconnecting(url, min_delay=0.01, max_delay=0.3):
            ws.close()
            break
    assert refused[1] - refused[0] >= 0.3


@in_hub
def test_waiting_pauses_only_the_calling_task() -> None:
    ticks: list[int] = []

    def tick() -> None:
        while True:
            ticks.append(1)
            sleep(0.01)

    with peer(echo) as url, connect(url) as ws:
        ticking = spawn(tick)
        assert ws.receive(timeout=0.2) is None
        ticking.cancel()
    assert len(ticks) > 5


UNDER_THE_PATCH = """
import sys
from photon_runtime.patch import patch_stdlib
patch_stdlib()
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not slow", sys.argv[1]]))
"""


@pytest.mark.slow
def test_all_of_this_works_with_the_patch() -> None:
    program = [sys.executable, "-c", UNDER_THE_PATCH, __file__]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
