"""The schedules of an application, and its scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._schedule import Schedule
from ._scheduler import Scheduler

if TYPE_CHECKING:
    from ..current import Tasks
    from ..registry import Registry


def schedules_of(registry: Registry) -> list[Schedule]:
    """Return the schedules of the tasks of an application."""
    return [schedule for task in registry for schedule in task.schedules]


def scheduler_of(tasks: Tasks) -> Scheduler:
    """Return the scheduler of an application.

    Raises:
        TaskDefinitionError: Two schedules have the same name.
    """
    return Scheduler(
        tasks.store,
        schedules_of(tasks.registry),
        lambda schedule, tick: schedule.new_job(tick, tasks),
        meter=tasks.meter,
        fired=tasks.note_delivery,
        timeout=tasks.settings.enqueue_timeout,
    )
