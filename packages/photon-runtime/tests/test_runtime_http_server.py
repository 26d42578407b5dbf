from __future__ import annotations

import _socket
import contextlib
import http.client
import os
import re
import resource
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import photon_runtime as rt
from photon_runtime import Cancelled
from photon_runtime.errors import ServerError
from photon_runtime.http import Request, Response, Server, ServerSettings, listen, serve
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    from collections.abc import Iterator

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SWEEP = 1.0  # the server looks at its time limits once a second
FOREVER = 60.0


def hello(request: Request) -> Response:
    return Response(body=f"hello {request.path}")


def receive_all(client: socket.socket) -> bytes:
    """Receive until the end; a reset counts as one."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            data += part
    return data


def receive_until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        part = client.recv(65536)
        assert part, f"the connection ended after {data!r}"
        data += part
    return data


def statuses(wire: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", wire)]


@contextlib.contextmanager
def within(least: float, most: float) -> Iterator[None]:
    begin = time.monotonic()
    yield
    assert least <= time.monotonic() - begin <= most


# -- listening --------------------------------------------------------------------------------


def test_listen_gives_a_bound_socket_that_does_not_block() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0
        assert listener.getblocking() is False


def test_listen_on_a_taken_port_says_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=rf"127\.0\.0\.1:{port}.*in use.*--port"):
            listen("127.0.0.1", port)


def test_listen_on_what_is_no_address_says_so() -> None:
    with pytest.raises(ServerError, match="not an address"):
        listen("256.0.0.1.invalid", 0)


def test_sockets_can_share_a_port() -> None:
    with listen("127.0.0.1", 0, reuse_port=True) as one:
        port = one.getsockname()[1]
        with listen("127.0.0.1", port, reuse_port=True) as other:
            assert other.getsockname()[1] == port


def test_one_server_serves_several_sockets() -> None:
    listeners = [listen("127.0.0.1", 0) for _ in range(2)]
    ports = [listener.getsockname()[1] for listener in listeners]
    server = Server(sockets=listeners)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: rt.run(server.serve, hello, ready.set))
    thread.start()
    try:
        assert ready.wait(5)
        for port in ports:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            client.request("GET", "/x")
            assert client.getresponse().read() == b"hello /x"
            client.close()
    finally:
        server.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_server_that_is_stopped_before_it_serves_returns_at_once() -> None:
    server = Server(sockets=[listen("127.0.0.1", 0)])
    server.stop()
    rt.run(server.serve, hello)


# -- limits -----------------------------------------------------------------------------------


def test_requests_beyond_the_limit_in_flight_are_told_to_come_again() -> None:
    released, begun = threading.Event(), threading.Event()

    def handle(request: Request) -> Response:
        begun.set()
        while not released.is_set():
            rt.sleep(0.01)
        return Response(body=b"done")

    settings = ServerSettings(max_requests_in_flight=1)
    with (
        live_server(handle, settings=settings) as server,
        server.connect() as running,
        server.connect() as refused,
    ):
        running.sendall(GET)
        assert begun.wait(5)
        for _ in range(2):
            refused.sendall(GET)
            wire = receive_until(refused, b"}")
            assert statuses(wire) == [503]
            assert b"\r\nretry-after: 1\r\n" in wire
            assert b"application/problem+json" in wire
        released.set()
        receive_until(running, b"done")
        refused.sendall(GET)  # its connection lived on
        assert statuses(receive_until(refused, b"done")) == [200]


def test_connections_beyond_the_limit_wait_for_their_turn() -> None:
    settings = ServerSettings(max_connections=2)
    with live_server(hello, settings=settings) as server, server.connect() as one:
        with server.connect() as two:
            for client in (one, two):
                client.sendall(GET)
                receive_until(client, b"hello /")
            third = server.connect(timeout=0.2)
            third.sendall(GET)
            with pytest.raises(TimeoutError):
                third.recv(1)
        with third:
            third.settimeout(5)
            assert statuses(receive_until(third, b"hello /")) == [200]


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
@pytest.mark.usefixtures("many_descriptors")
def test_two_thousand_connections_wait_side_by_side() -> None:
    count = 2000

    def handle(request: Request) -> Response:
        rt.sleep(0.5)
        return Response(body=b"slept")

    with live_server(handle) as server, contextlib.ExitStack() as clients:
        begin = time.monotonic()
        selector = clients.enter_context(selectors.DefaultSelector())
        for _ in range(count):
            client = clients.enter_context(server.connect())
            client.sendall(GET)
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ)
        answered = 0
        while answered < count and time.monotonic() - begin < 20:
            for key, _ in selector.select(1):
                assert isinstance(key.fileobj, socket.socket)
                assert key.fileobj.recv(65536).endswith(b"\r\n\r\nslept")
                selector.unregister(key.fileobj)
                answered += 1
        took = time.monotonic() - begin
    assert answered == count
    assert took < 3.0


# -- time limits ------------------------------------------------------------------------------


def one_limit(**limit: float) -> ServerSettings:
    """Settings with one short limit and all others long, so that no other can be at work."""
    names = ("header_timeout", "body_timeout", "idle_timeout", "write_timeout")
    others = dict.fromkeys(names, FOREVER)
    return ServerSettings(shutdown_timeout=1.0, **{**others, **limit})  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"GET /",
        b"GE",
        GET + b"GET /",
        GET + b"G",
        GET + b"GET / HTTP/1.1\r\nHost: a\r\n",
    ],
    ids=["fields", "target", "method", "after a request: target", "method after", "fields after"],
)
def test_head_that_does_not_come_whole_is_a_408(part: bytes) -> None:
    with (
        live_server(hello, settings=one_limit(header_timeout=0.3)) as server,
        server.connect(timeout=3) as client,
        within(0.2, 3.5),
    ):
        client.sendall(part)
        wire = receive_all(client)
    assert statuses(wire) == [200] * part.count(GET) + [408]
    assert b"connection: close\r\n" in wire


@pytest.mark.slow
def test_head_that_comes_in_drops_has_no_more_time() -> None:
    with (
        live_server(hello, settings=one_limit(header_timeout=0.3)) as server,
        server.connect(timeout=0.05) as client,
        within(0.2, 3.5),
    ):
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        wire = b""
        while not wire:
            client.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                wire = client.recv(65536)
    assert statuses(wire) == [408]


@pytest.mark.slow
def test_body_that_does_not_come_is_a_408() -> None:
    def handle(request: Request) -> Response:
        return Response(body=request.body)

    with (
        live_server(handle, settings=one_limit(body_timeout=0.3)) as server,
        server.connect(timeout=3) as client,
        within(0.2, 3.5),
    ):
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        wire = receive_all(client)
    assert statuses(wire) == [408]
    assert b"connection: close\r\n" in wire


@pytest.mark.slow
def test_body_that_nobody_reads_and_does_not_come_ends_the_connection() -> None:
    with (
        live_server(hello, settings=one_limit(body_timeout=0.3)) as server,
        server.connect(timeout=3) as client,
        within(0.2, 3.5),
    ):
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        wire = receive_all(client)
    assert statuses(wire) == [200]


@pytest.mark.slow
@pytest.mark.parametrize("first", [b"", GET], ids=["new", "kept alive"])
def test_idle_connection_is_closed_without_a_word(first: bytes) -> None:
    with (
        live_server(hello, settings=one_limit(idle_timeout=0.3)) as server,
        server.connect(timeout=3) as client,
        within(0.2, 3.5),
    ):
        client.sendall(first)
        wire = receive_all(client)
    assert statuses(wire) == [200] * bool(first)


@pytest.mark.slow
def test_client_that_does_not_read_is_dropped() -> None:
    closed = threading.Event()

    def parts() -> Iterator[bytes]:
        try:
            for _ in range(1000):
                yield bytes(65536)
        finally:
            closed.set()

    with (
        live_server(
            lambda request: Response(body=parts()), settings=one_limit(write_timeout=0.3)
        ) as server,
        server.connect(timeout=3) as client,
    ):
        client.sendall(GET)
        assert closed.wait(4)
        assert len(receive_all(client)) < 1000 * 65536


@pytest.mark.slow
def test_time_limits_are_not_for_handlers() -> None:
    def handle(request: Request) -> Response:
        rt.sleep(2 * SWEEP)
        return Response(body=b"done")

    settings = ServerSettings(
        header_timeout=0.2, body_timeout=0.2, idle_timeout=0.2, write_timeout=0.2
    )
    with live_server(handle, settings=settings) as server, server.connect(timeout=5) as client:
        client.sendall(GET)
        assert receive_all(client).endswith(b"done")


@pytest.mark.slow
def test_time_limits_are_not_for_handlers_that_have_read_a_body() -> None:
    def handle(request: Request) -> Response:
        body = request.body
        rt.sleep(2 * SWEEP)
        return Response(body=body)

    settings = ServerSettings(body_timeout=0.5)
    with live_server(handle, settings=settings) as server, server.connect(timeout=5) as client:
        client.sendall(b"POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\ndo")
        time.sleep(0.1)
        client.sendall(b"ne")
        assert receive_all(client).endswith(b"\r\n\r\ndone")


@pytest.mark.slow
def test_time_limits_are_not_for_what_comes_after_the_response() -> None:
    finished = threading.Event()

    def finish() -> None:
        rt.sleep(2 * SWEEP)
        finished.set()

    def handle(request: Request) -> Response:
        request.after_response(finish)
        return Response(body=bytes(64 * 1024 * 1024))

    settings = ServerSettings(write_timeout=0.3)
    with live_server(handle, settings=settings) as server, server.connect() as client:
        client.sendall(GET)
        assert finished.wait(10)


@pytest.mark.slow
def test_nothing_behind_a_refused_head_is_ever_taken_for_a_request() -> None:
    seen: list[str] = []

    def handle(request: Request) -> Response:
        seen.append(request.path)
        return Response()

    with live_server(handle) as server, server.connect(timeout=5) as client:
        client.sendall(b"nonsense\r\n\r\n")
        receive_all(client)
        time.sleep(1.2 * SWEEP)  # while the connection lingers, the server sweeps
        with contextlib.suppress(ConnectionError):
            client.sendall(GET)
            client.sendall(GET)
        time.sleep(0.2)
    assert seen == []


@pytest.mark.slow
def test_client_that_lingers_after_a_refusal_is_not_waited_for_long() -> None:
    with live_server(hello) as server, server.connect(timeout=0.05) as client, within(0, 6):
        client.sendall(b"nonsense\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                client.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    client.recv(65536) or threading.Event().wait(0.05)


# -- the end ----------------------------------------------------------------------------------


def test_stop_closes_idle_connections_at_once_and_finishes_what_runs() -> None:
    begun, released = threading.Event(), threading.Event()

    def handle(request: Request) -> Response:
        if request.path == "/slow":
            begun.set()
            while not released.is_set():
                rt.sleep(0.01)
        return Response(body=request.path)

    with contextlib.ExitStack() as clients, contextlib.ExitStack() as life:
        server = life.enter_context(live_server(handle))
        new, kept, running = (clients.enter_context(server.connect(timeout=2)) for _ in range(3))
        kept.sendall(GET)
        receive_until(kept, b"\r\n\r\n/")
        running.sendall(GET.replace(b"/ ", b"/slow ", 1))
        assert begun.wait(5)
        stopping = threading.Thread(target=life.pop_all().close)
        stopping.start()
        assert receive_all(new) == b""
        assert receive_all(kept) == b""
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        assert stopping.is_alive()
        released.set()
        wire = receive_all(running)
        stopping.join(5)
    assert not stopping.is_alive()
    assert wire.endswith(b"/slow")
    assert b"connection: close\r\n" in wire


def test_request_behind_the_last_one_is_not_handled_when_the_server_stops() -> None:
    begun = threading.Event()
    seen = []

    def handle(request: Request) -> Response:
        seen.append(request.path)
        begun.set()
        while not server_stops.is_set():
            rt.sleep(0.01)
        rt.sleep(0.05)
        return Response(body=request.path)

    server_stops = threading.Event()
    with contextlib.ExitStack() as stack:
        with live_server(handle) as server:
            client = stack.enter_context(server.connect())
            client.sendall(GET + GET.replace(b"/ ", b"/second ", 1))
            assert begun.wait(5)
            server_stops.set()
        wire = receive_all(client)
    assert statuses(wire) == [200]
    assert b"connection: close\r\n" in wire
    assert seen == ["/"]


@pytest.mark.slow
def test_stop_waits_for_a_stream_to_end() -> None:
    begun = threading.Event()

    def parts() -> Iterator[bytes]:
        begun.set()
        for _ in range(4):
            rt.sleep(0.1)
            yield b"part"

    with contextlib.ExitStack() as stack:
        with live_server(lambda request: Response(body=parts())) as server:
            client = stack.enter_context(server.connect())
            client.sendall(GET)
            assert begun.wait(5)
        assert receive_all(client).endswith(b"4\r\npart\r\n" * 4 + b"0\r\n\r\n")


@pytest.mark.slow
def test_what_comes_after_the_response_is_done_for_requests_that_are_cut_off() -> None:
    begun, done = threading.Event(), []

    def wait() -> None:
        rt.sleep(FOREVER)
        done.append("waited")

    def handle(request: Request) -> Response:
        for finish in (lambda: done.append("first"), wait, lambda: done.append("last")):
            request.after_response(finish)
        begun.set()
        rt.sleep(FOREVER)
        return Response()

    settings = ServerSettings(shutdown_timeout=0.2)
    with live_server(handle, settings=settings) as server, server.connect() as client:
        client.sendall(GET)
        assert begun.wait(5)
    assert done == ["first", "last"]


@pytest.mark.slow
def test_what_runs_longer_than_the_shutdown_may_take_is_cancelled() -> None:
    begun = threading.Event()
    ends: list[type[BaseException]] = []

    def handle(request: Request) -> Response:
        begun.set()
        try:
            rt.sleep(FOREVER)
        except BaseException as error:
            ends.append(type(error))
            raise
        return Response()

    with contextlib.ExitStack() as stack, within(0.2, 2.5):
        with live_server(handle, settings=ServerSettings(shutdown_timeout=0.3)) as server:
            client = stack.enter_context(server.connect())
            client.sendall(GET)
            assert begun.wait(5)
        assert ends == [Cancelled]
        assert receive_all(client) == b""


@pytest.mark.slow
@pytest.mark.parametrize("part", [b"GET /", b"GE", GET + b"GET /"])
def test_half_a_request_does_not_hold_up_the_stop_for_longer_than_allowed(part: bytes) -> None:
    with contextlib.ExitStack() as stack, within(0, 3):
        with live_server(hello, settings=ServerSettings(shutdown_timeout=0.3)) as server:
            client = stack.enter_context(server.connect())
            client.sendall(part)
        receive_all(client)


SCRIPT = """
import sys
import photon_runtime as rt
from photon_runtime.http import Response, ServerSettings, listen, serve

