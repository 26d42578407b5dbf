"""Responses that are sent as they come, with what follows them."""

from __future__ import annotations

import logging
import socket
import tracemalloc
from contextlib import ExitStack
from typing import TYPE_CHECKING

import h11
import pytest

import photon_runtime as rt
from photon_runtime.http import FileBody, HttpError, Request, Response
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
WANTED = GET + b"TE: trailers\r\nConnection: close, TE\r\n\r\n"
Fields = list[tuple[bytes, bytes]]


class Trailing:
    """A handler that streams two parts and then tells their length in a trailer."""

    def __init__(self) -> None:
        self.make: Callable[[], Response] = self.counted
        self.accepted: list[bool] = []

    def __call__(self, request: Request) -> Response:
        self.accepted.append(request.accepts_trailers)
        return self.make()

    def counted(self) -> Response:
        sent: list[int] = []

        def parts() -> Iterator[bytes]:
            for part in (b"hello ", b"world"):
                sent.append(len(part))
                yield part

        return Response(body=parts(), trailers={"X-Sum": lambda: str(sum(sent))})


@pytest.fixture
def trailing() -> Trailing:
    return Trailing()


@pytest.fixture
def server(trailing: Trailing) -> Iterator[LiveServer]:
    with live_server(trailing) as server:
        yield server


