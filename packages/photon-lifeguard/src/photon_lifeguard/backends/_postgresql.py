"""PostgreSQL by psycopg 3.

Transactions are begun by one query that also sets the time limit of its statements, so that the
limit does not cost a round trip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import URL, Dialect

from .._database_settings import DatabaseSettings
from ..errors import DatabaseConfigurationError
from ._backend import TransactionOptions

_IDLE, _FAILED = 0, 3  # of psycopg.pq.TransactionStatus
# Failed logins and unknown databases will fail again: classes 28 and 3D of SQLSTATE. A server that
# starts or stops refuses with 57P03, and one without a free connection with 53300.
_NEVER = ("28", "3D")


class PostgreSql:
    """The backend of PostgreSQL.

    Args:
        settings: Settings of the database.
    """

    name = "postgresql"

    def __init__(self, settings: DatabaseSettings) -> None:
        """Import the driver.

        Raises:
            DatabaseConfigurationError: It is not installed.
        """
        try:
            from photon_runtime.drivers import psycopg as driver
        except ImportError as error:
            raise DatabaseConfigurationError(
                "[database] url names PostgreSQL, and psycopg is not installed: "
                "pip install 'photon-lifeguard[postgres]'"
            ) from error
        self._driver = driver
        self._transaction_pooling = settings.transaction_pooling

    def connector(
        self, dialect: Dialect, url: URL, settings: DatabaseSettings
    ) -> Callable[[], Any]:
        """Return the function that opens connections."""
        _, options = dialect.create_connect_args(url)
        if settings.transaction_pooling:
            options["prepare_threshold"] = None  # a prepared statement belongs to a session
        elif settings.statement_timeout:
            limit = f"-c statement_timeout={milliseconds(settings.statement_timeout)}"
            options["options"] = f"{options.get('options', '')} {limit}".strip()
        options.setdefault("application_name", "photon")
        connect = self._driver.Connection.connect
        return lambda: connect(**options, autocommit=True)

    def in_transaction(self, connection: Any) -> bool:
        """Return whether a transaction is open."""
        return not connection.closed and connection.pgconn.transaction_status != _IDLE

    def has_failed(self, connection: Any) -> bool:
        """Return whether a statement has failed or was cancelled: COMMIT would roll back."""
        status: int = connection.pgconn.transaction_status
        return status == _FAILED or self.is_interrupted(connection)

    def has_ended(self, connection: Any, error: BaseException) -> bool:
        """Return ``False``: the transaction stays open until the client ends it."""
        return False

    def is_altered(self, connection: Any) -> bool:
        """Return whether an isolation level was set through SQLAlchemy."""
        return not connection.autocommit

    def begin(self, connection: Any, options: TransactionOptions) -> None:
        """Begin a transaction."""
        command = "BEGIN"
        if options.isolation is not None:
            command += f" ISOLATION LEVEL {options.isolation}"
        if options.is_read_only:
            command += " READ ONLY"
        if options.timeout is not None:
            command += f"; SET LOCAL statement_timeout = {milliseconds(options.timeout)}"
        self._driver.execute_command(connection, command.encode())

    def looks_closed(self, connection: Any) -> bool:
        """Return whether the server has sent something unasked, as it does before it closes."""
        if connection.closed:
            return True
        return self._driver.has_pending_input(connection.pgconn.socket)

    def ping(self, connection: Any) -> bool:
        """Return whether the server responds."""
        try:
            connection.execute("")
        except Exception:
            return False
        return True

    def is_interrupted(self, connection: Any) -> bool:
        """Return whether a cancelled statement is still being cleaned up."""
        return self._driver.is_interrupted(connection)

    def when_settled(self, connection: Any, callback: Callable[[bool], object]) -> None:
        """Call ``callback`` when the clean-up has ended."""
        self._driver.when_settled(connection, callback)

    def scrub(self, connection: Any) -> None:
        """Roll back, and reset the session."""
        if self.in_transaction(connection):
            connection.rollback()
        connection.isolation_level = connection.read_only = connection.deferrable = None
        if self.is_altered(connection):
            connection.autocommit = True
        if not self._transaction_pooling:
            connection.execute("DISCARD ALL")
            connection._prepared.clear()  # DISCARD ALL has deallocated psycopg's statements

    def abandon(self, connection: Any) -> None:
        """Close without a word to the server."""
        connection.close()

    def is_unreachable(self, error: BaseException) -> bool:
        """Return whether an attempt failed for a reason that may pass."""
        if not isinstance(error, self._driver.OperationalError):
            return False
        state = getattr(error, "sqlstate", None) or ""
        text = str(error)
        return not state.startswith(_NEVER) and not any(word in text for word in _PERMANENT)


# psycopg's connection errors often come without a SQLSTATE: libpq has only the text.
_PERMANENT = (
    "password authentication failed",
    "no pg_hba.conf entry",
    "does not exist",
    "no password supplied",
)


def milliseconds(seconds: float) -> int:
    """Return ``seconds`` in milliseconds, at least one: zero would mean no limit."""
    return max(1, round(seconds * 1000))
