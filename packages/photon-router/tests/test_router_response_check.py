"""Checks of responses against the document."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from photon_openapi.schema import SchemaCheck
from photon_router import Application, DocumentError, HttpError, Response
from photon_runtime.settings import load_settings
from photon_runtime.testing import make_request, send_request


@attrs.frozen
class Item:
    name: str
    price: int = 1


def spec() -> dict[str, Any]:
    item = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    header = {"required": True, "schema": {"type": "string"}}
    responses = {
        "200": {
            "description": "x",
            "headers": {"x-rate": header, "content-type": header},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}},
        },
        "204": {"description": "none"},
        "4XX": {"description": "x", "content": {"application/problem+json": {}}},
        "503": {"description": "x", "content": {"text/*": {}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "a", "version": "1"},
        "paths": {"/x": {"get": {"operationId": "read", "responses": responses}}},
        "components": {"schemas": {"Item": item}},
    }


RATE = {"x-rate": "1"}


def ask(answer: Any, *, development: bool = True, **options: Any) -> Response:
    router = Application(spec=spec(), **options)

    @router.operation("read")
    def read() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with router.start(development=development) as handler:
        return handler(make_request("GET", "/x"))


def made(status: int, body: bytes, kind: str | None, **headers: str) -> Response:
    return Response(status, body=body, content_type=kind, headers=headers or RATE)


@pytest.mark.parametrize(
    "answer",
    [
        made(200, b'{"name":"tea"}', "application/json"),
        made(200, b'{"name":"tea"}', "application/json; charset=utf-8"),
        Response(204),
        made(404, b"{}", "application/problem+json"),
        made(503, b"busy", "text/plain; charset=utf-8"),
        Response(101),
    ],
    ids=lambda answer: f"{answer.status} {answer.content_type}",
)
def test_a_response_that_fits_is_sent(answer: Response) -> None:
    assert ask(answer) is answer


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (
            made(200, b'{"name":1}', "application/json"),
            {"in": "body", "pointer": "/name", "message": "expected string, got integer"},
        ),
        (
            made(200, b'{"name":"tea"}', "application/json", other="1"),
            {"in": "header", "name": "x-rate", "message": "is required"},
        ),
        (
            made(200, b"tea", "text/plain"),
            {
                "in": "body",
                "message": "is of type text/plain, but must be of type application/json",
            },
        ),
        (
            Response(200, headers=RATE),
            {"in": "body", "message": "is missing, but must be of type application/json"},
        ),
        (made(200, b"{", "application/json"), {"in": "body", "message": "is not JSON"}),
        (made(200, b'"\xff"', "application/json"), {"in": "body", "message": "is not JSON"}),
    ],
    ids=["schema", "header", "media type", "empty", "syntax", "not UTF-8"],
)
def test_a_response_that_does_not_fit_is_a_500_that_names_why(
    answer: Response, fault: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    refused = ask(answer)
    assert refused.status == 500
    assert isinstance(refused.body, bytes)
    (told,) = json.loads(refused.body)["errors"]
    assert {key: value for key, value in told.items() if value != ""} == fault
    assert "GET /x: the response 200 of read violates the document" in caplog.text
    assert fault["message"] in caplog.text


def test_outside_of_development_the_errors_are_in_the_log_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = made(200, b"{}", "application/json")
    refused = ask(response, development=False, validate_responses=True)
    assert isinstance(refused.body, bytes)
    assert json.loads(refused.body) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
    }
    assert "missing required member" in caplog.text


def test_a_status_that_is_not_declared_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = Application(spec=spec())
    statuses = [299, 299, 500]

    @router.operation("read")
    def read() -> Response:
        status = statuses.pop(0)
        if status >= 400:
            raise HttpError(status)
        return Response(status)

    caplog.set_level(logging.WARNING, "photon.router")
    with router.start(development=True) as handler:
        found = [handler(make_request("GET", "/x")).status for _ in range(3)]
    assert found == [299, 299, 500]
    assert [record.getMessage() for record in caplog.records] == [
        "read responds with 299, which is not declared",
        "read responds with 500, which is not declared",
    ]


def test_errors_are_responses_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    assert ask(HttpError(404)).status == 404
    assert caplog.records == []


WRONG = made(200, b"{}", "application/json")


def test_responses_are_checked_in_development_and_tests(tmp_path: Path) -> None:
    assert ask(WRONG, development=True).status == 500
    assert ask(WRONG, development=False).status == 200
    assert ask(WRONG, development=True, validate_responses=False).status == 200

    def with_settings(environment: str, text: str = "") -> int:
        (tmp_path / "photon.toml").write_text(text)
        router = Application(spec=spec())
        router.operation("read")(lambda: WRONG)
        router.use_settings(load_settings(tmp_path, environment=environment, environ={}))
        with router.start() as handler:
            return send_request(handler, "GET", "/x").status

    assert with_settings("test") == 500
    assert with_settings("production") == 200
    assert with_settings("production", "[router]\nvalidate_responses = true\n") == 500
    assert with_settings("test", "[router]\nvalidate_responses = false\n") == 200


def test_what_handlers_return_fits_what_was_written_from_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = Application(validate_responses=True)

    @router.get("/right")
    def right() -> Item:
        return Item("tea")

    @router.get("/wrong")
    def wrong() -> Item:
        return Item(1)  # type: ignore[arg-type]

    @router.get("/stream")
    def stream() -> Iterator[Item]:
        yield Item("tea")

    @router.get("/none")
    def none() -> None: ...

    with router.start() as handler:
        targets = ("/right", "/wrong", "/stream", "/none")
        found = [send_request(handler, "GET", target).status for target in targets]
    assert found == [200, 500, 200, 204]
    assert "body /name: expected string, got integer" in caplog.text


def test_a_schema_is_compiled_once_at_the_first_response_that_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schemas: list[object] = []

    def check(schema: Any, **options: Any) -> SchemaCheck:
        schemas.append(schema)
        return SchemaCheck(schema, **options)

    monkeypatch.setattr("photon_router.responses._check.SchemaCheck", check)
    router = Application(spec=spec())
    router.operation("read")(lambda: made(200, b'{"name":"tea"}', "application/json"))
    with router.start(development=True) as handler:
        assert schemas == []
        found = [handler(make_request("GET", "/x")).status for _ in range(2)]
    assert found == [200, 200]
    assert schemas == [{"$ref": "#/components/schemas/Item"}]


@pytest.mark.parametrize("schema", [{"pattern": "("}, {"$ref": "#/components/schemas/Gone"}])
def test_a_schema_that_does_not_compile_is_an_error_of_the_start(schema: dict[str, Any]) -> None:
    document = spec()
    document["paths"]["/x"]["get"]["responses"]["200"]["content"] = {
        "application/json": {"schema": schema}
    }
    router = Application(spec=document)
    router.operation("read")(lambda: Response(204))
    with pytest.raises(DocumentError, match="schema"), router.start(development=True):
        pass
