"""The reference of the command line lists every command with all of its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from photon_cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = Path(__file__).parent.parent / "docs" / "cli-reference.md"
RENEW = "python3 tools/dev.py test integration-tests/test_cli_reference.py --renew"

_HEAD = """# Reference of the command line

Every command with its options, written from the commands themselves. Each also has `-h` and `-e`;
the [guide](cli.md) explains them.
"""


def commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield a command and all below it with their names."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


def entry(path: tuple[str, ...], command: click.Command) -> str:
    """Return the section of a command."""
    context = click.Context(command, info_name=" ".join(path))
    usage = " ".join([*path, *command.collect_usage_pieces(context)])
    lines = [f"## {' '.join(path)}", "", f"`{usage}`", "", command.get_short_help_str(200), ""]
    rows = [
        parameter.get_help_record(context)
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name != "environment"
    ]
    records = [row for row in rows if row is not None]
    if records:
        lines += ["| option | effect |", "|---|---|"]
        lines += [f"| `{name}` | {text} |".replace("[a|b]", "") for name, text in records]
        lines.append("")
    return "\n".join(lines)


def test_the_reference_has_every_command_and_option(request: pytest.FixtureRequest) -> None:
    sections = [entry(path, command) for path, command in commands(cli, ("photon",))]
    text = "\n".join([_HEAD, *sections]).replace("\n\n\n", "\n\n").rstrip() + "\n"
    if request.config.getoption("renew"):
        REFERENCE.write_text(text, encoding="utf-8")
    recorded = REFERENCE.read_text(encoding="utf-8")
    missing = [section for section in sections if section.strip() not in recorded]
    assert not missing, f"{missing[0]}\nwrite it anew: {RENEW}"
