"""`task`: functions whose calls are jobs.

::

    @task(retries=5, timeout=60)
    def send_receipt(order_id: int) -> None: ...

    send_receipt.enqueue(order.id)         # a job: later, in a worker, at least once
    send_receipt(order.id)                 # a call of the function: here and now

A task belongs to no application: it is found by the name of its module and function, and enqueued
in the application that the caller belongs to (`photon_tasks.current`).
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, final, overload

from photon_runtime.callables import location, require_function
from photon_runtime.errors import SignatureError

from ._arguments import CallSignature, read_call_signature
from ._identifiers import key_of
from .current import Tasks, current_tasks
from .enqueued_job import EnqueuedJob
from .errors import TaskDefinitionError
from .flows import Flow, call_of
from .job import Job
from .observability import enqueue_span
from .options import BackoffChoice, Execution, TaskOptions, UniqueChoice, evolved, options_of
from .ownership import current_owner
from .records import Delivery, NewJob, UniqueKey

if TYPE_CHECKING:
    from .schedules import Schedule

P = ParamSpec("P")
R = TypeVar("R")


@final
class Task(Generic[P, R]):
    """A function whose calls can be enqueued; made by `task`.

    Attributes:
        name: Name of the task, ``module.function`` by default.
        function: The function.
        signature: Its parameters.
        options: How its jobs are run.
        schedules: When it is enqueued by itself; see `photon_tasks.schedules`.
    """

    def __init__(self, function: Callable[P, R], name: str, options: TaskOptions) -> None:
        """Read the signature.

        Raises:
            TaskDefinitionError: The function cannot be a task.
        """
        self.name = name
        self.function = function
        self.options = options
        self.signature: CallSignature = read_call_signature(
            function, is_provided=lambda annotation: annotation is Job
        )
        if options.on == "process":
            _require_importable(function, self.signature)
        self.schedules: tuple[Schedule, ...] = ()
        functools.update_wrapper(self, function, updated=())

    def __repr__(self) -> str:
        """Show the name."""
        return f"<Task {self.name}>"

    @property
    def queue(self) -> str:
        """Name of the queue."""
        return self.options.queue

    @functools.cached_property
    def rest(self) -> tuple[str, CallSignature]:
        """Name of the first parameter, and the signature without it: for the results of others."""
        return self.signature.without_first()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, here and now. Blocks: as the function does."""
        return self.function(*args, **kwargs)

    # -- enqueueing -------------------------------------------------------------------------------

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> EnqueuedJob[R]:
        """Enqueue a call.

        Inside of a transaction of the application's database the job is a part of it: it exists
        once the transaction is committed, and never if it is rolled back.

        Raises:
            ArgumentsError: An argument has another type than its parameter.
            NoTasks: The caller does not belong to a running application.
            StoreUnavailable: The database or server did not respond within ``[tasks]
                enqueue_timeout``.

        Blocks: the calling task.
        """
        return self._enqueue(args, kwargs)

    def enqueue_in(self, seconds: float, /, *args: P.args, **kwargs: P.kwargs) -> EnqueuedJob[R]:
        """Enqueue a call that begins in ``seconds`` at the earliest; see `enqueue`.

        Raises:
            ValueError: ``seconds`` is negative or not a number.
        """
        if not 0 <= seconds < _FOREVER:
            raise ValueError(f"enqueue_in() needs seconds, zero or more, not {seconds!r}")
        return self._enqueue(args, kwargs, delay=float(seconds))

    def enqueue_at(
        self, time: datetime.datetime, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob[R]:
        """Enqueue a call that begins at ``time`` at the earliest; see `enqueue`.

        A time in the past means at once.

        Raises:
            ValueError: ``time`` has no time zone.
        """
        if time.tzinfo is None:
            raise ValueError(
                f"enqueue_at() needs a time with its zone, such as datetime.now(UTC), not {time!r}"
            )
        return self._enqueue(args, kwargs, due=time.timestamp())

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Flow[R]:
        """Return a call that is not enqueued yet, to be followed by others; see `Flow`.

        Raises:
            ArgumentsError: An argument has another type than its parameter.
        """
        return call_of(self, args, kwargs)

    def _enqueue(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        due: float | None = None,
        delay: float = 0.0,
    ) -> EnqueuedJob[R]:
        tasks = current_tasks()
        with enqueue_span(self.name, self.options.queue):
            job = self.new_job(args, kwargs, tasks=tasks, due=due, delay=delay)
            (enqueued,) = tasks.deliver(Delivery([job]))
        return EnqueuedJob(enqueued.id, enqueued.is_new, tasks, self.signature)

    def new_job(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        tasks: Tasks,
        id: str | None = None,
        encoded: str | None = None,
        due: float | None = None,
        delay: float = 0.0,
    ) -> NewJob:
        """Return a job for a call, which is not enqueued yet.

        Args:
            args: Positional arguments.
            kwargs: Keyword arguments.
            tasks: The tasks of the application.
            id: Id of the job; by default a new one.
            encoded: Arguments as JSON, in place of ``args`` and ``kwargs``.
            due: As in `NewJob`.
            delay: As in `NewJob`.

        Raises:
            ArgumentsError: An argument has another type than its parameter.
        """
        settings = tasks.settings
        options = self.options
        tasks.registry.note(self)
        keywords = kwargs or {}
        arguments = encoded
        if arguments is None:
            arguments = self.signature.encode(args, keywords, limit=settings.max_arguments)
        else:
            self.signature.require_size(arguments, settings.max_arguments)
            if options.unique is not None:
                args, keywords = (), self.signature.decode(arguments)
        return NewJob(
            id=id or tasks.ids.new(),
            task=self.name,
            queue=options.queue,
            arguments=arguments,
            priority=options.priority,
            max_attempts=1 + (settings.retries if options.retries is None else options.retries),
            due=due,
            delay=delay,
            unique=self._unique_key(arguments, args, keywords),
            keep=settings.keep_completed if options.keep is None else options.keep,
            trace=tasks.trace(),
            owner=current_owner() or tasks.owner(),
        )

    def _unique_key(
        self, arguments: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> UniqueKey | None:
        unique = self.options.unique
        if unique is None:
            return None
        key = arguments if unique.key is None else str(unique.key(*args, **kwargs))
        return UniqueKey(key_of(f"{self.name}:{key}"), unique.until, unique.seconds)

    # -- options ----------------------------------------------------------------------------------

    def with_options(
        self,
        *,
        queue: str | None = None,
        retries: int | None = None,
        priority: int | None = None,
        unique: UniqueChoice | None = None,
        keep: float | None = None,
    ) -> Task[P, R]:
        """Return the task with other options for the jobs that are enqueued through the result.

        Options that decide how a job is run, such as its time limit, are those of the definition.

        Raises:
            TypeError: An option has another type.
            ValueError: An option is invalid.
        """
        changed: Task[P, R] = object.__new__(type(self))
        changed.__dict__.update(self.__dict__)
        changed.options = evolved(
            self.options,
            queue=queue,
            retries=retries,
            priority=priority,
            unique=unique,
            keep=keep,
        )
        return changed


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *,
    queue: str | None = None,
    retries: int | None = None,
    backoff: BackoffChoice | None = None,
    timeout: float | None = None,
    unique: UniqueChoice | None = None,
    priority: int | None = None,
    name: str | None = None,
    keep: float | None = None,
    on: Execution | None = None,
    fatal: Sequence[type[BaseException]] | None = None,
) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(
    function: Callable[P, R] | None = None,
    /,
    *,
    queue: str | None = None,
    retries: int | None = None,
    backoff: BackoffChoice | None = None,
    timeout: float | None = None,
    unique: UniqueChoice | None = None,
    priority: int | None = None,
    name: str | None = None,
    keep: float | None = None,
    on: Execution | None = None,
    fatal: Sequence[type[BaseException]] | None = None,
) -> Any:
    """Make the decorated function a task.

    Its parameters have annotations of types that can be sent as JSON: attrs classes, dataclasses,
    and what is composed of them. A parameter with the default `provided` is filled in by the
    worker.

    Args:
        function: The function, where `task` is used without arguments.
        queue: Name of the queue.
        retries: Number of attempts after the first one; by default that of ``[tasks]``.
        backoff: The waits between attempts: the first one in seconds, which then doubles, a list of
            all, or a `Backoff`.
        timeout: Seconds of one attempt, which is then cancelled; by default those of ``[tasks]``.
        unique: True or ``"done"`` for one job with the same arguments at a time, ``"start"`` for
            one that has not started, a number of seconds for one in that time, or a `Unique`.
        priority: Jobs with a greater one go first within a queue.
        name: Name of the task in the store; by default that of the module and the function. Jobs
            are found by it, so one that stays the same survives a move of the function.
        keep: Seconds for which completed jobs and their results are kept.
        on: ``loop`` runs jobs as coroutines. ``thread`` runs them in threads, for functions that
            block; one that is cancelled or over its time limit goes on there, perhaps beside its
            next attempt. ``process`` runs them in processes, for functions that compute; they are
            killed then, and have neither a `Job` nor provided values.
        fatal: Classes of errors after which no further attempt follows.

    Raises:
        TaskDefinitionError: The function cannot be a task, or an option is invalid.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        if isinstance(function, Task):
            raise TaskDefinitionError(
                f"{location(function.function)} is a task already: write @task once, and below "
                "@schedule"
            )
        try:
            require_function(function, "a task")
        except SignatureError as error:  # it has the file and the line
            raise TaskDefinitionError(str(error)) from error
        try:
            chosen = options_of(
                queue=queue,
                retries=retries,
                backoff=backoff,
                timeout=timeout,
                unique=unique,
                priority=priority,
                keep=keep,
                on=on,
                fatal=fatal,
            )
        except (TypeError, ValueError) as error:
            raise TaskDefinitionError(f"{location(function)}: {error}") from error
        return Task(function, name or f"{function.__module__}.{function.__qualname__}", chosen)

    return decorate if function is None else decorate(function)


_FOREVER = 100 * 366 * 86_400.0


def _require_importable(function: Callable[..., Any], signature: CallSignature) -> None:
    """Refuse a function that another process cannot call.

    Raises:
        TaskDefinitionError: It is not found by its name, or needs the application.
    """
    name, module = function.__qualname__, function.__module__
    if "<" in name or module == "__main__":
        raise TaskDefinitionError(
            f"{location(function)} cannot run in a process: that one finds it by its name, so it "
            "has to be a function of a module that can be imported"
        )
    if signature.provided:
        raise TaskDefinitionError(
            f"{location(function)} cannot run in a process: the application, which provides "
            f"{', '.join(sorted(signature.provided))}, is in another one; pass values, or use "
            'on="thread"'
        )
