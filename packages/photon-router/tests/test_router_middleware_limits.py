from __future__ import annotations

import http.client

import pytest

from photon_router import Application, Body
from photon_router.middleware import BodyLimit, Deadline, RequestId
from photon_runtime import sleep
from photon_runtime.http import ServerSettings
from photon_runtime.testing import live_server

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Slow", "version": "1"},
    "paths": {
        "/slow": {"get": {"operationId": "slow", "responses": {"200": {"description": "x"}}}},
        "/patient": {
            "get": {
                "operationId": "patient",
                "x-photon-deadline-ms": 20_000,
                "responses": {"200": {"description": "x"}},
            }
        },
    },
}


@pytest.mark.slow
def test_an_answer_that_takes_too_long_is_504_unless_its_operation_says_otherwise() -> None:
    app = Application(spec=DOCUMENT, middleware=[RequestId(), Deadline(seconds=0.1)])
    ended = []

    def wait() -> str:
        try:
            sleep(0.3)
        finally:
            ended.append(True)
        return "at last"

    app.operation("slow")(wait)
    app.operation("patient")(wait)
    with live_server(app) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
        connection.request("GET", "/slow")
        answer = connection.getresponse()
        assert answer.status == 504
        assert answer.headers["x-request-id"]
        assert b"within 0.1 seconds" in answer.read()
        assert ended == [True]
        connection.request("GET", "/patient")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'"at last"')
        connection.close()


def test_bodies_have_a_limit_unless_their_operation_states_its_own() -> None:
    size = {
        "requestBody": {"content": {"application/octet-stream": {}}},
        "responses": {"200": {"description": "x"}},
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Sizes", "version": "1"},
        "paths": {
            "/small": {"post": {"operationId": "small", **size}},
            "/large": {"post": {"operationId": "large", "x-photon-body-limit": 99, **size}},
        },
    }
    app = Application(spec=document, middleware=[BodyLimit(size=10)])

    def count(body: Body[bytes]) -> int:
        return len(body)

    app.operation("small")(count)
    app.operation("large")(count)
    narrow = ServerSettings(max_body_size=5, shutdown_timeout=5.0)  # the application's own counts
    with live_server(app, settings=narrow) as server:
        for path, length, status in (
            ("/small", 10, 200),
            ("/small", 11, 413),
            ("/large", 11, 200),
            ("/large", 100, 413),
        ):
            connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
            headers = {"content-type": "application/octet-stream"}
            connection.request("POST", path, body=b"x" * length, headers=headers)
            assert connection.getresponse().status == status, (path, length)
            connection.close()


def test_limits_are_checked() -> None:
    with pytest.raises(ValueError, match="seconds"):
        Deadline(seconds=0)
    with pytest.raises(ValueError, match="size"):
        BodyLimit(size=-1)
