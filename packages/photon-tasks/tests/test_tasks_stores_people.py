"""The contract of `JobStore` about lists, requeue, purge, tidy and schedules."""

from __future__ import annotations

from typing import Any

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_tasks.records import (
    AttemptOutcome,
    Delivery,
    Enqueued,
    JobFilter,
    JobState,
    NewEvent,
    ScheduleRecord,
    UniqueKey,
)
from photon_tasks.stores import JobStore

from .conftest import StoreCase
from .store_contract import (
    claim,
    claim_one,
    deliver,
    end,
    look,
    new_job,
    state_of,
    work_at,
)

# -- people -------------------------------------------------------------------------------------


@in_hub
def test_jobs_are_listed_by_page_and_condition(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    old = new_job(task="old", queue="x")
    deliver(store, old)
    case.advance(100)
    jobs = [new_job(task=f"t{number % 2}") for number in range(6)]
    deliver(store, *jobs)

    def found(choice: JobFilter, **options: Any) -> list[str]:
        return [job.id for job in store.jobs(choice, **options)]

    newest = [job.id for job in reversed(jobs)]
    assert found(JobFilter()) == [*newest, old.id]
    assert found(JobFilter(), limit=2) == newest[:2]
    assert found(JobFilter(), limit=2, before=newest[1]) == newest[2:4]
    assert found(JobFilter(tasks=["t0"])) == newest[1::2]
    assert found(JobFilter(queues=["x"])) == [old.id]
    assert found(JobFilter(min_age=50)) == [old.id]
    assert found(JobFilter(ids=[])) == []
    assert found(JobFilter(ids=[old.id, newest[0], "none"])) == [newest[0], old.id]
    end(store, claim(store, queues=["x"])[0])
    assert found(JobFilter(states=[JobState.COMPLETED, JobState.DEAD])) == [old.id]
    assert found(JobFilter(min_age=50)) == []  # it has ended just now


@in_hub
def test_depths_count_every_state(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    deliver(store, *(new_job(queue="a") for _ in range(7)), new_job(queue="b"))
    endings = ("completed", "dead", "parked", "cancelled")
    for ending, job in zip(endings, claim(store, limit=4, queues=["a"]), strict=True):
        end(store, job, ending)
    end(store, claim(store, limit=1, queues=["a"])[0], "failed", delay=50.0)
    end(store, claim(store, limit=1, queues=["a"])[0], "waiting", event="e")
    claim(store, queues=["a"])
    deliver(store, new_job(queue="b", delay=60))
    case.advance(10)
    depths = {(each.queue, each.state.value): each for each in store.depths()}
    assert {key: each.jobs for key, each in depths.items()} == {
        **{("a", state): 1 for state in (*endings, "failed", "waiting", "running")},
        ("b", "queued"): 1,
        ("b", "scheduled"): 1,
    }
    assert 9 < depths["b", "queued"].oldest < 20
    assert 9 < depths["b", "scheduled"].oldest < 20


@in_hub
def test_jobs_are_requeued_by_hand(store: JobStore) -> None:
    work_at(store)
    for ending in ("dead", "parked", "cancelled", "completed"):
        deliver(store, new_job())
        end(store, claim_one(store), ending)
    for ending in ("failed", "waiting"):
        deliver(store, new_job())
        end(store, claim_one(store), ending, delay=500.0)
    deliver(store, new_job(delay=500))
    deliver(store, new_job())
    running = claim_one(store)
    deliver(store, new_job())
    assert store.requeue(JobFilter()) == 6
    assert state_of(store, running.claim.job) == "running"
    jobs = claim(store)
    assert len(jobs) == 7
    assert {job.claim.attempt for job in jobs} == {1}
    record = look(store, jobs[-1].claim.job)
    assert (record.error, record.ended, record.is_cancelled) == (None, None, False)


@in_hub
def test_a_job_whose_key_another_one_has_is_not_requeued(store: JobStore) -> None:
    work_at(store)
    key = UniqueKey("k")
    deliver(store, first := new_job(unique=key))
    end(store, claim_one(store), "dead")
    deliver(store, new_job(unique=key))
    assert store.requeue(JobFilter(ids=[first.id])) == 0
    assert state_of(store, first.id) == "dead"
    end(store, claim_one(store))
    assert store.requeue(JobFilter(ids=[first.id])) == 1
    assert [*deliver(store, new_job(unique=key))] == [Enqueued(first.id, False)]


@in_hub
def test_jobs_are_purged_with_all_that_belongs_to_them(store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job(unique=UniqueKey("k")))
    claimed = claim_one(store)
    store.set_step("a", claimed.claim, "s", "1")
    deliver(store, events=[NewEvent(job.id, "e")])
    assert store.purge(JobFilter()) == 0  # it runs
    end(store, claimed, "failed", delay=500.0)
    assert store.purge(JobFilter(states=[JobState.DEAD])) == 0
    assert store.purge(JobFilter(states=[JobState.FAILED])) == 1
    assert store.job(job.id) is None
    assert store.steps(job.id) == {}
    assert deliver(store, new_job(unique=UniqueKey("k")))[0].is_new


@in_hub
def test_many_jobs_are_requeued_and_purged(store: JobStore) -> None:
    jobs = [new_job(delay=500) for _ in range(1203)]
    store.deliver(Delivery(jobs))
    assert store.requeue(JobFilter(states=[JobState.SCHEDULED])) == 1203
    assert store.purge(JobFilter()) == 1203
    assert [*store.depths()] == []


@in_hub
def test_what_is_not_kept_any_more_is_removed(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    jobs = [new_job(keep=1000.0) for _ in range(5)]
    deliver(store, *jobs)
    claimed = claim(store)
    end(store, claimed[0], keep=10.0)
    end(store, claimed[1], keep=100.0)
    end(store, claimed[2], "dead")
    end(store, claimed[3], "parked")
    end(store, claimed[4], "cancelled", keep=10.0)
    case.advance(20)
    assert store.tidy(50.0) == 2
    assert [store.job(job.id) is None for job in jobs] == [True, False, False, False, True]
    case.advance(40)
    assert store.tidy(50.0) == 2
    case.advance(100)
    assert store.tidy(50.0) == 1
    assert store.tidy(50.0) == 0


@in_hub
def test_a_step_of_tidying_is_limited(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    store.deliver(Delivery([new_job() for _ in range(1500)]))
    while jobs := claim(store):
        outcomes = [AttemptOutcome(claim=job.claim, state=JobState.COMPLETED) for job in jobs]
        store.finish("a", outcomes)
    case.advance(1)
    removed = []
    while size := store.tidy(1.0):
        removed.append(size)
    assert sum(removed) == 1500
    assert len(removed) > 1


# -- schedules ----------------------------------------------------------------------------------


@in_hub
def test_a_tick_fires_once(case: StoreCase, store: JobStore) -> None:
    stores = [store, *(case.make() for _ in range(3))]
    first = ScheduleRecord("nightly", "0 3 * * *", 1.5)
    assert store.set_schedule(first, None)
    assert not store.set_schedule(first, None)
    assert dict(store.schedules()) == {"nightly": first}
    last = first
    for tick in range(5):
        following = ScheduleRecord("nightly", "0 3 * * *", 1796019769.0106235 + tick)
        tasks = [rt.spawn(own.fire, following, last, [new_job(task="t")]) for own in stores]
        assert sorted(task.result() for task in tasks) == [False, False, False, True]
        last = following
    assert len(store.jobs(JobFilter())) == 5
    assert dict(store.schedules()) == {"nightly": last}


@in_hub
def test_a_changed_schedule_begins_anew(store: JobStore) -> None:
    first = ScheduleRecord("s", "every 5 seconds", 10.0)
    changed = ScheduleRecord("s", "every 9 seconds", 12.0)
    store.set_schedule(first, None)
    assert store.set_schedule(changed, first)
    assert not store.set_schedule(changed, first)
    assert not store.fire(first, first, [new_job()])
    assert store.fire(ScheduleRecord("s", "every 9 seconds", 21.0), changed, [])
    assert [*store.jobs(JobFilter())] == []
