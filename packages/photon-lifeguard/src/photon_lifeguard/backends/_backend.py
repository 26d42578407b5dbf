"""`Backend`: what the pool and the transactions need to know about one kind of database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias

import attrs
from sqlalchemy.engine import URL, Dialect

from .._database_settings import DatabaseSettings

Isolation: TypeAlias = Literal[
    "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"
]
"""Isolation levels of SQL. SQLite's transactions are serializable, whichever is named."""


@attrs.frozen
class TransactionOptions:
    """How a transaction begins.

    Attributes:
        isolation: Isolation level; ``None`` for the server's default.
        is_read_only: True for a transaction that cannot write.
        timeout: Seconds that a statement in it may take; ``None`` for the connection's limit.
    """

    isolation: Isolation | None = None
    is_read_only: bool = False
    timeout: float | None = None


class Backend(Protocol):
    """One kind of database and its driver.

    A connection is the driver's own. It is in the driver's autocommit mode: a transaction begins
    by `begin`, and not before the first statement that needs one.
    """

    @property
    def name(self) -> str:
        """The name of the database in SQLAlchemy: ``postgresql``, ``sqlite``, ``mysql``."""
        ...

    def connector(
        self, dialect: Dialect, url: URL, settings: DatabaseSettings
    ) -> Callable[[], Any]:
        """Return the function that opens connections to ``url``."""
        ...

    def in_transaction(self, connection: Any) -> bool:
        """Return whether a transaction is open, also a failed one. Does not wait."""
        ...

    def has_failed(self, connection: Any) -> bool:
        """Return whether the open transaction would be rolled back by a COMMIT. Does not wait."""
        ...

    def has_ended(self, connection: Any, error: BaseException) -> bool:
        """Return whether ``error`` of a statement has ended the transaction. Does not wait."""
        ...

    def is_altered(self, connection: Any) -> bool:
        """Return whether an isolation level was set through SQLAlchemy. Does not wait."""
        ...

    def begin(self, connection: Any, options: TransactionOptions) -> None:
        """Begin a transaction.

        Blocks: the calling task, for a round trip, or until SQLite's writer has committed.
        """

    def looks_closed(self, connection: Any) -> bool:
        """Return whether an idle connection has ended or was sent something. Does not wait."""
        ...

    def ping(self, connection: Any) -> bool:
        """Return whether the server responds on an idle connection.

        Blocks: the calling task, for a round trip.
        """
        ...

    def is_interrupted(self, connection: Any) -> bool:
        """Return whether a cancelled statement is still being cleaned up. Does not wait."""
        ...

    def when_settled(self, connection: Any, callback: Callable[[bool], object]) -> None:
        """Call ``callback`` when the clean-up has ended, with whether the connection is usable."""

    def scrub(self, connection: Any) -> None:
        """Roll back, and reset everything that the connection keeps.

        Raises:
            Exception: The connection cannot be reset, and must be closed.

        Blocks: the calling task, for a round trip or two.
        """

    def abandon(self, connection: Any) -> None:
        """Close a connection without waiting for the server."""

    def is_unreachable(self, error: BaseException) -> bool:
        """Return whether a failed attempt to connect may succeed later, unchanged."""
        ...
