"""`JobMetrics`: the metrics of jobs.

Counts and durations are written where they arise. The number of jobs in the store and the age of
the oldest one are those of the last look of one process, see `DepthReader`; several hosts show the
same figures, so ``max by (queue, state)`` combines them.

A job costs two observations and three additions: about a microsecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from photon_runtime.observability import Counter, Histogram, Meter

from ..records import ClaimedJob, Enqueued, NewJob, QueueDepth, Recovered
from ._observer import AttemptEnd, JobObserver

_DURATIONS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0, 300.0, 1800.0,
)  # fmt: skip
_LATENCIES: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0, 300.0, 1800.0, 7200.0,
)  # fmt: skip


class JobMetrics(JobObserver):
    """Counts what is reported about the jobs of one application.

    Args:
        meter: Where the instruments are declared.
    """

    def __init__(self, meter: Meter) -> None:
        """Declare the instruments."""
        self._enqueued = meter.counter(
            "photon_jobs_enqueued",
            "Jobs that were enqueued.",
            labels=("task", "queue"),
        )
        self._attempts = meter.counter(
            "photon_jobs_attempts",
            "Attempts that have ended, by the next state of the job; lost: with the lease.",
            labels=("task", "outcome"),
        )
        self._duration = meter.histogram(
            "photon_jobs_attempt_duration_seconds",
            "Seconds for which an attempt ran.",
            labels=("task",),
            buckets=_DURATIONS,
        )
        self._latency = meter.histogram(
            "photon_jobs_claim_latency_seconds",
            "Seconds from the time at which a job was due until a worker claimed it.",
            labels=("queue",),
            buckets=_LATENCIES,
        )
        self._running = meter.gauge("photon_jobs_running", "Attempts that run in this process.")
        self._refused = meter.counter(
            "photon_jobs_refused",
            "Outcomes and lease renewals that the store refused, because the lease was lost.",
            labels=("operation",),
        )
        self._recovered = meter.counter(
            "photon_jobs_recovered",
            "Jobs that were taken from workers that have died, by their next state.",
            labels=("state",),
        )
        self._depth = meter.gauge(
            "photon_jobs_depth",
            "Jobs in the store.",
            labels=("queue", "state"),
            aggregation="max",
        )
        self._oldest = meter.gauge(
            "photon_jobs_oldest_age_seconds",
            "Seconds since the oldest job of a queue was due, or enqueued if it is not queued.",
            labels=("queue", "state"),
            aggregation="max",
        )
        self._of_queues: dict[str, Histogram] = {}
        self._of_tasks: dict[tuple[str, AttemptEnd], tuple[Counter, Histogram]] = {}
        self._store_up = meter.gauge(
            "photon_jobs_store_up",
            "1 if the store of jobs responded at the last look, else 0.",
            aggregation="max",
        )

    def enqueued(self, jobs: Sequence[NewJob], outcomes: Sequence[Enqueued]) -> None:
        """Count new jobs."""
        for job, outcome in zip(jobs, outcomes, strict=True):
            if outcome.is_new:
                self._enqueued.labels(job.task, job.queue).inc()

    def began(self, job: ClaimedJob) -> None:
        """Observe how long it has waited, and count it as running."""
        self._running.inc()
        latency = self._of_queues.get(job.queue)
        if latency is None:
            latency = self._of_queues[job.queue] = self._latency.labels(job.queue)
        latency.observe(job.waited)

    def ended(self, job: ClaimedJob, end: AttemptEnd, seconds: float) -> None:
        """Count the outcome, and observe the duration."""
        self._running.dec()
        series = self._of_tasks.get((job.task, end))
        if series is None:
            count = self._attempts.labels(job.task, end)
            series = self._of_tasks[job.task, end] = (count, self._duration.labels(job.task))
        count, duration = series
        count.inc()
        duration.observe(seconds)

    def refused(self, operation: Literal["outcome", "renewal"]) -> None:
        """Count it."""
        self._refused.labels(operation).inc()

    def recovered(self, recovered: Recovered) -> None:
        """Count the jobs."""
        self._recovered.labels("queued").inc(len(recovered.queued))
        self._recovered.labels("dead").inc(len(recovered.dead))

    def measured(self, depths: Sequence[QueueDepth] | None) -> None:
        """Set the figures, and set those of queues that are empty by now to zero."""
        self._store_up.set(0.0 if depths is None else 1.0)
        if depths is None:
            return
        present = {(each.queue, each.state.value): each for each in depths}
        for labels, gauge in self._depth.series():
            if labels not in present:
                gauge.set(0.0)
                self._oldest.labels(*labels).set(0.0)
        for labels, each in present.items():
            self._depth.labels(*labels).set(each.jobs)
            self._oldest.labels(*labels).set(each.oldest)
