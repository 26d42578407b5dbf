"""The contract of `JobStore` about claims: order, shares of queues, outcomes, steps and events."""

from __future__ import annotations

from collections import Counter

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_tasks.records import (
    AttemptOutcome,
    Claim,
    ClaimedJob,
    Delivery,
    JobFilter,
    JobState,
    NewEvent,
)
from photon_tasks.stores import JobStore

from .conftest import StoreCase
from .store_contract import (
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

# -- order --------------------------------------------------------------------------------------


@in_hub
def test_a_greater_priority_goes_first(store: JobStore) -> None:
    work_at(store)
    low, normal, high = new_job(priority=-1), new_job(), new_job(priority=10)
    deliver(store, low, normal, high)
    deliver(store, second := new_job(priority=10))
    order = [claim(store, limit=1)[0].claim.job for _ in range(4)]
    assert order == [high.id, second.id, normal.id, low.id]


@in_hub
def test_a_flood_in_one_queue_does_not_starve_another(store: JobStore) -> None:
    work_at(store)
    store.deliver(Delivery([new_job(queue="flood", priority=9) for _ in range(200)]))
    deliver(store, *(new_job(queue="few") for _ in range(3)))
    first = claim(store, limit=10)
    assert Counter(job.queue for job in first) == {"flood": 7, "few": 3}


@in_hub
def test_claims_of_one_job_serve_all_queues_in_turn(store: JobStore) -> None:
    work_at(store)
    for queue in ("one", "two", "three"):
        store.deliver(Delivery([new_job(queue=queue) for _ in range(20)]))
    served = Counter(claim(store, limit=1)[0].queue for _ in range(30))
    assert served == {"one": 10, "two": 10, "three": 10}


@in_hub
def test_a_worker_of_some_queues_gets_no_others(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    deliver(store, mail := new_job(queue="mail"), new_job(queue="other"))
    deliver(store, new_job(queue="other", delay=5), late := new_job(queue="mail", delay=5))
    assert ids(claim(store, queues=["mail", "none"])) == [mail.id]
    case.advance(6)
    assert ids(claim(store, queues=["mail"])) == [late.id]
    assert len(claim(store)) == 2


@in_hub
def test_the_limit_bounds_a_claim_and_more_jobs_are_announced(store: JobStore) -> None:
    work_at(store)
    deliver(store, *(new_job() for _ in range(5)))
    claims = store.claim("a", 3)
    assert (len(claims.jobs), claims.next_due) == (3, 0.0)
    assert [*store.claim("a", 0).jobs] == []
    claims = store.claim("a", 3)
    assert (len(claims.jobs), claims.next_due) == (2, None)


# -- claims and their ends ----------------------------------------------------------------------


@in_hub
def test_an_unknown_worker_gets_nothing(store: JobStore) -> None:
    deliver(store, new_job())
    assert claim(store, "stranger") == []
    work_at(store)
    assert len(claim(store)) == 1


@in_hub
def test_several_claimers_never_get_the_same_job(case: StoreCase, store: JobStore) -> None:
    total = 300
    stores = [store, *(case.make() for _ in range(3))]
    jobs = [new_job(queue=f"q{number % 2}") for number in range(total)]
    store.deliver(Delivery(jobs))
    got: list[str] = []

    def run(own: JobStore, worker: str) -> None:
        work_at(own, worker)
        misses = 0
        while misses < 3:
            found = claim(own, worker, limit=7)
            misses = 0 if found else misses + 1
            got.extend(ids(found))
            outcomes = [
                AttemptOutcome(claim=job.claim, state=JobState.COMPLETED, keep=9.0) for job in found
            ]
            assert all(own.finish(worker, outcomes))

    tasks = [rt.spawn(run, own, f"w{number}") for number, own in enumerate(stores)]
    for task in tasks:
        task.result()
    assert Counter(got) == Counter(job.id for job in jobs)


@in_hub
def test_a_failed_job_is_tried_again_after_its_delay(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job(max_attempts=2))
    assert end(store, claim_one(store), "failed", delay=20.0, error="boom")
    record = look(store, job.id)
    assert (record.state, record.error, record.attempts) == (JobState.FAILED, "boom", 1)
    claims = store.claim("a", 1)
    assert [*claims.jobs] == []
    assert 15 < (claims.next_due or 0) <= 20
    case.advance(21)
    again = claim_one(store)
    assert (again.claim.attempt, again.claims) == (2, 2)
    assert end(store, again, "dead", error="boom again")
    record = look(store, job.id)
    assert (record.state, record.error, record.attempts) == (JobState.DEAD, "boom again", 2)


@in_hub
def test_a_job_that_is_given_back_goes_first_and_its_attempt_does_not_count(
    store: JobStore,
) -> None:
    work_at(store)
    first, second = new_job(), new_job()
    deliver(store, first, second)
    [job] = claim(store, limit=1)
    assert end(store, job, "queued", gives_back=True)
    assert state_of(store, first.id) == "queued"
    jobs = claim(store)
    assert ids(jobs) == [first.id, second.id]
    assert (jobs[0].claim.attempt, jobs[0].claims) == (1, 2)


@in_hub
def test_only_the_worker_of_a_claim_has_a_say(store: JobStore) -> None:
    work_at(store)
    work_at(store, "b")
    deliver(store, new_job())
    job = claim_one(store)
    follow_up = new_job()
    other_attempt = ClaimedJob(
        claim=Claim(job.claim.job, 2), task=job.task, queue=job.queue, arguments="{}"
    )
    for worker, claimed in (("b", job), ("a", other_attempt), ("stranger", job)):
        assert not end(store, claimed, worker=worker, delivery=Delivery([follow_up]))
        assert not store.set_progress(worker, claimed.claim, "1")
        assert not store.set_step(worker, claimed.claim, "s", "1")
        assert store.take_event(worker, claimed.claim, "e", "s") is None
    assert store.job(follow_up.id) is None
    assert look(store, job.claim.job).progress is None
    assert store.steps(job.claim.job) == {}
    assert end(store, job, delivery=Delivery([follow_up]))
    assert not end(store, job, delivery=Delivery([new_job()]))
    assert state_of(store, follow_up.id) == "queued"


@in_hub
def test_outcomes_are_accepted_one_by_one(store: JobStore) -> None:
    work_at(store)
    deliver(store, *(new_job() for _ in range(4)))
    jobs = claim(store)
    end(store, jobs[1])
    outcomes = [
        AttemptOutcome(claim=job.claim, state=JobState.COMPLETED, keep=9.0, result=str(number))
        for number, job in enumerate(jobs)
    ]
    assert [*store.finish("a", outcomes)] == [True, False, True, True]
    assert [*store.finish("a", outcomes)] == [False] * 4
    assert [look(store, job.claim.job).result for job in jobs] == ["0", None, "2", "3"]
    assert [*store.finish("a", [])] == []


@in_hub
def test_what_follows_is_enqueued_with_the_outcome(store: JobStore) -> None:
    work_at(store)
    deliver(store, new_job(), new_job())
    first, second = claim(store)
    followers = [new_job(), new_job(delay=50), new_job()]
    outcomes = [
        AttemptOutcome(
            claim=first.claim, state=JobState.COMPLETED, delivery=Delivery(followers[:2])
        ),
        AttemptOutcome(claim=second.claim, state=JobState.DEAD, delivery=Delivery(followers[2:])),
    ]
    assert [*store.finish("a", outcomes)] == [True, True]
    states = [state_of(store, each.id) for each in followers]
    assert states == ["queued", "scheduled", "queued"]


@in_hub
def test_any_text_can_be_the_error_of_a_job(store: JobStore) -> None:
    work_at(store)
    for error in ("zero \0 byte", "half \ud800 a pair", "Zoë \U0001f600 'quoted' \\"):
        deliver(store, job := new_job())
        assert end(store, claim_one(store), "dead", error=error)
        assert (look(store, job.id).error or "")[:4] == error[:4]
    assert look(store, job.id).error == error


@in_hub
def test_a_parked_job_waits_for_people(store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job())
    assert end(store, claim_one(store), "parked", error="the task is unknown")
    assert (look(store, job.id).state, look(store, job.id).error) == (
        JobState.PARKED,
        "the task is unknown",
    )
    assert claim(store) == []
    assert store.requeue(JobFilter(states=[JobState.PARKED])) == 1
    assert claim_one(store).claim == Claim(job.id, 1)


@in_hub
def test_the_progress_of_a_job_is_shown(store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job())
    claimed = claim_one(store)
    assert store.set_progress("a", claimed.claim, "[1,2]")
    assert look(store, job.id).progress == "[1,2]"


# -- steps and events ---------------------------------------------------------------------------


@in_hub
def test_steps_stay_over_attempts(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job())
    claimed = claim_one(store)
    assert store.set_step("a", claimed.claim, "charge", "1")
    assert store.set_step("a", claimed.claim, "charge", "2")
    assert store.set_step("a", claimed.claim, "mail", "null")
    end(store, claimed, "failed", delay=1.0)
    case.advance(2)
    again = claim_one(store)
    assert again.claims == 2
    assert dict(store.steps(job.id)) == {"charge": "2", "mail": "null"}
    end(store, again, "dead")
    store.requeue(JobFilter(ids=[job.id]))
    assert len(store.steps(job.id)) == 2


@in_hub
def test_a_waiting_job_is_queued_by_its_event(store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job())
    end(store, claim_one(store), "waiting", event="paid", gives_back=True)
    record = look(store, job.id)
    assert (record.state, record.event, record.due) == (JobState.WAITING, "paid", None)
    deliver(store, events=[NewEvent(job.id, "other", "0")])
    assert claim(store) == []
    deliver(store, events=[NewEvent(job.id, "paid", '{"by":"card"}')])
    claimed = claim_one(store)
    assert claimed.claim.attempt == 1
    assert store.take_event("a", claimed.claim, "paid", "wait") == '{"by":"card"}'
    assert store.take_event("a", claimed.claim, "paid", "wait") is None
    assert store.take_event("a", claimed.claim, "other", "wait 2") == "0"
    assert dict(store.steps(job.id)) == {"wait": '{"by":"card"}', "wait 2": "0"}


@in_hub
def test_an_event_before_the_wait_ends_the_wait_at_once(store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job(), events=())
    claimed = claim_one(store)
    deliver(store, events=[NewEvent(job.id, "paid", "1"), NewEvent(job.id, "paid", "2")])
    end(store, claimed, "waiting", event="paid", delay=1000.0, gives_back=True)
    claimed = claim_one(store)
    assert store.take_event("a", claimed.claim, "paid", "s1") == "1"
    assert store.take_event("a", claimed.claim, "paid", "s2") == "2"


@in_hub
def test_a_wait_ends_after_its_delay(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job())
    end(store, claim_one(store), "waiting", event="paid", delay=60.0, gives_back=True)
    assert claim(store) == []
    case.advance(61)
    assert claim_one(store).claim == Claim(job.id, 1)
    assert look(store, job.id).event is None


@in_hub
def test_events_for_jobs_that_have_ended_are_dropped(store: JobStore) -> None:
    work_at(store)
    deliver(store, job := new_job())
    end(store, claim_one(store))
    events = [NewEvent(job.id, "paid"), NewEvent(new_job().id, "paid")]
    assert [*deliver(store, events=events)] == []
    store.requeue(JobFilter())
    assert claim(store) == []


@in_hub
def test_an_event_and_a_wait_at_the_same_time_meet(case: StoreCase, store: JobStore) -> None:
    other = case.make()
    work_at(store)
    for _ in range(20):
        deliver(store, job := new_job())
        claimed = claim_one(store)
        tasks = [
            rt.spawn(deliver, other, events=[NewEvent(job.id, "paid")]),
            rt.spawn(end, store, claimed, "waiting", event="paid", gives_back=True),
        ]
        for task in tasks:
            task.result()
        end(store, claim_one(store))


# -- cancelled callers --------------------------------------------------------------------------


@in_hub
def test_jobs_of_a_claim_that_was_interrupted_are_not_lost(store: JobStore) -> None:
    work_at(store)
    jobs = [new_job() for _ in range(40)]
    deliver(store, *jobs)
    got: list[str] = []
    for number in range(40):
        task = rt.spawn(claim, store, "a", 3)
        for _ in range(number % 8):
            rt.yield_now()
        rt.sleep(0.0005 * (number % 5))
        task.cancel()
        task.join()
        if task.done and not task.cancelled:
            got += ids(task.result())
    while found := claim(store):
        got += ids(found)
    assert Counter(got) == Counter(job.id for job in jobs)
