from __future__ import annotations

import json
import logging
from contextvars import copy_context

import pytest

from photon_router import Application, Header, HttpError, Request, Response
from photon_router.middleware import RequestId, RequestIdFilter, current_request_id
from photon_runtime.logs import JsonFormatter
from photon_runtime.testing import live_server


def ask(layer: RequestId, sent: bytes | None) -> tuple[Request, str]:
    headers = [] if sent is None else [(b"x-request-id", sent)]
    request = Request("GET", "/", headers)
    response = copy_context().run(layer, request, lambda request: Response())
    value = response.header("X-Request-ID")
    assert value is not None
    return request, value


def test_an_id_that_the_client_sends_is_taken_over() -> None:
    request, value = ask(RequestId(), b"order-7.b:c/d+e=f@g~h_i")
    assert value == "order-7.b:c/d+e=f@g~h_i"
    assert request.state["request_id"] == value


@pytest.mark.parametrize("sent", [None, b"", b"a b", b"a\tb", b"\xe9", b"a" * 129, b'a"b', b"a,b"])
def test_what_could_spoil_a_log_is_replaced(sent: bytes | None) -> None:
    _, value = ask(RequestId(), sent)
    assert len(value) == 32
    assert value.isalnum()


def test_the_clients_id_can_be_ignored() -> None:
    assert ask(RequestId(accepts=False), b"mine")[1] != "mine"


def test_every_request_has_an_id_of_its_own() -> None:
    assert ask(RequestId(), None)[1] != ask(RequestId(), None)[1]


def test_the_name_of_the_field_is_checked() -> None:
    with pytest.raises(ValueError, match="not the name of a header field"):
        RequestId(header="X Request")


def test_log_records_name_their_request() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "hello", (), None)
    assert RequestIdFilter().filter(record)
    assert vars(record)["request_id"] == "-"

    def handle(request: Request) -> Response:
        RequestIdFilter().filter(record)
        return Response(body=str(current_request_id()))

    request = Request("GET", "/", [(b"x-request-id", b"abc")])
    copy_context().run(RequestId(), request, handle)
    assert vars(record)["request_id"] == "abc"


def test_every_line_of_the_log_names_its_request(caplog: pytest.LogCaptureFixture) -> None:
    def handle(request: Request) -> Response:
        logging.getLogger("shop").warning("sold out")
        return Response()

    caplog.handler.setFormatter(JsonFormatter())
    with caplog.at_level(logging.WARNING):
        request = Request("GET", "/", [(b"x-request-id", b"abc")])
        copy_context().run(RequestId(), request, handle)
        logging.getLogger("shop").warning("closed")
    inside, outside = map(json.loads, caplog.text.splitlines())
    assert inside["request_id"] == "abc"
    assert "request_id" not in outside


def test_errors_are_named_too_and_requests_do_not_share_names() -> None:
    app = Application()
    app.middleware(RequestId())

    @app.get("/me")
    def me() -> str:
        return str(current_request_id())

    @app.get("/no")
    def no() -> str:
        raise HttpError(409)

    with live_server(app) as server:
        head = b"Host: a\r\nX-Request-ID: one\r\n"
        told = server.exchange(
            b"GET /no HTTP/1.1\r\n" + head + b"\r\n"
            b"GET /me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
    refused, _, rest = told.partition(b"HTTP/1.1 200")
    assert refused.startswith(b"HTTP/1.1 409")
    assert b"X-Request-ID: one\r\n" in refused
    assert b"one" not in rest
    name = rest.partition(b"X-Request-ID: ")[2][:32]
    assert rest.endswith(b'"' + name + b'"')


@pytest.mark.parametrize("header", ["X-Request-ID", "x-request-id", "X-REQUEST-ID"])
@pytest.mark.parametrize("sent", ["X-Request-ID", "x-request-id", "X-REQUEST-ID"])
def test_the_case_of_the_field_does_not_matter(header: str, sent: str) -> None:
    app = Application(middleware=[RequestId(header=header)])

    @app.get("/")
    def read(x_request_id: Header[str]) -> Response:
        return Response(body=x_request_id, headers={"x-Request-iD": "of the handler"})

    with live_server(app) as server:
        answer = server.request("GET", "/", headers={sent: "abc"})
    assert answer.body == b"abc"
    assert answer.headers.getlist("x-request-id") == ["abc"]
