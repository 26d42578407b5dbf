"""Transactions as `photon_runtime.transactions` has them, for rows of other code that join them."""

from __future__ import annotations

from typing import final

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from photon_runtime.transactions import Callback

from ..backends import TransactionOptions
from ..errors import TransactionError
from ._commit_hooks import on_commit
from ._server_transactions import OPTIONS, noted_transaction


@final
class SessionTransaction:
    """The transaction of a session."""

    __slots__ = ("_session", "is_begun")

    def __init__(self, session: Session, *, is_begun: bool) -> None:
        self._session = session
        self.is_begun = is_begun

    @property
    def database(self) -> Engine:
        """The engine that the session writes to."""
        return _engine(self._session.get_bind())

    def connection(self) -> Connection:
        """Return the session's connection; a session has one savepoint or transaction at a time.

        Raises:
            TransactionError: The transaction is read-only.
            sqlalchemy.exc.SQLAlchemyError: It can only be rolled back, or has no connection.

        Blocks: the calling task, until a connection is free, and the savepoint is made.
        """
        return _writable(self._session.connection())

    def on_commit(self, callback: Callback, /) -> None:
        """Call ``callback`` after the commit."""
        on_commit(self._session, callback)


@final
class CoreTransaction:
    """The transaction of a connection of Core."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def database(self) -> Engine:
        """The engine of the connection."""
        return _engine(self._connection)

    @property
    def is_begun(self) -> bool:
        """Whether the server has begun it."""
        transaction = noted_transaction(self._connection)
        return transaction is not None and transaction.is_open

    def connection(self) -> Connection:
        """Return the connection.

        Raises:
            TransactionError: The transaction is read-only.
        """
        return _writable(self._connection)

    def on_commit(self, callback: Callback, /) -> None:
        """Call ``callback`` after the commit.

        Raises:
            TransactionError: The transaction has not begun, or commits every statement.
        """
        transaction = noted_transaction(self._connection)
        if transaction is None:
            raise TransactionError(
                "the connection has no transaction yet: execute a statement that writes first"
            )
        transaction.calls.append(callback)


def _writable(connection: Connection) -> Connection:
    options: TransactionOptions | None = connection.get_execution_options().get(OPTIONS)
    if options is not None and options.is_read_only:
        raise TransactionError(
            "the open transaction is read-only, so that nothing can be written as a part of it: do "
            "this after its block, or open it without read_only=True"
        )
    return connection


def _engine(bind: Engine | Connection) -> Engine:
    """Return the engine of a bind, without the options that it was given since it was made."""
    engine = bind.engine
    while (proxied := getattr(engine, "_proxied", None)) is not None:
        engine = proxied
    return engine
