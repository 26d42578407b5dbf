"""MySQL and MariaDB by PyMySQL.

Time limits of single transactions do not exist; the driver ends the statement of a caller that has
left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import URL, Dialect

from .._database_settings import DatabaseSettings
from ..errors import DatabaseConfigurationError
from ._backend import TransactionOptions

# Numbers of errors that another attempt meets again: access denied (1044, 1045, 1698), unknown
# database (1049), TLS required (3159).
_PERMANENT = frozenset([1044, 1045, 1049, 1698, 3159])
# A deadlock, and a row that has changed since the snapshot. An error has no status of the server,
# so the driver does not know that they end the transaction.
_ENDING = frozenset([1213, 1020])


class MySql:
    """The backend of MySQL and MariaDB.

    Args:
        settings: Settings of the database.
    """

    name = "mysql"

    def __init__(self, settings: DatabaseSettings) -> None:
        """Import the driver.

        Raises:
            DatabaseConfigurationError: It is not installed.
        """
        try:
            from photon_runtime.drivers import pymysql as driver
        except ImportError as error:
            raise DatabaseConfigurationError(
                "[database] url names MySQL, and PyMySQL is not installed: "
                "pip install 'photon-lifeguard[mysql]'"
            ) from error
        self._driver = driver
        self._settings = settings

    def connector(
        self, dialect: Dialect, url: URL, settings: DatabaseSettings
    ) -> Callable[[], Any]:
        """Return the function that opens connections."""
        _, options = dialect.create_connect_args(url)
        options = {"charset": "utf8mb4", "connect_timeout": settings.connect_timeout, **options}

        def connect() -> Any:
            connection = self._driver.Connection(**options, autocommit=True)
            self._limit_statements(connection)
            return connection

        return connect

    def in_transaction(self, connection: Any) -> bool:
        """Return whether a transaction is open."""
        return self._driver.is_in_transaction(connection)

    def has_failed(self, connection: Any) -> bool:
        """Return ``False``: a statement that fails is undone alone, or ends the transaction."""
        return False

    def has_ended(self, connection: Any, error: BaseException) -> bool:
        """Return whether ``error`` has rolled back more than its statement."""
        return bool(error.args) and error.args[0] in _ENDING

    def is_altered(self, connection: Any) -> bool:
        """Return whether an isolation level was set through SQLAlchemy."""
        return bool(connection.open and not connection.get_autocommit())

    def begin(self, connection: Any, options: TransactionOptions) -> None:
        """Begin a transaction."""
        if options.isolation is not None:
            connection.query(f"SET TRANSACTION ISOLATION LEVEL {options.isolation}")
        mode = " READ ONLY" if options.is_read_only else ""
        connection.query(f"START TRANSACTION{mode}")

    def looks_closed(self, connection: Any) -> bool:
        """Return whether the server has sent something unasked, as it does before it closes."""
        sock = connection._sock
        if not connection.open or sock is None:
            return True
        return self._driver.has_pending_input(sock.fileno())

    def ping(self, connection: Any) -> bool:
        """Return whether the server responds."""
        try:
            connection.ping(reconnect=False)
        except Exception:
            return False
        return True

    def is_interrupted(self, connection: Any) -> bool:
        """Return whether a cancelled statement is still being ended on the server."""
        return self._driver.is_interrupted(connection)

    def when_settled(self, connection: Any, callback: Callable[[bool], object]) -> None:
        """Call ``callback`` when the clean-up has ended."""
        self._driver.when_settled(connection, callback)

    def scrub(self, connection: Any) -> None:
        """Roll back, and reset the session."""
        self._driver.reset_session(connection)
        self._limit_statements(connection)

    def abandon(self, connection: Any) -> None:
        """Close without a word to the server."""
        connection._force_close()

    def is_unreachable(self, error: BaseException) -> bool:
        """Return whether an attempt failed for a reason that may pass."""
        if not isinstance(error, self._driver.OperationalError):
            return False
        return not error.args or error.args[0] not in _PERMANENT

    def _limit_statements(self, connection: Any) -> None:
        """Limit the time of a statement: MariaDB of each, MySQL of those that read."""
        seconds = self._settings.statement_timeout
        if not seconds:
            return
        if "mariadb" in connection.get_server_info().lower():
            connection.query(f"SET SESSION max_statement_time = {seconds:g}")
        else:
            milliseconds = max(1, round(seconds * 1000))
            connection.query(f"SET SESSION max_execution_time = {milliseconds}")
