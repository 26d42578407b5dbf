"""``photon new``: a project that runs, passes its tests, and is clean under ruff and mypy.

It asks nothing: every choice has a default, and options choose otherwise. The files are rendered in
memory first, so that a bad name or a mistake in a template creates nothing.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from .project_creation import Choices, Database, Kind, ProjectName


@click.command()
@click.argument("name")
@click.option("--api", is_flag=True, help="A JSON API, with its documentation. The default.")
@click.option("--html", is_flag=True, help="The same, and pages from templates.")
@click.option("--minimal", is_flag=True, help="One module and one test.")
@click.option(
    "--db",
    "database",
    type=click.Choice(["sqlite", "postgresql", "none"]),
    help="The database. Default: sqlite, for --minimal none.",
)
@click.option("--no-git", is_flag=True, help="Do not create a git repository.")
@click.option("--no-input", is_flag=True, help="Accepted for scripts: nothing is asked anyway.")
def new(
    *,
    name: str,
    api: bool,
    html: bool,
    minimal: bool,
    database: Database | None,
    no_git: bool,
    no_input: bool,
) -> None:
    """Create a project.

    NAME is the path of its folder, such as blog or shops/blog; its last part names the project and
    its Python package. The current folder, `.`, has to be empty.
    """
    from pathlib import Path

    from .project_creation import (
        Choices,
        ProjectName,
        create_folder,
        generate_first_model,
        project_files,
        start_repository,
    )

    kind = _kind(api=api, html=html, minimal=minimal)
    choices = Choices(kind, database or ("none" if kind == "minimal" else "sqlite"))
    here = Path.cwd()
    project = ProjectName.parse(name, directory=here)
    files = project_files(project, choices)
    paths: list[str] = []
    notes: list[str] = []

    def complete(folder: Path) -> None:
        if choices.has_first_model:
            generate_first_model(folder)
        found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        paths.extend(sorted(path.as_posix() for path in found))
        if not no_git:
            notes.append(start_repository(folder, target=project.folder))

    create_folder(project.folder, files, complete=complete)
    for path in paths:
        click.echo(f"added: {_shown(project.folder / path, here)}")
    for note in notes:
        click.echo(note)
    _show_next_steps(project, choices, here)


def _kind(*, api: bool, html: bool, minimal: bool) -> Kind:
    flags: dict[Kind, bool] = {"api": api, "html": html, "minimal": minimal}
    chosen = [kind for kind, is_chosen in flags.items() if is_chosen]
    if len(chosen) > 1:
        options = " and ".join(f"--{kind}" for kind in chosen)
        raise click.UsageError(f"{options} exclude each other: a project has one kind")
    return chosen[0] if chosen else "api"


def _show_next_steps(project: ProjectName, choices: Choices, here: Path) -> None:
    commands = ["photon dev", "photon test"]
    if choices.has_first_model:
        create = "photon db create && " if choices.database == "postgresql" else ""
        commands.insert(0, f"{create}photon db migrate")
    if project.folder != here.resolve():
        folder = _shown(project.folder, here)
        commands.insert(0, shlex.join(["cd", f"./{folder}" if folder.startswith("-") else folder]))
    click.echo(f"\nThe project {project.title} is in {project.folder}. Next:\n")
    for command in commands[:3]:
        click.echo(f"  {command}")


def _shown(path: Path, here: Path) -> str:
    """Return a path as seen from the current folder."""
    here = here.resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
