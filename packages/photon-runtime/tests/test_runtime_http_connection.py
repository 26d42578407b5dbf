from __future__ import annotations

import contextlib
import contextvars
import http.client
import logging
import select
import socket
import struct
import subprocess
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs
import h11
import pytest

import photon_runtime as rt
from photon_runtime.http import HttpError, Request, Response, ServerSettings
from photon_runtime.http._connection import _was_sending
from photon_runtime.http._wire import Wire
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Sockets hold some megabytes of a transfer that nobody reads, but not tens of them.
KERNEL_BUFFERS = 24 * 1024 * 1024


@attrs.frozen
class Answer:
    """A response as h11 reads it."""

    status: int
    headers: dict[str, str]
    body: bytes


def answers(wire: bytes, *methods: str) -> list[Answer]:
    """Read the responses to ``methods``; h11 refuses whatever breaks the protocol."""
    found, rest = [], wire
    for method in methods:
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(rest)
        answer = _next_answer(connection)
        found.append(answer)
        rest = connection.trailing_data[0]
    assert rest == b"", "more came than was asked for"
    return found


def _next_answer(connection: h11.Connection) -> Answer:
    event = connection.next_event()
    while isinstance(event, h11.InformationalResponse):
        event = connection.next_event()
    assert isinstance(event, h11.Response), event
    headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
    assert len(headers) == len(event.headers), "a field came twice"
    status, body = event.status_code, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(b"")  # nothing more will come
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        else:
            assert isinstance(event, h11.EndOfMessage), event
            return Answer(status, headers, body)


def receive_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def receive_until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        part = client.recv(65536)
        assert part, f"the connection ended after {data!r}"
        data += part
    return data


