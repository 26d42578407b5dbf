"""``photon scheduler``: a process that fires schedules and runs no jobs; the list of schedules."""

from __future__ import annotations

import sys
from datetime import datetime

import click

import photon_runtime as rt
from photon_runtime.errors import LoadError, PhotonError
from photon_runtime.http import Application, Handler
from photon_runtime.process import prepare_process, stop_event
from photon_runtime.project import Project

from ..current import Tasks
from ..schedules import schedule_rows, scheduler_of, schedules_of
from ..worker_processes import started_tasks, store_address
from ._application import print_rows, with_tasks

_HEAD = ("NAME", "TEXT", "TIME ZONE", "NEXT", "NEXT IN UTC", "LAST", "TASK", "QUEUE", "NOTE")


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--list", "is_list", is_flag=True, help="List the schedules, and exit.")
@click.pass_obj
def scheduler(project: Project, target: str | None, *, is_list: bool) -> None:
    """Enqueue the jobs of schedules, and run none.

    Every worker does this, too, and each tick makes its jobs once over all of them: this command is
    for installations whose workers come and go. SIGTERM and Ctrl-C stop it. --list shows the
    schedules with their next and their last tick.
    """
    if is_list:
        try:
            with_tasks(project, target, _list)
        except PhotonError as error:
            raise click.ClickException(str(error)) from error
        return
    project = project.defaulting_to("production")
    project.check_settings()
    application = prepare_process(project, project.target(target))
    try:
        rt.run(_fire, project, application)
    except LoadError:
        raise
    except PhotonError as error:
        raise click.ClickException(str(error)) from error


def _fire(project: Project, application: Application | Handler) -> None:
    with stop_event() as stop, started_tasks(project, application) as tasks:
        count = len(schedules_of(tasks.registry))
        if not count:
            raise LoadError("the application has no schedules: functions with @schedule(...)")
        click.echo(
            f"{project.name} fires {count} schedule{'' if count == 1 else 's'} "
            f"({project.environment}); store {store_address(tasks)}"
        )
        sys.stdout.flush()
        task = rt.spawn(scheduler_of(tasks).run)
        stop.wait()
        task.cancel()


def _list(tasks: Tasks) -> None:
    rows = schedule_rows(schedules_of(tasks.registry), tasks.store)
    if not rows:
        click.echo("the application has no schedules", err=True)
        return
    cells = [
        (
            row.name,
            row.text,
            row.timezone,
            _shown(row.next),
            _shown(row.next_utc),
            _shown(row.last),
            row.task,
            row.queue,
            row.note,
        )
        for row in rows
    ]
    print_rows([_HEAD, *cells])


def _shown(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"
