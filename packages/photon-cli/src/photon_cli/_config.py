"""``photon config``: the settings of the project, with the source of each."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

import click

from ._tables import print_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from photon_runtime.project import Project
    from photon_runtime.settings import SettingEntry


@click.group()
def config() -> None:
    """Show and check the settings."""


@config.command()
@click.argument("section", required=False, metavar="[SECTION]")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_obj
def show(project: Project, section: str | None, *, as_json: bool) -> None:
    """Show every setting with its value and its source.

    The source is the default, a line of photon.toml or of config/<environment>.toml, or an
    environment variable. Secrets are masked: by their class, by their name, and in URLs. SECTION is
    a section or a table, such as middleware.sessions, or one setting.
    """
    from photon_runtime.project import installed_sections

    known = installed_sections()
    entries = _chosen(project.settings.entries(known), section)
    if as_json:
        click.echo(json.dumps([_members(each) for each in entries], indent=2, ensure_ascii=False))
    else:
        _print(entries)
    project.check_settings()


@config.command()
@click.pass_obj
def check(project: Project) -> None:
    """Check the settings of all packages; exit 1 if one is invalid.

    The section [app] is the application's own: photon check, which loads it, checks that section.
    """
    from photon_runtime.project import installed_sections

    project.check_settings()
    entries = project.settings.entries(installed_sections())
    has_own = any(each.path[0] == "app" for each in entries)
    rest = "; [app] is checked by photon check" if has_own else ""
    click.echo(f"the settings for {project.environment} are valid{rest}")


def _chosen(entries: Sequence[SettingEntry], section: str | None) -> list[SettingEntry]:
    if section is None:
        return list(entries)
    name = section.strip("[]")
    chosen = [each for each in entries if f"{each.name}.".startswith(f"{name}.")]
    if not chosen:
        names = {name for each in entries for name in _prefixes(each)}
        close = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean `{close[0]}`?" if close else "`photon config show` lists all"
        raise click.UsageError(f"there are no settings [{name}]; {hint}")
    return chosen


def _prefixes(entry: SettingEntry) -> Iterator[str]:
    for length in range(1, len(entry.path) + 1):
        yield ".".join(entry.path[:length])


def _members(entry: SettingEntry) -> dict[str, object]:
    return {
        "name": entry.name,
        "value": entry.shown,
        "source": entry.source,
        "secret": entry.is_secret,
    }


def _print(entries: Sequence[SettingEntry]) -> None:
    before: tuple[str, ...] | None = None
    rows: list[tuple[str, ...]] = []
    for each in entries:
        if each.path[:-1] != before:
            if rows:
                print_rows(rows, styles=("", "green", "dim"))
                click.echo()
            before, rows = each.path[:-1], []
            if before:
                click.secho(f"[{'.'.join(before)}]", bold=True)
        rows.append((each.path[-1], _text(each.shown), each.source))
    print_rows(rows, styles=("", "green", "dim"))


def _text(value: object) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False, default=str)
