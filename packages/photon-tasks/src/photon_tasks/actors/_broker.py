"""`PhotonBroker`: messages of dramatiq's actors are jobs, in the store of the application.

Theory of operation. An actor is a task, whose name is that of the actor, and whose arguments are
the fields of the message. So its jobs are in the same lists, and have the same guarantees, as all
others: a message that is sent in a transaction is a part of it, and attempts are counted before
they begin. The options of dramatiq keep their meaning:

========================  =====================================================================
``max_retries``           attempts after the first one; 20 by default
``min_backoff`` etc.      the waits between them, as the middleware `Retries` computes them
``time_limit``            the job is cancelled then; 10 minutes by default
``priority``              lower numbers go first, as with dramatiq
``store_results``         the result is kept with the job, for ``result_ttl``
========================  =====================================================================

With ``retry_when``, or ``max_retries=None``, there are at most 10,000 attempts.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, final

import dramatiq
from dramatiq.broker import Broker, Consumer
from dramatiq.errors import QueueJoinTimeout, QueueNotFound
from dramatiq.message import Message
from dramatiq.middleware import Middleware, Retries
from dramatiq.results import Results
from dramatiq.results.middleware import DEFAULT_RESULT_TTL

import photon_runtime as rt

from .._arguments import provided
from ..current import current_tasks
from ..errors import ArgumentsError
from ..job import Job
from ..options import TaskOptions
from ..records import Delivery, JobFilter, JobState, NewJob
from ..task import Task
from ._middleware import adapted
from ._processing import current_processing, process

_MOST_ATTEMPTS: Final = 10_000
_PRIORITIES: Final = 32_767
_JOIN_INTERVAL: Final = 0.02
_JOINED: Final = (JobState.QUEUED, JobState.RUNNING, JobState.FAILED, JobState.SCHEDULED)
_IDS: Final = uuid.UUID("0b0ff0a6-5b8a-5b60-9e0c-3f6d3f5d8f1e")


@final
class _BootedWorker:
    """What hooks about the start of a worker get in place of dramatiq's."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker


