"""The child of ``photon dev``: serves the application, or the error that prevents its start.

It is a program: ``python -m photon_cli._dev_child PARENT START TARGET DESCRIPTOR...``, with the
parent's process id, the number of this start, counted from 1, the application, and the descriptors
of the listening sockets. The environment is in ``PHOTON_ENV``; the project is found
from the current folder.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import attrs
import click

from photon_runtime.errors import PhotonError
from photon_runtime.http import Application, ServerSettings, adopt, serve
from photon_runtime.process import prepare_process
from photon_runtime.project import Project
from photon_runtime.tracebacks import readable
from photon_runtime.workers import end_with_parent

from ._error_page import ErrorPage, showing_errors
from ._serving import announcement, server_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photon_runtime.http import Handler

_PATIENCE = 1.0
"""Seconds that running requests have to end: the developer waits for the new code."""

_GRACE = 0.2
"""Seconds that an idle connection has for a last request; one just accepted has sent none yet."""


def main(parent: int, starts: int, target: str, descriptors: list[int]) -> None:
    """Serve until a stop signal.

    Args:
        parent: The process id of the parent; this process ends with it.
        starts: The number of this child of the parent, counted from 1.
        target: The application, as ``module:attribute``.
        descriptors: The listening sockets.
    """
    end_with_parent()
    if os.getppid() != parent:
        return
    listeners = [adopt(descriptor) for descriptor in descriptors]
    project = Project.here(environment=os.environ["PHOTON_ENV"])
    child = _Child(project, target)
    settings = child.load()

    def ready() -> None:
        if starts == 1:
            announcement(
                project,
                child.application,
                addresses=[listener.getsockname() for listener in listeners],
                is_secure=settings.tls_certificate is not None,
                note="reloading",
            )()
        elif child.reason is None:
            click.echo("restarted")

    patience = min(settings.shutdown_timeout, _PATIENCE)
    grace = min(settings.idle_grace, _GRACE)
    settings = attrs.evolve(settings, shutdown_timeout=patience, idle_grace=grace)
    serve(child, sockets=listeners, settings=settings, development=True, ready=ready)


@attrs.define
class _Child:
    """The application, or the reason why it does not start.

    Attributes:
        application: The application, ``None`` while it cannot be loaded.
        reason: The reason why it does not start; ``None`` if it does.
    """

    project: Project
    target: str
    application: Application | Handler | None = None
    reason: str | None = None

    def load(self) -> ServerSettings:
        """Load settings and application; return the settings, the defaults if they are invalid."""
        settings = ServerSettings()
        try:
            settings = server_settings(self.project)
            self.application = prepare_process(self.project, self.target, development=True)
        except (Exception, SystemExit) as error:
            self._fail(error)
        return settings

    @contextlib.contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        """Start the application; see `photon_runtime.http.Application`."""
        with contextlib.ExitStack() as stack:
            try:
                handler = self._handler(stack, development=development)
            except (Exception, SystemExit) as error:
                self._fail(error)
            yield handler if self.reason is None else ErrorPage(self.reason)

    def _handler(self, stack: contextlib.ExitStack, *, development: bool) -> Handler:
        if isinstance(self.application, Application):
            handler = stack.enter_context(self.application.start(development=development))
        else:
            handler = self.application or ErrorPage("")
        return showing_errors(handler)

    def _fail(self, error: BaseException) -> None:
        self.reason = _reason(error)
        click.echo(self.reason.rstrip("\n"), err=True)
        click.echo("every page shows this until a file changes", err=True)


def _reason(error: BaseException) -> str:
    """Return why the application does not start; for a Photon error, its message."""
    if isinstance(error, PhotonError):
        return str(error)
    if isinstance(error, click.ClickException):
        return error.format_message()
    return readable(error)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C before the server takes the signal
        main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], [int(word) for word in sys.argv[4:]])
