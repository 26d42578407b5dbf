"""The API of a generated project, as its clients and as public tools see it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FIELDS = """
title:string code:string^ body:text summary:text? price:decimal weight:float count:small_int?
state:enum:draft,published is_public:bool released_on:date begins:date_time? tags:array:string
homepage:uri? email:email? reference:uuid? maker:references
"""
SETTINGS = """
continue-on-failure = true

[checks]
enabled = true
# A schema can say neither which rows exist nor the bounds of a decimal in a string.
positive_data_acceptance.enabled = false

[generation]
deterministic = true
"""


def run(*arguments: str, cwd: Path) -> str:
    """Run a module of Python; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the API of two resources, and a database with their tables."""
    folder = tmp_path_factory.mktemp("api")
    run("photon_cli", "new", "shop", "--api", "--no-git", cwd=folder)
    root = folder / "shop"
    run("photon_cli", "generate", "scaffold", "maker", "name:string", cwd=root)
    run("photon_cli", "generate", "scaffold", "article", *FIELDS.split(), cwd=root)
    run("photon_cli", "db", "migrate", cwd=root)
    return root


@contextmanager
def served(project: Path, log: Path) -> Iterator[str]:
    """Serve the project in a process of its own; yield its URL."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["photon_cli", "-e", "development", "run", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", *command], cwd=project, stdout=output, stderr=output
        ) as process,
    ):
        try:
            _wait(url, log)
            yield url
        finally:
            process.terminate()
            process.wait(30)


def _wait(url: str, log: Path) -> None:
    for _ in range(300):
        try:
            urlopen(f"{url}/health").close()
        except URLError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())


def test_schemathesis_finds_nothing(project: Path, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    log = tmp_path / "log"
    with served(project, log) as url:
        done = subprocess.run(
            [
                *(Path(sys.executable).with_name("schemathesis"), "--no-color"),
                *("--config-file", "schemathesis.toml", "run", f"{url}/openapi.json"),
                *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "10"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
            env={**os.environ, "COLUMNS": "200"},
        )
    report = done.stdout + done.stderr
    assert done.returncode == 0, report
    assert "passed" in report, report
    assert "Traceback" not in log.read_text(), log.read_text()


def test_the_document_has_no_errors(project: Path) -> None:
    run("photon_cli", "openapi", "export", "-o", "openapi.json", cwd=project)
    run("photon_cli", "openapi", "lint", "openapi.json", cwd=project)
