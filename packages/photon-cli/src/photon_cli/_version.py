"""``photon version``: the installed versions, and the revision of the project."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from typing import TYPE_CHECKING

import click

from photon_runtime import speedups

from ._tables import print_rows

if TYPE_CHECKING:
    from pathlib import Path

    from photon_runtime.project import Project

_PATIENCE = 5.0
"""Seconds that git has for its answer."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
@click.pass_obj
def version(project: Project | None, /, *, as_json: bool) -> None:
    """Show the versions of the installed Photon packages, of Python and of the project.

    The line `speedups` says whether photon-speedups is used, and why not.
    """
    versions = installed_versions()
    if project is not None and project.root is not None:
        revision = git_revision(project.root)
        if revision is not None:
            versions["revision"] = revision
    status = speedups.status()
    if as_json:
        found = {"is_used": status.is_used, "reason": status.reason}
        click.echo(json.dumps(versions | {"speedups": found}, indent=2))
    else:
        row = ("speedups", "used" if status.is_used else f"not used: {status.reason}")
        print_rows([*versions.items(), row], styles=("", "bold"))


def own_version() -> str:
    """The version of the command line; all Photon packages are released together."""
    return importlib.metadata.version("photon-cli")


def installed_versions() -> dict[str, str]:
    """Versions by name: the installed Photon distributions, then Python."""
    versions: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.name.lower().replace("_", "-")
        if name == "photon" or name.startswith("photon-"):
            versions.setdefault(name, distribution.version)
    return dict(sorted(versions.items())) | {"python": platform.python_version()}


def git_revision(folder: Path) -> str | None:
    """Return the commit of the project, with ``-dirty`` after changes; ``None`` without git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None if result.returncode == 0 else None
