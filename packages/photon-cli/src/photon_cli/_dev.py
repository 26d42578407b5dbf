"""``photon dev``: serve an application and restart it when a file changes.

The parent listens, and watches files. The child, a new interpreter for each start, inherits the
listening sockets and serves. When a file changes the parent stops the child and starts another;
connections that arrive in between wait in the sockets' queues and are served by the next child, so
none is refused. A child that cannot start the application serves the error instead, until the next
change. The parent imports nothing of the application, so no change can break it.

Most of a start is the import of Photon itself. So while a child serves, its successor waits: it has
patched the standard library, and imported the modules of Photon that the child has, and nothing of
the application or of other libraries, since those may depend on variables that the application sets
first. It is replaced when settings, variables or those modules change.

Changes of files that are read at each request (style sheets, and templates in folders that a part
has named, see `photon_runtime.parts.RereadingPart`) reload the pages of browsers without a restart.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from photon_runtime.http import open_listeners, remove_unix

from ._dev_link import ParentEnd
from ._serving import no_patch_option, server_settings
from ._watch import ASSETS, changes, is_dotenv, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from photon_runtime.http import ServerSettings
    from photon_runtime.project import Project

_PATIENCE = 3.0
"""Seconds that a child has to end before it is killed; it tries within one."""

_SAME_SIGNAL = 0.05
"""Seconds within which a second signal is the first one, passed on by a wrapper."""


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
@click.option(
    "--no-page-reload",
    is_flag=True,
    expose_value=False,
    callback=lambda _context, _option, value: _refuse_page_reload() if value else None,
    help="Do not reload pages in browsers. Default: [dev] page_reload.",
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
    [project] as `app`. If it cannot be started, every page shows the error, until it can. In other
    environments than `development`, errors are shown in the terminal only.
    """
    project = project.defaulting_to("development")
    project.check_settings()
    settings = server_settings(project, **overrides)
    named = [project.root or project.directory, *folders]
    roots = list(dict.fromkeys(folder.resolve() for folder in named))
    target = project.target(target)
    if not project.is_development:
        click.echo(f"in {project.environment}, pages show no details of errors", err=True)
    with _listening(settings) as listeners:
        server = _DevServer(_Starter(target, project.environment, listeners), _hosts(settings))
        signals = _Signals(server)
        with signals.handled(), server.running():
            _follow_changes(server, roots, signals)


def _refuse_page_reload() -> None:
    os.environ["PHOTON__DEV__PAGE_RELOAD"] = "false"


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


def _hosts(settings: ServerSettings) -> list[str]:
    """Return the hosts to listen on; names among them are resolved only to listen."""
    others = [each for each in settings.listen if not each.startswith(("unix:", "fd:"))]
    return [settings.host, *others]


def _follow_changes(server: _DevServer, roots: list[Path], signals: _Signals) -> None:
    for batch in changes(roots, stop=signals.stop):
        server.receive()
        signals.pass_on()
        if not batch:
            server.report_end()
            continue
        others = f" and {len(batch) - 1} more" if len(batch) > 1 else ""
        click.echo(f"changed: {shown(batch[0], roots)}{others}")
        if server.rereads(batch):
            server.reload_pages()
        else:
            server.restart(batch)


