"""The child of ``photon dev``: serves the application, or the error that prevents its start.

It is a program: ``python -m photon_cli._dev_child PARENT TARGET LINK DESCRIPTOR...``, with the
parent's process id, the application, and the descriptors of the connection to the parent
(`photon_cli._dev_link`) and of the listening sockets. The environment is in ``PHOTON_ENV``; the
project is found from the current folder. It waits until the parent lets it serve.
"""

from __future__ import annotations

import _thread
import contextlib
import importlib
import os
import re
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from photon_runtime import Socket, spawn
from photon_runtime.errors import PhotonError
from photon_runtime.http import Application, ServerSettings, adopt, serve
from photon_runtime.logs import flush_logs
from photon_runtime.parts import RereadingPart
from photon_runtime.process import (
    end_process,
    patch_as_configured,
    prepare_process,
    show_on_signals,
)
from photon_runtime.project import Project, installed_sections
from photon_runtime.tracebacks import readable
from photon_runtime.workers import end_with_parent

from ._dev_link import encoded, read_message
from ._dev_settings import DevSettings
from ._development import DevelopmentHandler, FailedStart, secrets_of_settings
from ._error_report import ErrorReport, report_error
from ._page_reload import PageReload
from ._serving import announcement, server_settings
from ._tool_access import AllowedHosts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from photon_runtime.http import Handler

_PATIENCE = 1.0
"""Seconds that running requests have to end: the developer waits for the new code."""

_GRACE = 0.1
"""Seconds that an idle connection has for a last request; one just accepted has sent none yet."""

_ORPHAN_PATIENCE = 3.0
"""Seconds that the child has to end after its parent, as it has if the parent stops it."""

_PHOTON = re.compile(r"photon(_\w+)?(\..+)?")


def main(parent: int, target: str, link: int, descriptors: list[int]) -> None:
    """Wait for the parent, then serve until a stop signal.

    Args:
        parent: The process id of the parent; this process ends with it.
        target: The application, as ``module:attribute``.
        link: The connection to the parent.
        descriptors: The listening sockets.
    """
    show_on_signals()
    end_with_parent()
    if os.getppid() != parent:
        return
    _end_when_closed(os.dup(link))
    preload = read_message(link)
    if preload is not None and preload["preload"]:
        _preload(preload["preload"])
    order = read_message(link)
    if order is None:
        return
    listeners = [adopt(descriptor) for descriptor in descriptors]
    project = Project.here(environment=os.environ["PHOTON_ENV"])
    addresses = [listener.getsockname() for listener in listeners]
    child = _Child(project, target, Socket(fileno=link), addresses, order["hosts"])
    settings = child.load()

    def ready() -> None:
        if order["serve"] == 1:
            announcement(
                project,
                child.application,
                addresses=addresses,
                is_secure=settings.tls_certificate is not None,
                note="reloading",
            )()
        elif not child.has_failed:
            click.echo("restarted")
        child.report_ready()

    patience = min(settings.shutdown_timeout, _PATIENCE)
    grace = min(settings.idle_grace, _GRACE)
    settings = attrs.evolve(settings, shutdown_timeout=patience, idle_grace=grace)
    serve(
        child,
        sockets=listeners,
        settings=settings,
        development=project.is_development,
        ready=ready,
        is_supervised=True,
    )
    end_process()  # without the time that the interpreter needs to clear all modules


def _end_when_closed(link: int) -> None:
    """End this process some time after its parent, also if a task of the application never waits.

    The signal that the kernel sends then is handled by the hub, which such a task keeps from
    running. A thread of the interpreter still runs. It is started before the patch, on purpose, and
    not by `threading`, whose threads the patch would report as late.
    """
    poll, sleep = select.poll(), time.sleep
    poll.register(link, 0)  # only the end of the connection

    def wait() -> None:
        poll.poll()
        sleep(_ORPHAN_PATIENCE)
        with contextlib.suppress(Exception):
            flush_logs()
        os._exit(1)

    _thread.start_new_thread(wait, ())


def _preload(names: Sequence[str]) -> None:
    """Patch the standard library, then import modules of Photon; what fails will fail again."""
    project = Project.here(environment=os.environ["PHOTON_ENV"])
    with contextlib.suppress(PhotonError):
        patch_as_configured(project)
        for name in names:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


