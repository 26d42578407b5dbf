"""``photon worker``: run jobs; see `photon_tasks.worker_processes`."""

from __future__ import annotations

import os
import sys
from typing import Any

import attrs
import click

from photon_runtime.process import log_as_configured
from photon_runtime.project import Project

from .._tasks_settings import TasksSettings
from ..worker_processes import WorkerProcesses


def _names(context: click.Context, option: click.Parameter, value: str | None) -> list[str] | None:
    if value is None:
        return None
    names = [name for each in value.split(",") if (name := each.strip())]
    if not names:
        raise click.BadParameter("names queues, separated by commas")
    return names


def _refuse_patch(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value:
        os.environ["PHOTON__RUNTIME__PATCH"] = "false"


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option(
    "--queues",
    metavar="NAMES",
    callback=_names,
    help="Only these, as a,b. Default: [tasks] queues.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    help="How many jobs at the same time in each process. Default: [tasks] concurrency.",
)
@click.option(
    "--processes", type=click.IntRange(1), help="How many processes. Default: [tasks] processes."
)
@click.option(
    "--no-patch",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_refuse_patch,
    help="Leave the standard library as it is: its blocking calls block every coroutine.",
)
@click.pass_obj
def worker(project: Project, /, target: str | None, **options: Any) -> None:
    """Run the jobs of the application.

    The application is MODULE:ATTRIBUTE, such as main:app, or the one that photon.toml names under
    [project] as `app`. SIGTERM and Ctrl-C stop the worker: running jobs have [tasks]
    shutdown_timeout to end, and are queued again after it; a second signal kills it. SIGHUP
    replaces the processes one by one, with new code. A process that a job has ended is replaced.
    """
    project = project.defaulting_to("production")
    project.check_settings()
    chosen = {name: value for name, value in options.items() if value is not None}
    log_as_configured(project)
    processes = WorkerProcesses(
        project=project,
        target=project.target(target),
        settings=attrs.evolve(project.settings.read(TasksSettings), **chosen),
        announce=click.echo,
    )
    sys.exit(processes.run())
