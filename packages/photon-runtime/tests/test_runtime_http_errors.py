from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

import pytest

from photon_runtime import PhotonError
from photon_runtime.http import HttpError, Request, Response, problem_response
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROBLEM = "application/problem+json"


# -- the error --------------------------------------------------------------------------------


def test_error_tells_status_phrase_and_detail() -> None:
    error = HttpError(404, "no item has the id 7")
    assert (error.status, error.detail, error.title) == (404, "no item has the id 7", "Not Found")
    assert str(error) == "404 Not Found: no item has the id 7"
    assert str(HttpError(500)) == "500 Internal Server Error"
    assert isinstance(error, PhotonError)


@pytest.mark.parametrize("status", [0, 200, 399, 600, -404])
def test_error_with_a_status_that_is_none_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match=f"400 to 599, not {status}"):
        HttpError(status)


def test_document_has_the_members_of_rfc_9457() -> None:
    assert HttpError(404).document() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
    }
    error = HttpError(
        422, "two faults", type="/problems/faults", title="Faults", extensions={"errors": [1, 2]}
    )
    assert error.document() == {
        "type": "/problems/faults",
        "title": "Faults",
        "status": 422,
        "detail": "two faults",
        "errors": [1, 2],
    }


def test_error_keeps_what_it_was_given_and_no_reference_to_it() -> None:
    headers, extensions = {"retry-after": "1"}, {"a": 1}
    error = HttpError(503, headers=headers, extensions=extensions)
    headers.clear()
    extensions.clear()
    assert error.headers == {"retry-after": "1"}
    assert error.extensions == {"a": 1}


def test_status_without_a_phrase_has_an_empty_title() -> None:
    assert HttpError(499).title == ""
    assert str(HttpError(499, "gone")).startswith("499")


def test_problem_response_is_the_document_as_json() -> None:
    error = HttpError(429, "slow down", headers={"Retry-After": "5"})
    response = problem_response(error)
    assert response.status == 429
    assert response.content_type == PROBLEM
    assert response.header("retry-after") == "5"
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == error.document()


# -- on the wire ------------------------------------------------------------------------------


class Secret(Exception):
    """An error whose text must not get out."""


ERRORS: dict[str, Callable[[], Exception]] = {
    "/secret": lambda: Secret("the password is 1234"),
    "/connection": lambda: ConnectionResetError("the database went away at 10.0.0.7"),
    "/timeout": lambda: TimeoutError("the database is slow at 10.0.0.7"),
    "/teapot": lambda: HttpError(
        418, "short and stout", headers={"X-Spout": "yes"}, extensions={"n": 1}
    ),
    "/injected": lambda: HttpError(400, headers={"X-A": "1\r\nSet-Cookie: evil=1"}),
    "/unwritable": lambda: HttpError(400, extensions={"what": object()}),
}


def handle(request: Request) -> Response:
    if request.path in ERRORS:
        raise ERRORS[request.path]()
    if request.path == "/query":
        return Response(body=repr(dict(request.query)))
    if request.path == "/recursion":
        return handle(request)
    return Response(body="fine")


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(handle) as server:
        yield server


@pytest.fixture
def client(server: LiveServer) -> Iterator[http.client.HTTPConnection]:
    client = http.client.HTTPConnection(server.host, server.port, timeout=5)
    client.connect()
    yield client
    client.close()


def ask(client: http.client.HTTPConnection, target: str) -> tuple[http.client.HTTPResponse, bytes]:
    client.request("GET", target)
    answer = client.getresponse()
    return answer, answer.read()


def assert_lives_on(client: http.client.HTTPConnection) -> None:
    """Check that the same connection serves the next request."""
    assert client.sock is not None
    before = client.sock.getsockname()
    answer, body = ask(client, "/")
    assert (answer.status, body) == (200, b"fine")
    assert client.sock.getsockname() == before


@pytest.mark.parametrize(
    ("target", "secret"),
    [
        ("/secret", "1234"),
        ("/connection", "10.0.0.7"),
        ("/timeout", "10.0.0.7"),
        ("/recursion", "recursion"),
    ],
)
def test_failed_handler_is_a_500_without_details_and_the_connection_lives_on(
    client: http.client.HTTPConnection,
    caplog: pytest.LogCaptureFixture,
    target: str,
    secret: str,
) -> None:
    answer, body = ask(client, target)
    assert answer.status == 500
    assert answer.headers["content-type"] == PROBLEM
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
    }
    assert_lives_on(client)
    (record,) = caplog.records
    assert record.name == "photon.http"
    assert target in record.message
    assert secret in caplog.text


def test_http_error_is_a_problem_document_and_the_connection_lives_on(
    client: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture
) -> None:
    answer, body = ask(client, "/teapot")
    assert answer.status == 418
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["x-spout"] == "yes"
    document = json.loads(body)
    assert (document["status"], document["detail"], document["n"]) == (418, "short and stout", 1)
    assert_lives_on(client)
    assert caplog.records == []


@pytest.mark.parametrize("query", ["a=%", "a=%zz", "%ff=1", "a=%C0%80"])
def test_query_that_cannot_be_decoded_is_a_400(
    client: http.client.HTTPConnection, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer, body = ask(client, f"/query?{query}")
    assert answer.status == 400
    assert "request target" in json.loads(body)["detail"]
    assert_lives_on(client)
    assert caplog.records == []


@pytest.mark.parametrize("target", ["/injected", "/unwritable"])
def test_http_error_that_cannot_be_written_is_a_500_and_the_connection_lives_on(
    client: http.client.HTTPConnection, target: str
) -> None:
    answer, _ = ask(client, target)
    assert answer.status == 500
    assert "set-cookie" not in answer.headers
    assert_lives_on(client)
