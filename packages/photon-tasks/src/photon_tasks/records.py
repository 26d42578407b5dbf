"""The values that describe jobs, between those who enqueue, the stores and the workers.

A job is one call of a task, with its arguments. It is in one of these states::

    scheduled ──due──▶ queued ──claim──▶ running ──▶ completed
                          ▲                 │
                          │◀──due── failed ◀┤ an attempt failed, another one follows
                          │◀─ due, event ─ waiting ◀┤ it sleeps, or waits for an event
                          │                 ├──▶ dead       all attempts failed
                          └──requeue by hand┴──▶ parked     its task is unknown, or its arguments

``cancelled`` can follow all but ``completed`` and ``dead``. Completed, dead and cancelled jobs are
kept for a while, with their result or error, and then removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, TypeAlias

import attrs

Until: TypeAlias = Literal["start", "done", "period"]


class JobState(StrEnum):
    """The state of a job; see the module."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    COMPLETED = "completed"
    DEAD = "dead"
    PARKED = "parked"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.COMPLETED, JobState.DEAD, JobState.CANCELLED})
"""States that a job leaves only when it is queued again by hand."""


@attrs.frozen
class UniqueKey:
    """A key that one job at a time has.

    Attributes:
        key: The key; keys of different tasks differ.
        until: When the key is free again: when the job starts for the first time (``start``), when
            it is completed, dead or cancelled (``done``), or when ``seconds`` have passed since it
            was enqueued, whatever has become of the job (``period``).
        seconds: Seconds of a ``period``.
    """

    key: str
    until: Until = "done"
    seconds: float = 0.0


@attrs.frozen(kw_only=True)
class NewJob:
    """A job to be enqueued.

    Attributes:
        id: A UUID, of version 7: later jobs of a process have greater ones. Enqueueing a job with
            the id of a job that exists does nothing, so enqueueing may be repeated.
        task: Name of the task.
        queue: Name of the queue.
        arguments: Arguments of the call by name, as a JSON object.
        priority: Jobs with a greater one go first within a queue.
        max_attempts: Number of attempts after which the job is dead.
        due: Earliest time of the start, in seconds since the epoch; ``None`` for ``delay``.
        delay: Seconds from the moment of enqueueing to the earliest start, by the store's clock.
        unique: Key that no other job may have.
        keep: Seconds for which the job is kept when it is completed or cancelled.
        trace: Trace and request that have enqueued it, as `photon_tasks.observability` writes them:
            a W3C ``traceparent``, and ``;request_id=…``. Empty without either.
        owner: Owner of the job, as the application names it; empty without one.
        group: Id of the group that it belongs to.
        then: Jobs that follow when it is completed, as a JSON text of `photon_tasks.flows`.
    """

    id: str
    task: str
    queue: str = "default"
    arguments: str = "{}"
    priority: int = 0
    max_attempts: int = 4
    due: float | None = None
    delay: float = 0.0
    unique: UniqueKey | None = None
    keep: float = 86_400.0
    trace: str = ""
    owner: str = ""
    group: str | None = None
    then: str | None = None


@attrs.frozen(kw_only=True)
class NewGroup:
    """A group of jobs, and what follows when all of them have ended.

    Attributes:
        id: Id of the group.
        size: Number of its jobs.
        then: Jobs that are enqueued when all jobs of the group have ended well, as in `NewJob`.
    """

    id: str
    size: int
    then: str | None = None


@attrs.frozen
class NewEvent:
    """An event for a job, which may wait for it now or later.

    Attributes:
        job: Id of the job.
        name: Name of the event.
        payload: A JSON text.
    """

    job: str
    name: str
    payload: str = "null"


@attrs.frozen
class Delivery:
    """Everything that is enqueued together, all of it or nothing.

    Attributes:
        jobs: The jobs.
        groups: The groups that they belong to.
        events: Events for other jobs.
    """

    jobs: Sequence[NewJob] = ()
    groups: Sequence[NewGroup] = ()
    events: Sequence[NewEvent] = ()


@attrs.frozen
class Enqueued:
    """What has become of a `NewJob`.

    Attributes:
        id: Its id, or that of the job that has its unique key.
        is_new: False if another job has its unique key, or it had been enqueued before.
    """

    id: str
    is_new: bool


@attrs.frozen
class Claim:
    """One attempt of a worker at a job. It is what fences: every attempt has another number.

    Attributes:
        job: Id of the job.
        attempt: Number of the attempt, from 1; counted before the job starts.
    """

    job: str
    attempt: int


@attrs.frozen(kw_only=True)
class ClaimedJob:
    """A job that a worker has claimed.

    Attributes:
        claim: The attempt.
        task: Name of the task.
        queue: Name of the queue.
        arguments: As in `NewJob`.
        priority: Its priority.
        max_attempts: Number of attempts after which it is dead.
        claims: How often it has been claimed, attempts that were given back included: more than 1
            means that it may have recorded steps.
        lost: How many of its attempts, since the last one with an outcome, have ended with their
            worker: it may be the job that ends workers.
        waited: Seconds from the time at which it was due to the claim.
        keep: As in `NewJob`.
        trace: As in `NewJob`.
        owner: As in `NewJob`.
        group: As in `NewJob`.
        then: As in `NewJob`.
    """

    claim: Claim
    task: str
    queue: str
    arguments: str
    priority: int = 0
    max_attempts: int = 1
    claims: int = 1
    lost: int = 0
    waited: float = 0.0
    keep: float = 0.0
    trace: str = ""
    owner: str = ""
    group: str | None = None
    then: str | None = None


