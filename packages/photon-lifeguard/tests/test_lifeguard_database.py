from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseConfigurationError, DatabaseSettings
from photon_runtime.testing import in_hub


@in_hub
def test_a_database_in_memory_has_one_connection_that_is_never_replaced() -> None:
    database = Database(DatabaseSettings(url="sqlite://", max_lifetime=0.001, pool_size=10))
    with database.life():
        with database.transaction() as session:
            session.execute(text("CREATE TABLE numbers (x INTEGER)"))

        def insert() -> None:
            with database.transaction() as session:
                session.execute(text("INSERT INTO numbers VALUES (1)"))

        with rt.scope() as scope:
            for _ in range(20):
                scope.spawn(insert)
        with database.session() as session:
            assert session.scalar(text("SELECT count(*) FROM numbers")) == 20


@in_hub
def test_a_cancelled_statement_does_not_lose_a_database_in_memory() -> None:
    database = Database(DatabaseSettings(url="sqlite://"))
    endless = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    )
    with database.life():
        with database.transaction() as session:
            session.execute(text("CREATE TABLE numbers (x INTEGER)"))
        with (
            pytest.raises(rt.DeadlineExceeded),
            rt.deadline(0.1),
            database.session() as session,
        ):
            session.execute(text(endless))
        with database.session() as session:
            assert session.scalar(text("SELECT count(*) FROM numbers")) == 0


def test_a_relative_path_begins_at_the_folder(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url="sqlite:///app.db"), folder=tmp_path)
    database.check()
    database.close()
    assert (tmp_path / "app.db").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "not an address"),
        ("oracle://host/name", "driver oracle is not supported"),
        ("postgresql+asyncpg://host/name", "asyncpg is not supported"),
        ("sqlite+aiosqlite:///x", "aiosqlite is not supported"),
        ("", "not an address"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, message: str) -> None:
    with pytest.raises(DatabaseConfigurationError, match=message):
        Database(DatabaseSettings(url=url))


@pytest.mark.parametrize("url", ["postgres://h/d", "postgresql://h/d", "postgresql+psycopg://h/d"])
def test_postgresql_means_psycopg(url: str) -> None:
    assert Database(DatabaseSettings(url=url)).engine.driver == "psycopg"


def test_the_password_is_not_shown() -> None:
    database = Database(DatabaseSettings(url="postgresql://u:secret@h/d"))
    assert "secret" not in repr(database.engine) + repr(database) + str(database.engine.url)
    settings = DatabaseSettings(
        url="postgresql://u:sec@ret@h/d", replicas=("mysql://u:secret@h/d",)
    )
    assert "postgresql://u:***@h/d" in repr(settings)
    assert "ret" not in repr(settings).replace("secrets", "")


def test_the_environment_replaces_the_address() -> None:
    settings = DatabaseSettings(url="sqlite:///a.db")
    other = {"DATABASE_URL": "sqlite:///b.db"}
    assert settings.with_environment({}).url == "sqlite:///a.db"
    assert settings.with_environment(other).url == "sqlite:///b.db"
    assert settings.with_environment(other | {"PHOTON__DATABASE__URL": "x"}) is settings


def test_a_session_may_be_of_a_class_of_the_application(tmp_path: Path) -> None:
    class Reports(Session):
        pass

    database = Database(DatabaseSettings(url="sqlite:///app.db"), folder=tmp_path)
    with database.session(Reports) as session:
        assert isinstance(session, Reports)
        assert session.scalar(text("SELECT 1")) == 1
    database.close()


@pytest.mark.slow
def test_a_child_process_opens_connections_of_its_own(postgres_url: str) -> None:
    database = Database(DatabaseSettings(url=postgres_url, pool_size=1))
    query = text("SELECT pg_backend_pid()")
    with database.session() as session:
        mine = session.scalar(query)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with database.session() as session:
                os.write(writer, str(session.scalar(query)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    theirs = os.read(reader, 100).decode()
    os.close(reader)
    assert os.waitpid(child, 0)[1] == 0
    assert theirs
    assert theirs != str(mine)
    with database.session() as session:
        assert session.scalar(query) == mine
    database.close()


def test_a_script_finds_the_databases_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photon.toml").write_text(
        '[database]\nurl = "sqlite:///a.db"\n[database.reports]\nurl = "sqlite:///b.db"\n'
    )
    (tmp_path / "scripts").mkdir()
    monkeypatch.chdir(tmp_path / "scripts")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, file in ((None, "a.db"), ("reports", "b.db")):
        database = Database.of_project(name)
        database.check()
        database.close()
        assert (tmp_path / file).exists()
    with pytest.raises(DatabaseConfigurationError, match=r"\[database.other\]; there are reports"):
        Database.of_project("other")
