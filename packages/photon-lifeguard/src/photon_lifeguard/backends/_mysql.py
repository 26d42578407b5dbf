"""MySQL and MariaDB by PyMySQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import URL, Dialect

from .._database_settings import DatabaseSettings
from ..errors import DatabaseConfigurationError
from ._backend import TransactionOptions


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
        raise DatabaseConfigurationError("MySQL is not supported yet")

    def connector(
        self, dialect: Dialect, url: URL, settings: DatabaseSettings
    ) -> Callable[[], Any]:
        """Return the function that opens connections."""
        raise NotImplementedError

    def in_transaction(self, connection: Any) -> bool:
        """Return whether a transaction is open."""
        raise NotImplementedError

    def restore_autocommit(self, connection: Any) -> None:
        """Undo an isolation level that was set through SQLAlchemy."""
        raise NotImplementedError

    def begin(self, connection: Any, options: TransactionOptions) -> None:
        """Begin a transaction."""
        raise NotImplementedError

    def looks_closed(self, connection: Any) -> bool:
        """Return whether the server has sent something unasked."""
        raise NotImplementedError

    def ping(self, connection: Any) -> bool:
        """Return whether the server responds."""
        raise NotImplementedError

    def is_interrupted(self, connection: Any) -> bool:
        """Return whether a cancelled statement is still being cleaned up."""
        raise NotImplementedError

    def when_settled(self, connection: Any, callback: Callable[[bool], object]) -> None:
        """Call ``callback`` when the clean-up has ended."""
        raise NotImplementedError

    def scrub(self, connection: Any) -> None:
        """Roll back, and reset the session."""
        raise NotImplementedError

    def abandon(self, connection: Any) -> None:
        """Close without a word to the server."""
        raise NotImplementedError

    def is_unreachable(self, error: BaseException) -> bool:
        """Return whether an attempt failed for a reason that may pass."""
        raise NotImplementedError
