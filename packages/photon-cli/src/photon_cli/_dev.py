"""``photon dev``: serve an application and restart it when a file changes.

The parent listens, and watches files. The child, a new interpreter for each start, inherits the
listening sockets and serves. When a file changes the parent stops the child and starts another;
connections that arrive in between wait in the sockets' queues and are served by the next child, so
none is refused. A child that cannot start the application serves the error instead, until the next
change. The parent imports nothing of the application, so no change can break it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from photon_runtime.http import open_listeners, remove_unix

from ._serving import no_patch_option, server_settings
from ._watch import changes

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from photon_runtime.http import ServerSettings
    from photon_runtime.project import Project

_PATIENCE = 3.0
"""Seconds that a child has to end before it is killed; it tries within one."""


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: [server] host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: [server] port.")
@click.option("--unix", metavar="PATH", help="Listen on this Unix socket in place of a port.")
@click.option(
    "--reload-dir",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Watch this folder too; may be given several times.",
)
@no_patch_option
@click.pass_obj
def dev(
    project: Project,
    /,
    target: str | None,
    folders: tuple[Path, ...],
    **overrides: object,
) -> None:
    """Serve the application and restart it when a file changes.

    The application is MODULE:ATTRIBUTE, such as main:app, or the one that photon.toml names under
    [project] as `app`. If it cannot be started, every page shows the error, until it can.
    """
    project = project.defaulting_to("development")
    settings = server_settings(project, **overrides)
    roots = dict.fromkeys([project.root or project.directory, *(f.resolve() for f in folders)])
    target = project.target(target)
    with _listening(settings) as listeners:
        child = _Child(target, project.environment, listeners)
        with child.running(), _stop_event() as stop:
            _restart_on_changes(child, tuple(roots), stop)


@contextlib.contextmanager
def _listening(settings: ServerSettings) -> Iterator[list[socket.socket]]:
    """Have the listening sockets of the settings while the block runs."""
    (listeners,) = open_listeners(settings)
    try:
        yield listeners
    finally:
        names = [listener.getsockname() for listener in listeners]
        for listener in listeners:
            listener.close()
        for name in names:
            if isinstance(name, str):
                remove_unix(name)


def _restart_on_changes(child: _Child, roots: tuple[Path, ...], stop: threading.Event) -> None:
    for changed in changes(roots, stop=stop):
        if changed:
            first, *others = changed
            click.echo(f"changed: {first}{f' and {len(others)} more' if others else ''}")
            child.restart()
        else:
            child.report_end()


@contextlib.contextmanager
def _stop_event() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set while the block runs."""
    event = threading.Event()
    previous = {
        number: signal.signal(number, lambda _number, _frame: event.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@attrs.define(eq=False)
class _Child:
    """The process that serves, and its successors.

    Attributes:
        target: The application, as ``module:attribute``.
        environment: The name of the environment.
        listeners: The sockets that all of them serve.
        starts: How many there have been.
    """

    target: str
    environment: str
    listeners: list[socket.socket]
    starts: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _is_end_known: bool = False

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have a child while the block runs."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start a fresh interpreter that serves."""
        self.starts += 1
        self._is_end_known = False
        descriptors = [listener.fileno() for listener in self.listeners]
        program = [sys.executable, "-m", "photon_cli._dev_child"]
        self._process = subprocess.Popen(
            [*program, str(os.getpid()), str(self.starts), self.target, *map(str, descriptors)],
            pass_fds=descriptors,
            env=os.environ | {"PHOTON_ENV": self.environment},
        )

    def stop(self) -> None:
        """Ask the child to end, and end it if it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            click.echo(f"the application did not end within {_PATIENCE:g} s and is killed")
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Replace the child by another."""
        self.stop()
        self.start()

    def report_end(self) -> None:
        """Say, once, that the child has ended by itself."""
        if self._process is None or self._is_end_known or self._process.poll() is None:
            return
        self._is_end_known = True
        click.echo(
            f"the application ended with exit code {self._process.returncode};"
            " it starts again when a file changes"
        )
