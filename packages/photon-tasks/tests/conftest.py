"""Stores of jobs, on every database and server: one test of the contract runs on each."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import attrs
import pytest
import redis
from sqlalchemy import Engine, text

from photon_lifeguard import Database, DatabaseSettings
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


@pytest.fixture
def databases() -> Iterator[Callable[[str], Database]]:
    """Make databases, and close them at the end."""
    opened: list[Database] = []

    def make(url: str) -> Database:
        opened.append(Database(DatabaseSettings(url=url, acquire_timeout=30.0)))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def sqlite_jobs(tmp_path: Path, databases: Callable[[str], Database]) -> StoreCase:
    """Jobs in a file of SQLite."""
    clock = MovableClock()
    return _sql_case(f"sqlite:///{tmp_path / 'jobs.db'}", databases, clock, clock.advance)


@pytest.fixture
def postgresql_jobs(empty_postgres_url: str, databases: Callable[[str], Database]) -> StoreCase:
    """Jobs in a database of PostgreSQL, whose clock cannot be moved: the times are."""
    shifting = databases(empty_postgres_url)

    def advance(seconds: float) -> None:
        with shifting.engine.begin() as connection:
            for table, columns in _TIMES.items():
                changes = ", ".join(f"{each} = {each} - :seconds" for each in columns)
                connection.execute(text(f"UPDATE {table} SET {changes}"), {"seconds": seconds})

    return _sql_case(empty_postgres_url, databases, time.time, advance)


def _sql_case(
    url: str,
    databases: Callable[[str], Database],
    clock: Callable[[], float],
    advance: Callable[[float], None],
) -> StoreCase:
    """Return a case whose first store is on the engine that deliveries can join."""
    shared = databases(url).engine
    engines = itertools.chain([shared], (databases(url).engine for _ in itertools.count()))

    def make() -> JobStore:
        store = SqlStore(next(engines), clock=clock)
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
