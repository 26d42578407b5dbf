from __future__ import annotations

import contextlib
import gc
import logging
import os
import resource
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import photon_runtime as rt
from photon_runtime.http import (
    Handler,
    Request,
    Response,
    Server,
    ServerSettings,
    is_stopping,
    listen,
)
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def hello(request: Request) -> Response:
    return Response(body=b"hello")


def latency(server: LiveServer, until: float) -> list[float]:
    """Ask again and again on one connection, and return how long each answer took."""
    times = []
    with server.connect() as client:
        while time.monotonic() < until:
            begin = time.perf_counter()
            client.sendall(GET)
            assert client.recv(65536).endswith(b"hello")
            times.append(time.perf_counter() - begin)
            time.sleep(0.005)
    return sorted(times)


def p99(times: list[float]) -> float:
    return times[len(times) * 99 // 100]


# -- descriptors ------------------------------------------------------------------------------

SCRIPT = """
import logging, resource, sys
import photon_runtime as rt
from photon_runtime.http import Response, ServerSettings, listen, serve

logging.basicConfig(stream=sys.stdout, level=logging.WARNING)
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
listener = listen("127.0.0.1", 0)
port = listener.getsockname()[1]
serve(lambda request: Response(body=b"hello"), sockets=[listener],
      ready=lambda: print(port, flush=True))
"""


def cpu_of(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
def test_without_descriptors_accepting_pauses_without_spinning_and_recovers() -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True
        ) as process,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdout is not None
        address = ("127.0.0.1", int(process.stdout.readline()))
        clients = [socket.create_connection(address, 10) for _ in range(60)]
        for client in clients:
            stack.enter_context(client)
            client.sendall(GET)
        answered: list[socket.socket] = []
        waiting: list[socket.socket] = []
        for client in clients:
            client.settimeout(0.3 if not waiting else 0.001)
            try:
                assert client.recv(65536).endswith(b"hello")
                answered.append(client)
            except TimeoutError:
                waiting.append(client)
        assert len(answered) > 20
        assert len(waiting) > 20
        before = cpu_of(process.pid)
        time.sleep(1.5)
        assert cpu_of(process.pid) - before < 0.1
        for client in answered:
            client.close()
        for client in waiting[: len(answered)]:
            client.settimeout(5)
            assert client.recv(65536).endswith(b"hello")
        process.terminate()
        log = process.stdout.read()
        assert log.count("accepting connections is paused") == 1
        assert "Traceback" not in log


# -- clients that are slow on purpose ---------------------------------------------------------


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
@pytest.mark.usefixtures("many_descriptors")
def test_five_hundred_slow_heads_are_ended_and_hold_up_nobody() -> None:
    ended: list[bytes] = []
    slow: list[socket.socket] = []
    with (
        live_server(hello, settings=ServerSettings(header_timeout=1.0)) as server,
        contextlib.ExitStack() as stack,
        selectors.DefaultSelector() as selector,
    ):
        for _ in range(500):
            client = stack.enter_context(server.connect())
            client.sendall(b"GET / HTTP/1.1\r\n")
            selector.register(client, selectors.EVENT_READ)
            slow.append(client)

        def drip() -> None:
            until = time.monotonic() + 10
            while len(ended) < len(slow) and time.monotonic() < until:
                for key, _ in selector.select(0.2):
                    client = key.fileobj
                    assert isinstance(client, socket.socket)
                    selector.unregister(client)
                    with contextlib.suppress(ConnectionError):
                        ended.append(client.recv(65536))
                for key in list(selector.get_map().values()):
                    assert isinstance(key.fileobj, socket.socket)
                    with contextlib.suppress(OSError):
                        key.fileobj.send(b"X")

        dripping = threading.Thread(target=drip)
        dripping.start()
        times = latency(server, time.monotonic() + 2.5)
        dripping.join(15)
    assert len(ended) == 500
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in ended)
    assert p99(times) < 0.05 * 4  # the clients run in this process, too


@pytest.mark.slow
def test_slow_body_is_ended_and_holds_up_nobody() -> None:
    def handle(request: Request) -> Response:
        return Response(body=b"hello" if request.method == "GET" else request.body)

    settings = ServerSettings(body_timeout=0.5)
    with live_server(handle, settings=settings) as server, server.connect() as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
        times = latency(server, time.monotonic() + 0.5)
        assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")
    assert p99(times) < 0.05


