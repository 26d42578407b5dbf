"""Waits in C under the patch, for what another coroutine of the process does: none stands still.

Each test runs one scenario of a program in an interpreter of its own; see `test_libraries`. A
coroutine that should run every few milliseconds measures how late it is meanwhile.
"""

from __future__ import annotations

from typing import Any

import pytest
from library_programs import MANY, SLOW, found_by

pytestmark = pytest.mark.slow

LATE = 0.1
SQUARES = [number * number for number in MANY]


def run_scenario(program: str, scenario: str, url: str = "-") -> Any:
    """Return what a scenario has found; another coroutine was never late meanwhile."""
    found = found_by(program, scenario, url, quiet=False)
    assert found.pop("late") <= LATE
    return found


def run_processes(scenario: str) -> Any:
    return run_scenario("use_multiprocessing.py", scenario)["result"]


def test_process_pools_in_with_blocks_serve_many_coroutines() -> None:
    assert run_processes("pools") == {
        "shared": SQUARES,
        "unordered": SQUARES[:5],
        "own": [[number, number] for number in SQUARES[:4]],
    }


def test_a_pool_of_spawned_processes_ends() -> None:
    assert run_processes("spawned_pool") == SQUARES[:5]


def test_process_pools_of_concurrent_futures_serve_many_coroutines() -> None:
    assert run_processes("executors") == {"shared": SQUARES, "mapped": SQUARES[:5]}


def test_locks_of_multiprocessing_exclude_coroutines_and_processes() -> None:
    kinds = ["lock", "recursive", "semaphore", "bounded", "condition"]
    assert run_processes("locks") == dict.fromkeys(kinds, 60)


def test_events_conditions_and_barriers_wake_coroutines() -> None:
    assert run_processes("signals") == {"woken": [False, True, True, True], "code": 0}


def test_queues_of_multiprocessing_pause_one_coroutine() -> None:
    found = run_processes("queues")
    assert found.pop("queue is empty") is True
    assert found.pop("joinable is empty") is True
    assert found == dict.fromkeys(["queue", "joinable", "simple"], MANY)


def test_pipes_carry_whole_messages_and_managers_serve() -> None:
    expected = {"same": True, "after": "after it", "value": 10}
    assert run_processes("pipes_and_managers") == expected


def test_flock_excludes_coroutines_and_ends_at_a_deadline() -> None:
    assert run_scenario("use_files.py", "flock_between_coroutines")["result"] == "20"


def test_locks_of_other_processes_are_waited_for() -> None:
    assert run_scenario("use_files.py", "locks_of_processes")["result"] == "locked"


def test_both_sides_of_a_fifo_may_be_in_one_process() -> None:
    found = run_scenario("use_files.py", "fifos")["result"]
    assert found == {"sizes": [100_000] * len(MANY), "left": 2}


def test_file_objects_of_pipes_pause_one_coroutine() -> None:
    found = run_scenario("use_files.py", "pipes")["result"]
    assert found["lines"] == [f"line {number}\n" for number in MANY]
    assert found["heard"] == "from a shell\n"


def test_psycopg2_queries_take_the_time_of_one(postgres_url: str) -> None:
    found = run_scenario("use_psycopg2.py", "many_queries", postgres_url)
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < 2 * SLOW


def test_psycopg2_row_locks_of_coroutines_do_not_stand_still(postgres_url: str) -> None:
    found = run_scenario("use_psycopg2.py", "row_locks", postgres_url)
    assert found == {"value": len(MANY)}


def test_psycopg2_under_sqlalchemy_survives_deadlines(postgres_url: str) -> None:
    found = found_by("use_psycopg2.py", "by_sqlalchemy", postgres_url)
    assert found["answers"] == MANY


def test_a_deadline_ends_a_query_of_psycopg2_on_the_server(postgres_url: str) -> None:
    found = found_by("use_psycopg2.py", "deadline_ends_the_query", postgres_url)
    assert found.pop("seconds") < 1.0
    assert found == {"closed": 2, "running": 0}


def test_timeouts_of_psycopg2_hold_while_it_connects() -> None:
    found = found_by("use_psycopg2.py", "silent_server")
    assert "timeout expired" in found["message"]
    assert 1.9 <= found["timeout"] < 5.0  # libpq takes one second for two
    assert found["seconds"] < 1.0


def test_psycopg2_works_in_threads_and_refuses_copy(postgres_url: str) -> None:
    found = found_by("use_psycopg2.py", "outside_of_tasks", postgres_url)
    assert found == {"answers": MANY[:8], "refused": "ProgrammingError"}


def test_psycopg2_hears_notifications(postgres_url: str) -> None:
    assert found_by("use_psycopg2.py", "notifications", postgres_url) == {"heard": ["hello"]}


def test_boto3_calls_take_the_time_of_one() -> None:
    found = run_scenario("use_network_libraries.py", "boto3_client")
    assert found["answers"] == MANY
    assert found["seconds"] < 4 * SLOW


def test_the_client_of_celery_sends_and_receives(redis_url: str) -> None:
    found = run_scenario("use_network_libraries.py", "celery_client", redis_url)
    assert found["answers"] == [2 * number for number in MANY]
    assert found["queued"] >= len(MANY) + 1


def test_synchronous_websockets_take_the_time_of_one() -> None:
    found = run_scenario("use_network_libraries.py", "websockets_sync")
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < 4 * SLOW


def test_grpc_works_by_offload_and_its_import_is_logged() -> None:
    found = run_scenario("use_network_libraries.py", "grpc_by_offload")
    assert found["answers"] == [f"{number} {number} " for number in MANY]
    [message] = found["heard"]
    assert message.startswith("grpc waits in C")
    assert "offload" in message


def test_grpc_works_unchanged_where_its_calls_go_to_threads() -> None:
    found = run_scenario("use_network_libraries.py", "grpc_in_threads")
    assert found["answers"] == [f"{number} {number} " for number in MANY]
    assert found["code"] == "UNIMPLEMENTED"


def test_imports_that_wait_for_each_other_do_not_stand_still() -> None:
    found = run_scenario("use_network_libraries.py", "imports")
    assert found["names"] == ["first_of_two", "second_of_two"]