def get(target: str = "/", *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: a", *fields, "", ""]
    return "\r\n".join(lines).encode()


def post(body: bytes, *fields: str, target: str = "/") -> bytes:
    return get(target, f"Content-Length: {len(body)}", *fields, method="POST") + body


def post_chunked(*parts: bytes, target: str = "/", fields: tuple[str, ...] = ()) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
    return get(target, "Transfer-Encoding: chunked", *fields, method="POST") + body


CLOSE = "Connection: close"


def echo(request: Request) -> Response:
    return Response(
        body=b"%b %b " % (request.method.encode(), request.target.encode()) + request.body
    )


@pytest.fixture(scope="module")
def echoing() -> Iterator[LiveServer]:
    with live_server(echo) as server:
        yield server


# -- keeping the connection -------------------------------------------------------------------


def test_connection_is_kept_for_many_requests(echoing: LiveServer) -> None:
    client = http.client.HTTPConnection(echoing.host, echoing.port, timeout=5)
    client.connect()
    local = client.sock.getsockname()
    for number in range(50):
        client.request("POST", f"/{number}", body=b"x" * number)
        answer = client.getresponse()
        assert answer.read() == b"POST /%d " % number + b"x" * number
        assert client.sock.getsockname() == local
    client.close()


def test_response_to_a_request_that_closes_says_so_and_closes(echoing: LiveServer) -> None:
    (answer,) = answers(echoing.exchange(get("/x", CLOSE)), "GET")
    assert answer.headers["connection"] == "close"
    assert answer.body == b"GET /x "


def test_response_on_a_kept_connection_does_not_say_close(echoing: LiveServer) -> None:
    with echoing.connect() as client:
        client.sendall(get("/x"))
        (answer,) = answers(receive_until(client, b"GET /x "), "GET")
    assert "connection" not in answer.headers


def test_http_1_0_closes_after_the_response(echoing: LiveServer) -> None:
    wire = echoing.exchange(b"GET /x HTTP/1.0\r\n\r\n")
    (answer,) = answers(wire, "GET")
    assert answer.headers["content-length"] == "7"
    assert answer.body == b"GET /x "
    assert "transfer-encoding" not in answer.headers


def test_http_1_0_client_that_asks_to_keep_the_connection_is_told_what_happens(
    echoing: LiveServer,
) -> None:
    with echoing.connect(timeout=2) as client:
        client.sendall(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        (answer,) = answers(receive_until(client, b"GET /x "), "GET")
        if answer.headers.get("connection", "").lower() != "keep-alive":
            # RFC 9112, section 9.3: without the field the client waits for the end.
            assert client.recv(1) == b""


def test_client_that_ends_its_direction_still_gets_its_answer(echoing: LiveServer) -> None:
    with echoing.connect() as client:
        client.sendall(get("/x"))
        client.shutdown(socket.SHUT_WR)
        (answer,) = answers(receive_all(client), "GET")
    assert answer.body == b"GET /x "


def test_connection_that_ends_in_a_head_is_closed_quietly(
    echoing: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    with echoing.connect() as client:
        client.sendall(get("/x")[:-3])
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b""
    assert caplog.records == []


def test_reset_connections_leave_no_trace(
    echoing: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    for data in (b"", get()[:5], get() * 50):
        with echoing.connect() as client:
            client.sendall(data)
            reset_at_close(client)
    assert b"GET /x" in echoing.exchange(get("/x", CLOSE))
    assert [record.message for record in caplog.records] == []


def test_client_that_leaves_in_its_body_is_no_failure_of_the_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def handle(request: Request) -> Response:
        begun.set()
        try:
            return Response(body=request.body)
        finally:
            ended.set()

    with live_server(handle) as server:
        with server.connect() as client:
            client.sendall(post(b"hello")[:-2])
            assert begun.wait(5)
            reset_at_close(client)
        assert ended.wait(5)
    assert [record.message for record in caplog.records] == []


def reset_at_close(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# -- pipelining -------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_order(echoing: LiveServer) -> None:
    count = 500
    wire = echoing.exchange(
        b"".join(get(f"/{number}") for number in range(count)) + get("/last", CLOSE)
    )
    bodies = [answer.body for answer in answers(wire, *["GET"] * (count + 1))]
    assert bodies == [b"GET /%d " % number for number in range(count)] + [b"GET /last "]


def test_slow_handler_does_not_let_the_next_request_overtake() -> None:
    def handle(request: Request) -> Response:
        rt.sleep(0.05 if request.path == "/slow" else 0)
        return Response(body=request.path)

    with live_server(handle) as server:
        wire = server.exchange(get("/slow") + get("/fast", CLOSE))
    assert [answer.body for answer in answers(wire, "GET", "GET")] == [b"/slow", b"/fast"]


PIPELINE = (
    get("/1")
    + post(b"two", target="/2")
    + post_chunked(b"th", b"ree", target="/3")
    + get("/4", method="HEAD")
    + post_chunked(b"five", target="/5", fields=("Connection: Upgrade", "Upgrade: h2c"))
    + get("/6", CLOSE)
)
PIPELINED_BODIES = [b"GET /1 ", b"POST /2 two", b"POST /3 three", b"", b"POST /5 five", b"GET /6 "]
PIPELINED_METHODS = ["GET", "POST", "POST", "HEAD", "POST", "GET"]


def test_pipeline_of_one_client_leaves_the_others_their_turn() -> None:
    is_sent, handled = threading.Event(), []

    def handle(request: Request) -> Response:
        if request.path == "/first":
            is_sent.wait(5)  # it holds the hub until the other client has asked
        handled.append(request.path)
        return Response()

    with live_server(handle) as server, server.connect() as one, server.connect() as other:
        one.sendall(get("/first") + get("/more") * 1500 + get("/last", CLOSE))
        other.sendall(get("/other", CLOSE))
        is_sent.set()
        receive_all(one)
        receive_all(other)
    assert handled.index("/other") < handled.index("/last")


def test_pipeline_is_read_the_same_wherever_it_is_cut(echoing: LiveServer) -> None:
    for cut in range(1, len(PIPELINE)):
        with echoing.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(PIPELINE[:cut])
            client.sendall(PIPELINE[cut:])
            found = answers(receive_all(client), *PIPELINED_METHODS)
        assert [answer.body for answer in found] == PIPELINED_BODIES, cut


def test_pipeline_is_read_the_same_byte_by_byte(echoing: LiveServer) -> None:
    with echoing.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in PIPELINE:
            client.sendall(bytes([octet]))
        found = answers(receive_all(client), *PIPELINED_METHODS)
    assert [answer.body for answer in found] == PIPELINED_BODIES


def test_request_that_begins_in_the_segment_of_a_long_body_is_answered(
    echoing: LiveServer,
) -> None:
    body = b"x" * 60_000
    follow = get("/next", CLOSE)
    with echoing.connect() as client:
        client.sendall(post(body) + follow[:20])
        first = receive_until(client, body)
        client.sendall(follow[20:])
        (answer,) = answers(receive_all(client), "GET")
    assert answers(first, "POST")[0].status == 200
    assert answer.body == b"GET /next "


# -- request bodies ---------------------------------------------------------------------------


def test_chunked_body_with_extensions_and_trailers_is_put_together(echoing: LiveServer) -> None:
    data = get("/", CLOSE, "Transfer-Encoding: chunked", method="POST")
    data += b'3;a;b="c;d"\r\nhel\r\n002\r\nlo\r\n0;last\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n'
    (answer,) = answers(echoing.exchange(data), "POST")
    assert answer.body == b"POST / hello"


def test_body_larger_than_any_buffer_is_read_whole() -> None:
    body = bytes(range(256)) * 8000
    with live_server(lambda request: Response(body=request.body)) as server:
        for data in (post(body, CLOSE), post_chunked(*[body[:99_999], body[99_999:]])):
            with server.connect() as client:
                threading.Thread(target=client.sendall, args=(data,)).start()
                wire = receive_until(client, body[-256:])
                while len(wire) < len(body):
                    wire += client.recv(65536)
            assert wire.endswith(b"\r\n\r\n" + body)


def test_parts_of_a_body_reach_the_handler_as_they_come() -> None:
    came: list[bytes] = []
    told = threading.Semaphore(0)

    def handle(request: Request) -> Response:
        for part in request.stream():
            came.append(part)
            told.release()
        return Response(body=b"%d" % len(came))

    with live_server(handle) as server, server.connect() as client:
        client.sendall(get("/", "Transfer-Encoding: chunked", CLOSE, method="POST"))
        for part in (b"one", b"two", b"three"):
            client.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            assert told.acquire(timeout=5)
        client.sendall(b"0\r\n\r\n")
        (answer,) = answers(receive_all(client), "POST")
    assert came == [b"one", b"two", b"three"]
    assert answer.body == b"3"


def test_response_can_stream_while_the_request_does() -> None:
    def handle(request: Request) -> Response:
        return Response(body=(part.upper() for part in request.stream()))

    with live_server(handle) as server, server.connect() as client:
        client.sendall(get("/", "Transfer-Encoding: chunked", method="POST"))
        wire = b""
        for part in (b"one", b"two"):
            client.sendall(b"3\r\n%b\r\n" % part)
            wire += receive_until(client, b"3\r\n%b\r\n" % part.upper())
        client.sendall(b"0\r\n\r\n")
        wire += receive_until(client, b"0\r\n\r\n")
    assert answers(wire, "POST")[0].body == b"ONETWO"


@pytest.mark.slow
def test_client_cannot_push_a_body_that_nobody_reads() -> None:
    released = rt.Event()
    total = 64 * 1024 * 1024

    def handle(request: Request) -> Response:
        if request.path == "/release":
            released.set()
            return Response()
        released.wait()
        return Response(body=b"%d" % sum(map(len, request.stream())))

    settings = ServerSettings(max_body_size=total)
    with live_server(handle, settings=settings) as server, server.connect() as client:
        client.sendall(get("/", f"Content-Length: {total}", CLOSE, method="POST"))
        pushed = push_until_it_stalls(client, total)
        assert pushed < KERNEL_BUFFERS
        server.exchange(get("/release", CLOSE))
        client.settimeout(10)
        client.sendall(bytes(total - pushed))
        (answer,) = answers(receive_all(client), "POST")
    assert answer.body == b"%d" % total


def push_until_it_stalls(client: socket.socket, total: int) -> int:
    """Send zeros until none have been taken for a while; return how many were."""
    client.setblocking(False)
    pushed, data = 0, bytes(1024 * 1024)
    while pushed < total and select.select([], [client], [], 0.3)[1]:
        pushed += client.send(data[: total - pushed])
    return pushed


def test_small_body_that_was_not_read_is_dropped_and_the_connection_lives_on() -> None:
    with live_server(lambda request: Response(body=request.path)) as server:
        for size in (1, 1000, 60_000):
            with server.connect() as client:
                data = post(b"x" * size, target="/unread")
                client.sendall(data[:-1])
                assert receive_until(client, b"/unread")
                client.sendall(data[-1:] + get("/next", CLOSE))
                (answer,) = answers(receive_all(client), "GET")
            assert answer.body == b"/next"


def test_large_body_that_was_not_read_ends_the_connection() -> None:
    with (
        live_server(lambda request: Response(body=request.path)) as server,
        server.connect() as client,
    ):
        client.sendall(get("/unread", "Content-Length: 100000000", method="POST"))
        (answer,) = answers(receive_all(client), "POST")
    assert answer.body == b"/unread"
    assert answer.headers["connection"] == "close"


def test_connection_that_ends_in_a_body_is_told_to_the_handler() -> None:
    errors: list[HttpError] = []

    def handle(request: Request) -> Response:
        try:
            return Response(body=request.body)
        except HttpError as error:
            errors.append(error)
            raise

    with live_server(handle) as server, server.connect() as client:
        client.sendall(post(b"hello")[:-1])
        client.shutdown(socket.SHUT_WR)
        (answer,) = answers(receive_all(client), "POST")
    assert answer.status == 400
    assert [error.status for error in errors] == [400]


@pytest.mark.slow
def test_body_whose_reading_was_broken_off_is_read_whole_the_next_time() -> None:
    waiting = threading.Event()

    def handle(request: Request) -> Response:
        with contextlib.suppress(rt.DeadlineExceeded), rt.deadline(0.1):
            request.body  # noqa: B018 - it waits
        waiting.set()
        return Response(body=request.body)

    with live_server(handle) as server, server.connect() as client:
        client.sendall(get("/", "Content-Length: 4", CLOSE, method="POST") + b"on")
        assert waiting.wait(5)
        client.sendall(b"ce")
        (answer,) = answers(receive_all(client), "POST")
    assert answer.body == b"once"


def test_body_consumed_by_stream_is_not_to_be_had_again() -> None:
    def handle(request: Request) -> Response:
        list(request.stream())
        with pytest.raises(RuntimeError):
            _ = request.body
        return Response(204)

    with live_server(handle) as server:
        for data in (post(b"hello", CLOSE), post_chunked(b"hello", fields=(CLOSE,))):
            assert answers(server.exchange(data), "POST")[0].status == 204


# -- Expect: 100-continue ---------------------------------------------------------------------

EXPECT = "Expect: 100-continue"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("framing", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_client_that_asks_is_told_to_continue_when_the_body_is_read(
    echoing: LiveServer, framing: str
) -> None:
    body = b"hello" if "Length" in framing else b"5\r\nhello\r\n0\r\n\r\n"
    with echoing.connect() as client:
        for _ in range(2):
            client.sendall(get("/", framing, EXPECT, method="POST"))
            assert receive_until(client, b"\r\n\r\n") == CONTINUE
            client.sendall(body)
            (answer,) = answers(receive_until(client, b"hello"), "POST")
            assert answer.status == 200


def test_client_that_asks_gets_the_answer_alone_when_the_body_is_not_read() -> None:
    with live_server(lambda request: Response(403)) as server, server.connect() as client:
        client.sendall(get("/", "Content-Length: 5", EXPECT, method="POST"))
        wire = receive_all(client)
    assert CONTINUE not in wire
    (answer,) = answers(wire, "POST")
    assert answer.status == 403
    assert answer.headers["connection"] == "close"


def test_client_that_asks_with_too_large_a_body_is_refused_at_once(echoing: LiveServer) -> None:
    with echoing.connect() as client:
        client.sendall(get("/", "Content-Length: 99999999999", EXPECT, method="POST"))
        wire = receive_all(client)
    assert CONTINUE not in wire
    assert answers(wire, "POST")[0].status == 413


def test_client_that_does_not_wait_for_the_100_is_answered(echoing: LiveServer) -> None:
    wire = echoing.exchange(post(b"hello", EXPECT, CLOSE))
    (answer,) = answers(wire, "POST")
    assert answer.body == b"POST / hello"


def test_http_1_0_is_never_told_to_continue(echoing: LiveServer) -> None:
    with echoing.connect() as client:
        client.sendall(
            get("/", "Content-Length: 5", EXPECT, method="POST", version="1.0") + b"hello"
        )
        wire = receive_all(client)
    assert wire.startswith(b"HTTP/1.1 200 ")


def test_nobody_is_told_to_continue_in_the_middle_of_a_response() -> None:
    def handle(request: Request) -> Response:
        def parts() -> Iterator[bytes]:
            yield b"first "
            yield from request.stream()

        return Response(body=parts())

    with live_server(handle) as server, server.connect() as client:
        client.sendall(get("/", "Content-Length: 5", EXPECT, CLOSE, method="POST"))
        wire = receive_until(client, b"first \r\n")
        client.sendall(b"hello")
        wire += receive_all(client)
    assert CONTINUE not in wire[wire.index(b"HTTP/1.1 200") :]
    assert answers(wire, "POST")[0].body == b"first hello"


# -- offers to upgrade ------------------------------------------------------------------------

H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAA")


def test_offer_to_upgrade_without_a_body_is_ignored(echoing: LiveServer) -> None:
    wire = echoing.exchange(get("/h2", *H2C) + get("/next", CLOSE))
    assert [answer.body for answer in answers(wire, "GET", "GET")] == [b"GET /h2 ", b"GET /next "]
    assert b" 101 " not in wire


def test_offer_to_upgrade_with_a_body_is_ignored(echoing: LiveServer) -> None:
    data = post(b"hello", *H2C) + post_chunked(b"hel", b"lo", fields=H2C) + get("/next", CLOSE)
    bodies = [answer.body for answer in answers(echoing.exchange(data), "POST", "POST", "GET")]
    assert bodies == [b"POST / hello", b"POST / hello", b"GET /next "]


def test_offer_to_upgrade_with_a_large_body_is_read_whole() -> None:
    body = b"x" * 1_000_000
    with live_server(lambda request: Response(body=b"%d" % len(request.body))) as server:
        wire = server.exchange(post(body, *H2C) + get("/next", CLOSE))
    assert [answer.body for answer in answers(wire, "POST", "GET")] == [b"1000000", b"0"]


@pytest.mark.parametrize(
    "options", [[], ["--data", "hello"], ["-H", "Expect: 100-continue", "-d", "hello"]]
)
def test_curl_that_offers_http_2_is_answered(echoing: LiveServer, options: list[str]) -> None:
    try:
        done = subprocess.run(
            ["curl", "-sS", "--http2", "-m", "5", *options, echoing.url + "/a"],
            capture_output=True,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("there is no curl")
    expected = b"POST /a hello" if options else b"GET /a "
    assert done.stdout == expected


# -- responses that are streams ---------------------------------------------------------------


def serving(make: Callable[[], Response]) -> Callable[[Request], Response]:
    """A handler that answers ``/`` with what ``make`` returns, and anything else with "next"."""

    def handle(request: Request) -> Response:
        return make() if request.path == "/" else Response(body="next")

    return handle


def test_iterable_is_sent_in_chunks_and_the_connection_is_kept() -> None:
    with live_server(serving(lambda: Response(body=iter([b"one ", b"", b"two"])))) as server:
        wire = server.exchange(get() + get("/next", CLOSE))
    one, following = answers(wire, "GET", "GET")
    assert one.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in one.headers
    assert (one.body, following.body) == (b"one two", b"next")


def test_iterable_without_parts_is_an_empty_body() -> None:
    with live_server(serving(lambda: Response(body=iter([])))) as server:
        wire = server.exchange(get() + get("/next", CLOSE))
    assert [answer.body for answer in answers(wire, "GET", "GET")] == [b"", b"next"]


def test_iterable_for_http_1_0_ends_with_the_connection() -> None:
    with live_server(lambda request: Response(body=iter([b"one ", b"two"]))) as server:
        for fields in ("", "Connection: keep-alive\r\n"):
            wire = server.exchange(f"GET / HTTP/1.0\r\n{fields}\r\n".encode())
            (answer,) = answers(wire, "GET")
            assert answer.body == b"one two"
            assert "transfer-encoding" not in answer.headers
            assert "content-length" not in answer.headers


def test_iterable_of_declared_length_is_sent_without_chunks() -> None:
    def make() -> Response:
        return Response(body=iter([b"one ", b"two"]), headers={"Content-Length": "7"})

    with live_server(serving(make)) as server:
        wire = server.exchange(get() + get("/next", CLOSE))
    one, following = answers(wire, "GET", "GET")
    assert one.headers["content-length"] == "7"
    assert "transfer-encoding" not in one.headers
    assert (one.body, following.body) == (b"one two", b"next")


@pytest.mark.parametrize("parts", [[b"one"], [b"one ", b"two", b"!"]])
def test_iterable_of_another_length_than_declared_ends_the_connection(
    parts: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    def make() -> Response:
        return Response(body=iter(parts), headers={"Content-Length": "7"})

    with live_server(serving(make)) as server:
        wire = server.exchange(get() + get("/next", CLOSE))
    assert b"next" not in wire
    assert wire.count(b"HTTP/1.1 ") <= 1
    assert len(wire.partition(b"\r\n\r\n")[2]) <= min(7, len(b"".join(parts)))
    assert "Content-Length" in caplog.text


@pytest.mark.parametrize("parts", [[b"one two!"], []])
def test_iterable_of_another_length_that_shows_before_the_head_was_sent_is_a_500(
    parts: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[BaseException | None] = []

    def handle(request: Request) -> Response:
        request.after_response(lambda: failures.append(request.failure))
        return Response(body=iter(parts), headers={"Content-Length": "7"})

    with live_server(handle) as server:
        (answer,) = answers(server.exchange(get() + get("/next", CLOSE)), "GET")
    assert answer.status == 500
    assert isinstance(failures[0], ValueError)
    assert "Content-Length" in caplog.text


def test_parts_are_counted_in_bytes() -> None:
    parts: list[Any] = [memoryview(b"eight by").cast("I")]
    with live_server(lambda request: Response(body=iter(parts))) as server:
        (answer,) = answers(server.exchange(get("/", CLOSE)), "GET")
    assert answer.body == b"eight by"


def test_length_of_a_whole_body_is_counted_and_not_believed() -> None:
    def make() -> Response:
        return Response(body=b"hello", headers={"Content-Length": "3"})

    with live_server(serving(make)) as server:
        wire = server.exchange(get() + get("/next", CLOSE))
    assert [answer.body for answer in answers(wire, "GET", "GET")] == [b"hello", b"next"]


def broken(*parts: bytes, error: Exception) -> Iterator[bytes]:
    yield from parts
    raise error


def test_stream_that_fails_at_its_beginning_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    error = RuntimeError("the password is 1234")
    with live_server(serving(lambda: Response(body=broken(error=error)))) as server:
        wire = server.exchange(get() + get("/next"))
    (answer,) = answers(wire, "GET")
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"1234" not in wire
    assert "1234" in caplog.text


def test_stream_that_raises_an_http_error_at_its_beginning_is_that_answer() -> None:
    error = HttpError(404, "no such report")
    with live_server(serving(lambda: Response(body=broken(error=error)))) as server:
        (answer,) = answers(server.exchange(get() + get("/next")), "GET")
    assert answer.status == 404
    assert b"no such report" in answer.body


@pytest.mark.parametrize("error", [RuntimeError("1234"), HttpError(404, "1234")])
def test_stream_that_fails_later_is_cut_off_and_never_looks_whole(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with live_server(serving(lambda: Response(body=broken(b"part", error=error)))) as server:
        wire = server.exchange(get() + get("/next"))
    assert wire.endswith(b"\r\n\r\n4\r\npart\r\n")
    with pytest.raises(h11.RemoteProtocolError):
        answers(wire, "GET")
    assert caplog.records


@pytest.mark.parametrize(
    ("parts", "error", "is_failure"),
    [
        ((), RuntimeError("at the beginning"), True),
        ((), HttpError(404), False),  # which is an answer
        ((b"part",), RuntimeError("later"), True),
        ((b"part",), HttpError(404), True),
    ],
)
def test_failure_of_a_stream_is_known_when_the_request_is_over(
    parts: tuple[bytes, ...], error: Exception, is_failure: bool
) -> None:
    found: list[BaseException | None] = []

    def handle(request: Request) -> Response:
        request.after_response(lambda: found.append(request.failure))
        return Response(body=broken(*parts, error=error))

    with live_server(handle) as server:
        server.exchange(get("/", CLOSE))
    assert found == [error if is_failure else None]


class Source:
    """An iterable that counts what was taken, and notes its end."""

    def __init__(self, count: int, size: int = 65536) -> None:
        self.taken = 0
        self.closed = threading.Event()
        self._count = count
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        while self.taken < self._count:
            self.taken += 1
            yield bytes(self._size)

    def close(self) -> None:
        self.closed.set()


def test_iterable_is_closed_when_it_was_sent() -> None:
    source = Source(2)
    with live_server(lambda request: Response(body=source)) as server:
        server.exchange(get("/", CLOSE))
        assert source.closed.wait(5)


def test_iterable_is_closed_when_the_client_leaves() -> None:
    source = Source(100_000)
    with live_server(lambda request: Response(body=source)) as server:
        with server.connect() as client:
            client.sendall(get())
            client.recv(65536)
        assert source.closed.wait(5)
    assert source.taken < 100_000


class Unclosable(Source):
    """An iterable that cannot be closed."""

    def close(self) -> None:
        super().close()
        raise RuntimeError("it does not close")


def test_body_that_cannot_be_closed_is_logged_and_has_one_answer_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with live_server(serving(lambda: Response(body=Unclosable(1, 3)))) as server:
        one, following = answers(server.exchange(get() + get("/next", CLOSE)), "GET", "GET")
    assert (one.body, following.body) == (bytes(3), b"next")
    assert "it does not close" in caplog.text


def test_iterable_of_a_response_that_cannot_be_sent_is_closed() -> None:
    source = Source(1)
    with live_server(lambda request: Response(99, body=source)) as server:
        (answer,) = answers(server.exchange(get("/", CLOSE)), "GET")
    assert answer.status == 500
    assert source.closed.is_set()


def test_response_that_cannot_be_sent_is_a_failure_of_the_request() -> None:
    failures: list[BaseException | None] = []

    def handle(request: Request) -> Response:
        request.after_response(lambda: failures.append(request.failure))
        return Response(99)

    with live_server(handle) as server:
        (answer,) = answers(server.exchange(get("/", CLOSE)), "GET")
    assert answer.status == 500
    assert isinstance(failures[0], ValueError)


def test_iterable_is_closed_untouched_for_head() -> None:
    source = Source(2)
    with live_server(lambda request: Response(body=source)) as server:
        (answer,) = answers(server.exchange(get("/", CLOSE, method="HEAD")), "HEAD")
        assert source.closed.wait(5)
    assert answer.status == 200
    assert source.taken == 0


@pytest.mark.slow
def test_stream_does_not_run_ahead_of_a_slow_reader() -> None:
    source = Source(1000)

    def handle(request: Request) -> Response:
        if request.path == "/taken":
            return Response(body=str(source.taken))
        return Response(body=source)

    def taken() -> int:
        return int(server.exchange(get("/taken", CLOSE)).rpartition(b"\r\n")[2])

    with live_server(handle) as server, server.connect() as client:
        client.sendall(get("/", CLOSE))
        before, now, steady = -1, taken(), 0
        while steady < 20:
            before, now = now, taken()
            steady = steady + 1 if before == now else 0
        assert 0 < now * 65536 < KERNEL_BUFFERS
        wire = receive_all(client)
    assert wire.count(b"10000\r\n" + bytes(65536) + b"\r\n") == 1000


# -- responses without a body -----------------------------------------------------------------


def test_head_has_the_fields_of_get_and_no_body(echoing: LiveServer) -> None:
    wire = echoing.exchange(get("/x", method="HEAD") + get("/next", CLOSE))
    head, following = answers(wire, "HEAD", "GET")
    assert head.headers["content-length"] == str(len("HEAD /x "))
    assert head.body == b""
    assert following.body == b"GET /next "


def test_head_of_a_stream_has_no_body_and_keeps_the_connection() -> None:
    with live_server(serving(lambda: Response(body=iter([b"one"])))) as server:
        wire = server.exchange(get("/", method="HEAD") + get("/next", CLOSE))
    assert [answer.body for answer in answers(wire, "HEAD", "GET")] == [b"", b"next"]


def test_head_that_fails_has_no_body() -> None:
    def handle(request: Request) -> Response:
        if request.path == "/":
            raise HttpError(404, "nothing here")
        return Response(body="next")

    with live_server(handle) as server:
        wire = server.exchange(get("/", method="HEAD") + get("/next", CLOSE))
    assert [answer.status for answer in answers(wire, "HEAD", "GET")] == [404, 200]


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("is_stream", [False, True], ids=["bytes", "stream"])
@pytest.mark.parametrize("declares", [False, True], ids=["", "declared"])
def test_statuses_without_a_body_never_have_one(
    status: int, is_stream: bool, declares: bool
) -> None:
    def make() -> Response:
        return Response(
            status,
            body=iter([b"hello"]) if is_stream else b"hello",
            headers={"Content-Length": "5"} if declares else {},
        )

    with live_server(serving(make)) as server:
        wire = server.exchange(get() + get("/next", CLOSE))
    bare, following = answers(wire, "GET", "GET")
    assert (bare.status, bare.body) == (status, b"")
    assert following.body == b"next"
    if status == 204:  # RFC 9110, section 8.6 and RFC 9112, section 6.1
        assert not {"content-length", "transfer-encoding"} & set(bare.headers)


# -- limits -----------------------------------------------------------------------------------


def test_body_too_large_by_its_length_is_refused_before_it_comes(echoing: LiveServer) -> None:
    with echoing.connect() as client:
        client.sendall(get("/", "Content-Length: 2097153", method="POST"))
        (answer,) = answers(receive_all(client), "POST")
    assert answer.status == 413
    assert answer.headers["connection"] == "close"


def test_body_of_just_the_limit_is_read() -> None:
    with live_server(
        lambda request: Response(body=b"%d" % len(request.body)),
        settings=ServerSettings(max_body_size=10_000),
    ) as server:
        for data in (post(bytes(10_000), CLOSE), post_chunked(bytes(10_000), fields=(CLOSE,))):
            assert answers(server.exchange(data), "POST")[0].body == b"10000"


@pytest.mark.parametrize("in_one_segment", [True, False])
def test_chunked_body_too_large_is_refused_while_it_comes(in_one_segment: bool) -> None:
    settings = ServerSettings(max_body_size=1000)
    received: list[int] = []

    def handle(request: Request) -> Response:
        try:
            return Response(body=request.body)
        finally:
            received.append(request._received)

    with live_server(handle, settings=settings) as server, server.connect() as client:
        client.sendall(get("/", "Transfer-Encoding: chunked", method="POST"))
        chunk = b"64\r\n" + bytes(100) + b"\r\n"
        if in_one_segment:
            client.sendall(chunk * 15)
        else:
            for _ in range(11):
                client.sendall(chunk)
        (answer,) = answers(receive_all(client), "POST")
    assert answer.status == 413
    assert received[0] <= 1500


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (get("/" + "x" * 8191), 200),
        (get("/" + "x" * 8192), 414),
        (get("/", *["X: 1"] * 99), 200),
        (get("/", *["X: 1"] * 100), 431),
        (get("/", "X: " + "x" * 32_000), 200),
        (get("/", "X: " + "x" * 32_768), 431),
        (get("/", *["X: " + "x" * 1000] * 40), 431),
        (get("/", "X: " + "x" * 500_000), 431),
    ],
    ids=[
        "target at limit", "target", "count at limit", "count", "size at limit", "size",
        "sum", "far over",
    ],
)  # fmt: skip
@pytest.mark.parametrize("segment", [0, 1000], ids=["whole", "dribbled"])
def test_head_has_limits(echoing: LiveServer, data: bytes, status: int, segment: int) -> None:
    with echoing.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for at in range(0, len(data), segment or len(data)):
                client.sendall(data[at : at + (segment or len(data))])
            client.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # refused while sending
        (answer,) = answers(receive_all(client), "GET")
    assert answer.status == status
    assert (answer.headers.get("connection") == "close") is (status != 200)


def test_head_that_never_ends_is_refused(echoing: LiveServer) -> None:
    with echoing.connect() as client:
        client.sendall(get()[:-2])
        sent = 0
        with contextlib.suppress(ConnectionError):  # refused while sending
            while not select.select([client], [], [], 0)[0] and sent < 10_000_000:
                client.sendall(b"X: " + b"x" * 995 + b"\r\n")
                sent += 1000
        (answer,) = answers(receive_all(client), "GET")
    assert answer.status == 431


# -- answers that must arrive although the client still sends ------------------------------------


@pytest.mark.parametrize("size", [2_100_000, 3_000_000, 8_000_000])
def test_client_that_sends_its_body_first_reads_its_413(echoing: LiveServer, size: int) -> None:
    """As most libraries do: everything out, and only then a look at what came."""
    client = http.client.HTTPConnection(echoing.host, echoing.port, timeout=5)
    with contextlib.closing(client):
        client.request("POST", "/", body=bytes(size))
        answer = client.getresponse()
        assert answer.status == 413
        assert b"2097152" in answer.read()


def test_client_that_looks_while_it_sends_reads_its_413(echoing: LiveServer) -> None:
    with echoing.connect() as client:
        client.sendall(get("/", "Content-Length: 1000000000", method="POST"))
        client.setblocking(False)
        with contextlib.suppress(ConnectionError):  # what came before the end is still there
            while not select.select([client], [], [], 0)[0]:
                if select.select([], [client], [], 0.01)[1]:
                    client.send(bytes(65536))
        client.settimeout(5)
        (answer,) = answers(receive_until(client, b"}"), "POST")
    assert answer.status == 413


def test_client_that_still_sends_reads_its_400(echoing: LiveServer) -> None:
    with echoing.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + bytes(500_000))
        (answer,) = answers(receive_all(client), "GET")
    assert answer.status == 400


# -- context ----------------------------------------------------------------------------------


def test_context_variables_do_not_leak_into_the_next_request() -> None:
    user = contextvars.ContextVar("user", default="nobody")

    def handle(request: Request) -> Response:
        before = user.get()
        user.set(request.path)
        rt.sleep(0)
        return Response(body=f"{before} {user.get()}")

    with live_server(handle) as server:
        wire = server.exchange(get("/ada") + get("/bob") + get("/eve", CLOSE))
        with server.connect() as client:
            for name in ("/ada", "/bob"):
                client.sendall(get(name))
                assert receive_until(client, name.encode()).endswith(f"nobody {name}".encode())
    bodies = [answer.body for answer in answers(wire, "GET", "GET", "GET")]
    assert bodies == [b"nobody /ada", b"nobody /bob", b"nobody /eve"]


def test_stream_runs_in_the_context_of_its_request() -> None:
    user = contextvars.ContextVar("user", default="nobody")

    def handle(request: Request) -> Response:
        user.set(request.path)

        def parts() -> Iterator[bytes]:
            for _ in range(3):
                rt.sleep(0)
                yield user.get().encode()

        return Response(body=parts())

    with live_server(handle) as server:
        wire = server.exchange(get("/a") + get("/b", CLOSE))
    assert [answer.body for answer in answers(wire, "GET", "GET")] == [b"/a" * 3, b"/b" * 3]


# -- what a request knows of its connection -----------------------------------------------------


def test_request_knows_the_address_of_its_client() -> None:
    with (
        live_server(lambda request: Response(body=repr(request.client))) as server,
        server.connect() as client,
    ):
        client.sendall(get("/", CLOSE))
        (answer,) = answers(receive_all(client), "GET")
        assert answer.body == repr(client.getsockname()).encode()


def test_handlers_of_two_connections_run_side_by_side() -> None:
    met = rt.Event()

    def handle(request: Request) -> Response:
        if request.path == "/wait":
            met.wait()
        else:
            met.set()
        return Response(body=request.path)

    with live_server(handle) as server, server.connect() as client:
        client.sendall(get("/wait", CLOSE))
        server.exchange(get("/meet", CLOSE))
        assert receive_all(client).endswith(b"/wait")


def test_nothing_is_logged_for_requests_that_go_well(
    echoing: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        echoing.exchange(PIPELINE)
    assert caplog.records == []


@pytest.mark.parametrize("name", ["send", "send_pieces"])
def test_an_error_of_a_signal_handler_is_known_to_come_while_bytes_were_sent(name: str) -> None:
    def interrupted(data: object) -> int:
        raise ValueError("of a signal handler")

    wire = SimpleNamespace(stream=SimpleNamespace(send=interrupted, sendmsg=interrupted))
    with pytest.raises(ValueError, match="of a signal handler") as raised:
        getattr(Wire, name)(wire, [b"a"], None)
    assert _was_sending(raised.value)
    assert not _was_sending(ValueError("before anything was sent"))
