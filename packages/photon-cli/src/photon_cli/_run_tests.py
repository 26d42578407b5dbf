"""``photon test``: run the project's tests with pytest."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._environment import chosen_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from photon_runtime.project import Project

_TEST = "test"


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST ARGUMENTS]...")
@click.pass_context
def test(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Run the tests of the project with pytest.

    All arguments go to pytest; paths are relative to the current folder. The environment is `test`,
    also if PHOTON_ENV names another one, unless -e does. The exit code is that of pytest. Outside
    of a project, name the tests.
    """
    if importlib.util.find_spec("pytest") is None:
        raise click.ClickException(
            "pytest is not installed in the environment of `photon`"
            f" ({sys.prefix}): install it there, as by `python -m pip install pytest`"
        )
    project: Project = ctx.obj
    if project.root is None and all(argument.startswith("-") for argument in arguments):
        # pytest would import every test below this folder, which may be that of the user.
        raise click.ClickException(
            f"there is no photon.toml in {project.directory} or above: change to the folder of a"
            " project, or name the tests, as in `photon test tests`"
        )
    root = project.root or project.directory
    environment = chosen_environment(ctx) or _TEST
    sys.exit(_run_pytest(root, _from(root, project.directory, arguments), environment))


def _run_pytest(root: Path, arguments: Sequence[str], environment: str) -> int:
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=root,
        env=os.environ | {"PHOTON_ENV": environment},
    )
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue  # the terminal sent it to pytest, too, which ends with a summary
        return code if code >= 0 else 128 - code


def _from(root: Path, folder: Path, arguments: Sequence[str]) -> list[str]:
    """Return the arguments for a start in ``root``, with the paths in them relative to it."""
    if folder == root:
        return list(arguments)
    return [_moved(argument, root, folder) for argument in arguments]


def _moved(argument: str, root: Path, folder: Path) -> str:
    path, colons, rest = argument.partition("::")
    if not path or path.startswith("-") or not (folder / path).exists():
        return argument
    return os.path.relpath(folder / path, root) + colons + rest
