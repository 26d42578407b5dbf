"""Each path of a request in C releases what it has taken: many rounds of it leave nothing behind.

An interpreter that was built for debugging counts all references. Others count blocks of memory,
and the references of the objects that every request shares.
"""

from __future__ import annotations

import gc
import logging
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

from photon_runtime import Task, sleep, spawn
from photon_runtime.http import HttpError, Request, Response, ServerSettings
from photon_runtime.http._connection import Connection
from photon_runtime.http._parser import RequestParser
from photon_runtime.http._server import Server
from photon_runtime.testing import LiveServer, live_server

ROUNDS = 200
WINDOWS = 4
MOST = ROUNDS // 2
"""What may differ between two counts: the server itself has work to do meanwhile."""
SETTINGS = ServerSettings(max_requests_in_flight=1000, shutdown_timeout=5.0)
HEADERS = [("x-one", "1"), ("x-two", "2")]
LARGE = b"x" * 31_000
VERY_LARGE = b"x" * 200_000


# -- the application --------------------------------------------------------------------------


def others_of(request: Request) -> list[tuple[Any, Any]]:
    """The other connections of the server, and their tasks."""
    connection: Any = request._source
    return [pair for pair in connection.server.connections.items() if pair[0] is not connection]


def fail(request: Request) -> Response:
    raise ValueError(request.path)


def refuse(request: Request) -> Response:
    raise HttpError(409, "it is refused")


def send_to_a_small_buffer(request: Request) -> Response:
    connection: Any = request._source
    connection.stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return Response(body=LARGE)


def wait(request: Request) -> Response:
    sleep(0.0)
    return Response(body=b"waited")


def wait_long(request: Request) -> Response:
    sleep(30.0)
    return Response(body=b"waited")


def spawn_one(request: Request) -> Response:
    return Response(body=b"%d" % spawn(lambda: 1).result())


def expire_others(request: Request) -> Response:
    for connection, _ in others_of(request):
        connection.expire()
    return Response()


def park_others(request: Request) -> Response:
    for connection, _ in others_of(request):
        connection.park()
    return Response()


def cancel_others(request: Request) -> Response:
    for _, task in others_of(request):
        task.cancel()
    return Response()


def interrupt_others(request: Request) -> Response:
    for _, task in others_of(request):
        task.interrupt(OSError("interrupted"))
    return Response()


def say_whether_others_are_open(request: Request) -> Response:
    return Response(409 if others_of(request) else 200)


def call_back(request: Request) -> Response:
    request.after_response(lambda: None)
    return Response()


HANDLERS: dict[str, Callable[[Request], Response]] = {
    "/": lambda request: Response(body=b"hello"),
    "/body": lambda request: Response(body=request.body, content_type="text/plain"),
    "/query": lambda request: Response(body=str(len(request.query)).encode()),
    "/headers": lambda request: Response(body=request.headers["host"], headers=HEADERS),
    "/fails": fail,
    "/refused": refuse,
    "/small-buffer": send_to_a_small_buffer,
    "/large": lambda request: Response(body=VERY_LARGE),
    "/stream": lambda request: Response(body=iter([b"one", b"two"])),
    "/empty": lambda request: Response(204),
    "/status": lambda request: Response(99),
    "/type": lambda request: Response(content_type="a\r\nb"),
    "/number": lambda request: 5,  # type: ignore[dict-item, return-value]  # misuse
    "/wait": wait,
    "/long": wait_long,
    "/spawn": spawn_one,
    "/callback": call_back,
    "/others": say_whether_others_are_open,
    "/expire": expire_others,
    "/park": park_others,
    "/cancel": cancel_others,
    "/interrupt": interrupt_others,
}


def application(request: Request) -> Response:
    return HANDLERS[request.raw_path](request)


# -- the paths --------------------------------------------------------------------------------


