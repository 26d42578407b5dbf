"""Preparation of a process that serves or works: the same for the commands of every package.

A command that serves, or processes jobs, takes four steps, here with two processes::

    @click.command("my-worker")
    @click.pass_obj
    def my_worker(project: Project) -> None:
        '''Work.'''
        project = project.defaulting_to("production")
        project.check_settings()                         # report all errors before the fork
        log_as_configured(project)                       # also what the supervisor says

        def work(slot: int, link: Link) -> None:         # in each process
            with reporting_failures():
                application = prepare_process(project)   # limits, logs, patch, then the import
                run(work_off, application, link)

        sys.exit(supervise(work, count=2))

and ``work_off``, in its coroutine, does its work until it is stopped::

    def work_off(application: Application | Handler, link: Link) -> None:
        with stop_event() as stop, signs_of_life(link):
            link()                                       # ready
            stop.wait()

The order matters. Limits and logs come first, because the later steps use them. The standard
library is patched before the application is imported: names that the application has imported from
it would keep the originals. And all of this happens after the fork, so that processes do not share
files that they opened. The supervisor, `photon_runtime.workers`, knows neither sockets nor
applications.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import sys
from typing import TYPE_CHECKING

from ._end_limit import limit_end as limit_end
from ._hub import current_hub
from ._inspection_signals import show_by_signals
from ._pooled_greenlet import current_task, running_task
from ._process_end import end_process as end_process
from ._process_end import finish_process as finish_process
from ._run import sleep
from ._runtime_settings import RuntimeSettings
from ._scope import scope
from ._stop_signals import stop_signals as stop_signals
from ._sync import Event
from .errors import LoadError
from .logs import LogSettings, configure_logging
from .tracebacks import readable
from .workers import CANNOT_LOAD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from .http import Application, Handler
    from .project import Project
    from .workers import Link

_INTERVAL = 1.0
"""Seconds between two signs of life."""


def prepare_process(
    project: Project, target: str | None = None, *, development: bool | None = None
) -> Application | Handler:
    """Prepare this process for an application, and import the application.

    Raises the limit of open descriptors to the hard limit and, as configured in the project, logs
    to standard error (``[log]``) and patches the standard library (``[runtime] patch``).

    Args:
        project: Project of the command.
        target: Application, as ``module:attribute``; by default the one of ``photon.toml``.
        development: True if a person reads the logs; by default, in the environment
            ``development``.

    Returns:
        The application, which is not started.

    Raises:
        LoadError: The application cannot be loaded.
        SettingsError: A settings file or a section is invalid.

    Blocks: while the modules of the application are imported.
    """
    raise_descriptor_limit()
    log_as_configured(project, development=development)
    patch_as_configured(project)
    return project.load_app(target)


def patch_as_configured(project: Project) -> None:
    """Patch the standard library, and send calls to threads, as the section ``[runtime]`` says.

    Call it before anything of the application is imported.

    Args:
        project: Project of the command.

    Raises:
        SettingsError: A settings file or the section is invalid.
    """
    settings = project.settings.read(RuntimeSettings)
    if settings.threads:
        from .patch import send_to_threads

        send_to_threads(settings.threads)
    if settings.patch:
        from .patch import patch_stdlib

        patch_stdlib()


def log_as_configured(project: Project, *, development: bool | None = None) -> None:
    """Log to standard error as the section ``[log]`` says; for a supervisor, before the fork.

    Args:
        project: Project of the command.
        development: True if a person reads the logs; by default, in the environment
            ``development``.

    Raises:
        SettingsError: A settings file or the section is invalid.
    """
    if development is None:
        development = project.is_development
    configure_logging(project.settings.read(LogSettings), development=development)


def show_on_signals() -> None:
    """Let SIGUSR1 print the stack of this process and SIGUSR2 log its CPU time and memory.

    The workers of a supervisor do so from their fork on, and a process that serves shows more: its
    coroutines. Call it in the main thread of other processes of a service, at the beginning:
    otherwise the signals end them.
    """
    show_by_signals()


def raise_descriptor_limit() -> None:
    """Allow this process as many open descriptors as the operating system permits.

    The usual soft limit of 1,024, which protects programs that use select(), would be the limit
    of open connections; the hard limit is set by the administrator and is not changed.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # where "unlimited" is not available
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def reporting_failures() -> Iterator[None]:
    """End the process with a message for the operator when the block fails.

    Raises:
        SystemExit: The block raised an exception. After a `LoadError` the code is ``CANNOT_LOAD``,
            which keeps the supervisor from trying again; otherwise 1, after the traceback.
    """
    try:
        yield
    except LoadError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(CANNOT_LOAD)
    except Exception as error:
        print(readable(error), file=sys.stderr, end="")
        sys.exit(1)


@contextlib.contextmanager
def stop_event() -> Iterator[Event]:
    """Yield an event that SIGTERM or SIGINT sets while the block runs.

    Use it inside of `photon_runtime.run`, in the main thread. The supervisor sends SIGTERM to
    workers that it stops or replaces, and SIGKILL after its ``shutdown_timeout``.
    """
    hub = current_hub()
    event = Event()
    with stop_signals(lambda _: hub.post(event.set)):
        yield event


@contextlib.contextmanager
def keyboard_interrupts() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` in the calling task on Ctrl-C while the block runs.

    It interrupts code of the task and its waits, and no other task. Python's own handler would
    raise it in whatever runs, and in the hub while all tasks wait. For consoles; use it inside of
    `photon_runtime.run`, in the main thread.
    """
    hub, task = current_hub(), current_task()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if running_task() is task:
            raise KeyboardInterrupt
        hub.post(deliver)

    def deliver() -> None:
        if not task.interrupt(KeyboardInterrupt()) and not task.done:
            hub.post(deliver)  # it is about to run: at its next wait

    before = signal.signal(signal.SIGINT, interrupt)
    # Whatever reads lines may have replaced it, as the event loops of asyncio do.
    waker = signal.set_wakeup_fd(hub.poller.waker.wakeup_fd, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def signs_of_life(link: Link) -> Iterator[None]:
    """Report to the supervisor once a second that this process is alive, while the block runs.

    A coroutine sends the reports, so they stop when the scheduler is blocked; with a
    ``worker_timeout`` the supervisor then replaces the process.

    Args:
        link: Link that the supervisor passes to its workers.
    """

    def beat() -> None:
        while True:
            link.beat()
            sleep(_INTERVAL)

    with scope() as life:
        life.spawn(beat)
        try:
            yield
        finally:
            life.cancel()
