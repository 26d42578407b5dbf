"""Time limits of connections while a task holds the scheduler."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import threading
import time
from typing import TYPE_CHECKING

import attrs
import pytest

import photon_runtime as rt
from photon_runtime.http import Request, Response, ServerSettings
from photon_runtime.http._connection import Connection
from photon_runtime.http._server import Server
from photon_runtime.limit_clock import LimitClock, sweep_interval
from photon_runtime.slices import SLICE
from photon_runtime.testing import LiveServer, in_hub, live_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HOLD = b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = 16 * 1024 * 1024
LIMIT = 0.5
HELD = 1.2
SHORT = ServerSettings(
    header_timeout=LIMIT,
    body_timeout=LIMIT,
    idle_timeout=LIMIT,
    write_timeout=LIMIT,
    max_body_size=LARGE,
)


# -- the clock --------------------------------------------------------------------------------


def test_limit_is_exceeded_after_its_time_and_not_before() -> None:
    clock = LimitClock(1.0)
    clock.tick(100.0)
    expires = clock.latest + 2.0  # set at 100.9, long after the step
    for now in (101.0, 102.0, 102.9):
        clock.tick(now)
        assert expires >= clock.time
    for now in (104.0, 105.0):
        clock.tick(now)
    assert expires < clock.time


def test_hold_counts_like_one_step() -> None:
    clock = LimitClock(1.0)
    clock.tick(0.0)
    before = clock.latest + 2.0
    clock.tick(3600.0)
    assert clock.time == 1.25
    assert before >= clock.time
    clock.tick(3601.0)
    assert before >= clock.time


def test_endless_holds_do_not_stop_the_clock() -> None:
    clock = LimitClock(1.0)
    clock.tick(0.0)
    expires = clock.latest + 10.0
    steps = 0
    while expires >= clock.time:
        steps += 1
        clock.tick(steps * 60.0)
    assert steps == 10


@pytest.mark.parametrize(
    ("limit", "interval"), [(30.0, 1.0), (4.0, 1.0), (2.0, 0.5), (0.3, 0.075), (0.01, 0.05)]
)
def test_sweep_is_as_frequent_as_the_shortest_limit_needs(limit: float, interval: float) -> None:
    assert sweep_interval(60.0, limit, 75.0) == pytest.approx(interval)


# -- a server that is held --------------------------------------------------------------------


def handle(request: Request) -> Response:
    if request.path == "/hold":
        time.sleep(HELD)  # the test does not patch: this blocks the scheduler
        return Response(body=bytes(LARGE))
    if request.path == "/large":
        return Response(body=bytes(LARGE))
    return Response(body=f"{len(request.body)}")


@contextlib.contextmanager
def held(server: LiveServer) -> Iterator[None]:
    """Hold the scheduler of ``server`` in the block: twice in one turn, and once afterwards."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(3)]
        for client in clients:
            client.sendall(HOLD)
        time.sleep(0.1)
        yield
        for client in clients:
            assert received_body(client, pause=0.001) == LARGE


def received_body(client: socket.socket, *, pause: float = 0.0) -> int:
    """Receive a response and return the length of its body; less than declared if it is cut off."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        if not part:
            return -1
        data += part
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    declared = re.search(rb"content-length: (\d+)", head)
    assert declared is not None
    size = len(body)
    while size < int(declared[1]):
        time.sleep(pause)
        part = client.recv(262144)
        if not part:
            return size
        size += len(part)
    return size


def send_head(client: socket.socket) -> Callable[[], int]:
    client.sendall(GET[:10])

    def finish() -> int:
        client.sendall(GET[10:])
        return received_body(client)

    return finish


def send_body(client: socket.socket) -> Callable[[], int]:
    client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")

    def finish() -> int:
        client.sendall(b"67890")
        return received_body(client)

    return finish


def stay_idle(client: socket.socket) -> Callable[[], int]:
    client.sendall(GET)
    assert received_body(client) == 1

    def finish() -> int:
        client.sendall(GET)
        return received_body(client)

    return finish


def read_slowly(client: socket.socket) -> Callable[[], int]:
    client.sendall(GET.replace(b"/ ", b"/large "))
    client.recv(1)

    def finish() -> int:
        size = 0
        client.settimeout(0.2)  # what the kernels have kept
        with contextlib.suppress(TimeoutError):
            while part := client.recv(65536):
                size += len(part)
        client.settimeout(10)
        while size < LARGE and (part := client.recv(262144)):
            size += len(part)
        return LARGE if size > LARGE else size

    return finish


@pytest.mark.slow
def test_long_hold_cuts_off_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the response of the task that held, nor what its victims send and receive."""
    caplog.set_level(logging.INFO, "photon.http")
    victims = [(send_head, 1), (send_body, 2), (stay_idle, 1), (read_slowly, LARGE)]
    with live_server(handle, settings=SHORT) as server, contextlib.ExitStack() as stack:
        begun = []
        for begin, expected in victims:
            client = stack.enter_context(server.connect())
            begun.append((begin.__name__, begin(client), expected))
        results: dict[str, int] = {}

        def finish(name: str, rest: Callable[[], int]) -> None:
            results[name] = rest()

        with held(server):
            threads = [
                threading.Thread(target=finish, args=(name, rest)) for name, rest, _ in begun
            ]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join(20)
    assert results == {name: expected for name, _, expected in begun}
    assert "cut off" not in caplog.text
    assert "refused with 408" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "record"),
    [
        (GET.replace(b"/ ", b"/large "), "the response to 127.0.0.1:{port} was cut off: .*write"),
        (GET[:10], "a request of 127.0.0.1:{port} was refused with 408: its head .*header"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345",
            "a request of 127.0.0.1:{port} was refused with 408: no more of its body .*body",
        ),
    ],
    ids=["write", "header", "body"],
)
def test_slow_client_is_cut_off_although_the_scheduler_is_held_again_and_again(
    sent: bytes, record: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "photon.http")
    is_over = threading.Event()

    def hold_often(request: Request) -> Response:
        if request.path == "/hold":
            while not is_over.is_set():
                time.sleep(0.3)
                rt.sleep(0.001)
        return handle(request)

    with (
        live_server(hold_often, settings=SHORT) as server,
        server.connect() as client,
        server.connect() as holder,
    ):
        holder.sendall(HOLD)
        client.sendall(sent)
        port = client.getsockname()[1]
        try:
            pattern = record.format(port=port) + rf"_timeout = {LIMIT} seconds"
            for _ in range(100):
                if re.search(pattern, caplog.text):
                    break
                time.sleep(0.1)
            else:
                pytest.fail(f"no record matches {pattern!r}: {caplog.text}")
        finally:
            is_over.set()


# -- many connections -------------------------------------------------------------------------


@attrs.define(eq=False)
class FakeConnection:
    expires: float
    is_idle: bool = False
    expired: int = 0

    def expire(self) -> None:
        self.expired += 1


def test_sweep_over_many_connections_lets_others_run() -> None:
    server = Server(sockets=[])
    turns = 0

    @in_hub
    def sweep() -> None:
        nonlocal turns

        def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                rt.yield_now()

        task: rt.Task[None] = rt.spawn(others)
        fakes = [FakeConnection(-1.0 if number % 2 else 1e9) for number in range(20 * SLICE)]
        connections: dict[Connection, rt.Task[None] | None] = server.connections
        connections.update(dict.fromkeys(fakes, task))  # type: ignore[arg-type]
        server._sweep_once()
        assert [fake.expired for fake in fakes] == [number % 2 for number in range(20 * SLICE)]
        task.cancel()

    sweep()
    assert turns >= 20
