"""``photon generate`` and ``photon destroy``: the generators of installed packages.

A generator describes edits (`photon_runtime.generators`); the commands show their effect on the
project, and apply all of them or none. Each generator is a command of the group. The code that
applies edits is imported when it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

from ._plugins import GENERATORS, Plugin, PluginError, PluginGroup, find_plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from photon_runtime.generators import Generator, Option
    from photon_runtime.project import Project

    from .generation import InstalledGenerator, Plan


class _Generators(PluginGroup):
    """One command for each generator."""

    entry_points = GENERATORS
    kind = "generator"

    def make_command(self, plugin: Plugin) -> click.Command:
        """Load one generator."""
        return _generating_command(load_generator(plugin))


class _Undoing(_Generators):
    """One command for each generator, which takes back what it wrote."""

    def make_command(self, plugin: Plugin) -> click.Command:
        """Load one generator."""
        return _destroying_command(load_generator(plugin))


@click.group(cls=_Generators, invoke_without_command=True)
@click.pass_context
def generate(ctx: click.Context) -> None:
    """Generate code in the project."""
    _list_without_command(ctx)


@click.group(cls=_Undoing, invoke_without_command=True)
@click.pass_context
def destroy(ctx: click.Context) -> None:
    """Remove what `photon generate` generated, unless it was changed."""
    _list_without_command(ctx)


def _list_without_command(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def load_generator(plugin: Plugin) -> InstalledGenerator:
    """Load a generator.

    Raises:
        PluginError: It cannot be loaded, or is not a generator.
    """
    from .generation import InstalledGenerator

    loaded = plugin.load()
    try:
        generator = loaded() if isinstance(loaded, type) else loaded
    except Exception as error:
        raise PluginError(f"the generator `{plugin.name}` cannot be created: {error!r}") from error
    entry = plugin.entries[0]
    if not callable(getattr(generator, "plan", None)):
        raise PluginError(
            f"`{plugin.name}` of {entry.value} is not a generator: it has no method `plan`"
        )
    package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
    return InstalledGenerator(plugin.name, cast("Generator", generator), package, version)


def _generating_command(installed: InstalledGenerator) -> click.Command:
    def run(project: Project, name: str, words: tuple[str, ...], **options: object) -> None:
        from photon_runtime.generators import Arguments

        from .generation import plan_generation

        force = bool(options.pop("force"))
        shown = {each: bool(options.pop(each)) for each in ("dry_run", "has_diff", "as_json")}
        arguments = Arguments(name, words, options=cast("dict[str, bool | str | None]", options))
        plan = _carry_out(
            project,
            lambda: plan_generation(project, installed, arguments, force=force),
            **shown,
        )
        next_steps = getattr(installed.generator, "next_steps", None)
        if next_steps is not None and plan.changes and not (shown["dry_run"] or shown["as_json"]):
            for line in next_steps(project, arguments):
                click.echo(line)

    return _command(installed, run, force="Overwrite files and keys that have another content.")


def _destroying_command(installed: InstalledGenerator) -> click.Command:
    def run(project: Project, name: str, words: tuple[str, ...], **options: object) -> None:
        from .generation import plan_destruction

        force = bool(options.pop("force"))
        shown = {each: bool(options.pop(each)) for each in ("dry_run", "has_diff", "as_json")}
        _carry_out(
            project,
            lambda: plan_destruction(project, installed, name, words, force=force),
            **shown,
        )

    return _command(installed, run, force="Remove files and keys that were changed since.")


def _command(
    installed: InstalledGenerator, run: Callable[..., None], *, force: str
) -> click.Command:
    generator = installed.generator
    options: Sequence[Option] = getattr(generator, "options", ())
    default: str | None = getattr(generator, "default_name", None)
    # A default of None is a value for click, so a required argument must have none at all.
    given: dict[str, Any] = {"metavar": "NAME"}
    if default is not None:
        given = {"metavar": "[NAME]", "default": default}

    @click.command(installed.name, help=type(generator).__doc__)
    @click.argument("name", **given)
    @click.argument("words", nargs=-1, metavar="[WORD]...")
    @click.option("--dry-run", is_flag=True, help="Show what would happen, and write nothing.")
    @click.option("--diff", "has_diff", is_flag=True, help="Show the changes of each file, too.")
    @click.option("--force", is_flag=True, help=force)
    @click.option("--json", "as_json", is_flag=True, help="Show the results as JSON.")
    @click.pass_obj
    def command(project: Project, /, **values: object) -> None:
        run(project, **values)

    command.params.extend(map(_click_option, options))
    return command


def _click_option(option: Option) -> click.Option:
    names = ["--" + option.name.replace("_", "-"), option.name]
    if isinstance(option.default, bool):
        return click.Option(names, is_flag=True, default=option.default, help=option.help)
    kind = click.Choice(option.choices) if option.choices else None
    return click.Option(names, type=kind, default=option.default, help=option.help)


def _carry_out(
    project: Project,
    make_plan: Callable[[], Plan],
    *,
    dry_run: bool = False,
    has_diff: bool = False,
    as_json: bool = False,
) -> Plan:
    """Make a plan, show it, and write it unless there are conflicts; end if it is incomplete."""
    from ._generate_output import raise_if_incomplete, show_plan
    from .generation import project_lock, write_changes

    root = project.root or project.directory
    with project_lock(root) as lock:
        plan = make_plan()
        is_written = not (dry_run or plan.conflicts)
        if is_written:
            write_changes(root, plan.changes, lock=lock)
    show_plan(plan, is_written=is_written, has_diff=has_diff, as_json=as_json)
    if dry_run and not as_json and not plan.conflicts:
        click.echo("nothing was written: this is a dry run")
    raise_if_incomplete(plan)
    return plan


@generate.command()
@click.argument("template", metavar="[GENERATOR[/FILE]]", default="")
@click.option("--list", "is_list", is_flag=True, help="List the templates, and copy none.")
@click.option("--dry-run", is_flag=True, help="Show what would happen, and write nothing.")
@click.option("--force", is_flag=True, help="Overwrite copies that were changed.")
@click.pass_obj
def override(
    project: Project, /, template: str, *, is_list: bool, dry_run: bool, force: bool
) -> None:
    """Copy templates of generators into the project, to change them."""
    from .generation import list_templates, plan_override

    root: Path = project.root or project.directory
    plugins = find_plugins(GENERATORS)
    entries = [entry for plugin in plugins.values() for entry in plugin.entries]
    packages = {entry.module.partition(".")[0]: entry for entry in entries}
    templates = [
        each
        for each in list_templates(root, packages, plugins)
        if each.name == template or each.name.startswith(f"{template}/" if template else "")
    ]
    if not templates:
        raise click.UsageError(
            f"`{template}` is not a template of a generator; `photon generate override --list`"
            " lists them"
        )
    if is_list or not template:
        for each in templates:
            click.echo(each.name + ("  (overridden)" if each.is_overridden else ""))
        return
    versions = {name: entry.dist.version for name, entry in packages.items() if entry.dist}
    _carry_out(
        project,
        lambda: plan_override(root, templates, versions, force=force),
        dry_run=dry_run,
    )
