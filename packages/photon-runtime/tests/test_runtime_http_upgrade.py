from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

import photon_runtime as rt
from photon_runtime.http import Request, Response, ServerSettings, UpgradedStream, upgrade
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    from collections.abc import Iterator


def shout(stream: UpgradedStream) -> None:
    """Send back in capitals what comes, until the client ends."""
    while part := stream.recv():
        stream.sendall(part.upper())


def handle(request: Request) -> Response:
    if request.path == "/shout" and "shout" in request.upgrades:
        return upgrade("shout", shout, headers={"x-level": "loud"})
    if request.path == "/wrong":
        return upgrade("other", shout)
    return Response(body=f"{request.path} {request.upgrades}")


@pytest.fixture(scope="module")
def shouting() -> Iterator[LiveServer]:
    with live_server(handle) as server:
        yield server


def offer(
    path: str = "/shout", *fields: str, protocol: str = "Shout", version: str = "1.1"
) -> bytes:
    lines = [
        *(f"GET {path} HTTP/{version}", "Host: a", "Connection: keep-alive, Upgrade"),
        *(f"Upgrade: {protocol}", *fields, "", ""),
    ]
    return "\r\n".join(lines).encode()


def receive_until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        part = client.recv(65536)
        assert part, f"the connection ended after {data!r}"
        data += part
    return data


def receive_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


GET = b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def test_offer_that_is_taken_up_changes_the_protocol(shouting: LiveServer) -> None:
    with shouting.connect() as client:
        client.sendall(offer())
        head = receive_until(client, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        fields = head.lower().split(b"\r\n")
        assert b"connection: upgrade" in fields
        assert b"upgrade: shout" in fields
        assert b"x-level: loud" in fields
        assert not any(field.startswith(b"content-length") for field in fields)
        for word in (b"hello", b"world"):
            client.sendall(word)
            assert receive_until(client, word.upper())
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


@pytest.mark.parametrize("first", [b"early", GET, b"\0\xff"])
def test_bytes_behind_the_offer_belong_to_the_new_protocol(
    shouting: LiveServer, first: bytes
) -> None:
    with shouting.connect() as client:
        client.sendall(offer() + first)
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client).partition(b"\r\n\r\n")[2] == first.upper()


def test_offer_behind_other_requests_is_taken_up(shouting: LiveServer) -> None:
    with shouting.connect() as client:
        client.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n" + offer() + b"end")
        client.shutdown(socket.SHUT_WR)
        wire = receive_all(client)
    assert wire.index(b"/a []") < wire.index(b" 101 ")
    assert wire.endswith(b"END")


def test_offer_is_taken_up_wherever_it_is_cut(shouting: LiveServer) -> None:
    data = offer() + b"end"
    for cut in range(1, len(data)):
        with shouting.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(data[:cut])
            client.sendall(data[cut:])
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client).endswith(b"\r\n\r\nEND"), cut


def test_offer_that_is_not_taken_up_goes_on_with_http(shouting: LiveServer) -> None:
    wire = shouting.exchange(offer("/plain", protocol="a, b/2") + offer("/more") + GET)
    assert b"/plain ['a', 'b/2']" in wire
    assert b"/more ['shout']" in wire
    assert wire.endswith(b"/next []")
    assert wire.count(b"HTTP/1.1 200 OK\r\n") == 3


def test_response_that_names_a_protocol_has_the_connection_option() -> None:
    refusal = Response(426, headers={"Upgrade": "shout"})
    with live_server(lambda request: refusal) as server:
        response = server.request("GET", "/")
        assert response.headers["upgrade"] == "shout"
        assert response.headers["connection"] == "upgrade"  # RFC 9110, section 7.8


def test_offer_of_http_1_0_is_none(shouting: LiveServer) -> None:
    assert shouting.exchange(offer(version="1.0")).endswith(b"/shout []")


def test_offer_with_a_body_is_none(shouting: LiveServer) -> None:
    wire = shouting.exchange(offer("/shout", "Content-Length: 5") + b"hello" + GET)
    assert b"/shout []" in wire
    assert wire.endswith(b"/next []")


