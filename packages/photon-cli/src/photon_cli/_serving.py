"""One process that serves an application; what ``photon run`` and ``photon dev`` have in common."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

import attrs
import click

from photon_runtime.errors import PhotonError
from photon_runtime.http import ServerSettings

from ._project import LoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from photon_runtime.http import Application, Handler

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


@contextlib.contextmanager
def started(application: object, *, development: bool) -> Iterator[Handler]:
    """Start an application for as long as a block runs, which gets its handler.

    Args:
        application: What ``Project.load_app`` returned: something that starts and gives a handler,
            or a handler itself.
        development: Whether to show tracebacks to clients, check responses and so on.

    Raises:
        LoadError: The application says that it is not in order.
    """
    if not callable(getattr(application, "start", None)):
        yield cast("Handler", application)
        return
    with contextlib.ExitStack() as stack:
        try:
            life = cast("Application", application).start(development=development)
            handler = stack.enter_context(life)
        except PhotonError as error:
            raise LoadError(str(error)) from error
        yield handler


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
