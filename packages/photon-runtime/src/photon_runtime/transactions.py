"""The transactions that are open in the current context, for code that knows no database layer.

::

    on_commit(lambda: lobby.broadcast("a new order"))

    transaction = transaction_to_join(lambda database: database is jobs.engine)
    if transaction is not None:
        insert(transaction.connection())     # committed with it, or rolled back with it

A database layer registers a function that finds its open transactions in the current context, by
`find_transactions_by`. Contexts are copied when tasks are spawned, so a task is inside of the
transactions of the task that has started it, until `leave_transactions`.

Theory of operation. There are two questions, with different answers:

- *What must a message wait for?* (`on_commit`) For everything that is begun. Several transactions
  may be, of several databases or of one; the call waits for all of them, and is dropped if one of
  them is rolled back: no rule could say which of them it is about.
- *What does a row belong to?* (`transaction_to_join`) It can be part of one transaction only, and
  must not be part of one that nothing commits. Where the choice is not certain, it is refused, and
  the caller names one. A transaction that its owner is sure to commit counts before its first
  write: what is written and undone afterwards takes the row with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias, final

from .callables import require_function, require_value
from .errors import AmbiguousTransaction

Callback: TypeAlias = Callable[[], object]
AfterCommit: TypeAlias = Callable[[Callback], object]
"""Adds a call after the commit of one transaction, such as `OpenTransaction.on_commit`."""


class OpenTransaction(Protocol):
    """A transaction of the current context."""

    @property
    def database(self) -> object:
        """What it is a transaction of: an engine of SQLAlchemy."""
        ...

    @property
    def is_begun(self) -> bool:
        """Whether it has anything to commit; false for one that will be committed, so far empty."""
        ...

    def connection(self) -> Any:
        """Return the connection whose statements are part of it, in its innermost savepoint.

        Changes of objects that wait for a flush are not flushed.

        Raises:
            Exception: It can only be rolled back, is read-only, or has no connection.

        Blocks: the calling task, until it has a connection, and the savepoint is made.
        """
        ...

    def on_commit(self, callback: Callback, /) -> object:
        """Call ``callback`` after the commit; dropped if it, or the savepoint, is rolled back.

        Of a transaction that is not begun, call `connection` first. Does not wait.
        """
        ...


Finder: TypeAlias = Callable[[object], Iterable[OpenTransaction]]
"""Returns the transactions of the current context, begun or not, for ``None``.

For anything else it returns the transaction of that owner, such as a session or a connection that
the caller names; nothing if the owner is not of its layer, or of none. Does not wait.
"""


def on_commit(callback: Callback, /) -> bool:
    """Call ``callback`` after the commit of all transactions that are begun in this context.

    Where none is, it is called at once. It is dropped if one of the transactions, or the savepoint
    that is open in it, is rolled back. An error in a deferred call is logged, because the commit
    has happened. The call may be made while a connection is still in use, so it should not wait for
    long.

    Args:
        callback: Function to call, without arguments.

    Returns:
        True if it was called at once.

    Raises:
        TypeError: It is a coroutine function or a generator function.

    Blocks: not by itself; ``callback`` may wait where it is called at once.
    """
    transactions = [each for each in open_transactions() if each.is_begun]
    if not transactions:
        require_value(callback(), callback)
        return True
    require_function(callback, "a call after a commit")
    after = callback if len(transactions) == 1 else _AfterAll(callback, len(transactions))
    for transaction in transactions:
        transaction.on_commit(after)
    return False


def open_transactions() -> list[OpenTransaction]:
    """Return the transactions of this context, those that are not begun included.

    Does not wait.
    """
    return [each for find in _FINDERS.get() for each in find(None)]


def transaction_to_join(
    prefers: Callable[[object], bool], *, of: object = None
) -> OpenTransaction | None:
    """Return the transaction of this context that a row belongs to; ``None`` if there is none.

    Those that are begun go before those that are not. Among them the one of the preferred database
    is chosen, else the only one.

    Args:
        prefers: Returns whether the row goes into that database, if it can.
        of: Owner of the transaction, such as a session or a connection, or a database; by default
            it is chosen by the rule above. A session that is named counts also if it has not done
            anything so far; the caller commits it.

    Raises:
        AmbiguousTransaction: Several may be meant, or ``of`` has none.
    """
    if of is not None:
        found = [each for find in _FINDERS.get() for each in find(of)]
        if not found:
            raise AmbiguousTransaction(
                f"{of!r} has no transaction in this context: name a session or a connection of a "
                "database of the application"
            )
        return _one(found)
    found = open_transactions()
    begun = [each for each in found if each.is_begun]
    found = begun or found
    if not found:
        return None
    return _one([each for each in found if prefers(each.database)] or found)


def _one(found: list[OpenTransaction]) -> OpenTransaction:
    if len(found) > 1:
        names = ", ".join(f"{each.database!r}" for each in found)
        raise AmbiguousTransaction(
            f"{len(found)} transactions are open here ({names}), and this can be part of one only: "
            "name the session that it belongs to, or do it after they have ended"
        )
    return found[0]


def find_transactions_by(finder: Finder) -> None:
    """Let this module ask ``finder`` in the current context; for database layers. Does not wait."""
    finders = _FINDERS.get()
    if finder not in finders:
        _FINDERS.set((*finders, finder))


def leave_transactions() -> None:
    """Let the current context be outside of the transactions that are open in it. Does not wait.

    For what outlives them, such as background work: it begins in a copy of the context of a request
    whose session it must not use.
    """
    _SCOPE.set(object())


def transaction_scope() -> object:
    """Return what changes by `leave_transactions`; for database layers. Does not wait.

    A transaction of an earlier scope is not one of the current context.
    """
    return _SCOPE.get()


@final
class _AfterAll:
    """Calls a function when it was called by each of several transactions."""

    __slots__ = ("_callback", "_remaining")

    def __init__(self, callback: Callback, transactions: int) -> None:
        self._callback = callback
        self._remaining = transactions

    def __call__(self) -> None:
        self._remaining -= 1
        if not self._remaining:
            self._callback()


_FINDERS: ContextVar[tuple[Finder, ...]] = ContextVar("photon_transactions", default=())
_SCOPE: ContextVar[object] = ContextVar("photon_transaction_scope", default=None)
