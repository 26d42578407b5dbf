"""The 33 rules that h1spec checks (github.com/uNetworking/h1spec), under its names.

The vectors are our own, and ask for more where the tool is content with less: a head that comes in
pieces must not only be waited for but answered when its end has come, and what is refused must end
the connection and be seen by no handler.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from photon_runtime.http import Request, Response
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE = b"GET /page HTTP/1.1\r\nHost: a.example\r\n\r\n"

CUT_BEHIND = {
    "Fragmented method": b"GE",
    "Fragmented URL 1": b"GET ",
    "Fragmented URL 2": b"GET /pa",
    "Fragmented URL 3": b"GET /page ",
    "Fragmented HTTP version": b"GET /page HTTP",
    "Fragmented request line": b"GET /page HTTP/1.1",
    "Fragmented request line newline 1": b"GET /page HTTP/1.1\r",
    "Fragmented request line newline 2": b"GET /page HTTP/1.1\r\n",
    "Fragmented field name": b"GET /page HTTP/1.1\r\nHo",
    "Fragmented field value 1": b"GET /page HTTP/1.1\r\nHost:",
    "Fragmented field value 2": b"GET /page HTTP/1.1\r\nHost: ",
    "Fragmented field value 3": b"GET /page HTTP/1.1\r\nHost: a.example",
    "Fragmented field value 4": b"GET /page HTTP/1.1\r\nHost: a.example\r",
    "Fragmented request": b"GET /page HTTP/1.1\r\nHost: a.example\r\n",
    "Fragmented request termination": b"GET /page HTTP/1.1\r\nHost: a.example\r\n\r",
}

LINE = b"GET / HTTP/1.1\r\n"
HOST = b"Host: a.example\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST

REFUSED = {
    "Request without HTTP version": b"GET /\r\n\r\n",
    "Invalid header characters": LINE + HOST + b"X{}: y\r\n\r\n",
    "Missing Host header": LINE + b"Accept: */*\r\n\r\n",
    "Multiple Host headers": LINE + HOST + b"Host: b.example\r\n\r\n",
    "Overflowing negative Content-Length header": POST + b"Content-Length: -%d\r\n\r\n" % 2**70,
    "Negative Content-Length header": POST + b"Content-Length: -5\r\n\r\n",
    "Non-numeric Content-Length header": POST + b"Content-Length: five\r\n\r\n",
    "Header containing invalid control character": LINE + HOST + b"X: a\x07\r\n\r\n",
    "Invalid HTTP version": b"GET / HTTP/7.3\r\n" + HOST + b"\r\n",
    "Invalid prefix of request": b"More of a lineGET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "Invalid line ending": LINE + HOST + b"\rX: y\r\n\r\n",
    "Conflicting Transfer-Encoding and Content-Length in varying case": (
        POST + b"conTENT-length: 3\r\ntransfer-ENCODING: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ),
}

ANSWERED = {
    "Request with Expect header": (POST + b"Expect: 100-continue\r\n\r\n", b""),
    "Valid GET request": (LINE + HOST + b"\r\n", b""),
    "Valid GET request with edge cases": (LINE + b"hOST:\ta.example\r\nnothing:\r\n\r\n", b""),
    "Empty header value": (LINE + HOST + b"X: \r\n\r\n", b""),
    "Valid POST request with body": (POST + b"Content-Length: 3\r\n\r\nabc", b"abc"),
    "Chunked Transfer-Encoding": (
        POST + b"Transfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n",
        b"abcdefghijk",
    ),
}


class Echo:
    """A server that gives every body back, and the targets that it saw."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.server = LiveServer("", 0, "")

    def handle(self, request: Request) -> Response:
        self.seen.append(request.target)
        return Response(body=request.body)


@pytest.fixture(scope="module")
def served() -> Iterator[Echo]:
    echo = Echo()
    with live_server(echo.handle) as server:
        echo.server = server
        yield echo


@pytest.fixture
def echo(served: Echo) -> Echo:
    served.seen.clear()
    return served


def test_there_are_thirty_three_rules() -> None:
    names = [*CUT_BEHIND, *REFUSED, *ANSWERED]
    assert len(names) == len(set(names)) == 33


@pytest.mark.parametrize("rule", CUT_BEHIND)
def test_head_that_comes_in_pieces_is_waited_for_and_answered(echo: Echo, rule: str) -> None:
    beginning = CUT_BEHIND[rule]
    assert WHOLE.startswith(beginning)
    with echo.server.connect(timeout=0.03) as client:
        client.sendall(beginning)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(5)
        client.sendall(WHOLE[len(beginning) :])
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert echo.seen == ["/page"]


@pytest.mark.parametrize("rule", REFUSED)
def test_what_breaks_the_rules_is_refused_and_ends_the_connection(echo: Echo, rule: str) -> None:
    wire = echo.server.exchange(REFUSED[rule] + WHOLE, timeout=5)
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", wire) in ([b"400"], [b"505"])
    assert echo.seen == []


@pytest.mark.parametrize("rule", ANSWERED)
def test_what_keeps_the_rules_is_answered_and_the_connection_goes_on(echo: Echo, rule: str) -> None:
    request, body = ANSWERED[rule]
    with echo.server.connect(timeout=5) as client:
        for data in (request, WHOLE):
            client.sendall(data)
            wire = client.recv(65536)
            assert wire.startswith(b"HTTP/1.1 200 ")
            assert wire.partition(b"\r\n\r\n")[2] == (body if data is request else b"")
    assert echo.seen == ["/", "/page"]