def read(wire: bytes) -> tuple[Fields, bytes, Fields]:
    """Read one response by h11; return its header fields, its body and its trailers."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(wire)
    response = connection.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data), event
        body += bytes(event.data)
    return list(response.headers), body, list(event.headers)


def answer_of(trailing: Trailing, server: LiveServer, response: Callable[[], Response]) -> bytes:
    trailing.make = response
    return server.exchange(WANTED)


def test_trailer_is_announced_and_computed_when_the_body_has_been_sent(server: LiveServer) -> None:
    headers, body, trailers = read(server.exchange(WANTED))
    assert (b"trailer", b"X-Sum") in headers
    assert (b"transfer-encoding", b"chunked") in headers
    assert body == b"hello world"
    assert trailers == [(b"x-sum", b"11")]


def test_connection_goes_on_behind_trailers(server: LiveServer) -> None:
    with server.connect() as client:
        client.sendall(GET + b"TE: trailers\r\n\r\n" + WANTED)
        wire = b"".join(iter(lambda: client.recv(65536), b""))
    first, _, second = wire.partition(b"0\r\nX-Sum: 11\r\n\r\n")
    assert first.count(b"HTTP/1.1 200 OK") == second.count(b"HTTP/1.1 200 OK") == 1
    assert second.endswith(b"0\r\nX-Sum: 11\r\n\r\n")


@pytest.mark.parametrize(
    ("field", "is_wanted"),
    [
        (b"TE: trailers", True),
        (b"te: deflate;q=0.5, Trailers", True),
        (b"TE: gzip\r\nTE: trailers", True),
        (b"X: y", False),
        (b"TE:", False),
        (b"TE: gzip", False),
        (b"TE: trailersx", False),
        (b"Trailer: trailers", False),
    ],
)
def test_only_a_client_that_asks_for_trailers_gets_them(
    server: LiveServer, trailing: Trailing, field: bytes, is_wanted: bool
) -> None:
    headers, body, trailers = read(server.exchange(GET + field + b"\r\nConnection: close\r\n\r\n"))
    assert trailing.accepted == [is_wanted]
    assert bool(trailers) is is_wanted
    assert any(name == b"trailer" for name, _ in headers) is is_wanted
    assert body == b"hello world"


def test_http_1_0_has_no_trailers(server: LiveServer, trailing: Trailing) -> None:
    wire = server.exchange(b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n")
    assert trailing.accepted == [False]
    assert wire.endswith(b"\r\n\r\nhello world")
    assert b"trailer" not in wire.lower()


def test_head_tells_the_trailers_and_sends_none(server: LiveServer) -> None:
    wire = server.exchange(b"HEAD" + WANTED[3:])
    assert b"\r\ntrailer: X-Sum\r\n" in wire
    assert wire.index(b"\r\n\r\n") == len(wire) - 4  # nothing follows the head
    assert b"\r\nx-sum:" not in wire.lower()


def test_response_without_a_body_has_no_trailers(server: LiveServer, trailing: Trailing) -> None:
    trailing.make = lambda: Response(304, body=iter([b"x"]), trailers={"x-sum": lambda: "1"})
    wire = server.exchange(WANTED)
    assert wire.startswith(b"HTTP/1.1 304 ")
    assert b"x-sum" not in wire


def test_trailers_follow_an_empty_body(server: LiveServer, trailing: Trailing) -> None:
    trailing.make = lambda: Response(body=iter(()), trailers={"x-sum": lambda: "0"})
    _, body, trailers = read(server.exchange(WANTED))
    assert (body, trailers) == (b"", [(b"x-sum", b"0")])


def test_trailer_of_none_is_left_out_and_the_others_keep_their_order(
    server: LiveServer, trailing: Trailing
) -> None:
    values = {"x-a": lambda: "1", "x-b": lambda: None, "x-c": lambda: "caf\xe9"}
    trailing.make = lambda: Response(body=iter([b"x"]), trailers=values)
    headers, _, trailers = read(server.exchange(WANTED))
    assert (b"trailer", b"x-a, x-b, x-c") in headers
    assert trailers == [(b"x-a", b"1"), (b"x-c", b"caf\xe9")]


def test_trailer_may_wait(server: LiveServer, trailing: Trailing) -> None:
    def value() -> str:
        rt.sleep(0.01)
        return "rested"

    trailing.make = lambda: Response(body=iter([b"x"]), trailers={"x-sum": value})
    assert read(server.exchange(WANTED))[2] == [(b"x-sum", b"rested")]


def test_body_of_known_length_has_no_trailers(
    server: LiveServer, trailing: Trailing, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    trailers = {"x-sum": lambda: "1"}
    trailing.make = lambda: Response(
        body=iter([b"hello"]), headers={"content-length": "5"}, trailers=trailers
    )
    for wire in (
        server.exchange(WANTED),
        answer_of(
            trailing,
            server,
            lambda: Response(body=FileBody(tmp_path / "file"), trailers=trailers),
        ),
    ):
        headers, body, trailing_fields = read(wire)
        assert body == b"hello"
        assert trailing_fields == []
        assert b"trailer" not in dict(headers)


@pytest.mark.parametrize("value", ["a\r\nb: c", "\0", "☃"])
def test_value_that_would_break_the_message_breaks_the_response_off(
    server: LiveServer,
    trailing: Trailing,
    caplog: pytest.LogCaptureFixture,
    value: str,
) -> None:
    trailing.make = lambda: Response(body=iter([b"hello"]), trailers={"x-sum": lambda: value})
    with caplog.at_level(logging.ERROR):
        wire = server.exchange(WANTED)
    assert wire.endswith(b"\r\n\r\n5\r\nhello\r\n")  # the client sees that it is not whole
    assert "a response is incomplete" in caplog.text
    assert "not a valid header field" in caplog.text


def test_trailer_that_fails_breaks_the_response_off(
    server: LiveServer, trailing: Trailing, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise ZeroDivisionError

    def stream() -> Response:
        return Response(body=iter([b"hello"]), trailers={"x-sum": fail})

    with caplog.at_level(logging.ERROR):
        wire = answer_of(trailing, server, stream)
    assert wire.endswith(b"\r\n\r\n5\r\nhello\r\n")
    assert "ZeroDivisionError" in caplog.text


def test_trailer_that_fails_behind_an_empty_body_is_still_answered_as_an_error(
    server: LiveServer, trailing: Trailing
) -> None:
    def refuse() -> str:
        raise HttpError(503, "later")

    trailing.make = lambda: Response(body=iter(()), trailers={"x-sum": refuse})
    wire = server.exchange(WANTED)
    assert wire.startswith(b"HTTP/1.1 503 ")
    assert wire.count(b"HTTP/1.1") == 1


def test_forbidden_trailer_put_on_afterwards_is_refused_before_anything_is_sent(
    server: LiveServer, trailing: Trailing, caplog: pytest.LogCaptureFixture
) -> None:
    def smuggle() -> Response:
        response = trailing.counted()
        response.trailers = {"Transfer-Encoding": lambda: "chunked"}
        return response

    with caplog.at_level(logging.ERROR):
        wire = answer_of(trailing, server, smuggle)
    assert wire.startswith(b"HTTP/1.1 500 ")
    assert "'Transfer-Encoding' cannot be a trailer" in caplog.text


def test_client_that_leaves_before_the_trailers_ends_the_stream(trailing: Trailing) -> None:
    closed: list[bool] = []

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield bytes(65536)
        finally:
            closed.append(True)

    trailing.make = lambda: Response(body=endless(), trailers={"x-sum": lambda: "1"})
    with live_server(trailing) as server, server.connect() as client:
        client.sendall(WANTED)
        client.recv(10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert closed == [True]


SIZE = 4_000_000
SHARED = bytes(SIZE)
TEXT = "x" * SIZE


@pytest.mark.parametrize(
    ("make", "copies"),
    [
        (lambda: Response(body=SHARED), 0),
        (lambda: Response(body=TEXT), 1),
        (lambda: Response(body=iter([SHARED])), 0),
        (lambda: Response(body=iter([memoryview(SHARED)])), 0),  # type: ignore[arg-type]
        (lambda: Response(body=iter([SHARED, SHARED])), 0),
    ],
    ids=["bytes", "text", "part", "view", "parts"],
)
def test_clients_that_do_not_read_share_one_copy(make: Callable[[], Response], copies: int) -> None:
    with live_server(lambda _: make()) as server:
        tracemalloc.start()
        with ExitStack() as stack:
            for _ in range(8):
                client = stack.enter_context(server.connect(timeout=5))
                client.sendall(GET + b"\r\n")
                assert client.recv(1)
            now, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert now < (copies + 1) * SIZE


def test_a_reusable_buffer_is_sent_before_it_is_filled_again() -> None:
    buffer = bytearray(100_000)

    def parts() -> Iterator[bytearray]:
        for letter in b"abc":
            buffer[:] = bytes([letter]) * len(buffer)
            yield buffer

    with live_server(lambda _: Response(body=parts())) as server:  # type: ignore[arg-type]
        wire = server.exchange(GET + b"Connection: close\r\n\r\n", timeout=5)
    assert [wire.count(letter * 100_000) for letter in (b"a", b"b", b"c")] == [1, 1, 1]
