"""`AttemptObservation`: the span, the log fields and the duration of one attempt at a job.

Theory of operation. An attempt has a context of its own, which ends with it. So its span may be the
current one of that context, and its fields may be those of all its log records, without being
reset. The span continues the trace of the code that has enqueued the job: its parent is the span
``send TASK`` of the enqueueing, for every attempt. Names and attributes follow OpenTelemetry's
conventions for messaging.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from time import perf_counter
from typing import Final, final

from photon_runtime.logs import add_log_fields
from photon_runtime.observability import AttributeValue, Span, Tracer, current_tracer, span

from ..records import AttemptOutcome, ClaimedJob, JobState
from ._observer import AttemptEnd, JobObserver
from ._origin import Origin

_SYSTEM: Final = "photon"
_ENDS: Final[dict[JobState, AttemptEnd]] = {
    JobState.COMPLETED: "completed",
    JobState.FAILED: "failed",
    JobState.DEAD: "dead",
    JobState.PARKED: "parked",
    JobState.CANCELLED: "cancelled",
    JobState.WAITING: "waiting",
    JobState.QUEUED: "queued",
}
_NOWHERE: Final = Origin()
_FAILED: Final = frozenset({"failed", "dead", "parked", "lost"})


@final
class AttemptObservation:
    """The observation of an attempt; it begins when it is made, in the context of the attempt.

    Args:
        observer: Receives reports.
        tracer: Makes the span; ``None`` without tracing.
        job: The job.
    """

    __slots__ = ("_begun", "_job", "_observer", "_span")

    def __init__(self, observer: JobObserver, tracer: Tracer | None, job: ClaimedJob) -> None:
        """Begin the span, and bind the log fields."""
        self._observer = observer
        self._job = job
        claim = job.claim
        fields: dict[str, object] = {
            "job_id": claim.job,
            "task": job.task,
            "attempt": claim.attempt,
        }
        origin = Origin.of(job.trace) if job.trace else _NOWHERE
        if origin.request_id:
            fields["request_id"] = origin.request_id
        self._span: Span | None = None
        if tracer is not None:
            self._span = _start(tracer, job, origin)
            if self._span.trace_id is not None:
                fields["trace_id"] = self._span.trace_id
        add_log_fields(**fields)
        observer.began(job)
        self._begun = perf_counter()

    def end(self, outcome: AttemptOutcome | None, error: BaseException | None) -> None:
        """End it.

        Args:
            outcome: What has become of the attempt; ``None`` if the lease is lost.
            error: What the task has raised.
        """
        end: AttemptEnd = "lost" if outcome is None else _ENDS[outcome.state]
        self._observer.ended(self._job, end, perf_counter() - self._begun)
        if self._span is None:
            return
        self._span.set_attribute("photon.job.outcome", end)
        if error is not None:
            self._span.fail(error)
        elif end in _FAILED:
            self._span.fail(end)
        self._span.end()


def _start(tracer: Tracer, job: ClaimedJob, origin: Origin) -> Span:
    carrier = {"traceparent": origin.traceparent} if origin.traceparent else {}
    return tracer.start(
        f"process {job.task}",
        kind="consumer",
        carrier=carrier,
        attributes={
            "messaging.system": _SYSTEM,
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": job.queue,
            "messaging.message.id": job.claim.job,
            "photon.job.task": job.task,
            "photon.job.attempt": job.claim.attempt,
            "photon.job.max_attempts": job.max_attempts,
        },
    )


def enqueue_span(task: str, queue: str) -> AbstractContextManager[Span]:
    """Return the span of the enqueueing of a job: its attempts are children of it."""
    tracer = current_tracer()
    if tracer is None:
        return span("")  # does nothing, without making attributes
    attributes: dict[str, AttributeValue] = {
        "messaging.system": _SYSTEM,
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": queue,
        "photon.job.task": task,
    }
    return tracer.span(f"send {task}", "producer", attributes)


def step_span(name: str) -> AbstractContextManager[Span]:
    """Return the span of a step that is executed; its name is an attribute, as names may differ."""
    tracer = current_tracer()
    if tracer is None:
        return span("")
    return tracer.span("step", "internal", {"photon.job.step": name})
