"""Libraries under the patch, against real servers: many slow calls take the time of one.

Each test runs one scenario of a program in ``programs/`` in an interpreter of its own, because a
process is patched once and for all, before it imports anything else. A program checks and measures
itself and prints what it found. One call takes `SLOW` seconds, by the doing of the server; 20 of
them one after the other would take six.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from library_programs import MANY, SLOW, found_by, slow_server

pytestmark = pytest.mark.slow

PATHS = [f"/slow/{number}" for number in MANY]


@pytest.fixture(scope="module")
def slow_url() -> Iterator[str]:
    with slow_server() as url:
        yield url


def test_the_measure_itself_sleeps_all_at_once() -> None:
    found = found_by("use_threads.py", "sleeps")
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < 2 * SLOW


# HTTP clients


@pytest.mark.parametrize("scenario", ["many_requests", "many_by_urllib3", "many_by_httpx2"])
def test_slow_http_requests_take_the_time_of_one(scenario: str, slow_url: str) -> None:
    found = found_by("use_http_clients.py", scenario, slow_url)
    assert found["answers"] == PATHS
    assert SLOW <= found["seconds"] < 2 * SLOW


def test_a_bounded_urllib3_pool_lets_callers_wait_for_a_connection(slow_url: str) -> None:
    found = found_by("use_http_clients.py", "bounded_pool", slow_url)
    assert found["answers"] == PATHS
    assert found["connections"] == 5
    assert 4 * SLOW <= found["seconds"] < 8 * SLOW


@pytest.mark.parametrize(
    "scenario",
    ["requests_after_deadlines", "bounded_pool_after_deadlines", "httpx2_after_deadlines"],
)
def test_http_pools_give_working_connections_after_deadlines(scenario: str, slow_url: str) -> None:
    found = found_by("use_http_clients.py", scenario, slow_url)
    assert found["longest"] < 1.0
    assert found["answers"] == PATHS[: len(found["answers"])] != []
    assert SLOW <= found["seconds"] < 2 * SLOW


def test_a_bounded_urllib3_pool_keeps_its_bound_when_callers_give_up(slow_url: str) -> None:
    found = found_by("use_http_clients.py", "bounded_pool_in_the_queue", slow_url)
    assert found["first"] == ["/slow/1"] * 2 + ["full"] * 4
    assert found["answers"] == PATHS[:2]
    assert found["connections"] == 2


def test_http_clients_raise_their_own_timeouts(slow_url: str) -> None:
    found = found_by("use_http_clients.py", "timeouts_of_their_own", slow_url)
    assert found["raised"] == ["ReadTimeout", "ReadTimeoutError", "ReadTimeout"]
    assert SLOW <= found["seconds"] < 4 * SLOW


# redis-py


def test_redis_commands_that_wait_take_the_time_of_one(redis_url: str) -> None:
    found = found_by("use_redis.py", "many_commands", redis_url)
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < 2 * SLOW


def test_a_bounded_redis_pool_lets_callers_wait_for_a_connection(redis_url: str) -> None:
    found = found_by("use_redis.py", "bounded_pool", redis_url)
    assert found["answers"] == MANY
    assert found["connections"] == 5
    assert 4 * SLOW <= found["seconds"] < 10 * SLOW


def test_a_redis_pool_gives_working_connections_after_deadlines(redis_url: str) -> None:
    found = found_by("use_redis.py", "pool_after_deadlines", redis_url)
    assert found["longest"] < 1.0
    assert found["kept"] == "kept"
    assert found["answers"] == MANY


def test_a_redis_subscription_hears_what_others_publish(redis_url: str) -> None:
    found = found_by("use_redis.py", "subscription", redis_url)
    assert found == {"answers": MANY, "alive": False}


def test_redis_locks_exclude(redis_url: str) -> None:
    assert found_by("use_redis.py", "locks", redis_url) == {"count": len(MANY)}


# PostgreSQL by pg8000


def test_pg8000_queries_take_the_time_of_one(postgres_url: str) -> None:
    found = found_by("use_pg8000.py", "many_queries", postgres_url)
    assert found["answers"] == MANY
    assert SLOW <= found["seconds"] < 2 * SLOW


def test_a_pg8000_connection_must_be_closed_after_a_deadline(postgres_url: str) -> None:
    found = found_by("use_pg8000.py", "after_deadline", postgres_url)
    assert found["seconds"] < 0.5
    assert found["said"] == "the first"  # to the second question: docs/coroutine.md warns of it
    assert found["fresh"] == 3


# Threads, dramatiq, Flask


def test_futures_take_the_time_of_one(slow_url: str) -> None:
    found = found_by("use_threads.py", "futures", slow_url)
    assert found["answers"] == PATHS
    assert found["done"] == PATHS[:5]
    assert SLOW <= found["seconds"] < 3 * SLOW


def test_a_deadline_ends_the_wait_for_a_future_and_not_its_pool() -> None:
    found = found_by("use_threads.py", "futures_after_deadline")
    assert found.pop("seconds") < SLOW
    assert found == {"cancelled": True, "not_done": 0, "answer": "worked"}


def test_logging_through_a_queue_does_not_wait_for_the_handler() -> None:
    found = found_by("use_threads.py", "logging_through_a_queue")
    assert found["written"] == 200
    assert found["in_order"]
    assert found["seconds"] < SLOW  # the handler takes 0.4 for all records


def test_a_dramatiq_worker_does_all_messages_in_the_time_of_one(redis_url: str) -> None:
    found = found_by("use_dramatiq.py", "messages", redis_url)
    assert found["numbers"] == list(range(50))
    assert 0.2 <= found["seconds"] < 2.0  # one after the other: 10
    assert found["stopping"] < 5.0
    assert found["threads"] == 0


def test_dramatiq_tries_again_what_failed(redis_url: str) -> None:
    found = found_by("use_dramatiq.py", "failures", redis_url)
    assert found["tries"] == 3
    assert 0.1 <= found["apart"] < 5.0


@pytest.mark.parametrize("scenario", ["wsgiref_with_threads", "werkzeug_with_threads"])
def test_slow_flask_requests_take_the_time_of_one(scenario: str) -> None:
    found = found_by("use_flask.py", scenario)
    assert found["right"] == len(MANY)
    assert SLOW <= found["seconds"] < 2 * SLOW
    assert not found["alive"]
