"""The clock of the time limits of connections, which stands still while the scheduler is held.

Theory of operation. Thousands of connections wait, each with a time limit, so a limit has no timer:
it is a number that a sweep over all of them compares with this clock: that of the server, and that
of WebSockets. Only the sweep advances the clock (`tick`), in steps; between two steps it costs
nothing to read. Three rules make such a coarse clock right.

*A limit is never early.* It is set from `latest`, the time that the next step may reach at most,
not from the step before. So at least its whole duration passes before it is exceeded, however long
ago the last step was; it may take two steps longer.

*A hold does not count.* While a task computes for seconds, no connection is served, and how slow a
peer is cannot be judged. So a step has a maximum length, whatever time has passed: an hour counts
like some tenths of a second. That applies to limits that were set before the hold, in it and after
it, for the task that held and for all others, and also when the whole process was stopped (SIGSTOP,
a paused machine).

*What has arrived comes first.* Before each step the sweep lets the hub poll and the tasks run whose
sockets are ready (`slices`). A task that was woken no longer waits, and has no limit to exceed.

Refused: reading the exact clock for each wait, which is paid by every request and still counts the
holds of others; and adding the length of a hold to the limits of all connections, which is one more
loop over all of them.
"""

from __future__ import annotations

_LONGEST_INTERVAL = 1.0
_SHORTEST_INTERVAL = 0.05
_SHORTEST_STEP = 0.25
_INTERVALS_PER_LIMIT = 4
_INTERVALS_PER_STEP = 1.25


class LimitClock:
    """A clock in seconds that advances in bounded steps.

    Attributes:
        time: The time: limits below it are exceeded.
        latest: The time that limits are counted from.
        read_at: Time of the hub at the last step; ``None`` before the first one.
    """

    __slots__ = ("_step", "latest", "read_at", "time")

    def __init__(self, interval: float) -> None:
        """Begin at zero, for a sweep that runs every ``interval`` seconds."""
        self.time = 0.0
        self.read_at: float | None = None
        self.use_interval(interval)

    def use_interval(self, interval: float) -> None:
        """Let steps be as long as a sweep takes that is on time, and a little longer."""
        self._step = max(_SHORTEST_STEP, interval * _INTERVALS_PER_STEP)
        self.latest = self.time + self._step

    def tick(self, now: float) -> None:
        """Advance to ``now``, the time of the hub, but by one step at the most."""
        if self.read_at is not None:
            self.time += min(now - self.read_at, self._step)
        self.read_at = now
        self.latest = self.time + self._step


def sweep_interval(*limits: float) -> float:
    """Return the seconds between two sweeps: one, or a fraction of the shortest of ``limits``."""
    return min(_LONGEST_INTERVAL, max(_SHORTEST_INTERVAL, min(limits) / _INTERVALS_PER_LIMIT))
