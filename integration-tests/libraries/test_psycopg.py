"""psycopg against a real PostgreSQL: under the patch, and without it by `photon_runtime.drivers`.

Each test runs one scenario of ``programs/use_psycopg.py`` in an interpreter of its own; see
`test_libraries`. A deadline is kept when the caller has left within `TOLERANCE` seconds of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["servers"]
pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent / "programs" / "use_psycopg.py"
SLOW = 0.3
MANY = list(range(20))


@pytest.fixture(params=["patched", "unpatched"])
def patch(request: pytest.FixtureRequest) -> list[str]:
    """The options of the interpreter: with the patch, and without."""
    return ["-m", "photon_runtime.patch"] if request.param == "patched" else []


def run_scenario(
    patch: list[str], scenario: str, url: str = "-", *, logs: bool = False
) -> dict[str, Any]:
    """Run a scenario and return what it printed; it may print nothing else, but for ``logs``."""
    done = subprocess.run(
        [sys.executable, *patch, PROGRAM, scenario, url],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if not logs:
        assert done.stderr == ""
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("scenario", ["many_queries", "many_by_name"])
def test_psycopg_queries_take_the_time_of_one(
    patch: list[str], scenario: str, postgres_url: str
) -> None:
    found = run_scenario(patch, scenario, postgres_url)
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < 2 * SLOW


def test_tasks_share_a_psycopg_connection_one_after_the_other(
    patch: list[str], postgres_url: str
) -> None:
    found = run_scenario(patch, "one_connection", postgres_url)
    assert found["answers"] == [0, 1]
    assert 2 * SLOW <= found["seconds"] < 4 * SLOW


def test_psycopg_in_a_real_thread_waits_as_ever(patch: list[str], postgres_url: str) -> None:
    found = run_scenario(patch, "outside_of_tasks", postgres_url)
    assert found["answers"] == list(range(8))
    assert SLOW <= found["seconds"] < 2 * SLOW


def test_a_deadline_ends_a_psycopg_query_on_the_server_too(
    patch: list[str], postgres_url: str
) -> None:
    found = run_scenario(patch, "deadline_in_autocommit", postgres_url)
    assert found["seconds"] < 2.0
    assert found["interrupted"]
    assert not found["busy"]
    assert found["next"] == 7


def test_a_deadline_fails_the_psycopg_transaction(patch: list[str], postgres_url: str) -> None:
    found = run_scenario(patch, "deadline_in_transaction", postgres_url)
    assert found == {"rows": [[1]], "next": 7}


def test_a_deadline_rolls_a_psycopg_transaction_block_back(
    patch: list[str], postgres_url: str
) -> None:
    found = run_scenario(patch, "deadline_around_transaction", postgres_url)
    assert found == {"rows": [], "status": "IDLE"}


def test_a_deadline_closes_the_psycopg_connection_of_a_block(
    patch: list[str], postgres_url: str
) -> None:
    assert run_scenario(patch, "deadline_around_connection", postgres_url)["closed"]


def test_a_deadline_in_the_midst_of_a_psycopg_copy_closes_the_connection(
    patch: list[str], postgres_url: str
) -> None:
    found = run_scenario(patch, "deadline_in_copy", postgres_url)
    assert found == {"closed": True, "busy": False, "some": True}


def test_a_deadline_while_psycopg_connects_leaves_no_descriptor(patch: list[str]) -> None:
    found = run_scenario(patch, "deadline_in_connect")
    assert found["seconds"] < 1.0
    assert found["left"] == 0


def test_the_connect_timeout_of_psycopg_works(patch: list[str]) -> None:
    assert 1.9 < run_scenario(patch, "timeout_in_connect")["seconds"] < 4.0


def test_psycopg_notifications_arrive_while_others_run(patch: list[str], postgres_url: str) -> None:
    found = run_scenario(patch, "notifications", postgres_url)
    assert found["heard"] == ["0", "1", "2"]
    assert found["silence"] == []
    assert 0.3 <= found["seconds"] < 1.0


def test_a_psycopg_connection_closed_by_another_task_ends_the_wait(
    patch: list[str], postgres_url: str
) -> None:
    found = run_scenario(patch, "closed_by_another", postgres_url)
    assert found["error"] == "connection socket closed"


def test_a_psycopg_copy_lets_other_tasks_run(patch: list[str], postgres_url: str) -> None:
    found = run_scenario(patch, "big_copy_beside_others", postgres_url)
    assert found["count"] == 400_000
    assert found["beats"] > 5


def test_psycopg_pipelines_and_cursors_work(patch: list[str], postgres_url: str) -> None:
    found = run_scenario(patch, "pipeline_and_server_cursor", postgres_url)
    assert found == {"piped": list(range(50)), "named": True}
