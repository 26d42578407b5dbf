"""What the tests of the contract of `photon_tasks.stores.JobStore` have in common.

The contract is in the files ``test_tasks_stores_*.py``, which run on every store: the fixtures
`case` and `store` of conftest.py make each kind in turn.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import photon_runtime as rt
from photon_tasks.records import (
    AttemptOutcome,
    ClaimedJob,
    Delivery,
    Enqueued,
    JobRecord,
    JobState,
    NewJob,
    WorkerInfo,
)
from photon_tasks.stores import JobStore

_NUMBERS = itertools.count(1)
LEASE = 30.0


def new_job(**options: Any) -> NewJob:
    """Return a job whose id is greater than those of earlier ones."""
    options.setdefault("id", f"01900000-0000-7000-8000-{next(_NUMBERS):012x}")
    return NewJob(**{"task": "shop.charge", **options})


def deliver(store: JobStore, *jobs: NewJob, **others: Any) -> Sequence[Enqueued]:
    """Enqueue jobs, groups and events."""
    return store.deliver(Delivery(jobs, **others))


def work_at(store: JobStore, worker: str = "a") -> str:
    """Register a worker."""
    store.register(WorkerInfo(id=worker, host="host", pid=7), LEASE)
    return worker


def claim(
    store: JobStore, worker: str = "a", limit: int = 100, queues: Sequence[str] = ()
) -> list[ClaimedJob]:
    """Claim jobs."""
    return [*store.claim(worker, limit, queues).jobs]


def claim_one(store: JobStore, worker: str = "a") -> ClaimedJob:
    """Claim the only job that can be claimed."""
    [job] = claim(store, worker)
    return job


def end(
    store: JobStore, job: ClaimedJob, state: str = "completed", worker: str = "a", **options: Any
) -> bool:
    """Finish one job."""
    options.setdefault("keep", 100.0)
    [is_accepted] = store.finish(
        worker, [AttemptOutcome(claim=job.claim, state=JobState(state), **options)]
    )
    return is_accepted


def look(store: JobStore, job: str) -> JobRecord:
    """Return a job that exists."""
    record = store.job(job)
    assert record is not None
    return record


def state_of(store: JobStore, job: str) -> str:
    """Return the state of a job."""
    return look(store, job).state.value


def ids(jobs: Sequence[ClaimedJob]) -> list[str]:
    """Return the ids of claimed jobs."""
    return [job.claim.job for job in jobs]


class Listener:
    """Notes the calls of a listener that runs in a task."""

    def __init__(self, store: JobStore) -> None:
        self._woken = rt.Event()
        self.task = rt.spawn(store.listen, self._woken.set)
        self.wait()  # notifications are certain to arrive

    def wait(self, seconds: float = 5.0) -> None:
        """Wait for the next call."""
        with rt.deadline(seconds):
            self._woken.wait()
        self._woken.clear()

    def close(self) -> None:
        """End the task."""
        self.task.cancel()
        self.task.join()
