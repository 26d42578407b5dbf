from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import pytest
import yaml
from click.testing import CliRunner

from photon_router import Router
from photon_router._cli import openapi, routes
from photon_runtime.testing import live_server

if TYPE_CHECKING:
    from pathlib import Path

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


def photon_openapi(*arguments: str, project: Project | None = None) -> Result:
    return CliRunner().invoke(openapi, arguments, obj=project or Project())


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
    app = Router(servers=["https://example.com/shop/v1"])

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


@pytest.mark.parametrize(
    "command", [photon_routes, lambda *a, **k: photon_openapi("export", *a, **k)]
)
def test_the_named_application_is_loaded(command: object) -> None:
    project = Project()
    assert callable(command)
    command("shop:api", project=project)
    command(project=project)
    assert project.asked == ["shop:api", None]


def test_the_document_is_written_as_yaml_in_its_own_order_without_anchors() -> None:
    text = photon_openapi("export").stdout
    assert yaml.safe_load(text) == DOCUMENT
    assert list(yaml.safe_load(text)) == list(DOCUMENT)
    assert "&" not in text
    assert "größer" in text


def test_the_document_is_written_as_json() -> None:
    text = photon_openapi("export", "--format", "json").stdout
    assert json.loads(text) == DOCUMENT
    assert list(json.loads(text)) == list(DOCUMENT)
    assert "größer" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_every_export_has_the_same_bytes(form: str) -> None:
    outputs = {photon_openapi("export", "--format", form).stdout_bytes for _ in range(3)}
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (("a.yaml",), b"openapi:"),
        (("a.yml",), b"openapi:"),
        (("a.json",), b"{\n"),
        (("a",), b"openapi:"),
        (("a.json", "--format", "yaml"), b"openapi:"),
    ],
)
def test_a_file_gets_the_format_of_its_name_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], start: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    result = photon_openapi("export", "-o", *arguments)
    assert result.stdout == ""
    assert f"written: {arguments[0]}" in result.stderr
    assert (tmp_path / arguments[0]).read_bytes().startswith(start)


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    result = photon_openapi("export", "-o", str(tmp_path / "gone" / "a.yaml"))
    assert result.exit_code == 1
    assert "cannot write" in result.stderr
    assert "No such file" in result.stderr


def test_an_application_without_a_document_is_refused() -> None:
    result = photon_openapi("export", project=Project(lambda request: None))
    assert result.exit_code == 1
    assert "`main:app` has no OpenAPI document" in result.stderr
    assert photon_routes(project=Project("text")).exit_code == 1
