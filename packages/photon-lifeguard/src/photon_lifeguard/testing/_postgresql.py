"""Test databases of PostgreSQL: one connection that is rolled back, or a copy for each test.

Theory of operation. The schema is made once for each run, in a template. ``rollback`` uses one copy
of it for all tests of a process, and one connection, which stays open from test to test. ``fresh``
copies the template for each test; while a test runs, a thread makes the copy for the next one and
removes the previous one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy.engine import URL

from .._database_settings import DatabaseSettings
from ..backends import backend_for
from ..database import Database
from ..observability import DatabaseObserver
from ._lock_waits import with_lock_timeout
from ._schema import Schema, create_schema
from ._server_databases import ServerDatabases
from ._shared_backend import SharedBackend, SharedConnectionView
from ._shared_connection import SharedConnection


class PostgresqlDatabases:
    """The test databases of one process on one server.

    Args:
        schema: What makes the tables.
        settings: Settings of the database.
        url: Its address.
        folder: Folder of the project.
        run: Identifier of the run of tests.
        worker: Name of the process within the run.
    """

    def __init__(
        self,
        schema: Schema,
        settings: DatabaseSettings,
        url: URL,
        folder: Path | None,
        *,
        run: str,
        worker: str,
    ) -> None:
        """Make the template, unless another process of the run has made it.

        Blocks: the calling thread.
        """
        self._folder = folder
        self._settings = attrs.evolve(settings, replicas=())
        self._server = ServerDatabases(url, self._settings, run=run, worker=worker)
        self._copies = _Copies(self._server)
        self._connection: Any = None
        try:
            self._make_template(schema)
        except BaseException:
            self.close()
            raise

    def _make_template(self, schema: Schema) -> None:
        with self._server.making_template() as is_missing:
            if not is_missing:
                return
            database = Database(self._settings_of(self._server.template), folder=self._folder)
            try:
                create_schema(database, schema)
            finally:
                database.close()

    def _settings_of(self, name: str) -> DatabaseSettings:
        return attrs.evolve(self._settings, url=self._server.address(name))

    @contextmanager
    def fresh(self) -> Iterator[DatabaseSettings]:
        """Yield the settings of a new database, which is removed after the block."""
        name = self._copies.take()
        try:
            url = with_lock_timeout(self._server_url(name), self._settings)
            address = url.render_as_string(hide_password=False)
            yield attrs.evolve(self._settings, url=address)
        finally:
            self._copies.remove(name)

    @contextmanager
    def rollback(self) -> Iterator[Callable[[DatabaseObserver | None], Database]]:
        """Yield a function that returns databases on one connection, and roll back at the end."""
        name = f"{self._server.prefix}_shared"
        settings = self._settings_of(name)
        if self._connection is None:
            self._server.drop(name)
            self._server.copy(name)
        if self._connection is None or self._connection.closed:
            self._connection = self._server.connect(name)
        backend = backend_for(self._server_url(name), settings)
        shared = SharedConnection(self._connection, backend, turn_timeout=settings.acquire_timeout)
        try:
            yield lambda observer: self._shared_database(shared, settings, observer)
        finally:
            if not shared.end():
                self._connection.close()

    def _shared_database(
        self,
        shared: SharedConnection,
        settings: DatabaseSettings,
        observer: DatabaseObserver | None,
    ) -> Database:
        database = Database(
            settings, folder=self._folder, observer=observer, backend=SharedBackend(shared)
        )

        def get_driver_connection(connection: SharedConnectionView) -> Any:
            return connection.shared.connection

        database.engine.dialect.__dict__.update(get_driver_connection=get_driver_connection)
        with shared.exclusively():  # the dialect looks types up on the driver's connection
            database.engine.connect().close()
        return database

    def _server_url(self, name: str) -> URL:
        return self._server.url.set(database=name)

    def close(self) -> None:
        """Remove the databases of this process.

        Blocks: the calling thread.
        """
        self._copies.close()
        if self._connection is not None:
            self._connection.close()
        self._server.close()


class _Copies:
    """Copies of the template, the next one made ahead."""

    def __init__(self, server: ServerDatabases) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._thread = ThreadPoolExecutor(1, "photon-test-databases")
        self._next: Future[str] | None = None
        self._used = ""

    def take(self) -> str:
        """Return the name of a new database."""
        following, self._next = self._next, None
        name = (following or self._thread.submit(self._make)).result()
        self._next = self._thread.submit(self._make)
        return name

    def remove(self, name: str) -> None:
        """Remove a database, in the background and a test later.

        The server waits 100 ms for connections that are about to end.
        """
        previous, self._used = self._used, name
        if previous:
            self._thread.submit(self._server.drop, previous)

    def close(self) -> None:
        """Wait for the thread; the databases that are left are removed with those of the run."""
        self._thread.shutdown()

    def _make(self) -> str:
        name = f"{self._server.prefix}_{next(self._numbers)}"
        self._server.copy(name)
        return name
