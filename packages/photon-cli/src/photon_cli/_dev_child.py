"""The child of ``photon dev``: serves the application, or the reason why it cannot.

It is a program: ``python -m photon_cli._dev_child DESCRIPTOR PARENT START TARGET``, with the
listening socket's descriptor, the parent's process id, which start this is, counted from 1, and the
application. The environment comes in ``PHOTON_ENV``; the project is around the current folder.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING

import attrs
import click

from photon_runtime.errors import PhotonError
from photon_runtime.http import ServerSettings, serve
from photon_runtime.workers import end_with_parent

from ._error_page import ErrorPage
from ._project import Project
from ._serving import announcement, server_settings, started
from ._tracebacks import readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from photon_runtime.http import Handler

_PATIENCE = 1.0
"""Seconds that running requests have to end: somebody is waiting for the new code."""


def main(descriptor: int, parent: int, starts: int, target: str) -> None:
    """Serve until told to stop.

    Args:
        descriptor: The listening socket.
        parent: The process id of the parent, without which this process ends.
        starts: Which child of the parent this is, counted from 1.
        target: The application, as ``module:attribute``.
    """
    end_with_parent()
    if os.getppid() != parent:
        return
    listener = socket.socket(fileno=descriptor)
    listener.setblocking(False)
    with contextlib.ExitStack() as stack:
        child = _start(stack, target, listener)

        def ready() -> None:
            if starts == 1:
                child.announce()
            elif child.application is not None:
                click.echo("restarted")

        serve(child.handler, sockets=[listener], settings=child.settings, ready=ready)


@attrs.frozen
class _Started:
    """What there is to serve.

    Attributes:
        application: The application, ``None`` if it does not start.
        handler: The application's handler, or one that says why there is none.
        settings: The settings to serve with.
        announce: Says where it is served.
    """

    application: object
    handler: Handler
    settings: ServerSettings
    announce: Callable[[], None]


def _start(stack: contextlib.ExitStack, target: str, listener: socket.socket) -> _Started:
    """Start the application, or make up one that says why it does not start."""
    application: object = None
    settings = ServerSettings()
    project = Project.here(environment=os.environ["PHOTON_ENV"])
    try:
        settings = server_settings(project)
        application = project.load_app(target)
        handler = stack.enter_context(started(application, development=True))
    except (Exception, SystemExit) as error:
        text = _reason(error)
        click.echo(text.rstrip("\n"), err=True)
        click.echo("every page shows this until a file changes", err=True)
        application, handler = None, ErrorPage(text)
    patience = min(settings.shutdown_timeout, _PATIENCE)
    return _Started(
        application,
        handler,
        attrs.evolve(settings, shutdown_timeout=patience),
        announcement(project, application, address=listener.getsockname()[:2], note="reloading"),
    )


def _reason(error: BaseException) -> str:
    """Say why the application does not start; a Photon error says it in its message."""
    if isinstance(error, PhotonError):
        return str(error)
    if isinstance(error, click.ClickException):
        return error.format_message()
    return readable(error)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C before the server takes the signal
        main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
