"""`TasksPart`: the tasks of an application.

`photon.Photon` adds it by itself when the application defines tasks, and passes its databases; add
one for options of your own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import photon_runtime as rt
from photon_runtime.parts import Host

from ._tasks_settings import TasksSettings
from .current import Tasks
from .errors import StoreRefused, StoreUnavailable
from .job import JobMiddleware
from .registry import Registry, find_tasks
from .stores import DatabaseSource, JobStore, opened_store
from .worker import Worker, run_due

if TYPE_CHECKING:
    from .task import Task

_log = logging.getLogger("photon.tasks")
_OPEN_INTERVAL = 2.0


class TasksPart:
    """The tasks of an application: their store, and in the mode ``in_process`` their worker.

    Args:
        tasks: Tasks besides those that are found in the modules of the application; see
            `photon_tasks.registry`.
        middleware: Wraps the calls of tasks, the outermost first.
        owner: Returns whom the jobs belong to that are enqueued in the current context, as a text;
            see `photon_tasks.routes`.
        home: Name of the module whose package is searched for tasks; `photon.Photon` sets it.
        databases: Makes engines, from the host of the application; `photon.Photon` sets it.
        is_automatic: True for a part that does nothing for an application without tasks.
    """

    settings = TasksSettings

    def __init__(
        self,
        *,
        tasks: Sequence[Task[..., Any]] = (),
        middleware: Sequence[JobMiddleware] = (),
        owner: Callable[[], str] = str,
        home: str | None = None,
        databases: Callable[[Host], DatabaseSource] | None = None,
        is_automatic: bool = False,
    ) -> None:
        """Note the options."""
        self._tasks = tuple(tasks)
        self._middleware = tuple(middleware)
        self._owner = owner
        self.home = home
        self.databases = databases
        self._is_automatic = is_automatic

    def install(self, host: Host, settings: TasksSettings) -> None:
        """Register the life of the tasks.

        Raises:
            TaskDefinitionError: Two tasks have the same name.
        """
        running: list[Worker] = []
        host.lifespan(lambda: self._life(host, settings, running))
        host.on_drain(lambda: _stop(running))

    def find(self, settings: TasksSettings) -> Registry:
        """Return the tasks of the application.

        Raises:
            TaskDefinitionError: Two tasks have the same name, or a module cannot be found.
        """
        registry = find_tasks(self.home, settings.modules)
        for each in self._tasks:
            registry.add(each)
        return registry

    @contextmanager
    def _life(self, host: Host, settings: TasksSettings, running: list[Worker]) -> Iterator[None]:
        registry = self.find(settings)
        if self._is_automatic and not registry:
            yield
            return
        if self.databases is None:
            raise StoreRefused(
                "the application does not pass its databases to TasksPart: use photon.Photon, or "
                "set TasksPart(databases=...)"
            )
        source = self.databases(host)
        with opened_store(settings, source) as store:
            tasks = Tasks(
                settings,
                store,
                registry,
                host.meter,
                open_store=lambda: opened_store(settings, source, is_shared=False),
                mode=settings.mode_in(host.environment),
                environment=host.environment,
            )
            tasks.owner = self._owner
            tasks.middleware = self._middleware
            opening = _open(store, settings.enqueue_timeout)
            with _relayed(tasks, source), tasks.current(), _worked(tasks, running):
                yield
            opening.cancel()


@contextmanager
def _relayed(tasks: Tasks, source: DatabaseSource) -> Iterator[None]:
    """Relay jobs from the databases that the store cannot join, during the block."""
    engines = source.engines()
    others = {name: each for name, each in engines.items() if not tasks.store.joins(each)}
    if not others:
        yield
        return
    from .outbox import Outbox

    settings = tasks.settings
    tasks.deliveries.outbox = outbox = Outbox(
        others,
        tasks.store,
        tasks.meter,
        interval=settings.poll_interval,
        timeout=settings.enqueue_timeout,
    )
    with outbox.running():
        yield


def _open(store: JobStore, timeout: float) -> rt.Task[None]:
    """Open a store, later if it does not respond now: an application starts without it, too."""
    try:
        with rt.deadline(timeout):
            store.open()
    except (StoreUnavailable, rt.DeadlineExceeded) as error:
        _log.error(
            "the store of jobs does not respond, and is opened as soon as it does: %s", error
        )
        return rt.spawn(_open_later, store, timeout)
    return rt.spawn(_nothing)


def _open_later(store: JobStore, timeout: float) -> None:
    is_open = False
    while not is_open:
        rt.sleep(_OPEN_INTERVAL)
        with suppress(StoreUnavailable, rt.DeadlineExceeded), rt.deadline(timeout):
            store.open()
            is_open = True
    _log.info("the store of jobs responds")


def _nothing() -> None:
    """Do nothing."""


def _stop(workers: Sequence[Worker]) -> None:
    for each in workers:
        each.stop()


@contextmanager
def _worked(tasks: Tasks, running: list[Worker]) -> Iterator[None]:
    """Run jobs as the mode says, during the block."""
    if tasks.mode == "inline":
        tasks.when_delivered(lambda: run_due(tasks))
    if tasks.mode != "in_process" or _HAS_OWN_WORKER.get():
        yield
        return
    worker = Worker(tasks, queues=tasks.settings.queues)
    tasks.when_delivered(worker.wake)
    task = rt.spawn(worker.run)
    running.append(worker)
    try:
        yield
    finally:
        running.remove(worker)
        worker.stop()
        with rt.shield():
            task.join()


@contextmanager
def without_worker() -> Iterator[None]:
    """Let applications that start in the block run no worker: the block runs one of its own."""
    token = _HAS_OWN_WORKER.set(True)
    try:
        yield
    finally:
        _HAS_OWN_WORKER.reset(token)


_HAS_OWN_WORKER: ContextVar[bool] = ContextVar("photon_own_worker", default=False)
