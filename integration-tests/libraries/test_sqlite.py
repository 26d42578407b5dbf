"""SQLite under the patch: by `sqlite3` and by SQLAlchemy, as programs use them.

Each test runs one scenario of a program in ``programs`` in an interpreter of its own; see
`test_libraries`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).parent / "programs"
PATCH = ["-m", "photon_runtime.patch"]
PROMPT = 0.1
"""Seconds that another task may be late; statements are chosen to take longer."""


def run_scenario(
    scenario: str, path: Path | str, *, options: list[str], program: str = "use_sqlite.py"
) -> dict[str, Any]:
    """Run a scenario and return what it printed; nothing else may be logged."""
    done = subprocess.run(
        [sys.executable, *options, PROGRAMS / program, scenario, path],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("scenario", ["plain_writers", "sqlalchemy_writers"])
def test_tasks_that_wait_in_their_transactions_all_commit(scenario: str, tmp_path: Path) -> None:
    found = run_scenario(scenario, tmp_path / "test.db", options=PATCH)
    assert found["rows"] == 55
    assert found["late"] < PROMPT


@pytest.mark.parametrize("scenario", ["django_writers", "peewee_writers", "diskcache_writers"])
def test_libraries_on_sqlite3_wait_in_their_transactions(scenario: str, tmp_path: Path) -> None:
    program = "use_sqlite_libraries.py"
    found = run_scenario(scenario, tmp_path / "test", options=PATCH, program=program)
    assert found["rows"] == 55
    assert found["late"] < PROMPT


def test_statements_of_every_kind_let_other_tasks_run(tmp_path: Path) -> None:
    found = run_scenario("long_statements", tmp_path / "test.db", options=PATCH)
    assert len(found["late"]) == 16
    assert {name: late for name, late in found["late"].items() if late > PROMPT} == {}


def test_all_names_lead_to_the_connections_that_cooperate() -> None:
    found = run_scenario("names", "-", options=PATCH)
    assert found == {
        "connect": True,
        "classes": True,
        "is_ours": True,
        "name": "sqlite3.Connection",
    }


def test_names_that_a_module_imported_before_the_patch_are_rebound() -> None:
    found = run_scenario("patched_late", "-", options=[])
    assert found["connect"]
    assert found["is_ours"]
    assert found["cursor"]
