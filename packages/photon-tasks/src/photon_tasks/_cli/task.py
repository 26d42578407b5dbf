"""``photon task``: list the tasks of the application, and run one by hand."""

from __future__ import annotations

import sys

import click

from photon_openapi.codec import encode
from photon_runtime import run
from photon_runtime.errors import PhotonError
from photon_runtime.process import keyboard_interrupts, prepare_process
from photon_runtime.project import Project
from photon_runtime.tracebacks import readable

from ..by_hand import find_task, read_arguments, run_by_hand, usage
from ..current import Tasks
from ..errors import ArgumentsError, TaskNotFound
from ..worker_processes import started_tasks


@click.command()
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, metavar="[NAME:VALUE]...")
@click.option(
    "--app",
    "target",
    metavar="MODULE:ATTRIBUTE",
    help="The application. Default: the one that photon.toml names.",
)
@click.pass_obj
def task(
    project: Project, name: str | None, arguments: tuple[str, ...], target: str | None
) -> None:
    """Run a task of the application here and now; without NAME, list the tasks.

    Arguments are name:value, read as the type of the parameter, or name:=JSON; a list has one for
    each item. NAME may be the end of the task's name, as far as it is unique. The task runs
    in this process, with what the application provides, and without a job in the store: it is not
    tried again. Exit code 1: it has failed.
    """
    project.check_settings()
    application = prepare_process(project, project.target(target))

    def main() -> int:
        with started_tasks(project, application) as tasks:
            if name is None:
                _list(tasks)
                return 0
            return _run(tasks, name, arguments)

    try:
        code = run(main)
    except (ArgumentsError, TaskNotFound) as error:
        raise click.UsageError(str(error)) from error
    except PhotonError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)


def _list(tasks: Tasks) -> None:
    rows = [(usage(each), (each.function.__doc__ or "").strip()) for each in tasks.registry]
    for row, text in rows:
        click.echo(row)
        if text:
            click.echo(f"    {text.splitlines()[0]}")


def _run(tasks: Tasks, name: str, words: tuple[str, ...]) -> int:
    """Run a task; return the exit code."""
    found = find_task(tasks.registry, name)
    values = read_arguments(found, words)
    try:
        with keyboard_interrupts():
            result = run_by_hand(
                tasks, found, values, report=lambda line: click.echo(line, err=True)
            )
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        click.echo(f"{found.name} has left by SystemExit({error.code!r})", err=True)
        return 1
    except Exception as error:
        click.echo(readable(error), err=True, nl=False)
        return 1
    if result is not None:
        try:
            click.echo(encode(result))
        except TypeError:
            click.echo(repr(result))
    return 0
