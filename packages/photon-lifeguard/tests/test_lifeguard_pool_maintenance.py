from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import select

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.pool import maintain, purpose
from photon_runtime.testing import in_hub


def made(url: str, **settings: float) -> Database:
    return Database(DatabaseSettings(url=url, **settings))  # type: ignore[arg-type]


def wait_until(condition: Callable[[], bool]) -> None:
    with rt.deadline(10):
        while not condition():
            rt.sleep(0.005)


@in_hub
def test_a_connection_that_is_held_for_long_is_reported_once_with_its_line(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = made(postgres_url, leak_after=0.05)
    maintaining = rt.spawn(maintain, database.pool, interval=0.01)

    def reports() -> list[str]:
        return [each.getMessage() for each in caplog.records if "is held" in each.getMessage()]

    for number in (1, 2):
        with purpose("GET /posts"), database.session() as session:
            session.execute(select(1))
            wait_until(lambda: len(reports()) == number)  # noqa: B023 - called in the loop
            rt.sleep(0.05)
        assert len(reports()) == number
    assert "held for more than 0.05 seconds: GET /posts at " in reports()[0]
    assert f"{__file__}:" in reports()[0]
    maintaining.cancel()
    database.close()


@in_hub
def test_connections_that_are_held_shortly_are_not_reported(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = made(postgres_url, leak_after=5)
    maintaining = rt.spawn(maintain, database.pool, interval=0.001)
    with database.session() as session:
        session.execute(select(1))
        rt.sleep(0.02)
    maintaining.cancel()
    database.close()
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


@in_hub
def test_missing_connections_are_opened_and_idle_ones_are_closed(postgres_url: str) -> None:
    database = made(postgres_url, pool_min_size=2, idle_timeout=0.05)
    maintaining = rt.spawn(maintain, database.pool, interval=0.005)
    wait_until(lambda: database.pool.idle == 2)
    with rt.scope() as scope:
        for _ in range(4):
            scope.spawn(hold, database)
    wait_until(lambda: database.pool.idle == 2)
    assert database.pool.in_use == 0
    maintaining.cancel()
    database.close()


def hold(database: Database) -> None:
    with database.session() as session:
        session.execute(select(1))
        rt.sleep(0.02)
