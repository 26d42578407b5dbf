"""Timers after a hold: what became ready meanwhile runs first.

Theory of operation. When a task has held the scheduler for seconds, timers and sockets are ready at
the same time, and their order in time is lost. The reply that a task waits for may have arrived
long before its deadline, or before the deadline of a task that waits for that task. If the timers
fired first, the hold of one task would be the timeout of many others. So a hub that comes to its
timers late, by more than ``LATE``, lets each task that is runnable run once before it fires them;
that includes all whose sockets are ready, and those whose calls in other threads have ended.

Only holds count, not load: a hub that is busy comes to its timers late by one of its turns. And the
postponement ends after the time of the hold at the latest, so timers are never twice as late as
they were, also if the runnable tasks hold the scheduler in turn.
"""

from __future__ import annotations

from typing import Final

LATE: Final = 0.1
"""Seconds that the hub must be late for timers to be postponed."""


class Postponement:
    """Whether the timers of one hub are postponed.

    Attributes:
        switches: Number of switches to tasks until they fire.
    """

    __slots__ = ("_is_active", "_until", "switches")

    def __init__(self) -> None:
        """Begin without a postponement."""
        self.switches = 0
        self._until = 0.0
        self._is_active = False

    def applies(self, *, due: float, now: float, runnable: int) -> bool:
        """Return whether timers that are due at ``due`` are not to fire ``now``.

        Args:
            due: Time of the earliest timer.
            now: The time, not before ``due``.
            runnable: Number of runnable tasks.
        """
        if self._is_active:
            self._is_active = self.switches > 0 and runnable > 0 and now < self._until
        elif runnable and now - due > LATE:
            self._is_active = True
            self.switches = runnable
            self._until = now + (now - due)
        return self._is_active
