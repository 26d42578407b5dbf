"""SQLite: begun by hand, one fair writer.

A transaction that may write begins with ``BEGIN IMMEDIATE``: it takes the write lock at once, in
turn, and cannot fail later because another writer committed in the meantime. Statements outside of
transactions only read, each in a snapshot of its own, and never wait for the writer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import URL, Dialect

from photon_runtime.drivers import sqlite as driver

from .._database_settings import DatabaseSettings
from ._backend import TransactionOptions

_CACHE_KIB = 16_384
_QUERY_ONLY = "photon_query_only"
"""Attribute of connections: True after a transaction that could only read."""


class Sqlite:
    """The backend of SQLite.

    Args:
        settings: Settings of the database.
    """

    name = "sqlite"

    def __init__(self, settings: DatabaseSettings) -> None:
        """Note the settings."""
        self._settings = settings

    def connector(
        self, dialect: Dialect, url: URL, settings: DatabaseSettings
    ) -> Callable[[], Any]:
        """Return the function that opens connections."""
        (path,), arguments = dialect.create_connect_args(url)
        options = {"timeout": settings.acquire_timeout, **arguments}
        options |= {"isolation_level": None, "check_same_thread": False}

        def connect() -> Any:
            try:
                connection = driver.connect(path, **options)
            except driver.OperationalError as error:
                if "unable to open" not in str(error):
                    raise
                raise driver.OperationalError(
                    f"{error}: {path}; its folder must exist and be writable"
                ) from error
            try:
                self._set_pragmas(connection)
            except BaseException:
                connection.close()
                raise
            return connection

        return connect

    def _set_pragmas(self, connection: Any) -> None:
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {self._settings.synchronous}",
            "foreign_keys = ON",
            f"cache_size = -{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    def in_transaction(self, connection: Any) -> bool:
        """Return whether a transaction is open."""
        return bool(connection.in_transaction)

    def has_failed(self, connection: Any) -> bool:
        """Return ``False``: a statement that fails is undone alone, or ends the transaction."""
        return False

    def has_ended(self, connection: Any, error: BaseException) -> bool:
        """Return whether SQLite has rolled back, as it does when a disk is full."""
        return not connection.in_transaction

    def is_altered(self, connection: Any) -> bool:
        """Return whether an isolation level was set through SQLAlchemy."""
        return connection.isolation_level is not None

    def begin(self, connection: Any, options: TransactionOptions) -> None:
        """Begin a transaction, after the writers that have waited longer."""
        if options.is_read_only != connection.__dict__.get(_QUERY_ONLY, False):
            mode = "ON" if options.is_read_only else "OFF"
            connection.execute(f"PRAGMA query_only = {mode}").close()
            connection.__dict__[_QUERY_ONLY] = options.is_read_only
        command = "BEGIN DEFERRED" if options.is_read_only else "BEGIN IMMEDIATE"
        connection.execute(command).close()

    def looks_closed(self, connection: Any) -> bool:
        """Return ``False``: there is no server."""
        return False

    def ping(self, connection: Any) -> bool:
        """Return ``True``: there is no server."""
        return True

    def is_interrupted(self, connection: Any) -> bool:
        """Return whether a cancelled statement is still being cleaned up."""
        return driver.is_interrupted(connection)

    def when_settled(self, connection: Any, callback: Callable[[bool], object]) -> None:
        """Call ``callback`` when the clean-up has ended."""
        driver.when_settled(connection, callback)

    def scrub(self, connection: Any) -> None:
        """Roll back, and set what `connector` has set."""
        if connection.in_transaction:
            connection.rollback()
        connection.isolation_level = None
        self._set_pragmas(connection)

    def abandon(self, connection: Any) -> None:
        """Close the file."""
        connection.close()

    def is_unreachable(self, error: BaseException) -> bool:
        """Return ``False``: a file that cannot be opened will not be opened by waiting."""
        return False
