"""``photon mock --watch``: the command of one package with the watcher of another."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

DOCUMENT = """
openapi: 3.1.0
info: {title: Pets, version: "1"}
paths:
  /pets:
    get:
      operationId: listPets
      responses:
        "200":
          description: Good.
          content: {application/json: {schema: {$ref: "pets.yaml#/Pet"}}}
"""


def test_the_mock_follows_the_files_that_its_document_refers_to(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    (tmp_path / "pets.yaml").write_text("Pet: {const: cat}\n")
    command = [sys.executable, "-u", "-m", "photon_cli"]
    arguments = ["mock", "openapi.yaml", "--port", "0", "--watch"]
    with subprocess.Popen(
        [*command, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            url = next(line.split()[1] for line in lines if "  URL" in line)
            next(line for line in lines if "  stop" in line)
            assert body(f"{url}/pets") == b'"cat"'
            (tmp_path / "pets.yaml").write_text("Pet: {const: dog}\n")
            assert next(lines) == "changed: pets.yaml; the new document is served\n"
            assert body(f"{url}/pets") == b'"dog"'
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()


def body(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: bytes = answer.read()
    return found
