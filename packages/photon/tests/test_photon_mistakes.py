"""Mistakes in applications, as the author of one sees them on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = "from photon import Depends, Json, Param, Photon, Query\nfrom typing import Annotated\n"
ASYNC = "@app.get('/x')\nasync def x(a: int) -> int:\n    return a\n"
BODY = "@app.get('/x')\ndef x(a: Json[list[int]]) -> int:\n    return 1\n"
OPTION = "@app.get('/x', status_code=201)\ndef x(a: int) -> int:\n    return a\n"
CALLED = "@app.get('/x')\ndef x(\n    a: str = Query(max_length=3),\n) -> str:\n    return a\n"
LIMIT = (
    "@app.get('/x')\ndef x(a: Query[Annotated[str, Param(max_length=-1)]]) -> str:\n    return a\n"
)
SCOPE = "@app.get('/x')\ndef x(a: str = Depends(str, scope='all')) -> str:\n    return a\n"


def photon(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "photon_cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        (ASYNC, 4, "write `def`"),
        (BODY, 4, "argument a: GET has no body"),
        (OPTION, 4, "'status_code' is not an option of a handler: write `status`"),
        (CALLED, 6, "Write Query[Annotated[..., Param(max_length=3)]]"),
        (LIMIT, 5, "takes an integer of zero or more, got -1"),
        (SCOPE, 5, "must be 'request' or 'application', not 'all'"),
    ],
    ids=["async", "body", "option", "called", "limit", "scope"],
)
def test_a_mistake_in_a_handler_is_one_message_with_file_and_line(
    tmp_path: Path, code: str, line: int, words: str
) -> None:
    (tmp_path / "shop.py").write_text(f"{HEAD}app = Photon()\n{code}")
    exit_code, message = photon(tmp_path, "routes", "shop:app")
    assert exit_code in (1, 3)
    assert message.startswith("Error: ")
    assert message.count("\n") == 1
    assert f"{tmp_path / 'shop.py'}:{line}" in message
    assert words in message


@pytest.mark.parametrize("command", ["run --port 0", "openapi export", "openapi lint"])
def test_every_command_tells_it_alike(tmp_path: Path, command: str) -> None:
    (tmp_path / "shop.py").write_text(f"{HEAD}app = Photon()\n{OPTION}")
    exit_code, message = photon(tmp_path, *command.split(), "shop:app")
    assert exit_code == 3
    place = f"{tmp_path / 'shop.py'}:4"
    assert message == (
        f"Error: {place}: 'status_code' is not an option of a handler: write `status`\n"
    )
