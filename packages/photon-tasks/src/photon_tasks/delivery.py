"""Which transaction a delivery is part of.

Theory of operation. `photon_runtime.transactions` finds the transaction of the current context that
a row belongs to: the one of the database that has the jobs goes before others. If the store joins
its database, the jobs are rows of the transaction itself. If not, a row of the outbox is, which a
relay delivers after the commit. Where it cannot be decided, `AmbiguousTransaction` is raised, and
the caller names a session by `joining`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, final

from photon_runtime.transactions import Callback, transaction_to_join

from .errors import StoreRefused
from .records import Delivery, Enqueued

if TYPE_CHECKING:
    from .stores import JobStore

AfterCommit: TypeAlias = Callable[[Callback], object]
"""Adds a call after the commit of a transaction."""


class Outbox(Protocol):
    """Keeps deliveries beside the rows of an application, until they are relayed."""

    def put(self, connection: Any, delivery: Delivery) -> Sequence[Enqueued]:
        """Add a delivery to the transaction of a connection. Blocks: the calling task."""
        ...

    def wake(self) -> object:
        """Relay soon what was committed. Does not wait."""
        ...


@final
class Deliveries:
    """Takes deliveries to a store, as part of the transaction that is open.

    Args:
        store: The store.

    Attributes:
        outbox: For transactions of other databases than that of the store; ``None`` if the
            application has none.
        is_deferred: True to deliver after the commit of such a transaction, in place of an outbox:
            in tests, whose process is not killed in between.
    """

    def __init__(self, store: JobStore) -> None:
        """Begin without an outbox."""
        self._store = store
        self.outbox: Outbox | None = None
        self.is_deferred = False

    def deliver(self, delivery: Delivery) -> tuple[Sequence[Enqueued], AfterCommit | None]:
        """Enqueue a delivery.

        Returns:
            What has become of the jobs, and, if they are part of a transaction, the function that
            adds a call after its commit.

        Raises:
            AmbiguousTransaction: Several transactions may be meant.
            StoreRefused: Nothing would take jobs from the database of the transaction to the store.
            StoreUnavailable: The store did not respond.

        Blocks: the calling task.
        """
        store = self._store
        transaction = transaction_to_join(store.joins, of=_SESSION.get())
        if transaction is None:
            return store.deliver(delivery), None
        if store.joins(transaction.database):
            connection = transaction.connection()
            return store.deliver(delivery, connection=connection), transaction.on_commit
        if self.is_deferred:
            transaction.connection()  # begins it
            transaction.on_commit(lambda: store.deliver(delivery))
            return [Enqueued(job.id, is_new=True) for job in delivery.jobs], transaction.on_commit
        if self.outbox is None:  # a job of its own would remain if the transaction is undone
            raise StoreRefused(
                f"a transaction of {transaction.database!r} is open, and the application has no "
                "outbox there: enqueue the job after the transaction"
            )
        enqueued = self.outbox.put(transaction.connection(), delivery)
        transaction.on_commit(self.outbox.wake)
        return enqueued, transaction.on_commit


@contextmanager
def joining(session: object) -> Iterator[None]:
    """Let jobs that are enqueued in the block be part of the transaction of ``session``.

    It is needed only where the transactions of several databases are open.

    Args:
        session: A session or a connection of SQLAlchemy.
    """
    token = _SESSION.set(session)
    try:
        yield
    finally:
        _SESSION.reset(token)


_SESSION: ContextVar[object] = ContextVar("photon_joined_session", default=None)
