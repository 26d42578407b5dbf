"""The application of a command that works on jobs, started without a worker."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

import photon_runtime as rt
from photon_runtime.process import prepare_process
from photon_runtime.project import Project

from ..current import Tasks
from ..worker_processes import started_tasks

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def application_option(function: F) -> F:
    """Add the option ``--app`` to a command."""
    return click.option(
        "--app",
        "target",
        metavar="MODULE:ATTRIBUTE",
        help="The application. Default: `app` under [project] in photon.toml.",
    )(function)


def with_tasks(project: Project, target: str | None, call: Callable[[Tasks], T]) -> T:
    """Start the application, and return the result of ``call`` with its tasks.

    What the application prints meanwhile goes to standard error, except for that of ``call``.
    """
    project.check_settings()
    with contextlib.redirect_stdout(sys.stderr):
        application = prepare_process(project, target)

    def main() -> T:
        with contextlib.ExitStack() as stack:
            with contextlib.redirect_stdout(sys.stderr):
                tasks = stack.enter_context(started_tasks(project, application))
            result = call(tasks)
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
            return result

    return rt.run(main)


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
