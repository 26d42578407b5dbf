"""Engines for migrations: connections of their own, in transactions that contain DDL.

Theory of operation. Migrations do not use the pool of the application: its connections have time
limits for statements and begin transactions on demand. Here a transaction begins before the first
statement. On SQLite that takes ``BEGIN IMMEDIATE`` by hand, since the driver would leave DDL
outside of it; on PostgreSQL each transaction begins with the limit for the wait for a lock. A
connection with the isolation level AUTOCOMMIT has no transaction, for statements such as ``CREATE
INDEX CONCURRENTLY``.

The drivers are the plain ones: they block the thread. Coroutines call migrations by
`photon_runtime.offload`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ..database import Database
from ..errors import DatabaseUnavailable, MigrationError

_AUTOCOMMIT = "AUTOCOMMIT"
_WRITES = "photon_writes"
# These wait for transactions, and neither reads nor writes wait for them: time does no harm.
_CONCURRENT_WAIT = 600.0


@contextmanager
def migration_engine(database: Database, url: URL | None = None) -> Iterator[Engine]:
    """Yield an engine whose connections are opened when needed, and closed after each use.

    Args:
        database: Database with the settings.
        url: Address of another database of the same kind.

    Raises:
        DatabaseUnavailable: The server cannot be reached, or has no such database.
        MigrationError: It is a database in memory, which ends with its connection.
    """
    url = url or database.engine.url
    settings = database.settings
    name = url.get_backend_name()
    if name == "sqlite" and (url.database or ":memory:") == ":memory:":
        raise MigrationError(
            "a SQLite database in memory cannot be migrated, because every connection has another: "
            "name a file in [database] url"
        )
    engine = create_engine(
        url, poolclass=NullPool, connect_args=_arguments(name, settings.migration_wait)
    )
    if name == "sqlite":
        _begin_by_hand(engine)
    elif name == "postgresql":
        _limit_locks(engine, settings.lock_timeout)
    elif name in ("mysql", "mariadb"):
        _limit_metadata_locks(engine, settings.lock_timeout)
    try:
        if name == "sqlite":
            _require_folder(url)
        else:
            _connect_once(engine)
        yield engine
    finally:
        engine.dispose()


def _require_folder(url: URL) -> None:
    folder = Path(url.database or "").parent
    if not str(url.database).startswith("file:") and not folder.is_dir():
        raise DatabaseUnavailable(
            f"the folder {folder} of the database does not exist; `photon db create` creates it"
        )


def _connect_once(engine: Engine) -> None:
    """Connect, for a message that names the address instead of the first statement."""
    try:
        engine.connect().close()
    except DBAPIError as error:
        shown = engine.url.render_as_string(hide_password=True)
        text = str(error.orig)
        is_missing = "does not exist" in text or "Unknown database" in text
        hint = "; `photon db create` creates it" if is_missing else ""
        raise DatabaseUnavailable(f"{shown} cannot be used: {text.strip()}{hint}") from error


def autocommit(connection: Connection) -> Connection:
    """Let each statement of ``connection`` be a transaction of its own."""
    return connection.execution_options(isolation_level=_AUTOCOMMIT)


def writing(connection: Connection) -> Connection:
    """Let SQLite's write lock be taken at the beginning of the transactions of ``connection``."""
    return connection.execution_options(**{_WRITES: True})


def is_autocommit(connection: Connection) -> bool:
    """Return whether `autocommit` was called."""
    return connection.get_execution_options().get("isolation_level") == _AUTOCOMMIT


def _arguments(name: str, wait: float) -> dict[str, Any]:
    if name == "sqlite":
        return {"timeout": wait}
    if name == "postgresql":
        # Statements are not repeated, and a pooler may be in between.
        return {"prepare_threshold": None, "application_name": "photon db"}
    return {}


def _begin_by_hand(engine: Engine) -> None:
    def connect(connection: Any, record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = OFF").close()

    def begin(connection: Connection) -> None:
        if not is_autocommit(connection):
            writes = connection.get_execution_options().get(_WRITES)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)


def _limit_locks(engine: Engine, seconds: float) -> None:
    limit = round(seconds * 1000)

    def begin(connection: Connection) -> None:
        if not is_autocommit(connection):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {limit}")

    def before_execute(  # noqa: PLR0917  the signature of the event
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        if is_autocommit(connection):
            own = round(_CONCURRENT_WAIT * 1000) if "CONCURRENTLY" in statement.upper() else limit
            cursor.execute(f"SET lock_timeout = {own}")

    event.listen(engine, "begin", begin)
    event.listen(engine, "before_cursor_execute", before_execute)


def _limit_metadata_locks(engine: Engine, seconds: float) -> None:
    limit = max(1, round(seconds)) if seconds else 31_536_000  # the server's own default

    def connect(connection: Any, record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION lock_wait_timeout = {limit}")

    event.listen(engine, "connect", connect)
