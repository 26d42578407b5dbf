"""What public tools say of our applications: schemathesis, and openapi-spec-validator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from openapi_spec_validator import validate

import photon
from photon_runtime.errors import PhotonError

HERE = Path(__file__).parent
PATH = {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1] / "demo")])}
PHASES = "examples,coverage,fuzzing,stateful"
APPLICATIONS = ["demo", "varied", "code_first"]
PAGES = sorted((HERE.parents[1] / "docs").glob("*.md"))
FENCE = re.compile(r"(<!-- skip: next -->\s*)?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@contextmanager
def served(application: str, log: Path, *options: str) -> Iterator[str]:
    """Serve an application in a process of its own; yield its URL."""
    command = [sys.executable, str(HERE / "serve.py"), application, *options]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=os.environ | PATH,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().decode().strip()
        assert port, log.read_text()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()
    assert process.returncode == 0


def examined(application: str, url: str, folder: Path, *, examples: int) -> str:
    """Let schemathesis examine a server; return its report."""
    result = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "--no-color"),
            *("--config-file", HERE / f"{application}.toml", "run", f"{url}/openapi.json"),
            *("--phases", PHASES, "--max-examples", str(examples)),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("environment", "examples"), [("production", 8), ("development", 20)])
@pytest.mark.parametrize("application", APPLICATIONS)
def test_schemathesis_finds_nothing(
    application: str, environment: str, examples: int, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with served(f"{application}:create_app", log, f"--{environment}") as url:
        report = examined(application, url, tmp_path, examples=examples)
    assert "No issues found" in report, report
    # In development every answer is held against the document, and what it lacks is logged.
    assert log.read_text() == ""


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_served_document_is_valid(application: str, ending: str, tmp_path: Path) -> None:
    with (
        served(f"{application}:create_app", tmp_path / "log") as url,
        urlopen(f"{url}/openapi.{ending}") as answer,
    ):
        document = yaml.safe_load(answer)  # JSON is YAML, too
    assert len(document["paths"]) >= 12
    validate(document)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_documents_of_the_applications_in_the_documentation_are_valid(page: Path) -> None:
    names: dict[str, Any] = {"__name__": page.stem}
    for skipped, code in FENCE.findall(page.read_text(encoding="utf-8")):
        if not skipped:
            exec(compile(code, page, "exec", dont_inherit=True), names)
    for application in [each for each in names.values() if isinstance(each, photon.Photon)]:
        try:
            document = application.document()
        except PhotonError:  # examples of what is not in order
            continue
        validate(document)
