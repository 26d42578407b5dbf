"""For tests of applications: what they have enqueued, and its jobs, run on time without waiting.

`photon.testing.Client` has an `ApplicationJobs` as its ``jobs``::

    def test_an_order_is_confirmed(client):
        client.post("/orders", json={"id": 1})                 # its jobs have run, inline
        client.jobs.assert_enqueued(send_receipt, 1)
        client.jobs.run(until=timedelta(days=3))               # what sleeps, or is due later
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, Protocol, TypeVar, final

import attrs
import msgspec

from photon_runtime.unattended import raise_unattended

from .current import InlineRunner, Tasks, current_tasks
from .errors import NoTasks
from .records import JobFilter, JobRecord, JobState
from .task import Task

P = ParamSpec("P")
T = TypeVar("T")
_PAGE = 500


class Caller(Protocol):
    """Calls a function inside of an application that runs."""

    def __call__(self, function: Callable[[], T], /) -> T:
        """Call it, wait for its end, and return its result."""
        ...


@attrs.frozen
class TestedJob:
    """A job, for a test.

    Attributes:
        id: Id of the job.
        task: Name of its task.
        arguments: Arguments of the call by name, as plain JSON.
        state: Its state.
        due: When it is or was due; ``None`` for one that waits for an event without a limit.
        attempts: Number of attempts.
        error: The error of its latest attempt.
        record: All that the store knows.
    """

    __test__ = False  # is not collected by pytest

    id: str
    task: str
    arguments: dict[str, Any]
    state: JobState
    due: datetime.datetime | None
    attempts: int
    error: str | None
    record: JobRecord = attrs.field(repr=False)


@final
class ApplicationJobs:
    """The jobs of an application under test.

    In the mode ``inline``, which tests have by default, a job runs before the call returns that
    enqueues it; inside of a transaction, after the commit. An error of a job is raised in the test:
    by the call that enqueues it, or, after a commit, by the request.

    Args:
        call: Calls a function inside of the application.
    """

    def __init__(self, call: Caller) -> None:
        """Note the application; `photon.testing.Client` makes it."""
        self._call = call

    # -- running ----------------------------------------------------------------------------------

    def run(self, *, until: datetime.timedelta | float = 0.0) -> int:
        """Run the jobs that are due, and those that they enqueue.

        Args:
            until: Move the time of jobs forward by this time (seconds, or a `timedelta`), and run
                what becomes due until then, in its order: jobs that are delayed, sleep, wait for an
                event that is late, or are tried again. Nothing waits.

        Returns:
            Number of attempts.

        Raises:
            BaseException: What the first task has raised whose job has not been completed in a
                later attempt.
            JobFailed: A job is parked.
            NoTasks: The application has another mode than ``inline``.
        """
        seconds = until.total_seconds() if isinstance(until, datetime.timedelta) else float(until)
        if not seconds >= 0:
            raise ValueError(f"run() needs a time from now on, zero or more, not {until!r}")
        return self._call(lambda: _run(seconds))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let enqueueing run nothing during the block; `run` runs it, then or later."""
        holding = self._call(lambda: _inline().held())
        with holding:
            yield

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function inside of the application, such as one that enqueues jobs.

        Raises:
            BaseException: What the function raises.
        """

        def call() -> T:
            result = function(*args, **kwargs)
            raise_unattended()
            return result

        return self._call(call)

    # -- looking ----------------------------------------------------------------------------------

    def enqueued(self, task: Task[..., Any] | None = None) -> Sequence[TestedJob]:
        """Return the jobs that were enqueued, in any state, the oldest first.

        Args:
            task: Only jobs of this task.
        """
        names = () if task is None else (task.name,)
        records = self._call(lambda: _records(JobFilter(tasks=names)))
        return [_tested(each) for each in reversed(records)]

    def assert_enqueued(
        self, task: Task[P, Any], /, *args: P.args, **kwargs: P.kwargs
    ) -> TestedJob:
        """Check that a call with these arguments was enqueued, and return its job.

        Arguments that the call leaves out, because they have a default, are left out here as well.

        Raises:
            AssertionError: No such call was enqueued; lists those that were.
        """
        expected = msgspec.json.decode(task.signature.encode(args, kwargs, limit=None))
        jobs = self.enqueued(task)
        for each in reversed(jobs):
            if each.arguments == expected:
                return each
        raise AssertionError(f"{task.name} was not enqueued with {expected}. {self._summary(jobs)}")

    def assert_not_enqueued(self, task: Task[..., Any] | None = None) -> None:
        """Check that nothing was enqueued.

        Args:
            task: Only jobs of this task count.

        Raises:
            AssertionError: A job was enqueued.
        """
        if jobs := self.enqueued(task):
            raise AssertionError(self._summary(jobs))

    def _summary(self, jobs: Sequence[TestedJob]) -> str:
        jobs = jobs or self.enqueued()
        if not jobs:
            return "No job was enqueued"
        calls = "".join(f"\n  {each.task} {each.arguments}, {each.state}" for each in jobs[:20])
        return f"{len(jobs)} jobs were enqueued:{calls}"


def _run(seconds: float) -> int:
    count = _inline().run(seconds)
    raise_unattended()
    return count


def _inline() -> InlineRunner:
    tasks: Tasks = current_tasks()
    if tasks.inline is None:
        raise NoTasks(
            f"the application has the mode {tasks.mode!r}, in which a worker runs jobs: set "
            '[tasks] mode = "inline" in config/test.toml, or remove it there'
        )
    return tasks.inline


def _records(choice: JobFilter) -> list[JobRecord]:
    store = current_tasks().store
    records: list[JobRecord] = []
    page: Sequence[JobRecord] = store.jobs(choice, limit=_PAGE)
    while page:
        records += page
        page = store.jobs(choice, limit=_PAGE, before=page[-1].id) if len(page) == _PAGE else ()
    return records


def _tested(record: JobRecord) -> TestedJob:
    due = record.due
    return TestedJob(
        record.id,
        record.task,
        msgspec.json.decode(record.arguments),
        record.state,
        None if due is None else datetime.datetime.fromtimestamp(due, datetime.UTC),
        record.attempts,
        record.error,
        record,
    )
