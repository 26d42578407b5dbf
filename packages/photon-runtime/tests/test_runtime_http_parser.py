from __future__ import annotations

import itertools
import re
import time
from array import array
from urllib.parse import urlsplit

import attrs
import h11
import httptools
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from photon_runtime.http import HttpError, Request, ServerSettings
from photon_runtime.http._parser import RequestParser


class NoSource:
    """Gives no body: what a request has must have been fed."""

    def receive_body(self, request: Request) -> bytes:
        raise HttpError(400, "nothing more comes")


def new_parser(limits: ServerSettings | None = None) -> RequestParser:
    return RequestParser(NoSource(), ("127.0.0.1", 1), limits or ServerSettings())


@attrs.frozen
class Seen:
    """What a parser made of one request."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    is_complete: bool


def seen(request: Request) -> Seen:
    body = b"".join(request._parts)
    return Seen(request.method, request.target, request.headers.pairs(), body, request._is_complete)


def parse(*segments: bytes, limits: ServerSettings | None = None) -> tuple[list[Seen], int | None]:
    """Feed the segments; return the requests that came and the status of the fault."""
    parser = new_parser(limits)
    for segment in segments:
        if parser.error is None:
            parser.feed(segment)
    status = None if parser.error is None else parser.error.status
    return [seen(request) for request in parser.pending], status


GET = b"GET /a?b=c HTTP/1.1\r\nHost: a.example\r\nX-Trace: 1\r\n\r\n"
LENGTH = b"POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 7\r\n\r\n"
)
UPGRADE = (
    b"GET /u HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
)
UPGRADE_LENGTH = UPGRADE.replace(b"GET /u", b"POST /ul").replace(
    b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nhello"
)
UPGRADE_CHUNKED = UPGRADE.replace(b"GET /u", b"POST /uc").replace(
    b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
)
STREAM = GET + LENGTH + CHUNKED + UPGRADE + UPGRADE_LENGTH + UPGRADE_CHUNKED + GET


# -- segments ---------------------------------------------------------------------------------


def test_requests_come_out_in_order_with_their_bodies() -> None:
    requests, status = parse(STREAM)
    assert status is None
    assert [(request.method, request.target, request.body) for request in requests] == [
        ("GET", "/a?b=c", b""),
        ("POST", "/l", b"hello"),
        ("POST", "/c", b"hello"),
        ("GET", "/u", b""),
        ("POST", "/ul", b"hello"),
        ("POST", "/uc", b"hello"),
        ("GET", "/a?b=c", b""),
    ]
    assert all(request.is_complete for request in requests)
    assert requests[0].headers == [("host", "a.example"), ("x-trace", "1")]


def test_requests_are_the_same_wherever_the_stream_is_cut_in_two() -> None:
    whole = parse(STREAM)
    for cut in range(1, len(STREAM)):
        assert parse(STREAM[:cut], STREAM[cut:]) == whole, cut


def test_requests_are_the_same_byte_by_byte() -> None:
    assert parse(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == parse(STREAM)


@given(st.lists(st.integers(1, 200), min_size=1))
def test_requests_are_the_same_in_segments_of_any_size(sizes: list[int]) -> None:
    segments, rest = [], STREAM
    for size in sizes:
        segments.append(rest[:size])
        rest = rest[size:]
    assert parse(*segments, rest) == parse(STREAM)


def test_request_is_pending_before_its_body_has_come() -> None:
    parser = new_parser()
    head, _, body = LENGTH.partition(b"\r\n\r\n")
    parser.feed(head + b"\r\n\r\n")
    (request,) = parser.pending
    assert seen(request).is_complete is False
    assert request.content_length == 5
    parser.feed(body[:2])
    assert b"".join(request._parts) == b"he"
    parser.feed(body[2:])
    assert seen(request).is_complete is True
    assert request.body == b"hello"


def test_size_of_an_unfinished_head_is_told() -> None:
    parser = new_parser()
    assert parser.head_size == 0
    parser.feed(GET[:20])
    assert parser.head_size == 20
    parser.feed(GET[20:30])
    assert parser.head_size == 30
    parser.feed(GET[30:])
    assert parser.head_size == 0


def test_first_byte_of_a_request_begins_its_head() -> None:
    parser = new_parser()
    parser.feed(b"G")
    assert parser.head_size > 0


def test_body_before_an_unfinished_head_does_not_count_as_head() -> None:
    long = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000
    requests, status = parse(long + GET[:20], GET[20:])
    assert status is None
    assert [len(request.body) for request in requests] == [60_000, 0]


def test_requests_before_an_unfinished_head_do_not_count_as_head() -> None:
    requests, status = parse(GET * 1000 + GET[:20], GET[20:])
    assert status is None
    assert len(requests) == 1001


def test_fault_leaves_the_requests_before_it() -> None:
    requests, status = parse(GET + LENGTH + b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + GET)
    assert [request.target for request in requests] == ["/a?b=c", "/l"]
    assert status == 400


def test_request_with_a_broken_body_is_taken_out_again() -> None:
    broken = CHUNKED.replace(b"\r\n2\r\n", b"\r\n+2\r\n")
    requests, status = parse(GET + broken + GET)
    assert [request.target for request in requests] == ["/a?b=c"]
    assert status == 400


def test_request_taken_before_its_body_broke_is_told_by_the_fault() -> None:
    parser = new_parser()
    cut = CHUNKED.index(b"2\r\nlo")
    parser.feed(CHUNKED[:cut])
    request = parser.pending.pop(0)
    parser.feed(b"+2\r\nlo\r\n0\r\n\r\n" + GET)
    assert (parser.error is None, request._is_complete, list(parser.pending)) == (
        False,
        False,
        [],
    )


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n", False),
        (b"GET / HTTP/1.0\r\n", False),
        # Allowed to be ended always (RFC 9112, section 9.3): its client must be told otherwise.
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n", False),
    ],
)
def test_request_says_whether_the_connection_is_kept(head: bytes, keeps: bool) -> None:
    parser = new_parser()
    parser.feed(head + b"\r\n")
    assert parser.pending[0]._keep_alive is keeps


@pytest.mark.parametrize(
    ("line", "field", "version"),
    [
        (b"GET / HTTP/1.1", b"", "1.1"),
        (b"GET / HTTP/1.1", b"Connection: keep-alive\r\n", "1.1"),
        (b"GET / HTTP/1.1", b"Connection: close\r\n", "1.1"),
        (b"GET / HTTP/1.0", b"", "1.0"),
        (b"GET / HTTP/1.0", b"Connection: keep-alive\r\n", "1.0"),
        (b"GET / HTTP/1.0", b"Proxy-Connection: keep-alive\r\n", "1.0"),
    ],
)
def test_version_is_that_of_the_head_whatever_the_connection_field_says(
    line: bytes, field: bytes, version: str
) -> None:
    parser = new_parser()
    parser.feed(line + b"\r\nHost: a\r\n" + field + b"\r\n")
    assert parser.pending[0].version == version


@pytest.mark.parametrize("version", [b"0.9", b"2.0"])
@pytest.mark.parametrize("field", [b"", b"Connection: keep-alive\r\n"])
def test_other_versions_are_refused_whatever_the_connection_field_says(
    version: bytes, field: bytes
) -> None:
    parser = new_parser()
    parser.feed(b"GET / HTTP/" + version + b"\r\nHost: a\r\n" + field + b"\r\n")
    assert parser.error is not None
    assert parser.error.status in (400, 505)
    assert not parser.pending


# -- offers to upgrade ------------------------------------------------------------------------


@pytest.mark.parametrize("offer", [UPGRADE, UPGRADE_LENGTH, UPGRADE_CHUNKED])
def test_offer_to_upgrade_is_ignored_however_it_is_cut(offer: bytes) -> None:
    for stream in (offer + GET, offer + offer + LENGTH, offer + CHUNKED):
        whole = parse(stream)
        assert whole[1] is None
        assert len(whole[0]) == stream.count(b" HTTP/1.1\r\n")
        for cut in range(1, len(stream)):
            assert parse(stream[:cut], stream[cut:]) == whole, (stream, cut)


@pytest.mark.parametrize(
    "body", [b"0x5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n", b"\r\n", b" 5\r\nhello\r\n0\r\n\r\n"]
)
def test_broken_body_of_an_offer_to_upgrade_is_a_fault(body: bytes) -> None:
    head = UPGRADE_CHUNKED[: UPGRADE_CHUNKED.index(b"5\r\nhello")]
    assert parse(head + body + GET) == ([], 400)


# -- limits -----------------------------------------------------------------------------------


def head_with(fields: list[tuple[bytes, bytes]], *, target: bytes = b"/") -> bytes:
    lines = [b"%b: %b\r\n" % field for field in [(b"host", b"a"), *fields]]
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (target, b"".join(lines))


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


@pytest.mark.parametrize("is_dribbled", [False, True])
@pytest.mark.parametrize(
    ("length", "status"), [(50, None), (51, 414), (5000, 414)], ids=["at", "over", "far over"]
)
def test_target_may_have_its_limit_and_no_more(
    length: int, status: int | None, is_dribbled: bool
) -> None:
    limits = ServerSettings(max_target_size=50)
    head = head_with([], target=b"/".ljust(length, b"x"))
    segments = bytewise(head) if is_dribbled else [head]
    assert parse(*segments, limits=limits)[1] == status


@pytest.mark.parametrize("is_dribbled", [False, True])
@pytest.mark.parametrize(("count", "status"), [(9, None), (10, 431), (500, 431)])
def test_fields_may_be_as_many_as_their_limit(
    count: int, status: int | None, is_dribbled: bool
) -> None:
    limits = ServerSettings(max_headers=10)
    head = head_with([(b"x", b"1")] * count)
    segments = bytewise(head) if is_dribbled else [head]
    assert parse(*segments, limits=limits)[1] == status


@pytest.mark.parametrize("is_dribbled", [False, True])
@pytest.mark.parametrize(("size", "status"), [(100, None), (101, 431), (9000, 431)])
def test_fields_may_have_the_limit_of_their_sum(
    size: int, status: int | None, is_dribbled: bool
) -> None:
    limits = ServerSettings(max_header_size=100)
    head = head_with([(b"x", b"1" * (size - len("hostax")))])
    segments = bytewise(head) if is_dribbled else [head]
    assert parse(*segments, limits=limits)[1] == status


@pytest.mark.parametrize(("limit", "part"), [(1000, 10), (1_000_000, 1000)])
def test_head_that_never_ends_is_refused_as_soon_as_it_is_too_large(limit: int, part: int) -> None:
    parser = new_parser(ServerSettings(max_header_size=limit, max_target_size=100))
    parser.feed(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    fed = 0
    while parser.error is None and fed < 10 * limit:
        parser.feed(b"x" * part)
        fed += part
    assert parser.error is not None
    assert parser.error.status == 431
    assert fed <= limit + 100 + part


LARGE = ServerSettings(max_header_size=20_000_000, max_headers=100_000)


class CountingParser(httptools.HttpRequestParser):
    """llhttp, which notes how many parts it got."""

    parts = 0

    def feed_data(self, data: bytes | bytearray | memoryview[int] | array[int]) -> None:
        type(self).parts += 1
        super().feed_data(data)


def test_large_head_is_parsed_in_parts_that_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    # httptools copies what it has of a field for each part, so their number must not grow with it.
    monkeypatch.setattr("httptools.HttpRequestParser", CountingParser)
    monkeypatch.setattr(CountingParser, "parts", 0)
    parser = new_parser(LARGE)
    parser.feed(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    for _ in range(1000):
        parser.feed(b"x" * 10_000)
    parser.feed(b"\r\n\r\n")
    assert parser.error is None
    assert parser.pending[0].headers["x"] == "x" * 10_000_000
    assert CountingParser.parts < 80


def test_large_head_is_over_as_soon_as_its_end_has_come() -> None:
    head = b"GET /%d HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 200_000
    for cut in range(1, 5):
        parser = new_parser(LARGE)
        for number in (1, 2):
            parser.feed(head % number)
            rest = b"yy\r\n\r\n"
            parser.feed(rest[:1])
            parser.feed(rest[1:-cut])
            assert len(parser.pending) == number - 1
            parser.feed(rest[-cut:])
            assert len(parser.pending) == number
            assert parser.head_size == 0
        assert [request.target for request in parser.pending] == ["/1", "/2"]


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 90_000), min_size=1, max_size=40),
    st.lists(st.sampled_from(["large", "many", "get", "length", "chunks"]), max_size=5),
)
def test_large_heads_are_the_same_in_segments_of_any_size(
    sizes: list[int], names: list[str]
) -> None:
    pieces = PIECES | {
        "large": b"GET /l HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
        "many": b"GET /m HTTP/1.1\r\nHost: a\r\n" + b"X: yyyyyyyyyyyy\r\n" * 9000 + b"\r\n",
    }
    stream = b"".join(pieces[name] for name in names)
    expected = parse(*(pieces[name] for name in names), limits=LARGE)
    segments, at = [], 0
    for size in itertools.cycle(sizes):
        segments.append(stream[at : at + size + 500])
        at += size + 500
        if at >= len(stream):
            break
    assert parse(*segments, limits=LARGE) == expected


@pytest.mark.parametrize(
    "part", [b"x" * 100, b"X: y\r\n" * 20], ids=["one without end", "many without end"]
)
def test_trailers_that_never_end_are_refused_as_header_fields_are(part: bytes) -> None:
    limits = ServerSettings(max_header_size=1000, max_target_size=100)
    parser = new_parser(limits)
    parser.feed(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n")
    fed = 0
    while parser.error is None and fed < 100_000:
        parser.feed(part)
        fed += len(part)
    assert parser.error is not None
    assert fed < 100_000


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


@pytest.mark.parametrize("size", [900, 1100])
@pytest.mark.parametrize("before", [0, 1_000_000])
def test_a_chunk_extension_has_the_limit_of_header_fields(size: int, before: int) -> None:
    # However much data came before it.
    limits = ServerSettings(max_header_size=1000, max_body_size=10_000_000)
    body = (chunk(b"x" * before) if before else b"") + chunk(b"x", b";a=" + b"y" * size)
    status = parse(HEAD + body + b"0\r\n\r\n", limits=limits)[1]
    assert status == (None if size < 1000 else 431)


def test_many_extensions_count_together_but_one_for_each_large_chunk_does_not() -> None:
    limits = ServerSettings(max_header_size=1000, max_body_size=10_000_000)
    signed = chunk(b"x" * 8192, b";chunk-signature=" + b"f" * 64)
    assert parse(HEAD + signed * 200 + b"0\r\n\r\n", limits=limits)[1] is None
    assert parse(HEAD + chunk(b"x") * 10_000 + b"0\r\n\r\n", limits=limits)[1] is None
    flood = chunk(b"x", b";a=" + b"f" * 64)
    assert parse(HEAD + flood * 30 + b"0\r\n\r\n", limits=limits)[1] == 431


@pytest.mark.parametrize(
    "line", [b";a" * 300_000, b";a= " + b" " * 600_000, b';a="' + b'\\"' * 300_000, b"0" * 600_000]
)
def test_a_line_of_a_chunk_takes_time_in_proportion(line: bytes) -> None:
    limits = ServerSettings(max_header_size=1_000_000)
    begun = time.process_time()
    parse(HEAD + b"5" + line + b"\0\r\n", limits=limits)
    assert time.process_time() - begun < 1


UPGRADE = b"Connection: upgrade\r\nUpgrade: h2c\r\n"
PIECES = {
    "chunks": HEAD + b'2 ; a = "\\"" ;b\r\nhe\r\n6\r\n\r\n\r\n\r\n\r\n0\r\nX: y\r\n\r\n',
    "get": b"GET /g HTTP/1.1\r\nHost: a\r\n\r\n",
    "length": b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nab\r\n\r\ncd",
    "offer": b"POST /u HTTP/1.1\r\nHost: a\r\n%bContent-Length: 6\r\n\r\n\r\n\r\nxy" % UPGRADE,
    "empty lines": b"\r\n\r\n",
}


@pytest.mark.parametrize(
    "names",
    [
        ("chunks", "get"),
        ("get", "chunks", "chunks"),
        ("length", "chunks", "length"),
        ("get", "empty lines", "chunks", "empty lines", "get"),
        ("length", "offer", "chunks", "offer", "get"),
    ],
)
def test_requests_are_the_same_wherever_the_segments_end(names: tuple[str, ...]) -> None:
    data = b"".join(PIECES[name] for name in names)
    whole, status = parse(data)
    assert (len(whole), status) == (len(names) - names.count("empty lines"), None)
    assert all(request.is_complete for request in whole)
    for at in range(len(data)):
        assert parse(data[:at], data[at:]) == (whole, None)
        assert parse(data[:at], data[at : at + 3], data[at + 3 :]) == (whole, None)
    assert parse(*bytewise(data)) == (whole, None)


def test_chunk_extension_that_never_ends_is_refused() -> None:
    parser = new_parser()
    parser.feed(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=")
    fed = 0
    while parser.error is None and fed < 10_000_000:
        parser.feed(b"x" * 50_000)
        fed += 50_000
    assert parser.error is not None


@pytest.mark.parametrize(
    ("head", "host"),
    [
        (b"GET http://b.example:81/a HTTP/1.1\r\nX: 1\r\nHost: a.example", "b.example:81"),
        (b"GET HTTPS://b.example?c HTTP/1.1\r\nHost: a.example", "b.example"),
        (b"GET http://[::1]:81/ HTTP/1.1\r\nHost: a.example", "[::1]:81"),
        (b"GET http://b.example/ HTTP/1.0", "b.example"),
        (b"GET //b.example/ HTTP/1.1\r\nHost: a.example", "a.example"),
        (b"OPTIONS * HTTP/1.1\r\nHost: a.example", "a.example"),
    ],
)
def test_the_host_of_an_absolute_target_takes_the_place_of_the_field(
    head: bytes, host: str
) -> None:
    parser = new_parser()
    parser.feed(head + b"\r\n\r\n")
    (request,) = parser.pending
    assert request.host == host
    assert request.headers.getlist("host") == [host]


# -- the same reading as h11 ------------------------------------------------------------------
#
# Whatever Photon accepts, h11 accepts and reads the same: method, target, fields, body, and where
# the next request begins. The other way round is no concern: refusing more is safe. The deliberate
# differences, all without a second reading:
#
# - Line ends before a request are skipped, as RFC 9112, section 2.2 asks for empty lines; h11
#   refuses them.
# - More than one space in the request line is skipped, as section 3 allows; h11 refuses it.
# - The absolute form is reduced to its path, and its host counts; h11 hands on both hosts.

_SPACES = re.compile(rb"^([A-Z-]+) +([^ \r\n]+) +(HTTP/1\.[01]\r\n)", re.MULTILINE)
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


def test_head_of_nearly_the_limit_is_no_framing_of_the_body_behind_it() -> None:
    limits = ServerSettings(max_header_size=4000, max_target_size=4000)
    head = b"POST /%b HTTP/1.1\r\nHost: a\r\nX: %b\r\n" % (b"t" * 3900, b"x" * 3900)
    for framing, body in (
        (b"Content-Length: 2", b"ab"),
        (b"Transfer-Encoding: chunked", b"2\r\nab\r\n0\r\n\r\n"),
    ):
        requests, fault = parse(head + framing + b"\r\n\r\n", body, limits=limits)
        assert ([request.body for request in requests], fault) == ([b"ab"], None)


def test_as_many_offers_to_upgrade_as_come_in_one_piece_are_read() -> None:
    requests, fault = parse(UPGRADE_LENGTH * 1000 + GET)
    assert fault is None
    assert [request.target for request in requests] == ["/ul"] * 1000 + ["/a?b=c"]


def as_h11_takes_it(data: bytes) -> bytes:
    """Undo the first two deliberate differences."""
    return _SPACES.sub(rb"\1 \2 \3", data.lstrip(b"\r\n"))


def origin_of(target: str) -> str:
    """Undo the third deliberate difference."""
    rest = _ORIGIN.sub("", target, count=1)
    return rest if rest.startswith("/") or rest == "*" else "/" + rest


def read_by_h11(data: bytes, count: int) -> list[Seen]:
    """Return the first ``count`` requests as h11 reads them.

    Raises:
        h11.RemoteProtocolError: It accepts fewer.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1_000_000)
    connection.receive_data(as_h11_takes_it(data))
    found: list[Seen] = []
    while len(found) < count:
        request = connection.next_event()
        if not isinstance(request, h11.Request):
            raise h11.RemoteProtocolError(f"no request but {request!r}")
        body, is_complete = _body_by_h11(connection)
        found.append(_seen_by_h11(request, body, is_complete))
        if is_complete and len(found) < count:
            connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            rest, _ = connection.trailing_data
            # A connection of its own for each request: only the framing is compared.
            connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1_000_000)
            connection.receive_data(as_h11_takes_it(rest))
    return found


