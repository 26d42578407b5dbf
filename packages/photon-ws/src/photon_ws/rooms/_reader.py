"""`Reader`: the messages of one room behind an id, for a socket that resumes or an event stream.

Theory of operation. A reader is a position in the log of its room. It takes what is behind that,
without waiting, so no message is lost or repeated between what it takes and what it takes next: the
log has no holes. Where the log no longer has what comes next, because the reader was away or slow
for too long, or because the log itself has lost it, the reader takes a gap and continues with the
oldest message there is.

Behind the log, while the store is down, are messages of this worker that have no position yet. A
reader notes how far it has taken them, and skips them in the log later; its ids say so, too. A
reader that comes with such an id of another worker skips the messages of that worker. If these are
not in the log, it is unknown when they will be, so that is a gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ._contents import Content
from ._entries import Entry, MessageId, Record
from ._messages import RoomMessage

if TYPE_CHECKING:
    from ._room_state import RoomState

BATCH = 64


class Reader:
    """Takes the messages of a room, in order.

    Args:
        state: The room.
        after: Id of the last message that the client has; an empty one for all that is kept.
    """

    __slots__ = ("_ahead", "_epoch", "_gap", "_position", "_state")

    def __init__(self, state: RoomState, after: str) -> None:
        """Begin behind an id."""
        self._state = state
        self._ahead: tuple[str, int] | None = None
        log = state.log
        log.trim(state.now())
        self._epoch, self._position = log.epoch, log.base
        last = MessageId.parse(after)
        if last is None or last.epoch != log.epoch or last.position > log.position:
            self._gap = after != ""
            return
        self._gap = last.position < log.base
        self._position = max(log.base, last.position)
        if last.ahead is not None and self._is_in_log(last.ahead):
            self._ahead = last.ahead
        elif last.ahead is not None:
            self._gap = True

    def take(self) -> list[RoomMessage]:
        """Return the next messages, about `BATCH` at most; none if the reader has all."""
        state, log = self._state, self._state.log
        log.trim(state.now())
        if self._epoch != log.epoch or self._position < log.base:
            self._gap = True
            self._epoch, self._position, self._ahead = log.epoch, log.base, None
        taken = [RoomMessage(self.id, state.room.gap_content, is_gap=True)] if self._gap else []
        self._gap = False
        for entry in log.after(self._position, BATCH):
            taken += self._message(entry)
        if self._position == log.position:
            taken += self._provisional(BATCH)
        return taken

    @property
    def id(self) -> str:
        """The id of the message that was taken last."""
        return str(MessageId(self._epoch, self._position, self._ahead))

    def _message(self, entry: Entry) -> Iterator[RoomMessage]:
        self._position = entry.position
        ahead = self._ahead
        if ahead is not None and entry.origin == ahead[0]:
            if entry.sequence >= ahead[1]:
                self._ahead = None
            if entry.sequence <= ahead[1]:
                return
        yield self._read(entry)

    def _read(self, source: Entry | Record) -> RoomMessage:
        if source.kind == "gap":
            return RoomMessage(self.id, self._state.room.gap_content, is_gap=True)
        return RoomMessage(self.id, Content(source.kind, source.payload))

    def _provisional(self, limit: int) -> Iterator[RoomMessage]:
        state = self._state
        seen = self._ahead[1] if self._ahead is not None else 0
        newer = (record for record in state.provisional if record.sequence > seen)
        for record in islice(newer, limit):
            self._ahead = record.origin, record.sequence
            yield self._read(record)

    def _is_in_log(self, ahead: tuple[str, int]) -> bool:
        """Return whether the messages of an origin are known up to one that the client has."""
        origin, sequence = ahead
        state = self._state
        if origin == state.origin and state.provisional:
            return True  # of this worker, and still on their way to the store
        entries = state.log.after(self._position, len(state.log))
        return any(each.origin == origin and each.sequence >= sequence for each in entries)
