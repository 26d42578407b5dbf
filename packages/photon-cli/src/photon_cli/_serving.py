"""One process that serves an application; what ``photon run`` and ``photon dev`` have in common."""

from __future__ import annotations

import contextlib
import resource
from typing import TYPE_CHECKING

import attrs
import click

from photon_runtime.http import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._project import Project


def server_settings(project: Project, **overrides: object) -> ServerSettings:
    """Read the section ``[server]``, and let options of the command line win over it.

    Args:
        project: The project; all of its settings are checked.
        overrides: Fields by name; ``None`` leaves what the settings say.

    Raises:
        SettingsError: The settings are wrong.
        click.UsageError: An option's value is not allowed.
    """
    project.check_settings()
    settings = project.settings.section("server", ServerSettings)
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return attrs.evolve(settings, **given)  # type: ignore[arg-type]  # click made them fit
    except ValueError as error:
        raise click.UsageError(str(error.args[0])) from error


def raise_descriptor_limit() -> None:
    """Allow this process as many open descriptors as the operating system lets it have.

    The usual soft limit of 1,024, which protects programs that use select(), would be the limit
    of open connections; the hard limit is the administrator's, and stays.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # where "unlimited" is not to be had
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def url(host: str, port: int) -> str:
    """The address to type into a browser on this machine."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"


def announcement(
    project: Project, application: object, *, address: tuple[str, int], note: str
) -> Callable[[], None]:
    """Prepare what a server says when it is ready: where it is, and how it runs.

    Args:
        project: Its name and environment are said.
        application: The URL of the documentation is said if it has any.
        address: Where the server listens.
        note: More words for the first line.
    """

    def announce() -> None:
        base = url(*address)
        click.echo(f"{project.name} serves ({project.environment}, {note})")
        click.echo(f"  URL   {base}")
        docs = getattr(application, "docs_url", "/docs" if has_document(application) else None)
        if isinstance(docs, str):
            click.echo(f"  docs  {base}{docs}")
        click.echo("  stop  Ctrl-C")

    return announce


def has_document(application: object) -> bool:
    """Whether an application describes itself, and so has pages for its documentation."""
    return callable(getattr(application, "document", None))
