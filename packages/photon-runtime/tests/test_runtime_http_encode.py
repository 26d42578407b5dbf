"""Responses on the wire, as h11 reads them."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING

import attrs
import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photon_runtime.http import Request, Response
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator


@attrs.frozen
class Read:
    """A response as h11 reads it; names in lower case."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]


class Answering:
    """A server that answers with whatever it was told to, and a connection to it that is kept."""

    def __init__(self) -> None:
        self.make: Callable[[], object] = Response
        self.server = LiveServer("", 0, "")
        self.client: socket.socket | None = None

    def handle(self, request: Request) -> Response:
        return self.make()  # type: ignore[return-value]  # some tests return nonsense

    def ask(self, make: Callable[[], object], method: str = "GET") -> Read:
        """Return the response to a request of ``method``; the next one is on the same connection.

        Raises:
            h11.RemoteProtocolError: What came is no response.
        """
        self.make = make
        try:
            return self._ask(method)
        except BaseException:
            self.close()
            raise

    def _ask(self, method: str) -> Read:
        if self.client is None:
            self.client = self.server.connect(timeout=5)
        connection = h11.Connection(h11.CLIENT)
        head = connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
        connection.send(h11.EndOfMessage())
        self.client.sendall(head or b"")
        read = self._read(connection, self.client)
        if connection.their_state is not h11.DONE:
            self.close()
        return read

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None

    def _read(self, connection: h11.Connection, client: socket.socket) -> Read:
        response: h11.Response | None = None
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(client.recv(65536))
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                assert isinstance(event, h11.EndOfMessage), event
                assert response is not None
                return Read(response.status_code, response.reason, list(response.headers), body)


def given_back(response: Response) -> Response:
    return response


@pytest.fixture(scope="module")
def answering() -> Iterator[Answering]:
    answering = Answering()
    with live_server(answering.handle) as server:
        answering.server = server
        yield answering
        answering.close()


NAMES = st.text(
    st.sampled_from(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
    ),
    min_size=1,
).map(lambda name: f"X-{name}")
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF)).map(
    lambda text: "".join(c for c in text if c != "\x7f" and not "\x80" <= c <= "\x9f")
)


@settings(max_examples=150)
@given(
    st.sampled_from([200, 201, 202, 299, 301, 404, 418, 499, 500, 599]),
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.binary() | st.text(st.characters(codec="utf-8")) | st.lists(st.binary()),
)
def test_what_a_response_says_is_what_the_client_reads(
    answering: Answering,
    status: int,
    headers: list[tuple[str, str]],
    body: bytes | str | list[bytes],
) -> None:
    read = answering.ask(lambda: Response(status, body=body, headers=headers))
    whole = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else None
    assert read.status == status
    assert read.body == (b"".join(body) if isinstance(body, list) else whole)
    sent = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    assert [pair for pair in read.headers if pair[0].startswith(b"x-")] == sent


@pytest.mark.parametrize(
    ("status", "reason"), [(200, b"OK"), (404, b"Not Found"), (418, b"I'm a Teapot"), (299, b"")]
)
def test_status_comes_with_its_phrase(answering: Answering, status: int, reason: bytes) -> None:
    assert answering.ask(lambda: Response(status)).reason == reason


def test_every_response_has_one_date_of_now(answering: Answering) -> None:
    for response in (Response(), Response(body=iter([b"x"])), Response(204), Response(404)):
        (date,) = answering.ask(partial(given_back, response)).values(b"date")
        assert date.endswith(b" GMT")
        assert abs(parsedate_to_datetime(date.decode()).timestamp() - time.time()) < 3


def test_fields_that_frame_the_message_are_the_servers_own(answering: Answering) -> None:
    headers = [
        ("Content-Length", "1"),
        ("Transfer-Encoding", "gzip"),
        ("Connection", "upgrade"),
        ("Date", "yesterday"),
        ("X-Own", "1"),
    ]
    read = answering.ask(lambda: Response(body=b"hello", headers=headers))
    assert read.values(b"content-length") == [b"5"]
    assert read.values(b"transfer-encoding") == []
    assert b"upgrade" not in read.values(b"connection")
    assert len(read.values(b"date")) == 1
    assert read.values(b"x-own") == [b"1"]