def _body_by_h11(connection: h11.Connection) -> tuple[bytes, bool]:
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return body, True
        else:
            return body, False


def _seen_by_h11(request: h11.Request, body: bytes, is_complete: bool) -> Seen:
    target = request.target.decode()
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
    if host := urlsplit(target).netloc if _ORIGIN.match(target) else "":
        headers = [("host", host), *(field for field in headers if field[0] != "host")]
    combined: dict[str, str] = {}
    for name, value in headers:  # Photon has refused the fields that are not lists
        combined[name] = f"{combined[name]}, {value}" if name in combined else value
    headers = list(combined.items())
    return Seen(request.method.decode(), origin_of(target), headers, body, is_complete)


def seldom(usual: list[bytes], odd: list[bytes]) -> st.SearchStrategy[bytes]:
    """One of the usual pieces mostly, an odd one now and then."""
    return st.integers(0, 11).flatmap(lambda n: st.sampled_from(usual if n else odd))


METHODS = seldom(
    [b"GET", b"POST", b"HEAD"], [b"OPTIONS", b"get", b"FETCH", b"", b"PRI", b"M-SEARCH"]
)
TARGETS = seldom(
    [b"/", b"/a?b", b"/a/b%20c"],
    [
        b"*",
        b"a:80",
        b"http://a",
        b"http://a?b",
        b"http://u@a/",
        b"/#",
        b"/\xe9",
        b"",
        b"/a\tb",
        b"//",
    ],
)
VERSIONS = seldom(
    [b"HTTP/1.1"], [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.2", b"http/1.1", b"HTTP/1.10", b"ICE/1.0"]
)
ENDS = seldom([b"\r\n"], [b"\n", b"\r", b"\r\r\n", b"\r\n ", b"\r\n\t", b" \r\n", b"\0\r\n"])
GAPS = seldom([b" "], [b"  ", b"\t", b"", b" \t"])
COLONS = seldom([b": "], [b":", b" : ", b":\t", b":  ", b"", b": \x0b"])
NAMES = seldom(
    [b"Host", b"Content-Length", b"Transfer-Encoding", b"X-A"],
    [
        b"Connection",
        b"Upgrade",
        b"host",
        b"CONTENT-LENGTH",
        b"transfer-encoding",
        b"X A",
        b"",
        b"\xe9",
    ],
)
VALUES = seldom(
    [b"a", b"5", b"chunked", b"0"],
    [
        b"a:80", b"a b", b"[::1]", b"u@a", b"", b"+5", b"-1", b"5, 5", b"05", b"5 ", b"0x5", b"5_0",
        b"Chunked", b"xchunked", b"chunked, identity", b"identity", b"gzip, chunked", b"chunked ",
        b"close", b"keep-alive", b"Upgrade", b"h2c", b"\xe9", b"a\0", b"a\rb", b"a\nb", b"a\x7f",
        b"\t", b"18446744073709551621",
    ],
)  # fmt: skip
BODIES = st.sampled_from(
    [
        b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloo\r\n0\r\n\r\n", b"0\r\n\r\n", b"0\r\n", b"00\r\n\r\n",
        b"005\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX : y\r\n\r\n", b"\r\n", b"FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    ]
)  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A request that is right in most places, and usually wrong in one or two."""
    parts = [draw(METHODS), draw(GAPS), draw(TARGETS), draw(GAPS), draw(VERSIONS), draw(ENDS)]
    if draw(st.integers(0, 7)):
        parts += [b"Host: a\r\n"]
    framing = draw(
        st.sampled_from([b"", b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])
    )
    parts.append(framing)
    for _ in range(draw(st.integers(0, 3))):
        parts += [draw(NAMES), draw(COLONS), draw(VALUES), draw(ENDS)]
    parts += [draw(ENDS), draw(BODIES)]
    return b"".join(parts)


def assert_h11_agrees(data: bytes) -> int:
    """Check that h11 reads as Photon does; return how many requests Photon accepted."""
    requests, _ = parse(data)
    requests = [request for request in requests if request.method != "CONNECT"]
    if requests:
        assert requests == read_by_h11(data, len(requests))
    return len(requests)


@pytest.mark.slow
@settings(max_examples=800)
@given(st.lists(messages(), min_size=1, max_size=2).map(b"".join))
@example(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + GET)
@example(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked \r\n\r\n0\r\n\r\n" + GET)
@example(b"\r\n\r\nGET  /  HTTP/1.1\r\nHost: a\r\n\r\n")
@example(b"GET http://b/c?d HTTP/1.1\r\nHost: a\r\n\r\n")
@example(b"SOURCE / ICE/1.0\r\nHost: a\r\n\r\n")
@example(STREAM)
def test_generated_requests_are_accepted_only_as_h11_reads_them(data: bytes) -> None:
    assert_h11_agrees(data)


@pytest.mark.slow
@settings(max_examples=600)
@given(
    st.sampled_from([GET, LENGTH, CHUNKED, UPGRADE_LENGTH, UPGRADE_CHUNKED]),
    st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.sampled_from(["insert", "delete", "replace", "double"]),
            st.sampled_from(list(b"\r\n\t\0 :;,+-0x5/#@_.AZaz\x7f\xe9\xa0\x0b")),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_mutated_requests_are_accepted_only_as_h11_reads_them(
    data: bytes, mutations: list[tuple[float, str, int]]
) -> None:
    for place, what, octet in mutations:
        at = int(place * len(data))
        kept = {"insert": data[at:], "double": data[at:]}.get(what, data[at + 1 :])
        new = {"insert": bytes([octet]), "delete": b"", "replace": bytes([octet])}.get(
            what, data[at : at + 1]
        )
        data = data[:at] + new + kept
    assume(data)
    assert_h11_agrees(data + GET)


@pytest.mark.slow
def test_generator_of_the_differential_test_makes_requests_of_both_kinds() -> None:
    accepted = [0, 0]

    @settings(max_examples=300, derandomize=True, database=None)
    @given(messages())
    def count(data: bytes) -> None:
        accepted[bool(parse(data)[0])] += 1

    count()
    assert min(accepted) > 30, accepted
