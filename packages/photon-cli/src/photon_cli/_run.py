"""``photon run``: serve an application, in this process or in several workers.

With one worker this process serves. With more it forks them and supervises: the application is
imported in the workers only, after the fork, so nothing it opens is shared between them; and the
first worker starts alone, so an application that cannot be loaded says so once.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import attrs
import click

from photon_runtime.errors import PhotonError
from photon_runtime.http import listen, serve
from photon_runtime.workers import CANNOT_LOAD, supervise

from ._project import LoadError
from ._serving import announcement, raise_descriptor_limit, server_settings
from ._tracebacks import readable

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from photon_runtime.http import ServerSettings

    from ._project import Project

_GRACE = 2.0
"""Seconds that a worker gets beyond its own shutdown timeout, to end what it serves from."""


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: [server] host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: [server] port.")
@click.option(
    "--workers", type=click.IntRange(1), help="How many processes. Default: [server] workers."
)
@click.pass_obj
def run(
    project: Project, target: str | None, host: str | None, port: int | None, workers: int | None
) -> None:
    """Serve the application.

    The application is MODULE:ATTRIBUTE, such as main:app, or what photon.toml names under
    [project] as `app`. SIGTERM and Ctrl-C stop it when the requests that run are answered. With
    several workers, SIGHUP replaces them one by one, with new code and without a gap.
    """
    project = project.defaulting_to("production")
    settings = server_settings(project, host=host, port=port, workers=workers)
    server = _Server(project, project.target(target), settings, _open_sockets(settings))
    sys.exit(server.run())


@attrs.define(eq=False)
class _Server:
    """One run of the command.

    Attributes:
        sockets: One for each worker, listening at the same address.
        is_announced: Whether the address was printed; later workers are not news.
    """

    project: Project
    target: str
    settings: ServerSettings
    sockets: list[socket.socket]
    is_announced: bool = False

    def run(self) -> int:
        """Serve until told to stop; return the exit code."""
        if self.settings.workers == 1:
            self.work(0, lambda: None)
            return 0
        return supervise(
            self.work,
            count=self.settings.workers,
            shutdown_timeout=self.settings.shutdown_timeout + _GRACE,
            first_ready=self._note_announced,
            report=lambda line: click.echo(line, err=True),
        )

    def _note_announced(self) -> None:
        self.is_announced = True

    def work(self, slot: int, ready: Callable[[], None]) -> None:
        """Be one worker, perhaps the only one."""
        try:
            self.serve(slot, ready)
        except LoadError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(CANNOT_LOAD)
        except Exception as error:
            click.echo(readable(error), err=True, nl=False)
            sys.exit(1)

    def serve(self, slot: int, ready: Callable[[], None]) -> None:
        """Load the application and serve it in this process."""
        raise_descriptor_limit()
        application = self.project.load_app(self.target)
        address = self.sockets[slot].getsockname()
        note = f"pid {os.getpid()}"
        if self.settings.workers > 1:
            note = f"{self.settings.workers} workers, pid {os.getppid()}"
        announce = announcement(self.project, application, address=address[:2], note=note)

        def on_ready() -> None:
            if not self.is_announced:
                announce()
            ready()

        try:
            serve(application, sockets=[self.sockets[slot]], settings=self.settings, ready=on_ready)
        except PhotonError as error:
            raise LoadError(str(error)) from error


def _open_sockets(settings: ServerSettings) -> list[socket.socket]:
    """Listen once for each worker.

    Sockets that share a port do not mind who else shares it, so a server that runs already would
    go unnoticed and take half of the connections. Hence the first attempt is not to share.
    """
    host, backlog = settings.host, settings.backlog
    alone = listen(host, settings.port, backlog=backlog)
    if settings.workers == 1:
        return [alone]
    port = alone.getsockname()[1]
    alone.close()
    return [listen(host, port, backlog=backlog, reuse_port=True) for _ in range(settings.workers)]
