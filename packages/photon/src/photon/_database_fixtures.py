"""The fixtures of databases; `photon.pytest_plugin` exports them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from photon_lifeguard import Database, DatabasePart, Databases
    from photon_lifeguard.testing import Mode, TemporaryDatabases

MARKER = "database"
OPTION = "photon_database"


def add_option(parser: pytest.Parser) -> None:
    """Add the ini option that chooses how test databases are cleaned up."""
    text = "rollback or fresh: how test databases are cleaned up; by default, as their kind allows"
    parser.addini(OPTION, text, default="")


def add_marker(config: pytest.Config) -> None:
    """Register the marker that chooses it for one test."""
    text = f'{MARKER}(mode): "rollback" or "fresh": how the databases of the test are cleaned up'
    config.addinivalue_line("markers", text)


@pytest.fixture(scope="session")
def database_schema() -> Any:
    """What makes the tables: metadata, a function of a `Database`, or a mapping of names to these.

    By default the migrations of the project, or without any the tables of all declarative bases.
    """
    return _create_tables


@pytest.fixture(scope="session")
def photon_temporary_databases(database_schema: Any) -> Iterator[TemporaryDatabases]:
    """The test databases of this process, removed at the end of the session."""
    from photon_lifeguard.testing import TemporaryDatabases

    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    with TemporaryDatabases(database_schema, run=run, worker=worker) as databases:
        yield databases


@pytest.fixture
def photon_databases(app: Any, request: pytest.FixtureRequest) -> Iterator[Databases | None]:
    """The databases of a test, which ``app`` uses as well; ``None`` for one without a database."""
    part = _database_part(app)
    if part is None:
        yield None
        return
    temporary: TemporaryDatabases = request.getfixturevalue("photon_temporary_databases")
    with temporary.open(mode=_mode(request)) as factory, part.overridden(factory):
        yield part.new_databases(app)


@pytest.fixture(autouse=True)
def photon_no_real_database(request: pytest.FixtureRequest) -> None:
    """Give every test that uses ``app`` temporary databases, also if it makes its own client."""
    if "app" in request.fixturenames and "photon_lifeguard" in sys.modules:
        request.getfixturevalue("photon_databases")


@pytest.fixture
def databases(photon_databases: Databases | None) -> Databases:
    """The databases of the application."""
    if photon_databases is None:
        pytest.fail(
            "the application has no database: add photon_lifeguard.DatabasePart() to it, or "
            "override the fixture `app`",
            pytrace=False,
        )
    return photon_databases


@pytest.fixture
def database(databases: Databases) -> Database:
    """The database of the section ``[database]``."""
    return databases.default


@pytest.fixture
def db(database: Database) -> Iterator[Any]:
    """A `sqlalchemy.orm.Session` of the application's database.

    Requests see what it has committed. After a commit it reads every object anew, so that it shows
    what requests have changed.
    """
    with database.session() as session:
        session.expire_on_commit = True
        yield session


def _database_part(app: Any) -> DatabasePart | None:
    if "photon_lifeguard" not in sys.modules:
        return None  # without importing it: the application has not done so
    from photon_lifeguard import DatabasePart

    parts = getattr(app, "parts", ())
    return next((part for part in parts if isinstance(part, DatabasePart)), None)


def _mode(request: pytest.FixtureRequest) -> Mode | None:
    marker = request.node.get_closest_marker(MARKER)
    if marker is None:
        configured: Mode | None = request.config.getini(OPTION) or None
        return configured
    if len(marker.args) != 1 or marker.kwargs:
        raise pytest.UsageError(f'@pytest.mark.{MARKER} needs one argument: "rollback" or "fresh"')
    mode: Mode = marker.args[0]
    return mode


def _create_tables(database: Database) -> None:
    from photon_lifeguard.testing import declared_metadata

    folder = (database.folder or Path.cwd()) / database.settings.migrations
    if any(folder.glob("*.py")):
        from photon_lifeguard.migrations import migrate

        migrate(database)
        return
    for metadata in declared_metadata():
        metadata.create_all(database.engine)
