"""Request bodies, however their bytes are cut: the same requests, exact limits, linear cost.

The connections have a stream that is a script, so that each ``recv`` gets what a test wants.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime._pooled_greenlet import current_task
from photon_runtime._task import Task
from photon_runtime._watcher import Watcher
from photon_runtime.http import HttpError, Request, Response, Server, ServerSettings
from photon_runtime.http._connection import Connection
from photon_runtime.http._wire import RawSocket

MB = 1024 * 1024
Handler = Callable[[Request], Response]


@attrs.define
class Script:
    """A stream that gives its segments one by one, then the end, and takes what it is sent."""

    segments: list[bytes | memoryview]
    sent: bytearray = attrs.Factory(bytearray)
    calls: int = 0
    received: int = 0
    _is_dry: bool = False

    def recv_into(self, buffer: bytearray | memoryview, /) -> int:
        self.calls += 1
        if self._is_dry:
            self._is_dry = False
            raise BlockingIOError
        if not self.segments:
            return 0
        segment = self.segments[0]
        size = min(len(segment), len(buffer))
        buffer[:size] = segment[:size]
        if size < len(segment):
            self.segments[0] = memoryview(segment)[size:]
        else:
            del self.segments[0]
            self._is_dry = True
        self.received += size
        return size

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        raise AssertionError("a connection receives into memory of its own")

    def send(self, data: bytes | memoryview, /) -> int:
        self.sent += data
        return len(data)

    def sendmsg(self, pieces: Sequence[bytes | memoryview], /) -> int:
        return sum(self.send(piece) for piece in pieces)

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...

    def fileno(self) -> int:
        return -1


@attrs.define
class Edges:
    """A watcher whose stream is always ready after a wait."""

    script: Script
    readable: bool = False
    ended: bool = False

    def wait_read(self, task: Task[object]) -> None:
        self.script._is_dry = False
        task.yield_turn()


def serve(
    handler: Handler,
    *segments: bytes,
    limit: int = 64 * MB,
    buffer: int = 64 * 1024,
    is_plain: bool = True,
) -> Script:
    """Serve one connection with these segments until it ends."""
    script = Script([segment for segment in segments if segment])

    def main() -> None:
        server = Server(sockets=[], settings=ServerSettings(max_body_size=limit))
        server.handler = handler
        server.buffer = bytearray(buffer)
        server.view = memoryview(server.buffer)
        server._tick()
        edges = cast(Watcher, Edges(script))
        connection = Connection(server, cast(RawSocket, script), ("127.0.0.1", 1), edges)
        if not is_plain:
            connection.replace_stream(script)
        connection.expires = float("inf")
        connection.serve(current_task())

    rt.run(main)
    return script


# -- the same requests, wherever they are cut -------------------------------------------------

Seen = tuple[str, bytes | None]


@attrs.define
class Recorder:
    """A handler that reads each body in the way that the path names."""

    seen: list[Seen] = attrs.Factory(list)

    def __call__(self, request: Request) -> Response:
        way = request.path.rpartition("/")[2]
        body: bytes | None = None
        if way == "body":
            body = request.body
            assert request.body is body
        elif way == "stream":
            body = b"".join(request.stream())
        elif way == "part":
            next(request.stream(), b"")
        self.seen.append((request.path, body))
        return Response(body=b"x")


def message(number: int, way: str, size: int, framing: str) -> tuple[bytes, Seen]:
    body = bytes((number + index) % 251 for index in range(251)) * (size // 251 + 1)
    body = body[:size]
    path = f"/{number}/{way}"
    if framing == "chunked":
        chunks = [body[at : at + 30_000] for at in range(0, size, 30_000)]
        field = b"Transfer-Encoding: chunked\r\n"
        sent = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    else:
        field = b"Content-Length: %d\r\n" % size
        sent = body
    if framing == "continue":
        field += b"Expect: 100-continue\r\n"
    head = b"POST %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (path.encode(), field)
    return head + sent, (path, body if way in ("body", "stream") else None)


# What is not read is dropped only up to 64 KB; after more the connection ends.
MESSAGES = st.tuples(
    st.sampled_from(["body", "stream"]),
    st.sampled_from([0, 1, 300, 16_384, 16_500, 70_000, 300_000]),
    st.sampled_from(["length", "chunked", "continue"]),
) | st.tuples(
    st.sampled_from(["part", "nothing"]),
    st.sampled_from([0, 300, 40_000]),
    st.just("length"),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(MESSAGES, min_size=1, max_size=4),
    st.lists(st.integers(1, 90_000), max_size=40),
    st.lists(st.integers(1, 200), max_size=20),
    st.sampled_from([1_000, 20_000, 65_536]),
    st.booleans(),
)
def test_requests_are_the_same_wherever_the_stream_is_cut(
    messages: list[tuple[str, int, str]],
    sizes: list[int],
    small: list[int],
    buffer: int,
    is_plain: bool,
) -> None:
    stream, expected = b"", []
    for number, (way, size, framing) in enumerate(messages):
        sent, seen = message(number, way, size, framing)
        stream += sent
        expected.append(seen)
    segments = []
    for size in (*small, *sizes):
        segments.append(stream[:size])
        stream = stream[size:]
    recorder = Recorder()
    script = serve(recorder, *segments, stream, buffer=buffer, is_plain=is_plain)
    assert recorder.seen == expected
    assert script.sent.count(b"HTTP/1.1 200 OK") == len(messages)
    assert script.segments == []


def test_large_body_of_an_offer_to_upgrade_is_received() -> None:
    head = (
        b"POST /1/body HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        b"Content-Length: 200000\r\n\r\n"
    )
    recorder = Recorder()
    following, seen = message(2, "body", 10, "length")
    serve(recorder, head + b"x" * 100_000, b"x" * 100_000 + following)
    assert recorder.seen == [("/1/body", b"x" * 200_000), seen]


# -- limits -----------------------------------------------------------------------------------


def post(size: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size


def size_of_body(request: Request) -> Response:
    return Response(body=f"{len(request.body)} bytes")


def test_body_may_have_its_limit_and_no_byte_more() -> None:
    limit = 100_000
    script = serve(size_of_body, post(limit), bytes(limit), limit=limit)
    assert script.sent.endswith(b"100000 bytes")
    script = serve(size_of_body, post(limit + 1), bytes(limit + 1), limit=limit)
    assert script.sent.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("arrived", [0, 1, 100_000, 199_999])
def test_body_that_ends_early_is_an_error_in_the_handler(arrived: int) -> None:
    caught: list[int] = []

    def handler(request: Request) -> Response:
        try:
            return size_of_body(request)
        except HttpError as error:
            caught.append(error.status)
            raise

    script = serve(handler, post(200_000), bytes(arrived))
    assert script.sent.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in script.sent
    assert caught == [400]


def test_interrupted_reading_can_be_repeated() -> None:
    class Interruption(Exception):
        pass

    pieces = [bytes([number]) * 70_000 for number in range(5)]

    def handler(request: Request) -> Response:
        task = current_task()
        attempts = 0
        while True:
            attempts += 1
            hub_turn = rt.spawn(task.interrupt, Interruption())
            try:
                body = request.body
                break
            except Interruption:
                pass
            hub_turn.join()
        assert body == b"".join(pieces)
        return Response(body=f"{attempts} attempts")

    script = serve(handler, post(350_000), *pieces)
    assert script.sent.startswith(b"HTTP/1.1 200 ")


# -- cost -------------------------------------------------------------------------------------


def noting_memory(peaks: list[int]) -> Callable[[Request], Response]:
    """Return a handler that notes the most memory that reading the body has taken."""

    def handler(request: Request) -> Response:
        tracemalloc.start()
        try:
            return size_of_body(request)
        finally:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    return handler


def test_announced_body_takes_no_memory_before_it_arrives() -> None:
    peaks: list[int] = []
    for arrived in (0, 1, 10_000):
        script = serve(noting_memory(peaks), post(1024 * MB), bytes(arrived), limit=2048 * MB)
        assert script.sent.startswith(b"HTTP/1.1 400 ")
    assert max(peaks) < MB


def test_body_is_received_in_its_own_memory() -> None:
    peaks: list[int] = []
    script = serve(noting_memory(peaks), post(2 * MB) + bytes(60_000), bytes(2 * MB - 60_000))
    assert script.sent.endswith(b"2097152 bytes")
    assert peaks[0] < 2.5 * MB  # a list of parts that is joined takes twice the size
    assert script.calls < 12


def test_cost_of_a_slow_body_is_linear() -> None:
    size = 30_000
    script = serve(size_of_body, post(size), *[b"x"] * size)
    assert script.sent.endswith(b"30000 bytes")
    assert script.calls < size + 10
    assert script.received == size + len(post(size))
