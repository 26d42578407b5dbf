"""The transactions that were begun on servers in the current context, and the calls after them.

Theory of operation. They are noted for the connections of Core, and for sessions that the
application has made itself. Their calls belong to the connection, from the moment it is taken from
the pool until it is given back. They are made by the method of the dialect that commits, dropped by
the one that rolls back, and methods for savepoints drop those that were added since. Whatever ends
a transaction in another way (an error, the clean-up of an interrupted statement, ``COMMIT`` as
text) drops the calls: delivering too little is an error that is noticed, delivering what did not
happen is not.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, final

from sqlalchemy import Connection

from photon_runtime.errors import Cancelled
from photon_runtime.transactions import Callback, transaction_scope

from ..backends import Backend
from ._commit_hooks import report_dropped, run_calls

BACKEND: Final = "photon_backend"
"""Execution option of an engine: its backend and the limit of its statements in seconds."""
OPTIONS: Final = "photon_transaction"
"""Execution option of a connection: the `TransactionOptions` of the transaction to begin."""

_NOTED = "photon_transaction_calls"


def note_on_server(core: Connection, backend: Backend) -> None:
    """Note a transaction that begins on the server. Does not wait."""
    notes = _notes(core.connection)
    if notes is None:
        return
    notes[_NOTED] = transaction = ServerTransaction(core, backend)
    others = _TRANSACTIONS.get()
    if others:
        others = tuple(each for each in others if not each.is_over)
    _TRANSACTIONS.set((*others, transaction))


def open_on_servers() -> Iterator[ServerTransaction]:
    """Yield the transactions of the current context that are open on a server. Does not wait."""
    return (each for each in _TRANSACTIONS.get() if each.is_open)


def is_noted(connection: Any) -> bool:
    """Return whether the transaction of a connection of the pool is noted. Does not wait."""
    return _NOTED in (_notes(connection) or ())


def end_transaction(connection: Any, *, is_committed: bool) -> None:
    """Make or drop the calls that wait on a connection of the pool, whose transaction has ended.

    Blocks: the calling task, as the calls do.
    """
    notes = _notes(connection)
    if notes:
        transaction: ServerTransaction | None = notes.pop(_NOTED, None)
        if transaction is not None:
            transaction.end(is_committed=is_committed)


def note_savepoint(connection: Connection, name: str) -> None:
    """Note that a savepoint was made."""
    transaction = noted_transaction(connection)
    if transaction is not None:
        transaction.savepoints.append((name, len(transaction.calls)))


def end_savepoint(connection: Connection, name: str, *, is_released: bool) -> None:
    """Note that a savepoint is released, or drop the calls since it was made."""
    transaction = noted_transaction(connection)
    if transaction is not None:
        transaction.end_savepoint(name, is_released=is_released)


@final
class InScope:
    """A weak reference from the current scope; see `transaction_scope`."""

    __slots__ = ("_reference", "_scope")

    def __init__(self, target: Any) -> None:
        self._reference = weakref.ref(target)
        self._scope = transaction_scope()

    def __call__(self) -> Any:
        """Return the object; ``None`` if it does not exist any more, or in another scope."""
        return self._reference() if self._scope is transaction_scope() else None


@final
class ServerTransaction:
    """A transaction on a server, and the calls that wait for its commit.

    Attributes:
        core: Returns the connection of Core.
        calls: The calls, in order.
        savepoints: The open savepoints, each with the number of calls before it.
        has_ended: True after a commit or a rollback.
    """

    __slots__ = ("_backend", "_connection", "_scope", "calls", "core", "has_ended", "savepoints")

    def __init__(self, core: Connection, backend: Backend) -> None:
        self.core: Callable[[], Connection | None] = weakref.ref(core)
        self.calls: list[Callback] = []
        self.savepoints: list[tuple[str, int]] = []
        self.has_ended = False
        self._connection: Callable[[], Any] = weakref.ref(core.connection)
        self._backend = backend
        self._scope = transaction_scope()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or its connection was given back."""
        return self.has_ended or self._connection() is None

    @property
    def is_open(self) -> bool:
        """Whether it is open on the server, and the caller inside of it."""
        if self.has_ended or self._scope is not transaction_scope():
            return False
        connection = self._connection()
        if connection is None or connection.dbapi_connection is None:
            return False
        return self._backend.in_transaction(connection.dbapi_connection)

    def end(self, *, is_committed: bool) -> None:
        """Make or drop the calls."""
        self.has_ended = True
        calls, self.calls = self.calls, []
        if is_committed:
            with suppress(Cancelled):  # the commit has happened, and the next wait raises again
                run_calls(calls)
        elif calls:
            report_dropped(len(calls))

    def end_savepoint(self, name: str, *, is_released: bool) -> None:
        """Forget a savepoint, and its calls if it was rolled back."""
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


def noted_transaction(connection: Connection) -> ServerTransaction | None:
    """Return the transaction of a connection of Core; ``None`` if none is noted."""
    notes = _notes(connection.connection)
    return notes.get(_NOTED) if notes else None


_TRANSACTIONS: ContextVar[tuple[ServerTransaction, ...]] = ContextVar(
    "photon_server_transactions", default=()
)
