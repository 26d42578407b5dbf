"""Creating, dropping and emptying whole databases: `create`, `drop`, `truncate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ..database import Database
from ..errors import MigrationError
from ._engine import migration_engine, writing
from ._log import OWN_TABLES

_SUFFIXES = ("", "-wal", "-shm", "-journal")


def create(database: Database) -> bool:
    """Create the database of the settings, if it does not exist.

    Returns:
        False if it existed.

    Raises:
        MigrationError: The server refuses.

    Blocks: the thread, for a connection.
    """
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        return _create_file(database)
    with server_connection(url) as connection:
        if _exists(connection, url):
            return False
        _run(connection, f"CREATE DATABASE {_quoted(connection, url)}")
    return True


def drop(database: Database) -> bool:
    """Drop the database of the settings with everything in it.

    Returns:
        False if it did not exist.

    Raises:
        MigrationError: The server refuses, as PostgreSQL does while others are connected.

    Blocks: the thread, for a connection.
    """
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        return _remove_file(url)
    with server_connection(url) as connection:
        if not _exists(connection, url):
            return False
        _run(connection, f"DROP DATABASE {_quoted(connection, url)}")
    return True


def truncate(database: Database, tables: Sequence[str] | None = None) -> list[str]:
    """Delete all rows, in one transaction; the tables and the migrations stay.

    Args:
        database: The database.
        tables: Tables to empty; by default all. On PostgreSQL the tables that refer to them are
            emptied, too.

    Returns:
        The names of the tables.

    Raises:
        MigrationError: A table does not exist.

    Blocks: the thread, until no transaction uses the tables.
    """
    with migration_engine(database) as engine, engine.connect() as connection:
        writing(connection)
        names = [each for each in inspect(connection).get_table_names() if each not in OWN_TABLES]
        unknown = sorted(set(tables or ()) - set(names))
        if unknown:
            raise MigrationError(f"the table {unknown[0]} does not exist")
        chosen = sorted(tables or names)
        if chosen:
            empty(connection, chosen)
        connection.commit()
    return chosen


def empty(connection: Connection, tables: Sequence[str]) -> None:
    """Delete all rows of tables, and let their identifiers begin anew; part of a transaction."""
    quote = connection.dialect.identifier_preparer.quote
    shown = [quote(each) for each in tables]
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"TRUNCATE {', '.join(shown)} RESTART IDENTITY CASCADE")
        return
    is_mysql = connection.dialect.name in ("mysql", "mariadb")
    if is_mysql:
        connection.exec_driver_sql("SET FOREIGN_KEY_CHECKS = 0")
    for name in shown:
        connection.exec_driver_sql(f"{'TRUNCATE' if is_mysql else 'DELETE FROM'} {name}")
    if is_mysql:
        connection.exec_driver_sql("SET FOREIGN_KEY_CHECKS = 1")
    elif "sqlite_sequence" in _system_tables(connection):
        for table in tables:
            connection.execute(
                text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table}
            )


def _system_tables(connection: Connection) -> list[str]:
    rows = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name LIKE 'sqlite_%'")
    return [row[0] for row in rows]


def _create_file(database: Database) -> bool:
    path = _file(database.engine.url)
    if path is None or path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with migration_engine(database) as engine, engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA user_version")  # opens the file, which creates it
    path.touch()
    return True


def _remove_file(url: URL) -> bool:
    path = _file(url)
    if path is None or not path.exists():
        return False
    for suffix in _SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return True


def _file(url: URL) -> Path | None:
    """Return the file of SQLite; ``None`` for a database in memory."""
    name = url.database
    if not name or name == ":memory:":
        return None
    if name.startswith("file:"):
        raise MigrationError("SQLite addresses that begin with file: are created by SQLite itself")
    return Path(name)


@contextmanager
def server_connection(url: URL) -> Iterator[Connection]:
    """Yield a connection to the server of ``url``, in a database that always exists.

    Raises:
        MigrationError: The address names no database, or the server refuses.
    """
    if not url.database:
        raise MigrationError("[database] url names no database: write it as …/name")
    is_postgresql = url.get_backend_name() == "postgresql"
    other = "template1" if url.database == "postgres" else "postgres"
    engine: Engine = create_engine(
        url.set(database=other if is_postgresql else ""),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
    )
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise MigrationError(f"the server refuses: {error.orig}") from error
    finally:
        engine.dispose()


def _exists(connection: Connection, url: URL) -> bool:
    query = (
        "SELECT 1 FROM pg_database WHERE datname = :name"
        if connection.dialect.name == "postgresql"
        else "SELECT 1 FROM information_schema.schemata WHERE schema_name = :name"
    )
    return connection.scalar(text(query), {"name": url.database}) is not None


def _quoted(connection: Connection, url: URL) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(url.database or "")


def _run(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
