"""One attempt at a job: from the claim to its outcome.

Theory of operation. Whatever happens in an attempt becomes an `AttemptOutcome`; nothing is raised.
What cannot be run at all, because its task is unknown here or its arguments do not fit, is parked:
after the next deploy it can be queued again. An attempt ends early by cancellation only, and what
has cancelled it decides the outcome: its time limit (a failed attempt), a request to cancel the
job, a stop of the worker (the job is queued again, and the attempt does not count), or the lost
lease (no outcome: the job belongs to another worker).
"""

from __future__ import annotations

import contextlib
import logging
import math
from enum import Enum
from typing import TYPE_CHECKING, Any, final

import attrs
import msgspec

import photon_runtime as rt
from photon_openapi.errors import ValidationError
from photon_runtime.errors import Cancelled
from photon_runtime.tracebacks import readable

from .._arguments import explained
from ..calls import call_task
from ..errors import LeaseLost, ProcessFailed
from ..flows import follow_up
from ..job import Job, Parked, job_variable
from ..observability import AttemptObservation
from ..ownership import set_owner
from ..records import AttemptOutcome, ClaimedJob, Delivery, JobState

if TYPE_CHECKING:
    from ..current import Tasks
    from ..task import Task

_log = logging.getLogger("photon.tasks")
_MOST_ERROR = 20_000


class Ending(Enum):
    """Why an attempt is cancelled."""

    CANCELLED = "cancelled"
    STOPPED = "stopped"
    LOST = "lost"


