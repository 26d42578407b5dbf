"""The contract of `JobStore` about workers, recovery and cancelling."""

from __future__ import annotations

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_tasks.records import (
    JobFilter,
    JobState,
    WorkerInfo,
)
from photon_tasks.stores import JobStore

from .conftest import StoreCase
from .store_contract import (
    LEASE,
    claim,
    claim_one,
    deliver,
    end,
    ids,
    look,
    new_job,
    state_of,
    work_at,
)

# -- workers ------------------------------------------------------------------------------------


@in_hub
def test_workers_are_shown(case: StoreCase, store: JobStore) -> None:
    info = WorkerInfo(id="w", host="web1", pid=42, queues=("a", "b"), concurrency=7)
    store.register(info, 20.0)
    [worker] = store.workers()
    assert worker.info == info
    assert (worker.beats, worker.running) == (0, 0)
    assert 15 < worker.lease_left <= 20
    deliver(store, new_job())
    claim(store, "w")
    case.advance(25)
    [worker] = store.workers()
    assert worker.running == 1
    assert worker.lease_left < 0
    assert store.beat("w", 20.0).is_known
    [worker] = store.workers()
    assert worker.beats == 1
    assert worker.lease_left > 15


@in_hub
def test_a_worker_that_is_not_registered_has_no_lease_to_extend(store: JobStore) -> None:
    assert not store.beat("stranger", 10.0).is_known
    assert [*store.workers()] == []


@in_hub
def test_recovery_takes_the_jobs_of_a_worker(store: JobStore) -> None:
    work_at(store)
    work_at(store, "b")
    first, last, cancelled = new_job(), new_job(max_attempts=1), new_job()
    deliver(store, first, last, cancelled)
    claims = claim(store)
    store.cancel(cancelled.id)
    behind = new_job()
    deliver(store, behind)
    recovered = store.recover("a", 0)
    assert ([*recovered.queued], [*recovered.dead]) == ([first.id], [last.id])
    assert "attempt 1 of 1" in (look(store, last.id).error or "")
    assert state_of(store, cancelled.id) == "cancelled"
    assert [each.info.id for each in store.workers()] == ["b"]
    assert not any(end(store, job) for job in claims)
    assert not store.beat("a", LEASE).is_known
    assert claim(store, "a") == []
    again = claim(store, "b")
    assert ids(again) == [first.id, behind.id]
    assert again[0].claim.attempt == 2


@in_hub
def test_attempts_that_were_lost_with_their_worker_are_counted_until_one_has_an_outcome(
    store: JobStore,
) -> None:
    job = new_job(max_attempts=9)
    deliver(store, job)
    for lost in (0, 1, 2):
        work_at(store, f"w{lost}")
        assert claim_one(store, f"w{lost}").lost == lost
        store.recover(f"w{lost}", 0)
    work_at(store)
    assert end(store, claim_one(store), "queued", gives_back=True)
    claimed = claim_one(store)
    assert claimed.lost == 3, "an attempt that was given back says nothing"
    assert end(store, claimed, "failed", delay=0.0)
    claimed = claim_one(store)
    assert claimed.lost == 0
    assert end(store, claimed, "dead")
    assert store.requeue(JobFilter(ids=[job.id])) == 1
    claim_one(store)
    store.recover("a", 0)
    work_at(store, "b")
    assert claim_one(store, "b").lost == 1


@in_hub
def test_recovery_does_nothing_if_the_heart_has_beaten(store: JobStore) -> None:
    work_at(store)
    deliver(store, new_job())
    job = claim_one(store)
    store.beat("a", LEASE)
    recovered = store.recover("a", 0)
    assert ([*recovered.queued], [*recovered.dead]) == ([], [])
    assert end(store, job)
    assert [*store.recover("stranger", 0).queued] == []


@in_hub
def test_one_of_several_observers_recovers(case: StoreCase, store: JobStore) -> None:
    stores = [store, case.make(), case.make()]
    work_at(store)
    deliver(store, *(new_job() for _ in range(20)))
    claim(store)
    tasks = [rt.spawn(own.recover, "a", 0) for own in stores]
    sizes = sorted(len(task.result().queued) for task in tasks)
    assert sizes == [0, 0, 20]


@in_hub
def test_a_worker_that_signs_off_leaves_its_jobs_as_they_were(store: JobStore) -> None:
    work_at(store)
    work_at(store, "b")
    first, second = new_job(max_attempts=1), new_job()
    deliver(store, first, second)
    claim(store, limit=1)
    store.unregister("a")
    store.unregister("a")
    jobs = claim(store, "b")
    assert ids(jobs) == [first.id, second.id]
    assert jobs[0].claim.attempt == 1


@in_hub
def test_a_claim_races_with_the_recovery_of_its_worker(case: StoreCase, store: JobStore) -> None:
    other = case.make()
    for number in range(10):
        worker = work_at(store, f"w{number}")
        deliver(store, *(new_job() for _ in range(5)))
        claiming = rt.spawn(claim, store, worker)
        recovering = rt.spawn(other.recover, worker, 0)
        claiming.result()
        recovering.result()
        work_at(store)
        left = claim(store)
        assert len(left) == 5  # no job runs for a worker that does not exist any more
        for job in left:
            assert end(store, job)


# -- cancelling ---------------------------------------------------------------------------------


@in_hub
def test_a_job_that_does_not_run_is_cancelled_at_once(store: JobStore) -> None:
    work_at(store)
    for job in (new_job(), new_job(delay=60)):
        deliver(store, job)
        record = store.cancel(job.id)
        assert record is not None
        assert record.state is JobState.CANCELLED
        assert record.ended is not None
    assert claim(store) == []
    assert store.cancel(new_job().id) is None


@in_hub
def test_a_job_that_runs_is_cancelled_by_a_heartbeat(store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job(), new_job())
    claimed = claim(store)[0]
    record = store.cancel(job.id)
    assert record is not None
    assert (record.state, record.is_cancelled) == (JobState.RUNNING, True)
    assert [*store.beat("a", LEASE).cancelled] == [claimed.claim]
    assert end(store, claimed, "cancelled")
    assert state_of(store, job.id) == "cancelled"
    assert [*store.beat("a", LEASE).cancelled] == []


@in_hub
def test_a_cancelled_job_is_not_tried_again(store: JobStore) -> None:
    work_at(store)
    for outcome in ("failed", "queued", "waiting"):
        deliver(store, job := new_job())
        claimed = claim_one(store)
        store.cancel(job.id)
        assert end(store, claimed, outcome, delay=0.0)
        assert state_of(store, job.id) == "cancelled"
    deliver(store, job := new_job())
    claimed = claim_one(store)
    store.cancel(job.id)
    assert end(store, claimed, "completed")
    assert state_of(store, job.id) == "completed"


@in_hub
def test_what_has_ended_stays_as_it_is_when_it_is_cancelled(store: JobStore) -> None:
    work_at(store)
    for ending in ("completed", "dead"):
        deliver(store, job := new_job())
        end(store, claim_one(store), ending)
        record = store.cancel(job.id)
        assert record is not None
        assert record.state.value == ending
