from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from click.testing import CliRunner

from photon_openapi._cli import openapi

if TYPE_CHECKING:
    from click.testing import Result

DOCUMENT = """\
openapi: 3.1.0
info: {title: A, version: "1"}
paths:
  /a/:
    get:
      responses:
        "200":
          description: Good.
          content: {application/json: {schema: {type: integer, minimum: 5}}}
"""
CLOSED = DOCUMENT.replace("/a/", "/b")


@attrs.define
class Api:
    def document(self) -> dict[str, object]:
        return {"openapi": "3.1.0", "info": {"title": "A"}, "paths": {}}


class Project:
    def target(self, named: str | None = None) -> str:
        return named or "main:app"

    def load_app(self, target: str | None = None) -> object:
        return Api()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "openapi.yaml"
    path.write_text(DOCUMENT)
    return str(path)


def photon_openapi(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(openapi, arguments, obj=Project(), input=text)


def test_findings_are_shown_with_file_and_line(file: str) -> None:
    result = photon_openapi("lint", file, "--profile", "minimal")
    assert result.output == (
        f"{file}:4: warning: the path ends with a slash and differs from /a; remove the slash"
        " [path-trailing-slash] at /paths/~1a~1\n1 warning\n"
    )
    assert result.exit_code == 0


def test_findings_are_shown_as_json_and_for_github(file: str) -> None:
    [finding] = json.loads(
        photon_openapi("lint", file, "--profile", "minimal", "--format", "json").output
    )
    assert finding == {
        "file": file,
        "line": 4,
        "rule": "path-trailing-slash",
        "level": "warning",
        "pointer": "/paths/~1a~1",
        "message": "the path ends with a slash and differs from /a; remove the slash",
    }  # fmt: skip
    result = photon_openapi("lint", file, "--profile", "minimal", "--format", "github")
    assert result.output.startswith(
        f"::warning file={file},line=4,title=path-trailing-slash::the p"
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 0),
        (("--fail-on", "warning"), 1),
        (("--fail-on", "info"), 1),
        (("--fail-on", "never"), 0),
        (("--fail-on", "warning", "--ignore", "path-trailing-slash", "--profile", "minimal"), 0),
        (("--fail-on", "warning", "--level", "error"), 1),
        (("--ignore", "no-rule"), 2),
    ],
)
def test_the_exit_code_depends_on_the_findings(
    file: str, options: tuple[str, ...], code: int
) -> None:
    assert photon_openapi("lint", file, *options).exit_code == code


def test_the_document_of_the_application_is_linted() -> None:
    result = photon_openapi("lint", "--level", "error")
    assert result.output == "main:app: error: lacks 'version' [structure] at /info\n1 error\n"
    assert result.exit_code == 1


def test_standard_input_is_linted() -> None:
    assert "-:4: warning: the path ends" in photon_openapi("lint", "-", text=DOCUMENT).output


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "cannot be read"), ("- 1\n", "must be an object"), (None, "No such file")],
)
def test_unreadable_documents_have_another_exit_code(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    path = tmp_path / "a.yaml"
    if text is not None:
        path.write_text(text)
    for arguments in (("lint", str(path)), ("diff", str(path), str(path))):
        result = photon_openapi(*arguments)
        assert result.exit_code == 3
        assert reason in result.stderr


def test_breaking_changes_are_shown_and_fail(file: str) -> None:
    result = photon_openapi("diff", file, "-", text=CLOSED)
    assert result.output == (
        "breaking: GET /a/: was removed [operation-removed] at /paths/~1a~1/get\n"
        "non-breaking: GET /b: was added [operation-added] at /paths/~1b/get\n"
        "1 breaking, 1 non-breaking\n"
    )
    assert result.exit_code == 1
    assert photon_openapi("diff", file, "-", "--fail-on", "never", text=CLOSED).exit_code == 0
    assert photon_openapi("diff", file, file).output == "no changes\n"


def test_changes_are_shown_as_json_and_markdown(file: str) -> None:
    result = photon_openapi(
        "diff", file, "-", "--format", "json", "--level", "breaking", text=CLOSED
    )
    [change] = json.loads(result.output)
    assert change["id"] == "operation-removed"
    page = photon_openapi("diff", file, "-", "--format", "markdown", text=CLOSED).output
    assert page == (
        "## Breaking\n\n- `GET /a/`\n  - `/paths/~1a~1/get`: was removed (operation-removed)\n\n"
        "## Not breaking\n\n- `GET /b`\n  - `/paths/~1b/get`: was added (operation-added)\n"
    )
    assert photon_openapi("diff", file, file, "--format", "markdown").output == "No changes.\n"


def test_additions_fail_where_of_the_profile(file: str) -> None:
    more = DOCUMENT + "  /c: {get: {responses: {'204': {description: Done.}}}}\n"
    assert photon_openapi("diff", file, "-", text=more).exit_code == 0
    assert photon_openapi("diff", file, "-", "--fail-on", "non-breaking", text=more).exit_code == 1


def test_a_document_that_can_be_served_has_no_errors(file: str) -> None:
    result = photon_openapi("check", file)
    assert (result.stdout, result.stderr) == ("", f"{file}: no errors\n")
    assert result.exit_code == 0
    assert photon_openapi("check", "-", text=DOCUMENT.replace("3.1.0", "3.0.3")).exit_code == 0


def test_the_errors_of_a_document_are_listed() -> None:
    more = '  /b/{id}: {get: {responses: {"200": {description: Good.}}}}\n'
    wrong = DOCUMENT.replace("type: integer", "$ref: '#/gone'") + more
    result = photon_openapi("check", "-", text=wrong)
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first.startswith("-: /paths/~1a~1/get/responses/200/content/")
    assert second.startswith("-: /paths/~1b~1{id}")
    assert "lacks 'version'" in photon_openapi("check").stdout
    assert photon_openapi("check", "-", text="{").exit_code == 3


def test_a_bundled_document_is_self_contained(tmp_path: Path) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(DOCUMENT.replace("type: integer, minimum: 5", "$ref: eyes.yaml"))
    (tmp_path / "eyes.yaml").write_text("{type: integer, maximum: 6}\n")
    bundled = json.loads(photon_openapi("bundle", str(path), "--format", "json").stdout)
    assert bundled["components"] == {"schemas": {"eyes": {"type": "integer", "maximum": 6}}}
    output = tmp_path / "all.json"
    result = photon_openapi("bundle", str(path), "-o", str(output))
    assert result.stderr == f"written: {output}\n"
    assert json.loads(output.read_text()) == bundled


def test_a_document_of_3_0_is_written_as_one_of_3_1(file: str) -> None:
    old = DOCUMENT.replace("3.1.0", "3.0.3").replace("minimum: 5", "nullable: true")
    result = photon_openapi("upgrade", "-", text=old)
    assert "openapi: 3.1.1" in result.stdout
    assert "nullable" not in result.stdout
    assert len(result.stderr.splitlines()) == 2
    same = photon_openapi("upgrade", file)
    assert same.stdout == photon_openapi("bundle", file).stdout
    assert same.stderr == ""
    wrong = photon_openapi("upgrade", "-", text=old.replace("description: Good.", ""))
    assert wrong.exit_code == 1
    assert wrong.stdout == ""