@attrs.define
class _Child:
    """The application, or the reason why it does not start.

    Attributes:
        addresses: The addresses of the listening sockets.
        names: The hosts of the settings and the command line, which were resolved to these.
        application: The application, ``None`` while it cannot be loaded.
        has_failed: True if the application cannot be loaded or started.
        pages: Reloads pages; ``None`` outside of development.
        hosts: The names under which the tools of development are served.
    """

    project: Project
    target: str
    link: Socket
    addresses: list[object]
    names: list[str]
    application: Application | Handler | None = None
    has_failed: bool = False
    pages: PageReload | None = None
    hosts: AllowedHosts = attrs.field(factory=AllowedHosts)
    _report: ErrorReport | None = None

    def load(self) -> ServerSettings:
        """Load settings and application; return the settings, the defaults if they are invalid."""
        settings = ServerSettings()
        self.hosts = AllowedHosts.of(self.addresses, self.names)
        if self.project.is_development:
            self.pages = PageReload()
        try:
            self.project.check_settings()
            settings = server_settings(self.project)
            tools = self.project.settings.read(DevSettings)
            if not tools.page_reload:
                self.pages = None
            self.hosts = AllowedHosts.of(self.addresses, [*self.names, *tools.allowed_hosts])
            self.application = prepare_process(self.project, self.target)
        except (Exception, SystemExit) as error:
            self._fail(error)
        return settings

    @contextlib.contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        """Start the application; see `photon_runtime.http.Application`."""
        follower = spawn(self._follow_parent)
        with contextlib.ExitStack() as stack:
            stack.callback(follower.cancel)
            handler: Handler = FailedStart(None, self.pages, self.hosts)
            try:
                if not self.has_failed:
                    handler = self._handler(stack, development=development)
            except (Exception, SystemExit) as error:
                self._fail(error)
            if self.has_failed:
                handler = FailedStart(self._report, self.pages, self.hosts)
            yield handler

    def _handler(self, stack: contextlib.ExitStack, *, development: bool) -> Handler:
        application = self.application
        assert application is not None
        handler = (
            stack.enter_context(application.start(development=development))
            if isinstance(application, Application)
            else application
        )
        if not self.project.is_development:
            return handler
        return DevelopmentHandler(handler, self._root, self._secrets(), self.pages, self.hosts)

    @property
    def _root(self) -> Path:
        return self.project.root or self.project.directory

    def _secrets(self) -> frozenset[str]:
        """Return the secrets of the settings; none if they are invalid."""
        try:
            entries = self.project.settings.entries(installed_sections())
        except PhotonError:
            return frozenset()
        return frozenset(secrets_of_settings((each.value, each.is_secret) for each in entries))

    def _fail(self, error: BaseException) -> None:
        self.has_failed = True
        reason = _reason(error)
        click.echo(reason.rstrip("\n"), err=True)
        click.echo("every page shows this until a file changes", err=True)
        if self.project.is_development:
            self._report = _start_report(error, reason, self._root, self._secrets())

    def _follow_parent(self) -> None:
        """Reload pages when the parent says so."""
        while piece := self.link.recv(4096):
            if b"reload" in piece and self.pages is not None:
                self.pages.reload()

    def report_ready(self) -> None:
        """Report to the parent what the successor may import, and what needs no successor."""
        names = [name for name in list(sys.modules) if _PHOTON.fullmatch(name)]
        modules = [sys.modules[name] for name in names if "." not in name]
        folders = [folder for each in modules for folder in getattr(each, "__path__", ())]
        with contextlib.suppress(OSError):
            self.link.sendall(
                encoded(
                    {
                        "preload": [name for name in names if "._dev" not in name],
                        "libraries": folders,
                        "reread": [str(folder) for folder in self._reread_folders()],
                    }
                )
            )

    def _reread_folders(self) -> Iterator[Path]:
        if not self.project.is_development or self.has_failed:
            return
        for part in getattr(self.application, "parts", ()):
            if isinstance(part, RereadingPart):
                yield from (Path(folder).resolve() for folder in part.reread_folders)


def _start_report(
    error: BaseException, reason: str, root: Path, secrets: frozenset[str]
) -> ErrorReport:
    """Return the report of an error at the start; for a Photon error, its message."""
    if isinstance(error, PhotonError | click.ClickException):
        from photon_runtime.redaction import redact

        cause = error.__cause__
        if isinstance(cause, Exception) and not isinstance(cause, PhotonError):
            return report_error(cause, root=root, secrets=secrets)
        return ErrorReport(redact(reason, secrets))
    return report_error(error, root=root, secrets=secrets)


def _reason(error: BaseException) -> str:
    """Return why the application does not start; for a Photon error, its message."""
    if isinstance(error, PhotonError):
        return str(error)
    if isinstance(error, click.ClickException):
        return error.format_message()
    return readable(error)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C before the server takes the signal
        number, name, *words = sys.argv[1:]
        own, *others = map(int, words)
        main(int(number), name, own, others)
