"""`InlineJobs`: jobs that are run by the call that enqueues them; the mode ``inline``, for tests.

Theory of operation. The jobs are in a store as in any other mode, with attempts and outcomes, so a
test sees what production does. Only the worker differs: it is the calling task, it has no
heartbeats, and it ends when no job is due. Jobs that these jobs enqueue are run as well, one after
another and not inside of each other. They have the context in which the application has started,
as those of a worker do: nothing of the request that has enqueued them.

The store and the jobs have a clock of their own. To run what is due later, it is moved to the time
of the next job, again and again; so jobs that are delayed, sleep or are tried again run in the
order in which they would, and the test does not wait.
"""

from __future__ import annotations

import contextvars
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, final

from .._clock import MovableClock
from ..errors import JobFailed
from ..records import AttemptOutcome, ClaimedJob, JobState, WorkerInfo
from ._attempt import Attempt

if TYPE_CHECKING:
    from ..current import Tasks

_LEASE: Final = 3600.0
_MOST_ATTEMPTS: Final = 10_000
_TICK: Final = 0.001


@final
class InlineJobs:
    """Runs the jobs of an application in the calling task.

    Args:
        tasks: The tasks of the application; its store has the clock ``clock``.
        clock: The clock.

    Attributes:
        clock: The clock.
        is_held: True while enqueueing runs nothing.
    """

    def __init__(self, tasks: Tasks, clock: MovableClock) -> None:
        """Note the context that jobs begin with."""
        self._tasks = tasks
        self._context = contextvars.copy_context()
        self.clock = clock
        self.is_held = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let enqueueing run nothing during the block."""
        before, self.is_held = self.is_held, True
        try:
            yield
        finally:
            self.is_held = before

    def delivered(self) -> None:
        """Run what is due, unless it is held; called whenever jobs were enqueued.

        Raises:
            BaseException: See `run`.

        Blocks: the calling task, as the jobs do.
        """
        if not self.is_held:
            self.run()

    def run(self, seconds: float = 0.0) -> int:
        """Run all jobs that are due, until none is left.

        Args:
            seconds: Move the clock by this time, and run what becomes due until then.

        Returns:
            Number of attempts. Zero inside of a job that is run this way: the jobs follow it.

        Raises:
            BaseException: What the first task has raised whose job has not been completed in a
                later attempt.
            JobFailed: A job is parked.

        Blocks: the calling task, as the jobs do.
        """
        if _IS_RUNNING.get():
            return 0
        token = _IS_RUNNING.set(True)
        store = self._tasks.store
        worker = uuid.uuid4().hex
        store.register(WorkerInfo(id=worker, host="inline", pid=os.getpid()), _LEASE)
        errors: dict[str, BaseException] = {}
        try:
            count = self._run(worker, self.clock() + seconds, errors)
        finally:
            _IS_RUNNING.reset(token)
            store.unregister(worker)
        for error in errors.values():
            raise error
        return count

    def _run(self, worker: str, end: float, errors: dict[str, BaseException]) -> int:
        store = self._tasks.store
        count = 0
        while True:
            claims = store.claim(worker, 1)
            for claimed in claims.jobs:
                self._attempt(claimed, worker, errors)
                count += 1
            if count > _MOST_ATTEMPTS:
                raise RuntimeError(
                    f"{_MOST_ATTEMPTS} jobs were run, and more are due: they enqueue each other "
                    "without an end"
                )
            if claims.jobs:
                continue
            wait = claims.next_due
            if wait is None or self.clock() + wait >= end:
                self.clock.move(max(0.0, end - self.clock()))
                return count
            self.clock.move(wait + _TICK)

    def _attempt(self, claimed: ClaimedJob, worker: str, errors: dict[str, BaseException]) -> None:
        attempt = Attempt(claimed, worker, self._tasks)
        outcome = self._in_context(attempt)
        if outcome is None:
            return
        self._tasks.store.finish(worker, [outcome])
        job = claimed.claim.job
        errors.pop(job, None)
        if attempt.error is not None:
            errors[job] = attempt.error
        elif outcome.state is JobState.PARKED:
            errors[job] = JobFailed(f"the job {job} is parked: {outcome.error}")

    def _in_context(self, attempt: Attempt) -> AttemptOutcome | None:
        def run() -> AttemptOutcome | None:
            _IS_RUNNING.set(True)
            return attempt.run()

        return self._context.copy().run(run)


_IS_RUNNING: ContextVar[bool] = ContextVar("photon_inline_jobs", default=False)
