"""`ScheduleReports`: metrics and log lines about ticks."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final, final

from photon_runtime.observability import Meter

from ._due import DueTicks
from ._schedule import Schedule

LATE: Final = 5.0
"""Seconds after which a tick that fires is logged as late."""
_log = logging.getLogger("photon.tasks.schedules")


@final
class ScheduleReports:
    """What one process says about the ticks that it has fired.

    Args:
        meter: Makes the metrics.
        grace: Seconds by which a tick may be late without being missed.
    """

    __slots__ = ("_grace", "_lateness", "_missed", "_paused", "_ticks")

    def __init__(self, meter: Meter, grace: float) -> None:
        """Declare the metrics."""
        self._grace = grace
        self._paused: set[str] = set()
        self._ticks = meter.counter(
            "photon_tasks_ticks", "Ticks of schedules that have made jobs.", labels=("schedule",)
        )
        self._missed = meter.counter(
            "photon_tasks_schedule_outages",
            "Number of times that ticks of a schedule were missed.",
            labels=("schedule",),
        )
        self._lateness = meter.gauge(
            "photon_tasks_tick_lateness_seconds",
            "Seconds between the last tick of a schedule and its job.",
            labels=("schedule",),
            aggregation="max",
        )

    def note_ticks(self, schedule: Schedule, due: DueTicks, jobs: int) -> None:
        """Report ticks that this process has fired. Does not wait.

        Args:
            schedule: Their schedule.
            due: The ticks.
            jobs: Number of jobs that they have made.
        """
        if due.first is None:
            return
        self._ticks.labels(schedule.name).inc(jobs)
        self._lateness.labels(schedule.name).set(due.lateness)
        if due.is_outage or not due.is_complete:
            self._missed.labels(schedule.name).inc()
            _log.warning(
                "the schedule %r has missed its ticks since %s; catch_up=%r makes %d job%s",
                schedule.name,
                _time(due.first),
                schedule.catch_up,
                jobs,
                "" if jobs == 1 else "s",
            )
        elif due.lateness > LATE:
            _log.warning(
                "the schedule %r is %.1f s late: its processes or the store were busy",
                schedule.name,
                due.lateness,
            )

    def note_pause(self, schedule: Schedule, last: float, now: float) -> None:
        """Log, once, that the clock of the store was set back by more than the grace."""
        if last <= now + self._grace:
            self._paused.discard(schedule.name)
        elif schedule.name not in self._paused:
            self._paused.add(schedule.name)
            _log.error(
                "the schedule %r pauses until %s, because its last tick is in the future: the "
                "clock of the store was set back. With another name=, it begins anew",
                schedule.name,
                _time(last),
            )


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(" ", "seconds")
