"""Stores of jobs, on every database and server: one test of the contract runs on each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import redis
from sqlalchemy import Engine, create_engine, make_url, text

from photon_runtime.drivers import sqlite
from photon_runtime.drivers.psycopg import Connection
from photon_tasks.stores import JobStore
from photon_tasks.stores.redis import RedisStore
from photon_tasks.stores.sql import SqlStore

from .redis_times import advance_times


@attrs.define
class StoreCase:
    """An empty place for jobs, and the stores that tests open there.

    Attributes:
        make: Returns another store for the same jobs, as another process has it. It is open.
        advance: Lets seconds pass for the store, without waiting.
        database: The engine whose transactions deliveries can join; ``None`` without any.
    """

    make: Callable[[], JobStore]
    advance: Callable[[float], None]
    database: Engine | None = None


@attrs.define
class MovableClock:
    """A clock that tests set forward and back."""

    offset: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.offset += seconds


def sql_engine(url: str, **options: Any) -> Engine:
    """Return an engine whose driver lets other tasks run, as those of applications do."""
    name = make_url(url).get_backend_name()
    if name == "sqlite":
        engine = create_engine(
            url, module=sqlite, connect_args={"timeout": 30}, max_overflow=-1, **options
        )
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        return engine
    return create_engine(
        "postgresql+psycopg" + url.removeprefix(name),
        creator=partial(Connection.connect, url),
        max_overflow=-1,
        **options,
    )


@pytest.fixture
def engines() -> Iterator[Callable[[str], Engine]]:
    """Make engines, and close them at the end."""
    opened: list[Engine] = []

    def make(url: str) -> Engine:
        opened.append(sql_engine(url))
        return opened[-1]

    yield make
    for engine in opened:
        engine.dispose()


@pytest.fixture
def sqlite_jobs(tmp_path: Path, engines: Callable[[str], Engine]) -> StoreCase:
    """Jobs in a file of SQLite."""
    clock = MovableClock()
    return _sql_case(f"sqlite:///{tmp_path / 'jobs.db'}", engines, clock, clock.advance)


@pytest.fixture
def postgresql_jobs(empty_postgres_url: str, engines: Callable[[str], Engine]) -> StoreCase:
    """Jobs in a database of PostgreSQL, whose clock cannot be moved: the times are."""
    shifting = engines(empty_postgres_url)

    def advance(seconds: float) -> None:
        with shifting.begin() as connection:
            for table, columns in _TIMES.items():
                changes = ", ".join(f"{each} = {each} - :seconds" for each in columns)
                connection.execute(text(f"UPDATE {table} SET {changes}"), {"seconds": seconds})

    return _sql_case(empty_postgres_url, engines, time.time, advance)


def _sql_case(
    url: str,
    engines: Callable[[str], Engine],
    clock: Callable[[], float],
    advance: Callable[[float], None],
) -> StoreCase:
    """Return a case whose first store is on the engine that deliveries can join."""
    shared = engines(url)
    unused = [shared]

    def make() -> JobStore:
        store = SqlStore(unused.pop() if unused else engines(url), clock=clock)
        store.open()
        return store

    return StoreCase(make, advance, shared)


@pytest.fixture
def redis_jobs(redis_url: str) -> Iterator[StoreCase]:
    """Jobs in a Redis, whose clock cannot be moved: the times are."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    opened: list[JobStore] = []

    def make() -> JobStore:
        opened.append(RedisStore(redis_url))
        opened[-1].open()
        return opened[-1]

    yield StoreCase(make, partial(advance_times, redis_url))
    for each in opened:
        each.close()


_TIMES = {
    "photon_jobs": ("enqueued", "due", "started", "ended", "expires"),
    "photon_job_keys": ("expires",),
    "photon_job_groups": ("made",),
    "photon_job_workers": ("expires", "started"),
}

_STORES = [
    pytest.param("sqlite_jobs", id="sqlite"),
    pytest.param("postgresql_jobs", id="postgresql", marks=pytest.mark.slow),
    pytest.param("redis_jobs", id="redis", marks=pytest.mark.slow),
]


@pytest.fixture(params=_STORES)
def case(request: pytest.FixtureRequest) -> StoreCase:
    """An empty place for jobs, of each kind in turn."""
    found: StoreCase = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(case: StoreCase) -> JobStore:
    """An open store without jobs, of each kind in turn."""
    return case.make()
