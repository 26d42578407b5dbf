"""The ``photon`` command: a shell for the commands of installed packages.

It knows no command by name. This module has what all of them share: the environment, the folder,
and the display of errors of Photon packages (the message, without a traceback). Imports
at the top are limited to click, so that the help is shown at once.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ._environment import color_of_environment, note_environment
from ._plugins import COMMANDS, Plugin, PluginGroup, load_command

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Failure(click.ClickException):
    """An error of a Photon package, as it is shown to the user."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it for the class only


class _Commands(PluginGroup):
    """The commands of installed packages."""

    entry_points = COMMANDS
    kind = "command"

    def make_command(self, plugin: Plugin) -> click.Command:
        """Load one command."""
        return load_command(plugin)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of a Photon package is a message, not a traceback."""
        try:
            result: object = super().invoke(ctx)
        except Exception as error:
            errors = sys.modules.get("photon_runtime.errors")  # not imported: not raised
            if errors is None or not isinstance(error, errors.PhotonError):
                raise
            raise _Failure(str(error), getattr(error, "exit_code", 1)) from error
        return result


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        from ._version import own_version

        click.echo(f"photon {own_version()}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-e",
    "--environment",
    "--env",
    "environment",
    metavar="NAME",
    envvar="PHOTON_ENV",
    help="The environment: config/NAME.toml is read over photon.toml, and `development` shows the"
    " details of errors. Default: $PHOTON_ENV, else production for commands that serve, test for"
    " `test`, and development for the others.",
)
@click.option(
    "-C",
    "--directory",
    type=click.Path(exists=True, file_okay=False),
    help="Work in this folder, as if it were the current one.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(ctx: click.Context, environment: str | None, directory: str | None) -> None:
    """Build, serve and look into Photon applications."""
    from ._watch import WatchedProject

    ctx.color = color_of_environment()
    if directory is not None:
        os.chdir(directory)
    if environment and ctx.get_parameter_source("environment") is ParameterSource.COMMANDLINE:
        note_environment(ctx, environment)
    ctx.obj = WatchedProject.here(environment=environment or None)
    if ctx.obj.root is not None and (ctx.obj.root / ".photon" / "journal").is_dir():
        from .generation import recover_interrupted

        for message in recover_interrupted(ctx.obj.root):
            click.echo(message, err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: The arguments after ``photon``; by default, those of this process.
    """
    cli.main(args=arguments, prog_name="photon")