@pytest.mark.slow
def test_reader_that_does_not_read_is_dropped_and_holds_up_nobody() -> None:
    ended = threading.Event()

    def parts() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            ended.set()

    def handle(request: Request) -> Response:
        return Response(body=b"hello" if request.path == "/" else parts())

    settings = ServerSettings(write_timeout=0.5)
    with live_server(handle, settings=settings) as server, server.connect() as slow:
        slow.sendall(GET.replace(b"/ ", b"/endless ", 1))
        times = latency(server, time.monotonic() + 0.5)
        assert ended.wait(10)
    assert p99(times) < 0.05


@pytest.mark.slow
def test_resets_in_the_middle_leave_no_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"x" * 10_000
            rt.sleep(0.001)

    def handle(request: Request) -> Response:
        if request.method == "POST":
            return Response(body=request.body)
        return Response(body=parts() if request.path == "/stream" else b"x" * 10_000_000)

    requests = [
        GET,
        GET.replace(b"/ ", b"/stream ", 1),
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123",
        b"GET / HT",
        b"",
        GET * 20,
    ]
    with caplog.at_level(logging.INFO), live_server(handle) as server:
        for request in requests * 5:
            client = server.connect()
            client.sendall(request)
            if request.startswith(b"GET / HTTP"):
                client.recv(1000)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        assert server.exchange(CLOSING)
    assert [record.getMessage() for record in caplog.records] == []


def test_client_that_ends_its_own_direction_is_answered() -> None:
    def handle(request: Request) -> Response:
        rt.sleep(0.05)
        return Response(body=b"hello")

    with live_server(handle) as server, server.connect() as client:
        client.sendall(GET)
        client.shutdown(socket.SHUT_WR)
        wire = b"".join(iter(lambda: client.recv(65536), b""))
    assert wire.endswith(b"hello")


# -- idle connections -------------------------------------------------------------------------


class Serving:
    """A server in a thread, whose insides the test may look at."""

    def __init__(self, settings: ServerSettings, handler: Handler = hello) -> None:
        listener = listen("127.0.0.1", 0)
        self.address = listener.getsockname()
        self.server = Server(sockets=[listener], settings=settings)
        self._ready = threading.Event()
        self.thread = threading.Thread(
            target=lambda: rt.run(self.server.serve, handler, self._ready.set)
        )

    def __enter__(self) -> Serving:
        self.thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def used(self) -> socket.socket:
        client = socket.create_connection(self.address, 10)
        client.sendall(GET)
        assert client.recv(65536).endswith(b"hello")
        return client

    def wait_until(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.02)

    @property
    def resting(self) -> int:
        return list(self.server.connections.values()).count(None)


@pytest.fixture
def idle_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photon_runtime.http._server._PARK_AFTER", 0.2)


@pytest.mark.slow
@pytest.mark.usefixtures("idle_before")
def test_idle_connection_rests_and_goes_on() -> None:
    with Serving(ServerSettings()) as serving, serving.used() as client:
        for request in (GET, GET + GET, b"nonsense\r\n\r\n"):
            serving.wait_until(lambda: serving.resting == 1)
            client.sendall(request)
            expected = request.count(b"GET")
            wire = client.recv(65536)
            while wire.count(b"hello") < expected:
                wire += client.recv(65536)
        assert wire.startswith(b"HTTP/1.1 400 ")


@pytest.mark.slow
@pytest.mark.usefixtures("idle_before")
def test_head_that_begins_during_the_rest_has_its_time_limit() -> None:
    with Serving(ServerSettings(header_timeout=0.5)) as serving, serving.used() as client:
        serving.wait_until(lambda: serving.resting == 1)
        client.sendall(GET[:10])
        assert client.recv(65536).startswith(b"HTTP/1.1 408 ")


@pytest.mark.slow
@pytest.mark.usefixtures("idle_before")
def test_resting_connection_ends_with_its_client_or_its_time() -> None:
    with Serving(ServerSettings(idle_timeout=2.5)) as serving:
        leaving, staying = serving.used(), serving.used()
        serving.wait_until(lambda: serving.resting == 2)
        leaving.close()
        serving.wait_until(lambda: len(serving.server.connections) == 1)
        assert staying.recv(1) == b""
        staying.close()
        serving.wait_until(lambda: not serving.server.connections)


@pytest.mark.slow
@pytest.mark.usefixtures("idle_before")
def test_stop_closes_resting_connections() -> None:
    with Serving(ServerSettings()) as serving:
        client = serving.used()
        serving.wait_until(lambda: serving.resting == 1)
    with client:
        assert client.recv(1) == b""