def test_type_of_the_content_is_sent_once(answering: Answering) -> None:
    read = answering.ask(lambda: Response(body="x", headers={"Content-Type": "text/html"}))
    assert read.values(b"content-type") == [b"text/html"]
    assert answering.ask(lambda: Response(body=b"x")).values(b"content-type") == []


def test_equal_names_are_all_sent_in_their_order(answering: Answering) -> None:
    read = answering.ask(lambda: Response(headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]))
    assert read.values(b"set-cookie") == [b"a=1", b"b=2"]


def test_length_is_told_to_head_as_to_get(answering: Answering) -> None:
    for method in ("GET", "HEAD"):
        read = answering.ask(lambda: Response(body=b"hello"), method)
        assert read.values(b"content-length") == [b"5"]


def test_types_of_many_kinds_do_not_get_mixed_up(answering: Answering) -> None:
    for number in range(1500):  # more than what the server keeps ready
        kind = f"text/x-{number}"
        read = answering.ask(partial(given_back, Response(body=kind, content_type=kind)))
        assert (read.values(b"content-type"), read.body) == ([kind.encode()], kind.encode())


# -- nothing that a handler does may break the message ------------------------------------------

EVIL = "text/plain\r\nSet-Cookie: evil=1"


def with_type_at_once() -> Response:
    return Response(body="x", content_type=EVIL)


def with_type_later() -> Response:
    response = Response(body="x")
    response.content_type = EVIL
    return response


def with_type_of_a_stream() -> Response:
    return Response(body=iter([b"x"]), content_type=EVIL)


def with_header_list() -> Response:
    response = Response(body="x")
    response.headers.append(("X-A", "1\r\nSet-Cookie: evil=1"))
    return response


def with_header_name_in_list() -> Response:
    response = Response(body="x")
    response.headers.append(("X-A: 1\r\nSet-Cookie", "evil=1"))
    return response


def with_type_that_is_no_latin_1() -> Response:
    return Response(body="x", content_type="text/ł")


@pytest.mark.parametrize(
    "make",
    [
        with_type_at_once,
        with_type_later,
        with_type_of_a_stream,
        with_header_list,
        with_header_name_in_list,
        with_type_that_is_no_latin_1,
    ],
)
def test_injected_fields_never_reach_the_wire_and_the_client_gets_a_500(
    answering: Answering, make: Callable[[], Response]
) -> None:
    read = answering.ask(make)
    assert read.values(b"set-cookie") == []
    assert read.status == 500


def of_status(status: object) -> Callable[[], object]:
    return lambda: Response(status)  # type: ignore[arg-type]


def of_body(body: object) -> Callable[[], object]:
    return lambda: Response(body=body)  # type: ignore[arg-type]


def of_length(length: str, body: object) -> Callable[[], object]:
    return lambda: Response(body=body, headers={"Content-Length": length})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: None, id="nothing"),
        pytest.param(lambda: "text", id="text"),
        pytest.param(lambda: {"a": 1}, id="a dict"),
        pytest.param(lambda: Response, id="the class"),
        pytest.param(of_status("200"), id="status of text"),
        pytest.param(of_status(0), id="status 0"),
        pytest.param(of_status(-200), id="status -200"),
        pytest.param(of_status(20), id="status 20"),
        pytest.param(of_status(2000), id="status 2000"),
        pytest.param(of_status(100), id="status 100"),
        pytest.param(of_status(101), id="status 101"),
        pytest.param(of_body(5), id="body of a number"),
        pytest.param(of_body(["text"]), id="body of texts"),
        pytest.param(of_body([1, 2]), id="body of numbers"),
        pytest.param(of_length("abc", iter([b"x"])), id="length of letters"),
        pytest.param(of_length("-1", iter([b"x"])), id="length negative"),
    ],
)
def test_handler_that_returns_nonsense_is_a_500(
    answering: Answering, make: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    read = answering.ask(make)
    assert read.status == 500
    assert (b"content-type", b"application/problem+json") in read.headers
    assert caplog.records


def test_parts_of_a_stream_may_be_any_kind_of_bytes(answering: Answering) -> None:
    for parts in ([bytearray(b"hel"), b"lo"], (memoryview(b"hello"),)):
        assert answering.ask(of_body(parts)).body == b"hello"
