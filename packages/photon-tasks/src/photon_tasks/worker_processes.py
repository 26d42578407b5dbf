"""``photon worker``: processes that run jobs, and their supervisor.

Theory of operation. The processes are always supervised, a single one too: a job can end the
process that runs it (a segfault, ``os._exit``, no memory left), and the others have to go on. The
supervisor, `photon_runtime.workers`, replaces a process that has died; the store counts the attempt
and gives the jobs to another one when the lease is over. It gives up only when processes end before
they are ready, and a process is ready before it claims the first job: so no job ends the group.

*Stopping.* After SIGTERM a process claims nothing more, lets its jobs end for ``[tasks]
shutdown_timeout``, and queues the others again. Threads that jobs have begun are waited for, and
exit hooks run; what has not ended before the supervisor would kill the process is named in the log.
SIGHUP replaces the processes one by one.

*Recycling.* A process that has run ``[tasks] max_jobs`` jobs, or uses more than ``max_memory``,
leaves: it claims nothing more and is replaced at once, and its jobs end without a time limit. They
are not cancelled, since a job that is longer than the life of a process would begin for ever.

*Signs of life.* The supervisor does not look for them: a job may compute for minutes, in a loop
that blocks its scheduler, and is to be run once. What it must not do for ever is limited by its
time limit, which needs a wait to take effect, or by running it in a process (``on="process"``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, final

import attrs

import photon_runtime as rt
from photon_runtime.errors import LoadError, PhotonError
from photon_runtime.http import Application, ServerSettings
from photon_runtime.process import limit_end, prepare_process, reporting_failures, stop_event
from photon_runtime.stats import dumping_on_signal, resident_memory, watch_hub
from photon_runtime.workers import supervise

from ._tasks_settings import TasksSettings, without_password
from .current import Tasks, current_tasks
from .errors import NoTasks
from .part import without_worker
from .worker import Worker
from .worker_metrics import metrics_listener, serving_metrics

if TYPE_CHECKING:
    from photon_runtime.http import Handler
    from photon_runtime.project import Project
    from photon_runtime.workers import Link

_log = logging.getLogger("photon.tasks")
_GRACE = 15.0
"""Seconds beyond ``shutdown_timeout`` to record the outcomes, and to stop the application."""
_END_TIME = _GRACE - 3.0
"""Seconds beyond ``shutdown_timeout`` that a process has to end; then the supervisor kills it."""

_INTERVAL = 0.5


@final
@attrs.define(eq=False, kw_only=True)
class WorkerProcesses:
    """One run of ``photon worker``.

    Attributes:
        project: The project.
        target: The application, as ``module:attribute``; ``None`` for the one of the project.
        settings: The section ``[tasks]``, with the options of the command line.
        announce: Shows the line about the worker that has started.
        is_announced: True if the first process was announced; later ones are not.
        listener: Socket at which the metrics are served; ``None`` without them.
    """

    project: Project
    target: str | None
    settings: TasksSettings
    announce: Callable[[str], object]
    is_announced: bool = False
    listener: socket.socket | None = attrs.field(default=None, init=False)

    def run(self) -> int:
        """Run jobs until a stop signal; return the exit code. Blocks: the process."""
        with metrics_listener(self.settings.metrics) as self.listener:
            return supervise(
                self._work,
                count=self.settings.processes,
                shutdown_timeout=self.settings.shutdown_timeout + _GRACE,
                first_ready=self._note_announced,
            )

    def _note_announced(self) -> None:
        self.is_announced = True

    def _work(self, slot: int, link: Link) -> None:
        """Be one of the processes."""
        with reporting_failures():
            application = prepare_process(self.project, self.target)
            try:
                rt.run(self._run_jobs, application, link)
            except PhotonError as error:
                raise LoadError(str(error)) from error
            finally:
                limit_end(self.settings.shutdown_timeout)  # of threads and exit hooks

    def _run_jobs(self, application: Application | Handler, link: Link) -> None:
        with dumping_on_signal(), stop_event() as stop, started_tasks(self.project, application):
            tasks = self._checked(current_tasks())
            worker = Worker(
                tasks, queues=self.settings.queues, concurrency=self.settings.concurrency
            )
            tasks.when_delivered(worker.wake)
            if not self.is_announced:
                self._announce(tasks)
            link()
            watch_hub(threshold=self.project.settings.read(ServerSettings).block_threshold)
            with serving_metrics(self.listener, tasks), rt.scope() as helpers:
                helpers.spawn(self._stop, worker, stop)
                helpers.spawn(self._recycle, worker, link)
                try:
                    worker.run()
                finally:
                    helpers.cancel()

    # -- what is checked and said at start --------------------------------------------------------

    def _checked(self, tasks: Tasks) -> Tasks:
        if tasks.mode == "inline":
            raise LoadError(
                f"[tasks] mode is inline in the environment {tasks.environment}: the calls that "
                "enqueue jobs run them, and a worker would have nothing to do; set "
                'mode = "queue", or choose another environment by -e'
            )
        if not tasks.registry:
            raise LoadError(NOTHING_TO_RUN)
        known = {each.queue for each in tasks.registry}
        if unknown := sorted(set(self.settings.queues) - known):
            _log.warning(
                "no task of the application has the queue %s: its queues are %s",
                ", ".join(unknown),
                ", ".join(sorted(known)),
            )
        return tasks

    def _announce(self, tasks: Tasks) -> None:
        settings = self.settings
        count = settings.processes
        self.announce(
            f"{self.project.name} runs jobs ({self.project.environment}): "
            f"queues {', '.join(settings.queues) or 'all'}; store {store_address(tasks)}; "
            f"{settings.concurrency} jobs at a time in {count} "
            f"process{'es' if count > 1 else ''}; pid {os.getppid()}"
        )

    def _stop(self, worker: Worker, stop: rt.Event) -> None:
        stop.wait()
        limit_end(self.settings.shutdown_timeout + _END_TIME)
        worker.stop()

    # -- recycling --------------------------------------------------------------------------------

    def _recycle(self, worker: Worker, link: Link) -> None:
        while (reason := self._over_limit(worker)) is None:
            rt.sleep(_INTERVAL)
        _log.info("this process (pid %d) %s: it is replaced", os.getpid(), reason)
        worker.drain()
        link.leave()

    def _over_limit(self, worker: Worker) -> str | None:
        settings = self.settings
        if not worker.started:
            return None  # a limit below what the application needs must not stop all work
        if settings.max_jobs and worker.started >= settings.max_jobs:
            return f"has run {worker.started} jobs"
        if settings.max_memory and (used := resident_memory()) > settings.max_memory:
            return f"uses {used} bytes of memory, more than max_memory = {settings.max_memory}"
        return None


@contextlib.contextmanager
def started_tasks(project: Project, application: Application | Handler) -> Iterator[Tasks]:
    """Start an application without a worker, and yield its tasks.

    Raises:
        PhotonError: It cannot be started, or has no tasks.

    Blocks: the calling task, at the beginning and at the end.
    """
    if not isinstance(application, Application):
        raise LoadError(NOTHING_TO_RUN)
    with without_worker(), application.start(development=project.is_development):
        try:
            tasks = current_tasks()
        except NoTasks:
            raise LoadError(NOTHING_TO_RUN) from None
        yield tasks


def store_address(tasks: Tasks) -> str:
    """Return where the jobs are, for people: without a password."""
    url = tasks.settings.url
    return without_password(url) if url else f"{tasks.store.name}, the application's database"


NOTHING_TO_RUN = (
    "the application has no tasks: it finds functions with @task in its own package, and in the "
    "modules of [tasks] modules"
)
