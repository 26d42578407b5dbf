"""Test databases: a copy for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

import fcntl
import gc
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from photon_lifeguard import (
    Database,
    DatabaseConfigurationError,
    DatabaseSettings,
)
from photon_lifeguard.testing import TemporaryDatabases, declared_metadata
from photon_runtime.testing import hub_thread
from servers.mariadb import MariaDBServer
from servers.postgres import PostgresServer

METADATA = MetaData()
POSTS = Table(
    "posts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("title", String(50), unique=True, nullable=False),
)


def with_first_post(database: Database) -> None:
    """Make the tables with a row in them, as a migration of data does."""
    METADATA.create_all(database.engine)
    write(database, "first")


def write(database: Database, *titles: str) -> None:
    with database.session() as session:
        for title in titles:
            session.execute(insert(POSTS).values(title=title))
        session.commit()


def titles(database: Database) -> list[str]:
    with database.session() as session:
        return sorted(session.scalars(select(POSTS.c.title)))


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(url=f"sqlite:///{tmp_path}/app.db", acquire_timeout=0.2)
    name = "postgres_url" if request.param == "postgresql" else "mysql_url"
    return DatabaseSettings(url=request.getfixturevalue(name), acquire_timeout=0.2)


@pytest.fixture
def temporary() -> Iterator[TemporaryDatabases]:
    with TemporaryDatabases(with_first_post) as databases:
        yield databases


def test_each_test_has_a_database_of_its_own(
    temporary: TemporaryDatabases, settings: DatabaseSettings
) -> None:
    for _ in range(3):
        with temporary.open(mode="fresh") as factory:
            first, second = factory("default", settings), factory("default", settings)
            assert titles(first) == ["first"]
            write(first, "a")
            with pytest.raises(IntegrityError):
                write(second, "a")
            thread = threading.Thread(target=write, args=(second, "thread"))
            thread.start()
            thread.join()
            with hub_thread() as hub:
                hub.call(write, first, "task")
            with second.engine.begin() as connection:
                connection.execute(text("CREATE TABLE made_by_the_test (id INTEGER)"))
            assert titles(first) == titles(second) == ["a", "first", "task", "thread"]


def test_two_tests_at_once_do_not_meet(
    temporary: TemporaryDatabases, settings: DatabaseSettings
) -> None:
    with temporary.open(mode="fresh") as one, temporary.open(mode="fresh") as other:
        first, second = one("default", settings), other("default", settings)
        write(first, "a")
        assert titles(second) == ["first"]


def test_several_databases_have_schemas_of_their_own(settings: DatabaseSettings) -> None:
    reports = MetaData()
    table = Table("reports", reports, Column("id", Integer, primary_key=True))
    with TemporaryDatabases({"default": METADATA, "reports": reports}) as temporary:
        with temporary.open() as factory:
            with factory("reports", settings).session() as session:
                assert session.scalar(select(func.count()).select_from(table)) == 0
            assert titles(factory("default", settings)) == []
        with temporary.open() as factory, pytest.raises(DatabaseConfigurationError, match="other"):
            factory("other", settings)


def test_the_kind_of_database_decides_without_a_mode(
    temporary: TemporaryDatabases, settings: DatabaseSettings
) -> None:
    with temporary.open() as factory:
        database = factory("default", settings)
        with database.session() as session, hub_thread() as hub:
            session.execute(insert(POSTS).values(title="a"))
            seen = hub.call(titles, database)
    is_shared = database.backend.name == "postgresql"
    assert seen == (["a", "first"] if is_shared else ["first"])


def test_an_unknown_mode_is_refused(temporary: TemporaryDatabases) -> None:
    mode: Any = "truncate"
    with pytest.raises(DatabaseConfigurationError, match="'truncate'"), temporary.open(mode=mode):
        pass


def test_the_database_of_the_settings_is_not_touched(
    temporary: TemporaryDatabases, tmp_path: Path
) -> None:
    (tmp_path / "app.db").write_text("precious")
    with temporary.open() as factory:
        write(factory("default", DatabaseSettings(), folder=tmp_path), "a")
    assert [path.name for path in tmp_path.iterdir()] == ["app.db"]
    assert (tmp_path / "app.db").read_text() == "precious"


@pytest.mark.slow
def test_a_request_that_waits_for_the_test_names_it(
    temporary: TemporaryDatabases, settings: DatabaseSettings
) -> None:
    with temporary.open(mode="fresh") as factory:
        database = factory("default", settings)
        with database.session() as session, hub_thread() as hub:
            session.execute(insert(POSTS).values(title="a"))
            with pytest.raises(OperationalError) as caught:
                hub.call(write, database, "a")
            session.commit()
        (note,) = caught.value.__notes__
        assert "commits what it has written" in note
        assert "test_lifeguard_testing.py" in note
        assert titles(database) == ["a", "first"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db.example.com/shop",
        "postgresql://10.0.0.7/shop_contest",
        "postgresql:///shop?host=db.example.com",
        "postgresql://localhost/shop?host=/run/postgresql&host=db.example.com",
    ],
)
def test_a_server_that_may_be_shared_is_refused(temporary: TemporaryDatabases, url: str) -> None:
    settings = DatabaseSettings(url=url)
    with temporary.open() as factory, pytest.raises(DatabaseConfigurationError) as caught:
        factory("default", settings)
    assert "must show that it is for tests" in str(caught.value)


def test_a_pooler_is_refused(temporary: TemporaryDatabases, postgres_url: str) -> None:
    settings = DatabaseSettings(url=postgres_url, transaction_pooling=True)
    refused = pytest.raises(DatabaseConfigurationError, match="transaction_pooling to false")
    with temporary.open() as factory, refused:
        factory("default", settings)


def test_a_session_that_is_left_open_ends_with_its_test(
    temporary: TemporaryDatabases, settings: DatabaseSettings
) -> None:
    forgotten = []
    for _ in range(3):
        with temporary.open() as factory:
            database = factory("default", settings)
            assert titles(database) == ["first"]
            session = database.session()
            session.execute(insert(POSTS).values(title="a"))
            forgotten.append(session)
    for session in forgotten:
        with suppress(Exception):
            session.close()


def test_files_of_killed_runs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photon_lifeguard.testing._sqlite._SHARED_MEMORY", tmp_path / "missing")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, running = (tmp_path / f"photon-test-databases-{name}" for name in ("a", "b"))
    for folder in (killed, running):
        folder.mkdir()
        (folder / "lock").touch()
    with (running / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with TemporaryDatabases(METADATA) as temporary, temporary.open() as factory:
            factory("default", DatabaseSettings())
            assert not killed.exists()
            assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [running]


def test_databases_of_killed_runs_are_removed(postgres_server: PostgresServer) -> None:
    def names() -> set[str]:
        rows = postgres_server.execute("SELECT datname FROM pg_database")
        return {name for (name,) in rows if name.startswith(("shop", "stranger"))}

    settings = DatabaseSettings(url=postgres_server.url.rpartition("/")[0] + "/shop")
    others = ["shop", "shop_test", "shop_test_0000000g", "stranger_test_00000000"]
    killed = ["shop_test_00000000", "shop_test_00000000_gw1", "shop_test_00000000_gw1_17"]
    for name in others + killed:
        postgres_server.execute(f'CREATE DATABASE "{name}"')
    try:
        with TemporaryDatabases(METADATA, run="one") as running, running.open() as factory:
            titles(factory("default", settings))
            alive = names() - set(others)
            assert alive.isdisjoint(killed)
            with TemporaryDatabases(METADATA, run="two") as second, second.open() as other:
                titles(other("default", settings))
            assert names() == {*others, *alive}
        assert names() == set(others)
    finally:
        for name in others:
            postgres_server.execute(f'DROP DATABASE "{name}"')


def test_databases_of_killed_runs_are_removed_from_mysql(mariadb_server: MariaDBServer) -> None:
    def names() -> set[str]:
        rows = mariadb_server.execute("SELECT schema_name FROM information_schema.schemata")
        return {name for (name,) in rows if name.startswith("shop")}

    settings = DatabaseSettings(url=mariadb_server.url.rpartition("/")[0] + "/shop")
    others = {"shop", "shop_test", "shop_test_0000000g_gw1_1"}
    killed = {"shop_test_00000000_gw1_1", "shop_test_00000000_gw1_1_rows"}
    for name in others | killed:
        mariadb_server.execute(f"CREATE DATABASE {name}")
    try:
        with TemporaryDatabases(with_first_post) as running, running.open() as factory:
            assert titles(factory("default", settings)) == ["first"]
            alive = names() - others
            assert alive.isdisjoint(killed)
            with TemporaryDatabases(METADATA) as second, second.open() as other:
                titles(other("default", settings))
            assert names() == others | alive
        assert names() == others
    finally:
        for name in others:
            mariadb_server.execute(f"DROP DATABASE {name}")


def test_processes_of_one_run_make_the_schema_once(postgres_url: str) -> None:
    made: list[str] = []

    def schema(database: Database) -> None:
        made.append(str(database.engine.url.database))
        with_first_post(database)

    settings = DatabaseSettings(url=postgres_url)
    workers = [TemporaryDatabases(schema, run="run", worker=f"gw{n}") for n in range(3)]

    def work(worker: TemporaryDatabases) -> None:
        for mode in ("rollback", "fresh"):
            with worker.open(mode=mode) as factory:
                database = factory("default", settings)
                write(database, "a")
                seen.append(titles(database))

    seen: list[list[str]] = []
    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.close()
    assert len(made) == 1
    assert seen == [["a", "first"]] * 6


def test_a_schema_that_fails_leaves_nothing(
    settings: DatabaseSettings, postgres_server: PostgresServer
) -> None:
    def schema(database: Database) -> None:
        raise ZeroDivisionError

    with TemporaryDatabases(schema) as temporary:
        for _ in range(2):
            with temporary.open() as factory, pytest.raises(ZeroDivisionError):
                factory("default", settings)
    names = postgres_server.execute("SELECT datname FROM pg_database WHERE datname LIKE '%test_%'")
    assert names == []


FIND_TABLES = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from photon_lifeguard.testing import declared_metadata

class Base(DeclarativeBase): ...
class Empty(DeclarativeBase): ...
class Found(Base):
    __tablename__ = "found"
    id: Mapped[int] = mapped_column(primary_key=True)

assert declared_metadata() == [Base.metadata]
"""


def test_the_tables_of_all_declarative_bases_are_found() -> None:
    # In a process of its own: other tests declare tables, too.
    subprocess.run([sys.executable, "-c", FIND_TABLES], check=True)


def test_one_table_of_two_declarative_bases_is_refused() -> None:
    def declare() -> None:
        class One(DeclarativeBase):
            metadata = METADATA

        class Other(DeclarativeBase):
            pass

        class Post(Other):
            __tablename__ = "posts"
            id: Mapped[int] = mapped_column(primary_key=True)

        with pytest.raises(DatabaseConfigurationError, match="have the table posts"):
            declared_metadata()

    declare()
    gc.collect()  # the classes would be seen by other tests
