"""Schedules: tasks that are enqueued by themselves, each tick once over all machines.

================  ==============================================================================
``_decorator``    `schedule`: the decorator
``_application``  the schedules of an application, and its scheduler
``_scheduler``    `Scheduler`: enqueues the jobs of ticks, in every process
``_definition``   text and time zone in the store, and which one counts during a deploy
``_due``          what becomes of ticks that are due
``_reports``      metrics and log lines about ticks
``_listing``      `schedule_rows`: the schedules for people
``_schedule``     `Schedule`; the id of a tick's job, and the tick of a job: `tick_of`
``_texts``        `parse`: from a text and a time zone to ticks
``_english``, ``_cron``  the two kinds of texts
``_ticks``        the ticks of intervals and of calendars, where clocks are changed
================  ==============================================================================
"""

from ._application import scheduler_of as scheduler_of
from ._application import schedules_of as schedules_of
from ._decorator import schedule as schedule
from ._listing import ScheduleRow as ScheduleRow
from ._listing import schedule_rows as schedule_rows
from ._schedule import CatchUp as CatchUp
from ._schedule import Schedule as Schedule
from ._schedule import job_id as job_id
from ._schedule import tick_of as tick_of
from ._scheduler import Scheduler as Scheduler
from ._texts import parse as parse
from ._ticks import Ticks as Ticks