class PhotonBroker(Broker):  # type: ignore[misc, unused-ignore]
    """A broker of dramatiq whose messages are jobs of the application that sends them.

    Args:
        middleware: Middleware; by default dramatiq's own.

    Raises:
        TypeError: A middleware cannot work on Photon's worker.
    """

    def __init__(self, middleware: list[Middleware] | None = None) -> None:
        """Begin without actors."""
        self._tasks: dict[str, Task[..., Any]] = {}
        self._is_booted = False
        super().__init__(middleware)

    # -- declarations -----------------------------------------------------------------------------

    def add_middleware(
        self,
        middleware: Middleware,
        *,
        before: type[Middleware] | None = None,
        after: type[Middleware] | None = None,
    ) -> None:
        """Add middleware; see `dramatiq.Broker.add_middleware`.

        Raises:
            TypeError: It cannot work on Photon's worker.
        """
        super().add_middleware(adapted(middleware), before=before, after=after)

    def declare_queue(self, queue_name: str) -> None:
        """Note a queue."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = queue_name
            self.emit_after("declare_queue", queue_name)

    def declare_actor(self, actor: dramatiq.Actor[Any, Any]) -> None:
        """Make a task of an actor."""
        super().declare_actor(actor)
        self._tasks[actor.actor_name] = self._task_of(actor)

    def tasks(self) -> Sequence[Task[..., Any]]:
        """Return the tasks of all actors, for `photon_tasks.TasksPart`, which finds most itself."""
        return tuple(self._tasks.values())

    def _task_of(self, actor: dramatiq.Actor[Any, Any]) -> Task[..., Any]:
        def call(  # noqa: PLR0917  the fields of a message, passed by name
            args: list[Any],
            kwargs: dict[str, Any],
            options: dict[str, Any],
            message_id: str,
            message_timestamp: int,
            queue_name: str,
            job: Job = provided,
        ) -> Any:
            fields = {
                "queue_name": queue_name,
                "actor_name": actor.actor_name,
                "args": args,
                "kwargs": kwargs,
                "options": options,
                "message_id": message_id,
                "message_timestamp": message_timestamp,
            }
            keeps = self._results_of(actor, options) is not None
            return process(self, job, fields, keeps_result=keeps)

        call.__module__ = getattr(actor.fn, "__module__", call.__module__)
        call.__qualname__ = getattr(actor.fn, "__qualname__", actor.actor_name)
        call.__doc__ = getattr(actor.fn, "__doc__", None)
        options = TaskOptions(queue=actor.queue_name, timeout=0, priority=_priority(actor, {}))
        return Task(call, actor.actor_name, options)

    # -- messages ---------------------------------------------------------------------------------

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message as a job; part of the transaction that is open.

        Args:
            message: The message.
            delay: Milliseconds until it is due.

        Raises:
            QueueNotFound: No actor has its queue.
            ActorNotFound: Its actor is not declared.
            ArgumentsError: It is not JSON, or too large.
            NoTasks: The caller does not belong to a running application.
            StoreUnavailable: The database or server did not respond in time.

        Blocks: the calling task.
        """
        if message.queue_name not in self.queues:
            raise QueueNotFound(message.queue_name)
        processing = current_processing.get()
        has_returned = processing is not None and processing.has_returned
        self.emit_before("enqueue", message, delay)
        if processing is not None and has_returned and _is_same(message, processing.message):
            processing.retry_in = (delay or 0) / 1000
        else:
            again = processing is not None and _is_same(message, processing.message)
            job = self._job_of(message, delay, is_again=again)
            if processing is not None and has_returned:
                processing.job.following.append(job)
            else:
                current_tasks().deliver(Delivery([job]))
        self.emit_after("enqueue", message, delay)
        return message

    def _job_of(self, message: Message[Any], delay: int | None, *, is_again: bool) -> NewJob:
        actor = self.get_actor(message.actor_name)
        tasks = current_tasks()
        task = self._tasks[actor.actor_name]
        tasks.registry.note(task)
        options = message.options
        fields = message.asdict()
        del fields["actor_name"]
        arguments = dramatiq.get_encoder().encode(fields)
        try:
            encoded = arguments.decode()
            task.signature.decode(encoded)
        except (UnicodeDecodeError, ValueError) as error:
            raise ArgumentsError(
                f"the message {message} is not JSON: jobs are sent as JSON only, use dramatiq's "
                f"JSONEncoder ({error})"
            ) from error
        task.signature.require_size(encoded, tasks.settings.max_arguments)
        keep = self._results_of(actor, options)
        return NewJob(
            id=tasks.ids.new() if is_again else job_id(message.message_id),
            task=task.name,
            queue=message.queue_name,
            arguments=encoded,
            priority=_priority(actor, options),
            max_attempts=self._attempts_of(actor, options),
            delay=(delay or 0) / 1000,
            keep=tasks.settings.keep_completed if keep is None else keep,
            trace=tasks.trace(),
            owner=tasks.owner(),
        )

    def _attempts_of(self, actor: Any, options: dict[str, Any]) -> int:
        retries = next((each for each in self.middleware if isinstance(each, Retries)), None)
        if retries is None:
            return 1
        most = options.get("max_retries", actor.options.get("max_retries", retries.max_retries))
        if most is None or actor.options.get("retry_when", retries.retry_when) is not None:
            return _MOST_ATTEMPTS
        return min(1 + int(most), _MOST_ATTEMPTS)

    def _results_of(self, actor: Any, options: dict[str, Any]) -> float | None:
        """Return the seconds for which a result is kept; ``None`` if it is not."""
        results = next((each for each in self.middleware if isinstance(each, Results)), None)
        settings = {**actor.options, **options}
        if not settings.get("store_results", results is not None and results.store_results):
            return None
        default = DEFAULT_RESULT_TTL if results is None else results.result_ttl
        return float(settings.get("result_ttl", default)) / 1000

    # -- workers ----------------------------------------------------------------------------------

    def boot(self) -> None:
        """Call the hooks about the start of a process and its worker, before the first message."""
        if self._is_booted:
            return
        self._is_booted = True
        worker = _BootedWorker(self)
        self.emit_after("process_boot")
        self.emit_before("worker_boot", worker)
        self.emit_after("worker_boot", worker)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30_000) -> Consumer:
        """Refuse: Photon's worker runs the messages.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "messages of a PhotonBroker are run by Photon's worker: start `photon worker` in place "
            "of `dramatiq`"
        )

    def flush(self, queue_name: str) -> None:
        """Remove the jobs of a queue that do not run. Blocks: the calling task."""
        current_tasks().store.purge(JobFilter(queues=[queue_name]))

    def flush_all(self) -> None:
        """Remove the jobs of all queues of actors that do not run. Blocks: the calling task."""
        current_tasks().store.purge(JobFilter(queues=[*self.queues]))

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until all messages of a queue are processed, for tests.

        In the mode ``inline`` they are run here.

        Args:
            queue_name: Name of the queue.
            timeout: Maximum number of milliseconds.

        Raises:
            QueueJoinTimeout: It took longer.

        Blocks: the calling task.
        """
        tasks = current_tasks()
        if tasks.inline is not None:
            tasks.inline.run()
            return
        choice = JobFilter(queues=[queue_name], states=_JOINED)
        try:
            with rt.deadline(_FOREVER if timeout is None else timeout / 1000):
                while tasks.store.jobs(choice, limit=1):
                    rt.sleep(_JOIN_INTERVAL)
        except rt.DeadlineExceeded as error:
            raise QueueJoinTimeout(f"the queue {queue_name} is not empty after {timeout} ms") from (
                error
            )


def job_id(message_id: str) -> str:
    """Return the id of the job of a message: that of the message, if it is a UUID."""
    try:
        return str(uuid.UUID(message_id))
    except ValueError:
        return str(uuid.uuid5(_IDS, message_id))


def actors_in(values: Iterable[object]) -> Iterator[Task[..., Any]]:
    """Yield the tasks of the brokers, and of the brokers of the actors, among the values."""
    brokers = {
        id(broker): broker
        for value in values
        if isinstance(broker := _broker_of(value), PhotonBroker)
    }
    for each in brokers.values():
        yield from each.tasks()


def _broker_of(value: object) -> object:
    if isinstance(value, dramatiq.Actor):
        return value.broker
    if isinstance(value, dramatiq.GenericActor):
        return getattr(getattr(value, "__actor__", None), "broker", None)
    return value


def _is_same(message: Message[Any], other: Message[Any]) -> bool:
    return message.message_id == other.message_id


def _priority(actor: Any, options: dict[str, Any]) -> int:
    priority = options.get("broker_priority", -actor.priority)
    return int(max(-_PRIORITIES, min(_PRIORITIES, priority)))


_FOREVER: Final = 366 * 86_400.0
