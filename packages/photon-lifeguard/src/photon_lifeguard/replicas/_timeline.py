"""Where the primary was, and when: `PrimaryTimeline`.

Theory of operation. The monitor notes the primary's position again and again, with the time before
each question. A replica that has replayed a noted position shows every commit that was confirmed
before that time, so the age of the newest such note bounds how old a read of the replica can be.
This needs no clock of a server, is right for a replica that has lost its primary and believes to be
current, and is close to zero while the primary is idle: equal positions count as the newest note.

A position that is lower than the one before belongs to another server, after a failover: all
earlier notes are forgotten.
"""

from __future__ import annotations

from bisect import bisect_right

_MAX_NOTES = 1000


class PrimaryTimeline:
    """The positions of a primary in the recent past.

    Args:
        window: Seconds that are of interest. Notes are dropped where they are closer to each other
            than a thousandth of it.
    """

    def __init__(self, window: float) -> None:
        """Begin without notes."""
        self._spacing = window / _MAX_NOTES
        self._positions: list[int] = []
        self._times: list[float] = []

    @property
    def newest(self) -> tuple[float, int] | None:
        """Time and position of the newest note; ``None`` without one."""
        return (self._times[-1], self._positions[-1]) if self._times else None

    def note(self, time: float, position: int) -> None:
        """Note that the primary was at ``position``, or beyond it, at ``time``."""
        positions, times = self._positions, self._times
        if positions and position < positions[-1]:
            positions.clear()
            times.clear()
        is_same = bool(positions) and position == positions[-1]
        is_close = len(times) > 1 and time - times[-2] < self._spacing
        if is_same or is_close:
            positions[-1], times[-1] = position, time
            return
        positions.append(position)
        times.append(time)
        if len(times) > 2 * _MAX_NOTES:
            del positions[:_MAX_NOTES], times[:_MAX_NOTES]

    def reached(self, replayed: int) -> float | None:
        """Return the time whose commits a replica shows; ``None`` if it is before all notes.

        Args:
            replayed: Position that the replica has replayed.
        """
        index = bisect_right(self._positions, replayed) - 1
        return self._times[index] if index >= 0 else None
