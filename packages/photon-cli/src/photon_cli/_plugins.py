"""Commands and generators of installed packages, through entry-point groups.

`PluginGroup` is the class of ``photon`` and ``photon generate``: a group with one command for each
entry point. Its module is imported when the command is used, and not before: importing a package
may take longer than the whole help page may take. The help page needs one line for each command,
so that line is read from the *source* of its module (found without importing the packages around
it): the ``short_help`` or ``help`` of the decorator, else the first line of the docstring. Where
that fails, the command is loaded. A command that cannot be loaded is reported by name,
with the package it comes from, and the others keep working.
"""

from __future__ import annotations

import ast
import difflib
import traceback
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ._environment import with_environment_option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = "photon.commands"
GENERATORS = "photon.generators"


class PluginError(click.ClickException):
    """A command or generator of an installed package cannot be loaded."""


class Plugin(NamedTuple):
    """One name in an entry-point group.

    Attributes:
        name: The name.
        entries: Who offers it; more than one if packages contradict each other.
    """

    name: str
    entries: tuple[EntryPoint, ...]

    def load(self) -> object:
        """Import the object that the entry point names.

        Raises:
            PluginError: Importing it failed, or two packages offer different things.
        """
        if len(self.entries) > 1:
            origins = " and by ".join(sorted(map(_origin, self.entries)))
            raise PluginError(f"`{self.name}` is offered by {origins}; uninstall all but one")
        entry = self.entries[0]
        try:
            loaded: object = entry.load()
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            raise PluginError(
                f"`{self.name}` of {_origin(entry)} cannot be loaded:"
                f" {type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"
            ) from error
        return loaded


def find_plugins(group: str) -> dict[str, Plugin]:
    """List what installed packages offer in a group, by name, without importing any of it."""
    offers: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=group):
        offers.setdefault(entry.name, {}).setdefault(entry.value, entry)
    return {name: Plugin(name, tuple(offers[name].values())) for name in sorted(offers)}


def load_command(plugin: Plugin) -> click.Command:
    """Import a command.

    Raises:
        PluginError: It cannot be imported, or is not a click command.
    """
    command = plugin.load()
    if not isinstance(command, click.Command):
        raise PluginError(
            f"`{plugin.name}` of {_origin(plugin.entries[0])} is a {type(command).__name__},"
            " not a click command"
        )
    return command


class PluginGroup(click.Group):
    """A group of commands, one for each plug-in, which are found when they are needed.

    Attributes:
        entry_points: The entry-point group.
        kind: What a plug-in of it is called in messages.
    """

    entry_points: str
    kind: str
    _plugins: dict[str, Plugin] | None = None

    def make_command(self, plugin: Plugin) -> click.Command:
        """Load a plug-in and return its command.

        Raises:
            PluginError: It cannot be loaded.
        """
        raise NotImplementedError

    def _found(self) -> dict[str, Plugin]:
        if self._plugins is None:
            self._plugins = find_plugins(self.entry_points)
        return self._plugins

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return sorted({*super().list_commands(ctx), *self._found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; like every command, it accepts ``-e``."""
        plugin = self._found().get(cmd_name)
        if plugin is None:
            return super().get_command(ctx, cmd_name)
        return with_environment_option(self.make_command(plugin))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed, or suggest one."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], names, 1)
            hint = f"`{ctx.command_path} --help` lists them."
            if close:
                hint = f"did you mean `{close[0]}`?"
            raise click.UsageError(f"the {self.kind} `{args[0]}` does not exist; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        sources = _Sources()
        rows = [(name, self._summary(plugin, sources)) for name, plugin in self._found().items()]
        if rows:
            with formatter.section(f"{self.kind.capitalize()}s"):
                formatter.write_dl(rows)
        own = [(name, each.get_short_help_str(100)) for name, each in self.commands.items()]
        if own:
            with formatter.section("Commands"):
                formatter.write_dl(own)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, or an option, without importing commands."""
        from click.shell_completion import CompletionItem

        sources = _Sources()
        names = {name: self._summary(plugin, sources) for name, plugin in self._found().items()} | {
            name: each.get_short_help_str(100) for name, each in self.commands.items()
        }
        options = click.Command.shell_complete(self, ctx, incomplete)
        found = [
            CompletionItem(name, help=line)
            for name, line in names.items()
            if name.startswith(incomplete)
        ]
        return [*found, *options]

    def _summary(self, plugin: Plugin, sources: _Sources) -> str:
        """Describe a command in one line; it is imported only if its source has no description."""
        if len(plugin.entries) == 1:
            line = sources.summary(plugin.entries[0])
            if line is not None:
                return line
        try:
            return self.make_command(plugin).get_short_help_str(100)
        except PluginError:
            return "(cannot be loaded; use it to see why)"


def _origin(entry: EntryPoint) -> str:
    if entry.dist is None:
        return entry.value
    return f"{entry.dist.name} {entry.dist.version} ({entry.value})"


class _Sources:
    """The sources of modules, each parsed once: several commands may be in one module."""

    def __init__(self) -> None:
        self._bodies: dict[str, list[ast.stmt]] = {}

    def summary(self, entry: EntryPoint) -> str | None:
        """Read the description of a command from the source of its module; ``None`` without one."""
        if entry.module not in self._bodies:
            self._bodies[entry.module] = _parsed(entry.module)
        for node in self._bodies[entry.module]:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == entry.attr:
                return _option_of_decorators(node) or _first_line(ast.get_docstring(node))
        return None


def _parsed(module: str) -> list[ast.stmt]:
    """Return the statements of a module; none if its source is unavailable."""
    try:
        source = _source_file(module)
        return ast.parse(source.read_bytes()).body if source else []
    except (ImportError, OSError, SyntaxError, ValueError):
        return []


def _source_file(module: str) -> Path | None:
    """Find the file of a module without importing its package, as ``find_spec`` would."""
    name, search, origin = "", None, None
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, search)
        if spec is None:
            return None
        search, origin = spec.submodule_search_locations, spec.origin
    return Path(origin) if origin and origin.endswith(".py") else None


def _option_of_decorators(node: ast.FunctionDef | ast.ClassDef) -> str | None:
    """The text of ``@command(short_help=...)`` or ``@command(help=...)``."""
    options = {
        keyword.arg: keyword.value.value
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and _is_command(decorator.func)
        for keyword in decorator.keywords
        if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
    }
    return options.get("short_help") or _first_line(options.get("help"))


def _is_command(function: ast.expr) -> bool:
    return getattr(function, "attr", getattr(function, "id", "")) in ("command", "group")


def _first_line(text: str | None) -> str | None:
    return text.strip().splitlines()[0].removesuffix(".") if text and text.strip() else None
