"""``photon version``: the installed versions."""

from __future__ import annotations

import importlib.metadata
import json
import platform

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def version(*, as_json: bool) -> None:
    """Show the versions of the installed Photon packages and of Python."""
    versions = installed_versions()
    if as_json:
        click.echo(json.dumps(versions, indent=2))
        return
    width = max(map(len, versions))
    for name, number in versions.items():
        click.echo(f"{name:{width}}  {number}")


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
