"""`EnqueuedJob`: a job, as the code that has enqueued it sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

import photon_runtime as rt
from photon_runtime.hub_threads import current_hub

from ._identifiers import key_of
from .errors import JobFailed, JobNotFound
from .records import Delivery, JobRecord, JobState, NewEvent

if TYPE_CHECKING:
    from ._arguments import CallSignature
    from .current import Tasks

R = TypeVar("R")
_FIRST_POLL = 0.01
_LAST_POLL = 0.5


@final
class EnqueuedJob(Generic[R]):
    """A job that was enqueued.

    Attributes:
        id: Id of the job; that of another job, if this one has its unique key.
        is_new: False if nothing was enqueued, because another job has the unique key.
    """

    __slots__ = ("_signature", "_tasks", "id", "is_new")

    def __init__(
        self,
        id: str,
        is_new: bool,
        tasks: Tasks,
        signature: CallSignature | None,
    ) -> None:
        """Note the job; `photon_tasks.task` makes it."""
        self.id = id
        self.is_new = is_new
        self._tasks = tasks
        self._signature = signature

    def __repr__(self) -> str:
        """Show the id."""
        return f"<EnqueuedJob {self.id}>"

    @property
    def url(self) -> str | None:
        """URL of its status; ``None`` if the application has no such route. Does not wait."""
        return self._tasks.job_url(self.id)

    def record(self) -> JobRecord:
        """Return the job as it is now.

        Raises:
            JobNotFound: It does not exist, or is not kept any more; also while the transaction that
                it belongs to is open.

        Blocks: the calling task.
        """
        record = self._tasks.store.job(self.id)
        if record is None:
            raise self._not_found()
        return record

    def _not_found(self) -> JobNotFound:
        return JobNotFound(
            f"the job {self.id} does not exist: the transaction that has enqueued it is not "
            "committed yet or was rolled back, or the job is not kept any more"
        )

    def status(self) -> JobState:
        """Return its state; see `record`."""
        return self.record().state

    def progress(self) -> Any:
        """Return its progress as plain JSON; ``None`` before the first. See `record`."""
        progress = self.record().progress
        return None if progress is None else json.loads(progress)

    def result(self, timeout: float | None = None) -> R:
        """Wait for the end of the job, and return its result.

        Args:
            timeout: Maximum number of seconds to wait; ``None`` for no limit, zero not to wait.

        Raises:
            JobFailed: It is dead, parked or cancelled.
            JobNotFound: See `record`. A job that an outbox relays is waited for, for ``[tasks]
                enqueue_timeout`` seconds.
            TimeoutError: It has not ended in time.

        Blocks: the calling task, until the job has ended.
        """
        deadline = rt.deadline(timeout) if timeout is not None and timeout > 0 else None
        if deadline is None:
            return self._result(waits=timeout is None)
        try:
            with deadline:
                return self._result(waits=True)
        except rt.DeadlineExceeded:
            raise TimeoutError(f"the job {self.id} has not ended within {timeout:g} s") from None

    def _result(self, *, waits: bool) -> R:
        interval = _FIRST_POLL
        record = self._relayed_record() if waits else self.record()
        while True:
            match record.state:
                case JobState.COMPLETED:
                    result: R = self._decoded(record.result)
                    return result
                case JobState.DEAD | JobState.PARKED | JobState.CANCELLED:
                    raise JobFailed(f"the job {self.id} is {record.state}: {record.error or ''}")
            if not waits:
                raise TimeoutError(f"the job {self.id} is {record.state}")
            rt.sleep(interval)
            interval = min(interval * 1.5, _LAST_POLL)
            record = self.record()

    def _relayed_record(self) -> JobRecord:
        """Return the job, and wait for it where an outbox may be about to relay it."""
        hub, tasks = current_hub(), self._tasks
        is_relayed = tasks.deliveries.outbox is not None
        end = hub.time() + (tasks.settings.enqueue_timeout if is_relayed else 0.0)
        while True:
            record = tasks.store.job(self.id)
            if record is not None or hub.time() >= end:
                return record or self.record()
            rt.sleep(_FIRST_POLL)

    def _decoded(self, result: str | None) -> Any:
        if result is None:
            return None
        if self._signature is None:
            return json.loads(result)
        return self._signature.decode_result(result)

    def cancel(self) -> JobState:
        """Cancel the job: at once if it does not run, else at the next heartbeat of its worker.

        Returns:
            Its state: ``running`` for a job that is being cancelled.

        Raises:
            JobNotFound: See `record`.

        Blocks: the calling task.
        """
        record = self._tasks.store.cancel(self.id)
        if record is None:
            raise self._not_found()
        return record.state

    def send_event(self, name: str, payload: Any = None) -> None:
        """Send an event to the job, which `Job.wait_event` waits for; see `send_event`."""
        send_event(self.id, name, payload, tasks=self._tasks)


def send_event(job: str, name: str, payload: Any = None, *, tasks: Tasks | None = None) -> None:
    """Send an event to a job, which waits for it by `Job.wait_event` now or later.

    Inside of a transaction it is a part of it, as `Task.enqueue` is. For a job that does not exist
    or has ended, it is dropped.

    Args:
        job: Id of the job.
        name: Name of the event.
        payload: A value that can be sent as JSON.
        tasks: Tasks of an application; by default those of the caller's.

    Raises:
        TypeError: The payload cannot be sent as JSON.
        StoreUnavailable: The database or server did not respond in time.

    Blocks: the calling task.
    """
    from photon_openapi.codec import encode

    from .current import current_tasks

    tasks = tasks or current_tasks()
    tasks.deliver(Delivery(events=[NewEvent(job, key_of(name), encode(payload).decode())]))
