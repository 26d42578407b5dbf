"""`TemporaryDatabases`: the databases of one run of tests.

::

    with TemporaryDatabases(Base.metadata) as databases:     # once for all tests
        with databases.open(mode="fresh") as factory:        # for each test
            database = factory("default", settings)
            with database.session() as session: ...

An application gets such databases within ``with part.overridden(factory)``, for its `DatabasePart`.
With pytest, the fixtures of `photon.pytest_plugin` do all of this.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

from .._database_settings import DatabaseSettings
from ..backends import database_url
from ..database import Database
from ..errors import DatabaseConfigurationError
from ..observability import DatabaseObserver
from ._lock_waits import explain_lock_waits
from ._mysql import MySqlDatabases
from ._postgresql import PostgresqlDatabases
from ._schema import Schema
from ._sqlite import SqliteDatabases

Mode: TypeAlias = Literal["rollback", "fresh"]
"""How a test leaves nothing behind.

``rollback``: all sessions share one connection, whose transaction is rolled back at the end.
``fresh``: the test has a database of its own.
"""

_Server: TypeAlias = SqliteDatabases | PostgresqlDatabases | MySqlDatabases
_MODES = ("rollback", "fresh")
_RUN_DIGITS = 8


class TemporaryDatabases:
    """The databases of one run of tests, in one process.

    Args:
        schema: What makes the tables: metadata, or a function that is called with the database, or
            a mapping from the names of several databases to these.
        run: Identifier of the run that several processes share; by default a new one.
        worker: Name of this process within the run.
    """

    def __init__(
        self, schema: Schema | Mapping[str, Schema], *, run: str = "", worker: str = ""
    ) -> None:
        """Make nothing yet."""
        self._schema = schema
        self._run = _identifier(run)
        self._worker = worker
        self._servers: dict[tuple[str, str], _Server] = {}

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Remove all databases of this process; see `close`."""
        self.close()

    @contextmanager
    def open(self, *, mode: Mode | None = None) -> Iterator[TemporaryDatabaseFactory]:
        """Yield the factory of the databases of one test, which are cleaned up at the end.

        Args:
            mode: By default ``rollback`` on PostgreSQL, ``fresh`` on the others. On SQLite every
                test has databases of its own in both modes, which costs less than a rollback. On
                MySQL every test has a database that is emptied afterwards, in both modes.

        Raises:
            DatabaseConfigurationError: ``mode`` is not one of the two.

        Blocks: the calling thread.
        """
        if mode is not None and mode not in _MODES:
            raise DatabaseConfigurationError(
                f"{mode!r} is not a way to clean up a test database: use rollback or fresh"
            )
        with ExitStack() as stack:
            yield TemporaryDatabaseFactory(self._databases, mode, stack)

    def close(self) -> None:
        """Remove all databases of this process.

        Blocks: the calling thread.
        """
        with ExitStack() as stack:
            for databases in self._servers.values():
                stack.callback(databases.close)
            self._servers = {}

    def _databases(self, settings: DatabaseSettings, name: str, folder: Path | None) -> _Server:
        url = database_url(settings.url, folder)
        key = name, url.render_as_string(hide_password=False)
        if key not in self._servers:
            kind = url.get_backend_name()
            schema = self._schema_of(name)
            if kind == "sqlite":
                self._servers[key] = SqliteDatabases(schema, settings, folder)
            else:
                server = PostgresqlDatabases if kind == "postgresql" else MySqlDatabases
                run = _identifier(f"{self._run} {name}")
                self._servers[key] = server(
                    schema, settings, url, folder, run=run, worker=self._worker
                )
        return self._servers[key]

    def _schema_of(self, name: str) -> Schema:
        schema = self._schema
        if not isinstance(schema, Mapping):
            return schema
        try:
            return schema[name]
        except KeyError:
            raise DatabaseConfigurationError(
                f"the schema of the test database {name!r} is missing; there are "
                f"{', '.join(sorted(schema)) or 'none'}"
            ) from None


class TemporaryDatabaseFactory:
    """Makes the databases of one test.

    It can be called several times for one database: the application and the test each get a
    `Database` with a pool of its own, and both see the same tables and rows.

    Args:
        servers: Returns the databases of a process for settings, name and folder.
        mode: How the databases are cleaned up; ``None`` for the default of their kind.
        stack: Is closed at the end of the test.
    """

    def __init__(
        self,
        servers: Callable[[DatabaseSettings, str, Path | None], _Server],
        mode: Mode | None,
        stack: ExitStack,
    ) -> None:
        """Make nothing yet."""
        self._servers = servers
        self._mode = mode
        self._stack = stack
        self._databases: list[Database] = []
        self._opened: dict[str, Callable[[DatabaseObserver | None], Database]] = {}

    def __call__(
        self,
        name: str,
        settings: DatabaseSettings,
        *,
        folder: Path | None = None,
        observer: DatabaseObserver | None = None,
    ) -> Database:
        """Return a new `Database`, in place of the one that ``settings`` name.

        Args:
            name: Name of the database; ``default`` for the section ``[database]``.
            settings: Settings of the application. The database that their address names is not
                touched.
            folder: Folder that a relative path of SQLite begins at.
            observer: Is informed of what the pool does.

        Raises:
            DatabaseConfigurationError: Tests cannot, or must not, make databases there.

        Blocks: the calling thread, at the first call for ``name``.
        """
        if name not in self._opened:
            self._opened[name] = self._open(self._servers(settings, name, folder), folder)
        database = self._opened[name](observer)
        self._stack.callback(database.close)
        self._databases.append(database)
        explain_lock_waits(database, self._databases)
        return database

    def _open(
        self, server: _Server, folder: Path | None
    ) -> Callable[[DatabaseObserver | None], Database]:
        if isinstance(server, PostgresqlDatabases) and self._mode != "fresh":
            return self._stack.enter_context(server.rollback())
        settings = self._stack.enter_context(server.fresh())
        return lambda observer: Database(settings, folder=folder, observer=observer)


def _identifier(text: str) -> str:
    """Return eight hexadecimal digits that depend on ``text``; random ones without it."""
    if not text:
        return secrets.token_hex(_RUN_DIGITS // 2)
    return hashlib.blake2b(text.encode(), digest_size=_RUN_DIGITS // 2).hexdigest()
