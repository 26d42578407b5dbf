from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import attrs
import pytest

import photon_runtime as rt
from photon_runtime.errors import NotRunning
from photon_runtime.http import HttpError, Request, Response
from photon_runtime.testing import in_hub, make_request, send_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photon_runtime.http import Handler

who: ContextVar[str] = ContextVar("who", default="nobody")


def echo(request: Request) -> Response:
    return Response(201, body=request.body, content_type="text/plain", headers={"X-A": "1"})


class Recorder:
    """An application that records its events."""

    def __init__(self) -> None:
        self.events: list[object] = []

    @contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        self.events.append(("start", development))
        who.set("the application")
        yield self.handle
        self.events.append("end")

    def handle(self, request: Request) -> Response:
        self.events.append(who.get())
        who.set("the request")
        request.after_response(lambda: self.events.append(("after", who.get())))
        return Response(body=self.parts())

    def parts(self) -> Iterator[bytes]:
        try:
            yield b"a"
            rt.sleep(0)
            yield b"b"
        finally:
            self.events.append("closed")


def test_a_request_has_what_a_client_sends() -> None:
    request = make_request(
        "PUT", "/a%20b?x=1", headers=[("X-A", "1"), ("X-A", "é")], body="ö", scheme="https"
    )
    assert (request.method, request.path, request.query["x"]) == ("PUT", "/a b", "1")
    assert request.headers.getlist("x-a") == ["1", "é"]
    assert (request.body, request.content_length) == ("ö".encode(), 2)
    assert (request.scheme, request.host, request.client) == (
        "https",
        "testserver",
        ("127.0.0.1", 50000),
    )
    assert request.headers["content-length"] == "2"


def test_what_the_test_says_of_a_body_stays() -> None:
    headers = {"Host": "a.example", "Content-Type": "text/json", "Content-Length": "7"}
    request = make_request("POST", "/", headers=headers, json=None)
    assert request.body == b"null"
    assert dict(request.headers) == {
        "host": "a.example",
        "content-type": "text/json",
        "content-length": "7",
    }


def test_a_json_body_has_its_type_and_may_be_an_instance() -> None:
    @attrs.frozen
    class Item:
        name: str

    request = make_request("POST", "/", json=[Item("tea"), {"name": None}])
    assert request.headers["content-type"] == "application/json"
    assert request.body == b'[{"name":"tea"},{"name":null}]'


def test_a_request_without_a_body_has_no_fields_of_one() -> None:
    request = make_request("GET", "/")
    assert list(request.headers) == ["host"]
    assert (request.body, request.content_length) == (b"", None)


def test_two_bodies_are_refused() -> None:
    with pytest.raises(TypeError, match="one body"):
        make_request("POST", "/", body=b"", json={})


def test_a_body_over_its_limit_is_refused_as_by_the_server() -> None:
    assert send_request(echo, "POST", "/", body="12345", body_limit=5).status == 201
    assert send_request(echo, "POST", "/", body="123456", body_limit=5).status == 413


def test_a_handler_answers_without_a_socket() -> None:
    response = send_request(echo, "POST", "/", json={"a": [1]})
    assert (response.status, response.json(), response.text) == (201, {"a": [1]}, '{"a":[1]}')
    assert response.content_type == "text/plain"
    assert dict(response.headers) == {
        "x-a": "1",
        "content-type": "text/plain",
        "content-length": "9",
    }


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_body_that_is_not_sent_is_not_received_but_closed(method: str, status: int) -> None:
    closed: list[bool] = []

    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            yield b"x"

        def close(self) -> None:
            closed.append(True)

    for body in (b"x", Parts()):
        response = send_request(lambda request: Response(status, body=body), method, "/")  # noqa: B023
        assert response.body == b""
    assert closed == [True]


def test_an_application_lives_as_long_as_the_exchange() -> None:
    application = Recorder()
    response = send_request(application, "GET", "/", development=True)
    assert response.body == b"ab"
    assert application.events == [
        ("start", True),
        "the application",
        "closed",
        ("after", "the request"),
        "end",
    ]


def test_requests_to_one_start_do_not_share_context_variables() -> None:
    application = Recorder()
    with application.start() as handler:
        for _ in range(2):
            send_request(handler, "GET", "/")
    assert application.events.count("the application") == 2


@in_hub
def test_in_a_task_the_handler_runs_in_its_hub() -> None:
    handled: list[object] = []

    def handle(request: Request) -> Response:
        handled.append(rt.current_task())
        return Response()

    send_request(handle, "GET", "/")
    assert handled == [rt.current_task()]


def test_outside_of_tasks_the_handler_may_wait() -> None:
    def handle(request: Request) -> Response:
        rt.spawn(rt.sleep, 0.001).result()
        return Response(body="slept")

    assert send_request(handle, "GET", "/").text == "slept"
    with pytest.raises(NotRunning):
        rt.current_task()


def test_a_refusal_is_a_response_and_an_error_is_raised() -> None:
    def refuse(request: Request) -> Response:
        raise HttpError(409, "taken")

    def fail(request: Request) -> Response:
        raise ValueError("on purpose")

    response = send_request(refuse, "GET", "/")
    assert (response.status, response.json()["detail"]) == (409, "taken")
    with pytest.raises(ValueError, match="on purpose"):
        send_request(fail, "GET", "/")


def test_work_after_the_response_is_done_also_behind_an_error() -> None:
    done: list[str] = []

    def fail(request: Request) -> Response:
        request.after_response(lambda: done.append("after"))
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        send_request(fail, "GET", "/")
    assert done == ["after"]


def test_what_the_application_left_at_the_request_can_be_read() -> None:
    def handle(request: Request) -> Response:
        request.failure = ValueError("hidden")
        return Response(500)

    response = send_request(handle, "GET", "/")
    assert str(response.request.failure) == "hidden"


def test_a_handler_that_returns_something_else_is_refused() -> None:
    def handle(request: Request) -> Response:
        return None  # type: ignore[return-value]  # that is what is tested

    with pytest.raises(TypeError, match="returns a Response, not None"):
        send_request(handle, "GET", "/")
