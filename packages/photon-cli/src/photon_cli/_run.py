"""``photon run``: serve an application in workers, one or several, under a supervisor.

This process forks the workers and supervises them. The application is imported in the workers only,
after the fork, so nothing it opens is shared between them, and nothing it does can keep this
process from replacing or ending them; that is why a single worker is a process of its own, too. The
first worker starts alone, so an application that cannot be loaded reports its error once.

The supervisor stays small: it reads the sections of the settings that it needs itself. All others
are checked by the first worker, because that imports the packages that declare them.

The supervisor keeps every listening socket open, so that a connection that waits for a worker which
has died, or is being replaced, is served by the next one. When all is to end it turns new clients
away and closes its copies first: then each worker takes what still waits for it, and nobody is left
in a queue without an end.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import logging
import os
import select
import socket
import sys
import tempfile
from typing import TYPE_CHECKING

import attrs
import click

from photon_runtime.errors import LoadError, PhotonError, SettingsError
from photon_runtime.http import (
    adopt,
    inherited_sockets,
    open_listeners,
    refuse_new_connections,
    remove_unix,
    serve,
)
from photon_runtime.process import log_as_configured, prepare_process, reporting_failures
from photon_runtime.workers import supervise

from ._serving import announcement, no_patch_option, server_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from photon_runtime.http import ServerSettings
    from photon_runtime.project import Project
    from photon_runtime.workers import Link

_GRACE = 2.0
"""Seconds that a worker gets beyond its own shutdown timeout, to end what it serves from."""

_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_OWN_METRICS_FOLDER = "PHOTON_METRICS_DIR"
_log = logging.getLogger("photon.run")


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: [server] host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: [server] port.")
@click.option("--unix", metavar="PATH", help="Listen on this Unix socket in place of a port.")
@click.option(
    "--fd",
    "descriptors",
    type=click.IntRange(0),
    multiple=True,
    help="Listen on this inherited socket; may be given several times. Sockets of systemd are"
    " found without it.",
)
@click.option("--tls-certificate", metavar="FILE", help="Speak TLS. Default: [server].")
@click.option("--tls-key", metavar="FILE", help="Its key, if the certificate's file has none.")
@click.option(
    "--workers", type=click.IntRange(1), help="How many processes. Default: [server] workers."
)
@no_patch_option
@click.pass_obj
def run(
    project: Project,
    /,
    target: str | None,
    descriptors: tuple[int, ...],
    **overrides: object,
) -> None:
    """Serve the application.

    The application is MODULE:ATTRIBUTE, such as main:app, or the one that photon.toml names under
    [project] as `app`. SIGTERM and Ctrl-C stop it when the running requests are finished; a second
    one stops it at once. SIGHUP replaces the workers one by one, with new code and without a gap.
    """
    project = project.defaulting_to("production")
    listening = _Listening.of(project, descriptors, overrides)
    log_as_configured(project)
    server = _Server(
        project,
        project.target(target),
        listening.settings,
        listening.sockets,
        owns_sockets=listening.is_own,
    )
    try:
        code = server.run()
    finally:
        server.close()
        for path in listening.paths:
            remove_unix(path)
    sys.exit(code)


@attrs.define(eq=False)
class _Server:
    """One run of the command.

    Attributes:
        sockets: For each worker its own, listening at the same addresses.
        owns_sockets: Whether no other process uses the sockets after this one has ended.
        kept: Copies of the sockets, once no new connections are taken.
        is_announced: Whether the address was printed; later workers do not print it again.
    """

    project: Project
    target: str
    settings: ServerSettings
    sockets: list[list[socket.socket]]
    owns_sockets: bool = False
    is_announced: bool = False
    kept: list[socket.socket] = attrs.field(factory=list)

    def run(self) -> int:
        """Serve until a stop signal; return the exit code."""
        with _metrics_in_common(self._common_variable()):
            return supervise(
                self.work,
                count=self.settings.workers,
                shutdown_timeout=self.settings.shutdown_timeout + _GRACE,
                worker_timeout=self.settings.worker_timeout,
                first_attempts=1 if self.settings.workers == 1 else 5,
                first_ready=self._note_announced,
                stopping=self._close_all,
            )

    def _common_variable(self) -> str:
        """Return the variable that names the folder in which the workers add up their metrics.

        One worker has successors, too. But it does not serve beside others, so that only Photon's
        own metrics are added up: what an application makes with prometheus-client itself keeps
        the form that it has in one process, without the numbers of processes as labels.
        """
        settings = self.settings
        if settings.workers > 1 or settings.max_requests or settings.max_memory:
            return _METRICS_FOLDER
        return _OWN_METRICS_FOLDER

    def _close_all(self) -> set[int]:
        """Close this process's copies of the sockets; return the slots with waiting clients."""
        if self.owns_sockets:
            for listeners in self.sockets:
                refuse_new_connections(listeners)
        self._keep_to_the_end()
        awaited = {slot for slot, each in enumerate(self.sockets) if _has_clients(each)}
        for listeners in self.sockets:
            for listener in listeners:
                listener.close()
        return awaited

    def _keep_to_the_end(self) -> None:
        """Keep what `close` needs. On Linux alone: elsewhere it would keep connections waiting."""
        if self.owns_sockets and sys.platform == "linux":
            self.kept = [each.dup() for listeners in self.sockets for each in listeners]

    def close(self) -> None:
        """Stop listening also in processes that a worker has left behind with its sockets."""
        for listener in self.kept:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _note_announced(self) -> None:
        self.is_announced = True

    def work(self, slot: int, link: Link) -> None:
        """Be one worker, perhaps the only one."""
        with reporting_failures():
            if not self.is_announced:  # later workers have the same settings
                self._check_settings()
            self.serve(slot, link)

    def _check_settings(self) -> None:
        try:
            self.project.check_settings()
        except SettingsError as error:
            raise LoadError(str(error)) from error

    def serve(self, slot: int, link: Link) -> None:
        """Load the application and serve it in this process."""
        own = self.sockets[slot]
        for listener in {other for others in self.sockets for other in others}.difference(own):
            listener.close()  # a copy that is held here would outlive its owner
        application = prepare_process(self.project, self.target)
        note = f"pid {os.getppid()}"
        if self.settings.workers > 1:
            note = f"{self.settings.workers} workers, pid {os.getppid()}"
        announce = announcement(
            self.project,
            application,
            addresses=[listener.getsockname() for listener in own],
            is_secure=self.settings.tls_certificate is not None,
            note=note,
        )

        def on_ready() -> None:
            _freeze_what_stays()
            if not self.is_announced:
                announce()
            link()

        try:
            serve(
                application,
                sockets=own,
                settings=self.settings,
                development=self.project.is_development,
                ready=on_ready,
                worker=link,
            )
        except PhotonError as error:
            raise LoadError(str(error)) from error
        finally:
            gc.unfreeze()


