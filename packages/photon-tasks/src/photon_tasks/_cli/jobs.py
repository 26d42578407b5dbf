"""``photon jobs``: look at jobs and repair them; `photon_tasks.operations` does the work.

Commands that change or remove several jobs ask first, unless they have ``--yes``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import click

from photon_runtime.project import Project

from ..errors import JobNotFound
from ..operations import (
    depth_members,
    job_lines,
    job_members,
    job_row,
    stats_lines,
    worker_members,
)
from ..records import JobFilter, JobRecord
from ._application import application_option, print_rows, with_tasks
from ._files import dump, import_
from ._filters import GONE_WRONG, choosing
from ._repairs import cancel, purge, requeue, tidy

_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")
_LIMIT = click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many."
)


@click.group()
def jobs() -> None:
    """List, inspect, requeue, cancel and remove jobs."""


for _command in (cancel, dump, import_, purge, requeue, tidy):
    jobs.add_command(_command)


@jobs.command("list")
@choosing
@_LIMIT
@_JSON
@application_option
@click.pass_obj
def list_jobs(
    project: Project, target: str | None, limit: int, *, choice: JobFilter, as_json: bool
) -> None:
    """List jobs, the newest first: id, state, attempts, queue, task, time, error."""
    _list(project, target, choice, limit, as_json=as_json)


@jobs.command()
@_LIMIT
@_JSON
@application_option
@click.pass_obj
def dead(project: Project, target: str | None, limit: int, *, as_json: bool) -> None:
    """List jobs that are dead or parked, the newest first."""
    _list(project, target, JobFilter(states=GONE_WRONG), limit, as_json=as_json)


def _list(
    project: Project, target: str | None, choice: JobFilter, limit: int, *, as_json: bool
) -> None:
    found = with_tasks(project, target, lambda tasks: tasks.store.jobs(choice, limit=limit))
    if as_json:
        _echo_json([job_members(each) for each in found])
    elif found:
        print_rows([job_row(each) for each in found])
    else:
        click.echo("no jobs", err=True)


@jobs.command()
@click.argument("id", metavar="ID")
@_JSON
@application_option
@click.pass_obj
def show(project: Project, target: str | None, id: str, *, as_json: bool) -> None:
    """Show all that is known of a job."""
    found: JobRecord | None = with_tasks(project, target, lambda tasks: tasks.store.job(id))
    if found is None:
        raise JobNotFound(f"the job {id} does not exist, or is not kept any more")
    if as_json:
        _echo_json(job_members(found))
    else:
        _echo_lines([*job_lines(found)])


@jobs.command()
@_JSON
@application_option
@click.pass_obj
def stats(project: Project, target: str | None, *, as_json: bool) -> None:
    """Show how many jobs the queues have, how old the oldest ones are, and which workers run."""
    depths, workers = with_tasks(
        project, target, lambda tasks: (tasks.store.depths(), tasks.store.workers())
    )
    if as_json:
        queues = [depth_members(each) for each in depths]
        _echo_json({"queues": queues, "workers": [worker_members(each) for each in workers]})
    else:
        _echo_lines([*stats_lines(depths, workers)])


@jobs.command()
@click.argument("id", metavar="ID")
@click.option("--here", is_flag=True, help="In this process.")
@click.option("--no-debugger", is_flag=True, help="Show the error, without the debugger.")
@application_option
@click.pass_obj
def replay(project: Project, target: str | None, id: str, *, here: bool, no_debugger: bool) -> None:
    """Run a job again in this process; if it fails, debug it.

    The record of the job stays as it is, and so do its steps: those that it has recorded are not
    repeated. Whatever else the job does, such as writing to a database, happens.
    """
    from ._replay import run_again

    if not here:
        raise click.UsageError(
            "add --here to run it in this process; `photon jobs requeue` has a worker run it"
        )
    sys.exit(with_tasks(project, target, lambda tasks: run_again(tasks, id, debug=not no_debugger)))


def _echo_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _echo_lines(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)
