"""C serves as the Python code does when a handler leaves its objects in unusual states.

A handler can reach its connection, the server and the scheduler. Each state is made by a handler
during its own request; then the responses that clients get must be those of the Python code, and
the process must live on.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import attrs
import pytest

from photon_runtime import sleep, spawn, speedups
from photon_runtime._hub import current_hub
from photon_runtime.http import Request, Response, ServerSettings
from photon_runtime.http import _server as server_module
from photon_runtime.http._connection import Connection
from photon_runtime.testing import LiveServer, live_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.implementation.name != "cpython" or not speedups.status().is_used,
        reason="this Python runs without the C module",
    ),
]
ABSENT = object()
State = Callable[[Request], Response]


class Text(str):
    __slots__ = ()


class Bytes(bytes):
    __slots__ = ()


class Pairs(list[Any]):
    __slots__ = ()


class Number(int):
    __slots__ = ()


class OtherResponse(Response):
    __slots__ = ()


def connection_of(request: Request) -> Any:
    return request._source


def changed(target: Any, name: str, value: object) -> None:
    """Set or delete an attribute of an object, be it frozen or not."""
    if value is ABSENT:
        object.__delattr__(target, name)
    else:
        object.__setattr__(target, name, value)


def response_with(name: str, value: object) -> State:
    def state(request: Request) -> Response:
        response = Response(body=b"hello", headers=[("x-a", "1")], content_type="text/plain")
        changed(response, name, value)
        return response

    return state


def part_with(path: str, value: object) -> State:
    """Return a handler that changes an attribute, found from the request by the path to it."""
    *parts, name = path.split(".")

    def state(request: Request) -> Response:
        target: Any = request
        for part in parts:
            target = current_hub() if part == "hub" else getattr(target, part)
        changed(target, name, value)
        return Response(body=b"changed")

    return state


def closes_the_socket(request: Request) -> Response:
    connection_of(request).stream.close()
    return Response(body=b"never sent")


def gives_the_descriptor_away(request: Request) -> Response:
    """Close the socket; another file gets its number, and nothing must be written to it."""
    stream = connection_of(request).stream
    number = stream.fileno()
    stream.close()
    reader, writer = os.pipe()
    if number not in {reader, writer}:
        os.dup2(writer, number)
    os.set_blocking(reader, False)

    def check() -> None:
        try:
            FOUND.append(os.read(reader, 100))
        except BlockingIOError:
            FOUND.append(b"")
        for each in {reader, writer, number}:
            os.close(each)

    spawn(check)
    return Response(body=b"secret")


FOUND: list[bytes] = []


class Hostile(str):
    """The value of a header field, which calls a function when it is encoded."""

    __slots__ = ("act",)
    act: Callable[[], object]

    def __hash__(self) -> int:
        self.act()
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)


def hostile(act: Callable[[Request, Response], object]) -> State:
    def state(request: Request) -> Response:
        response = Response(body=b"hello")
        value = Hostile("1")
        value.act = lambda: act(request, response)
        response.headers.append(("x-a", value))
        return response

    return state


def replaces_the_handler(request: Request) -> Response:
    connection_of(request).server.handler = lambda request: Response(body=b"another")
    return Response(body=b"replaced")


def replaces_the_settings(request: Request) -> Response:
    server = connection_of(request).server
    server.settings = attrs.evolve(server.settings, max_target_size=1)
    return Response(body=b"replaced")


def forgets_the_watcher(request: Request) -> Response:
    current_hub().poller.forget(connection_of(request).watcher.fd)
    return Response(body=b"forgotten")


def keeps_no_watcher(request: Request) -> Response:
    connection = connection_of(request)
    current_hub().poller.forget(connection.watcher.fd)
    connection.watcher = None
    return Response(body=b"forgotten")


REQUEST = [name for name in Request.__slots__ if name != "_source"]
CONNECTION = ["expires", "_full_read", "_in_a_row", "_is_dry", "is_idle", "_is_responding"]
CONNECTION += ["_parser", "stream", "watcher"]
PARSER = ["error", "head_size", "held_bytes", "peer", "pending", "_receiving", "_unfinished"]
WATCHER = ["ended", "is_dry", "readable", "writable", "is_forgotten", "_more_readers"]
SERVER = ["buffer", "context", "date", "handler", "idle_until", "in_flight", "settings"]
SETTINGS = ["cancel_on_disconnect", "max_body_size", "max_header_size", "max_headers"]
SETTINGS += ["max_requests_in_flight", "max_target_size"]
VALUES = {"absent": ABSENT, "None": None, "number": 5, "object": object(), "huge": 10**30}

STATES: dict[str, State] = {
    "the socket is closed": closes_the_socket,
    "the handler is replaced": replaces_the_handler,
    "the settings are replaced": replaces_the_settings,
    "the watcher is forgotten": forgets_the_watcher,
    "no body while it is encoded": hostile(
        lambda request, response: changed(response, "body", None)
    ),
    "closed while it is encoded": hostile(
        lambda request, response: connection_of(request).stream.close()
    ),
    "another class": lambda request: OtherResponse(body=b"hello"),
    "not a response": lambda request: 5,  # type: ignore[dict-item, return-value]  # misuse
    "not anything": lambda request: None,  # type: ignore[dict-item, return-value]  # misuse
}
USUAL: dict[str, list[object]] = {
    "status": [True, HTTPStatus.CREATED, Number(200), 10**30, -1, "200", 600],
    "body": [Bytes(b"x"), bytearray(b"x"), "text", memoryview(b"x"), ()],
    "content_type": [Text("a/b"), b"a/b", 5, "a\nb", "\u20ac"],
    "headers": [Pairs([("a", "b")]), (("a", "b"),), [5], [("a", 5)], {}],
}
STATES |= {
    f"{name} is {value!r:.30}": response_with(name, value)
    for name, values in USUAL.items()
    for value in values
}
for slot in Response.__slots__:
    STATES |= {
        f"response.{slot}: {kind}": response_with(slot, value)
        for kind, value in VALUES.items()
        if kind != "absent"
    }


def of_slots(prefix: str, slots: list[str], kinds: list[str]) -> dict[str, State]:
    return {
        f"{prefix}{slot}: {kind}": part_with(prefix + slot, VALUES[kind])
        for slot in slots
        for kind in kinds
    }


COMPARED = STATES | of_slots("", REQUEST, ["number"])
DESTROYED = (
    of_slots("", REQUEST, ["absent", "None"])
    | {f"response.{name}: absent": response_with(name, ABSENT) for name in Response.__slots__}
    | {
        "the watcher is gone": keeps_no_watcher,
        "no date while it is encoded": hostile(
            lambda request, response: changed(connection_of(request).server, "date", None)
        ),
    }
    | of_slots("_source.", CONNECTION, list(VALUES))
    | of_slots("_source._parser.", PARSER, ["absent", "None", "number"])
    | of_slots("_source.watcher.", WATCHER, ["absent", "None", "number"])
    | of_slots("_source.server.", SERVER, list(VALUES))
    | of_slots("_source.server.settings.", SETTINGS, list(VALUES))
)
"""States in which the Python code cannot go on, either; C takes what is absent for ``None``."""


# -- exchanges --------------------------------------------------------------------------------


def exchange(client: socket.socket, target: str) -> bytes:
    """Send a request; return the status and the body, or what happened instead."""
    try:
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    except OSError:
        return b"closed"
    return answer(client)


def answer(client: socket.socket) -> bytes:
    """Return the status and the body of the next response, or what happened instead."""
    try:
        data = b""
        while b"\r\n\r\n" not in data:
            part = client.recv(65536)
            if not part:
                return b"closed"
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        while len(body) < length:
            body += client.recv(65536)
    except TimeoutError:
        return b"nothing"
    except OSError:
        return b"closed"
    return head.split(b" ")[1] + b" " + body


def responses(state: State, *, by_python: bool) -> list[bytes]:
    """Return what clients get: before, in and after the state, and on another connection."""

    def application(request: Request) -> Response:
        if request.raw_path == "/by-python":
            connection_of(request).server.receive = Connection.receive
        return state(request) if request.raw_path == "/state" else Response(body=b"usual")

    def ask(server: LiveServer, *targets: str) -> list[bytes]:
        with server.connect(timeout=1.0) as client:
            return [exchange(client, target) for target in targets]

    settings = ServerSettings(shutdown_timeout=1.0)
    with live_server(application, settings=settings) as server:
        if by_python:
            ask(server, "/by-python")
        return [*ask(server, "/", "/state", "/"), *ask(server, "/")]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", COMPARED)
def test_responses_are_those_of_the_python_code(name: str) -> None:
    state = COMPARED[name]
    assert responses(state, by_python=False) == responses(state, by_python=True)


def test_nothing_is_sent_to_a_descriptor_that_was_given_away() -> None:
    FOUND.clear()
    responses(gives_the_descriptor_away, by_python=False)
    assert FOUND == [b""]


@pytest.mark.parametrize("name", DESTROYED)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a socket may be lost
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_process_survives(name: str) -> None:
    with contextlib.suppress(Exception):  # of the server itself, as with the Python code
        responses(DESTROYED[name], by_python=False)
    assert responses(lambda request: Response(body=b"fine"), by_python=False)[1] == b"200 fine"
    gc.collect()


class WaitsAtItsEnd:
    """Garbage that waits when it is collected, while other tasks run."""

    def __init__(self, ends: list[str]) -> None:
        self.ends, self.itself = ends, self

    def __del__(self) -> None:
        gc.disable()
        self.ends.append("begun")
        sleep(0.3)


@pytest.mark.parametrize("allocations", range(6))
def test_responses_that_other_code_interrupts_keep_their_bytes(allocations: int) -> None:
    """The collector runs at some allocation behind the handler: a part may be sent by then."""
    large, ends = b"a" * 30_000, [""]

    def application(request: Request) -> Response:
        if request.raw_path == "/other":
            return Response(body=b"other" * 4000)
        connection_of(request).stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        response = Response(body=large)
        gc.collect()
        WaitsAtItsEnd(ends)
        gc.enable()
        gc.set_threshold(gc.get_count()[0] + allocations)
        return response

    threshold = gc.get_threshold()
    gc.disable()
    try:
        with live_server(application) as server, socket.socket() as slow:
            with server.connect(timeout=5.0) as client:  # from now on the head is known
                exchange(client, "/other")
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(5.0)
            slow.connect((server.host, server.port))
            slow.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while not ends[1:]:
                time.sleep(0.01)
            with server.connect(timeout=5.0) as client:
                assert exchange(client, "/other") == b"200 " + b"other" * 4000
            assert answer(slow) == b"200 " + large
    finally:
        gc.set_threshold(*threshold)
        gc.enable()


def test_module_serves_the_usual_requests() -> None:
    assert server_module._connections is not None
    assert server_module._receive is server_module._connections.receive