def _has_clients(listeners: Sequence[socket.socket]) -> bool:
    """Return whether connections wait to be accepted."""
    poll = select.poll()
    for listener in listeners:
        poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))


def _freeze_what_stays() -> None:
    """Spare the garbage collector what was made until now: the application and its libraries.

    They stay until the process ends, and are far apart in memory: to look at them again in every
    full collection takes more time than to look at most connections. With 10,000 of those at work
    and a small application it made pauses of 54 to 57 ms of what is 21 to 32 ms without, and 26 ms
    of 3 to 9 ms while they rest; a larger application costs more.
    """
    gc.collect()  # what is garbage already would stay, too
    gc.freeze()


@contextlib.contextmanager
def _metrics_in_common(variable: str) -> Iterator[None]:
    """Give the workers a folder that adds up their metrics, if prometheus-client is installed.

    The client reads its variable when it is imported, so it must be there before the application.
    """
    if _METRICS_FOLDER in os.environ or importlib.util.find_spec("prometheus_client") is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            made = tempfile.TemporaryDirectory(prefix="photon-metrics-", ignore_cleanup_errors=True)
        except OSError as error:
            if variable == _METRICS_FOLDER:  # the figures of a page would change with the worker
                raise
            _log.warning("metrics begin anew with each new worker: no temporary folder: %s", error)
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = stack.enter_context(made)
            stack.callback(os.environ.pop, variable, None)
        yield


@attrs.frozen
class _Listening:
    """The sockets of the server.

    Attributes:
        settings: The settings, the options of the command line included.
        sockets: For each worker its own.
        paths: The socket files that were made, and are removed at the end.
        is_own: Whether they were opened here, and no other process has them.
    """

    settings: ServerSettings
    sockets: list[list[socket.socket]]
    paths: list[str]
    is_own: bool

    @classmethod
    def of(
        cls, project: Project, descriptors: tuple[int, ...], overrides: dict[str, object]
    ) -> _Listening:
        """Open the sockets, or take those that this process was started with."""
        settings = server_settings(project, **overrides)
        inherited = [adopt(number) for number in descriptors] or inherited_sockets()
        if inherited:
            return cls(settings, [inherited] * settings.workers, paths=[], is_own=False)
        opened = open_listeners(settings, count=settings.workers)
        names = [listener.getsockname() for listener in opened[0]]
        paths = [name for name in names if isinstance(name, str)]
        has_foreign = any(address.startswith("fd:") for address in settings.listen)
        return cls(settings, opened, paths=paths, is_own=not has_foreign)
