"""One process that serves an application; shared by ``photon run`` and ``photon dev``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import attrs
import click

from photon_runtime import speedups
from photon_runtime.errors import SettingsError
from photon_runtime.http import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from photon_runtime.project import Project


def server_settings(project: Project, **overrides: object) -> ServerSettings:
    """Read the section ``[server]``, and replace its values by options of the command line.

    The other sections are not read: to check them imports what declares them.

    Args:
        project: The project.
        overrides: Fields by name; ``None`` keeps the value of the settings.

    Raises:
        SettingsError: The settings are invalid.
        click.UsageError: An option's value is not allowed.
    """
    try:
        settings = project.settings.read(ServerSettings)
    except SettingsError:
        project.check_settings()  # which lists the errors of all sections
        raise
    options = {name: value for name, value in overrides.items() if value is not None}
    try:
        return attrs.evolve(settings, **options)  # type: ignore[arg-type]  # click made them fit
    except ValueError as error:
        raise click.UsageError(str(error.args[0])) from error


no_patch_option = click.option(
    "--no-patch",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=lambda _context, _option, value: _refuse_patch() if value else None,
    help="Leave the standard library as it is: its blocking calls block every coroutine.",
)
"""The option that replaces ``[runtime] patch``, here and in child processes."""


def _refuse_patch() -> None:
    os.environ["PHOTON__RUNTIME__PATCH"] = "false"


def url(address: object, *, is_secure: bool = False) -> str:
    """The address to type into a browser on this machine; of a Unix socket, its path.

    Args:
        address: The address of a listening socket, as ``getsockname`` returns it.
        is_secure: Whether it speaks TLS.
    """
    if not isinstance(address, tuple):
        return f"unix:{address}"
    host: str = address[0]
    port: int = address[1]
    local = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    scheme = "https" if is_secure else "http"
    return f"{scheme}://[{local}]:{port}" if ":" in local else f"{scheme}://{local}:{port}"


def announcement(
    project: Project,
    application: object,
    *,
    addresses: Sequence[object],
    note: str,
    is_secure: bool = False,
) -> Callable[[], None]:
    """Prepare the lines that a server prints when it is ready: its URLs, and how it runs.

    Args:
        project: Its name and environment are printed.
        application: The URL of its documentation is printed, if it has any.
        addresses: The addresses of the server.
        note: Further text for the first line.
        is_secure: Whether it speaks TLS.
    """

    def announce() -> None:
        bases = [url(address, is_secure=is_secure) for address in addresses]
        click.echo(f"{project.name} serves ({project.environment}, {note})")
        for base in bases:
            click.echo(f"  URL   {base}")
        docs = getattr(application, "docs_url", "/docs" if has_document(application) else None)
        if isinstance(docs, str) and isinstance(addresses[0], tuple):
            click.echo(f"  docs  {bases[0]}{docs}")
        click.echo(f"  code  {_code_in_use()}")
        click.echo("  stop  Ctrl-C")

    return announce


def _code_in_use() -> str:
    """Describe whether photon-speedups is used, and why not."""
    status = speedups.status()
    if status.is_used:
        return f"C and Python (photon-speedups {status.version})"
    return f"Python (photon-speedups is not used: {status.reason})"


def has_document(application: object) -> bool:
    """Return whether an application has a document, and so pages for its documentation."""
    return callable(getattr(application, "document", None))
