from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import pytest
import yaml
from click.testing import CliRunner

from photon_openapi._cli import openapi

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
    targets: list[str | None] = attrs.Factory(list)

    def target(self, named: str | None = None) -> str:
        return named or "main:app"

    def load_app(self, target: str | None = None) -> object:
        self.targets.append(target)
        return self.application


def photon_openapi(*arguments: str, project: Project | None = None) -> Result:
    return CliRunner().invoke(openapi, arguments, obj=project or Project())


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
def test_a_file_gets_the_format_of_its_name_unless_given(
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


def test_the_named_application_is_loaded_for_its_document() -> None:
    project = Project()
    photon_openapi("export", "shop:api", project=project)
    photon_openapi("export", project=project)
    assert project.targets == ["shop:api", None]


@pytest.mark.parametrize("command", ["export", "lint", "check"])
def test_an_application_without_a_document_is_refused_by_each_command(command: str) -> None:
    result = photon_openapi(command, project=Project(lambda request: None))
    assert result.exit_code == 1
    assert "`main:app` has no OpenAPI document" in result.stderr
    assert photon_openapi(command, project=Project("text")).exit_code == 1
