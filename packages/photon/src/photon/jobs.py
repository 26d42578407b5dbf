"""Routes for jobs: clients read the status of their jobs, wait for it, and cancel them.

::

    def user_of(request: Request) -> str | None:
        return identity_of(request, Identity).subject

    orders = Router(prefix="/orders", security=[bearer], middleware=[jobs_belong_to(user_of)])
    app.include(orders)
    app.include(job_routes(owner=user_of, security=[bearer]))

===========================  =====================================================================
``GET /jobs/{id}``           the status; ``?wait=20`` waits for the end of the job, or with
                             ``If-None-Match`` for another status
``GET /jobs/{id}/events``    every status as server-sent events, until the job has ended
``DELETE /jobs/{id}``        cancels the job
===========================  =====================================================================

Theory of operation. A job has an owner, a text that is set where it is enqueued. The routes compare
it with the owner that ``owner`` returns for a request; a job of another owner does not exist for
this client, and neither does one without an owner. A decision must be given: without one, the
routes cannot be made, because a status contains results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias, cast
from uuid import UUID

from photon_router import EventStream, NoContent, Param, ServerSentEvent, Status
from photon_router.handlers import Middleware
from photon_router.middleware import RateLimit
from photon_router.middleware import client_address as _client_address
from photon_router.security import Requirement, Verifier
from photon_runtime.callables import require_value
from photon_runtime.http import Handler, Request, Response
from photon_runtime.signatures import require_call
from photon_tasks import current_tasks
from photon_tasks.ownership import owned_by
from photon_tasks.records import JobRecord
from photon_tasks.routes import (
    LONGEST_WAIT,
    READ_JOB,
    Accepted,
    JobReader,
    JobResponse,
    JobStatus,
    MaySee,
)

from .router import Router

__all__ = ["Accepted", "JobStatus", "Owner", "job_routes", "jobs_belong_to"]

Owner: TypeAlias = Callable[[Request], str | None]
"""Returns the owner of jobs that a request stands for; ``None`` or an empty text for no one."""


def job_routes(
    *,
    owner: Owner | None = None,
    may_see: MaySee | None = None,
    public: bool = False,
    prefix: str = "/jobs",
    tags: Sequence[str] = ("jobs",),
    security: Sequence[Verifier | Requirement] | None = None,
    requests_per_minute: int = 120,
) -> Router:
    """Return the routes for jobs, to be included in an application.

    Exactly one of ``owner``, ``may_see`` and ``public`` decides who sees a job.

    Args:
        owner: Returns the owner that a request stands for, after authentication; a client sees the
            jobs with that owner.
        may_see: Decides with the request and the job, for other rules than that.
        public: True to show every job to every client that knows its id.
        prefix: Path of the jobs.
        tags: Tags in the document.
        security: Credentials that the routes require; see `photon_router.Router`.
        requests_per_minute: Maximum number of requests of a client about one job; then 429. Zero
            for no limit.

    Raises:
        ValueError: Not exactly one decision is given.
        SignatureError: A decision is a coroutine function or the like.
    """
    reader = JobReader(_decision(owner, may_see, public=public))
    router = Router(
        prefix=prefix, tags=tags, security=security, middleware=_limits(requests_per_minute)
    )
    absent = {404: "The job does not exist, is not kept any more, or belongs to others."}
    limited = {429: "Too many requests about one job."} if requests_per_minute else {}

    @router.get(
        "/{job_id}",
        operation_id=READ_JOB,
        summary="Read the status of a job",
        responses={**absent, **limited, 304: {"description": "The client has the current status."}},
    )
    def read_job(
        request: Request,
        job_id: Annotated[UUID, Param(description="Id of the job.")],
        wait: Annotated[
            float,
            Param(
                ge=0,
                le=LONGEST_WAIT,
                description="Seconds to wait for the end of the job, or with `If-None-Match` for "
                "another status.",
            ),
        ] = 0.0,
    ) -> JobResponse:
        found: Any = reader.read(request, current_tasks(), str(job_id), wait)
        return cast("JobResponse", found)  # or a 304, which has no schema

    @router.get(
        "/{job_id}/events",
        operation_id="follow_job",
        summary="Follow the status of a job",
        responses={**absent, **limited, 204: {"description": "The client has the last status."}},
    )
    def follow_job(
        request: Request, job_id: Annotated[UUID, Param(description="Id of the job.")]
    ) -> EventStream[ServerSentEvent]:
        events = reader.follow(request, current_tasks(), str(job_id))
        found: Any = NoContent() if events is None else EventStream(events)
        return cast("EventStream[ServerSentEvent]", found)

    @router.delete(
        "/{job_id}",
        operation_id="cancel_job",
        summary="Cancel a job",
        responses={**absent, **limited, 409: "The job has ended already."},
    )
    def cancel_job(
        request: Request, job_id: Annotated[UUID, Param(description="Id of the job.")]
    ) -> Annotated[JobResponse, Status(202)]:
        return reader.cancel(request, current_tasks(), str(job_id))

    return router


def jobs_belong_to(owner: Owner) -> Middleware:
    """Return middleware for handlers whose jobs belong to the owner that a request stands for.

    As middleware of a router it runs after authentication.

    Args:
        owner: Returns the owner; ``None`` for no one.

    Raises:
        SignatureError: It is a coroutine function or the like.
    """
    require_call(owner, "the owner of jobs", "request")

    def belonging(request: Request, call_next: Handler) -> Response:
        with owned_by(require_value(owner(request), owner) or ""):
            return call_next(request)

    return belonging


def _decision(owner: Owner | None, may_see: MaySee | None, *, public: bool) -> MaySee:
    if (owner is not None) + (may_see is not None) + bool(public) != 1:
        raise ValueError(
            "job_routes() needs one decision about who may see a job, because a status contains "
            "results: owner=, a function that returns the owner that a request stands for, or "
            "may_see=, or public=True for all clients"
        )
    if owner is not None:
        require_call(owner, "the owner of jobs", "request")
        return lambda request, job: _belongs(owner, request, job)
    if may_see is not None:
        require_call(may_see, "the decision about jobs", "request", "job")
        decide = may_see
        return lambda request, job: require_value(decide(request, job), decide, is_decision=True)
    return lambda request, job: True


def _belongs(owner: Owner, request: Request, job: JobRecord) -> bool:
    found = require_value(owner(request), owner)
    return bool(found) and found == job.owner


def _limits(requests_per_minute: int) -> list[Middleware]:
    if not requests_per_minute:
        return []

    def key(request: Request) -> str:
        return f"{_client_address(request)} {request.path}"

    return [RateLimit(requests=requests_per_minute, window=60.0, key=key, name="jobs")]
