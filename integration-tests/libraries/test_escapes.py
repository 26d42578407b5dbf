"""Handlers that exit, fork and limit their time as in programs harm no other request."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent / "programs" / "serve_escapes.py"
MANY = range(20)
PATCHED = ["-m", "photon_runtime.patch"]


def served(scenario: str, options: list[str]) -> tuple[dict[str, Any], str]:
    """Return what the clients of a scenario have received, and the server's log."""
    done = subprocess.run(
        [sys.executable, *options, PROGRAM, scenario],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found, done.stderr


@pytest.mark.parametrize("options", [PATCHED, []], ids=["patched", "unpatched"])
@pytest.mark.parametrize("scenario", ["parse", "leave"])
def test_what_ends_programs_ends_one_request(scenario: str, options: list[str]) -> None:
    found, log = served(scenario, options)
    assert found["answers"] == [[500, ""]] * len(MANY)
    for number in MANY:
        assert f"GET /{scenario}/{number} failed" in log
    assert "SystemExit: 2" in log


def test_children_of_handlers_end_with_their_codes() -> None:
    found, log = served("fork", PATCHED)
    assert found["answers"] == [[200, str(number)] for number in MANY]
    for number in MANY:
        assert f"child {number}\n" in log


def test_time_limits_of_twenty_handlers_strike_their_own() -> None:
    found, _ = served("limit", PATCHED)
    assert found["answers"] == [
        [200, "too late" if number % 2 or number % 5 == 0 else "waited"] for number in MANY
    ]
    assert found["latest"] < 1  # four of the handlers compute
