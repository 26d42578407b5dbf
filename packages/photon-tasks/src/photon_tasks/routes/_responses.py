"""`Accepted` and `JobResponse`: a job in responses; `JobStatus`: what clients see of it.

A client sees five members of a job and nothing else: its id, its state, its result, an error and
its progress. The stored error is a traceback, which has paths, values and the words of other
people's servers, so a client gets a fixed sentence instead; the traceback is for the log, and for
the page of development.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, TypeAlias

import attrs
import msgspec

from photon_runtime.http import DescribedResponse, strong_tag
from photon_runtime.media_types import JSON

from ..enqueued_job import EnqueuedJob
from ..records import ENDED, JobRecord, JobState

READ_JOB: Final = "read_job"
"""Operation id of the route that reads a job; `Accepted` makes its URL."""
_RETRY_AFTER: Final = "2"

Status: TypeAlias = Literal[
    "scheduled",
    "queued",
    "running",
    "waiting",
    "failed",
    "completed",
    "dead",
    "parked",
    "cancelled",
]

_SENTENCES: Final = {
    JobState.FAILED: "an attempt at the job has failed, and another one follows",
    JobState.DEAD: "the job has failed",
    JobState.PARKED: "the job cannot run now, and is kept",
    JobState.CANCELLED: "the job was cancelled",
}


@attrs.frozen
class JobStatus:
    """A job, as a client sees it.

    Attributes:
        id: Id of the job.
        status: Its state: it has ended if that is ``completed``, ``dead`` or ``cancelled``.
        result: Its result, once it is completed.
        error: A sentence about its failure.
        progress: Its progress, in the form that its task has chosen.
    """

    id: str
    status: Status
    result: Any = None
    error: str | None = None
    progress: Any = None


@attrs.frozen
class JobReference:
    """The job that a request has begun.

    Attributes:
        job_id: Id of the job.
    """

    job_id: str


class Accepted(DescribedResponse):
    """A request was accepted, and a job does the rest: 202, with the URL of the job.

    ::

        @app.post("/reports")
        def make_report(body: Json[Report]) -> Accepted:
            return Accepted(render_report.enqueue(body.year))

    Args:
        job: The job.
        location: URL of its status; by default that of `photon.jobs.job_routes`.
        headers: Further header fields.

    Raises:
        RuntimeError: The application has no route for jobs, and ``location`` is missing.
    """

    __slots__ = ()
    usual_status = 202
    media_type = JSON
    body_type = JobReference
    described_headers: ClassVar[dict[str, str]] = {"Location": "URL of the status of the job."}

    def __init__(
        self,
        job: EnqueuedJob[Any],
        *,
        location: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Make a response."""
        if not isinstance(job, EnqueuedJob):
            raise TypeError(
                f"Accepted takes a job, as .enqueue(...) of a task returns it, not {job!r}"
            )
        url = job.url if location is None else location
        if url is None:
            raise RuntimeError(
                "Accepted needs the URL of the job: include photon.jobs.job_routes(...) in the "
                "application, or pass location="
            )
        super().__init__(
            202,
            body=msgspec.json.encode({"job_id": job.id}),
            headers={**(headers or {}), "location": url},
            content_type=JSON,
        )


class JobResponse(DescribedResponse):
    """The status of a job.

    Args:
        job: The job.
        details: True to show the stored error, for development.
        status: The status code.
    """

    __slots__ = ()
    media_type = JSON
    body_type = JobStatus
    described_headers: ClassVar[dict[str, str]] = {
        "ETag": "Version of the status, for `If-None-Match`."
    }

    def __init__(self, job: JobRecord, *, details: bool, status: int = 200) -> None:
        """Make a response."""
        body = encode_status(job, details=details)
        headers = {"etag": strong_tag(body), "cache-control": "private, no-cache"}
        if job.state not in ENDED:
            headers["retry-after"] = _RETRY_AFTER
        super().__init__(status, body=body, headers=headers, content_type=JSON)


class NotChanged(DescribedResponse):
    """The client has the current status of a job: 304.

    Args:
        response: The response that would have the status.
    """

    __slots__ = ()
    usual_status = 304

    def __init__(self, response: JobResponse) -> None:
        """Make a response with the header fields of the other one."""
        super().__init__(304, headers=list(response.headers))


def encode_status(job: JobRecord, *, details: bool) -> bytes:
    """Return a `JobStatus` as JSON; results are sent as they are stored.

    Args:
        job: The job.
        details: True to show the stored error.
    """
    sentence = _SENTENCES.get(job.state)
    error = job.error if details and sentence is not None else sentence
    return msgspec.json.encode(
        {
            "id": job.id,
            "status": job.state.value,
            "result": _raw(job.result if job.state is JobState.COMPLETED else None),
            "error": error,
            "progress": _raw(job.progress),
        }
    )


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text.encode())
