"""`RoomStore`: what connects the rooms of several workers.

Theory of operation. A store has one **log** for each room. The log is the truth about the order of
the messages: every worker delivers its entries to its members in the order of their positions,
which have no holes. What a store sends by itself (a message of Redis, a NOTIFY of PostgreSQL,
an interval of polling) is a hint that a log has grown, and may bring the entries along. A hint that
is lost does no harm: the next entry shows a hole, and a worker fills a hole by `RoomStore.read`.
Entries that have been removed from the log by then are a gap: the members get a message about it.

So a store has few duties:

- `append` gives the positions, and makes the entries readable, in one atomic step. Appending a
  record again does nothing: a worker whose connection ended in the middle of `append` cannot know
  the outcome, and repeats it. The records of an origin arrive with increasing sequences, so the
  store remembers one number for each origin and room.
- A log that has lost entries other than its oldest ones (a server without persistence has been
  restarted, a table was emptied) must come back with another **epoch**. Positions of another epoch
  mean nothing, and their readers get a gap.
- `listen` calls `StoreListener.listening` when hints will arrive from now on, whereupon the worker
  reads all logs that it watches. It ends with an error when hints may be lost, and is called again.
- The presence of users is the number of sockets for each worker, room and user. It counts as long
  as the **lease** of the worker, which the worker renews. What a killed worker leaves behind
  expires with its lease and is removed by another worker that has members in the room; the store
  decides which one, so that each user leaves once.

The calls of a store are made by a few tasks, several at the same time, and within `deadline`
blocks: a call that is interrupted must leave nothing half-done that a later call would find, so its
connection is closed. Errors of the server and the connection are raised as `StoreUnavailable`; any
other error is treated the same, and logged with its traceback.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import attrs

from ._entries import Entry, Record


@attrs.frozen
class Retention:
    """How long a log keeps its entries.

    Attributes:
        entries: Number of newest entries that are kept.
        seconds: Age beyond which an entry is removed at the next append, by the clock of the store;
            ``None`` for no limit. Logs that nothing is appended to may be removed after a multiple
            of it, or after a day without one: then with their epoch.
    """

    entries: int
    seconds: float | None = None


@attrs.frozen
class Batch:
    """Records for the log of one room, in order."""

    room: str
    records: Sequence[Record]
    retention: Retention


@attrs.frozen
class Appended:
    """The outcome of a batch.

    Attributes:
        epoch: Epoch of the log.
        first: Position of the first record of the batch, if all records of it were appended now,
            one behind the other; ``None`` if some had been appended before.
        time: When, by the clock of the store.
    """

    epoch: str
    first: int | None
    time: float


@attrs.frozen
class LogPage:
    """Entries of a log, oldest first, without a hole.

    Attributes:
        epoch: Epoch of the log.
        last: Position of its newest entry at the time; zero for a log without any.
        entries: The entries. The first one is behind the requested position if that one is
            still there, or else the oldest one that is; empty if there are none behind it.
    """

    epoch: str
    last: int
    entries: Sequence[Entry]


@attrs.frozen
class PresenceChange:
    """A new number of sockets that a user has in a room, in one worker."""

    room: str
    user: str
    sockets: int


@attrs.frozen
class PresenceTotals:
    """The sockets of a user in a room over all workers, before and after a `PresenceChange`."""

    before: int
    after: int


class StoreListener(Protocol):
    """What a store calls while it listens. `received` may wait; the others do not."""

    def listening(self) -> None:
        """Note that hints about all watched rooms arrive from now on."""

    def received(self, room: str, epoch: str, entries: Sequence[Entry]) -> None:
        """Take entries that arrived with a hint, in the order of their positions.

        Entries that are known already do no harm, nor do entries of rooms that are not watched.
        """

    def changed(self, room: str) -> None:
        """Note that the log of a room may have entries that have not been received."""


class RoomStore(Protocol):
    """The logs and the presence of rooms, shared by the workers of an application.

    Every method waits for the store, and raises `StoreUnavailable` if it cannot be reached.
    """

    def open(self) -> None:
        """Prepare what the store needs, such as tables; called before the other methods, once.

        It may fail and be called again: an application starts without its store, too.
        """

    def close(self) -> None:
        """Close all connections; nothing is called afterwards."""

    def append(self, batches: Sequence[Batch]) -> Sequence[Appended]:
        """Append records to logs, and make the listeners of all workers know.

        Each batch is appended as a whole. If one of several fails, those before it may have been
        appended. A record whose sequence is not above the last one of its origin in the room is
        left out.

        Returns:
            One outcome for each batch.
        """
        ...

    def read(self, room: str, after: int, limit: int) -> LogPage:
        """Return the entries behind position ``after``, at most ``limit``.

        A log that does not exist is made, with an epoch.
        """
        ...

    def watch(self, room: str) -> None:
        """Give hints about a room from now on, or from the next `listen`.

        It returns when they are certain to arrive, or calls `StoreListener.changed` when they are:
        at once, if the store gives hints about all rooms.
        """

    def unwatch(self, room: str) -> None:
        """Give no more hints about a room."""

    def listen(self, listener: StoreListener) -> None:
        """Give hints until the connection fails, which is raised.

        It must notice within about 10 seconds that the server no longer answers.

        Blocks: the calling task, until it is cancelled.
        """

    def set_presence(
        self, origin: str, changes: Sequence[PresenceChange]
    ) -> Sequence[PresenceTotals]:
        """Set numbers of sockets; zero removes the user from the room for this worker.

        Totals count workers whose lease has not expired, and this one.
        """
        ...

    def presence(self, room: str) -> Mapping[str, int]:
        """Return the sockets of each user, over all workers whose lease has not expired."""
        ...

    def renew(self, origin: str, lease: float) -> bool:
        """Extend the lease of a worker to ``lease`` seconds from now, by the clock of the store.

        Returns:
            ``False`` if the worker had no lease, because it is new or its lease has expired: then
            the store has nothing of its presence, and the worker sets all of it again.
        """
        ...

    def expire(self, rooms: Collection[str]) -> Sequence[tuple[str, str]]:
        """Remove from these rooms the presence of workers whose lease has expired.

        The store removes what is left in other rooms by itself, a long time after the lease.

        Returns:
            Room and user for each user that has no sockets in the room any more, because of this
            removal; no two callers get the same.
        """
        ...

    def release(self, origin: str) -> None:
        """Remove the lease of a worker that ends, and its presence in all rooms."""
