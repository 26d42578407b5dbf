"""The databases of one run of tests on a server of PostgreSQL.

Theory of operation. A run has an identifier, which all its processes (the workers of pytest-xdist)
share, and all its databases have names that begin with ``NAME_test_RUN``. Each process holds a
shared advisory lock of the run while it lives. So an exclusive lock that is granted at once shows
that no process of the run is left: every run first removes the databases of such runs, and the last
process of a run removes those that its processes share. Only databases with such names are ever
removed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from .._database_settings import DatabaseSettings
from ..backends import backend_for
from ..errors import DatabaseConfigurationError
from ._refusal import is_test_name, refuse_shared_server

_MAINTENANCE = "postgres"
_MAX_NAME = 63
_RESERVED = 24  # for the run, the worker and the number of a clone
_READY = "made by photon for tests, with its schema"


class ServerDatabases:
    """The databases of one run on one server, as one process of the run uses them.

    Args:
        url: Address of the database that the application uses.
        settings: Its settings.
        run: Identifier of the run: eight hexadecimal digits.
        worker: Name of the process within the run.

    Attributes:
        url: Address of the database that the application uses.
        template: Name of the database that the others are copies of.
        prefix: Beginning of the names of the databases of this process.
    """

    def __init__(self, url: URL, settings: DatabaseSettings, *, run: str, worker: str) -> None:
        """Connect to the server, and remove the databases of runs that have ended.

        Raises:
            DatabaseConfigurationError: Tests make no databases on that server.
            Exception: The server cannot be reached.

        Blocks: the calling thread.
        """
        refuse_shared_server(url, settings)
        name = url.database or "photon"
        self._base = (name if is_test_name(name) else f"{name}_test")[: _MAX_NAME - _RESERVED]
        self.url = url
        self._settings = settings
        self.template = f"{self._base}_{run}"
        self.prefix = f"{self.template}_{worker or 'main'}"
        self._connection = self._connect_for_maintenance()
        try:
            self._execute("SET lock_timeout = 0; SET statement_timeout = 0")
            self._remove_ended_runs()
            self._execute("SELECT pg_advisory_lock_shared(%s)", _key(self.template))
            self._strategy = self._fastest_copy()
        except BaseException:
            self._connection.close()
            raise

    def address(self, name: str) -> str:
        """Return the address of the database ``name``."""
        return self.url.set(database=name).render_as_string(hide_password=False)

    def connect(self, name: str) -> Any:
        """Return a new connection of the driver to the database ``name``, in autocommit mode.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        url = self.url.set(database=name)
        dialect = create_engine(url).dialect
        return backend_for(url, self._settings).connector(dialect, url, self._settings)()

    def _connect_for_maintenance(self) -> Any:
        """Connect to a database that exists: the server's own, else the application's."""
        try:
            return self.connect(_MAINTENANCE)
        except Exception as error:
            if not self.url.database:
                raise
            try:
                return self.connect(self.url.database)
            except Exception:
                raise error from None

    @contextmanager
    def making_template(self) -> Iterator[bool]:
        """Make the template in the block, while the other processes of the run wait.

        Yields:
            False if another process has made it.
        """
        key = _key(f"{self.template} schema")
        self._execute("SELECT pg_advisory_lock(%s)", key)
        try:
            is_missing = not self._is_ready()
            if is_missing:
                self.drop(self.template)
                self._create(self.template, "template0")
            yield is_missing
            if is_missing:
                self._execute(f"COMMENT ON DATABASE {_quoted(self.template)} IS '{_READY}'")
        finally:
            self._execute("SELECT pg_advisory_unlock(%s)", key)

    def copy(self, name: str) -> None:
        """Make the database ``name`` as a copy of the template.

        Blocks: the calling thread.
        """
        self._create(name, self.template)

    def drop(self, name: str) -> None:
        """Remove a database of this run, and end its connections.

        Blocks: the calling thread.
        """
        self._execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    def close(self) -> None:
        """Remove the databases of this process, and those of the run if it is the last one.

        Blocks: the calling thread.
        """
        try:
            for name in self._names(f"{self.prefix}_"):
                self.drop(name)
            self._execute("SELECT pg_advisory_unlock_shared(%s)", _key(self.template))
            self._remove_if_ended(self.template)
        finally:
            self._connection.close()

    def _create(self, name: str, template: str) -> None:
        try:
            self._execute(
                f"CREATE DATABASE {_quoted(name)} TEMPLATE {_quoted(template)} {self._strategy}"
            )
        except Exception as error:
            if getattr(error, "sqlstate", "") == "42501":
                raise DatabaseConfigurationError(
                    f"tests make databases of their own, and the user {self.url.username!r} of "
                    "[database] url may not: ALTER ROLE … CREATEDB"
                ) from error
            raise

    def _fastest_copy(self) -> str:
        # Copying files needs two checkpoints: fast where nothing is synchronised to the disk.
        version = int(self._value("SHOW server_version_num"))
        return (
            "STRATEGY FILE_COPY" if version >= 150000 and self._value("SHOW fsync") == "off" else ""
        )

    def _is_ready(self) -> bool:
        comment = self._value(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            self.template,
        )
        return bool(comment == _READY)

    def _remove_ended_runs(self) -> None:
        pattern = re.compile(rf"({re.escape(self._base)}_[0-9a-f]{{8}})(?:_.*)?")
        matches = (pattern.fullmatch(name) for name in self._names(f"{self._base}_"))
        for template in sorted({match[1] for match in matches if match} - {self.template}):
            self._remove_if_ended(template)

    def _remove_if_ended(self, template: str) -> None:
        if not self._value("SELECT pg_try_advisory_lock(%s)", _key(template)):
            return
        try:
            for name in self._names(template):
                self.drop(name)
        finally:
            self._execute("SELECT pg_advisory_unlock(%s)", _key(template))

    def _names(self, prefix: str) -> list[str]:
        rows = self._connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (prefix,)
        ).fetchall()
        return [name for (name,) in rows]

    def _value(self, query: str, *parameters: object) -> Any:
        row = self._connection.execute(query, parameters or None).fetchone()
        return None if row is None else row[0]

    def _execute(self, command: str, *parameters: object) -> None:
        self._connection.execute(command, parameters or None)


def _key(name: str) -> int:
    """Return the key of an advisory lock."""
    digest = hashlib.blake2b(f"photon tests {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
