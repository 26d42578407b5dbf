"""However a response is cut, its dependencies end as cancelled; a hidden error is named."""

from __future__ import annotations

import io
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import pytest

from photon_router import (
    Application,
    Depends,
    File,
    Request,
    ServerSentEvent,
    Stream,
)
from photon_router.middleware import Compression
from photon_router.wsgi import WsgiExport
from photon_runtime import sleep
from photon_runtime.http import ServerSettings
from photon_runtime.testing import live_server, make_request, send_request

LOG: list[tuple[str, str]] = []


def noting(name: str) -> Iterator[str]:
    try:
        yield name
    except BaseException as error:
        LOG.append((name, type(error).__name__))
        raise
    LOG.append((name, "complete"))


def early() -> Iterator[str]:
    yield from noting("early")


class Late:
    """A value that is released after the response."""


def late() -> Iterator[Late]:
    with contextmanager(noting)("late"):
        yield Late()


Early = Annotated[str, Depends(early)]
CUT = [("early", "Cancelled"), ("late", "Cancelled")]
COMPLETE = [("early", "complete"), ("late", "complete")]


@pytest.fixture(autouse=True)
def empty_log() -> None:
    LOG.clear()


def parts(one: Early, two: Late, count: int = 10_000) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * 50_000


def waiting(one: Early, two: Late) -> Iterator[bytes]:
    yield b"begin"
    sleep(60)
    yield b"end"


def events(one: Early, two: Late, count: int = 10_000) -> Iterator[ServerSentEvent]:
    for number in range(count):
        yield ServerSentEvent(number)
        sleep(0.05)


def failing(one: Early, two: Late) -> Iterator[bytes]:
    yield b"begin"
    raise KeyError("x")


def stream(one: Early, two: Late) -> Stream:
    return Stream(b"x" * 50_000 for _ in range(10_000))


def app() -> Application:
    app = Application()
    app.provide(Late, late, release="after_response")
    for handler in (parts, waiting, events, failing, stream):
        app.get(f"/{handler.__name__}")(handler)
    return app


def wait_for(count: int) -> None:
    end = time.monotonic() + 10
    while len(LOG) < count:
        assert time.monotonic() < end, LOG
        time.sleep(0.01)


def read_some_and_leave(client: socket.socket, path: str) -> None:
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    assert client.recv(1000)
    client.close()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/parts", "/waiting", "/events", "/stream"])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_client_that_leaves_cuts_a_stream(path: str, is_compressed: bool) -> None:
    application = app()
    if is_compressed:
        application.middleware(Compression(codings=["gzip"], content_types=["*/*"]))
    with live_server(application, settings=ServerSettings(cancel_on_disconnect=True)) as server:
        with server.connect() as client:
            read_some_and_leave(client, path)
        wait_for(2)
    assert LOG == CUT


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/parts", "/events", "/waiting"])
def test_the_end_of_the_server_cuts_a_stream(path: str) -> None:
    settings = ServerSettings(shutdown_timeout=0.2)
    with live_server(app(), settings=settings) as server:
        client = server.connect().__enter__()
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert client.recv(1000)
    client.close()
    assert LOG == CUT


@pytest.mark.slow
def test_a_file_that_is_cut_cancels_what_is_released_after_it(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(30_000_000))
    application = app()

    @application.get("/file")
    def file(one: Early, two: Late) -> File:
        return File(path)

    with live_server(application) as server:
        with server.connect() as client:
            read_some_and_leave(client, "/file")
        wait_for(2)
        assert LOG == [("early", "complete"), ("late", "Cancelled")]
        LOG.clear()
        assert len(server.request("GET", "/file").body) == 30_000_000
        wait_for(2)
    assert LOG == COMPLETE


@pytest.mark.parametrize("path", ["/parts?count=3", "/events?count=2"])
def test_a_complete_stream_is_complete(path: str) -> None:
    send_request(app(), "GET", path)
    assert LOG == COMPLETE


def test_a_response_without_a_body_is_complete() -> None:
    send_request(app(), "HEAD", "/parts")
    assert LOG == COMPLETE


def test_the_error_of_a_stream_reaches_what_is_released_after_it() -> None:
    with live_server(app()) as server, server.connect() as client:
        client.sendall(b"GET /failing HTTP/1.1\r\nhost: x\r\n\r\n")
        while client.recv(1000):
            pass
        wait_for(2)
    assert LOG == [("early", "KeyError"), ("late", "KeyError")]


@pytest.mark.parametrize("path", ["/parts", "/stream"])
def test_a_wsgi_server_whose_client_leaves_cuts_a_stream(path: str) -> None:
    def start(status: str, fields: object, info: object = None) -> Callable[[bytes], object]:
        def write(part: bytes) -> None:
            raise BrokenPipeError

        return write

    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "wsgi.url_scheme": "http",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
    }
    with pytest.raises(BrokenPipeError):
        list(WsgiExport(app())(environ, start))
    assert LOG == CUT


# -- errors that a dependency hides -----------------------------------------------------------


def hiding() -> Iterator[int]:
    try:
        yield 1
    except BaseException:
        pass


def hiding_late() -> Iterator[Late]:
    try:
        yield Late()
    except BaseException:
        pass


Hiding = Annotated[int, Depends(hiding)]


def test_a_hidden_error_is_logged_with_the_name_of_the_dependency(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Application()

    @app.get("/whole")
    def whole(one: Early, two: Hiding) -> None:
        raise KeyError("the original")

    @app.get("/parts")
    def parts(one: Early, two: Hiding) -> Iterator[bytes]:
        yield b"x"
        raise KeyError("the original")

    with app.start() as handler:
        assert handler(make_request("GET", "/whole")).status == 500
        response = handler(make_request("GET", "/parts"))
        with pytest.raises(RuntimeError, match=r"hiding \(.*swallowed.*the original") as caught:
            list(response.body)
    assert isinstance(caught.value.__cause__, KeyError)
    assert "hiding (" in caplog.text
    assert "KeyError: 'the original'" in caplog.text
    # The dependency outside of it is not told of a success.
    assert LOG == [("early", "RuntimeError"), ("early", "RuntimeError")]


def test_a_cut_that_is_hidden_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = Application()

    app.provide(Late, hiding_late, release="after_response")

    @app.get("/parts")
    def parts(one: Hiding, two: Late) -> Iterator[bytes]:
        yield b"x"
        yield b"y"

    request = make_request("GET", "/parts")
    with app.start() as handler, caplog.at_level(logging.ERROR):
        body = handler(request).body
        assert next(iter(body)) == b"x"
        body.close()  # type: ignore[union-attr]
        request.run_after_response_callbacks()
    assert "hiding (" in caplog.text
    assert "hiding_late (" in caplog.text
    assert "Cancelled" in caplog.text


@pytest.mark.parametrize(("is_failing", "ends"), [(False, "complete"), (True, "Cancelled")])
def test_a_body_that_is_dropped_because_of_an_error_is_cut(is_failing: bool, ends: str) -> None:
    def drop(body: Any) -> None:
        try:
            if is_failing:
                raise ValueError
        finally:
            body.close()

    with app().start() as handler:
        request = Request("GET", "/parts", [])
        response = handler(request)
        with suppress(ValueError):
            drop(response.body)
        request.run_after_response_callbacks()
    assert [("early", ends), ("late", ends)] == LOG
