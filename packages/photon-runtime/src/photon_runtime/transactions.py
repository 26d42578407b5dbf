"""`on_commit`: a call after the commit of the transactions that are open in the current context.

::

    on_commit(lambda: lobby.broadcast("a new order"))

It is for code that knows no database layer, such as a room that must not announce what is rolled
back later. A database layer registers a function that finds its open transactions in the current
context, by `find_transactions_by`. Contexts are copied when tasks are spawned, so a task is inside
of the transactions of the task that has started it.

Several transactions may be open at once, of several databases or of one. The call waits for all of
them, and is dropped if one of them is rolled back: no rule could say which of them it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TypeAlias, final

from .callables import require_function, require_value

Callback: TypeAlias = Callable[[], object]
AfterCommit: TypeAlias = Callable[[Callback], object]
"""Adds a call after the commit of one open transaction; dropped if that is rolled back."""
Finder: TypeAlias = Callable[[], Iterable[AfterCommit]]
"""Returns the open transactions of the current context. Does not wait."""


def on_commit(callback: Callback, /) -> bool:
    """Call ``callback`` after the commit of all transactions that are open in this context.

    Where none is open it is called at once. It is dropped if one of the transactions, or the
    savepoint that is open in it, is rolled back. An error in a deferred call is logged, because the
    commit has happened. The call may be made while a connection is still in use, so it should not
    wait for long.

    Args:
        callback: Function to call, without arguments.

    Returns:
        True if it was called at once.

    Raises:
        TypeError: It is a coroutine function or a generator function.

    Blocks: not by itself; ``callback`` may wait where it is called at once.
    """
    transactions = [each for find in _FINDERS.get() for each in find()]
    if not transactions:
        require_value(callback(), callback)
        return True
    require_function(callback, "a call after a commit")
    after = callback if len(transactions) == 1 else _AfterAll(callback, len(transactions))
    for add in transactions:
        add(after)
    return False


def find_transactions_by(finder: Finder) -> None:
    """Let `on_commit` ask ``finder`` in the current context; for database layers. Does not wait."""
    finders = _FINDERS.get()
    if finder not in finders:
        _FINDERS.set((*finders, finder))


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
