"""A copy of a database, on which migrations are tried.

SQLite: a copy of the file. PostgreSQL: a copy by ``CREATE DATABASE … TEMPLATE``, unless others are
connected, which the server refuses, or the database is large, which would keep clients out for
long. There, and on MySQL, the copy is a new database with the migrations that are applied so far,
and without rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from ..database import Database
from ._applying import run_plan
from ._databases import server_connection
from ._engine import migration_engine
from ._environment import current_revisions
from ._sql import sqlite_copy

_MAX_SIZE = 1 << 30
"""Size in bytes up to which a database is copied: while it is, no client can connect to it."""


@attrs.frozen
class Clone:
    """A copy of a database.

    Attributes:
        url: Its address.
        has_rows: True if it has the rows of the original.
    """

    url: URL
    has_rows: bool


@contextmanager
def clone(database: Database) -> Iterator[Clone]:
    """Yield a copy of a database, which is removed at the end.

    Raises:
        MigrationError: The user of the database may not create another one.

    Blocks: the thread, while the copy is made.
    """
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        with sqlite_copy(url) as copy:
            yield Clone(copy, has_rows=True)
        return
    name = f"photon_check_{uuid.uuid4().hex[:8]}"
    copy = url.set(database=name)
    with server_connection(url) as connection:
        has_rows = _create(connection, url, name)
        try:
            if not has_rows:
                _apply_the_same(database, copy)
            yield Clone(copy, has_rows)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


def _create(connection: Connection, url: URL, name: str) -> bool:
    if connection.dialect.name == "postgresql" and _can_be_copied(connection, url):
        quoted = connection.dialect.identifier_preparer.quote_identifier(url.database or "")
        try:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {quoted}")
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != "55006":  # others are connected
                raise
        else:
            return True
    connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return False


def _can_be_copied(connection: Connection, url: URL) -> bool:
    """Return whether a copy is permitted, which the server would refuse after 5 seconds."""
    query = text(
        "SELECT pg_database_size(:name) < :size AND NOT EXISTS (SELECT FROM pg_stat_activity"
        " WHERE datname = :name AND backend_type = 'client backend')"
    )
    return bool(connection.scalar(query, {"name": url.database, "size": _MAX_SIZE}))


def _apply_the_same(database: Database, copy: URL) -> None:
    with migration_engine(database) as engine, engine.connect() as connection:
        revisions = current_revisions(connection)
    with migration_engine(database, copy) as engine:
        for revision in revisions:
            run_plan(database, engine, revision, with_several_heads=True)
