"""`JobReader`: reads, follows and cancels jobs for clients that may see them.

Theory of operation. A client waits for a change by asking for it: the request stays until the
status differs from the one that the client has, for a limited time. Waiting is polling of the store
by its primary key, at intervals that grow, and no more than `MOST_WAITING` requests of a process
wait at the same time; further ones are answered at once.

A job that was accepted in a transaction of another database is in its outbox for a moment, and not
in the store. A client that comes at once must not get 404, so a job whose id was made just now is
waited for, where the application has an outbox.

Every look asks the decision about the client anew. A job that the client may not see, and one that
does not exist, have the same response: whether a job of others exists is a secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias, final
from uuid import UUID

import msgspec

import photon_runtime as rt
from photon_runtime.http import (
    HttpError,
    Precondition,
    Request,
    ServerSentEvent,
    evaluate_preconditions,
    strong_tag,
)

from ..current import Tasks
from ..errors import StoreUnavailable
from ..records import ENDED, JobRecord, JobState
from ._responses import JobResponse, NotChanged, encode_status

LONGEST_WAIT: Final = 30.0
LONGEST_STREAM: Final = 300.0
MOST_WAITING: Final = 1000
_INTERVALS: Final = (0.1, 0.1, 0.2, 0.2, 0.5)
_SLOWEST: Final = 1.0
_RELAY_INTERVAL: Final = 0.05
_RELAY_LOOKS: Final = 40
_YOUNG: Final = 30.0

MaySee: TypeAlias = Callable[[Request, JobRecord], bool]
"""Decides whether a client may see a job."""


@final
class JobReader:
    """Reads jobs for clients.

    Args:
        may_see: Decides whether a client may see a job.
    """

    def __init__(self, may_see: MaySee) -> None:
        """Begin without waiting requests."""
        self._may_see = may_see
        self._waiting = 0

    def read(
        self, request: Request, tasks: Tasks, job: str, wait: float
    ) -> JobResponse | NotChanged:
        """Return the status of a job.

        Args:
            request: The request; with ``If-None-Match`` it waits for another status than that.
            tasks: The tasks of the application.
            job: Id of the job.
            wait: Seconds to wait for a change or the end of the job.

        Raises:
            HttpError: 404, the job does not exist, is not kept any more, or belongs to others.
            StoreUnavailable: The store did not respond.

        Blocks: the calling task, for ``wait`` seconds and the store.
        """
        is_conditional = "if-none-match" in request.headers
        response: JobResponse | NotChanged | None = None
        for record in self._records(request, tasks, job, wait):
            response = JobResponse(record, details=tasks.development)
            if is_conditional and _is_known(request, response):
                response = NotChanged(response)
            elif is_conditional or record.state in ENDED:
                break
            if record.state in ENDED:
                break
        if response is None:
            raise not_found(job)
        return response

    def follow(self, request: Request, tasks: Tasks, job: str) -> Iterator[ServerSentEvent] | None:
        """Return the status of a job as a stream of events, until the job has ended.

        The job is read before this returns, so that one that must not be seen is 404. A stream ends
        after `LONGEST_STREAM` seconds, and clients connect again.

        Returns:
            ``None`` if the client has had the last event already: browsers connect again after the
            end of a stream, until the response is 204.

        Raises:
            HttpError: See `read`.
            StoreUnavailable: The store did not respond.

        Blocks: the calling task, for the store.
        """
        record = self.find(request, tasks, job)
        if record.state in ENDED:
            known = request.headers.get("last-event-id")
            if known == strong_tag(encode_status(record, details=tasks.development)):
                return None
        return self._events(request, tasks, job)

    def _events(self, request: Request, tasks: Tasks, job: str) -> Iterator[ServerSentEvent]:
        last: bytes | None = None
        for record in self._records(request, tasks, job, LONGEST_STREAM):
            body = encode_status(record, details=tasks.development)
            if body != last:
                last = body
                yield ServerSentEvent(msgspec.Raw(body), event="status", id=strong_tag(body))
            if record.state in ENDED:
                return

    def cancel(self, request: Request, tasks: Tasks, job: str) -> JobResponse:
        """Cancel a job, and return its status: a running one is cancelled a moment later.

        Raises:
            HttpError: 404, see `read`; 409, the job has ended.
            StoreUnavailable: The store did not respond.

        Blocks: the calling task.
        """
        self.find(request, tasks, job)
        with _limited(tasks):
            record = tasks.store.cancel(job)
        if record is None:
            raise not_found(job)
        if record.state in (JobState.COMPLETED, JobState.DEAD):
            raise HttpError(409, f"the job has ended already: it is {record.state}")
        return JobResponse(record, details=tasks.development, status=202)

    def find(self, request: Request, tasks: Tasks, job: str) -> JobRecord:
        """Return a job that the client may see.

        Raises:
            HttpError: See `read`.
            StoreUnavailable: The store did not respond.

        Blocks: the calling task.
        """
        with _limited(tasks):
            record = tasks.store.job(job)
            if record is None and self._waiting < MOST_WAITING and _may_be_relayed(tasks, job):
                record = self._relayed(tasks, job)
        if record is None or self._may_see(request, record) is not True:
            raise not_found(job)  # the same for both: whether a job of others exists is a secret
        return record

    def _relayed(self, tasks: Tasks, job: str) -> JobRecord | None:
        self._waiting += 1
        try:
            for _ in range(_RELAY_LOOKS):
                rt.sleep(_RELAY_INTERVAL)
                if (record := tasks.store.job(job)) is not None:
                    return record
        finally:
            self._waiting -= 1
        return None

    def _records(
        self, request: Request, tasks: Tasks, job: str, seconds: float
    ) -> Iterator[JobRecord]:
        """Yield a job now, and again at intervals for that time; once if too many requests wait."""
        yield self.find(request, tasks, job)
        if seconds <= 0 or self._waiting >= MOST_WAITING:
            return
        self._waiting += 1
        try:
            passed, number = 0.0, 0
            while passed < seconds:
                interval = _INTERVALS[number] if number < len(_INTERVALS) else _SLOWEST
                interval = min(interval, seconds - passed)
                rt.sleep(interval)
                passed, number = passed + interval, number + 1
                yield self.find(request, tasks, job)
        finally:
            self._waiting -= 1


def _may_be_relayed(tasks: Tasks, job: str) -> bool:
    """Return whether a job may be in an outbox still: its id has the time at which it was made."""
    if tasks.deliveries.outbox is None:
        return False
    made = (UUID(job).int >> 80) / 1000
    return abs(time.time() - made) < _YOUNG


@contextmanager
def _limited(tasks: Tasks) -> Iterator[None]:
    """Limit the time that the store has within the block."""
    timeout = tasks.settings.enqueue_timeout
    try:
        with rt.deadline(timeout):
            yield
    except rt.DeadlineExceeded as error:
        if (remaining := rt.remaining_time()) is not None and remaining <= 0:
            raise  # the caller's own deadline
        raise StoreUnavailable(f"the store of jobs did not respond within {timeout:g} s") from error


def not_found(job: str) -> HttpError:
    """Return the error about a job that does not exist for the client."""
    return HttpError(404, f"the job {job} does not exist, or is not kept any more")


def _is_known(request: Request, response: JobResponse) -> bool:
    found = evaluate_preconditions(
        request.headers, etag=response.header("etag"), last_modified=None
    )
    return found is Precondition.NOT_MODIFIED