def read_response(client: socket.socket) -> bytes:
    """Read one response with its length in its head."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
    while len(body) < length:
        body += client.recv(65536)
    return head


def ask(client: socket.socket, target: str, fields: str = "", body: bytes = b"") -> bytes:
    method = "POST" if body else "GET"
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}{fields}\r\n"
    client.sendall(head.encode() + body)
    return read_response(client)


def asking(target: str, status: bytes = b"200", **rest: Any) -> Callable[..., None]:
    """Return a path: one request on the connection that stays open."""

    def path(server: LiveServer, client: socket.socket) -> None:
        head = ask(client, target, **rest)
        assert head.split(b" ", 2)[1] == status, head

    return path


def streamed(server: LiveServer, client: socket.socket) -> None:
    client.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    data = b""
    while not data.endswith(b"0\r\n\r\n"):
        data += client.recv(65536)


def in_parts(server: LiveServer, client: socket.socket) -> None:
    client.sendall(b"GET / HTTP/1.1\r\n")
    with server.connect() as other:
        ask(other, "/wait")  # the first part has arrived
    client.sendall(b"Host: a\r\n\r\n")
    read_response(client)


def pipelined(server: LiveServer, client: socket.socket) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    client.sendall(request * 3)
    data = b""
    while data.count(b"hello") < 3:
        data += client.recv(65536)


def new_connection(server: LiveServer, client: socket.socket) -> None:
    with server.connect() as other:
        ask(other, "/")


def closing(server: LiveServer, client: socket.socket) -> None:
    with server.connect() as other:
        ask(other, "/", "Connection: close\r\n")
        assert other.recv(1) == b""


def reset(server: LiveServer, client: socket.socket) -> None:
    with server.connect() as other:
        ask(other, "/")
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_during_the_handler(server: LiveServer, client: socket.socket) -> None:
    with server.connect() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")


def ending_others(target: str, *, after: str | None = "/") -> Callable[..., None]:
    """Return a path: what a connection waits for ends by the request of another one."""

    def path(server: LiveServer, client: socket.socket) -> None:
        with server.connect() as other:
            if after is None:
                other.sendall(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
                ask(client, "/wait")
            else:
                ask(other, after)
            ask(client, target)
            if target == "/park":
                ask(client, "/")
                ask(other, "/")

    return path


PATHS: dict[str, Callable[[LiveServer, socket.socket], None]] = {
    "get": asking("/"),
    "query": asking("/query?a=1&b=2"),
    "fields": asking("/headers", fields="".join(f"x-{n}: {n}\r\n" for n in range(20))),
    "new values": asking("/headers", fields="x-a: 1\r\naccept: */*\r\nconnection: keep-alive\r\n"),
    "repeated fields": asking("/headers", fields="x-a: 1\r\nX-A: 2\r\n"),
    "body": asking("/body", body=b"x" * 1000),
    "large body": asking("/body", body=b"x" * 20_000),
    "body of many parts": asking("/body", body=b"x" * 150_000),
    "error": asking("/fails", b"500"),
    "refused": asking("/refused", b"409"),
    "not found": asking("/nowhere", b"500"),
    "partial send": asking("/small-buffer"),
    "large": asking("/large"),
    "stream": streamed,
    "no content": asking("/empty", b"204"),
    "invalid status": asking("/status", b"500"),
    "invalid type": asking("/type", b"500"),
    "not a response": asking("/number", b"500"),
    "wait": asking("/wait"),
    "spawn": asking("/spawn"),
    "callback": asking("/callback"),
    "in parts": in_parts,
    "pipelined": pipelined,
    "new connection": new_connection,
    "closing": closing,
    "reset": reset,
    "reset during the handler": reset_during_the_handler,
    "expired": ending_others("/expire"),
    "parked": ending_others("/park"),
    "cancelled": ending_others("/cancel"),
    "cancelled in the handler": ending_others("/cancel", after=None),
    "interrupted": ending_others("/interrupt"),
    "interrupted in the handler": ending_others("/interrupt", after=None),
}


# -- counting ---------------------------------------------------------------------------------

SHARED: list[object] = [None, True, False, 0, "", b"", (), "GET", "1.1", SETTINGS, application]
SHARED += [Connection, HttpError, Request, RequestParser, Response, Server, Task]


def count() -> int:
    """Return the number of references, or what is known of it."""
    gc.collect()
    if hasattr(sys, "gettotalrefcount"):
        total: int = sys.gettotalrefcount()
        return total
    return sys.getallocatedblocks() + sum(map(sys.getrefcount, SHARED))


def usual_growth(run: Callable[[], None], end: Callable[[], None] = lambda: None) -> float:
    """Return the growth in many rounds: the median of several windows.

    Args:
        run: One round.
        end: Waits until the rounds have ended in the server, too.
    """
    counts = []
    for _ in range(WINDOWS):
        for _ in range(ROUNDS):
            run()
        end()
        counts.append(count())
    return median(after - before for before, after in pairwise(counts))


def wait_for_the_others(client: socket.socket) -> None:
    while b" 409 " in ask(client, "/others"):
        pass


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Switch the log off: records are kept by pytest."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(application, settings=SETTINGS) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
def test_path_leaves_nothing_behind(server: LiveServer, name: str) -> None:
    path = PATHS[name]
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        growth = usual_growth(lambda: path(server, client), lambda: wait_for_the_others(client))
    assert growth < MOST


def grows_with_each_round(make: Callable[[], object]) -> bool:
    """Return whether the count sees what is kept; again where other objects end meanwhile."""
    kept: list[object] = []
    return any(usual_growth(lambda: kept.append(make())) >= ROUNDS for _ in range(4))


@pytest.mark.slow
def test_count_sees_one_reference_for_each_round() -> None:
    assert grows_with_each_round(object)
    if sys.version_info < (3, 12):  # None has no count any more
        assert grows_with_each_round(lambda: None)
