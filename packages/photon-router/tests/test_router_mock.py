from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from photon_router import DocumentError
from photon_router.mock import MockApplication
from photon_runtime import run
from photon_runtime.http import Request, Response, Server, listen
from photon_runtime.testing import HandlerResponse, send_request

PET = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string", "example": "Rex"}},
    "required": ["id", "name"],
}
SPEC: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "https://example.com/v1"}],
    "components": {
        "schemas": {"Pet": PET},
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "x-key"},
            "token": {"type": "oauth2", "flows": {"clientCredentials": {
                "tokenUrl": "https://example.com/token", "scopes": {"write": "Write."}}}},
        },
        "responses": {
            "Missing": {
                "description": "There is no such pet.",
                "content": {"application/json": {"examples": {
                    "gone": {"value": {"why": "gone"}},
                    "never": {"value": {"why": "never"}},
                }}},
            }
        },
    },
    "paths": {
        "/pets/{id}": {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
            ],
            "get": {
                "parameters": [
                    {"name": "deep", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "X-Trace", "in": "header", "schema": {"maxLength": 3}},
                ],
                "responses": {
                    "200": {
                        "description": "The pet.",
                        "headers": {"X-Rate": {"required": True, "schema": {"type": "integer"}}},
                        "content": {
                            "text/plain": {"example": "Rex"},
                            "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}},
                        },
                    },
                    "4XX": {"$ref": "#/components/responses/Missing"},
                },
            },
            "put": {
                "operationId": "put-pet",
                "x-handler": "nowhere:nothing",
                "x-photon-middleware": ["nowhere:nothing"],
                "security": [{"key": []}, {"token": ["write"]}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": PET}},
                },
                "responses": {"204": {"description": "Done."}},
            },
        },
        "/form": {
            "post": {
                "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}},
                    "required": ["a"],
                }}}},
                "responses": {"default": {"description": "Whatever."}},
            }
        },
        "/nothing": {"get": {}},
        "/old": {"get": {"responses": {"301": {"description": "Elsewhere."}}}},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def pets() -> Iterator[Callable[[Request], Response]]:
    with MockApplication(SPEC).start() as handler:
        yield handler


Ask = Callable[[Request], Response]


def ask(
    handler: Ask, method: str, target: str, body: bytes = b"", **fields: str
) -> tuple[int, Any, HandlerResponse]:
    headers = {name.replace("_", "-"): text for name, text in fields.items()}
    response = send_request(handler, method, target, headers=headers, body=body or None)
    is_json = bool(response.body) and (response.content_type or "").endswith("json")
    return response.status, response.json() if is_json else response.body, response


def test_an_operation_without_an_example_is_answered_from_its_schema(pets: Ask) -> None:
    status, body, response = ask(pets, "GET", "/v1/pets/7")
    assert (status, body) == (200, {"id": 1, "name": "Rex"})
    assert response.headers.get("x-rate") == "1"
    assert response.headers.get("vary") == "Prefer, Accept"


def test_the_client_chooses_status_and_example(pets: Ask) -> None:
    assert ask(pets, "GET", "/v1/pets/7", prefer="code=404")[:2] == (404, {"why": "gone"})
    status, body, response = ask(pets, "GET", "/v1/pets/7", prefer="code=410, example=never")
    assert (status, body) == (410, {"why": "never"})
    assert response.headers.get("preference-applied") == "code=410, example=never"


