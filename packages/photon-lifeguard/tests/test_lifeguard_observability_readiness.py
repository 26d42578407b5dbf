from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import event, func, select

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings, DatabaseUnavailable
from photon_lifeguard.observability import DatabaseObserver
from photon_runtime.testing import in_hub
from servers import PostgresServer, run_postgres


class Counting(DatabaseObserver):
    """Counts statements and new connections."""

    def __init__(self) -> None:
        super().__init__()
        self.statements = self.connections = 0

    def executed(self, seconds: float) -> None:
        self.statements += 1

    def opened(self) -> None:
        self.connections += 1


def made(url: str, **settings: float) -> tuple[Database, Counting]:
    counts = Counting()
    options = DatabaseSettings(url=url, **settings)  # type: ignore[arg-type]
    return Database(options, observer=counts), counts


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this file's own, which may be stopped."""
    with run_postgres() as server:
        yield server


@in_hub
def test_checks_at_the_same_time_share_one_query(postgres_url: str) -> None:
    database, counts = made(postgres_url)
    database.check_readiness()
    counts.statements = 0
    # The query lasts until every task has begun, however busy the machine is.
    event.listen(database.engine, "before_cursor_execute", lambda *_: rt.sleep(0.2))
    with rt.scope() as scope:
        for _ in range(50):
            scope.spawn(database.check_readiness)
    assert counts.statements <= 2
    assert counts.connections == 1
    database.check_readiness()
    assert counts.statements <= 3  # a later check asks again
    database.close()


@in_hub
def test_while_all_connections_are_in_use_requests_prove_that_the_database_works(
    postgres_url: str,
) -> None:
    database, counts = made(postgres_url, pool_size=2)
    with database.session() as session:
        session.execute(select(1))
        counts.statements = 0
        database.check_readiness()
    assert counts.statements == 0
    assert counts.connections == 1
    database.close()


@in_hub
def test_connections_that_do_nothing_prove_nothing(postgres_url: str) -> None:
    database, _ = made(postgres_url, pool_size=1, connect_timeout=0.2)

    def use() -> None:
        with database.session() as session:
            session.execute(select(func.pg_sleep(3)))

    task = rt.spawn(use)
    while not database.pool.holders():
        rt.sleep(0.01)
    rt.sleep(0.05)
    database._check_readiness._watch.last_success -= 10  # as if it had been ten seconds ago
    begun = time.monotonic()
    with pytest.raises(
        DatabaseUnavailable,
        match="1 in use",
    ):
        database.check_readiness()
    assert time.monotonic() - begun < 2
    task.cancel()
    task.join()
    while database.pool.in_use:
        rt.sleep(0.01)
    database.close()


@pytest.mark.slow
@in_hub
def test_a_server_that_stops_fails_the_check_until_it_is_back(server: PostgresServer) -> None:
    database, _ = made(server.url, connect_timeout=0.5)
    database.check_readiness()
    rt.offload(server.stop, immediate=True)
    begun = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        database.check_readiness()
    assert time.monotonic() - begun < 5
    rt.offload(server.start)
    begun = time.monotonic()
    while True:
        try:
            database.check_readiness()
            break
        except Exception:
            assert time.monotonic() - begun < 5
            rt.sleep(0.05)
    database.close()


@pytest.mark.slow
@in_hub
def test_a_server_that_does_not_respond_fails_the_check_in_time(server: PostgresServer) -> None:
    database, _ = made(server.url, connect_timeout=0.5)
    database.check_readiness()
    with server.paused():
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            database.check_readiness()
        assert time.monotonic() - begun < 2
    while database.pool.in_use:
        rt.sleep(0.01)
    database.check_readiness()
    database.close()