@attrs.define(eq=False)
class _Signals:
    """The signals of the parent.

    SIGTERM, SIGINT and SIGHUP (the terminal is closed) stop the child, a second one kills it.
    SIGUSR1 and SIGUSR2 are passed on: the child shows its coroutines or its figures.

    Attributes:
        server: The child.
        stop: Set when all is to end.
    """

    server: _DevServer
    stop: threading.Event = attrs.field(factory=threading.Event)
    _stopped_from: float = 0.0
    _to_pass_on: list[int] = attrs.field(factory=list)

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle them while the block runs."""
        handlers = dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), self._end)
        handlers |= dict.fromkeys((signal.SIGUSR1, signal.SIGUSR2), self._note)
        before = {number: signal.signal(number, each) for number, each in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.stop.is_set():
            self._stopped_from = now
            self.stop.set()
        elif now > self._stopped_from + _SAME_SIGNAL:
            self.server.kill()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._to_pass_on.append(number)

    def pass_on(self) -> None:
        """Send the child what has arrived for it."""
        while self._to_pass_on:
            number = signal.Signals(self._to_pass_on.pop(0))
            click.echo(f"photon dev (pid {os.getpid()}): {self.server.describe()}", err=True)
            self.server.send(number)


@attrs.frozen(eq=False)
class _Starter:
    """Starts processes that serve when a message lets them.

    Attributes:
        target: The application, as ``module:attribute``.
        environment: The name of the environment.
        listeners: The sockets that all of them serve.
    """

    target: str
    environment: str
    listeners: list[socket.socket]

    def start(self, preload: Sequence[str] = ()) -> _Child:
        """Start an interpreter that imports ``preload`` and waits."""
        own, other = socket.socketpair()
        descriptors = [other.fileno(), *(listener.fileno() for listener in self.listeners)]
        program = [sys.executable, "-m", "photon_cli._dev_child"]
        with other:
            process = subprocess.Popen(
                [*program, str(os.getpid()), self.target, *map(str, descriptors)],
                pass_fds=descriptors,
                env=os.environ | {"PHOTON_ENV": self.environment},
            )
        child = _Child(process, ParentEnd(own))
        child.link.send(preload=list(preload))
        return child


@attrs.define(eq=False)
class _Child:
    """A process that serves, or waits to serve."""

    process: subprocess.Popen[bytes]
    link: ParentEnd

    def stop(self) -> None:
        """Ask the child to end, and end it if it does not."""
        self.process.terminate()
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            click.echo(f"the application did not end within {_PATIENCE:g} s and is killed")
            self.process.kill()
            self.process.wait()
        self.link.close()

    def discard(self) -> None:
        """End a child that waits."""
        self.process.kill()
        self.process.wait()
        self.link.close()


@attrs.define(eq=False)
class _DevServer:
    """The child that serves, and the one that waits to replace it.

    Attributes:
        starter: Starts them.
        hosts: The hosts that the settings and the command line listen on, by name or address.
        starts: Number of children that have served.
        reread: Folders whose files the application reads again at each request.
        libraries: Folders of the modules that the child that waits has imported.
    """

    starter: _Starter
    hosts: list[str]
    starts: int = 0
    reread: list[Path] = attrs.field(factory=list)
    libraries: list[Path] = attrs.field(factory=list)
    _serving: _Child | None = None
    _waiting: _Child | None = None
    _is_end_known: bool = False

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have a child that serves while the block runs."""
        self._serve(self.starter.start())
        try:
            yield
        finally:
            self._discard()
            if self._serving is not None:
                self._serving.stop()

    def kill(self) -> None:
        """End the child that serves at once; may be called by a signal handler."""
        if self._serving is not None:
            self._serving.process.kill()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the child that serves."""
        if self._serving is not None:
            self._serving.process.send_signal(number)

    def describe(self) -> str:
        """Return which child serves."""
        child = self._serving
        if child is None or child.process.poll() is not None:
            return "no process serves"
        return f"the process that serves has the pid {child.process.pid}"

    def _serve(self, child: _Child) -> None:
        self.starts += 1
        self._is_end_known = False
        self._serving = child
        child.link.send(serve=self.starts, hosts=self.hosts)

    def restart(self, changed: Sequence[Path]) -> None:
        """Replace the child that serves."""
        if any(self._is_preloaded(path) for path in changed):
            self._discard()
        if self._serving is not None:
            self._serving.stop()
        successor, self._waiting = self._waiting, None
        self._serve(successor if successor is not None else self.starter.start())

    def _is_preloaded(self, path: Path) -> bool:
        """Return whether the child that waits may have read a file already."""
        is_setting = path.suffix == ".toml" or is_dotenv(path)
        return is_setting or any(path.is_relative_to(folder) for folder in self.libraries)

    def _discard(self) -> None:
        if self._waiting is not None:
            self._waiting.discard()
            self._waiting = None

    def receive(self) -> None:
        """Take the messages of the child that serves; its first one starts its successor."""
        if self._serving is None:
            return
        for message in self._serving.link.messages():
            self.reread = [Path(folder) for folder in message["reread"]]
            self.libraries = [Path(folder) for folder in message["libraries"]]
            if self._waiting is None:
                self._waiting = self.starter.start(message["preload"])

    def rereads(self, changed: Sequence[Path]) -> bool:
        """Return whether the application reads all of these files at each request."""
        return all(
            path.suffix in ASSETS or any(path.is_relative_to(folder) for folder in self.reread)
            for path in changed
        )

    def reload_pages(self) -> None:
        """Reload the pages of browsers."""
        if self._serving is not None:
            self._serving.link.send(reload=True)

    def report_end(self) -> None:
        """Say, once, that the child has ended by itself."""
        child = self._serving
        if child is None or self._is_end_known or child.process.poll() is None:
            return
        self._is_end_known = True
        click.echo(
            f"the application ended with exit code {child.process.returncode};"
            " it starts again when a file changes"
        )
