from __future__ import annotations

import logging
import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

import photon_runtime as rt
from photon_runtime.http import Request, Response, ServerSettings
from photon_runtime.testing import live_server

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTED_IN = ServerSettings(cancel_on_disconnect=True, shutdown_timeout=5)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FOREVER = 3600


class Waiting:
    """A handler that waits, and remembers how its wait ended."""

    def __init__(self, seconds: float = FOREVER) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self._seconds = seconds

    def __call__(self, request: Request) -> Response:
        self.begun.set()
        try:
            rt.sleep(self._seconds)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.set()
        return Response(body="done")


def leave(client: socket.socket, how: str) -> None:
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["close", "reset"])
def test_request_is_cancelled_when_its_client_leaves(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Waiting()
    with live_server(handler, settings=OPTED_IN) as server, caplog.at_level(logging.INFO):
        client = server.connect()
        client.sendall(GET)
        assert handler.begun.wait(5)
        leave(client, how)
        assert handler.ended.wait(5)
    assert isinstance(handler.error, rt.Cancelled)
    assert caplog.text == ""


@pytest.mark.slow
def test_finally_blocks_may_wait_under_a_shield() -> None:
    begun, cleaned = threading.Event(), threading.Event()

    def handle(request: Request) -> Response:
        begun.set()
        try:
            rt.sleep(FOREVER)
        finally:
            with rt.shield():
                rt.sleep(0.1)
            cleaned.set()
        return Response()

    with live_server(handle, settings=OPTED_IN) as server:
        client = server.connect()
        client.sendall(GET)
        assert begun.wait(5)
        client.close()
        assert cleaned.wait(5)


@pytest.mark.slow
def test_stream_is_cancelled_when_its_client_leaves() -> None:
    closed = threading.Event()

    def parts() -> Iterator[bytes]:
        try:
            yield b"first"
            rt.sleep(FOREVER)
        finally:
            closed.set()

    with live_server(lambda request: Response(body=parts()), settings=OPTED_IN) as server:
        with server.connect() as client:
            client.sendall(GET)
            assert client.recv(65536)
        assert closed.wait(5)


@pytest.mark.slow
def test_client_that_stays_is_answered_and_the_connection_goes_on() -> None:
    handler = Waiting(0.3)
    with live_server(handler, settings=OPTED_IN) as server, server.connect() as client:
        for _ in range(2):
            client.sendall(GET)
            assert client.recv(65536).endswith(b"done")
    assert handler.error is None


@pytest.mark.slow
def test_other_requests_are_not_touched() -> None:
    quick, slow = Waiting(0.6), Waiting()

    def handle(request: Request) -> Response:
        return (quick if request.path == "/quick" else slow)(request)

    with live_server(handle, settings=OPTED_IN) as server, server.connect() as stays:
        leaves = server.connect()
        leaves.sendall(GET)
        stays.sendall(GET.replace(b"/ ", b"/quick ", 1))
        assert slow.begun.wait(5)
        assert quick.begun.wait(5)
        leaves.close()
        assert stays.recv(65536).endswith(b"done")
    assert isinstance(slow.error, rt.Cancelled)


@pytest.mark.slow
def test_without_opting_in_the_request_is_finished() -> None:
    handler = Waiting(0.4)
    with live_server(handler) as server:
        client = server.connect()
        client.sendall(GET)
        assert handler.begun.wait(5)
        client.close()
        assert handler.ended.wait(5)
    assert handler.error is None


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, FOREVER])
def test_what_comes_after_the_response_is_done_though_the_client_has_left(seconds: float) -> None:
    finished = threading.Event()
    handler = Waiting(seconds)

    def finish() -> None:
        rt.sleep(0.5)
        finished.set()

    def handle(request: Request) -> Response:
        request.after_response(finish)
        return handler(request)

    with live_server(handle, settings=OPTED_IN) as server:
        with server.connect() as client:
            client.sendall(GET)
            assert handler.begun.wait(5)
            if not seconds:
                assert client.recv(65536)
        assert finished.wait(5)
    assert isinstance(handler.error, rt.Cancelled) is bool(seconds)