@final
class Attempt:
    """One attempt at a job.

    Attributes:
        claimed: The job.
        worker: Id of the worker that has claimed it.
        ending: Why it is cancelled; ``None`` while it is not.
        error: What the task has raised.
    """

    __slots__ = ("_scope", "_tasks", "claimed", "ending", "error", "worker")

    def __init__(self, claimed: ClaimedJob, worker: str, tasks: Tasks) -> None:
        """Note the job."""
        self.claimed = claimed
        self.worker = worker
        self.ending: Ending | None = None
        self.error: BaseException | None = None
        self._tasks = tasks
        self._scope: rt.Scope | None = None

    def end(self, ending: Ending) -> None:
        """Cancel it, for that reason. Does not wait."""
        self.ending = self.ending or ending
        if self._scope is not None:
            self._scope.cancel()

    def run(self) -> AttemptOutcome | None:
        """Run the task, and return what has become of the attempt.

        Returns:
            ``None`` if the lease is lost: the job belongs to another worker.

        Blocks: the calling task, until the attempt has ended.
        """
        set_owner(self.claimed.owner)
        observation = AttemptObservation(self._tasks.observer, self._tasks.tracer, self.claimed)
        outcome: AttemptOutcome | None = None
        try:
            outcome = self._run()
        finally:
            observation.end(outcome, self.error)
        return outcome

    def _run(self) -> AttemptOutcome | None:
        outcome: AttemptOutcome | None = None
        with rt.scope() as scope:
            self._scope = scope
            if self.ending is not None:
                scope.cancel()
            outcome = self._outcome()
        self._scope = None
        if self.ending is Ending.LOST:
            return None
        if outcome is None:
            return self._cancelled()
        return outcome

    def _outcome(self) -> AttemptOutcome | None:
        claimed = self.claimed
        task = self._tasks.registry.get(claimed.task)
        if task is None:
            return self._parked(f"the task {claimed.task!r} is not defined in this application")
        try:
            arguments = task.signature.decode(claimed.arguments)
        except ValidationError as error:
            return self._parked(
                f"the arguments do not fit the task {claimed.task}: {explained(error)}"
            )
        job = Job(claimed, self.worker, self._tasks)
        outcome = self._called(task, job, arguments)
        if outcome is None or not job.following:
            return outcome
        before = outcome.delivery or Delivery()
        jobs = [*before.jobs, *job.following]
        return attrs.evolve(outcome, delivery=attrs.evolve(before, jobs=jobs))

    def _called(
        self, task: Task[..., Any], job: Job, arguments: dict[str, Any]
    ) -> AttemptOutcome | None:
        claim = self.claimed.claim
        token = job_variable.set(job)
        limit = task.options.timeout
        if limit is None:
            limit = self._tasks.settings.timeout
        try:
            with rt.deadline(limit) if limit else contextlib.nullcontext():
                result = call_task(self._tasks, task, job, arguments)
            text = task.signature.encode_result(result, limit=self._tasks.settings.max_result)
        except Parked as parked:
            return AttemptOutcome(
                claim=claim,
                state=JobState.WAITING,
                delay=parked.delay,
                event=parked.event,
                gives_back=True,
            )
        except LeaseLost:
            self.ending = Ending.LOST
            return None
        except Cancelled:
            raise
        except rt.DeadlineExceeded as error:
            return self._failed(task, error, f"the attempt did not end within {limit:g} s")
        except BaseException as error:
            return self._failed(task, error)
        finally:
            job_variable.reset(token)
        return self._completed(text)

    # -- outcomes ---------------------------------------------------------------------------------

    def _completed(self, result: str | None) -> AttemptOutcome:
        try:
            delivery = follow_up(self.claimed, result)
        except msgspec.ValidationError as error:  # of another version of Photon
            return self._parked(f"the job has ended, and what follows it cannot be read: {error}")
        if (
            self._tasks.development
        ):  # a line for each of thousands of jobs would cost as much as one
            _log.info("the job %s of %s is completed", self.claimed.claim.job, self.claimed.task)
        return AttemptOutcome(
            claim=self.claimed.claim,
            state=JobState.COMPLETED,
            result=result,
            keep=self.claimed.keep,
            delivery=delivery,
        )

    def _parked(self, reason: str) -> AttemptOutcome:
        _log.error("the job %s is parked: %s", self.claimed.claim.job, reason)
        return AttemptOutcome(
            claim=self.claimed.claim, state=JobState.PARKED, error=reason, gives_back=True
        )

    def _failed(
        self, task: Task[..., Any], error: BaseException, reason: str | None = None
    ) -> AttemptOutcome:
        self.error = error
        claim = self.claimed.claim
        text = reason or describe(error)
        is_last = claim.attempt >= self.claimed.max_attempts
        is_dead = is_last or isinstance(error, task.options.fatal)
        if isinstance(error, ProcessFailed):
            is_dead = is_dead or error.is_fatal
        if not isinstance(error, Exception):  # such as SystemExit: of the job, not of the worker
            is_dead = is_last
        delay = getattr(error, "retry_in", None)
        if is_dead or delay == math.inf:
            _log.error(
                "the job %s of %s is dead after attempt %d of %d",
                claim.job,
                task.name,
                claim.attempt,
                self.claimed.max_attempts,
                exc_info=error,
            )
            return AttemptOutcome(
                claim=claim, state=JobState.DEAD, error=text, keep=self._tasks.settings.keep_dead
            )
        if not isinstance(delay, int | float):
            delay = task.options.backoff.delay(claim.attempt)
        _log.warning(
            "attempt %d of %d at the job %s of %s has failed, the next one follows in %.1f s",
            claim.attempt,
            self.claimed.max_attempts,
            claim.job,
            task.name,
            delay,
            exc_info=error,
        )
        return AttemptOutcome(claim=claim, state=JobState.FAILED, delay=max(0.0, delay), error=text)

    def _cancelled(self) -> AttemptOutcome:
        """Return the outcome of an attempt that has left its function by a cancellation."""
        claim = self.claimed.claim
        if self.ending is Ending.CANCELLED:
            return AttemptOutcome(
                claim=claim,
                state=JobState.CANCELLED,
                error="cancelled while it was running",
                keep=self.claimed.keep,
            )
        return AttemptOutcome(claim=claim, state=JobState.QUEUED, gives_back=True)


def describe(error: BaseException) -> str:
    """Return the text about an error that is kept with its job: the author's lines, the error."""
    text = str(error) if isinstance(error, ProcessFailed) else readable(error)
    if len(text) <= _MOST_ERROR:
        return text
    half = _MOST_ERROR // 2
    return f"{text[:half]}\n…\n{text[-half:]}"
