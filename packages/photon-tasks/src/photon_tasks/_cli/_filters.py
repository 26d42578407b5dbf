"""Options that choose jobs by what they are, and questions about them."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
import click

from ..records import JobFilter, JobState

GONE_WRONG: Final = (JobState.DEAD, JobState.PARKED)

IDS = click.argument("ids", nargs=-1, metavar="[ID]...")


def _states(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[JobState, ...]:
    try:
        return tuple(JobState(name.strip()) for name in (value or "").split(",") if name.strip())
    except ValueError as error:
        known = ", ".join(JobState)
        raise click.BadParameter(f"{error}: the states are {known}") from None


STATUS = click.option(
    "--status", "states", metavar="STATES", callback=_states, help="Only in these, as dead,parked."
)


def choosing(function: Callable[..., None]) -> Callable[..., None]:
    """Add options that choose jobs; the command gets them as ``choice``, a `JobFilter`."""

    @click.option("--queue", "queues", multiple=True, metavar="NAME", help="Only of this queue.")
    @click.option("--name", "names", multiple=True, metavar="TASK", help="Only of this task.")
    @STATUS
    @functools.wraps(function)
    def command(
        *args: Any,
        states: tuple[JobState, ...],
        names: tuple[str, ...],
        queues: tuple[str, ...],
        **options: Any,
    ) -> None:
        choice = JobFilter(states=states, tasks=names, queues=queues)
        function(*args, choice=choice, **options)

    return command


def with_ids(choice: JobFilter, ids: Sequence[str]) -> JobFilter:
    """Return a choice among jobs with these ids; among all without any."""
    return attrs.evolve(choice, ids=ids or None)


def confirm(action: str, choice: JobFilter, *, yes: bool) -> None:
    """Ask before an action on jobs that were not named one by one.

    Raises:
        click.Abort: It was not confirmed.
    """
    if not yes and choice.ids is None:
        click.confirm(action.format(_described(choice)), abort=True, err=True)


def _described(choice: JobFilter) -> str:
    words = ["all jobs"]
    if choice.states:
        words.append(f"that are {' or '.join(choice.states)}")
    if choice.tasks:
        words.append(f"of the task {' or '.join(choice.tasks)}")
    if choice.queues:
        words.append(f"of the queue {' or '.join(choice.queues)}")
    if choice.min_age:
        words.append(f"older than {datetime.timedelta(seconds=choice.min_age)}")
    return " ".join(words)
