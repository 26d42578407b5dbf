"""`TransactionRoute`: the transaction that a delivery joins.

Theory of operation. `photon_runtime.transactions.transaction_to_join` has the rule. A transaction
of a database that the store is in gets the jobs themselves, one of any other database gets a row of
the outbox. Without any, the store has a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from photon_runtime.transactions import (
    AfterCommit,
    transaction_to_join,
)

from ..records import Delivery, Enqueued
from ._relay import Outbox, Recipient


class TransactionRoute:
    """Delivers as a part of the transaction that is open in the current context.

    Args:
        store: Where jobs go.
        outbox: Where they go if they cannot be rows of the store.
    """

    def __init__(self, store: Recipient, outbox: Outbox) -> None:
        """Note where jobs go."""
        self._store = store
        self._outbox = outbox

    def deliver(self, delivery: Delivery) -> tuple[Sequence[Enqueued], AfterCommit | None]:
        """Enqueue jobs and send events.

        Jobs in the outbox are new, as far as is known: whether another one has their unique key is
        decided when they are relayed.

        Returns:
            What has become of the jobs, and, if they are part of a transaction, the function that
            adds a call after its commit.

        Raises:
            AmbiguousTransaction: Several transactions are open; see `in_transaction_of`.
            StoreRefused: The transaction is of a database that is not the application's.
            StoreUnavailable: The store does not respond.

        Blocks: the calling task.
        """
        joined = transaction_to_join(self._store.joins, of=_OWNER.get())
        if joined is None:
            return self._store.deliver(delivery), None
        if self._store.joins(joined.database):
            enqueued = self._store.deliver(delivery, connection=joined.connection())
            return enqueued, joined.on_commit
        self._outbox.put(joined.database, joined.connection(), delivery)
        joined.on_commit(partial(self._outbox.wake, joined.database))
        return [Enqueued(job.id, is_new=True) for job in delivery.jobs], joined.on_commit


@contextmanager
def in_transaction_of(owner: Any) -> Iterator[None]:
    """Let the jobs that are enqueued in the block join the transaction of ``owner``.

    It is for code in which several transactions are open, so that it is not certain which one a job
    belongs to; and for sessions that have not done anything so far. The caller commits it.

    ::

        with in_transaction_of(session):
            charge.enqueue(order.id)

    Args:
        owner: A session, a connection of Core, or a database of the application.
    """
    token = _OWNER.set(owner)
    try:
        yield
    finally:
        _OWNER.reset(token)


_OWNER: ContextVar[Any] = ContextVar("photon_tasks_transaction", default=None)
