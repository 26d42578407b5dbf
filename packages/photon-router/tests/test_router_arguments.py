"""What binds arguments: how requests fare whose body several arguments share, over real sockets."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Annotated, Any
from urllib.parse import urlsplit

import attrs
import pytest

from photon_router import (
    Application,
    Body,
    Depends,
    DocumentError,
    Form,
    Json,
    Query,
    Request,
    UploadFile,
)
from photon_runtime.testing import LiveServer, live_server, send_request


@attrs.frozen
class Login:
    name: str
    age: int = 1


def spec() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"userName": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
        "required": ["userName"],
    }
    content = {
        kind: {"schema": schema}
        for kind in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    }
    responses = {"200": {"description": "ok", "content": {"application/json": {}}}}

    def operation(name: str) -> dict[str, Any]:
        body = {"content": content, "required": True}
        return {"post": {"operationId": name, "requestBody": body, "responses": responses}}

    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {f"/{name}": operation(name) for name in ("fields", "both", "raw")},
    }


def application() -> Application:
    router = Application(spec=spec())

    @router.operation("fields")
    def fields(user_name: Form[str], age: int = 7) -> object:
        return [user_name, age]

    def whole(data: dict[str, object]) -> int:
        return len(data)

    @router.operation("both")
    def both(size: Annotated[int, Depends(whole)], user_name: Form[str]) -> object:
        return [size, user_name]

    @router.operation("raw")
    def raw(data: bytes, request: Request) -> object:
        return [len(data), request.method]

    @router.post("/late")
    def late(parts: Body[Iterator[bytes]], stop: bool = False) -> object:
        return 0 if stop else sum(map(len, parts))

    @router.post("/upload")
    def upload(file: UploadFile, note: Query[str] = "") -> object:
        return [file.filename, note]

    return router


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(application()) as server:
        yield server


def ask(server: LiveServer, path: str, body: bytes, kind: str) -> tuple[int, Any]:
    response = server.request("POST", path, headers={"content-type": kind}, body=body)
    return response.status, response.json()


FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"userName=ada&age=3", FORM), (b'{"userName":"ada","age":3}', JSON)],
)
def test_fields_are_taken_from_whichever_type_comes(
    server: LiveServer, body: bytes, kind: str
) -> None:
    assert ask(server, "/fields", body, kind) == (200, ["ada", 3])
    assert ask(server, "/both", body, kind) == (200, [2, "ada"])


def test_errors_of_a_shared_body_are_reported_once(server: LiveServer) -> None:
    status, problem = ask(server, "/both", b"age=-1", FORM)
    assert status == 422
    assert [(each["pointer"], each["message"]) for each in problem["errors"]] == [
        ("/age", "must be >= 0"),
        ("/userName", 'missing required member "userName"'),
    ]


def test_a_missing_body_is_reported_once(server: LiveServer) -> None:
    status, problem = ask(server, "/both", b"", JSON)
    assert (status, [each["message"] for each in problem["errors"]]) == (
        422,
        ["a body is required"],
    )


def test_raw_bytes_of_a_form_are_taken_as_they_come(server: LiveServer) -> None:
    assert ask(server, "/raw", b"userName=ada", FORM) == (200, [12, "POST"])


def test_a_stream_that_is_left_unread_does_no_harm(server: LiveServer) -> None:
    assert ask(server, "/late?stop=1", b"x" * 100_000, "x/y") == (200, 0)
    assert ask(server, "/late", b"x" * 100_000, "x/y") == (200, 100_000)


def test_a_form_in_json_and_a_list_in_json_are_refused(server: LiveServer) -> None:
    assert ask(server, "/fields", b"[1]", JSON)[0] == 422
    assert ask(server, "/upload", b"{}", JSON)[0] == 415


def test_requests_on_one_connection_do_not_meet(server: LiveServer) -> None:
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    kind = {"content-type": "multipart/form-data; boundary=B"}
    head = '--B\r\nContent-Disposition: form-data; name="file"; filename="%d"\r\n\r\nx\r\n--B--'
    for number in range(3):
        connection.request("POST", f"/upload?note={number}", head % number, kind)
        assert json.loads(connection.getresponse().read()) == [str(number), str(number)]
        connection.request("POST", "/upload", b"--B\r\nbroken", kind)
        response = connection.getresponse()
        assert response.status == 400
        response.read()
    connection.close()


def test_what_the_operation_does_not_have_is_reported_at_start() -> None:
    router = Application(spec=spec())

    def handler(user_name: Form[str], other: Form[int], third: Query[int]) -> None: ...

    for name in ("fields", "both", "raw"):
        router.operation(name)(handler)
    with pytest.raises(DocumentError) as caught, router.start():
        pass
    text = str(caught.value)
    assert "argument 'other' of " in text
    assert "argument 'third' of " in text
    assert "argument 'user_name' of " not in text


def test_a_default_of_a_json_body_stands_for_a_missing_one() -> None:
    router = Application()

    @router.post("/")
    def take(data: Json[Login] = Login("nobody")) -> Login:
        return data

    asked = Request("POST", "/", [])
    with router.start() as handler:
        assert handler(asked).status == 200


def contract(operation: dict[str, Any], handler: Any) -> Application:
    described = {"operationId": "do", "responses": {"204": {"description": "Done."}}} | operation
    router = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {"/": {"put": described}},
        }
    )
    router.operation("do")(handler)
    return router


def test_a_parameter_of_the_document_counts_whether_or_not_an_argument_takes_it() -> None:
    parameters = [
        {"name": "taken", "in": "query", "required": True, "schema": {"type": "integer"}},
        {"name": "X-Reason", "in": "header", "required": True, "schema": {"minLength": 3}},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 9}},
    ]

    def take(taken: int = 1) -> None:
        assert taken == 5

    with contract({"parameters": parameters}, take).start() as handler:
        assert (
            send_request(handler, "PUT", "/?taken=5", headers={"x-reason": "because"}).status == 204
        )
        refusal = send_request(handler, "PUT", "/?limit=10")
    errors = refusal.json()["errors"]
    assert [(detail["in"], detail["name"], detail["message"]) for detail in errors] == [
        ("query", "taken", "is required"),
        ("header", "X-Reason", "is required"),
        ("query", "limit", "must be <= 9"),
    ]


def test_the_schema_of_a_text_in_the_document_counts() -> None:
    content = {"text/csv": {"schema": {"type": "string", "minLength": 2}}}

    def take(text: Body[str]) -> None:
        assert text == "ab"

    def status(text: str) -> int:
        headers = {"content-type": "text/csv"}
        return send_request(handler, "PUT", "/", headers=headers, body=text).status

    body = {"requestBody": {"required": True, "content": content}}
    with contract(body, take).start() as handler:
        assert [status("ab"), status("a"), status("")] == [204, 422, 422]


def test_a_required_stream_of_bytes_must_be_there() -> None:
    content: dict[str, Any] = {"application/octet-stream": {}}

    def take(parts: Body[Iterator[bytes]]) -> None:
        assert b"".join(parts) == b""

    body = {"requestBody": {"required": True, "content": content}}
    with live_server(contract(body, take)) as server:
        head = b"PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        kind = b"Content-Type: application/octet-stream\r\n"
        assert server.exchange(head + b"\r\n").startswith(b"HTTP/1.1 422 ")
        assert server.exchange(head + b"Content-Length: 0\r\n\r\n").startswith(b"HTTP/1.1 422 ")
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        assert server.exchange(head + kind + b"Content-Length: 0\r\n\r\n").startswith(
            b"HTTP/1.1 204 "
        )
        assert server.exchange(chunked).startswith(b"HTTP/1.1 422 ")
