"""`schedule_rows`: the schedules of an application, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs

from ..stores import JobStore
from ._definition import definition_of
from ._schedule import Schedule
from ._texts import find_zone


@attrs.frozen(kw_only=True)
class ScheduleRow:
    """A line of the list of schedules.

    Attributes:
        name: Name of the schedule.
        text: Its text.
        timezone: Its time zone.
        task: Name of its task.
        queue: Queue of its jobs.
        next: The next tick, with the time zone of the schedule; `next_utc` has the same in UTC.
        last: The last tick that fired, likewise; ``None`` if none has.
        note: What people should know: that it is disabled, or that the store has another text.
    """

    name: str
    text: str
    timezone: str
    task: str
    queue: str
    next: datetime
    last: datetime | None
    note: str = ""

    @property
    def next_utc(self) -> datetime:
        """The next tick in UTC."""
        return self.next.astimezone(UTC)

    @property
    def last_utc(self) -> datetime | None:
        """The last tick in UTC."""
        return None if self.last is None else self.last.astimezone(UTC)


def schedule_rows(schedules: Sequence[Schedule], store: JobStore) -> list[ScheduleRow]:
    """Return a row for each schedule, by name.

    Raises:
        StoreUnavailable: The store cannot be reached.

    Blocks: the calling task, while it waits for the store.
    """
    now = store.clock()
    records = store.schedules()
    rows = []
    for schedule in sorted(schedules, key=lambda each: each.name):
        zone = find_zone(schedule.timezone)
        record = records.get(schedule.name)
        last = now if record is None else max(now, record.last)
        fired: datetime | None = None
        note = "" if schedule.is_enabled else "disabled"
        if record is not None:
            definition = definition_of(record)
            if not definition.is_of(schedule):
                note = f"the store has {definition.text!r} ({definition.timezone})"
            ticks = definition.ticks()
            if ticks is not None and ticks.after(record.last - 1) == record.last:
                fired = datetime.fromtimestamp(record.last, zone)
        rows.append(
            ScheduleRow(
                name=schedule.name,
                text=schedule.text,
                timezone=schedule.timezone,
                task=schedule.task.name,
                queue=schedule.task.queue,
                next=datetime.fromtimestamp(schedule.ticks.after(last), zone),
                last=fired,
                note=note,
            )
        )
    return rows
