"""asyncio and libraries on top of it under the patch: 20 event loops at once, each in a coroutine.

Each test runs one scenario of a program in ``programs/`` in an interpreter of its own; see
`test_libraries`. A probe beside the calls must never be late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import library_programs
import pytest
from library_programs import MANY, SLOW, slow_server

pytestmark = pytest.mark.slow

LATEST = 0.1
BOUND = 6 * SLOW  # on a busy machine; one after the other, the calls would take 20


def found_by(program: str, scenario: str, url: str = "-") -> dict[str, Any]:
    """Return what a scenario has found; a probe was never late meanwhile."""
    found = library_programs.found_by(program, scenario, url)
    assert found.pop("latest") < LATEST
    return found


@pytest.fixture(scope="module")
def slow_url() -> Iterator[str]:
    with slow_server() as url:
        yield url


@pytest.mark.parametrize(
    "scenario",
    ["runs", "loops_by_hand", "waits_inside", "other_threads", "streams", "processes"],
)
def test_loops_of_asyncio_take_the_time_of_one(scenario: str) -> None:
    found = found_by("use_asyncio.py", scenario)
    assert found["answers"] == MANY[: len(found["answers"])] != []
    assert SLOW <= found["seconds"] < BOUND


@pytest.mark.parametrize("scenario", ["generators", "deadlines"])
def test_loops_of_asyncio_clean_up_what_was_left(scenario: str) -> None:
    found = found_by("use_asyncio.py", scenario)
    assert found["answers"] == MANY
    assert found["seconds"] < BOUND


@pytest.mark.parametrize("scenario", ["by_anyio", "by_portal"])
def test_loops_of_anyio_take_the_time_of_one(scenario: str) -> None:
    found = found_by("use_async_libraries.py", scenario)
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < BOUND


def test_asgiref_goes_back_and_forth_between_loops_and_coroutines() -> None:
    found = found_by("use_async_libraries.py", "by_asgiref")
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < BOUND
    assert found["struck_after"] < SLOW


def test_requests_of_httpx_in_loops_take_the_time_of_one(slow_url: str) -> None:
    found = found_by("use_async_libraries.py", "by_httpx", slow_url)
    assert found["answers"] == [f"/slow/{number}" for number in MANY]
    assert SLOW <= found["seconds"] < BOUND


@pytest.mark.parametrize("scenario", ["by_websockets", "by_grpc"])
def test_servers_and_clients_in_loops_take_the_time_of_one(scenario: str) -> None:
    found = found_by("use_async_libraries.py", scenario)
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < BOUND


@pytest.mark.parametrize(
    ("scenario", "server"), [("by_psycopg", "postgres_url"), ("by_redis", "redis_url")]
)
def test_commands_of_asynchronous_drivers_take_the_time_of_one(
    scenario: str, server: str, request: pytest.FixtureRequest
) -> None:
    found = found_by("use_async_libraries.py", scenario, request.getfixturevalue(server))
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < BOUND


def test_queries_of_asyncpg_take_the_time_of_one_and_end_with_a_deadline(postgres_url: str) -> None:
    found = found_by("use_async_libraries.py", "by_asyncpg", postgres_url)
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < BOUND
    assert found["left"] == 0


def test_greenlets_of_sqlalchemy_inside_of_loops_wait_as_their_coroutine(postgres_url: str) -> None:
    found = found_by("use_async_libraries.py", "by_sqlalchemy", postgres_url)
    assert found["answers"] == MANY
    assert 2 * SLOW / 3 <= found["seconds"] < BOUND


def test_a_mounted_django_does_not_notice_the_loops_of_other_requests(
    empty_postgres_url: str,
) -> None:
    found = found_by("use_django.py", "mounted", empty_postgres_url)
    assert found["answers"] == [[200, number] for number in MANY]
    assert SLOW <= found["seconds"] < BOUND
