"""Calls that are made when the response was sent."""

import logging
import threading
from collections.abc import Iterator
from typing import Annotated

import pytest

from photon_router import Application, BackgroundTasks, Depends, HttpError, Request
from photon_runtime import offload
from photon_runtime.http import begin_request
from photon_runtime.testing import in_hub, live_server
from photon_runtime.transactions import transaction_scope


def test_calls_are_made_after_the_response_in_order() -> None:
    log: list[str] = []
    router = Application()

    def audit(tasks: BackgroundTasks) -> None:
        tasks.add(log.append, "audit")

    @router.post("/x", dependencies=[audit])
    def handler(tasks: BackgroundTasks) -> str:
        tasks.add(log.append, "first")
        tasks.add(log.extend, ["second"])
        log.append("handler")
        return "x"

    assert "parameters" not in router.document()["paths"]["/x"]["post"]
    request = Request("POST", "/x", [])
    with router.start() as running:
        assert running(request).status == 200
        assert log == ["handler"]
        request.run_after_response_callbacks()
    assert log == ["handler", "audit", "first", "second"]


@pytest.mark.parametrize("error", [HttpError(409), ValueError("x")], ids=["refused", "failed"])
def test_no_call_is_made_when_the_handler_fails(error: Exception) -> None:
    log: list[str] = []
    router = Application()

    @router.get("/x")
    def handler(tasks: BackgroundTasks) -> None:
        tasks.add(log.append, "never")
        raise error

    request = Request("GET", "/x", [])
    with router.start() as running:
        running(request)
        request.run_after_response_callbacks()
    assert log == []


def test_no_call_is_made_when_a_dependency_fails_at_its_end() -> None:
    log: list[str] = []
    router = Application()

    def commit() -> Iterator[None]:
        yield
        raise HttpError(409)

    @router.get("/x")
    def handler(tasks: BackgroundTasks, _: Annotated[None, Depends(commit)]) -> None:
        tasks.add(log.append, "never")

    request = Request("GET", "/x", [])
    with router.start() as running:
        assert running(request).status == 409
        request.run_after_response_callbacks()
    assert log == []


def test_one_that_fails_is_logged_and_does_not_keep_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log: list[str] = []
    router = Application()

    def fail() -> None:
        raise ValueError("in the background")

    @router.get("/x")
    def handler(tasks: BackgroundTasks) -> str:
        tasks.add(fail)
        tasks.add(log.append, "after")
        return "x"

    caplog.set_level(logging.ERROR, "photon.http")
    with live_server(router) as server:
        data = server.exchange(b"GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert data.endswith(b'"x"')
    assert log == ["after"]
    assert "in the background" in caplog.text


def test_a_stream_may_add_calls_while_it_is_sent() -> None:
    log: list[str] = []
    router = Application()

    @router.get("/x")
    def handler(tasks: BackgroundTasks) -> Iterator[str]:
        tasks.add(log.append, "one")
        yield "a"
        tasks.add(log.append, "two")
        log.append("sent")

    with live_server(router) as server:
        server.exchange(b"GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert log == ["sent", "one", "two"]


@in_hub
def test_one_that_fails_is_logged_with_the_line_that_added_it_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = Application()
    router.meter.expose()

    def fail() -> None:
        raise ValueError("in the background")

    @router.get("/x")
    def handler(tasks: BackgroundTasks) -> str:
        tasks.add_task(fail)
        return "x"

    request = Request("GET", "/x", [])
    with router.start() as running:
        begin_request(running)
        running(request)
        request.run_after_response_callbacks()
        page = router.meter.page()[0].decode()
    assert 'photon_background_errors_total{kind="after_response"} 1.0' in page
    line = handler.__code__.co_firstlineno + 2
    assert f"fail, begun at {__file__}:{line}, has failed" in caplog.text


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_calls_follow_the_last_byte(method: bytes) -> None:
    """The client has the whole response, and the connection waits for the calls."""
    log: list[str] = []
    router = Application()
    received = threading.Event()

    @router.get("/x")
    def handler(tasks: BackgroundTasks) -> str:
        tasks.add(lambda: log.append("late" if offload(received.wait, 5) else "early"))
        return "x"

    with live_server(router) as server, server.connect() as client:
        client.sendall(method + b" /x HTTP/1.1\r\nhost: a\r\n\r\n")
        data = b""
        while not data.endswith(b"\r\n\r\n" if method == b"HEAD" else b'"x"'):
            data += client.recv(1000)
        received.set()
    assert log == ["late"]


def test_calls_are_outside_of_the_transactions_of_the_request() -> None:
    scopes: list[object] = []
    router = Application()

    @router.get("/x")
    def handler(tasks: BackgroundTasks) -> str:
        scopes.append(transaction_scope())
        tasks.add(lambda: scopes.append(transaction_scope()))
        return "x"

    request = Request("GET", "/x", [])
    with router.start() as running:
        running(request)
        request.run_after_response_callbacks()
    assert scopes[0] is not scopes[1]
