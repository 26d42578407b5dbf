"""`Outbox`: deliveries in the databases of the application, on their way to the store.

Theory of operation. One task for each database relays its rows. It works when a transaction of this
process has put something in, and looks once in a while for what other processes have left behind.
Rows go to the store in their order, many at once. They are deleted when the store has them; a
process that is killed in between delivers them again, and the store knows their ids.

Two kinds of errors are kept apart. The store or the database does not respond: nothing is wrong
with the rows, they wait, and the attempts become rarer, up to a limit. A row is the reason: the
others are delivered without it, and after a few attempts it is set aside, where people find it.
What is not known to be the former is looked for in each row.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, Protocol

import attrs
import msgspec

import photon_runtime as rt
from photon_runtime.backoff import Backoff
from photon_runtime.observability import Meter
from photon_runtime.transactions import leave_transactions

from ..errors import StoreRefused, StoreUnavailable
from ..records import Delivery, Enqueued
from ._rows import decode_delivery, encode_delivery
from ._table import OutboxRow, OutboxStatus, OutboxTable

_log = logging.getLogger("photon.tasks.outbox")
_LONGEST_PAUSE: Final = 5.0
_BATCH: Final = 100
_MAX_ATTEMPTS: Final = 5
_FIRST_WAIT: Final = 0.02
_MEASURED_EVERY: Final = 5.0
_LAST_LOOK: Final = 1.0


class Recipient(Protocol):
    """Where jobs go: a `JobStore`, as far as enqueueing is concerned."""

    def deliver(self, delivery: Delivery) -> Sequence[Enqueued]:
        """Enqueue jobs, and send events."""
        ...


class Outbox:
    """The outboxes of an application.

    Args:
        engines: The engines of its databases, by name. The one named ``default`` gets a table at
            the start, others when it is used.
        store: Where jobs go.
        meter: Makes the metrics.
        interval: Seconds between two looks for rows of other processes.
        timeout: Seconds that a delivery to the store may take.
    """

    def __init__(
        self,
        engines: Mapping[str, Any],
        store: Recipient,
        meter: Meter | None = None,
        *,
        interval: float = 1.0,
        timeout: float = 5.0,
    ) -> None:
        """Note the databases; nothing is opened."""
        meter = meter or Meter()
        self._relays = {
            name: _Relay(name, OutboxTable(engine), store, interval, timeout, name == "default")
            for name, engine in engines.items()
        }
        for name, description, read in (
            ("rows", "Deliveries in the outbox that wait.", _rows),
            ("oldest_seconds", "Age of the oldest delivery in the outbox.", _oldest),
            ("aside", "Deliveries in the outbox that were set aside after errors.", _aside),
        ):
            meter.observable_gauge(
                f"photon_tasks_outbox_{name}",
                description,
                partial(self._figures, read),
                labels=("database",),
                aggregation="max",  # all processes see the same rows
            )

    def put(self, connection: Any, delivery: Delivery) -> Sequence[Enqueued]:
        """Insert a delivery as a part of the transaction of ``connection``.

        After the commit, call `wake`.

        Args:
            connection: Connection of SQLAlchemy.
            delivery: What to enqueue.

        Returns:
            What has become of the jobs. They are new, as far as is known: whether another one has
            their unique key is decided when they are relayed.

        Raises:
            StoreRefused: The database is not one of the application's, so nothing would relay it.
            sqlalchemy.exc.SQLAlchemyError: The row cannot be inserted.

        Blocks: the calling task.
        """
        relay = self._relay(connection.engine)
        relay.table.put(connection, encode_delivery(delivery))
        return [Enqueued(job.id, is_new=True) for job in delivery.jobs]

    def wake(self) -> None:
        """Relay what was committed now. Does not wait."""
        for relay in self._relays.values():
            relay.wake()

    def status(self) -> Mapping[str, OutboxStatus]:
        """Return the state of each database by name. Blocks: the calling task."""
        return {
            name: relay.table.status()
            for name, relay in self._relays.items()
            if relay.table.is_made or relay.table.exists()
        }

    def retry(self) -> int:
        """Let the deliveries that were set aside wait again; return their number.

        Blocks: the calling task.
        """
        number = sum(relay.table.retry() for relay in self._relays.values() if relay.table.exists())
        self.wake()
        return number

    @contextmanager
    def running(self) -> Iterator[None]:
        """Relay during the block, and at its end once more, for a second at most.

        The rows of a database that does not respond wait.

        Blocks: the calling task.
        """
        tasks = [rt.spawn(relay.run) for relay in self._relays.values()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with rt.shield():
                for task in tasks:
                    task.join()
                for relay in self._relays.values():
                    relay.look_a_last_time()

    def _relay(self, engine: Any) -> _Relay:
        pool = engine.pool  # which an engine shares with those that are made from it
        for relay in self._relays.values():
            if relay.table.engine.pool is pool:
                return relay
        raise StoreRefused(
            f"jobs cannot be enqueued in a transaction of {engine!r}: it is not one of the "
            "databases of the application, so nothing would relay them to the store; enqueue them "
            "after the transaction, or make it a section [database.NAME]"
        )

    def _figures(self, read: Callable[[OutboxStatus], float]) -> dict[tuple[str, ...], float]:
        return {
            (name,): read(relay.last_status)
            for name, relay in self._relays.items()
            if relay.last_status is not None
        }


def _rows(status: OutboxStatus) -> float:
    return status.rows


def _oldest(status: OutboxStatus) -> float:
    return status.oldest


def _aside(status: OutboxStatus) -> float:
    return status.aside


@attrs.define(eq=False)
class _Relay:
    """Relays the rows of one database.

    Attributes:
        name: Name of the database.
        table: Its table.
        last_status: The state of the table, a few seconds ago.
    """

    name: str
    table: OutboxTable
    _store: Recipient
    _interval: float
    _timeout: float
    _is_eager: bool
    last_status: OutboxStatus | None = None
    _due: rt.Event = attrs.field(factory=rt.Event, init=False)
    _failures: int = attrs.field(default=0, init=False)
    _backoff: Backoff = attrs.field(factory=lambda: Backoff(longest=_LONGEST_PAUSE), init=False)
    _measured: float = attrs.field(default=0.0, init=False)

    def wake(self) -> None:
        self._due.set()

    def run(self) -> None:
        """Relay until the task is cancelled."""
        leave_transactions()
        wait = _FIRST_WAIT
        while True:
            self._due.clear()
            try:
                is_busy = self._work()
                self._measure()
            except Exception as error:
                self._failed(error)
                continue
            if self._failures:
                self._failures = 0
                self._backoff.reset()
                _log.info("the outbox of the database %r is relayed again", self.name)
            # Another relay that is at work may have looked before the last commit of this process.
            wait = min(2 * wait, self._interval) if is_busy else _FIRST_WAIT
            self._due.wait(wait if is_busy else self._interval)

    def look_a_last_time(self) -> None:
        """Relay what is there, unless that was not possible before."""
        leave_transactions()
        if self._failures:
            return
        with suppress(Exception), rt.deadline(_LAST_LOOK):
            self._work()

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            _log.error(
                "the outbox of the database %r cannot be relayed: %s; its rows wait",
                self.name,
                error,
                exc_info=None if isinstance(error, _PASSING) else error,
            )
        with suppress(Exception):
            self._measure()
        rt.sleep(self._backoff.delay())  # a wake-up must not hurry a store that is down

    def _work(self) -> bool:
        """Relay all rows; return whether another relay does it."""
        with rt.deadline(self._timeout):
            if not self.table.is_made and (self._is_eager or self.table.exists()):
                self.table.make()
            if not self.table.is_made or not self.table.has_rows():
                return False
        holder = uuid.uuid4().hex
        while True:
            with rt.deadline(self._timeout):
                rows = self.table.claim(holder, 2 * self._timeout, _BATCH)
            if rows is None:
                return True
            if not rows:
                return False
            if self._relay(holder, rows):
                return False

    def _measure(self) -> None:
        if time.monotonic() - self._measured >= _MEASURED_EVERY and self.table.is_made:
            self._measured = time.monotonic()
            with rt.deadline(self._timeout):
                self.last_status = self.table.status()

    def _relay(self, holder: str, rows: Sequence[OutboxRow]) -> bool:
        """Deliver rows, and delete them; return whether the lease was given back."""
        delivered: list[int] = []
        failed: dict[int, str] = {}
        is_last = True
        try:
            self._deliver(rows, delivered, failed)
            is_last = bool(failed) or len(rows) < _BATCH
        finally:
            with rt.shield(), rt.deadline(self._timeout):
                self.table.finish(
                    holder, delivered, failed, max_attempts=_MAX_ATTEMPTS, is_last=is_last
                )
        if failed:
            raise _RowsFailed(next(iter(failed.values())))
        return is_last

    def _deliver(
        self, rows: Sequence[OutboxRow], delivered: list[int], failed: dict[int, str]
    ) -> None:
        """Deliver rows in their order; all at once, and one by one if that fails."""
        readable: list[tuple[OutboxRow, Delivery]] = []
        for row in rows:
            try:
                readable.append((row, decode_delivery(row.delivery, row.age)))
            except (msgspec.DecodeError, ValueError) as error:
                self._note_failure(row, error, failed)
        try:
            self._send([delivery for _, delivery in readable])
            delivered += [row.number for row, _ in readable]
        except _PASSING:
            raise
        except Exception:
            for row, delivery in readable:
                try:
                    self._send([delivery])
                    delivered.append(row.number)
                except _PASSING:
                    raise
                except Exception as error:
                    self._note_failure(row, error, failed)

    def _send(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            with rt.deadline(self._timeout):
                self._store.deliver(
                    Delivery(
                        jobs=[job for each in deliveries for job in each.jobs],
                        groups=[group for each in deliveries for group in each.groups],
                        events=[event for each in deliveries for event in each.events],
                    )
                )

    def _note_failure(self, row: OutboxRow, error: Exception, failed: dict[int, str]) -> None:
        failed[row.number] = f"{type(error).__name__}: {error}"
        if row.attempts + 1 >= _MAX_ATTEMPTS:
            _log.error(
                "row %d of photon_outbox in the database %r is set aside after %d attempts",
                row.number,
                self.name,
                _MAX_ATTEMPTS,
                exc_info=error,
            )


class _RowsFailed(Exception):
    """Some rows could not be delivered, for reasons of their own."""


_PASSING: Final = (StoreUnavailable, StoreRefused, rt.DeadlineExceeded)
