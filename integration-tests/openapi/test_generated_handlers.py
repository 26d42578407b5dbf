"""Projects with generated handlers start, pass their tests, and are clean under tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from photon_cli.generation import apply_edits, write_changes
from photon_cli.main import cli
from photon_router.generators import HandlersGenerator, OpenApiGenerator
from photon_runtime.generators import Arguments
from photon_runtime.project import Project

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENTS = [
    ROOT / "demo" / "board" / "openapi.yaml",
    HERE / "varied.yaml",
    HERE / "difficult" / "openapi.yaml",
]
FILES = {
    "photon.toml": '[project]\nname = "blog"\napp = "blog.app:app"\n',
    "blog/__init__.py": '"""A blog."""\n',
    "blog/app.py": '"""The application."""\n\nfrom photon import Photon\n\n'
    'app = Photon(title="Blog", version="0.1.0")\n',
    "tests/__init__.py": "",
    "pyproject.toml": """
[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]

[tool.ruff]
line-length = 100
target-version = "py311"

[tool.ruff.lint]
select = ["B", "C4", "E", "F", "I", "N", "PT", "RUF", "SIM", "UP", "W"]

[tool.mypy]
strict = true
files = ["blog", "tests"]
""",
}
START = "from blog.app import app\nwith app.start(): pass"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A new project."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def generate(root: Path) -> list[str]:
    """Generate the handlers, and return the lines that the command shows."""
    plan = apply_edits(root, HandlersGenerator().plan(Project(root, root), ARGUMENTS))
    assert not plan.conflicts, plan.conflicts
    write_changes(root, plan.changes)
    return [str(result) for result in plan.results]


ARGUMENTS = Arguments("openapi.yaml", options={"module": "handlers"})


def run(root: Path, *command: str) -> None:
    """Run a command of Python in the project; it must succeed."""
    paths = os.environ.get("PYTHONPATH", "")
    result = subprocess.run(
        [sys.executable, *command],
        cwd=root,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_generated_handlers_start_pass_their_tests_and_are_clean(
    document: Path, root: Path
) -> None:
    shutil.copy(document, root / "openapi.yaml")
    for other in document.parent.glob("other.yaml"):
        shutil.copy(other, root)
    generate(root)
    assert {line.partition(":")[0] for line in generate(root)} == {"skipped"}
    run(root, "-c", START)
    run(root, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    run(root, "-m", "ruff", "check", "--no-cache", ".")
    run(root, "-m", "ruff", "format", "--check", "--no-cache", ".")
    run(root, "-m", "mypy")


def photon(root: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    """Run a command of photon in the project."""
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", [*sys.path])  # the command adds the project's folder
    return CliRunner().invoke(cli, arguments, prog_name="photon")


DOCUMENT = """
openapi: 3.1.0
info: { title: Pets, version: "1" }
paths:
  /pets/{petId}:
    get:
      operationId: getPet
      tags: [pets]
      parameters: [{ name: petId, in: path, required: true, schema: { type: integer } }]
      responses:
        "200":
          description: The pet.
          content: { application/json: { schema: { $ref: "#/components/schemas/Pet" } } }
components:
  schemas:
    Pet: { type: object, required: [petName], properties: { petName: { type: string } } }
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_command_generates_and_destroys_without_a_trace(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "openapi.yaml").write_text(DOCUMENT)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    result = photon(root, monkeypatch, "generate", "handlers")
    assert result.exit_code == 0, result.output
    assert "added: blog/handlers/pets.py" in result.output
    assert "injected: blog/app.py" in result.output
    assert "Write the handlers in blog/handlers" in result.output
    run(root, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    result = photon(root, monkeypatch, "destroy", "handlers")
    assert result.exit_code == 0, result.output
    after = {
        path: path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "generated.toml"
    }
    assert after == before


def test_a_document_with_errors_is_refused_and_nothing_is_written(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "openapi.yaml").write_text(DOCUMENT.replace('schemas/Pet"', 'schemas/Cat"'))
    before = sorted(root.rglob("*"))
    result = photon(root, monkeypatch, "generate", "handlers", "openapi.yaml")
    assert result.exit_code == 1
    assert "'#/components/schemas/Cat' does not exist" in result.output
    assert sorted(root.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_published_document_is_compared_and_renewed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tested() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    def renew() -> None:
        monkeypatch.setattr(sys, "path", [*sys.path])  # loading adds the project's folder
        monkeypatch.setitem(sys.modules, "blog", None)
        for name in [each for each in sys.modules if each.partition(".")[0] == "blog"]:
            monkeypatch.delitem(sys.modules, name)
        edits = OpenApiGenerator().plan(Project(root, root), Arguments("openapi.yaml"))
        write_changes(root, apply_edits(root, edits).changes)

    app = root / "blog" / "app.py"
    renew()
    assert (root / "openapi.yaml").read_text().startswith("openapi: 3.1.0\n")
    assert tested().returncode == 0
    added = '\n\n@app.get("/hello")\ndef hello() -> str:\n    """Greet."""\n    return "hello"\n'
    app.write_text(app.read_text() + added)
    report = tested()
    assert report.returncode == 1
    assert "`photon generate openapi`" in report.stdout
    assert "+  /hello:" in report.stdout
    renew()
    assert tested().returncode == 0


def test_the_document_that_the_application_loads_is_not_replaced(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "openapi.yaml").write_text(DOCUMENT)
    generate(root)
    result = photon(root, monkeypatch, "generate", "openapi")
    assert result.exit_code == 1
    assert "must not replace it" in result.output
    assert (root / "openapi.yaml").read_text() == DOCUMENT
