"""PyMySQL against a real MariaDB: under the patch, and without it by `photon_runtime.drivers`.

Each test runs one scenario of ``programs/use_pymysql.py`` in an interpreter of its own; see
`test_libraries`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from servers import MariaDBServer

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent / "programs" / "use_pymysql.py"
PROMPT = 0.25
"""Seconds within which a caller must have left, on a machine that is busy with other things."""
SLOW = 0.3
GONE = "InterfaceError: (0, '')"
LOST = "OperationalError: (2013, "


@pytest.fixture(params=["patched", "unpatched"])
def patch(request: pytest.FixtureRequest) -> list[str]:
    """The options of the interpreter: with the patch, and without."""
    return ["-m", "photon_runtime.patch"] if request.param == "patched" else []


def run_scenario(
    patch: list[str], scenario: str, url: str, pausing: MariaDBServer | None = None
) -> Any:
    """Run a scenario and return what it printed; nothing else may be logged.

    A scenario that prints ``pause`` has the server paused from then on.
    """
    with subprocess.Popen(
        [sys.executable, *patch, PROGRAM, scenario, url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            if pausing is not None:
                assert process.stdout.readline() == "pause\n"
                pausing.pause()
            output, errors = process.communicate(timeout=50)
        finally:
            process.kill()
            if pausing is not None:
                pausing.resume()
    assert process.returncode == 0, errors
    assert errors == ""
    return json.loads(output)


def test_pymysql_queries_take_the_time_of_one(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "many_queries", mysql_url)
    assert found["answers"] == list(range(20))
    assert SLOW <= found["seconds"] < 4 * SLOW  # each connection shakes hands


def test_a_name_is_looked_up_beside_other_tasks(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "many_queries", mysql_url.replace("127.0.0.1", "localhost"))
    assert found["answers"] == list(range(20))
    assert SLOW <= found["seconds"] < 4 * SLOW


def test_tasks_share_a_pymysql_connection_one_after_the_other(
    patch: list[str], mysql_url: str
) -> None:
    found = run_scenario(patch, "one_connection", mysql_url)
    assert found["answers"] == [0, 1, 2]
    assert 3 * SLOW <= found["seconds"] < 5 * SLOW


def test_pymysql_in_a_real_thread_waits_as_ever(patch: list[str], mysql_url: str) -> None:
    assert run_scenario(patch, "outside_of_tasks", mysql_url) == [7, 8]


def test_big_results_and_queries_are_whole_and_let_others_run(
    patch: list[str], mysql_url: str
) -> None:
    found = run_scenario(patch, "big_results", mysql_url)
    assert found["row"] == found["sent"] == 20_000_000
    assert found["numbers"]
    assert found["beats"] > 10


def test_unbuffered_rows_let_others_run(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "unbuffered", mysql_url)
    assert found["total"]
    assert found["beats"] > 10
    assert found["next"] == 7


def test_unbuffered_rows_keep_the_connection_from_other_tasks(
    patch: list[str], mysql_url: str
) -> None:
    found = run_scenario(patch, "unbuffered_keeps_the_connection", mysql_url)
    assert found == {"numbers": True, "order": ["rows", "other"]}


def test_a_closed_unbuffered_cursor_frees_the_connection(patch: list[str], mysql_url: str) -> None:
    assert run_scenario(patch, "unbuffered_and_a_further_query", mysql_url) == [7, 8]


def test_local_files_are_loaded(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "load_data", mysql_url)
    assert found == {"count": 200_000, "missing": "OperationalError", "next": 7}


def test_a_pymysql_connection_speaks_tls_while_others_run(
    patch: list[str], mariadb_server: MariaDBServer, server_certificate: tuple[Path, Path]
) -> None:
    url = f"{mariadb_server.url}?ssl_ca={server_certificate[1]}"
    found = run_scenario(patch, "encrypted", url)
    assert found["versions"] == ["TLSv1.3"] * 8
    assert SLOW <= found["seconds"] < 4 * SLOW
    assert found["late"] < PROMPT
    assert not found["usable"]
    assert found["active"] == []


def test_a_pymysql_connection_by_a_unix_socket(
    patch: list[str], mariadb_server: MariaDBServer
) -> None:
    url = f"{mariadb_server.url}?unix_socket={mariadb_server.folder / 'socket'}"
    found = run_scenario(patch, "by_unix_socket", url)
    assert found["late"] < PROMPT
    assert not found["usable"]
    assert found["active"] == []


# Deadlines, and what becomes of the connection


def test_a_deadline_closes_the_connection_and_ends_its_query_on_the_server(
    patch: list[str], mysql_url: str
) -> None:
    found = run_scenario(patch, "interrupted", mysql_url)
    assert found["late"] < PROMPT
    assert not found["open"]
    assert found["interrupted"]
    assert not found["usable"]
    assert found["seconds"] < 2
    assert not found["afterwards"]
    assert not found["again"]
    assert found["error"] == GONE
    assert found["active"] == []


def test_every_kind_of_command_is_interrupted_on_time(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "every_kind", mysql_url)
    assert len(found["results"]) == 5
    for kind, (error, [late], usable, is_open) in found["results"].items():
        assert error == "none", kind
        assert late < PROMPT, kind
        assert not usable, kind
        assert not is_open, kind
    assert found["active"] == []


def test_rows_never_end_early_without_an_error(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "rows_of_a_closed_connection", mysql_url)
    assert [error[: len(LOST)] for error in found] == [LOST] * 2


def test_a_deadline_holds_when_mariadb_is_paused(
    patch: list[str], mariadb_server: MariaDBServer
) -> None:
    found = run_scenario(patch, "paused_server", mariadb_server.url, mariadb_server)
    assert max(found["late"]) < 2 * PROMPT  # with 30 MB to be copied
    assert found["open"] == [False] * 4
    assert "did not respond within 1 seconds" in found["connecting"]
    assert 0.9 < found["seconds"] < 2
    assert found["usable"] == [False] * 4
    assert found["settled"] < 6


def test_an_error_in_the_midst_of_a_result_closes_the_connection(
    patch: list[str], mysql_url: str
) -> None:
    found = run_scenario(patch, "a_failing_converter", mysql_url)
    assert found == {"error": "ValueError: not for me", "next": GONE, "usable": False}


def test_other_errors_leave_the_connection_open(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "errors_that_end_nothing", mysql_url)
    first, second, in_client, last = found["errors"]
    assert [first, second, last] == ["OperationalError"] * 3
    assert in_client in {"TypeError", "error"}  # of struct, in PyMySQL 1.1
    assert found["next"] == 7


def test_a_pymysql_connection_closed_by_another_task_ends_the_wait(
    patch: list[str], mysql_url: str
) -> None:
    found = run_scenario(patch, "closed_by_another", mysql_url)
    assert found["error"].startswith(LOST)
    assert found["seconds"] < 2
    assert not found["usable"]
    assert found["active"] == []


def test_many_deadlines_at_once_need_few_connections(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "a_burst", mysql_url)
    assert found["late"] < 2 * PROMPT  # fifty leave at the same time
    assert not found["usable"]
    assert found["made"] < 15
    assert found["settled"] < 4.5  # MariaDB may take 2 seconds for the first of them
    assert found["active"] == []


def test_no_task_reads_the_result_of_another(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "at_random", mysql_url)
    assert found["interrupted"] > 10
    assert found["answered"] > 10
    assert found["wrong"] == []
    assert found["active"] == []
    assert found["descriptors"] == 0


def test_a_connection_that_the_server_may_not_know_by_its_number_is_not_killed(
    patch: list[str], mysql_url: str
) -> None:
    found = run_scenario(patch, "behind_a_relay", mysql_url)
    assert found["late"] < PROMPT
    assert not found["usable"]
    assert found["seconds"] < 2
    assert found["active"] == ["SELECT SLEEP(30)"]


def test_the_end_of_the_hub_ends_what_was_interrupted(patch: list[str], mysql_url: str) -> None:
    found = run_scenario(patch, "the_hub_ends", mysql_url)
    assert found["seconds"] < 3
    assert not found["open"]
    assert found["active"] == []


def test_an_interrupted_transaction_is_rolled_back(patch: list[str], mysql_url: str) -> None:
    assert run_scenario(patch, "transactions", mysql_url) == 1


def test_a_reset_leaves_a_session_as_its_connection_was_made(
    patch: list[str], mysql_url: str
) -> None:
    assert run_scenario(patch, "resets", mysql_url) == {
        "states": [False, True, False],
        "variables": [None, 1],
        "names": "latin1",
        "mode": "ANSI_QUOTES",
        "autocommit": 1,
        "rows": 0,
        "lock": 1,
        "table": "ProgrammingError",
    }


def test_a_sqlalchemy_pool_replaces_an_interrupted_pymysql_connection(
    patch: list[str], mysql_url: str
) -> None:
    found = run_scenario(patch, "sqlalchemy_pool", mysql_url)
    assert found["late"] < PROMPT
    assert found["answers"] == [0, 1, 2]
    assert found["active"] == []
