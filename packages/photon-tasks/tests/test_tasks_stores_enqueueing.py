"""The contract of `JobStore` about enqueueing: delays, keys, groups, notifications."""

from __future__ import annotations

from collections.abc import Callable

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_tasks.records import (
    AttemptOutcome,
    Claim,
    Delivery,
    Enqueued,
    JobFilter,
    JobState,
    NewEvent,
    NewGroup,
    UniqueKey,
)
from photon_tasks.stores import JobStore
from photon_tasks.stores._job_text import encode_jobs

from .conftest import StoreCase
from .store_contract import (
    Listener,
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

# -- life ---------------------------------------------------------------------------------------


@in_hub
def test_several_processes_open_an_empty_store_at_once(case: StoreCase) -> None:
    tasks = [rt.spawn(case.make) for _ in range(4)]
    stores = [task.result() for task in tasks]
    deliver(stores[0], new_job())
    assert len(stores[3].jobs(JobFilter())) == 1


@in_hub
def test_opening_again_keeps_the_jobs(case: StoreCase, store: JobStore) -> None:
    deliver(store, job := new_job())
    case.make()
    store.open()
    assert state_of(store, job.id) == "queued"


# -- enqueueing ---------------------------------------------------------------------------------


@in_hub
def test_a_job_is_delivered_claimed_and_completed(store: JobStore) -> None:
    job = new_job(
        queue="mail",
        arguments='{"to":"Zoë \\u0001 \\"x\\""}',
        priority=3,
        max_attempts=5,
        keep=60.0,
        trace="00-1-1-01",
        owner="user 1",
        then="[]",
    )
    assert deliver(store, job) == [Enqueued(job.id, is_new=True)]
    record = look(store, job.id)
    assert (record.task, record.queue, record.state) == ("shop.charge", "mail", JobState.QUEUED)
    assert (record.arguments, record.owner, record.then) == (job.arguments, "user 1", "[]")
    assert (record.attempts, record.worker, record.is_cancelled) == (0, None, False)
    assert abs(record.enqueued - store.clock()) < 5
    work_at(store)
    claimed = claim_one(store)
    assert claimed.claim == Claim(job.id, 1)
    assert (claimed.task, claimed.queue, claimed.arguments) == (job.task, "mail", job.arguments)
    assert (claimed.priority, claimed.max_attempts, claimed.keep) == (3, 5, 60.0)
    assert (claimed.trace, claimed.owner, claimed.then) == ("00-1-1-01", "user 1", "[]")
    assert (claimed.claims, claimed.group) == (1, None)
    assert 0 <= claimed.waited < 5
    record = look(store, job.id)
    assert (record.state, record.attempts, record.worker) == (JobState.RUNNING, 1, "a")
    assert record.started is not None
    assert end(store, claimed, result='{"ok":true}')
    record = look(store, job.id)
    assert (record.state, record.result, record.error) == (
        JobState.COMPLETED,
        '{"ok":true}',
        None,
    )
    assert record.ended is not None
    assert record.worker is None


@in_hub
def test_nothing_is_delivered_at_no_cost(store: JobStore) -> None:
    assert list(store.deliver(Delivery())) == []


@in_hub
def test_a_repeated_delivery_does_nothing(store: JobStore) -> None:
    work_at(store)
    first, second = new_job(), new_job(unique=UniqueKey("k"))
    for is_new in (True, False):
        outcomes = deliver(store, first, second)
        assert [*outcomes] == [Enqueued(first.id, is_new), Enqueued(second.id, is_new)]
    for job in claim(store):
        end(store, job)
    assert [each.is_new for each in deliver(store, first, second)] == [False, False]
    assert [each.is_new for each in deliver(store, new_job(unique=UniqueKey("k")))] == [True]
    assert claim_one(store).claims == 1


@in_hub
def test_an_id_that_occurs_twice_is_new_once(store: JobStore) -> None:
    job = new_job()
    assert [each.is_new for each in deliver(store, job, job)] == [True, False]
    assert len(store.jobs(JobFilter())) == 1


@in_hub
def test_many_jobs_are_delivered_in_their_order(store: JobStore) -> None:
    work_at(store)
    jobs = [new_job() for _ in range(250)]
    assert all(each.is_new for each in store.deliver(Delivery(jobs)))
    claimed = claim(store, limit=120) + claim(store, limit=200)
    assert ids(claimed) == [job.id for job in jobs]


# -- delays -------------------------------------------------------------------------------------


@in_hub
def test_a_delayed_job_is_claimed_when_it_is_due(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    deliver(store, later := new_job(delay=60), at := new_job(due=store.clock() + 30))
    assert state_of(store, later.id) == "scheduled"
    claims = store.claim("a", 10)
    assert [*claims.jobs] == []
    assert claims.next_due is not None
    assert 25 < claims.next_due <= 30
    case.advance(31)
    assert ids(claim(store)) == [at.id]
    case.advance(30)
    [claimed] = claim(store)
    assert claimed.claim.job == later.id
    assert 0 < claimed.waited < 5


@in_hub
def test_jobs_become_queued_in_the_order_in_which_they_are_due(
    case: StoreCase, store: JobStore
) -> None:
    work_at(store)
    deliver(store, third := new_job(delay=30), second := new_job(delay=20))
    deliver(store, first := new_job())
    case.advance(40)
    deliver(store, behind := new_job())
    # What is queued already goes before what has become due, and is not compared with a clock.
    expected = [first.id, behind.id, second.id, third.id]
    assert ids(claim(store)) == expected


@in_hub
def test_a_job_in_the_past_is_due(store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job(due=1.0))
    assert ids(claim(store)) == [job.id]


@in_hub
def test_a_clock_that_is_set_back_and_forth_runs_each_job_once(
    case: StoreCase, store: JobStore
) -> None:
    work_at(store)
    deliver(store, now := new_job(), later := new_job(delay=10))
    case.advance(-3600)
    assert ids(claim(store)) == [now.id]
    case.advance(3620)
    assert ids(claim(store)) == [later.id]
    case.advance(-3600)
    assert claim(store) == []
    case.advance(7200)
    assert claim(store) == []


@in_hub
def test_an_earlier_job_runs_before_many_later_ones(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    store.deliver(Delivery([new_job(delay=3600) for _ in range(1500)]))
    deliver(store, soon := new_job(delay=5))
    case.advance(6)
    assert ids(claim(store)) == [soon.id]
    case.advance(3600)
    found: list[str] = []
    for _ in range(20):
        found += ids(claim(store, limit=100))
    assert len(set(found)) == 1500


# -- unique keys --------------------------------------------------------------------------------


@in_hub
def test_fifty_enqueuers_of_one_key_make_one_job(case: StoreCase, store: JobStore) -> None:
    stores = [store, *(case.make() for _ in range(3))]
    jobs = [new_job(unique=UniqueKey("one")) for _ in range(50)]
    tasks = [
        rt.spawn(deliver, stores[number % 4], job, new_job()) for number, job in enumerate(jobs)
    ]
    outcomes = [task.result()[0] for task in tasks]
    [winner] = [each.id for each in outcomes if each.is_new]
    assert {each.id for each in outcomes} == {winner}
    assert len(store.jobs(JobFilter(), limit=200)) == 51


@in_hub
def test_a_key_until_done_is_free_when_the_job_has_ended(store: JobStore) -> None:
    work_at(store)
    for ending in ("completed", "dead", "cancelled"):
        job = new_job(unique=UniqueKey("k"))
        [first] = deliver(store, job)
        assert first == Enqueued(job.id, is_new=True)
        claimed = claim_one(store)
        assert [*deliver(store, new_job(unique=UniqueKey("k")))] == [Enqueued(job.id, False)]
        assert end(store, claimed, ending)
    deliver(store, waiting := new_job(unique=UniqueKey("k")))
    assert not deliver(store, new_job(unique=UniqueKey("k")))[0].is_new
    store.cancel(waiting.id)
    assert deliver(store, new_job(unique=UniqueKey("k")))[0].is_new


@in_hub
def test_a_key_until_done_is_held_while_the_job_is_tried_again(
    case: StoreCase, store: JobStore
) -> None:
    work_at(store)
    deliver(store, job := new_job(unique=UniqueKey("k")))
    end(store, claim_one(store), "failed", delay=5.0)
    assert [*deliver(store, new_job(unique=UniqueKey("k")))] == [Enqueued(job.id, False)]
    case.advance(6)
    end(store, claim_one(store))
    assert deliver(store, new_job(unique=UniqueKey("k")))[0].is_new


@in_hub
def test_a_key_until_start_is_free_when_the_job_starts(store: JobStore) -> None:
    work_at(store)
    key = UniqueKey("k", until="start")
    deliver(store, first := new_job(unique=key))
    assert [*deliver(store, new_job(unique=key))] == [Enqueued(first.id, False)]
    claimed = claim_one(store)
    deliver(store, second := new_job(unique=key))
    assert state_of(store, second.id) == "queued"
    end(store, claimed)
    assert not deliver(store, new_job(unique=key))[0].is_new


@in_hub
def test_a_key_for_a_period_lasts_for_the_period(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    key = UniqueKey("k", until="period", seconds=60.0)
    deliver(store, first := new_job(unique=key))
    end(store, claim_one(store))
    assert [*deliver(store, new_job(unique=key))] == [Enqueued(first.id, False)]
    case.advance(61)
    assert deliver(store, second := new_job(unique=key))[0].is_new
    case.advance(61)
    assert deliver(store, new_job(unique=key))[0].is_new
    assert state_of(store, second.id) == "queued"


@in_hub
def test_jobs_of_one_delivery_with_the_same_key_are_one(store: JobStore) -> None:
    first, second = new_job(unique=UniqueKey("k")), new_job(unique=UniqueKey("k"))
    assert [*deliver(store, first, second)] == [
        Enqueued(first.id, is_new=True),
        Enqueued(first.id, is_new=False),
    ]


@in_hub
def test_the_key_of_a_dead_worker_is_free_after_its_recovery(store: JobStore) -> None:
    work_at(store)
    work_at(store, "b")
    deliver(store, last := new_job(unique=UniqueKey("k"), max_attempts=1))
    claim_one(store)
    assert store.recover("a", 0).dead == [last.id]
    assert deliver(store, new_job(unique=UniqueKey("k")))[0].is_new


# -- groups -------------------------------------------------------------------------------------


@in_hub
def test_the_last_job_of_a_group_enqueues_what_follows(store: JobStore) -> None:
    work_at(store)
    after = new_job(queue="after")
    jobs = [new_job(group="g") for _ in range(3)]
    deliver(store, *jobs, groups=[NewGroup(id="g", size=3, then=encode_jobs([after]))])
    claimed = claim(store)
    assert {job.group for job in claimed} == {"g"}
    end(store, claimed[0])
    end(store, claimed[1])
    assert store.job(after.id) is None
    end(store, claimed[1])  # a repetition is refused, and does not count
    assert store.job(after.id) is None
    end(store, claimed[2])
    assert state_of(store, after.id) == "queued"


@in_hub
def test_a_group_whose_jobs_end_in_one_step_is_followed_once(store: JobStore) -> None:
    work_at(store)
    after = new_job()
    jobs = [new_job(group="g") for _ in range(5)]
    deliver(store, *jobs, groups=[NewGroup(id="g", size=5, then=encode_jobs([after]))])
    outcomes = [AttemptOutcome(claim=job.claim, state=JobState.COMPLETED) for job in claim(store)]
    assert all(store.finish("a", outcomes))
    assert ids(claim(store)) == [after.id]


@in_hub
def test_a_group_with_a_dead_job_is_not_followed_until_it_ends_well(store: JobStore) -> None:
    work_at(store)
    after = new_job()
    jobs = [new_job(group="g") for _ in range(2)]
    deliver(store, *jobs, groups=[NewGroup(id="g", size=2, then=encode_jobs([after]))])
    first, second = claim(store)
    end(store, first)
    end(store, second, "dead")
    assert store.job(after.id) is None
    store.requeue(JobFilter(states=[JobState.DEAD]))
    end(store, claim_one(store))
    assert state_of(store, after.id) == "queued"


@in_hub
def test_a_job_that_a_key_keeps_out_of_its_group_does_not_hold_it_up(store: JobStore) -> None:
    work_at(store)
    deliver(store, new_job(unique=UniqueKey("k")))
    claim_one(store)
    after = new_job()
    jobs = [new_job(group="g"), new_job(group="g", unique=UniqueKey("k"))]
    deliver(store, *jobs, groups=[NewGroup(id="g", size=2, then=encode_jobs([after]))])
    end(store, claim_one(store))
    assert state_of(store, after.id) == "queued"


@in_hub
def test_an_empty_group_is_followed_at_once(store: JobStore) -> None:
    after = new_job()
    deliver(store, groups=[NewGroup(id="g", size=0, then=encode_jobs([after]))])
    assert state_of(store, after.id) == "queued"


# -- notifications ------------------------------------------------------------------------------


@in_hub
def test_listeners_are_woken_by_what_becomes_queued(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    listeners = [Listener(store), Listener(case.make())]

    def wakes(call: Callable[[], object]) -> None:
        call()
        for listener in listeners:
            listener.wait(0.9)  # earlier than the look at a file that has changed

    wakes(lambda: deliver(store, new_job()))
    wakes(lambda: deliver(store, new_job(unique=UniqueKey("k"))))
    jobs = claim(store)
    wakes(lambda: end(store, jobs[0], "queued", gives_back=True))
    wakes(lambda: end(store, jobs[1], delivery=Delivery([new_job()])))
    wakes(lambda: deliver(store, new_job(delay=5)))
    end(store, claim(store, limit=1)[0], "waiting", event="e")
    for listener in listeners:
        listener.wait()
    [waiting] = store.jobs(JobFilter(states=[JobState.WAITING]))
    wakes(lambda: deliver(store, events=[NewEvent(waiting.id, "e")]))
    claim(store)
    wakes(lambda: store.recover("a", 0))
    for listener in listeners:
        listener.close()
