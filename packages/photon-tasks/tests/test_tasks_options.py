"""The options of tasks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_tasks import Backoff, TaskDefinitionError, Unique, task


def define(**options: Any) -> Any:
    @task(**options)
    def function(number: int) -> None: ...

    return function.options


def test_waits_double_up_to_a_limit() -> None:
    backoff = Backoff(first=5, factor=2, limit=60, jitter=0)
    assert [backoff.delay(attempt) for attempt in range(1, 7)] == [5, 10, 20, 40, 60, 60]
    assert backoff.delay(10_000) == 60


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_stays_near_the_wait(attempt: int, jitter: float) -> None:
    delay = Backoff(first=10, factor=1, jitter=jitter).delay(attempt)
    assert 10 * (1 - jitter) - 1e-9 <= delay <= 10 * (1 + jitter) + 1e-9


def test_a_number_is_the_first_wait_and_a_list_has_all() -> None:
    assert define(backoff=3).backoff == Backoff(first=3.0)
    delays = define(backoff=[1, 10]).backoff
    assert [delays.delay(attempt) for attempt in (1, 2, 3)] == [1.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("choice", "unique"),
    [
        (True, Unique()),
        ("start", Unique(until="start")),
        ("done", Unique(until="done")),
        (60, Unique(until="period", seconds=60.0)),
        (False, None),
    ],
)
def test_unique_keys(choice: object, unique: Unique | None) -> None:
    assert define(unique=choice).unique == unique


@pytest.mark.parametrize(
    "options",
    [
        {"retries": -1},
        {"timeout": -1},
        {"queue": ""},
        {"queue": "a b"},
        {"priority": 100_000},
        {"unique": 0},
        {"unique": "never"},
        {"backoff": -1},
        {"backoff": []},
        {"backoff": [1, -1]},
        {"backoff": "fast"},
        {"on": "moon"},
        {"keep": -1},
        {"timeout": "5s"},
        {"retries": "3"},
        {"priority": "high"},
        {"keep": True},
    ],
)
def test_an_invalid_option_is_refused_with_the_line_of_the_task(options: dict[str, Any]) -> None:
    with pytest.raises(TaskDefinitionError, match=r"test_tasks_options\.py:\d+") as caught:
        define(**options)
    assert "Attribute(" not in str(caught.value)  # of the class that holds them
    assert "not supported between" not in str(caught.value)


def test_a_period_needs_seconds() -> None:
    with pytest.raises(ValueError, match="seconds"):
        Unique(until="period")
    with pytest.raises(ValueError, match="seconds"):
        Unique(until="done", seconds=3)
