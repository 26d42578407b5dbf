"""Ticks: the moments at which a schedule fires, as whole seconds since the epoch.

Theory of operation. Ticks are computed and never stored: all processes compute the same ones from
a text and a time zone, and agree on nothing but the last tick that has fired. So the next tick
after a moment depends on that moment alone, not on where a computation began, and intervals are
multiples counted from the epoch.

What follows a calendar is a *pattern*: it knows the dates and times of a clock on the wall that is
never changed. Two rules place such times in a zone whose clocks do change:

- `WallTicks`: every time of the day that the pattern names comes once. One that the clocks skip
  comes when they have been put forward, one that they show twice comes at the first time.
- `ElapsedTicks`, for patterns that have every hour: the clock is read as it goes. What it skips
  does not come, what it shows twice comes twice, and so a tick every 15 minutes stays one.

The pattern decides, by its values and not by its notation. cronsim's own rule differs between
expressions with five and with six fields: with six, ``0 30 2 * * *`` would be skipped in March and
come twice in October. So cronsim computes patterns here, and knows nothing of time zones.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import attrs

_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)
_STEP = 6 * 3600  # no zone has put its clocks forward and back within so short a time


class Ticks(Protocol):
    """The ticks of a schedule."""

    def after(self, moment: float) -> int:
        """Return the first tick after a moment, in seconds since the epoch."""
        ...


class Pattern(Protocol):
    """Dates and times of a clock that is never changed."""

    def after(self, time: datetime) -> datetime:
        """Return the first time after a naive one, in whole seconds."""
        ...


@attrs.frozen
class IntervalTicks:
    """Ticks at all multiples of some seconds since the epoch, whatever the time zone.

    Attributes:
        seconds: Number of seconds between two ticks.
    """

    seconds: int

    def after(self, moment: float) -> int:
        """Return the first multiple after a moment."""
        return (int(moment // self.seconds) + 1) * self.seconds


@attrs.frozen
class WallTicks:
    """Each time of a pattern once, by the clocks of a zone; see the module.

    Attributes:
        pattern: The times.
        zone: The time zone.
    """

    pattern: Pattern
    zone: ZoneInfo

    def after(self, moment: float) -> int:
        """Return the first tick after a moment."""
        time = _wall(int(moment // 1), self.zone)
        while True:
            time = self.pattern.after(time)
            # While the clocks show an hour for the second time, its times are in the past.
            if (tick := _first_moment(time, self.zone)) > moment:
                return tick


@attrs.frozen
class ElapsedTicks:
    """The moments at which the clocks of a zone show a time of a pattern; see the module.

    Attributes:
        pattern: The times. It has every hour of the days that it has.
        zone: The time zone.
    """

    pattern: Pattern
    zone: ZoneInfo

    def after(self, moment: float) -> int:
        """Return the first tick after a moment."""
        start = since = int(moment // 1)
        offset = _offset(start, self.zone)
        while True:
            tick = _seconds(self.pattern.after(_EPOCH + (start + offset) * _SECOND)) - offset
            change = _change_between(since, tick, self.zone)
            if change is None:
                return tick
            # On from the change, which may be a tick itself, by the clocks as they are then.
            start, since, offset = change - 1, change, _offset(change, self.zone)


def newest_tick(ticks: Ticks, after: float, until: float) -> int | None:
    """Return the last tick after one moment and not after another; ``None`` without any.

    It looks by halving the time in between, so that a year of ticks costs as much as an hour.
    """
    newest: int | None = None
    low, high = int(after // 1), int(until // 1)
    if (tick := ticks.after(after)) <= until:
        newest = low = tick
    while newest is not None and low < high:
        middle = (low + high) // 2
        if (tick := ticks.after(middle)) <= until:
            newest = low = tick
        else:
            high = middle
    return newest


def newest_ticks(ticks: Ticks, after: float, until: float, limit: int) -> list[int]:
    """Return the last ticks after one moment and not after another, in their order.

    Args:
        ticks: The ticks of a schedule.
        after: The moment before the first one.
        until: The moment of the last one at the latest.
        limit: Maximum number; earlier ticks are left out.
    """
    newest: list[int] = []
    while len(newest) < limit and (tick := newest_tick(ticks, after, until)) is not None:
        newest.append(tick)
        until = tick - 1
    return newest[::-1]


def _seconds(time: datetime) -> int:
    return (time - _EPOCH) // _SECOND


def _wall(moment: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None)


def _offset(moment: int, zone: ZoneInfo) -> int:
    """Return by how many seconds the clocks of a zone are ahead of UTC."""
    offset = datetime.fromtimestamp(moment, zone).utcoffset()
    return 0 if offset is None else offset // _SECOND


def _first_moment(time: datetime, zone: ZoneInfo) -> int:
    """Return when clocks show a time first; for a skipped one, when they are put forward."""
    moment = int(time.replace(tzinfo=zone, fold=0).timestamp())
    if _wall(moment, zone) == time:
        return moment
    # ``fold=0`` reads the skipped time by the clocks as they were, so this is after the change.
    before = int(time.replace(tzinfo=zone, fold=1).timestamp())
    change = _change_between(before, moment, zone)
    return moment if change is None else change


def _change_between(start: int, end: int, zone: ZoneInfo) -> int | None:
    """Return the first moment after a start, up to an end, with another offset, or ``None``."""
    if zone.key == "UTC":
        return None
    offset = _offset(start, zone)
    while start < end:
        step = min(start + _STEP, end)
        if _offset(step, zone) != offset:
            while start + 1 < step:
                middle = (start + step) // 2
                if _offset(middle, zone) == offset:
                    start = middle
                else:
                    step = middle
            return step
        start = step
    return None
