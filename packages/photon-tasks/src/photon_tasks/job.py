"""`Job`: the running job, for the code of its task.

Theory of operation. What a job has done so far is in the store, as **steps** by name: results of
`Job.step`, times of `Job.sleep`, events of `Job.wait_event`. When it must wait for long, the
function is left by an exception, `Parked`, and the job waits in the store without a worker. When it
is due again, the function is called anew from its first line, and what is recorded is not done
again. So the code between steps may run several times, and must lead to the same steps each time;
a crash between a step and its record makes it run again.

Each record is made for the attempt that runs: a worker that has lost its lease gets `LeaseLost`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, final

import photon_runtime as rt
from photon_openapi.codec import decoder_of, encode
from photon_runtime.callables import require_value
from photon_runtime.transactions import open_transactions

from ._identifiers import key_of
from .errors import LeaseLost, NoTasks, TaskDefinitionError, TransactionOpen
from .observability import step_span

if TYPE_CHECKING:
    from .current import Tasks
    from .records import ClaimedJob, NewJob

P = ParamSpec("P")
T = TypeVar("T")

JobMiddleware: TypeAlias = "Callable[[Job, Callable[[], Any]], Any]"
"""Takes the job and the call of its task, and returns the result of the task."""

_CURSOR = "checkpoint"
_SHORTEST = 1.0
"""Seconds for which leaving the worker is not worth it; clocks may differ by as much."""


class Parked(BaseException):
    """Leaves the function of a job that waits in the store; it is not an error.

    It is a `BaseException`, so that ``except Exception`` does not swallow it.

    Attributes:
        delay: Seconds until the job is due; ``None`` for no limit.
        event: Name of the event that it waits for.
    """

    def __init__(self, delay: float | None, event: str | None = None) -> None:
        """Note what the job waits for."""
        super().__init__("the job waits in the store: let this exception pass")
        self.delay = delay
        self.event = event


@final
class Job:
    """The running job; a parameter of tasks, or `current_job`.

    Attributes:
        id: Id of the job.
        task: Name of its task.
        queue: Name of its queue.
        attempt: Number of the attempt, from 1.
        max_attempts: Number of attempts after which it is dead.
        arguments: Arguments of the call by name, as a JSON object.
        following: Jobs that are enqueued with the outcome of the attempt, in one step.
    """

    def __init__(self, claimed: ClaimedJob, worker: str, tasks: Tasks) -> None:
        """Begin an attempt; workers make it."""
        self._claim = claimed.claim
        self._worker = worker
        self._tasks = tasks
        self._is_resumed = claimed.claims > 1
        self._recorded: dict[str, str] | None = None
        self._names: dict[str, int] = {}
        self.id = claimed.claim.job
        self.task = claimed.task
        self.queue = claimed.queue
        self.attempt = claimed.claim.attempt
        self.max_attempts = claimed.max_attempts
        self.arguments = claimed.arguments
        self.following: list[NewJob] = []

    def __repr__(self) -> str:
        """Show the task, the id and the attempt."""
        return f"<Job {self.task} {self.id}, attempt {self.attempt}>"

    # -- progress ---------------------------------------------------------------------------------

    def progress(self, value: object) -> None:
        """Set the progress that others see, such as ``0.4`` or ``{"done": 4, "of": 10}``.

        Args:
            value: A value that can be sent as JSON.

        Raises:
            TypeError: It cannot be sent as JSON.
            LeaseLost: Another worker has the job by now.
            StoreUnavailable: The store did not respond.

        Blocks: the calling task.
        """
        text = encode(value).decode()
        self._require(self._tasks.store.set_progress(self._worker, self._claim, text))

    # -- steps ------------------------------------------------------------------------------------

    def step(self, name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` once in the life of the job, and return its result, then and later.

        The result is kept as JSON, and returned as a value of the annotated type, if the function
        has one. The step runs again if the process ends between the call and the record.

        Args:
            name: Name of the step. Each step of a job has another one; in a loop, add a number.
            function: Function to call.
            args: Its arguments.
            kwargs: Its keyword arguments.

        Raises:
            TaskDefinitionError: Two steps have the same name.
            TransactionOpen: A transaction that has written is open before the call, or after it.
            TypeError: The result cannot be sent as JSON.
            LeaseLost: Another worker has the job by now.
            Exception: What the function raises; the step is not recorded.

        Blocks: the calling task, as ``function`` does, and for the record.
        """
        key = self._unused(key_of(f"step:{name}"))
        recorded = self._steps.get(key)
        if recorded is not None:
            earlier: T = _typed(recorded, function)
            return earlier
        self._refuse_transactions(f"the step {name!r}")
        with step_span(name):
            result = require_value(function(*args, **kwargs), function)
            self._record(key, encode(result).decode())
        return result

    def sleep(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Continue the job after that time, without holding a worker.

        Raises:
            Parked: To leave the function; let it pass.
            ValueError: The duration is negative.
            TransactionOpen: A transaction that has written is open.
            LeaseLost: Another worker has the job by now.
        """
        duration = seconds + 60 * (minutes + 60 * (hours + 24 * days))
        if not duration >= 0:
            raise ValueError(f"a job sleeps for a time, zero or more, not {duration!r} s")
        self._refuse_transactions("the time of a sleep")
        until = self._until(self._numbered("sleep"), duration)
        remaining = until - self._tasks.clock()
        if remaining > (0 if self._tasks.mode == "inline" else _SHORTEST):
            raise Parked(remaining)
        rt.sleep(max(0.0, remaining))

    def wait_event(self, name: str, *, timeout: float | None = None, type: Any = Any) -> Any:
        """Return the payload of an event, and wait for it without holding a worker.

        Events that were sent before are taken first, the oldest one first.

        Args:
            name: Name of the event; see `send_event`.
            timeout: Maximum number of seconds to wait; ``None`` for no limit.
            type: Type of the payload.

        Raises:
            TimeoutError: The event did not come in time; it is raised again whenever the function
                runs anew.
            ValidationError: The payload is not of that type.
            TransactionOpen: A transaction that has written is open.
            Parked: To leave the function; let it pass.
            LeaseLost: Another worker has the job by now.
        """
        key, expected = self._numbered(key_of(f"event:{name}")), key_of(name)
        self._refuse_transactions(f"the event {name!r}")
        recorded = self._steps.get(key)
        if recorded is None:
            recorded = self._tasks.store.take_event(self._worker, self._claim, expected, key)
        if recorded is not None:
            self._steps[key] = recorded
            return decoder_of(type).decode(recorded.encode())
        if f"{key}:late" in self._steps:
            raise TimeoutError(f"the event {name!r} did not come in time")
        if timeout is None:
            raise Parked(None, expected)
        remaining = self._until(f"{key}:until", timeout) - self._tasks.clock()
        if remaining > 0:
            raise Parked(remaining, expected)
        self._record(f"{key}:late", "true")
        raise TimeoutError(f"the event {name!r} did not come within {timeout:g} s")

    def checkpoint(self, cursor: object) -> None:
        """Record how far the job has come; `cursor` returns it to the next attempt.

        Raises:
            TransactionOpen: A transaction that has written is open.
            TypeError: The value cannot be sent as JSON.
            LeaseLost: Another worker has the job by now.

        Blocks: the calling task.
        """
        self._record(_CURSOR, encode(cursor).decode())

    @property
    def cursor(self) -> Any:
        """The value of the last `checkpoint` as plain JSON; ``None`` before the first.

        Blocks: the calling task, at the first use in an attempt.
        """
        recorded = self._steps.get(_CURSOR)
        return None if recorded is None else decoder_of(Any).decode(recorded.encode())

    @property
    def _steps(self) -> dict[str, str]:
        if self._recorded is None:
            # A job that is claimed for the first time has none: its first claim is the usual case.
            self._recorded = dict(self._tasks.store.steps(self.id)) if self._is_resumed else {}
        return self._recorded

    def _record(self, key: str, value: str) -> None:
        self._refuse_transactions(f"the record of {key!r}")
        steps = self._steps
        self._require(self._tasks.store.set_step(self._worker, self._claim, key, value))
        steps[key] = value

    def _refuse_transactions(self, what: str) -> None:
        """Refuse a record that would stay where the writes that belong to it are rolled back.

        On SQLite, which has one writer, it would wait for the transaction of its own caller, too.
        """
        if any(each.is_begun for each in open_transactions()):
            raise TransactionOpen(
                f"{what} cannot be kept while a transaction that has written is open, since that "
                "may be rolled back: commit before, or use `with database.transaction()` inside of "
                "the step"
            )

    def _until(self, key: str, duration: float) -> float:
        recorded = self._steps.get(key)
        if recorded is not None:
            return float(recorded)
        until = self._tasks.clock() + duration
        self._record(key, repr(until))
        return until

    def _unused(self, key: str) -> str:
        if key in self._names:
            raise TaskDefinitionError(
                f"the task {self.task} has two steps {key.partition(':')[2]!r}: each one needs a "
                "name of its own, such as f'charge {number}' in a loop"
            )
        self._names[key] = 1
        return key

    def _numbered(self, key: str) -> str:
        self._names[key] = number = self._names.get(key, 0) + 1
        return f"{key}:{number}"

    def _require(self, is_ours: bool) -> None:
        if not is_ours:
            raise LeaseLost(
                f"the job {self.id} belongs to another worker by now: this one did not extend its "
                "lease in time"
            )


def _typed(recorded: str, function: Callable[..., Any]) -> Any:
    from ._result_type import result_type

    return decoder_of(result_type(function)).decode(recorded.encode())


def current_job() -> Job:
    """Return the job that the calling code belongs to.

    Raises:
        NoTasks: It does not belong to a running job.
    """
    job = job_variable.get()
    if job is None:
        raise NoTasks(
            "this needs a running job: call it in the function of a task that a worker runs"
        )
    return job


def step(name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``function`` once in the life of the current job; see `Job.step`.

    Raises:
        NoTasks: The caller does not belong to a running job.
    """
    return current_job().step(name, function, *args, **kwargs)


job_variable: ContextVar[Job | None] = ContextVar("photon_job", default=None)
