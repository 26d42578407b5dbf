"""Jobs that may be what ends their worker: one at a time.

Theory of operation. Whatever ends a process (a segfault, ``os._exit``, no memory left) takes an
attempt from all jobs that ran in it, and nothing says which of them was the cause. If they ran
together until the attempts of the guilty one are used up, the others would be dead with it.

A single loss is usually that of a machine, so jobs that were lost once run together as before.
After the second loss in a row, or if one more would be its last, a job is a suspect: it runs beside
none that was lost, and beside others as usual. What else was claimed is given back *before* it
starts, so that it is not in a process that ends, and comes again soon, one after another. Any
outcome of its own clears a job.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from ..records import AttemptOutcome, Claim, ClaimedJob, JobState

_LOSSES = 2
_GAP = 0.1
"""Seconds between suspects that are given back, so that they come again one by one."""
_WHILE_OTHERS_RUN = 1.0


@final
class Suspects:
    """The suspects of a worker."""

    __slots__ = ("_lost", "_suspect")

    def __init__(self) -> None:
        """Begin without any."""
        self._suspect: Claim | None = None
        self._lost: set[Claim] = set()

    def admit(
        self, jobs: Sequence[ClaimedJob]
    ) -> tuple[Sequence[ClaimedJob], Sequence[AttemptOutcome]]:
        """Return the jobs that may start, and the outcomes that give the others back before that.

        Does not wait.
        """
        if not any(each.lost for each in jobs):
            return jobs, ()
        admitted: list[ClaimedJob] = []
        returned: list[AttemptOutcome] = []
        delay = _WHILE_OTHERS_RUN if self._lost else 0.0
        for each in jobs:
            if self._may_start(each):
                admitted.append(each)
            else:
                delay += _GAP
                returned.append(
                    AttemptOutcome(
                        claim=each.claim, state=JobState.FAILED, delay=delay, gives_back=True
                    )
                )
        return admitted, returned

    def ended(self, claim: Claim) -> None:
        """Note that an attempt has ended. Does not wait."""
        if not self._lost:  # every suspect is in it
            return
        self._lost.discard(claim)
        if self._suspect == claim:
            self._suspect = None

    def _may_start(self, job: ClaimedJob) -> bool:
        if not job.lost:
            return True
        is_suspect = _is_suspect(job)
        if self._suspect is not None or (is_suspect and self._lost):
            return False
        self._lost.add(job.claim)
        if is_suspect:
            self._suspect = job.claim
        return True


def _is_suspect(job: ClaimedJob) -> bool:
    is_last = job.claim.attempt >= job.max_attempts
    return job.lost >= _LOSSES or (job.lost > 0 and is_last)