def test_the_client_chooses_the_media_type(pets: Ask) -> None:
    assert ask(pets, "GET", "/v1/pets/7", accept="text/plain")[:2] == (200, b"Rex")
    status, body, _ = ask(pets, "GET", "/v1/pets/7", accept="image/png")
    assert (status, body["detail"]) == (
        406,
        "the available media types are application/json, text/plain",
    )


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ("code=500", "Prefer: code=500 is not declared (declared: 200, 4XX)"),
        ("code=²00", "is not declared"),
        ("code=99999999999999999999999", "is not declared"),
        ("code=404, example=x", "the example 'x' does not exist (existing: gone, never)"),
        ("example=x", "the example 'x' does not exist (existing: none)"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(pets: Ask, wish: str, reason: str) -> None:
    status, body, _ = ask(pets, "GET", "/v1/pets/7", prefer=wish)
    assert status == 400
    assert reason in body["detail"]


@pytest.mark.parametrize(
    ("target", "fields", "place"),
    [
        ("/v1/pets/x", {}, {"in": "path", "name": "id"}),
        ("/v1/pets/7?deep=maybe", {}, {"in": "query", "name": "deep"}),
        ("/v1/pets/7", {"x_trace": "long"}, {"in": "header", "name": "X-Trace"}),
    ],
)
def test_parameters_are_validated(
    pets: Ask, target: str, fields: dict[str, str], place: dict[str, str]
) -> None:
    status, body, _ = ask(pets, "GET", target, b"", **fields)
    assert status == 422
    assert place.items() <= body["errors"][0].items()


def test_bodies_are_validated(pets: Ask) -> None:
    def put(body: bytes, kind: str = "application/json") -> int:
        return ask(pets, "PUT", "/v1/pets/7", body, x_key="k", content_type=kind)[0]

    assert put(b'{"id": 1, "name": "Rex"}') == 204
    assert put(b'{"id": 1}') == 422
    assert put(b"") == 422
    assert put(b"{") == 400
    assert put(b"{}", "text/plain") == 415
    form = "application/x-www-form-urlencoded"
    assert ask(pets, "POST", "/v1/form", b"a=5", content_type=form)[0] == 200
    assert ask(pets, "POST", "/v1/form", b"a=x", content_type=form)[0] == 422


def test_any_credential_will_do_and_none_will_not(pets: Ask) -> None:
    body, kind = b'{"id": 1, "name": "Rex"}', "application/json"

    def put(**fields: str) -> HandlerResponse:
        return ask(pets, "PUT", "/v1/pets/7", body, content_type=kind, **fields)[2]

    assert put(x_key="anything").status == 204
    assert put(authorization="Bearer whatever").status == 204
    assert put(authorization="Bearer not a token").status == 401
    refused = put()
    assert refused.status == 401
    assert "Bearer" in (refused.headers.get("www-authenticate") or "")


def test_other_paths_and_methods_are_refused_as_always(pets: Ask) -> None:
    assert ask(pets, "GET", "/pets/7")[0] == 404
    assert ask(pets, "DELETE", "/v1/pets/7")[0] == 405
    assert ask(pets, "HEAD", "/v1/pets/7")[0] == 200


@pytest.mark.parametrize(("path", "status"), [("/form", 200), ("/nothing", 204), ("/old", 301)])
def test_without_a_declared_success_the_next_best_is_answered(
    pets: Ask, path: str, status: int
) -> None:
    assert ask(pets, "POST" if path == "/form" else "GET", f"/v1{path}")[0] == status


def test_pages_of_any_origin_may_ask(pets: Ask) -> None:
    origin = "https://elsewhere.example"
    _, _, preflight = ask(
        pets, "OPTIONS", "/v1/pets/7", origin=origin, access_control_request_method="PUT"
    )
    assert preflight.status == 204
    assert preflight.headers.get("access-control-allow-headers") == "*, Authorization"
    _, _, response = ask(pets, "GET", "/v1/pets/x", origin=origin)
    assert response.headers.get("access-control-allow-origin") == "*"


def with_answer(content: dict[str, Any]) -> MockApplication:
    spec = copy.deepcopy(SPEC)
    spec |= {"openapi": "3.2.0", "servers": []}
    spec["paths"] = {"/a": {"get": {"responses": {"200": {"description": "", "content": content}}}}}
    return MockApplication(spec)


def test_what_cannot_be_built_is_told_at_start_and_answered_by_501() -> None:
    mock = with_answer({"application/json": {"schema": {"type": "integer", "minimum": 3,
                                                        "maximum": 2}}})  # fmt: skip
    assert [str(problem) for problem in mock.problems] == [
        "/paths/~1a/get/responses/200/content/application~1json: the value cannot be built: no "
        "number is within the limits"
    ]
    with mock.start() as handler:
        assert ask(handler, "GET", "/a")[0] == 501


def test_an_example_that_does_not_fit_is_told_and_answered_all_the_same() -> None:
    mock = with_answer({"application/json": {"schema": {"type": "integer"}, "example": "x"}})
    assert "the example is not valid for its schema" in str(mock.problems[0])
    with mock.start() as handler:
        assert ask(handler, "GET", "/a")[:2] == (200, "x")


def test_a_stream_has_several_items() -> None:
    mock = with_answer({"application/jsonl": {"itemSchema": {"type": "integer"}}})
    with mock.start() as handler:
        assert ask(handler, "GET", "/a")[1] == b"1\n1\n"


def test_another_seed_gives_other_answers() -> None:
    bodies = set()
    for seed in (None, 1, 2):
        with MockApplication(SPEC, seed=seed).start() as handler:
            bodies.add(repr(ask(handler, "GET", "/v1/pets/7")[1]))
    assert len(bodies) == 3


def test_an_operation_with_an_error_is_answered_with_501_and_all_others_are_served() -> None:
    spec = copy.deepcopy(SPEC)
    spec["paths"]["/form"]["post"]["requestBody"] = {"$ref": "#/components/requestBodies/Nope"}
    mock = MockApplication(spec)
    error = "/paths/~1form/post/requestBody/$ref: '#/components/requestBodies/Nope' does not exist"
    assert error in map(str, mock.problems)
    with mock.start() as handler:
        refused = handler(Request("POST", "/v1/form", []))
        assert refused.status == 501
        assert isinstance(refused.body, bytes)
        assert "Nope" in json.loads(refused.body)["detail"]
        assert handler(Request("GET", "/v1/pets/7", [])).status == 200


def test_a_document_of_another_version_is_refused() -> None:
    with pytest.raises(DocumentError, match="is not a version 3 of OpenAPI"):
        MockApplication({"swagger": "2.0", "info": {"title": "A", "version": "1"}, "paths": {}})


def test_a_path_item_that_two_paths_share_is_served_below_both() -> None:
    item = {"get": {"operationId": "a", "responses": {"204": {"description": ""}}}}
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "A", "version": "1"},
        "components": {"pathItems": {"A": item}},
        "paths": {path: {"$ref": "#/components/pathItems/A"} for path in ("/a", "/b")},
    }
    with MockApplication(spec).start() as handler:
        assert [ask(handler, "GET", path)[0] for path in ("/a", "/b")] == [204, 204]


def test_it_serves_over_a_socket() -> None:
    listener = listen("127.0.0.1", 0)
    server = Server(sockets=[listener])
    ready = threading.Event()

    def main() -> None:
        with MockApplication(SPEC).start() as handler:
            server.serve(handler, ready.set)

    thread = threading.Thread(target=lambda: run(main))
    thread.start()
    try:
        assert ready.wait(10)
        connection = HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=10)
        connection.request("GET", "/v1/pets/7", headers={"Prefer": "code=404"})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())) == (404, {"why": "gone"})
        connection.request("GET", "/docs")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        server.stop()
        thread.join(10)
