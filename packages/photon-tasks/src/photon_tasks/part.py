"""`TasksPart`: the tasks of an application.

`photon.Photon` adds it by itself when the application defines tasks, and passes its databases; add
one for options of your own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import attrs

import photon_runtime as rt
from photon_runtime.http import HttpError, Request, Response, ServerSettings, problem_response
from photon_runtime.observability import Tracer
from photon_runtime.parts import Finding, Host, is_under_inspection, is_under_test

from ._clock import MovableClock
from ._health import TasksHealth
from ._tasks_settings import TasksSettings
from .background import Background
from .calls import check_provided
from .checks import check_jobs
from .current import Tasks, current_tasks
from .errors import NoTasks, Overloaded, StoreRefused, StoreUnavailable
from .job import JobMiddleware
from .observability import DepthReader
from .registry import Registry, find_tasks
from .routes import READ_JOB
from .stores import DatabaseSource, JobStore, opened_store
from .worker import InlineJobs, Worker

if TYPE_CHECKING:
    from dramatiq.middleware import Middleware as DramatiqMiddleware

    from .task import Task

_log = logging.getLogger("photon.tasks")
_OPEN_INTERVAL = 2.0

_PATIENCE_IN_DEVELOPMENT = 1.0
"""Seconds that jobs have to end: `photon dev` kills what is not over within three. Jobs that it
kills would wait for the end of their lease, and lose an attempt with each change of a file."""


class TasksPart:
    """The tasks of an application: their store, and in the mode ``in_process`` their worker.

    Args:
        tasks: Tasks besides those that are found in the modules of the application; see
            `photon_tasks.registry`.
        middleware: Wraps the calls of tasks, the outermost first: functions of a job and its call,
            or middleware of dramatiq.
        owner: Returns whom the jobs belong to that are enqueued in the current context, as a text;
            see `photon_tasks.routes`.
        home: Name of the module whose package is searched for tasks; `photon.Photon` sets it.
        databases: Makes engines, from the host of the application; `photon.Photon` sets it.
        tracer: Returns the tracer of the application; `photon.Photon` sets it.
        is_automatic: True for a part that does nothing for an application without tasks.

    Attributes:
        built_in: Tasks of Photon itself, such as the one that delivers mails; `photon.Photon` sets
            them.
    """

    settings = TasksSettings

    def __init__(
        self,
        *,
        tasks: Sequence[Task[..., Any]] = (),
        middleware: Sequence[JobMiddleware | DramatiqMiddleware] = (),
        owner: Callable[[], str] = str,
        home: str | None = None,
        databases: Callable[[Host], DatabaseSource] | None = None,
        tracer: Callable[[], Tracer | None] | None = None,
        is_automatic: bool = False,
    ) -> None:
        """Note the options."""
        self._tasks = tuple(tasks)
        self.built_in: tuple[Task[..., Any], ...] = ()
        self._middleware = tuple(middleware)
        self._owner = owner
        self.home = home
        self.databases = databases
        self.tracer = tracer
        self._is_automatic = is_automatic

    def install(self, host: Host, settings: TasksSettings) -> None:
        """Register the life of the tasks.

        Raises:
            TaskDefinitionError: Two tasks have the same name.
        """
        running: dict[Worker, rt.Task[None]] = {}
        health = TasksHealth()
        background = Background(settings.max_background, settings.shutdown_timeout, host.meter)
        host.lifespan(background.current)
        host.on_end(background.drain)
        host.lifespan(lambda: self._life(host, settings, running, health))
        host.on_drain(lambda: _stop(running))
        host.on_end(lambda: _end(running))  # jobs use provided values, and may begin such work
        host.error_handler(StoreUnavailable, Overloaded)(_unavailable)
        if host.development and settings.page:
            from .page import add_pages  # of development only

            add_pages(host, settings)

    def find(self, settings: TasksSettings) -> Registry:
        """Return the tasks of the application.

        Raises:
            TaskDefinitionError: Two tasks have the same name, or a module cannot be found.
        """
        registry = find_tasks(self.home, settings.modules)
        for each in (*self._tasks, *self.built_in):
            registry.add(each)
        return registry

    def findings(self, application: Any) -> Iterator[Finding]:
        """Check the jobs, for ``photon doctor``. Blocks: the calling task."""
        try:
            tasks = current_tasks()
        except NoTasks:
            return
        serving = application.read_settings(ServerSettings)
        yield from check_jobs(tasks, processes=serving.workers)

    @contextmanager
    def _life(
        self,
        host: Host,
        settings: TasksSettings,
        running: dict[Worker, rt.Task[None]],
        health: TasksHealth,
    ) -> Iterator[None]:
        registry = self.find(settings)
        if self._is_automatic and not registry:
            yield
            return
        if self.databases is None:
            raise StoreRefused(
                "the application does not pass its databases to TasksPart: use photon.Photon, or "
                "set TasksPart(databases=...)"
            )
        with (
            closing(self.databases(host)) as source,
            self._in_store(host, settings, source, registry, running, health),
        ):
            yield

    @contextmanager
    def _in_store(  # noqa: PLR0917 - what a start has made so far
        self,
        host: Host,
        settings: TasksSettings,
        source: DatabaseSource,
        registry: Registry,
        running: dict[Worker, rt.Task[None]],
        health: TasksHealth,
    ) -> Iterator[None]:
        mode = settings.mode_in(environment_of(host))
        clock: MovableClock | None = None
        if mode == "inline":
            clock = MovableClock()
            settings = _in_the_database(settings, source)
        with opened_store(settings, source, clock=clock) as store:
            tasks = Tasks(
                settings,
                store,
                registry,
                host.meter,
                open_store=lambda: opened_store(settings, source, is_shared=False),
                mode=mode,
                environment=environment_of(host),
            )
            if clock is not None:
                tasks.clock = clock
            tasks.owner = self._owner
            tasks.middleware = tuple(_job_middleware(each) for each in self._middleware)
            tasks.job_url = partial(_job_url, host)
            tasks.development = host.development
            tasks.provided = host.provided
            check_provided(tasks)
            tasks.tracer = None if self.tracer is None else self.tracer()
            host.readiness.add("tasks", health.check)
            health.store_awaited()
            with (
                _opened(store, settings.enqueue_timeout, health),
                _measured(tasks, host),
                _relayed(tasks, source),
                tasks.current(),
                _worked(tasks, running, health),
            ):
                yield


def environment_of(host: Host) -> str:
    """Return the environment of an application; ``test`` for one without settings in a test."""
    return host.environment or ("test" if is_under_test() else "")


def _job_middleware(middleware: JobMiddleware | DramatiqMiddleware) -> JobMiddleware:
    if not hasattr(middleware, "before_process_message"):
        return middleware
    from .actors import as_job_middleware

    return as_job_middleware(cast("DramatiqMiddleware", middleware))


def _in_the_database(settings: TasksSettings, source: DatabaseSource) -> TasksSettings:
    """Return settings without a server of jobs: tests use the database, or memory."""
    is_possible = source.engine().dialect.name in ("sqlite", "postgresql")
    return attrs.evolve(settings, url="" if is_possible else "sqlite://")


@contextmanager
def _measured(tasks: Tasks, host: Host) -> Iterator[None]:
    """Read the number of jobs in the store now and then, if the metrics are shown."""
    if not host.meter.is_exposed or _HAS_OWN_WORKER.get():
        yield
        return
    reader = DepthReader(tasks.store, tasks.observer, leads=lambda: host.meter.leads("photon-jobs"))
    reading = rt.spawn(reader.run)
    try:
        yield
    finally:
        _cancel(reading)


@contextmanager
def _relayed(tasks: Tasks, source: DatabaseSource) -> Iterator[None]:
    """Relay jobs from the databases that the store cannot join, during the block."""
    if tasks.mode == "inline":
        tasks.deliveries.is_deferred = True
        yield
        return
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


@contextmanager
def _opened(store: JobStore, timeout: float, health: TasksHealth) -> Iterator[None]:
    """Open a store, later if it does not respond now: an application starts without it, too."""
    opening: rt.Task[None] | None = None
    try:
        with rt.deadline(timeout):
            store.open()
        health.store_opened()
    except (StoreUnavailable, rt.DeadlineExceeded) as error:
        _log.error(
            "the store of jobs does not respond, and is opened as soon as it does: %s", error
        )
        opening = rt.spawn(_open_later, store, timeout, health)
    try:
        yield
    finally:
        if opening is not None:
            _cancel(opening)


def _cancel(task: rt.Task[None]) -> None:
    """Cancel a task, and wait for its end: what it uses is closed next."""
    task.cancel()
    with rt.shield():
        task.join()


def _open_later(store: JobStore, timeout: float, health: TasksHealth) -> None:
    is_open = False
    while not is_open:
        rt.sleep(_OPEN_INTERVAL)
        with suppress(StoreUnavailable, rt.DeadlineExceeded), rt.deadline(timeout):
            store.open()
            is_open = True
    health.store_opened()
    _log.info("the store of jobs responds")


def _job_url(host: Host, job: str) -> str | None:
    try:
        return host.url_for(READ_JOB, job_id=job)
    except LookupError:
        return None


def _unavailable(request: Request, error: BaseException) -> Response:
    """Return 503: jobs cannot be enqueued or read now."""
    _log.error("%s %s: %s", request.method, request.raw_path, error)
    return problem_response(
        HttpError(503, "jobs are unavailable, try again later", headers={"retry-after": "5"})
    )


def _stop(workers: Iterable[Worker]) -> None:
    for each in workers:
        each.stop()


def _end(running: Mapping[Worker, rt.Task[None]]) -> None:
    """Stop workers, and wait until they have ended."""
    _stop(running)
    for task in running.values():
        with rt.shield():
            task.join()


@contextmanager
def _worked(
    tasks: Tasks, running: dict[Worker, rt.Task[None]], health: TasksHealth
) -> Iterator[None]:
    """Run jobs as the mode says, during the block."""
    if isinstance(tasks.clock, MovableClock):
        tasks.inline = InlineJobs(tasks, tasks.clock)
        tasks.when_delivered(tasks.inline.delivered)
    if tasks.mode != "in_process" or _HAS_OWN_WORKER.get() or is_under_inspection():
        yield
        return
    patience = tasks.settings.shutdown_timeout
    if tasks.development:
        patience = min(patience, _PATIENCE_IN_DEVELOPMENT)
    worker = Worker(tasks, queues=tasks.settings.queues, patience=patience)
    tasks.when_delivered(worker.wake)
    task = rt.spawn(worker.run)
    running[worker] = task
    health.worker_started(task)
    try:
        yield
    finally:
        _end(running)
        del running[worker]


@contextmanager
def without_worker() -> Iterator[None]:
    """Let applications that start in the block run no worker: the block runs one of its own."""
    token = _HAS_OWN_WORKER.set(True)
    try:
        yield
    finally:
        _HAS_OWN_WORKER.reset(token)


_HAS_OWN_WORKER: ContextVar[bool] = ContextVar("photon_own_worker", default=False)
