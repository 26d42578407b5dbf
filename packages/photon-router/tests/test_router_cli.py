from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
from click.testing import CliRunner

from photon_router import Application
from photon_router._cli import routes
from photon_runtime.testing import live_server

if TYPE_CHECKING:
    from click.testing import Result

SHARED = {"type": "string", "description": "größer"}
DOCUMENT: dict[str, object] = {
    "openapi": "3.1.0",
    "paths": {
        "/items/{item_id}": {
            "parameters": [{"name": "item_id", "in": "path"}],
            "delete": {"operationId": "delete_item"},
            "get": {"operationId": "read_item", "summary": "Read one item"},
        },
        "/": {"get": {"responses": {"200": {"schema": SHARED}}}, "post": {"schema": SHARED}},
    },
    "x-last": {},
    "info": {"title": "später"},
}


@attrs.define
class Api:
    def document(self) -> dict[str, object]:
        print("noise")
        return DOCUMENT


@attrs.define
class Project:
    application: object = attrs.Factory(Api)
    asked: list[str | None] = attrs.Factory(list)

    def target(self, named: str | None = None) -> str:
        return named or "main:app"

    def load_app(self, target: str | None = None) -> object:
        self.asked.append(target)
        return self.application


def photon_routes(*arguments: str, project: Project | None = None) -> Result:
    return CliRunner().invoke(routes, arguments, obj=project or Project())


def test_routes_are_listed_by_path_and_method() -> None:
    result = photon_routes()
    assert result.stdout == (
        "[GET] /\n"
        "[POST] /\n"
        "[GET] /items/{item_id}     read_item\n"
        "[DELETE] /items/{item_id}  delete_item\n"
    )
    assert result.exit_code == 0


def test_routes_are_listed_as_json() -> None:
    assert json.loads(photon_routes("--json").stdout) == [
        {"method": "GET", "path": "/"},
        {"method": "POST", "path": "/"},
        {
            "method": "GET",
            "path": "/items/{item_id}",
            "operationId": "read_item",
            "summary": "Read one item",
        },
        {"method": "DELETE", "path": "/items/{item_id}", "operationId": "delete_item"},
    ]


def listed(document: dict[str, object]) -> list[str]:
    @attrs.define
    class Own:
        def document(self) -> dict[str, object]:
            return document

    return photon_routes(project=Project(Own())).stdout.splitlines()


def test_routes_are_listed_below_the_base_path_of_their_server() -> None:
    app = Application(servers=["https://example.com/shop/v1"])

    @app.get("/items/{item_id}")
    def read_item(item_id: int) -> int:
        return item_id

    [line] = photon_routes(project=Project(app)).stdout.splitlines()
    assert line == "[GET] /shop/v1/items/{item_id}  read_item"
    with live_server(app) as server:
        assert server.request("GET", "/shop/v1/items/7").body == b"7"
        assert server.request("GET", "/items/7").status == 404


def test_each_path_that_answers_is_listed() -> None:
    def get(name: str, **more: object) -> dict[str, object]:
        return {"operationId": name, "responses": {"200": {"description": "Good."}}, **more}

    document: dict[str, object] = {
        "openapi": "3.1.0",
        "info": {"title": "A", "version": "1"},
        "servers": [{"url": "https://example.com/v1"}, {"url": "http://localhost:8000"}],
        "paths": {
            "/b": {"get": get("b")},
            "/c": {"servers": [{"url": "/new"}], "get": get("c")},
            "/a": {"get": get("a", servers=[{"url": "/old"}])},
        },
    }
    assert listed(document) == [
        "[GET] /b      b",
        "[GET] /new/c  c",
        "[GET] /old/a  a",
        "[GET] /v1/b   b",
    ]


def test_routes_of_items_that_are_referred_to_are_listed() -> None:
    item = {"get": {"operationId": "a", "responses": {"200": {"description": "Good."}}}}
    document: dict[str, object] = {
        "openapi": "3.1.0",
        "info": {"title": "A", "version": "1"},
        "paths": {"/a": {"$ref": "#/components/pathItems/A"}},
        "components": {"pathItems": {"A": item}},
    }
    assert listed(document) == ["[GET] /a  a"]


def test_an_application_without_routes_lists_nothing() -> None:
    @attrs.define
    class Empty:
        def document(self) -> dict[str, object]:
            return {}

    assert photon_routes(project=Project(Empty())).stdout == ""


def test_the_named_application_is_loaded() -> None:
    project = Project()
    photon_routes("shop:api", project=project)
    photon_routes(project=project)
    assert project.asked == ["shop:api", None]


def test_an_application_without_a_document_is_refused() -> None:
    result = photon_routes(project=Project(lambda request: None))
    assert result.exit_code == 1
    assert "`main:app` has no OpenAPI document" in result.stderr
    assert photon_routes(project=Project("text")).exit_code == 1


def test_operations_that_become_websockets_are_listed_as_such() -> None:
    responses = {"responses": {"101": {"description": "Upgraded."}}}
    chat = {"get": {"operationId": "chat", "x-websocket": {}, **responses}}
    paths = {"/chat": chat, "/api": {"get": responses}}
    document: dict[str, object] = {"info": {"title": "A", "version": "1"}, "paths": paths}
    assert listed({"openapi": "3.1.0", **document}) == ["[GET] /api", "[WS] /chat  chat"]
