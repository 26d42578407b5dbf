"""``photon jobs dump | import``."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final

import click

from photon_runtime.project import Project

from ..current import Tasks
from ..operations import import_jobs, selected, write_jobs
from ..records import JobFilter, JobState
from ._application import application_option, with_tasks
from ._filters import STATUS, choosing

_WELL: Final = (JobState.COMPLETED, JobState.CANCELLED)


@click.command()
@choosing
@click.option(
    "-f",
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="FOLDER",
    help="Where to write the file. Default: the current folder.",
)
@application_option
@click.pass_obj
def dump(project: Project, target: str | None, folder: Path, *, choice: JobFilter) -> None:
    """Write jobs to a file of a folder: a JSON object for each line."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    path = folder / f"jobs-{now:%Y%m%d-%H%M%S-%f}.jsonl"

    def write(tasks: Tasks) -> int:
        with path.open("x", encoding="utf-8") as file:
            return write_jobs(selected(tasks.store, choice), file)

    count = with_tasks(project, target, write)
    click.echo(f"{path}: {count} jobs")


@click.command("import")
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="A file of `photon jobs dump`, or of `photon jobs purge --dump`.",
)
@STATUS
@application_option
@click.pass_obj
def import_(project: Project, target: str | None, path: Path, states: tuple[JobState, ...]) -> None:
    """Enqueue jobs of a file again.

    Without --status these are all that were neither completed nor cancelled. They keep their ids: a
    job that exists is left as it is.
    """
    chosen = states or tuple(each for each in JobState if each not in _WELL)
    enqueued, existing = with_tasks(project, target, lambda tasks: import_jobs(tasks, path, chosen))
    click.echo(f"{enqueued} enqueued" + (f", {existing} existed already" if existing else ""))