@attrs.frozen
class Claims:
    """What a claim has yielded.

    Attributes:
        jobs: The jobs.
        next_due: Seconds until the next job of these queues is due; ``None`` if none is known. Zero
            if further jobs are queued.
    """

    jobs: Sequence[ClaimedJob]
    next_due: float | None = None


@attrs.frozen(kw_only=True)
class AttemptOutcome:
    """What has become of an attempt.

    Attributes:
        claim: The attempt.
        state: The next state: ``completed``, ``failed`` (another attempt follows), ``dead``,
            ``parked``, ``cancelled``, ``waiting``, or ``queued`` for a job that is given back.
        delay: Seconds until it is due again, for ``failed`` and ``waiting``; ``None`` for a job
            that waits for an event without a limit.
        event: Name of the event that ``waiting`` ends with, if it comes before the delay is over.
        result: The result as JSON; ``None`` if there is none to keep.
        error: A text for people: the error of the attempt.
        keep: Seconds for which the job is kept, for states that end it.
        gives_back: True if the attempt does not count, as for ``queued`` and ``waiting``.
        delivery: What is enqueued in the same step, if the outcome is accepted.
    """

    claim: Claim
    state: JobState
    delay: float | None = None
    event: str | None = None
    result: str | None = None
    error: str | None = None
    keep: float = 0.0
    gives_back: bool = False
    delivery: Delivery | None = None


@attrs.frozen(kw_only=True)
class JobRecord:
    """A job as it is in the store.

    Times are seconds since the epoch, by the store's clock.

    Attributes:
        id: Id of the job.
        task: Name of the task.
        queue: Name of the queue.
        state: Its state.
        arguments: As in `NewJob`.
        priority: Its priority.
        attempts: Number of attempts that were begun and count.
        max_attempts: Number of attempts after which it is dead.
        enqueued: When it was enqueued.
        due: When it is or was due; ``None`` for a job that waits for an event without a limit.
        started: When its latest attempt began.
        ended: When it ended.
        worker: Id of the worker that runs it.
        progress: Its progress as JSON.
        result: Its result as JSON.
        error: The error of its latest attempt.
        event: Name of the event that it waits for.
        unique: Its unique key.
        owner: As in `NewJob`.
        trace: As in `NewJob`.
        group: As in `NewJob`.
        then: As in `NewJob`.
        is_cancelled: True if its cancellation was requested while it runs.
    """

    id: str
    task: str
    queue: str
    state: JobState
    arguments: str
    priority: int
    attempts: int
    max_attempts: int
    enqueued: float
    due: float | None = None
    started: float | None = None
    ended: float | None = None
    worker: str | None = None
    progress: str | None = None
    result: str | None = None
    error: str | None = None
    event: str | None = None
    unique: str | None = None
    owner: str = ""
    trace: str = ""
    group: str | None = None
    then: str | None = None
    is_cancelled: bool = False


@attrs.frozen(kw_only=True)
class JobFilter:
    """A choice of jobs; every condition must hold.

    Attributes:
        ids: Ids; ``None`` for all.
        states: States; empty for all.
        tasks: Names of tasks; empty for all.
        queues: Names of queues; empty for all.
        min_age: Seconds since the job was enqueued or, if it has ended, since its end.
    """

    ids: Sequence[str] | None = None
    states: Sequence[JobState] = ()
    tasks: Sequence[str] = ()
    queues: Sequence[str] = ()
    min_age: float = 0.0


@attrs.frozen
class QueueDepth:
    """The jobs of a queue in a state.

    Attributes:
        queue: Name of the queue.
        state: The state.
        jobs: Their number.
        oldest: Age of the oldest one: seconds since it was due, for ``queued`` ones, or since it
            was enqueued.
    """

    queue: str
    state: JobState
    jobs: int
    oldest: float


@attrs.frozen(kw_only=True)
class WorkerInfo:
    """A worker process, as it introduces itself.

    Attributes:
        id: A random text: another one for each start of a worker, and after a lost lease.
        host: Name of its machine, for people only.
        pid: Its process, for people only.
        queues: Queues that it takes jobs from; empty for all.
        concurrency: Number of jobs that it runs at the same time.
    """

    id: str
    host: str = ""
    pid: int = 0
    queues: Sequence[str] = ()
    concurrency: int = 1


@attrs.frozen
class WorkerRecord:
    """A worker in the store.

    Attributes:
        info: What it has introduced itself with.
        beats: Number of its heartbeats.
        lease_left: Seconds until its lease expires by the store's clock; negative afterwards.
        started: When it was registered, in seconds since the epoch.
        running: Number of jobs that it has.
    """

    info: WorkerInfo
    beats: int
    lease_left: float
    started: float = 0.0
    running: int = 0


@attrs.frozen
class Beat:
    """The answer to a heartbeat.

    Attributes:
        is_known: False if the worker has lost its lease: its jobs belong to others.
        cancelled: Claims of the worker whose cancellation was requested.
    """

    is_known: bool
    cancelled: Sequence[Claim] = ()


@attrs.frozen
class Recovered:
    """The jobs that were taken from a worker that has lost its lease.

    Attributes:
        queued: Ids of jobs that are queued again.
        dead: Ids of jobs that had no attempt left.
    """

    queued: Sequence[str] = ()
    dead: Sequence[str] = ()


@attrs.frozen
class ScheduleRecord:
    """What a store knows of a schedule.

    Attributes:
        name: Name of the schedule.
        text: Its text and time zone when it fired last; another text begins anew.
        last: The tick that fired last, or the time at which the schedule was first seen; in
            seconds since the epoch.
    """

    name: str
    text: str
    last: float
