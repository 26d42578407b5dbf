"""``photon generate`` and ``photon destroy``: the generators of installed packages.

A generator describes edits (`photon_runtime.generators`); the commands show their effect on the
project, and apply all of them or none. Each generator is a command of the group. The code that
applies edits is imported when it is needed.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, cast

import click

from ._plugins import GENERATORS, Plugin, PluginError, PluginGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from photon_runtime.generators import Edit, Generator, Option
    from photon_runtime.project import Project

    from .generation import FileChange, Plan


class _Generators(PluginGroup):
    """One command for each generator."""

    entry_points = GENERATORS
    kind = "generator"
    undoes = False

    def make_command(self, plugin: Plugin) -> click.Command:
        """Load one generator."""
        return _command(plugin.name, _load_generator(plugin), undoes=self.undoes)


class _Undoing(_Generators):
    """One command for each generator, which undoes its edits."""

    undoes = True


@click.group(cls=_Generators)
def generate() -> None:
    """Generate code in the project."""


@click.group(cls=_Undoing)
def destroy() -> None:
    """Remove what `photon generate` generated with the same arguments."""


def _load_generator(plugin: Plugin) -> Generator:
    loaded = plugin.load()
    try:
        generator = loaded() if isinstance(loaded, type) else loaded
    except Exception as error:
        raise PluginError(f"the generator `{plugin.name}` cannot be created: {error!r}") from error
    if not callable(getattr(generator, "plan", None)):
        raise PluginError(
            f"`{plugin.name}` of {plugin.entries[0].value} is not a generator:"
            " it has no method `plan`"
        )
    return cast("Generator", generator)


def _command(name: str, generator: Generator, *, undoes: bool) -> click.Command:
    options: Sequence[Option] = getattr(generator, "options", ())
    default: str | None = getattr(generator, "default_name", None)
    metavar = "NAME" if default is None else "[NAME]"

    @click.command(name, help=type(generator).__doc__)
    @click.argument("subject", metavar=metavar, required=default is None, default=default)
    @click.argument("words", nargs=-1, metavar="[WORD]...")
    @click.option("--dry-run", is_flag=True, help="Show what would happen, and write nothing.")
    @click.option("--diff", "has_diff", is_flag=True, help="Show the changes of each file, too.")
    @click.option("--force", is_flag=True, help=_FORCE_UNDOING if undoes else _FORCE)
    @click.pass_obj
    def command(
        project: Project,
        /,
        subject: str,
        words: tuple[str, ...],
        *,
        dry_run: bool,
        has_diff: bool,
        force: bool,
        **chosen: bool | str | None,
    ) -> None:
        from photon_runtime.generators import Arguments

        from .generation import apply_edits, undo_edits

        arguments = Arguments(subject, words, options=chosen)
        edits: Sequence[Edit] = generator.plan(project, arguments)
        planned = undo_edits if undoes else apply_edits
        plan = planned(project.root or project.directory, edits, force=force)
        _carry_out(plan, dry_run=dry_run, has_diff=has_diff)
        next_steps = getattr(generator, "next_steps", None)
        if next_steps is not None and plan.changes and not (undoes or dry_run):
            for line in next_steps(project, arguments):
                click.echo(line)

    command.params.extend(map(_click_option, options))
    return command


def _click_option(option: Option) -> click.Option:
    names = ["--" + option.name.replace("_", "-"), option.name]
    if isinstance(option.default, bool):
        return click.Option(names, is_flag=True, default=option.default, help=option.help)
    kind = click.Choice(option.choices) if option.choices else None
    return click.Option(names, type=kind, default=option.default, help=option.help)


_FORCE = "Overwrite files and keys that have another content."
_FORCE_UNDOING = "Remove files and keys that were changed since."


def _carry_out(plan: Plan, *, dry_run: bool, has_diff: bool) -> None:
    """Show a plan, and write it unless there are conflicts."""
    from .generation import write_changes

    for result in plan.results:
        click.echo(str(result))
    if has_diff:
        for change in plan.changes:
            click.echo(_diff(change), nl=False)
    count = len(plan.conflicts)
    if count:
        conflicts = "1 conflict" if count == 1 else f"{count} conflicts"
        raise click.ClickException(f"{conflicts}; nothing was written")
    if dry_run:
        click.echo("nothing was written: this is a dry run")
        return
    write_changes(plan.root, plan.changes)


def _diff(change: FileChange) -> str:
    before = (change.before or b"").decode(errors="replace").splitlines(keepends=True)
    after = (change.text or "").splitlines(keepends=True)
    lines = difflib.unified_diff(
        before,
        after,
        "/dev/null" if change.before is None else f"a/{change.name}",
        "/dev/null" if change.after is None else f"b/{change.name}",
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
