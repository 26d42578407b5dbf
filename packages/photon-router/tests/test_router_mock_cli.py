from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from photon_router._cli import mock

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


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "openapi.yaml"
    path.write_text(DOCUMENT)
    return str(path)


def test_a_document_that_is_none_is_not_mocked(tmp_path: Path) -> None:
    result = CliRunner().invoke(mock, [str(tmp_path / "a.yaml")])
    assert "No such file" in str(result.exception)


@pytest.mark.slow
def test_a_document_is_mocked_until_the_command_is_stopped(file: str) -> None:
    code = "from photon_router._cli import mock; mock()"
    command = [sys.executable, "-u", "-c", code, file, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(4)]
            assert "any credential, any origin" in lines[0]
            url = lines[1].split()[1]
            with urllib.request.urlopen(f"{url}/a/", timeout=10) as response:
                assert response.read() == b"5"
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
