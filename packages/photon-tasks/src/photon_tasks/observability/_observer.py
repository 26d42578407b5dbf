"""`JobObserver`: what enqueueing, workers and stores report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from ..records import ClaimedJob, Enqueued, NewJob, QueueDepth, Recovered

AttemptEnd: TypeAlias = Literal[
    "completed", "failed", "dead", "parked", "cancelled", "waiting", "queued", "lost"
]
"""What an attempt has ended with: the next state of its job, or ``lost`` with its lease."""


class JobObserver:
    """Ignores everything; the base of observers. Methods are called often, and must not wait."""

    def enqueued(self, jobs: Sequence[NewJob], outcomes: Sequence[Enqueued]) -> None:
        """Note that jobs were enqueued, and their transaction is committed."""

    def began(self, job: ClaimedJob) -> None:
        """Note that an attempt begins."""

    def ended(self, job: ClaimedJob, end: AttemptEnd, seconds: float) -> None:
        """Note that an attempt has ended, after that time."""

    def refused(self, operation: Literal["outcome", "renewal"]) -> None:
        """Note that the store has refused an outcome or a heartbeat: the lease was lost."""

    def recovered(self, recovered: Recovered) -> None:
        """Note the jobs that were taken from a worker that has died."""

    def measured(self, depths: Sequence[QueueDepth] | None) -> None:
        """Note the jobs in the store by queue and state; ``None`` if it does not respond."""
