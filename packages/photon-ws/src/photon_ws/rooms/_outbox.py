"""`Outbox`: the messages of this worker that the store does not have yet.

Theory of operation. Each room has a queue; the rooms take turns in the order in which they were
added, and several are sent at once. Records that are on their way to the store are not in a queue;
if that fails they return to the front, and their order is the same again.

The outbox is bounded. While the store is available, senders wait for space. While it is down, the
oldest records are dropped, and a record of the kind ``gap`` takes their place, so that the members
of other workers learn that messages are missing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from ._entries import Record
from ._store import Batch, Retention

_Waiting: TypeAlias = tuple[Record, float]
"""A record, and when it was added."""

MAX_RECORDS = 10_000
MAX_BYTES = 16 * 1024 * 1024
_BATCH_RECORDS = 250
_BATCH_BYTES = 1024 * 1024


class Outbox:
    """Queues of records, by room.

    Args:
        max_records: Number of records from which on the outbox is full.
        max_bytes: Size of their payloads from which on it is full.

    Attributes:
        dropped: Number of records that were dropped.
    """

    def __init__(self, *, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        """Begin empty."""
        self._queues: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._retentions: dict[str, Retention] = {}
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._sending: dict[str, list[_Waiting]] = {}
        self._records = 0
        self._bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        """Return the number of records that wait."""
        return self._records

    @property
    def is_full(self) -> bool:
        """Whether senders wait, or records are dropped."""
        return self._records >= self._max_records or self._bytes >= self._max_bytes

    def pending(self, room: str) -> Iterable[Record]:
        """Return the records of a room that wait or are on their way, oldest first."""
        waiting = (*self._sending.get(room, ()), *self._queues.get(room, ()))
        return [record for record, _ in waiting]

    def oldest(self) -> float | None:
        """Return when the record that waits for the longest time was added, if there is one."""
        times = [queue[0][1] for queue in (*self._sending.values(), *self._queues.values())]
        return min(times, default=None)

    def has(self, room: str) -> bool:
        """Return whether records of a room wait or are on their way."""
        return room in self._queues or room in self._sending

    def add(self, room: str, record: Record, retention: Retention, now: float) -> None:
        """Add a record of a room."""
        queue = self._queues.get(room)
        if queue is None:
            queue = self._queues[room] = deque()
        queue.append((record, now))
        self._retentions[room] = retention
        self._count(record, 1)

    def take(self) -> list[Batch]:
        """Return the records that are sent next, one batch for each room.

        They are on their way until `note_sent` or `give_back`.
        """
        batches, records, size = [], 0, 0
        while self._queues and records < _BATCH_RECORDS and size < _BATCH_BYTES:
            room, queue = next(iter(self._queues.items()))
            taken: list[_Waiting] = []
            while queue and records < _BATCH_RECORDS and size < _BATCH_BYTES:
                record, added = queue.popleft()
                taken.append((record, added))
                records += 1
                size += len(record.payload)
                self._count(record, -1)
            batch = [record for record, _ in taken]
            batches.append(Batch(room, batch, self._retentions[room]))
            self._sending[room] = taken
            if queue:
                self._queues.move_to_end(room)
                break
            del self._queues[room], self._retentions[room]
        return batches

    def note_sent(self) -> None:
        """Note that the store has the records that were on their way."""
        self._sending.clear()

    def give_back(self, batches: Sequence[Batch]) -> None:
        """Put records that could not be sent to the front again."""
        sending, self._sending = self._sending, {}
        for batch in reversed(batches):
            queue = self._queues.setdefault(batch.room, deque())
            queue.extendleft(reversed(sending[batch.room]))
            self._queues.move_to_end(batch.room, last=False)
            self._retentions.setdefault(batch.room, batch.retention)
            for record in batch.records:
                self._count(record, 1)

    def drop_oldest(self) -> tuple[str, Record]:
        """Replace the two oldest records of a room by a gap.

        Returns:
            The room and the gap, whose sequence is that of the last record that is dropped.
        """
        several = (room for room, queue in self._queues.items() if len(queue) > 1)
        room = next(several, next(iter(self._queues)))
        queue = self._queues[room]
        lost = sequence = 0
        added = queue[0][1]
        for _ in range(min(2, len(queue))):
            record, _added = queue.popleft()
            self._count(record, -1)
            sequence = record.sequence
            lost += int(record.payload) if record.kind == "gap" else 1
            self.dropped += record.kind != "gap"
        gap = Record(record.origin, sequence, "gap", str(lost).encode())
        queue.appendleft((gap, added))
        self._count(gap, 1)
        return room, gap

    def _count(self, record: Record, sign: int) -> None:
        self._records += sign
        self._bytes += sign * (len(record.payload) + 100)
