from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings, DatabaseUnavailable, PoolExhausted
from photon_lifeguard.observability import DatabaseMetrics
from photon_runtime.observability import Meter
from photon_runtime.testing import in_hub


@attrs.define
class Figures:
    """A database, and its metrics as they are read."""

    meter: Meter
    database: Database

    def read(self) -> dict[str, float]:
        lines = self.meter.page()[0].decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("photon_database_"))
        server = 'database="shop",role="primary"'
        return {
            name.removeprefix("photon_database_")
            .replace(f"{{{server}}}", "")
            .replace(f"{server},", "")
            .replace(f",{server}", "")
            .replace('database="shop",', "")
            .replace(',role="primary"', ""): float(value)
            for name, value in pairs
        }


@pytest.fixture
def figures(postgres_url: str) -> Iterator[Figures]:
    meter = Meter()
    meter.expose()
    metrics = DatabaseMetrics(meter)
    settings = DatabaseSettings(url=postgres_url, pool_size=2, max_waiting=7, acquire_timeout=0.05)
    database = Database(settings, observer=metrics.observer("shop"))
    metrics.observe("shop", database)
    yield Figures(meter, database)
    database.close()


def settle(database: Database) -> None:
    """Wait until connections that were cancelled, or carry state, are cleaned up."""
    with rt.deadline(10):
        while database.pool.in_use:
            rt.sleep(0.005)


@in_hub
def test_connections_are_shown_with_their_limits(figures: Figures) -> None:
    with figures.database.session() as session:
        session.execute(select(1))
        figures_now = figures.read()
        assert figures_now["active_connections"] == 1
        assert figures_now["idle_connections"] == 0
        assert figures_now["pool_size"] == 2
        assert figures_now["max_waiting_callers"] == 7
        assert figures_now["waiting_callers"] == 0
    figures_now = figures.read()
    assert figures_now["active_connections"] == 0
    assert figures_now["idle_connections"] == 1
    assert figures_now["connections_opened_total"] == 1
    assert figures_now["connection_wait_time_seconds_count"] == 1
    assert figures_now["connection_hold_time_seconds_count"] == 1
    assert figures_now["connection_hold_time_seconds_sum"] > 0


@in_hub
def test_waiting_and_refused_callers_are_counted(figures: Figures) -> None:
    database = figures.database
    seen = []

    def waiter() -> None:
        with pytest.raises(PoolExhausted), database.session() as session:
            session.execute(select(1))

    with database.session() as first, database.session() as second:
        first.execute(select(1))
        second.execute(select(1))
        with rt.scope() as scope:
            scope.spawn(waiter)
            rt.yield_now()
            rt.yield_now()
            seen.append(figures.read()["waiting_callers"])
    assert seen == [1]
    assert figures.read()['pool_acquire_timeout_total{reason="timeout"}'] == 1
    assert figures.read()["connection_wait_time_seconds_count"] == 3


@in_hub
def test_statements_and_their_errors_are_counted(figures: Figures) -> None:
    figures.database.check()  # the first connection executes statements of its own
    before = figures.read()["query_duration_seconds_count"]
    with figures.database.session() as session:
        session.execute(select(1))
        session.execute(text("SELECT 1"))
        with pytest.raises(DBAPIError):
            session.execute(text("SELECT nothing"))
    with (
        figures.database.session() as session,
        pytest.raises(rt.DeadlineExceeded),
        rt.deadline(0.05),
    ):
        session.execute(select(func.pg_sleep(5)))
    settle(figures.database)
    figures_now = figures.read()
    assert figures_now["query_duration_seconds_count"] - before == 4
    assert figures_now['query_errors_total{error="UndefinedColumn"}'] == 1
    assert figures_now['query_errors_total{error="Cancelled"}'] == 1


@in_hub
def test_transactions_are_counted_by_their_outcome(figures: Figures) -> None:
    database = figures.database
    database.check()  # the first connection has a transaction of its own
    before = figures.read()
    with database.session() as session:
        session.execute(select(1))
        session.commit()  # of nothing: there was no transaction
    with database.transaction() as session:
        session.execute(text("CREATE TABLE seen (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        1 // 0  # noqa: B018
    with pytest.raises(DBAPIError), database.transaction() as session:
        session.execute(text("INSERT INTO seen VALUES (1), (1)"))
    figures_now = figures.read()
    with database.transaction() as session:
        session.execute(text("DROP TABLE seen"))
    names = [f'transactions_total{{outcome="{outcome}"}}' for outcome in ("commit", "rollback")]
    assert [figures_now[name] - before[name] for name in names] == [1, 2]
    name = "begin_time_seconds_count"
    assert figures_now[name] - before[name] == 3


@in_hub
def test_closed_connections_are_counted_by_the_reason(figures: Figures) -> None:
    database = figures.database
    with pytest.raises(DBAPIError), database.session() as session:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with database.session() as session:
        session.execute(select(1))
    database.close()
    figures_now = figures.read()
    assert figures_now['connections_closed_total{reason="lost"}'] == 1
    assert figures_now['connections_closed_total{reason="closed"}'] == 1


@in_hub
def test_failed_attempts_to_connect_are_counted() -> None:
    meter = Meter()
    metrics = DatabaseMetrics(meter)
    settings = DatabaseSettings(url="postgresql://127.0.0.1:1/x", acquire_timeout=0.2)
    database = Database(settings, observer=metrics.observer("shop"))
    metrics.observe("shop", database)
    with pytest.raises(DatabaseUnavailable):
        database.check()
    meter.expose()
    figures = Figures(meter, database).read()
    assert figures["connect_failures_total"] >= 1
    assert figures["server_down"] == 1


def test_the_lag_of_replicas_is_shown() -> None:
    meter = Meter()
    meter.expose()
    metrics = DatabaseMetrics(meter)
    metrics.set_replica_lag("shop", "10.0.0.2:5432", 1.5)
    assert 'lag_seconds{database="shop",replica="10.0.0.2:5432"} 1.5' in meter.page()[0].decode()


def test_roles_of_one_database_are_different_series(postgres_url: str) -> None:
    meter = Meter()
    meter.expose()
    metrics = DatabaseMetrics(meter)
    for role in ("primary", "replica"):
        settings = DatabaseSettings(url=postgres_url)
        database = Database(settings, observer=metrics.observer("shop", role))
        metrics.observe("shop", database, role)
        database.check()
        database.close()
    page = meter.page()[0].decode()
    for role in ("primary", "replica"):
        assert f'connections_opened_total{{database="shop",role="{role}"}} 1.0' in page
        assert f'pool_size{{database="shop",role="{role}"}} 10.0' in page
