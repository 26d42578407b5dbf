"""``photon check``: would the application start?"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

import click

from photon_runtime.errors import LoadError, SettingsError

from ._problems import Problem, inspect_application, settings_problems
from ._serving import no_patch_option
from ._tables import is_styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from photon_runtime.project import Project


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How the problems are printed.",
)
@no_patch_option
@click.pass_obj
def check(project: Project, /, target: str | None, form: str) -> None:
    """Check that the application would start, and list all problems.

    It is imported with the settings of the environment, and prepared as for `photon run`: settings,
    registrations, document and handlers, security, parts, templates. Nothing is served or opened,
    and no lifespan is entered. Exit code 0: it would start; 1: it would not; 2: wrong usage.
    """
    try:
        name = project.target(target)
    except LoadError as error:
        raise click.UsageError(str(error)) from error
    except SettingsError as error:  # of a file that cannot be read
        name, problems = target or "the application", [Problem("settings", str(error))]
    else:
        problems = _problems(project, name)
    if form == "json":
        _print_json(name, project.environment, problems)
    else:
        _print_text(name, project.environment, problems)
    sys.exit(1 if problems else 0)


def _problems(project: Project, target: str) -> list[Problem]:
    with contextlib.redirect_stdout(sys.stderr):
        problems = settings_problems(project)
        found = inspect_application(project, target).problems
    # The start reads settings one after another, and repeats what was listed already.
    known = "\n".join(each.message for each in problems)
    return problems + [each for each in found if not known or not _is_known(each, known)]


def _is_known(problem: Problem, known: str) -> bool:
    return all(line.strip() in known for line in problem.message.splitlines())


def _print_json(name: str, environment: str, problems: Sequence[Problem]) -> None:
    members = {
        "application": name,
        "environment": environment,
        "starts": not problems,
        "problems": [{"kind": each.kind, "message": each.message} for each in problems],
    }
    click.echo(json.dumps(members, indent=2, ensure_ascii=False))


def _print_text(name: str, environment: str, problems: Sequence[Problem]) -> None:
    for each in problems:
        first, *others = each.message.splitlines() or [""]
        kind = click.style(each.kind, fg="red") if is_styled() else each.kind
        click.echo(f"{kind}: {first}")
        for line in others:
            click.echo(f"    {line}")
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        click.echo(f"{name} would not start in the environment {environment}: {count}", err=True)
    else:
        click.echo(f"{name} would start in the environment {environment}", err=True)
