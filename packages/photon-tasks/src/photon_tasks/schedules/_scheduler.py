"""`Scheduler`: enqueues the jobs of ticks, in every worker process, without a leader.

Theory of operation. Every process has a scheduler, and all of them do the same. The store has a
record for each schedule, with the tick that fired last. At a tick, each scheduler computes what is
due and tries to replace the record and to enqueue the jobs in one step (`JobStore.fire`); the first
one succeeds, and the others find another record than they expected. A process that dies takes
nothing along, because it had no part that others do not have.

*Once.* Ticks fire in their order, and none that is not after the last one. So a clock that is set
back fires nothing again: the schedule pauses until the time is over that has been before. A clock
that is set forward is an outage. The id of a job is computed from schedule and tick, so that a
step that was repeated after a lost response enqueues nothing twice.

*Time* is that of the store, which is the same for all machines. A wait until the next tick is
measured by the monotonic clock, and is never longer than `look_interval`, so that a clock that was
set is noticed. Each process waits for some milliseconds more than the others, at random: the first
one fires, and the others only see it.

*Outages.* A store that is unavailable is tried again, with growing pauses. The ticks in between are
due as soon as it responds; see `photon_tasks.schedules._due` for what becomes of them. The number
of ticks that fire in one step is bounded, and what is left out is logged.

*Deploys*: see `photon_tasks.schedules._definition`. A schedule that was removed from the code is
not looked at any more; its record stays, and does no harm.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from random import random
from typing import Final, final

import attrs

import photon_runtime as rt
from photon_runtime.backoff import Backoff
from photon_runtime.observability import Meter

from ..errors import StoreUnavailable, TaskDefinitionError
from ..records import NewJob, ScheduleRecord
from ..stores import JobStore
from ._definition import PATIENCE, Definition, definition_of
from ._due import DueTicks, due_ticks
from ._reports import ScheduleReports
from ._schedule import Schedule
from ._ticks import Ticks

_SPREAD: Final = 0.03
_FIRST_PAUSE: Final = 0.2
_log = logging.getLogger("photon.tasks.schedules")


@final
class Scheduler:
    """Enqueues the jobs of schedules at their ticks; one in each process.

    Args:
        store: Where jobs are.
        schedules: The schedules of the application.
        new_job: Returns the job of a schedule's tick.
        meter: Makes its metrics.
        fired: Called after jobs were enqueued. It does not wait.
        grace: Seconds by which a tick may be late without being missed.
        max_catch_up: Maximum number of ticks of a schedule that fire at once.
        look_interval: Maximum number of seconds between two looks at the store.
        timeout: Maximum number of seconds that a call of the store takes.
        monotonic: Measures waits.

    Raises:
        TaskDefinitionError: Two schedules have the same name.
    """

    def __init__(
        self,
        store: JobStore,
        schedules: Sequence[Schedule],
        new_job: Callable[[Schedule, int], NewJob],
        *,
        meter: Meter | None = None,
        fired: Callable[[], object] = lambda: None,
        grace: float = 30.0,
        max_catch_up: int = 100,
        look_interval: float = 10.0,
        timeout: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Note the schedules; nothing waits."""
        refuse_equal_names(schedules)
        self._store = store
        self._schedules = tuple(schedules)
        self._new_job = new_job
        self._fired = fired
        self._grace = grace
        self._max_catch_up = max_catch_up
        self._look_interval = look_interval
        self._timeout = timeout
        self._monotonic = monotonic
        self._started: float | None = None
        self._next: dict[str, tuple[float, int]] = {}
        self._reports = ScheduleReports(Meter() if meter is None else meter, grace)

    def run(self) -> None:
        """Enqueue jobs at their ticks; several processes may do so at once.

        Blocks: the calling task, until it is cancelled.
        """
        backoff = Backoff(first=_FIRST_PAUSE)
        is_reached = True
        while self._schedules:
            try:
                wait = self.look()
                if not is_reached:
                    _log.info("the scheduler has reached the store of the jobs again")
                backoff.reset()
                is_reached = True
            except (StoreUnavailable, rt.DeadlineExceeded) as error:
                if (remaining := rt.remaining_time()) is not None and remaining <= 0:
                    raise  # the caller's own deadline
                if is_reached:
                    _log.warning("the scheduler waits for the store of the jobs: %s", error)
                is_reached = False
                wait = backoff.delay()
            except Exception:
                _log.exception("the scheduler could not look at its schedules, and tries again")
                wait = backoff.delay()
            rt.sleep(wait)

    def look(self) -> float:
        """Fire what is due, and return the seconds until the next look.

        Raises:
            StoreUnavailable: The store cannot be reached.
            DeadlineExceeded: The store has not responded in time.

        Blocks: the calling task, while it waits for the store.
        """
        with rt.deadline(self._timeout):
            now = self._store.clock()
            measured = self._monotonic()
            records = self._store.schedules()
        if self._started is None:
            self._started = now
        next_look = now + self._look_interval
        for schedule in self._schedules:
            record = records.get(schedule.name)
            try:
                moment = self._look_at(schedule, record, now, self._started)
            except (StoreUnavailable, rt.DeadlineExceeded):
                raise
            except Exception:  # the ticks stay due: a deploy that mends it catches up
                _log.exception("the schedule %r of %s has failed", schedule.name, schedule.place)
                continue
            next_look = min(next_look, moment)
        passed = self._monotonic() - measured
        return max(0.0, next_look - now - passed) + random() * _SPREAD

    def _look_at(
        self, schedule: Schedule, record: ScheduleRecord | None, now: float, started: float
    ) -> float:
        """Do what is to be done for a schedule, and return the moment of its next look."""
        if record is None:
            first = Definition(schedule.text, schedule.timezone, started)
            self._set(ScheduleRecord(schedule.name, first.encode(), now), None)
            return schedule.ticks.after(now)
        definition = definition_of(record)
        if not definition.is_of(schedule):
            return self._look_at_other(schedule, record, definition, now, started)
        if definition.contested is None:
            return self._fire_due(schedule, record, now)
        kept = attrs.evolve(definition, contested=None)
        self._set(attrs.evolve(record, text=kept.encode()), record)
        return now

    def _look_at_other(
        self,
        schedule: Schedule,
        record: ScheduleRecord,
        other: Definition,
        now: float,
        started: float,
    ) -> float:
        """Replace or contest a definition with another text, and return the next look."""
        if started > other.since:
            return self._replace(schedule, record, other, started, now)
        if other.contested is None or other.contested > now:
            contested = attrs.evolve(other, contested=now)
            self._set(attrs.evolve(record, text=contested.encode()), record)
            return now + PATIENCE
        if now - other.contested < PATIENCE:
            return other.contested + PATIENCE
        return self._replace(schedule, record, other, now, now)

    def _fire_due(self, schedule: Schedule, record: ScheduleRecord, now: float) -> float:
        tick = self._next_tick(schedule, record.last)
        if tick > now:
            self._reports.note_pause(schedule, record.last, now)
            return tick
        due = self._due(schedule, schedule.ticks, record.last, now)
        newest = tick if due.newest is None else due.newest
        if not self._fire(schedule, due, record, attrs.evolve(record, last=float(newest))):
            return now
        return self._next_tick(schedule, newest)

    def _replace(
        self,
        schedule: Schedule,
        record: ScheduleRecord,
        old: Definition,
        since: float,
        now: float,
    ) -> float:
        ticks = old.ticks()
        due = DueTicks() if ticks is None else self._due(schedule, ticks, record.last, now)
        new = Definition(schedule.text, schedule.timezone, since)
        last = max(record.last, now)
        if not self._fire(schedule, due, record, ScheduleRecord(schedule.name, new.encode(), last)):
            return now
        _log.info(
            "the schedule %r was %r (%s) and is %r (%s) from now on",
            schedule.name,
            old.text,
            old.timezone,
            schedule.text,
            schedule.timezone,
        )
        return schedule.ticks.after(last)

    def _due(self, schedule: Schedule, ticks: Ticks, last: float, now: float) -> DueTicks:
        return due_ticks(
            ticks,
            last,
            now,
            catch_up=schedule.catch_up,
            grace=self._grace,
            limit=self._max_catch_up,
        )

    def _fire(
        self, schedule: Schedule, due: DueTicks, record: ScheduleRecord, new: ScheduleRecord
    ) -> bool:
        fired = due.fired if due.fired and schedule.is_enabled else ()
        jobs = [self._new_job(schedule, tick) for tick in fired]
        if not jobs:
            is_first = self._set(new, record)
        else:
            with rt.deadline(self._timeout):
                is_first = self._store.fire(new, record, jobs)
        if is_first:
            self._reports.note_ticks(schedule, due, len(jobs))
        if is_first and jobs:
            self._fired()
        return is_first

    def _set(self, new: ScheduleRecord, expected: ScheduleRecord | None) -> bool:
        with rt.deadline(self._timeout):
            return self._store.set_schedule(new, expected)

    def _next_tick(self, schedule: Schedule, last: float) -> int:
        known = self._next.get(schedule.name)
        if known is None or known[0] != last:
            known = self._next[schedule.name] = (last, schedule.ticks.after(last))
        return known[1]


def refuse_equal_names(schedules: Sequence[Schedule]) -> None:
    """Refuse schedules with the same name, which would share their ticks.

    Raises:
        TaskDefinitionError: Two have the same name.
    """
    by_name: dict[str, Schedule] = {}
    for each in schedules:
        other = by_name.setdefault(each.name, each)
        if other is not each:
            raise TaskDefinitionError(
                f"two schedules have the name {each.name!r}, {other.place} and {each.place}: give "
                "one of them another one, by @schedule(name=...)"
            )
