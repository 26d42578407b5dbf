"""The ``photon`` command: a shell for the commands that installed packages bring.

It knows no command by name. What belongs to all of them is here: which environment, which folder,
and how an error that a Photon package raised is shown (its message, without a traceback). Imports
at the top are limited to click, so that the help is there at once.
"""

from __future__ import annotations

import difflib
import os
import sys
from typing import TYPE_CHECKING

import click

from ._plugins import COMMANDS, Plugin, find_plugins, load_command, summarize

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Failure(click.ClickException):
    """An error that a Photon package raised, as the user shall see it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it for the class only


class _Commands(click.Group):
    """A group whose members are found when somebody asks."""

    _plugins: dict[str, Plugin] | None = None

    def _found(self) -> dict[str, Plugin]:
        if self._plugins is None:
            self._plugins = find_plugins(COMMANDS)
        return self._plugins

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return sorted({*super().list_commands(ctx), *self._found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        plugin = self._found().get(cmd_name)
        return super().get_command(ctx, cmd_name) if plugin is None else load_command(plugin)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed, or suggest one."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], names, 1)
            hint = f"did you mean `{close[0]}`?" if close else "`photon --help` lists them."
            raise click.UsageError(f"there is no command `{args[0]}`; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        rows = [(name, summarize(plugin)) for name, plugin in self._found().items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

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
    "--env",
    metavar="NAME",
    envvar="PHOTON_ENV",
    help="The environment: config/NAME.toml is read over photon.toml."
    " Default: $PHOTON_ENV, else production for `run`, else development.",
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
def cli(ctx: click.Context, env: str | None, directory: str | None) -> None:
    """Build, serve and look into Photon applications."""
    from ._watch import WatchedProject

    if directory is not None:
        os.chdir(directory)
    ctx.obj = WatchedProject.here(environment=env or None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: What was typed after ``photon``; by default, the arguments of this process.
    """
    cli.main(args=arguments, prog_name="photon")
