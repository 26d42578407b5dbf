"""What is enqueued when a job is completed.

It is a part of the job's outcome: the store records both, or neither.
"""

from __future__ import annotations

from ..records import ClaimedJob, Delivery
from ._stages import decode_following


def follow_up(job: ClaimedJob, result: str | None) -> Delivery | None:
    """Return what follows a job that is completed.

    Args:
        job: The job.
        result: Its result as JSON.

    Raises:
        msgspec.ValidationError: What it carries is of another version.
    """
    if job.then is None:
        return None
    return decode_following(job.then).delivery("null" if result is None else result)
