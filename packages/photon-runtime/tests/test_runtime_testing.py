from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs
import pytest

import photon_runtime as rt
from photon_runtime import Cancelled, PhotonError, current_task
from photon_runtime.http import Request, Response, ServerSettings
from photon_runtime.testing import LiveServer, _live_server, live_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from photon_runtime.http import Handler


def hello(request: Request) -> Response:
    return Response(body=f"hello {request.path}")


class Recorder:
    """An application that records its events."""

    def __init__(self, *, at_start: Exception | None = None, at_end: Exception | None = None):
        self.events: list[str] = []
        self._at_start = at_start
        self._at_end = at_end

    @contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        self.events.append(f"start development={development}")
        if self._at_start is not None:
            raise self._at_start
        yield hello
        self.events.append("end")
        if self._at_end is not None:
            raise self._at_end


def test_live_server_answers_at_its_url() -> None:
    with live_server(hello) as server:
        assert server.url == f"http://{server.host}:{server.port}"
        with urllib.request.urlopen(server.url + "/there") as answer:
            assert answer.read() == b"hello /there"


def test_live_server_is_a_frozen_value() -> None:
    server = LiveServer("127.0.0.1", 80, "http://127.0.0.1:80")
    assert server == LiveServer("127.0.0.1", 80, "http://127.0.0.1:80")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        server.port = 81  # type: ignore[misc]


def test_live_server_refuses_connections_after_its_block() -> None:
    with live_server(hello) as server:
        pass
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_live_server_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with live_server(hello):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_two_live_servers_run_side_by_side() -> None:
    with live_server(hello) as one, live_server(lambda request: Response(204)) as other:
        assert one.port != other.port
        assert b" 204 " in other.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert one.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").endswith(
            b"hello /x"
        )


def test_live_server_starts_and_ends_an_application() -> None:
    application = Recorder()
    with live_server(application) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello /"
        connection.close()
        assert application.events == ["start development=False"]
    assert application.events == ["start development=False", "end"]


def test_live_server_tells_the_application_that_it_is_developed() -> None:
    application = Recorder()
    with live_server(application, development=True):
        pass
    assert application.events[0] == "start development=True"


def test_failure_to_start_is_raised_in_the_caller() -> None:
    application = Recorder(at_start=PhotonError("no such table"))
    with pytest.raises(PhotonError, match="no such table"), live_server(application):
        pytest.fail("the block was entered")
    assert application.events == ["start development=False"]


def test_failure_to_end_is_raised_in_the_caller() -> None:
    application = Recorder(at_end=RuntimeError("still locked"))
    with pytest.raises(RuntimeError, match="still locked"), live_server(application):
        pass


def test_failure_in_the_block_stops_the_server_and_passes() -> None:
    application = Recorder()
    with pytest.raises(KeyError), live_server(application) as server:
        raise KeyError
    assert application.events[-1] == "end"
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_start_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_live_server, "_START_TIME", 0.05)
    released = threading.Event()

    class Hanging:
        @contextmanager
        def start(self, *, development: bool = False) -> Iterator[Handler]:
            released.wait(10)
            yield hello

    with pytest.raises(TimeoutError, match="has not started"), live_server(Hanging()):
        pytest.fail("the block was entered")
    released.set()


@pytest.mark.slow
def test_handler_that_ignores_cancellation_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_live_server, "_STOP_MARGIN", 0.2)
    begun, released = threading.Event(), threading.Event()

    def stubborn(request: Request) -> Response:
        begun.set()
        while not released.is_set():
            try:
                rt.sleep(0.01)
            except Cancelled:
                released.wait(10)  # holds the hub
        return Response()

    live = live_server(stubborn, settings=ServerSettings(shutdown_timeout=0.1))
    server = live.__enter__()
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(5)
        with pytest.raises(TimeoutError, match="has not stopped"):
            live.__exit__(None, None, None)
    released.set()


