"""`Log`: the newest messages of one room, in memory.

Positions have no holes, so an entry is found by its position without a search. Entries leave at the
old end only: beyond the number that the room keeps, and beyond their age.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from ._entries import Entry


class Log:
    """The newest entries of a room.

    Args:
        epoch: Name of the life of the log.
        entries: Number of entries that are kept.
        seconds: Age beyond which entries are removed; ``None`` for no limit.

    Attributes:
        epoch: As given; `restart` changes it.
        position: Position of the newest entry, also if that was removed; zero before the first.
        keep: Number of entries that are kept.
    """

    __slots__ = ("_entries", "_seconds", "epoch", "keep", "position")

    def __init__(self, epoch: str, *, entries: int, seconds: float | None) -> None:
        """Begin without entries."""
        self.epoch = epoch
        self.position = 0
        self.keep = entries
        self._seconds = seconds
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        """Return the number of entries that are there."""
        return len(self._entries)

    @property
    def base(self) -> int:
        """The position before that of the oldest entry: from there on nothing is missing."""
        return self.position - len(self._entries)

    def append(self, entry: Entry) -> None:
        """Add the next entry; its position is one above that of the log."""
        self.position = entry.position
        self._entries.append(entry)
        self.trim(entry.time)

    def trim(self, now: float) -> None:
        """Remove what is not kept any longer."""
        entries = self._entries
        while len(entries) > self.keep:
            entries.popleft()
        if self._seconds is not None:
            oldest = now - self._seconds
            while entries and entries[0].time < oldest:
                entries.popleft()

    def after(self, position: int, limit: int) -> list[Entry]:
        """Return the entries behind a position, at most ``limit``, from the oldest one on."""
        start = max(0, position - self.base)
        return list(islice(self._entries, start, start + limit))

    def restart(self, epoch: str, position: int) -> None:
        """Continue as another log, behind a position of it."""
        self.epoch = epoch
        self.position = position
        self._entries.clear()
