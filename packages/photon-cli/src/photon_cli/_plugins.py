"""The commands that installed packages bring, through the entry-point group ``photon.commands``.

A command's module is imported when the command is used, and not before: a package may take longer
to import than the whole help page may take. The help page needs one line for each command, so that
line is read from the *source* of its module (found without importing the packages around it): the
``short_help`` or ``help`` of the decorator, else the first line of the function's docstring. Where
that fails, the command is loaded after all. A command that cannot be loaded is reported by name,
with the package it comes from, and the others go on working.
"""

from __future__ import annotations

import ast
import traceback
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

import click

COMMANDS = "photon.commands"


class PluginError(click.ClickException):
    """Something that an installed package offers cannot be loaded."""


class Plugin(NamedTuple):
    """One name in an entry-point group.

    Attributes:
        name: The name.
        entries: Who offers it; more than one if packages contradict each other.
    """

    name: str
    entries: tuple[EntryPoint, ...]

    def load(self) -> object:
        """Import what the name stands for.

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
        PluginError: It cannot be imported, or is no click command.
    """
    command = plugin.load()
    if not isinstance(command, click.Command):
        raise PluginError(
            f"`{plugin.name}` of {_origin(plugin.entries[0])} is a {type(command).__name__},"
            " not a click command"
        )
    return command


def summarize(plugin: Plugin) -> str:
    """Say in one line what a command does, importing it only if its source does not tell."""
    if len(plugin.entries) == 1:
        line = _summary_in_source(plugin.entries[0])
        if line is not None:
            return line
    try:
        return load_command(plugin).get_short_help_str(100)
    except PluginError:
        return "(cannot be loaded; use it to see why)"


def _origin(entry: EntryPoint) -> str:
    if entry.dist is None:
        return entry.value
    return f"{entry.dist.name} {entry.dist.version} ({entry.value})"


def _summary_in_source(entry: EntryPoint) -> str | None:
    try:
        source = _source_file(entry.module)
        tree = ast.parse(source.read_bytes()) if source else None
    except (ImportError, OSError, SyntaxError, ValueError):
        return None
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef) and node.name == entry.attr:
            return _option_of_decorators(node) or _first_line(ast.get_docstring(node))
    return None


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


def _option_of_decorators(node: ast.FunctionDef) -> str | None:
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
