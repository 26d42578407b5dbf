"""psycopg against a real PostgreSQL: under the patch, and without it by `photon_runtime.drivers`.

Each test runs one scenario of ``programs/use_psycopg.py`` or ``programs/interrupt_psycopg.py`` in
an interpreter of its own; see `test_libraries`.
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
PROMPT = 0.25
"""Seconds within which a caller must have left, on a machine that is busy with other things."""
SLOW = 0.3
MANY = list(range(20))


@pytest.fixture(params=["patched", "unpatched"])
def patch(request: pytest.FixtureRequest) -> list[str]:
    """The options of the interpreter: with the patch, and without."""
    return ["-m", "photon_runtime.patch"] if request.param == "patched" else []


def run_scenario(
    patch: list[str], scenario: str, url: str = "-", *, program: str = "use_psycopg.py"
) -> dict[str, Any]:
    """Run a scenario and return what it printed; nothing else may be logged."""
    done = subprocess.run(
        [sys.executable, *patch, PROGRAMS / program, scenario, url],
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


@pytest.mark.parametrize("scenario", ["many_queries", "many_by_name"])
def test_psycopg_queries_take_the_time_of_one(
    patch: list[str], scenario: str, postgres_url: str
) -> None:
    found = run_scenario(patch, scenario, postgres_url)
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < 2 * SLOW


def test_psycopg_receives_results_that_arrive_as_a_whole(
    patch: list[str], postgres_url: str
) -> None:
    found = run_scenario(patch, "results_that_arrive_as_a_whole", postgres_url)
    assert found["received"] == found["sizes"]
    assert found["rows"] == 20_000


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


# Deadlines, and what becomes of the connection


def interrupt(patch: list[str], scenario: str, url: str) -> dict[str, Any]:
    return run_scenario(patch, scenario, url, program="interrupt_psycopg.py")


def test_a_deadline_holds_when_the_server_is_stopped(patch: list[str], postgres_url: str) -> None:
    found = interrupt(patch, "stopped_server", postgres_url)
    assert found["late"] < PROMPT
    assert found["interrupted"]
    assert not found["usable"]
    assert 3 < found["seconds"] < 7
    assert found["closed"]
    assert found["error"] == "the connection is closed"


def test_no_block_keeps_a_caller_whose_deadline_has_passed(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "stopped_server_in_blocks", postgres_url)
    assert found["late"] < PROMPT
    assert found["closed"] == [True, True]


def test_a_deadline_holds_when_the_network_is_silent(patch: list[str], postgres_url: str) -> None:
    found = interrupt(patch, "silent_network", postgres_url)
    assert found["late"] < PROMPT
    assert not found["usable"]
    assert found["closed"]


def test_a_slow_request_to_cancel_does_not_reach_the_next_query(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "slow_cancel", postgres_url)
    assert found["late"] < PROMPT
    assert found["row"] == 7
    assert found["seconds"] > 1.3  # the request, then the query


def test_a_statement_that_was_done_unseen_closes_its_transaction(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "completed_unseen", postgres_url)
    assert found["late"] < PROMPT
    assert not found["usable"]


def test_a_deadline_in_the_begin_does_not_run_the_query_behind_it(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "query_behind_begin", postgres_url)
    assert found["late"] < PROMPT
    assert found["usable"]
    assert found["seconds"] < 3
    assert found["status"] == "INERROR"
    assert found["active"] == []


def test_every_kind_of_wait_leaves_a_usable_or_a_closed_connection(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "every_kind", postgres_url)
    usable = {kind for kind, result in found["results"].items() if result["usable"]}
    assert usable == {"named", "notifies", "two_phases"}
    assert len(found["results"]) == 8
    assert max(result["late"] for result in found["results"].values()) < PROMPT
    assert found["active"] == []


def test_a_hundred_cancellations_at_random_leave_nothing_behind(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "at_random", postgres_url)
    assert found["cancelled"] == 100
    assert found["late"] < 2 * PROMPT  # twenty leave at the same time
    assert found["descriptors"] == found["threads"] == 0
    assert found["active"] == []


def test_an_interrupted_connection_never_gives_the_result_of_another_query(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "reused_at_random", postgres_url)
    assert found["interruptions"] > 10
    assert found["active"] == []


def test_the_end_of_the_hub_cancels_what_was_interrupted(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "the_hub_ends", postgres_url)
    assert found["seconds"] < 3
    assert found["active"] == []


def test_a_task_cannot_use_a_connection_inside_of_its_own_loop(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "used_inside_of_itself", postgres_url)
    assert "use another connection" in found["error"]
    assert found["next"] == [7]


def test_several_hosts_are_tried_while_others_run(patch: list[str], postgres_url: str) -> None:
    found = interrupt(patch, "several_hosts", postgres_url)
    assert found["row"] == [7]
    assert 1.9 < found["seconds"] < 4
    assert found["beats"] > 50


def test_a_task_cancels_the_query_of_another(patch: list[str], postgres_url: str) -> None:
    found = interrupt(patch, "cancelled_by_another", postgres_url)
    assert found["cancelled"]
    assert found["seconds"] < 2


def test_a_thread_is_refused_an_interrupted_connection(patch: list[str], postgres_url: str) -> None:
    found = interrupt(patch, "from_another_thread", postgres_url)
    assert "is being cleaned up" in found["error"]
    assert not found["usable"]


def test_a_connection_speaks_tls_while_others_run(patch: list[str], tls_postgres_url: str) -> None:
    found = interrupt(patch, "encrypted", tls_postgres_url)
    assert found["protocols"] == ["TLSv1.3"] * 8
    assert SLOW <= found["seconds"] < 4 * SLOW
    assert found["late"] < PROMPT
    assert found["usable"]


def test_commands_are_executed_refused_and_interrupted_like_queries(
    patch: list[str], postgres_url: str
) -> None:
    found = interrupt(patch, "commands", postgres_url)
    assert found["limit"] == ["1234ms"]
    assert "ÄRGER" in found["refused"]
    assert found["late"] < PROMPT
    assert found["usable"]
    assert found["next"] == [7]


# SQLAlchemy


def sqlalchemy(patch: list[str], scenario: str, url: str) -> dict[str, Any]:
    return run_scenario(patch, scenario, url, program="use_sqlalchemy.py")


def test_sqlalchemy_queries_take_the_time_of_one(patch: list[str], postgres_url: str) -> None:
    found = sqlalchemy(patch, "many_queries", postgres_url)
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < 4 * SLOW


def test_a_sqlalchemy_pool_has_a_clean_connection_after_deadlines(
    patch: list[str], postgres_url: str
) -> None:
    found = sqlalchemy(patch, "after_deadlines", postgres_url)
    assert found["late"] < PROMPT
    assert found["answers"] == [7, 7, 7]


def test_a_sqlalchemy_pool_replaces_a_connection_that_was_closed_behind_it(
    patch: list[str], postgres_url: str
) -> None:
    found = sqlalchemy(patch, "stopped_server", postgres_url)
    assert found["late"] < PROMPT
    assert found["errors"] == [True]
    assert found["answer"] == 7