def test_live_server_uses_the_settings_it_is_given() -> None:
    with live_server(hello, settings=ServerSettings(max_target_size=10)) as server:
        wire = server.exchange(b"GET /12345678901 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert wire.startswith(b"HTTP/1.1 414 ")


def test_exchange_returns_all_that_came_until_the_end() -> None:
    with live_server(lambda request: Response(body=b"x" * 300_000)) as server:
        wire = server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert wire.endswith(b"\r\n\r\n" + b"x" * 300_000)


def test_exchange_gives_up_when_the_server_says_nothing() -> None:
    with live_server(hello) as server, pytest.raises(TimeoutError):
        server.exchange(b"GET / HTTP/1.1\r\n", timeout=0.05)


def test_connect_gives_a_blocking_socket_with_a_time_limit() -> None:
    with live_server(hello) as server, server.connect(timeout=3) as client:
        assert isinstance(client, socket.socket)
        assert client.gettimeout() == 3
        assert client.getpeername() == (server.host, server.port)


# -- requests ---------------------------------------------------------------------------------


def tell(request: Request) -> Response:
    """Respond with the received request, and with a field twice."""
    fields = [f"{name}={value}" for name, value in request.headers.pairs()]
    target = request.raw_path + ("?" + request.raw_query if request.raw_query else "")
    lines = [request.method, target, *fields, request.body.decode("latin-1")]
    headers = [("x-own", "1"), ("X-Own", "\xe9"), ("location", "/elsewhere")]
    return Response(307, body="\n".join(lines), headers=headers)


@pytest.fixture(scope="module")
def telling() -> Iterator[LiveServer]:
    with live_server(tell) as server:
        yield server


def test_a_request_is_sent_as_it_is_given_and_no_more(telling: LiveServer) -> None:
    target = "/%2e%2e/a//b;c?d=%20&e"
    answer = telling.request("GET", target)
    assert answer.text.splitlines() == ["GET", target, f"host={telling.host}:{telling.port}"]
    fields = [("X-A", "1"), ("x-a", "2"), ("Host", "shop.example")]
    answer = telling.request("PROPFIND", "/", headers=fields)
    assert answer.text.splitlines() == ["PROPFIND", "/", "x-a=1, 2", "host=shop.example"]


def test_an_answer_is_what_the_server_sent(telling: LiveServer) -> None:
    answer = telling.request("GET", "/")
    assert answer.status == 307
    assert answer.headers.getlist("X-Own") == ["1", "\xe9"]
    assert answer.headers["Location"] == "/elsewhere"
    assert "x-none" not in answer.headers
    assert telling.request("HEAD", "/").body == b""


@pytest.mark.parametrize("body", [b"\xff\0", "\xe9", b""])
def test_a_body_is_sent_with_its_length(telling: LiveServer, body: bytes | str) -> None:
    content = body.encode() if isinstance(body, str) else body
    answer = telling.request("POST", "/", headers={"Content-Type": "text/plain"}, body=body)
    assert f"\ncontent-length={len(content)}\n" in answer.text
    assert answer.text.endswith("\n" + content.decode("latin-1"))


def test_a_request_that_would_break_the_message_is_refused(telling: LiveServer) -> None:
    with pytest.raises(http.client.InvalidURL):
        telling.request("GET", "/ x")
    with pytest.raises(ValueError, match="method"):
        telling.request("GET /\r\n", "/")
    for name, value in (("a", "b\r\nc: d"), ("a:b", "c"), ("a", "\u20ac")):
        with pytest.raises(ValueError, match=r"."):
            telling.request("GET", "/", headers={name: value})


def test_a_request_gives_up_when_the_server_says_nothing() -> None:
    def hang(request: Request) -> Response:
        rt.sleep(0.5)
        return Response()

    with live_server(hang) as server, pytest.raises(TimeoutError):
        server.request("GET", "/", timeout=0.05)


# -- inside of tasks --------------------------------------------------------------------------


def test_live_server_in_a_task_has_a_hub_of_its_own() -> None:
    hubs: list[object] = []

    def handle(request: Request) -> Response:
        hubs.append(current_task().hub)
        return Response(body=b"there")

    def main() -> bytes:
        hubs.append(current_task().hub)
        with live_server(handle) as server:
            return server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert rt.run(main).endswith(b"there")
    assert len(set(map(id, hubs))) == 2


PATCHED = """
import threading, time, urllib.request
from photon_runtime.http import Response
from photon_runtime.patch import _saved, is_patched
from photon_runtime.testing import live_server

assert is_patched()
threads, turns = [], []

def handle(request):
    threads.append(_saved.get_ident())
    time.sleep(0.1)
    return Response(body=request.path)

def turn():
    while not threads or len(turns) < 5:
        turns.append(len(threads))
        time.sleep(0.01)

with live_server(handle) as server:
    turning = threading.Thread(target=turn)
    turning.start()
    with urllib.request.urlopen(server.url + "/there") as answer:
        print(answer.read())
    turning.join()
try:
    server.connect()
except ConnectionRefusedError:
    print("ended")
print("another thread:", threads != [_saved.get_ident()], "others went on:", 1 in turns)
print("threads left:", threading.active_count() - 1)

class Refusing:
    def start(self, *, development=False):
        raise LookupError("no such table")

try:
    with live_server(Refusing()):
        pass
except LookupError as error:
    print("refused:", error)
"""


@pytest.mark.slow
def test_live_server_works_where_the_standard_library_is_patched(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PATCHED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "photon_runtime.patch", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "b'/there'",
        "ended",
        "another thread: True others went on: True",
        "threads left: 0",
        "refused: no such table",
    ]