@pytest.mark.parametrize("data", [offer("/wrong"), GET.replace(b"/next", b"/wrong")])
def test_upgrade_that_was_not_offered_is_an_error_of_the_handler(
    shouting: LiveServer, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    with caplog.at_level(logging.ERROR):
        assert shouting.exchange(data).startswith(b"HTTP/1.1 500 ")
    assert "did not offer" in caplog.text


@pytest.mark.slow
def test_time_limits_end_with_the_upgrade() -> None:
    settings = ServerSettings(
        idle_timeout=0.2, body_timeout=0.2, header_timeout=0.2, write_timeout=0.2
    )
    with live_server(handle, settings=settings) as server, server.connect() as client:
        client.sendall(offer())
        receive_until(client, b"\r\n\r\n")
        client.settimeout(2.5)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.sendall(b"still here")
        receive_until(client, b"STILL HERE")


def test_large_messages_pass_both_ways(shouting: LiveServer) -> None:
    message = b"x" * 2_000_000
    with shouting.connect() as client:
        client.sendall(offer())
        receive_until(client, b"\r\n\r\n")
        sending = threading.Thread(target=client.sendall, args=(message,))
        sending.start()
        received = 0
        while received < len(message):
            received += len(client.recv(65536))
        sending.join(5)


def test_another_task_may_send_while_one_receives() -> None:
    def serve(stream: UpgradedStream) -> None:
        with rt.scope() as both:
            both.spawn(stream.sendall, b"hello ")
            assert stream.recv(2) == b"ab"
            assert stream.recv(2) == b"c"
            both.spawn(stream.sendall, b"bye")

    with live_server(lambda request: upgrade("x", serve)) as server, server.connect() as client:
        client.sendall(offer(protocol="x"))
        receive_until(client, b"hello ")
        client.sendall(b"abc")
        assert receive_all(client) == b"bye"


def test_close_ends_both_directions() -> None:
    ends: list[bytes] = []

    def serve(stream: UpgradedStream) -> None:
        stream.close()
        ends.append(stream.recv())
        with pytest.raises(ConnectionError):
            stream.sendall(b"x")
        ends.append(b"refused")

    with live_server(lambda request: upgrade("x", serve)) as server, server.connect() as client:
        client.sendall(offer(protocol="x"))
        assert receive_all(client).endswith(b"\r\n\r\n")
    assert ends == [b"", b"refused"]


def test_failure_behind_the_upgrade_is_logged_and_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def serve(stream: UpgradedStream) -> None:
        raise LookupError("no such room")

    with live_server(lambda request: upgrade("x", serve)) as server, server.connect() as client:
        client.sendall(offer(protocol="x"))
        assert receive_all(client).endswith(b"\r\n\r\n")
    assert "no such room" in caplog.text


def test_stop_tells_the_one_who_asked_to_be_told() -> None:
    begun = threading.Event()

    def serve(stream: UpgradedStream) -> None:
        stop = rt.Event()
        stream.on_stop(stop.set)
        begun.set()
        stop.wait()
        stream.sendall(b"goodbye")

    with contextlib.ExitStack() as stack:
        with live_server(lambda request: upgrade("x", serve)) as server:
            client = stack.enter_context(server.connect())
            client.sendall(offer(protocol="x"))
            assert begun.wait(5)
        assert receive_all(client).endswith(b"goodbye")


@pytest.mark.slow
def test_what_is_not_told_is_cancelled_at_the_end() -> None:
    ends: list[type[BaseException]] = []
    begun = threading.Event()

    def serve(stream: UpgradedStream) -> None:
        begun.set()
        try:
            stream.recv()
        except BaseException as error:
            ends.append(type(error))
            raise

    settings = ServerSettings(shutdown_timeout=0.3)
    with (
        contextlib.ExitStack() as clients,
        live_server(lambda request: upgrade("x", serve), settings=settings) as server,
    ):
        client = clients.enter_context(server.connect())
        client.sendall(offer(protocol="x"))
        assert begun.wait(5)
    assert ends == [rt.Cancelled]


def test_upgraded_connection_is_no_request_in_flight() -> None:
    settings = ServerSettings(max_requests_in_flight=1)
    with live_server(handle, settings=settings) as server, server.connect() as client:
        client.sendall(offer())
        receive_until(client, b"\r\n\r\n")
        assert server.exchange(GET).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "settings", [ServerSettings(max_upgraded=2), ServerSettings(max_connections=3)]
)
def test_upgraded_connections_leave_room_for_requests(settings: ServerSettings) -> None:
    with live_server(handle, settings=settings) as server, contextlib.ExitStack() as stack:
        for _ in range(2):
            client = stack.enter_context(server.connect())
            client.sendall(offer())
            assert receive_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        refused = server.exchange(offer() + GET)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in refused.lower()
        assert b"HTTP/1.1 200 " in refused  # the connection continues with HTTP
        client.close()
        deadline = time.monotonic() + 5
        while status_of_offer(server) != b"101":
            assert time.monotonic() < deadline


def status_of_offer(server: LiveServer) -> bytes:
    with server.connect() as client:
        client.sendall(offer())
        return client.recv(4096).split()[1]


# -- trailers ---------------------------------------------------------------------------------


def read_trailers(request: Request) -> Response:
    if request.path == "/early":
        request.trailers  # noqa: B018
    body = request.body
    return Response(body=f"{body!r} {request.trailers.pairs()}")


def chunked(trailers: bytes, path: str = "/") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"2\r\nhi\r\n0\r\n" + trailers + b"\r\n"


@pytest.fixture(scope="module")
def trailing() -> Iterator[LiveServer]:
    with live_server(read_trailers) as server:
        yield server


def test_trailers_are_there_behind_the_body(trailing: LiveServer) -> None:
    wire = trailing.exchange(chunked(b"Digest: abc \r\nX-B: 1\r\nx-b: 2\r\n") + GET)
    assert b"b'hi' [('digest', 'abc'), ('x-b', '1'), ('x-b', '2')]" in wire
    assert wire.endswith(b"b'' []")


FORBIDDEN = (
    "Host Content-Length Transfer-Encoding Authorization Cookie If-Match Trailer Content-Type "
    "Expect Range TE X-Forwarded-For Forwarded Upgrade"
)


@pytest.mark.parametrize("name", FORBIDDEN.split())
def test_fields_that_may_not_be_trailers_are_left_out(trailing: LiveServer, name: str) -> None:
    with trailing.connect() as client:
        client.sendall(chunked(f"X-A: 1\r\n{name}: chunked\r\n".encode()))
        wire = client.recv(65536)
        # llhttp refuses some of them by itself, which is as good.
        assert b"[('x-a', '1')]" in wire or wire.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "trailers", [b"X: y\r\n" * 101, b"X: " + b"y" * 40_000 + b"\r\n", b"X: " + b"y" * 200_000]
)
def test_trailers_have_limits(trailing: LiveServer, trailers: bytes) -> None:
    with trailing.connect() as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(chunked(trailers))
        assert client.recv(65536).startswith(b"HTTP/1.1 431 ")


def test_trailers_before_the_body_are_an_error_of_the_handler(trailing: LiveServer) -> None:
    with trailing.connect() as client:
        client.sendall(chunked(b"", "/early")[:-5])
        assert client.recv(65536).startswith(b"HTTP/1.1 500 ")
