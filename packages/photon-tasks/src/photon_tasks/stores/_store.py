"""`JobStore`: where jobs are, with the same promises on every database and server.

Theory of operation
-------------------
*Nothing is lost, nothing is invented.* Each method is one atomic step. A method that fails with
`StoreUnavailable` may have been executed or not; repeating it does no harm, since jobs have ids
that are made before they are enqueued, outcomes name their attempt, and ticks have a time.

*Fenced leases.* A claim counts the attempt before the job starts, and notes the worker. The pair of
worker and attempt number identifies the claim: outcomes, progress and steps with another pair are
refused (``False``). A worker has one lease for all of its jobs, which its heartbeats extend. They
come from a thread of their own, so a job that computes does not stop them, and the end of the
process does.

*Recovery.* Every worker observes the others: `JobStore.workers` shows the number of heartbeats of
each. A worker whose number has not changed for a while, by the observer's monotonic clock, and
whose lease has expired by the store's clock, is dead; `JobStore.recover` names the number that was
observed, and does nothing if it has changed. So neither a jump of a clock nor an observer that was
itself stopped takes jobs from a worker that lives. `photon_tasks.worker` has the rule.

*Order.* Within a queue, jobs with a greater priority go first, and among equals the one that
became queued first (the order of `JobStore.deliver`; of delayed ones, when they became due).
Between queues, `JobStore.claim` gives every queue that has jobs the same share.

*Time.* Everything that a store compares, it compares by its own clock: that of the server, or of
the machine for SQLite. A job without a delay is queued at once and never compared with a clock.

*Waiting.* Every method waits for the store, and takes part in cancellation and deadlines; callers
set the deadlines. An interrupted call leaves no connection in the middle of a command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from ..records import (
    AttemptOutcome,
    Beat,
    Claim,
    Claims,
    Delivery,
    Enqueued,
    JobFilter,
    JobRecord,
    NewJob,
    QueueDepth,
    Recovered,
    ScheduleRecord,
    WorkerInfo,
    WorkerRecord,
)


@runtime_checkable
class InspectedStore(Protocol):
    """A store that can be checked; an optional interface of stores."""

    def notify(self) -> None:
        """Call what listens to the store, in all processes, as enqueueing does.

        Raises:
            StoreUnavailable: The store did not respond.
        """

    def warnings(self) -> Sequence[str]:
        """Return what is wrong with the database or server, as sentences for its operator.

        Raises:
            StoreUnavailable: The store did not respond.
        """
        ...


class JobStore(Protocol):
    """The jobs of an application.

    Attributes:
        name: Kind of the store, such as ``sqlite``, for metrics and messages.
    """

    name: str

    # -- life -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make the tables or scripts, if they do not exist; several processes may do so at once.

        Raises:
            StoreRefused: The store cannot be used, and a repetition would not help.
        """

    def close(self) -> None:
        """Close all connections; the store may be opened again."""

    # -- enqueueing -------------------------------------------------------------------------------

    def joins(self, database: object) -> bool:
        """Return whether `deliver` can be part of a transaction of this engine. Does not wait."""
        ...

    def deliver(self, delivery: Delivery, *, connection: Any = None) -> Sequence[Enqueued]:
        """Enqueue jobs, in their order, and send events.

        An event for a job that waits for it makes the job queued; any other one is kept for the job
        until it waits for it. One for a job that does not exist, or has ended, is dropped.

        Args:
            delivery: What to enqueue.
            connection: Connection of SQLAlchemy whose transaction it becomes a part of; only of a
                database that the store `joins`. Without one, it is a transaction of its own.

        Returns:
            One outcome for each job.
        """
        ...

    def listen(self, wake: Callable[[], object]) -> None:
        """Call ``wake`` whenever jobs may have become queued, in any process.

        ``wake`` is called once when notifications are certain to arrive. It does not wait.

        Raises:
            StoreUnavailable: Notifications may have been lost. The caller calls it again.

        Blocks: the calling task, until it is cancelled.
        """

    # -- workers ----------------------------------------------------------------------------------

    def register(self, worker: WorkerInfo, lease: float) -> None:
        """Note a worker, with a lease of that many seconds."""

    def beat(self, worker: str, lease: float) -> Beat:
        """Extend the lease of a worker, and count the heartbeat.

        It is called by another instance of the store than the other methods, on another hub.
        """
        ...

    def unregister(self, worker: str) -> None:
        """Remove a worker; jobs that it still has are queued again, and their attempt given back.

        They go to the front of their priority.
        """

    def workers(self) -> Sequence[WorkerRecord]:
        """Return all workers."""
        ...

    def recover(self, worker: str, beats: int) -> Recovered:
        """Take the jobs from a worker, and remove it, unless it has another number of heartbeats.

        Jobs with attempts left are queued again, at the front of their priority; the others are
        dead, with an error that says that the worker has ended during the attempt. Jobs whose
        cancellation was requested are cancelled.
        """
        ...

    def claim(self, worker: str, limit: int, queues: Sequence[str] = ()) -> Claims:
        """Claim at most ``limit`` jobs that are due, and count their attempts.

        Delayed, failed and waiting jobs that have become due are queued first. A unique key that
        lasts until the start is free afterwards.

        Args:
            worker: A registered worker. One that is not known gets nothing.
            limit: Maximum number of jobs.
            queues: Queues to take jobs from; empty for all.
        """
        ...

    def finish(self, worker: str, outcomes: Sequence[AttemptOutcome]) -> Sequence[bool]:
        """Record what has become of attempts, and enqueue what follows from them.

        A job of a group that ends well counts down the group; the last one enqueues what follows.
        A job that waits for an event that is already there is queued at once.

        Returns:
            For each outcome, ``False`` if the claim is not the worker's any more: nothing of that
            outcome was recorded, and nothing of its delivery was enqueued.
        """
        ...

    # -- running jobs -----------------------------------------------------------------------------

    def set_progress(self, worker: str, claim: Claim, progress: str) -> bool:
        """Set the progress of a job, as JSON; ``False`` if the claim is not the worker's."""
        ...

    def steps(self, job: str) -> Mapping[str, str]:
        """Return the recorded steps of a job: JSON texts by name."""
        ...

    def set_step(self, worker: str, claim: Claim, name: str, value: str) -> bool:
        """Record a step of a job, or replace it; ``False`` if the claim is not the worker's."""
        ...

    def take_event(self, worker: str, claim: Claim, name: str, step: str) -> str | None:
        """Move the oldest event of that name of the job to its steps, as ``step``.

        Returns:
            The payload; ``None`` if there is no such event, or the claim is not the worker's.
        """
        ...

    # -- people -----------------------------------------------------------------------------------

    def job(self, job: str) -> JobRecord | None:
        """Return a job; ``None`` if it does not exist, or is not kept any more."""
        ...

    def jobs(
        self, choice: JobFilter, *, limit: int = 100, before: str | None = None
    ) -> Sequence[JobRecord]:
        """Return jobs, the newest (greatest id) first.

        Args:
            choice: Which jobs.
            limit: Maximum number.
            before: Only jobs with a smaller id, for the next page.
        """
        ...

    def depths(self) -> Sequence[QueueDepth]:
        """Return the number of jobs for each queue and state that has any."""
        ...

    def cancel(self, job: str) -> JobRecord | None:
        """Cancel a job: at once if it does not run, else by the next heartbeat of its worker.

        Returns:
            The job afterwards; ``None`` if it does not exist.
        """
        ...

    def requeue(self, choice: JobFilter) -> int:
        """Queue jobs anew that are dead, parked, failed, waiting, scheduled or cancelled.

        Their attempts begin anew, their steps are kept. A job whose unique key another one has by
        now stays as it is.

        Returns:
            Number of jobs that were queued.
        """
        ...

    def purge(self, choice: JobFilter) -> int:
        """Remove jobs that do not run, with all that belongs to them; return how many."""
        ...

    def tidy(self, keep_dead: float) -> int:
        """Remove what is not kept any more: ended jobs, keys, steps, events, groups.

        Args:
            keep_dead: Seconds for which dead and parked jobs are kept.

        Returns:
            Number of removed jobs; a limited number at a time, so that it takes a moment only.
        """
        ...

    # -- schedules --------------------------------------------------------------------------------

    def schedules(self) -> Mapping[str, ScheduleRecord]:
        """Return the schedules that are known, by name."""
        ...

    def set_schedule(self, record: ScheduleRecord, expected: ScheduleRecord | None) -> bool:
        """Replace what is known of a schedule, if it still is ``expected`` (``None``: unknown)."""
        ...

    def fire(
        self, record: ScheduleRecord, expected: ScheduleRecord, jobs: Sequence[NewJob]
    ) -> bool:
        """Replace what is known of a schedule, and enqueue the jobs of its ticks, in one step.

        Returns:
            ``False`` if it is not ``expected`` any more: another process has fired the ticks.
        """
        ...

    # -- operation --------------------------------------------------------------------------------

    def clock(self) -> float:
        """Return the time by the store's clock, in seconds since the epoch."""
        ...
