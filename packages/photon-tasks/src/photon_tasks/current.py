"""`Tasks`: the tasks of a running application, and how code finds them.

Theory of operation. The part makes one `Tasks` for each start of an application, and a lifespan
notes it in a context variable. Every request, every job and every task that they spawn begins with
the context of their application, so code finds the tasks of the application that it belongs to,
and two applications in one process never meet.

`Tasks.deliver` is the only way into a store; see `photon_tasks.delivery`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import photon_runtime as rt
from photon_runtime.errors import SignatureError
from photon_runtime.observability import Meter, Tracer
from photon_runtime.unattended import note_error

from ._identifiers import JobIds
from ._tasks_settings import TasksSettings
from .delivery import Deliveries
from .errors import NoTasks, StoreUnavailable
from .observability import JobMetrics, JobObserver, current_origin
from .records import Delivery, Enqueued

if TYPE_CHECKING:
    from .job import JobMiddleware
    from .registry import Registry
    from .stores import JobStore


class InlineRunner(Protocol):
    """Runs jobs in the calling task; see `photon_tasks.worker.InlineJobs`."""

    def run(self, seconds: float = 0.0) -> int:
        """Run what is due, or becomes due in that time. Blocks: as the jobs do."""
        ...

    def held(self) -> AbstractContextManager[None]:
        """Let enqueueing run nothing during the block."""
        ...


class Tasks:
    """The tasks of a running application.

    Args:
        settings: The section ``[tasks]``.
        store: Where jobs are.
        registry: The tasks of the application by name.
        meter: Makes its metrics.
        open_store: Returns a further store, for another hub.
        mode: Who runs jobs, see `TasksSettings.mode`.
        environment: Name of the environment.

    Attributes:
        settings: The section ``[tasks]``.
        store: Where jobs are.
        registry: The tasks of the application by name.
        meter: Makes its metrics.
        open_store: Returns a further store, for another hub.
        mode: Who runs jobs.
        environment: Name of the environment.
        ids: Makes the ids of jobs.
        deliveries: Takes jobs to the store, as part of the transaction that is open.
        provided: Returns what makes values of provided classes for a job; `Host.provided`.
        made: What it has returned, by task.
        middleware: Wraps the calls of tasks, the outermost first.
        owner: Returns whom the jobs belong to that are enqueued in the current context.
        clock: Returns the time in seconds since the epoch, for the sleeps of jobs.
        inline: Runs the jobs in the mode ``inline``; ``None`` in all others.
        observer: Receives reports about jobs.
        tracer: Makes the spans of attempts; ``None`` without tracing.
        job_url: Returns the URL of a job by its id; ``None`` if the application has no such route.
        development: True in development mode, which shows details that production must not.
    """

    def __init__(
        self,
        settings: TasksSettings,
        store: JobStore,
        registry: Registry,
        meter: Meter,
        *,
        open_store: Callable[[], AbstractContextManager[JobStore]],
        mode: str = "queue",
        environment: str = "",
    ) -> None:
        """Note what belongs to it; nothing is opened."""
        self.settings = settings
        self.store = store
        self.registry = registry
        self.meter = meter
        self.open_store = open_store
        self.mode = mode
        self.environment = environment
        self.ids = JobIds()
        self.deliveries = Deliveries(store)
        self.provided: Provided = _provides_nothing
        self.made: dict[object, Callable[[], AbstractContextManager[tuple[Any, ...]]]] = {}
        self.owner: Callable[[], str] = str
        self.middleware: tuple[JobMiddleware, ...] = ()
        self.clock: Callable[[], float] = time.time
        self.inline: InlineRunner | None = None
        self.observer: JobObserver = JobMetrics(meter)
        self.tracer: Tracer | None = None
        self.job_url: Callable[[str], str | None] = lambda job: None
        self.development = False
        self._delivered: list[Callable[[], object]] = []

    def deliver(self, delivery: Delivery) -> Sequence[Enqueued]:
        """Enqueue jobs and send events, all of them or nothing; see the module.

        Raises:
            StoreUnavailable: The database or server did not respond in time.

        Blocks: the calling task, for ``[tasks] enqueue_timeout`` seconds at most.
        """
        timeout = self.settings.enqueue_timeout
        try:
            with rt.deadline(timeout):
                enqueued, after_commit = self.deliveries.deliver(delivery)
        except rt.DeadlineExceeded as error:
            if (remaining := rt.remaining_time()) is not None and remaining <= 0:
                raise  # the caller's own deadline
            raise StoreUnavailable(
                f"the jobs could not be enqueued within [tasks] enqueue_timeout = {timeout:g} s"
            ) from error
        if after_commit is None:
            self._note(delivery, enqueued)
        else:
            after_commit(lambda: self._note_committed(delivery, enqueued))
        return enqueued

    def _note_committed(self, delivery: Delivery, enqueued: Sequence[Enqueued]) -> None:
        try:
            self._note(delivery, enqueued)
        except Exception as error:
            note_error(error, kind="inline job")
            raise  # to the transaction, which logs it

    def _note(self, delivery: Delivery, enqueued: Sequence[Enqueued]) -> None:
        self.observer.enqueued(delivery.jobs, enqueued)
        self.note_delivery()

    def when_delivered(self, call: Callable[[], object]) -> None:
        """Call ``call`` whenever jobs of this process have been enqueued. Does not wait."""
        self._delivered.append(call)

    def note_delivery(self) -> None:
        """Make the calls of `when_delivered`. Blocks: the calling task, as the calls do."""
        for call in self._delivered:
            call()

    def trace(self) -> str:
        """Return the trace and the request of the current context, as `NewJob.trace` has them."""
        return current_origin()

    @contextlib.contextmanager
    def current(self) -> Iterator[Tasks]:
        """Let the block, and what it spawns, belong to these tasks."""
        token = _TASKS.set(self)
        try:
            yield self
        finally:
            _TASKS.reset(token)


class Provided(Protocol):
    """See `photon_runtime.parts.Host.provided`."""

    def __call__(
        self, *classes: Any, user: str
    ) -> Callable[[], AbstractContextManager[tuple[Any, ...]]]:
        """Return a function that makes values of classes."""


def _provides_nothing(*classes: Any, user: str) -> NoReturn:
    names = ", ".join(getattr(each, "__qualname__", repr(each)) for each in classes)
    raise SignatureError(f"{user} needs {names}, and no application provides values here")


def current_tasks() -> Tasks:
    """Return the tasks of the application that the calling code belongs to.

    Raises:
        NoTasks: It does not belong to a running application with tasks.
    """
    tasks = _TASKS.get()
    if tasks is None:
        raise NoTasks(
            "no application with tasks is running here: enqueue jobs in a handler, in a job, in a "
            "task that one of them has spawned, in `photon console`, or in a test by "
            "client.jobs.call(function, ...)"
        )
    return tasks


_TASKS: ContextVar[Tasks | None] = ContextVar("photon_tasks", default=None)
