"""`photon check` lists every problem of a project, serves nothing, and agrees with the start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from photon_cli._check import check
from photon_cli._new import new
from photon_runtime.project import Project

pytestmark = pytest.mark.slow

DEMO = Path(__file__).parents[3] / "demo"

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "T", "version": "1"},
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        "/items": {
            "get": {
                "operationId": "readItem",
                "security": [{"token": []}],
                "responses": {"200": {"description": "It."}},
            },
            "post": {"operationId": "addItem", "responses": {"201": {"description": "It."}}},
        }
    },
}

HEAD = """
import contextlib
import attrs
from photon import HttpError, Json, Photon
from photon_templates import TemplatesPart

def lifespan_that_never_runs():
    raise AssertionError("a lifespan was entered")
"""

PROJECTS: dict[str, tuple[str, str, list[str]]] = {
    "sound": ("", "app = Photon(lifespan=lifespan_that_never_runs)\n", []),
    "settings": (
        "[server]\nprot = 3\n[middleware.cors]\nallow_origin = ['x']\n",
        "app = Photon()\n",
        ["[server] has no key `prot`", "[middleware.cors] has no key `allow_origin`"],
    ),
    "broken": ("", "app = Photon(\n", ["SyntaxError"]),
    "missing": ("", "import nowhere_to_be_found\napp = Photon()\n", ["nowhere_to_be_found"]),
    "unnamed": ("", "application = Photon()\n", ["`unnamed_main` has no `app`"]),
    "registration": (
        "",
        """
app = Photon()

@app.get("/a/{b}")
def one(*args): ...

@app.get("c")
def two() -> int: ...

@app.middleware
async def three(request, call_next): ...

@app.get("/d", statsu=201)
def four() -> int: ...
""",
        ["takes *args", "must begin with a slash", "is an async function", "'statsu'"],
    ),
    "signatures": (
        "",
        """
app = Photon()

@app.post("/a")
def one(a: Json[object], b: Json[object]) -> int: ...

@app.post("/b")
def two(a: Json[object], b: Json[object]) -> int: ...
""",
        ["one (", "two ("],
    ),
    "document": (
        "",
        """
app = Photon(spec="openapi.json")

@app.operation("readItems")
def read_items() -> list[str]: ...
""",
        [
            "readItem: the operation has no handler",
            "addItem: the operation has no handler",
            "readItem: requires token, which nothing verifies",
            "the document has no operation 'readItems'",
        ],
    ),
    "refused": (
        "",
        """
app = Photon(spec="openapi.json")

@app.operation("readItem")
async def read_item() -> str: ...

@app.operation("addItem")
def add_item(naem: str) -> str: ...
""",
        ["read_item (", "argument 'naem' of add_item", "requires token"],
    ),
    "templates": (
        "[templates]\nfolder = 'templates'\n",
        "app = Photon()\napp.add(TemplatesPart())\n",
        ["a.html:1: ", "b.html:1: url_for: the operation 'nope' does not exist"],
    ),
    "static": (
        "[static]\nfolder = 'nowhere'\n",
        "app = Photon(lifespan=lifespan_that_never_runs)\n",
        ["nowhere"],
    ),
}

RUN = """
import json, os, sys
from pathlib import Path
from click.testing import CliRunner
from photon_cli._check import check
from photon_runtime.project import Project

for folder in map(Path, sys.argv[1:]):
    os.chdir(folder)
    result = CliRunner().invoke(check, ["--format", "json"], obj=Project.here())
    if isinstance(result.exception, Exception):
        raise result.exception
    print(json.dumps([folder.name, result.exit_code, json.loads(result.stdout)]))
"""


def run(folders: list[Path]) -> dict[str, tuple[int, dict[str, Any]]]:
    """Check projects in one process, which is patched and logs."""
    result = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, folders)],
        env={**os.environ, "PHOTON__LOG__LEVEL": "error"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    rows = map(json.loads, result.stdout.splitlines())
    return {name: (code, listed) for name, code, listed in rows}


def test_each_kind_of_mistake_is_listed(tmp_path: Path) -> None:
    folders = []
    for name, (settings, code, _) in PROJECTS.items():
        folder = tmp_path / name
        (folder / "templates").mkdir(parents=True)
        (folder / "templates" / "a.html").write_text("{% if %}")
        (folder / "templates" / "b.html").write_text("{{ url_for('nope') }}")
        (folder / "openapi.json").write_text(json.dumps(DOCUMENT))
        target = f"[project]\napp = '{name}_main:app'\n"
        (folder / "photon.toml").write_text(target + settings)
        (folder / f"{name}_main.py").write_text(HEAD + code)
        folders.append(folder)
    found = run(folders)
    for name, (_, _, expected) in PROJECTS.items():
        exit_code, listed = found[name]
        text = "\n".join(each["message"] for each in listed["problems"])
        assert exit_code == (1 if expected else 0), (name, text)
        assert listed["starts"] is not bool(expected)
        assert [each for each in expected if each not in text] == [], (name, text)
    kinds = {each["kind"] for _, listed in found.values() for each in listed["problems"]}
    assert kinds == {"settings", "import", "registration", "start"}
    # A handler that was refused is not also reported as missing.
    refused = [each["message"] for each in found["refused"][1]["problems"]]
    assert "readItem: the operation has no handler" not in refused


def test_new_projects_and_the_demo_would_start(tmp_path: Path) -> None:
    folders = [DEMO]
    for kind in ("--api", "--html", "--minimal"):
        folder = tmp_path / f"new_{kind.removeprefix('--')}"
        result = CliRunner().invoke(new, [str(folder), kind, "--no-git"])
        assert result.exit_code == 0, result.output
        folders.append(folder)
    for name, (code, listed) in run(folders).items():
        assert (code, listed["problems"]) == (0, []), name


def test_wrong_usage_has_an_exit_code_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(check, obj=Project.here()).exit_code == 2
    assert CliRunner().invoke(check, ["main.py"], obj=Project.here()).exit_code == 2
    (tmp_path / "photon.toml").write_text("[project\n")
    result = CliRunner().invoke(check, obj=Project.here())
    assert result.exit_code == 1
    assert "settings: " in result.stdout