def handle(request):
    if request.path == "/slow":
        print("begun", flush=True)
        rt.sleep(0.5)
    return Response(body="answered " + request.path)

listener = listen("127.0.0.1", 0)
port = listener.getsockname()[1]
serve(handle, sockets=[listener], settings=ServerSettings(shutdown_timeout=5),
      ready=lambda: print(port, flush=True))
print("ended", flush=True)
"""


@contextlib.contextmanager
def serving_process() -> Iterator[tuple[subprocess.Popen[str], LiveServer]]:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield process, LiveServer("127.0.0.1", port, f"http://127.0.0.1:{port}")
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_process_after_what_runs_and_with_zero(number: signal.Signals) -> None:
    with serving_process() as (process, server):
        assert process.stdout is not None
        with server.connect() as idle, server.connect() as running:
            idle.sendall(GET)
            receive_until(idle, b"answered /")
            running.sendall(GET.replace(b"/ ", b"/slow ", 1))
            assert process.stdout.readline() == "begun\n"
            process.send_signal(number)
            assert receive_all(idle) == b""
            assert receive_all(running).endswith(b"answered /slow")
        assert process.wait(5) == 0
        assert process.stdout.read() == "ended\n"


def test_serve_puts_the_signal_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    serve(
        hello,
        sockets=[listen("127.0.0.1", 0)],
        ready=lambda: os.kill(os.getpid(), signal.SIGTERM),
    )
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


# -- descriptors ------------------------------------------------------------------------------


@pytest.mark.slow
def test_server_without_descriptors_recovers(caplog: pytest.LogCaptureFixture) -> None:
    with live_server(hello) as server:
        assert server.exchange(b"GET / HTTP/1.0\r\n\r\n")
        clients = [socket.socket() for _ in range(3)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))
        spare = []
        try:
            with contextlib.suppress(OSError):
                while True:
                    spare.append(os.dup(0))
            for client in clients:
                client.settimeout(5)
                client.connect((server.host, server.port))
                client.sendall(GET)
            clients[0].settimeout(0.3)
            with pytest.raises(TimeoutError):
                clients[0].recv(1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for fd in spare:
                os.close(fd)
        for client in clients:
            client.settimeout(5)
            assert statuses(receive_until(client, b"hello /")) == [200]
            client.close()
    assert "accepting connections is paused" in caplog.text
    assert len(caplog.records) < 10


# -- what others left behind ----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_socket_that_was_dropped_unclosed_does_no_harm_to_the_connection_of_its_number() -> None:
    def drop_one(other: rt.Socket) -> int:
        dropped = rt.Socket()
        dropped.connect(other.getsockname())
        accepted, _ = other.accept()
        rt.spawn(accepted.sendall, b"x")
        with accepted:
            assert dropped.recv(10) == b"x"
        return dropped.fileno()

    def main() -> tuple[bool, list[bytes]]:
        listener = listen("127.0.0.1", 0)
        address = listener.getsockname()
        server = Server(sockets=[listener])
        ready = rt.Event()
        serving = rt.spawn(server.serve, hello, ready.set)
        ready.wait()
        with rt.Socket() as other, rt.Socket() as client:
            other.bind(("127.0.0.1", 0))
            other.listen()
            number = drop_one(other)
            client.connect(address)
            client.settimeout(5)
            answers = []
            for _ in range(3):
                rt.sleep(0.01)  # so that the connection waits
                client.sendall(GET)
                answers.append(client.recv(1000)[:15])
            is_reused = number in [connection.watcher.fd for connection in server.connections]
        server.stop()
        serving.join()
        return is_reused, answers

    assert rt.run(main) == (True, [b"HTTP/1.1 200 OK"] * 3)


def test_a_connection_whose_task_is_cancelled_before_it_begins_is_closed() -> None:
    def main() -> tuple[int, bytes]:
        server = Server(sockets=[])
        ready = rt.Event()
        serving = rt.spawn(server.serve, hello, ready.set)
        ready.wait()
        client, accepted = socket.socketpair()
        accepted.setblocking(False)
        raw = _socket.socket(fileno=accepted.detach())
        server._start_connection(raw, ("", 0))
        for task in (serving, *server.connections.values()):
            assert task is not None
            task.cancel()
        assert serving.join(timeout=5)
        with client:
            client.settimeout(5)
            return len(server.connections), client.recv(10)

    assert rt.run(main) == (0, b"")
