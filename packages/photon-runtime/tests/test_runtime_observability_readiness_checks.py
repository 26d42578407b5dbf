from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from photon_runtime import sleep
from photon_runtime.errors import SignatureError
from photon_runtime.observability import Readiness
from photon_runtime.testing import run


def statuses(ready: Readiness) -> dict[str, str]:
    return {name: result.status for name, result in run(ready.check).items()}


def test_checks_run_at_the_same_time_and_have_their_time_together() -> None:
    ready = Readiness(timeout=2.0)
    ready.add("quick", lambda: sleep(1))
    ready.add("other", lambda: sleep(1))
    ready.add("slow", lambda: sleep(100))
    assert statuses(ready) == {"quick": "ok", "other": "ok", "slow": "timeout"}


def test_a_check_fails_by_false_or_by_an_error_and_the_reason_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ready = Readiness()
    ready.add("database", lambda: True)
    ready.add("stock", lambda: False)
    ready.add("cache", lambda: 1 // 0)
    assert statuses(ready) == {"database": "ok", "stock": "failed", "cache": "failed"}
    assert "not ready: stock" in caplog.text
    assert "cache: ZeroDivisionError" in caplog.text


def test_two_checks_of_one_name_are_refused() -> None:
    ready = Readiness()
    ready.add("database", lambda: None)
    with pytest.raises(ValueError, match="there is a check 'database'"):
        ready.add("database", lambda: None)


async def coroutine() -> bool:
    return False


def generator() -> Iterator[bool]:
    yield False


async def async_generator() -> AsyncIterator[bool]:
    yield False


class Callables:
    async def __call__(self) -> bool:
        return False

    async def method(self) -> bool:
        return False


def wrapping(function: Callable[[], Any]) -> Callable[[], Any]:
    @functools.wraps(function)
    def wrapper() -> Any:
        return function()

    return wrapper


DEFERRED: dict[str, Callable[[], object]] = {
    "coroutine": coroutine,
    "generator": generator,
    "async generator": async_generator,
    "context manager": contextmanager(generator),
    "async context manager": asynccontextmanager(async_generator),
    "partial": functools.partial(coroutine),
    "object": Callables(),
    "method": Callables().method,
    "wrapper": wrapping(coroutine),
}


@pytest.mark.parametrize("check", DEFERRED.values(), ids=DEFERRED)
def test_a_check_that_only_makes_an_object_is_refused(check: Callable[[], object]) -> None:
    with pytest.raises(SignatureError, match="a readiness check"):
        Readiness().add("database", check)


@pytest.mark.parametrize("check", DEFERRED.values(), ids=DEFERRED)
def test_a_check_that_returns_such_an_object_has_failed(check: Callable[[], object]) -> None:
    ready = Readiness()
    ready.add("database", lambda: check())
    assert statuses(ready) == {"database": "failed"}
