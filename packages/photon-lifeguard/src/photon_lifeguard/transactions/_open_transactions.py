"""The transactions that are open in the current context, for `photon_runtime.transactions`.

Theory of operation. Two things are noted in context variables: the sessions that a `Database` has
made, and the transactions that were begun on servers. A session is open while it has changes that
are not flushed, inside of a block that ends its transaction, and while the server has a transaction
open for it. A session that has only read is not: what it reads needs no transaction.

Transactions on servers are noted for the connections of Core, and for sessions that the application
has made itself. Their calls belong to the connection, from the moment it is taken from the pool
until it is given back. They are made by the method of the dialect that commits, dropped by the one
that rolls back, and methods for savepoints drop those that were added since. Whatever ends a
transaction in another way (an error, the clean-up of an interrupted statement, ``COMMIT`` as text)
drops the calls: delivering too little is an error that is noticed, delivering what did not happen
is not.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, final

from sqlalchemy import Connection
from sqlalchemy.orm import Session, SessionTransactionOrigin

from photon_runtime.errors import Cancelled
from photon_runtime.transactions import AfterCommit, Callback, find_transactions_by

from ..backends import Backend
from ._commit_hooks import on_commit, report_dropped, run_calls

BACKEND: Final = "photon_backend"
"""Execution option of an engine: its backend and the limit of its statements in seconds."""
BLOCK: Final = "photon_transaction_block"
"""Key in the ``info`` of a session, inside of a block of `transaction`."""

_NOTED = "photon_transaction_calls"


def note_session(session: Session) -> None:
    """Note a session that belongs to the current context. Does not wait."""
    sessions = _SESSIONS.get()
    if sessions:
        sessions = tuple(each for each in sessions if each() is not None)
    _SESSIONS.set((*sessions, weakref.ref(session)))
    find_transactions_by(_find)


def note_transaction(connection: Any, backend: Backend) -> None:
    """Note a transaction that begins on a connection of the pool. Does not wait."""
    notes = _notes(connection)
    if notes is None:
        return
    notes[_NOTED] = transaction = _ServerTransaction(connection, backend)
    others = _TRANSACTIONS.get()
    if others:
        others = tuple(each for each in others if not each.is_over)
    _TRANSACTIONS.set((*others, transaction))
    find_transactions_by(_find)


def is_noted(connection: Any) -> bool:
    """Return whether the transaction of a connection of the pool is noted. Does not wait."""
    return _NOTED in (_notes(connection) or ())


def end_transaction(connection: Any, *, is_committed: bool) -> None:
    """Make or drop the calls that wait on a connection of the pool, whose transaction has ended.

    Blocks: the calling task, as the calls do.
    """
    notes = _notes(connection)
    if notes:
        transaction: _ServerTransaction | None = notes.pop(_NOTED, None)
        if transaction is not None:
            transaction.end(is_committed=is_committed)


def note_savepoint(connection: Connection, name: str) -> None:
    """Note that a savepoint was made."""
    transaction = _noted(connection)
    if transaction is not None:
        transaction.savepoints.append((name, len(transaction.calls)))


def end_savepoint(connection: Connection, name: str, *, is_released: bool) -> None:
    """Note that a savepoint is released, or drop the calls since it was made."""
    transaction = _noted(connection)
    if transaction is not None:
        transaction.end_savepoint(name, is_released=is_released)


def is_in_block(session: Session) -> bool:
    """Return whether the caller is inside of a block that ends the transaction of ``session``.

    Such as ``transaction(session)``, ``session.begin()`` and ``session.begin_nested()``.
    """
    if session.info.get(BLOCK) or session.in_nested_transaction():
        return True
    current = session.get_transaction()
    return current is not None and current.origin is SessionTransactionOrigin.BEGIN


def open_connections(session: Session) -> Iterator[Connection]:
    """Yield the connections of the transaction of ``session``."""
    current = session.get_transaction()
    if current is None:
        return
    # SQLAlchemy has no public list of the connections of a session.
    pairs: dict[Any, Any] = current._connections
    yield from {id(entry[0]): entry[0] for entry in pairs.values()}.values()


@final
class _ServerTransaction:
    """A transaction on a server, and the calls that wait for its commit.

    Attributes:
        calls: The calls, in order.
        savepoints: The open savepoints, each with the number of calls before it.
        has_ended: True after a commit or a rollback.
    """

    __slots__ = ("_backend", "_connection", "calls", "has_ended", "savepoints")

    def __init__(self, connection: Any, backend: Backend) -> None:
        self.calls: list[Callback] = []
        self.savepoints: list[tuple[str, int]] = []
        self.has_ended = False
        self._connection = weakref.ref(connection)
        self._backend = backend

    @property
    def is_over(self) -> bool:
        return self.has_ended or self._connection() is None

    @property
    def is_open(self) -> bool:
        if self.has_ended:
            return False
        connection = self._connection()
        if connection is None or connection.dbapi_connection is None:
            return False
        return self._backend.in_transaction(connection.dbapi_connection)

    def end(self, *, is_committed: bool) -> None:
        self.has_ended = True
        calls, self.calls = self.calls, []
        if is_committed:
            with suppress(Cancelled):  # the commit has happened, and the next wait raises again
                run_calls(calls)
        elif calls:
            report_dropped(len(calls))

    def end_savepoint(self, name: str, *, is_released: bool) -> None:
        for index, (savepoint, calls) in enumerate(self.savepoints):
            if savepoint == name:
                del self.savepoints[index:]
                if not is_released:
                    del self.calls[calls:]
                return


def _notes(connection: Any) -> dict[str, Any] | None:
    """Return the attributes of a connection of the pool, which end with its use.

    Returns:
        ``None`` for the connection that SQLAlchemy prepares an engine with.
    """
    return vars(connection) if hasattr(type(connection), "__weakref__") else None


def _noted(connection: Connection) -> _ServerTransaction | None:
    notes = _notes(connection.connection)
    return notes.get(_NOTED) if notes else None


def _find() -> list[AfterCommit]:
    """Return the open transactions of the current context."""
    found: list[AfterCommit] = []
    of_sessions: list[_ServerTransaction] = []
    for reference in _SESSIONS.get():
        session = reference()
        if session is not None and _is_open(session, of_sessions):
            found.append(partial(on_commit, session))
    for transaction in _TRANSACTIONS.get():
        if transaction.is_open and transaction not in of_sessions:
            found.append(transaction.calls.append)
    return found


def _is_open(session: Session, transactions: list[_ServerTransaction]) -> bool:
    """Return whether a session has anything to commit; add its transactions to ``transactions``."""
    if not session.in_transaction():
        return False  # a change of an object begins SQLAlchemy's transaction, too
    is_open = (
        is_in_block(session)
        or not session.is_active  # a flush has failed, and only a rollback is possible
        or bool(session.new or session.dirty or session.deleted)
    )
    for connection in open_connections(session):
        if connection.closed:
            continue
        if connection.invalidated or BACKEND not in connection.get_execution_options():
            is_open = True  # lost, so that it can only be rolled back, or of another library
            continue
        transaction = _noted(connection)
        if transaction is not None:
            transactions.append(transaction)
            is_open = is_open or transaction.is_open
    return is_open


_SESSIONS: ContextVar[tuple[Callable[[], Session | None], ...]] = ContextVar(
    "photon_sessions", default=()
)
_TRANSACTIONS: ContextVar[tuple[_ServerTransaction, ...]] = ContextVar(
    "photon_server_transactions", default=()
)
