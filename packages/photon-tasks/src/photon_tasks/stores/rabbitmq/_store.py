"""`RabbitStore`: jobs in a database, announced by RabbitMQ.

Theory of operation. A queue of RabbitMQ cannot keep what `JobStore` promises: a message is not part
of a transaction of the application, its acknowledgement is not fenced by an attempt, it cannot be
looked up or cancelled, and a unique key, a schedule or a step has no place in it. So jobs are rows
of a database, by another store, with all of its promises. RabbitMQ wakes the workers, on all
machines, without a connection that listens to the database; it is what a pooler in front of
PostgreSQL does not pass on, and SQLite does not have.

An announcement follows its transaction. One that is lost, because the server is away or the process
ends in between, costs time only: workers look once in ``[tasks] poll_interval`` without one. So an
error of RabbitMQ is logged, and never fails a call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import photon_runtime as rt
from photon_runtime.errors import PhotonError
from photon_runtime.hub_threads import current_hub
from photon_runtime.transactions import on_commit

from ...errors import StoreRefused, StoreUnavailable
from ...records import (
    ENDED,
    AttemptOutcome,
    Beat,
    Claim,
    Claims,
    Delivery,
    Enqueued,
    JobFilter,
    JobRecord,
    JobState,
    NewJob,
    QueueDepth,
    Recovered,
    ScheduleRecord,
    WorkerInfo,
    WorkerRecord,
)
from .._store import JobStore

try:
    from ._announcements import FAILURES, Announcer, Listener
except ImportError as error:
    raise PhotonError(
        "[tasks] url names a RabbitMQ, and pika is not installed: pip install "
        "'photon-tasks[rabbitmq]'"
    ) from error

_log = logging.getLogger("photon.tasks")

_TIMEOUT: Final = 1.0
_PAUSE: Final = 5.0
"""Seconds without an attempt to announce, after one that has failed."""

T = TypeVar("T")


class RabbitStore:
    """Jobs in a database, announced by RabbitMQ; see `JobStore`.

    Args:
        url: Address of the server, ``amqp://`` or ``amqps://``.
        records: The store that has the jobs.

    Attributes:
        name: ``rabbitmq``.

    Raises:
        StoreRefused: The URL is invalid.
    """

    name = "rabbitmq"

    def __init__(self, url: str, records: JobStore) -> None:
        """Note the address; nothing is opened."""
        self._url = url
        self._records = records
        try:
            self._announcer = Announcer(url)
        except ValueError as error:
            raise StoreRefused(f"[tasks] url: {error}") from error
        self._sending = rt.Lock()
        self._is_news = False
        self._silent_until = 0.0

    # -- life -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the store that has the jobs; RabbitMQ is connected to when it is needed."""
        self._records.open()

    def close(self) -> None:
        """Close the connection, and the store that has the jobs."""
        announcer, self._announcer = self._announcer, Announcer(self._url)
        with rt.shield():
            rt.offload(announcer.close)
        self._records.close()

    # -- announcements ----------------------------------------------------------------------------

    def listen(self, wake: Callable[[], object]) -> None:
        """Call ``wake`` whenever jobs may have become queued; see `JobStore`."""
        post = current_hub().post
        listener = Listener(self._url, lambda: post(wake))
        try:
            rt.offload(listener.run)
        except FAILURES as error:
            raise StoreUnavailable(_text(error)) from error
        finally:
            listener.stop()

    def _announced(self, result: T) -> T:
        """Wake the workers, and return the result of the call that has queued jobs."""
        self._announce()
        return result

    def _announce(self) -> None:
        """Wake the workers. Calls that wait for each other send one message."""
        self._is_news = True
        with rt.shield(), self._sending:
            hub = current_hub()
            if not self._is_news or hub.time() < self._silent_until:
                return
            self._is_news = False
            announcer = self._announcer
            try:
                with rt.deadline(_TIMEOUT):
                    rt.offload(announcer.announce)
            except (*FAILURES, rt.DeadlineExceeded) as error:
                _log.warning(
                    "jobs are not announced for %g s, and workers find them by looking: %s",
                    _PAUSE,
                    _text(error),
                )
                announcer.give_up()
                self._announcer = Announcer(self._url)
                self._silent_until = hub.time() + _PAUSE

    # -- enqueueing -------------------------------------------------------------------------------

    def joins(self, database: object) -> bool:
        """Return whether the store that has the jobs joins the database."""
        return self._records.joins(database)

    def deliver(self, delivery: Delivery, *, connection: Any = None) -> Sequence[Enqueued]:
        """Enqueue jobs, and send events; see `JobStore`."""
        enqueued = self._records.deliver(delivery, connection=connection)
        if connection is None:
            self._announce()
        else:
            on_commit(lambda: rt.spawn(self._announce))
        return enqueued

    # -- workers ----------------------------------------------------------------------------------

    def register(self, worker: WorkerInfo, lease: float) -> None:
        """Note a worker; see `JobStore`."""
        self._records.register(worker, lease)

    def beat(self, worker: str, lease: float) -> Beat:
        """Extend the lease of a worker; see `JobStore`."""
        return self._records.beat(worker, lease)

    def unregister(self, worker: str) -> None:
        """Remove a worker, and queue its jobs again; see `JobStore`."""
        self._records.unregister(worker)
        self._announce()

    def workers(self) -> Sequence[WorkerRecord]:
        """Return all workers."""
        return self._records.workers()

    def recover(self, worker: str, beats: int) -> Recovered:
        """Take the jobs from a worker; see `JobStore`."""
        recovered = self._records.recover(worker, beats)
        if recovered.queued:
            self._announce()
        return recovered

    def claim(self, worker: str, limit: int, queues: Sequence[str] = ()) -> Claims:
        """Claim jobs that are due; see `JobStore`."""
        return self._records.claim(worker, limit, queues)

    def finish(self, worker: str, outcomes: Sequence[AttemptOutcome]) -> Sequence[bool]:
        """Record what has become of attempts; see `JobStore`."""
        recorded = self._records.finish(worker, outcomes)
        if any(map(_is_followed, outcomes)):
            self._announce()
        return recorded

    # -- running jobs -----------------------------------------------------------------------------

    def set_progress(self, worker: str, claim: Claim, progress: str) -> bool:
        """Set the progress of a job; see `JobStore`."""
        return self._records.set_progress(worker, claim, progress)

    def steps(self, job: str) -> Mapping[str, str]:
        """Return the recorded steps of a job."""
        return self._records.steps(job)

    def set_step(self, worker: str, claim: Claim, name: str, value: str) -> bool:
        """Record a step of a job; see `JobStore`."""
        return self._records.set_step(worker, claim, name, value)

    def take_event(self, worker: str, claim: Claim, name: str, step: str) -> str | None:
        """Move the oldest event of that name to the steps; see `JobStore`."""
        return self._records.take_event(worker, claim, name, step)

    # -- people -----------------------------------------------------------------------------------

    def job(self, job: str) -> JobRecord | None:
        """Return a job; ``None`` if it does not exist, or is not kept any more."""
        return self._records.job(job)

    def jobs(
        self, choice: JobFilter, *, limit: int = 100, before: str | None = None
    ) -> Sequence[JobRecord]:
        """Return jobs, the newest first; see `JobStore`."""
        return self._records.jobs(choice, limit=limit, before=before)

    def depths(self) -> Sequence[QueueDepth]:
        """Return the number of jobs for each queue and state that has any."""
        return self._records.depths()

    def cancel(self, job: str) -> JobRecord | None:
        """Cancel a job; see `JobStore`."""
        return self._records.cancel(job)

    def requeue(self, choice: JobFilter) -> int:
        """Queue jobs anew; see `JobStore`."""
        return self._announced(self._records.requeue(choice))

    def purge(self, choice: JobFilter) -> int:
        """Remove jobs that do not run; see `JobStore`."""
        return self._records.purge(choice)

    def tidy(self, keep_dead: float) -> int:
        """Remove what is not kept any more; see `JobStore`."""
        return self._records.tidy(keep_dead)

    # -- schedules --------------------------------------------------------------------------------

    def schedules(self) -> Mapping[str, ScheduleRecord]:
        """Return the schedules that are known, by name."""
        return self._records.schedules()

    def set_schedule(self, record: ScheduleRecord, expected: ScheduleRecord | None) -> bool:
        """Replace what is known of a schedule; see `JobStore`."""
        return self._records.set_schedule(record, expected)

    def fire(
        self, record: ScheduleRecord, expected: ScheduleRecord, jobs: Sequence[NewJob]
    ) -> bool:
        """Replace what is known of a schedule, and enqueue jobs; see `JobStore`."""
        return self._announced(self._records.fire(record, expected, jobs))

    # -- operation --------------------------------------------------------------------------------

    def clock(self) -> float:
        """Return the time by the clock of the store that has the jobs."""
        return self._records.clock()


def _is_followed(outcome: AttemptOutcome) -> bool:
    """Return whether an outcome may queue jobs; one of a group may, too."""
    return outcome.delivery is not None or outcome.state not in {*ENDED, JobState.PARKED}


def _text(error: BaseException) -> str:
    return f"RabbitMQ: {str(error) or type(error).__name__}"