# -- the grace of a stop ----------------------------------------------------------------------


@pytest.mark.slow
def test_request_within_the_grace_is_answered_and_told_that_it_is_the_last() -> None:
    with (
        Serving(ServerSettings()) as serving,
        serving.used() as used,
        socket.create_connection(serving.address, 10) as new,
    ):
        serving.server.stop(grace=1.0)
        time.sleep(0.3)
        for client in (used, new):
            client.sendall(GET)
            wire = client.recv(65536)
            assert wire.endswith(b"hello")
            assert b"\r\nconnection: close\r\n" in wire
            assert client.recv(1) == b""


def test_handler_is_told_that_the_server_stops() -> None:
    def handle(request: Request) -> Response:
        return Response(body=f"hello {is_stopping()}")

    assert not is_stopping()
    with (
        Serving(ServerSettings(), handle) as serving,
        socket.create_connection(serving.address, 10) as client,
    ):
        client.sendall(GET)
        assert client.recv(65536).endswith(b"hello False")
        serving.server.stop(grace=5.0)
        client.sendall(GET)
        assert client.recv(65536).endswith(b"hello True")


class Endless:
    """A body that says something once, and then nothing until it is stopped."""

    def __init__(self) -> None:
        self.stopped = rt.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield b"begun"
        self.stopped.wait()
        yield b" ended"

    def stop(self) -> None:
        self.stopped.set()


@pytest.mark.slow
def test_silent_stream_is_stopped_when_its_client_leaves_or_the_server_stops() -> None:
    bodies: list[Endless] = []

    def handle(request: Request) -> Response:
        bodies.append(Endless())
        return Response(body=bodies[-1])

    with Serving(ServerSettings(), handle) as serving:
        with socket.create_connection(serving.address, 10) as client:
            client.sendall(GET)
            assert b"begun" in receive(client, b"begun")
        serving.wait_until(lambda: not serving.server.connections)
        assert serving.server.streams == {}
        with socket.create_connection(serving.address, 10) as client:
            client.sendall(GET)
            receive(client, b"begun")
            serving.server.stop(grace=5.0)
            assert b" ended" in receive(client, b"0\r\n\r\n")


def receive(client: socket.socket, end: bytes) -> bytes:
    wire = b""
    while not wire.rstrip(b"\r\n").endswith(end.rstrip(b"\r\n")):
        part = client.recv(65536)
        assert part, wire
        wire += part
    return wire


@pytest.mark.slow
def test_idle_connection_is_closed_after_the_grace_and_not_before() -> None:
    with Serving(ServerSettings()) as serving, serving.used() as client:
        begin = time.monotonic()
        serving.server.stop(grace=0.6)
        assert client.recv(1) == b""
        assert 0.4 < time.monotonic() - begin < 2.5


@pytest.mark.slow
@pytest.mark.usefixtures("idle_before")
def test_connection_that_was_idle_for_longer_is_closed_at_once() -> None:
    with Serving(ServerSettings()) as serving, serving.used() as client:
        time.sleep(2.6)
        begin = time.monotonic()
        serving.server.stop(grace=0.5)
        assert client.recv(1) == b""
        assert time.monotonic() - begin < 0.4


@pytest.mark.slow
def test_second_stop_may_shorten_the_grace() -> None:
    with Serving(ServerSettings()) as serving, serving.used() as client:
        begin = time.monotonic()
        serving.server.stop(grace=20)
        time.sleep(0.2)
        serving.server.stop()
        assert client.recv(1) == b""
        assert time.monotonic() - begin < 5


# -- what is over -----------------------------------------------------------------------------


@pytest.mark.parametrize("data", [CLOSING, b"nonsense\r\n\r\n", b"", GET[:9]])
def test_connections_that_are_over_leave_nothing_to_the_cycle_collector(data: bytes) -> None:
    count = 50
    with Serving(ServerSettings()) as serving:

        def come_and_go() -> None:
            for _ in range(count):
                with socket.create_connection(serving.address, 10) as client:
                    client.sendall(data)
                    if data.endswith(b"\r\n\r\n"):
                        while client.recv(65536):
                            pass
            serving.wait_until(lambda: not serving.server.connections)

        come_and_go()
        gc.collect()
        gc.disable()
        try:
            come_and_go()
            found = gc.collect()
        finally:
            gc.enable()
    assert found < count
