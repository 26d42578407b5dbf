from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select, text

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.observability import DatabaseObserver
from photon_lifeguard.observability import _slow_log as slow_log
from photon_lifeguard.observability._slow_log import SlowLog
from photon_lifeguard.pool import purpose
from photon_runtime.testing import in_hub

LOGGER = "photon.database.slow"


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    database = Database(DatabaseSettings(url=postgres_url, slow_query=0.03))
    yield database
    database.close()


def slow(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == LOGGER]


def settle(database: Database) -> None:
    """Wait until connections that were cancelled, or carry state, are cleaned up."""
    with rt.deadline(10):
        while database.pool.in_use:
            rt.sleep(0.005)


@in_hub
def test_a_slow_statement_is_logged_with_its_line_and_without_values(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with purpose("GET /posts"), database.session() as session:
        statement = text("SELECT pg_sleep(0.05), 'secret', CAST(:name AS text)")
        session.execute(statement, {"name": "hidden"})
    [record] = slow(caplog)
    assert record.getMessage().startswith("slow statement: SELECT took 0.0")
    assert f"at {__file__}:" in record.getMessage()
    assert record.getMessage().endswith("(GET /posts)")
    fields = vars(record)
    assert fields["statement"] == "SELECT pg_sleep(?), ?, CAST(%(name)s AS text)"
    assert fields["parameters"] == "name: str(6)"
    assert fields["rows"] == 1
    assert fields["duration_ms"] >= 50
    assert (fields["database"], fields["role"]) == ("default", "primary")
    assert "secret" not in str(fields)
    assert "hidden" not in str(fields)


@in_hub
def test_a_fast_statement_is_not_logged(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.session() as session:
        session.execute(select(1))
    assert slow(caplog) == []


@in_hub
def test_a_statement_that_is_cancelled_late_is_logged(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.session() as session, pytest.raises(rt.DeadlineExceeded), rt.deadline(0.5):
        session.execute(select(func.pg_sleep(5)))
    settle(database)
    [record] = slow(caplog)
    assert vars(record)["error"] == "Cancelled"


@in_hub
def test_a_slow_commit_is_logged(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TEMP TABLE slow (a int)"))
        session.execute(
            text(
                "CREATE FUNCTION pg_temp.waits() RETURNS trigger LANGUAGE plpgsql "
                "AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END $$"
            )
        )
        session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON slow DEFERRABLE INITIALLY "
                "DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.waits()"
            )
        )
        session.execute(text("INSERT INTO slow VALUES (1)"))
    settle(database)
    [record] = slow(caplog)
    assert record.getMessage().startswith("slow statement: COMMIT took 0.0")


@in_hub
def test_zero_logs_nothing(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(DatabaseSettings(url=postgres_url, slow_query=0))
    with database.session() as session:
        session.execute(select(func.pg_sleep(0.01)))
    database.close()
    assert slow(caplog) == []


class Counting(DatabaseObserver):
    def __init__(self) -> None:
        super().__init__()
        self.slow = 0

    def was_slow(self) -> None:
        self.slow += 1


def test_a_slow_database_does_not_flood_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(slow_log, "monotonic", lambda: now)
    observer = Counting()
    log = SlowLog(0.1, observer, "postgresql")
    for _ in range(500):
        log.report("SELECT 1", (), 0.2, rows=None, error=None)
    assert len(slow(caplog)) == 20
    now += 10.0
    log.report("SELECT 1", (), 0.2, rows=None, error=None)
    assert "480 more slow statements were not logged" in caplog.text
    assert len(slow(caplog)) == 22
    assert observer.slow == 501
