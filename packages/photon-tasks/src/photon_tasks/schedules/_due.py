"""What becomes of the ticks that are due: which of them get jobs.

A tick that is late by less than the grace (half a minute) is not missed: processes pause and
restart. If the first tick that is due is later than that, the schedule has had an outage, and its
`Schedule.catch_up` decides about all ticks that are due.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ._schedule import CatchUp
from ._ticks import Ticks, newest_tick, newest_ticks


@attrs.frozen
class DueTicks:
    """The ticks of a schedule that are due.

    Attributes:
        fired: Those that get jobs, in their order.
        first: The first one; ``None`` if none is due.
        newest: The last one; ``None`` if none is due.
        is_complete: False if one of them gets no job.
        lateness: Seconds by which the first one is late; 0 if none is due.
        is_outage: True if the first one is late by more than the grace.
    """

    fired: Sequence[int] = ()
    first: int | None = None
    newest: int | None = None
    is_complete: bool = True
    lateness: float = 0.0
    is_outage: bool = False


def due_ticks(
    ticks: Ticks, last: float, now: float, *, catch_up: CatchUp, grace: float, limit: int
) -> DueTicks:
    """Return what becomes of the ticks after ``last`` and not after ``now``.

    Args:
        ticks: The ticks of the schedule.
        last: The tick that fired last.
        now: The time of the store.
        catch_up: See `Schedule`.
        grace: Seconds by which a tick may be late without being missed.
        limit: Maximum number of ticks that fire at once; the last ones do.
    """
    first = ticks.after(last)
    if first > now:
        return DueTicks()
    lateness = now - first
    is_outage = lateness > grace
    if is_outage and catch_up != "all":
        newest = newest_tick(ticks, last, now)
        fired = [newest] if catch_up == "one" and newest is not None else []
    else:
        fired = newest_ticks(ticks, last, now, limit)
        newest = fired[-1]
    is_complete = fired[:1] == [first]
    return DueTicks(fired, first, newest, is_complete, lateness, is_outage)
