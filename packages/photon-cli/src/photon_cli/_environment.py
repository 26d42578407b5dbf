"""The options of every command: ``-e`` before its name and after it, and colours.

The group ``photon`` has the option ``-e``, and the project it makes carries the environment to the
command (`click.Context.obj`). `with_environment_option` adds the same option to a command and to
those below it, so that ``photon routes -e test`` means ``photon -e test routes``; written twice,
the later one decides. A command of a package that uses ``-e`` for something else keeps it, and has
the long forms only.
"""

from __future__ import annotations

import copy
import os

import click

_NAMES = ("-e", "--environment", "--env")


def chosen_environment(ctx: click.Context) -> str | None:
    """Return the environment that was written on the command line; ``PHOTON_ENV`` is ignored."""
    found: object = ctx.find_root().meta.get(_NAMES[1])
    return found if isinstance(found, str) else None


def note_environment(ctx: click.Context, environment: str) -> None:
    """Note that ``environment`` was written on the command line."""
    ctx.find_root().meta[_NAMES[1]] = environment


def with_environment_option(command: click.Command) -> click.Command:
    """Return a copy of a command that accepts ``-e``, like all commands below it."""
    changed = copy.copy(command)
    used = {name for parameter in command.params for name in parameter.opts}
    names = [name for name in _NAMES if name not in used]
    if names and "environment" not in {parameter.name for parameter in command.params}:
        changed.params = [*command.params, _option(names)]
    if isinstance(changed, click.Group):
        changed.commands = {
            name: with_environment_option(below) for name, below in changed.commands.items()
        }
    return changed


def _option(names: list[str]) -> click.Option:
    return click.Option(
        [*names, "environment"],
        metavar="NAME",
        expose_value=False,
        callback=_use,
        help="The environment, as before the command.",
    )


def _use(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    change = getattr(ctx.obj, "in_environment", None)
    if value and callable(change):
        ctx.obj = change(value)
        note_environment(ctx, value)


def color_of_environment() -> bool | None:
    """Decide about colours: ``NO_COLOR`` turns them off, ``FORCE_COLOR`` on, also in a pipe.

    Returns:
        ``None`` if neither is set: then output has colours on a terminal only.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None
