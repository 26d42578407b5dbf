"""``photon jobs requeue | cancel | purge | tidy``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import attrs
import click

from photon_runtime.project import Project

from ..current import Tasks
from ..operations import cancel_all, purge_all
from ..records import JobFilter, JobState
from ._application import application_option, with_tasks
from ._filters import GONE_WRONG, IDS, choosing, confirm, with_ids

_MINUTE: Final = 60.0
_DAY: Final = 86_400.0
_OVER: Final = (JobState.COMPLETED, JobState.CANCELLED, *GONE_WRONG)
_YES = click.option("--yes", is_flag=True, help="Do it without a question.")


@click.command()
@IDS
@choosing
@click.option(
    "--from-age",
    type=click.FloatRange(0),
    default=0.0,
    metavar="MINUTES",
    help="Only if they have ended, or were enqueued, at least so long ago.",
)
@_YES
@application_option
@click.pass_obj
def requeue(
    project: Project,
    target: str | None,
    ids: tuple[str, ...],
    *,
    choice: JobFilter,
    from_age: float,
    yes: bool,
) -> None:
    """Queue jobs again: those with these IDs, or all dead and parked ones.

    Their attempts begin anew, and what they have recorded as steps is kept. Jobs of workers that
    have died need no command: other workers take them.
    """
    choice = attrs.evolve(with_ids(choice, ids), min_age=from_age * _MINUTE)
    if not ids and not choice.states:
        choice = attrs.evolve(choice, states=GONE_WRONG)
    confirm("Queue {} again?", choice, yes=yes)
    count = with_tasks(project, target, lambda tasks: tasks.store.requeue(choice))
    click.echo(f"{count} queued" + _hint(ids, count))
    sys.exit(1 if ids and not count else 0)


@click.command()
@IDS
@choosing
@_YES
@application_option
@click.pass_obj
def cancel(
    project: Project,
    target: str | None,
    ids: tuple[str, ...],
    *,
    choice: JobFilter,
    yes: bool,
) -> None:
    """Cancel jobs: those with these IDs, or all that match.

    A job that runs is cancelled by its worker, at the next heartbeat.
    """
    if not ids and choice == JobFilter():
        raise click.UsageError("name jobs by their ID, or choose them by --name, --queue, --status")
    choice = with_ids(choice, ids)
    confirm("Cancel {}?", choice, yes=yes)
    count = with_tasks(project, target, lambda tasks: cancel_all(tasks.store, choice))
    click.echo(f"{count} cancelled" + _hint(ids, count))
    sys.exit(1 if ids and not count else 0)


@click.command()
@IDS
@choosing
@click.option(
    "--max-age",
    type=click.FloatRange(0),
    default=90.0,
    show_default=True,
    metavar="DAYS",
    help="Only those that have ended, or were enqueued, at least so long ago.",
)
@click.option(
    "--dump",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write them to this file first, for `photon jobs import`.",
)
@_YES
@application_option
@click.pass_obj
def purge(
    project: Project,
    target: str | None,
    ids: tuple[str, ...],
    *,
    choice: JobFilter,
    max_age: float,
    dump: Path | None,
    yes: bool,
) -> None:
    """Remove jobs: those with these IDs, or old ones that are over.

    Without --status these are completed, cancelled, dead and parked ones. Jobs that run stay.
    """
    choice = with_ids(choice, ids)
    if not ids:
        states = choice.states or _OVER
        choice = attrs.evolve(choice, states=states, min_age=max_age * _DAY)
    confirm("Remove {}?", choice, yes=yes)
    count = with_tasks(project, target, lambda tasks: purge_all(tasks.store, choice, dump))
    click.echo(f"{count} removed")
    sys.exit(1 if ids and not count else 0)


@click.command()
@application_option
@click.pass_obj
def tidy(project: Project, target: str | None) -> None:
    """Remove what is not kept any more, as workers do by themselves."""

    def remove(tasks: Tasks) -> int:
        total = 0
        while removed := tasks.store.tidy(tasks.settings.keep_dead):
            total += removed
        return total

    click.echo(f"{with_tasks(project, target, remove)} removed")


def _hint(ids: tuple[str, ...], count: int) -> str:
    """Return how to find out why nothing has happened to jobs that were named."""
    return (
        ": `photon jobs show ID` shows whether a job exists, and its state"
        if ids and not count
        else ""
    )
