"""Test databases of MySQL and MariaDB: one for each process, emptied after each test.

Theory of operation. MySQL does not copy databases, and statements of DDL end a transaction. So each
process makes a database with the schema, and a second one with the rows that the schema began with.
After a test the tables that have rows are emptied, which also resets their identifiers, and the
first rows are inserted again. A test that changed the tables themselves costs a new database.

The database has a lock of the server, held by a connection of the process. A process first removes
the databases without a lock: those of processes that were killed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from .._database_settings import DatabaseSettings
from ..backends import backend_for
from ..database import Database
from ..errors import DatabaseConfigurationError
from ._lock_waits import with_lock_timeout
from ._refusal import is_test_name, refuse_shared_server
from ._schema import Schema, create_schema

_MAX_NAME = 64
_RESERVED = 32  # for the run, the worker, a number and the suffix
_ROWS = "_rows"
_LOCK_WAIT = (
    10  # seconds; by default a statement waits a day for a transaction of a forgotten session
)


class MySqlDatabases:
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
        """Connect to the server, and remove the databases of processes that have ended.

        Raises:
            DatabaseConfigurationError: Tests make no databases on that server.

        Blocks: the calling thread.
        """
        refuse_shared_server(url, settings)
        name = url.database or "photon"
        base = (name if is_test_name(name) else f"{name}_test")[: _MAX_NAME - _RESERVED]
        self._schema = schema
        self._folder = folder
        self._settings = attrs.evolve(settings, replicas=(), statement_timeout=0.0)
        self._url = url
        self._prefix = f"{base}_{run}_{worker or 'main'}"
        self._numbers = itertools.count(1)
        self._clean: list[_Copy] = []
        self._connection = self._connect()
        try:
            self._execute(f"SET SESSION lock_wait_timeout = {_LOCK_WAIT}")
            self._remove_ended(base)
            self._lock()
        except BaseException:
            self._connection.close()
            raise

    def _lock(self) -> None:
        if self._value("SELECT GET_LOCK(%s, 10)", _lock_of(self._prefix)) != 1:
            raise DatabaseConfigurationError(
                f"another process uses the test databases {self._prefix}: give each process of a "
                "run a name of its own"
            )

    def _connect(self) -> Any:
        url = self._url.set(database=None)
        dialect = create_engine(url).dialect
        return backend_for(url, self._settings).connector(dialect, url, self._settings)()

    @contextmanager
    def fresh(self) -> Iterator[DatabaseSettings]:
        """Yield the settings of a clean database, which is cleaned again at the end."""
        copy = self._clean.pop() if self._clean else self._new_copy()
        try:
            yield self._settings_of(copy.name)
        finally:
            self._end_connections(copy.name)
            if self._is_cleaned(copy):
                self._clean.append(copy)
            else:
                self._drop(copy.name)

    def close(self) -> None:
        """Remove the databases of this process.

        Blocks: the calling thread.
        """
        try:
            for name in self._names(self._prefix):
                self._execute(f"DROP DATABASE IF EXISTS {_quoted(name)}")
        finally:
            self._connection.close()

    # -- making ------------------------------------------------------------------------------------

    def _new_copy(self) -> _Copy:
        name = f"{self._prefix}_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {_quoted(name)}")
        try:
            database = Database(self._settings_of(name), folder=self._folder)
            try:
                create_schema(database, self._schema)
            finally:
                database.close()
            return self._described(name)
        except BaseException:
            self._drop(name)
            raise

    def _described(self, name: str) -> _Copy:
        tables = self._tables(name)
        filled = self._filled(name, tables)
        if filled:
            self._execute(f"CREATE DATABASE {_quoted(name + _ROWS)}")
        for table in filled:
            self._execute(
                f"CREATE TABLE {_quoted(name + _ROWS)}.{_quoted(table)} "
                f"AS SELECT * FROM {_quoted(name)}.{_quoted(table)}"
            )
        return _Copy(name, tables, self._columns(name), filled)

    def _settings_of(self, name: str) -> DatabaseSettings:
        url = with_lock_timeout(self._url.set(database=name), self._settings)
        return attrs.evolve(self._settings, url=url.render_as_string(hide_password=False))

    # -- cleaning ----------------------------------------------------------------------------------

    def _is_cleaned(self, copy: _Copy) -> bool:
        """Clean a database; return whether its tables are those of the schema."""
        if self._tables(copy.name) != copy.tables or self._columns(copy.name) != copy.columns:
            return False
        changed = {*self._filled(copy.name, copy.tables), *copy.filled}
        if not changed:
            return True
        self._execute("SET FOREIGN_KEY_CHECKS = 0")
        try:
            for table in sorted(changed):
                self._execute(f"TRUNCATE {_quoted(copy.name)}.{_quoted(table)}")
            for table in copy.filled:
                self._fill(copy, table)
        finally:
            self._execute("SET FOREIGN_KEY_CHECKS = 1")
        return True

    def _end_connections(self, name: str) -> None:
        """End the connections of sessions that were not closed."""
        for (number,) in self._rows(
            "SELECT id FROM information_schema.processlist WHERE db = %s", name
        ):
            with suppress(Exception):  # it has ended by itself
                self._execute(f"KILL {number}")

    def _fill(self, copy: _Copy, table: str) -> None:
        columns = ", ".join(
            _quoted(column)
            for name, column, extra, *_ in copy.columns
            if name == table and "GENERATED" not in extra.upper().replace("DEFAULT_GENERATED", "")
        )
        self._execute(
            f"INSERT INTO {_quoted(copy.name)}.{_quoted(table)} ({columns}) "
            f"SELECT {columns} FROM {_quoted(copy.name + _ROWS)}.{_quoted(table)}"
        )

    def _drop(self, name: str) -> None:
        for each in (name, name + _ROWS):
            self._execute(f"DROP DATABASE IF EXISTS {_quoted(each)}")

    # -- looking -----------------------------------------------------------------------------------

    def _tables(self, name: str) -> tuple[str, ...]:
        rows = self._rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s "
            "AND table_type = 'BASE TABLE' ORDER BY table_name",
            name,
        )
        return tuple(table for (table,) in rows)

    def _columns(self, name: str) -> tuple[tuple[str, ...], ...]:
        rows = self._rows(
            "SELECT table_name, column_name, extra, column_type, is_nullable, column_key "
            "FROM information_schema.columns WHERE table_schema = %s "
            "ORDER BY table_name, ordinal_position",
            name,
        )
        return tuple(tuple(row) for row in rows)

    def _filled(self, name: str, tables: Sequence[str]) -> tuple[str, ...]:
        """Return the tables that have rows."""
        queries = [
            f"SELECT {index} FROM DUAL WHERE EXISTS "
            f"(SELECT 1 FROM {_quoted(name)}.{_quoted(table)})"
            for index, table in enumerate(tables)
        ]
        if not queries:
            return ()
        return tuple(tables[index] for (index,) in self._rows(" UNION ALL ".join(queries)))

    def _names(self, prefix: str) -> list[str]:
        query = (
            "SELECT schema_name FROM information_schema.schemata WHERE LEFT(schema_name, %s) = %s"
        )
        return [name for (name,) in self._rows(query, len(prefix) + 1, f"{prefix}_")]

    def _remove_ended(self, base: str) -> None:
        pattern = re.compile(rf"({re.escape(base)}_[0-9a-f]{{8}}_[a-z0-9]+)_\d+(?:{_ROWS})?")
        matches = [match for name in self._names(base) if (match := pattern.fullmatch(name))]
        for prefix in sorted({match[1] for match in matches}):
            if self._value("SELECT GET_LOCK(%s, 0)", _lock_of(prefix)) != 1:
                continue
            for name in self._names(prefix):
                self._execute(f"DROP DATABASE IF EXISTS {_quoted(name)}")
            self._value("SELECT RELEASE_LOCK(%s)", _lock_of(prefix))

    def _rows(self, query: str, *parameters: object) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _value(self, query: str, *parameters: object) -> Any:
        return self._rows(query, *parameters)[0][0]

    def _execute(self, command: str) -> None:
        self._rows(command)


@attrs.frozen
class _Copy:
    """A database with the schema.

    Attributes:
        name: Its name.
        tables: Names of its tables.
        columns: Descriptions of their columns.
        filled: The tables that the schema has put rows into.
    """

    name: str
    tables: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    filled: tuple[str, ...]


def _lock_of(prefix: str) -> str:
    return prefix[:_MAX_NAME]


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
