"""`RedisStore` over a real server, which is killed, stopped, restarted and emptied.

What it shares with the other stores is in ``store_contract``.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import pytest
import redis

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_tasks.errors import StoreRefused, StoreUnavailable
from photon_tasks.records import (
    AttemptOutcome,
    Claim,
    Claims,
    Delivery,
    JobFilter,
    JobState,
    NewEvent,
    NewGroup,
    NewJob,
    ScheduleRecord,
    UniqueKey,
    WorkerInfo,
)
from photon_tasks.stores._job_text import encode_jobs
from photon_tasks.stores.redis import RedisStore
from servers.valkey import ValkeyServer, run_valkey

LEASE = 30.0

T = TypeVar("T")


@pytest.fixture
def url(redis_url: str) -> str:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return redis_url


@contextmanager
def opened(url: str, worker: str = "w") -> Iterator[RedisStore]:
    """Open a store with a registered worker."""
    store = RedisStore(url)
    store.open()
    try:
        store.register(WorkerInfo(id=worker), LEASE)
        yield store
    finally:
        store.close()


def new(number: int, **options: Any) -> NewJob:
    return NewJob(id=f"{number:032x}", task="app.work", **options)


def deliver(store: RedisStore, *jobs: NewJob) -> list[bool]:
    return [each.is_new for each in store.deliver(Delivery(jobs))]


def numbers(claims: Claims) -> list[int]:
    return [int(each.claim.job, 16) for each in claims.jobs]


def done(
    claims: Claims, state: JobState = JobState.COMPLETED, **options: Any
) -> list[AttemptOutcome]:
    return [
        AttemptOutcome(claim=each.claim, state=state, keep=60, **options) for each in claims.jobs
    ]


def state(store: RedisStore, number: int) -> JobState:
    job = store.job(f"{number:032x}")
    assert job is not None
    return job.state


# -- jobs ----------------------------------------------------------------------------------------


@in_hub
def test_a_job_goes_through_its_states_and_keeps_everything(url: str) -> None:
    job = new(
        1,
        queue="mail: ü",
        arguments='{"a": "\\u0000 ü"}',
        priority=-3,
        max_attempts=2,
        unique=UniqueKey("k"),
        keep=10,
        trace="00-a-b-01",
        owner="ada",
        then="[]",
    )
    with opened(url) as store:
        assert deliver(store, job, job) == [True, False]
        [claimed] = store.claim("w", 10).jobs
        assert (claimed.claim, claimed.claims) == (Claim(job.id, 1), 1)
        for name in ("task", "queue", "arguments", "priority", "max_attempts", "keep"):
            assert getattr(claimed, name) == getattr(job, name)
        assert (claimed.trace, claimed.owner, claimed.then) == (job.trace, "ada", "[]")
        assert 0 <= claimed.waited < 5
        failed = AttemptOutcome(
            claim=claimed.claim, state=JobState.FAILED, delay=0.02, error="so what"
        )
        assert store.finish("w", [failed]) == [True]
        assert store.finish("w", [failed]) == [False]
        assert state(store, 1) is JobState.FAILED
        claims = store.claim("w", 10)
        assert claims.jobs == ()
        assert claims.next_due is not None
        rt.sleep(claims.next_due)
        again = store.claim("w", 10)
        assert again.jobs[0].claim == Claim(job.id, 2)
        assert store.set_progress("w", again.jobs[0].claim, "0.5")
        assert not store.set_progress("w", claimed.claim, "0.7")
        assert not store.set_progress("v", again.jobs[0].claim, "0.7")
        assert store.finish("w", done(again, result='"ü"')) == [True]
        record = store.job(job.id)
        assert record is not None
        assert record.state is JobState.COMPLETED
        assert (record.result, record.progress, record.error) == ('"ü"', "0.5", None)
        assert (record.attempts, record.worker, record.unique) == (2, None, "k")
        assert record.ended is not None
        assert record.started is not None
        assert record.enqueued <= record.started <= record.ended
        assert abs(store.clock() - time.time()) < 5
        assert deliver(store, job) == [False]
        assert store.job("unknown") is None


@in_hub
def test_order_is_by_priority_then_first_come_and_queues_share(url: str) -> None:
    with opened(url) as store:
        deliver(store, *(new(n, queue="a") for n in range(1, 21)))
        deliver(store, new(30, queue="a", priority=1), new(40, queue="b"))
        assert numbers(store.claim("w", 1)) == [30]
        assert numbers(store.claim("w", 1)) == [40]
        assert numbers(store.claim("w", 2)) == [1, 2]
        deliver(store, new(41, queue="b"), new(42, queue="b"), new(50, queue="c"))
        claims = store.claim("w", 4)
        assert sorted(numbers(claims)) == [3, 41, 42, 50] or sorted(numbers(claims)) == [
            3,
            4,
            41,
            50,
        ]
        assert claims.next_due == 0
        assert numbers(store.claim("w", 10, ["c"])) == []
        given_back = [
            AttemptOutcome(claim=claims.jobs[0].claim, state=JobState.QUEUED, gives_back=True)
        ]
        store.finish("w", given_back)
        first = int(claims.jobs[0].claim.job, 16)
        queue = claims.jobs[0].queue
        [again] = store.claim("w", 1, [queue]).jobs
        assert (again.claim, again.claims) == (Claim(f"{first:032x}", 1), 2)


@in_hub
def test_delayed_jobs_are_queued_in_the_order_in_which_they_become_due(url: str) -> None:
    with opened(url) as store:
        deliver(store, new(1, delay=0.06), new(2, delay=0.03), new(3, delay=100), new(4))
        claims = store.claim("w", 10)
        assert numbers(claims) == [4]
        assert claims.next_due is not None
        assert 0 < claims.next_due <= 0.03
        rt.sleep(0.08)
        deliver(store, new(5))
        claims = store.claim("w", 10)
        assert numbers(claims) == [5, 2, 1]
        assert claims.next_due is not None
        assert 90 < claims.next_due < 100
        assert store.claim("w", 10, ["other"]).next_due is None
        deliver(store, new(6, due=store.clock() + 50))
        assert (store.claim("w", 10).next_due or 0) < 51


@in_hub
def test_a_unique_key_is_free_after_the_start_the_end_or_a_period(url: str) -> None:
    with opened(url) as store:
        kinds = (UniqueKey("a", "start"), UniqueKey("b", "done"), UniqueKey("c", "period", 0.05))
        assert deliver(store, *(new(n, unique=key) for n, key in enumerate(kinds))) == [True] * 3
        [refused] = store.deliver(Delivery([new(10, unique=kinds[1])]))
        assert (int(refused.id, 16), refused.is_new) == (1, False)
        claims = store.claim("w", 3)
        assert deliver(store, *(new(n + 20, unique=key) for n, key in enumerate(kinds))) == [
            True,
            False,
            False,
        ]
        store.finish("w", done(claims))
        assert deliver(store, new(31, unique=kinds[1]), new(32, unique=kinds[2])) == [True, False]
        rt.sleep(0.06)
        assert deliver(store, new(42, unique=kinds[2])) == [True]


@in_hub
def test_the_last_job_of_a_group_enqueues_what_follows(url: str) -> None:
    then = encode_jobs([new(9, queue="after", arguments='{"x":1}')])
    group = NewGroup(id="g", size=3, then=then)
    with opened(url) as store:
        deliver(store, new(1, unique=UniqueKey("k")))
        jobs = [new(2, group="g"), new(3, group="g"), new(4, group="g", unique=UniqueKey("k"))]
        for _ in range(2):
            store.deliver(Delivery(jobs, [group]))
        claims = store.claim("w", 10)
        assert numbers(claims) == [1, 2, 3]
        [first, second] = done(claims)[1:]
        store.finish("w", [first])
        assert store.job(f"{9:032x}") is None
        store.finish("w", [second, first])
        assert numbers(store.claim("w", 10)) == [9]
        store.deliver(Delivery([], [NewGroup(id="empty", size=0, then=encode_jobs([new(10)]))]))
        assert numbers(store.claim("w", 10)) == [10]


@in_hub
def test_events_and_steps_belong_to_the_job(url: str) -> None:
    with opened(url) as store:
        deliver(store, new(1), new(2))
        claims = store.claim("w", 2)
        first, second = (each.claim for each in claims.jobs)
        waiting = [
            AttemptOutcome(claim=first, state=JobState.WAITING, event="paid", gives_back=True)
        ]
        assert store.finish("w", waiting) == [True]
        record = store.job(first.job)
        assert record is not None
        assert (record.state, record.event, record.due) == (JobState.WAITING, "paid", None)
        store.deliver(Delivery(events=[NewEvent(first.job, "other", "1")]))
        assert state(store, 1) is JobState.WAITING
        events = [NewEvent(job, "paid", f"{n}") for n in (2, 3) for job in (first.job, second.job)]
        store.deliver(Delivery(events=[*events, NewEvent("unknown", "paid")]))
        [again] = store.claim("w", 5).jobs
        assert again.claim == first
        assert store.take_event("w", first, "paid", "the payment") == "2"
        assert store.take_event("w", first, "nothing", "the payment") is None
        assert store.take_event("v", first, "paid", "the payment") is None
        assert store.set_step("w", first, "a", "1")
        assert not store.set_step("w", Claim(first.job, 7), "a", "2")
        assert store.steps(first.job) == {"the payment": "2", "a": "1"}
        # The event is there before the job waits for it, here with a delay.
        waits = AttemptOutcome(claim=second, state=JobState.WAITING, event="paid", delay=100)
        store.finish("w", [waits])
        assert state(store, 2) is JobState.QUEUED
        store.purge(JobFilter(ids=[second.job]))
        assert store.steps(second.job) == {}


@in_hub
def test_people_list_requeue_cancel_and_purge(url: str) -> None:
    with opened(url) as store:
        deliver(store, *(new(n, queue=f"q{n % 3}") for n in range(30)))
        deliver(store, new(100, delay=60), new(101))
        everything = JobFilter()
        assert [int(each.id, 16) for each in store.jobs(everything, limit=3)] == [101, 100, 29]
        page = store.jobs(everything, limit=25, before=f"{29:032x}")
        assert [int(each.id, 16) for each in page] == [*range(28, 3, -1)]
        queued = store.jobs(JobFilter(states=[JobState.QUEUED], queues=["q1", "q2"]))
        assert [int(each.id, 16) for each in queued] == [n for n in range(29, -1, -1) if n % 3]
        assert store.jobs(JobFilter(tasks=["other"])) == []
        assert store.jobs(JobFilter(min_age=60)) == []
        ids = [f"{n:032x}" for n in (3, 1, 2, 999)]
        assert [int(each.id, 16) for each in store.jobs(JobFilter(ids=ids))] == [3, 2, 1]
        depths = {(each.queue, each.state): each.jobs for each in store.depths()}
        assert depths == {
            ("q0", JobState.QUEUED): 10,
            ("q1", JobState.QUEUED): 10,
            ("q2", JobState.QUEUED): 10,
            ("default", JobState.QUEUED): 1,
            ("default", JobState.SCHEDULED): 1,
        }
        cancelled = store.cancel(f"{100:032x}")
        assert cancelled is not None
        assert cancelled.state is JobState.CANCELLED
        assert store.cancel("unknown") is None
        claims = store.claim("w", 2, ["q0"])
        first, second = (each.claim for each in claims.jobs)
        running = store.cancel(first.job)
        assert running is not None
        assert (running.state, running.is_cancelled) == (JobState.RUNNING, True)
        assert store.beat("w", LEASE).cancelled == [first]
        store.finish("w", [AttemptOutcome(claim=first, state=JobState.FAILED, delay=5)])
        assert state(store, 0) is JobState.CANCELLED
        assert store.beat("w", LEASE).cancelled == []
        store.finish("w", [AttemptOutcome(claim=second, state=JobState.DEAD, error="no")])
        assert store.requeue(JobFilter(states=[JobState.DEAD, JobState.CANCELLED])) == 3
        assert store.requeue(everything) == 0
        deliver(store, *(new(n) for n in range(1000, 2300)))
        assert store.purge(JobFilter(queues=["default"])) == 1302
        assert store.purge(everything) == 30
        assert store.depths() == []


@in_hub
def test_what_is_not_kept_any_more_is_removed_and_its_id_is_still_known(url: str) -> None:
    with opened(url) as store:
        deliver(store, new(1), new(2), new(3))
        claims = store.claim("w", 3)
        outcomes = [
            AttemptOutcome(claim=claims.jobs[0].claim, state=JobState.COMPLETED, keep=0),
            AttemptOutcome(claim=claims.jobs[1].claim, state=JobState.COMPLETED, keep=60),
            AttemptOutcome(claim=claims.jobs[2].claim, state=JobState.DEAD, error="no"),
        ]
        store.finish("w", outcomes)
        assert store.job(f"{1:032x}") is None
        assert store.tidy(60) == 1
        assert store.tidy(0) == 1
        assert store.tidy(0) == 0
        assert [int(each.id, 16) for each in store.jobs(JobFilter())] == [2]
        assert deliver(store, new(1), new(2), new(3)) == [False] * 3
        store.purge(JobFilter())
        store.unregister("w")
        store.tidy(0)
        with redis.Redis.from_url(url) as client:
            left = {key.decode().removeprefix("{photon:jobs}:") for key in client.scan_iter()}
            assert left == {"n", *(f"t:{n:032x}" for n in (1, 3))}
            assert all(client.ttl(f"{{photon:jobs}}:t:{n:032x}") > 3500 for n in (1, 3))
        assert deliver(store, new(1), new(2), new(3)) == [False, True, False]


@in_hub
def test_schedules_are_compared_and_set(url: str) -> None:
    first, second = ScheduleRecord("a", "every 5 s", 1e9), ScheduleRecord("a", "every 5 s", 2e9)
    with opened(url) as store:
        assert store.schedules() == {}
        assert store.set_schedule(first, None)
        assert not store.set_schedule(first, None)
        assert not store.fire(first, second, [new(1)])
        assert store.fire(second, first, [new(2)])
        assert store.schedules() == {"a": second}
        assert numbers(store.claim("w", 5)) == [2]


# -- workers -------------------------------------------------------------------------------------


@in_hub
def test_the_jobs_of_a_dead_worker_are_taken_once(url: str) -> None:
    with opened(url) as store:
        store.register(WorkerInfo(id="v", host="h", pid=7, queues=("a",), concurrency=3), 0.01)
        deliver(store, new(1), new(2, max_attempts=1), new(3), new(4))
        claims = store.claim("v", 3)
        assert store.cancel(f"{3:032x}") is not None
        assert store.beat("v", 0.01).is_known
        rt.sleep(0.02)
        [worker] = [each for each in store.workers() if each.info.id == "v"]
        assert worker.info == WorkerInfo(id="v", host="h", pid=7, queues=("a",), concurrency=3)
        assert (worker.beats, worker.running) == (1, 3)
        assert worker.lease_left < 0
        assert store.recover("v", 0).queued == ()
        recovered = store.recover("v", 1)
        assert (list(recovered.queued), list(recovered.dead)) == ([f"{1:032x}"], [f"{2:032x}"])
        assert store.recover("v", 1).queued == ()
        assert [state(store, n) for n in (1, 2, 3)] == ["queued", "dead", "cancelled"]
        dead = store.job(f"{2:032x}")
        assert dead is not None
        assert dead.error == "the worker v has ended during attempt 1 of 1"
        assert store.finish("v", done(claims)) == [False] * 3
        assert not store.beat("v", LEASE).is_known
        assert store.claim("v", 5).jobs == ()
        assert numbers(store.claim("w", 5)) == [1, 4]  # at the front


@in_hub
def test_the_jobs_of_a_worker_that_ends_do_not_lose_an_attempt(url: str) -> None:
    with opened(url) as store:
        store.register(WorkerInfo(id="v"), LEASE)
        deliver(store, new(1, max_attempts=1), new(2))
        store.claim("v", 1)
        store.unregister("v")
        assert [each.claim.attempt for each in store.claim("w", 5).jobs] == [1, 1]


@in_hub
def test_jobs_of_a_claim_without_an_answer_are_claimed_again(url: str) -> None:
    with opened(url) as store, redis.Redis.from_url(url) as client:
        deliver(store, new(1, max_attempts=1), new(2))
        client.client_pause(150)
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.05):
            store.claim("w", 2)
        rt.sleep(0.2)
        claims = store.claim("w", 5)
        assert [(each.claim.attempt, each.claims) for each in claims.jobs] == [(1, 1), (1, 1)]
        assert numbers(claims) == [1, 2]
        assert store.workers()[0].running == 2
        assert store.claim("w", 5).jobs == ()
        assert store.finish("w", done(claims)) == [True, True]
        assert client.hlen("{photon:jobs}:b:w") == 0


@in_hub
def test_a_claim_that_arrives_after_a_later_one_takes_nothing(url: str) -> None:
    with opened(url) as store, opened(url) as other:
        deliver(store, new(1))
        with pytest.raises(ZeroDivisionError), other._calls.numbered("w"):
            raise ZeroDivisionError
        assert numbers(other.claim("w", 5)) == [1]
        deliver(store, new(2))
        assert store.claim("w", 5).jobs == ()  # it is number 1
        assert store.claim("w", 5).jobs == ()
        assert numbers(store.claim("w", 5)) == [2]


# -- the server ----------------------------------------------------------------------------------


class Wakes:
    """Counts what a listener is woken by."""

    def __init__(self, store: RedisStore) -> None:
        self.count = 0
        self.errors: list[StoreUnavailable] = []
        self._store = store

    def _wake(self) -> None:
        self.count += 1

    def run(self) -> None:
        while True:
            try:
                self._store.listen(self._wake)
            except StoreUnavailable as error:
                self.errors.append(error)
                rt.sleep(0.05)


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "the condition does not hold in time"
        rt.sleep(0.005)
    return time.monotonic() - began


@in_hub
def test_listeners_are_woken_when_a_queue_is_filled_or_something_is_due_earlier(url: str) -> None:
    with opened(url) as store, rt.scope() as tasks:
        wakes = Wakes(store)
        tasks.spawn(wakes.run)
        wait_until(lambda: wakes.count == 1)
        deliver(store, new(1), new(2))
        wait_until(lambda: wakes.count == 2)
        deliver(store, new(3, delay=50))
        wait_until(lambda: wakes.count == 3)
        deliver(store, new(4, delay=60))
        deliver(store, new(5, delay=40))
        wait_until(lambda: wakes.count == 4)
        store.finish("w", done(store.claim("w", 1)))
        rt.sleep(0.05)
        assert wakes.count == 4
        store.claim("w", 10)
        store.unregister("w")
        wait_until(lambda: wakes.count == 5)
        tasks.cancel()


@in_hub
def test_scripts_that_the_server_has_forgotten_are_loaded_again(url: str) -> None:
    with opened(url) as store, redis.Redis.from_url(url) as client:
        client.script_flush()
        assert deliver(store, new(1)) == [True]
        assert numbers(store.claim("w", 1)) == [1]


def repeated(call: Callable[[], T]) -> T:
    """Call until the server answers."""
    for _ in range(100):
        try:
            return call()
        except StoreUnavailable:
            rt.sleep(0.005)
    return call()


@pytest.mark.slow
@in_hub
def test_killed_connections_lose_nothing_that_was_acknowledged() -> None:
    with run_valkey() as server, opened(server.url) as store, rt.scope() as tasks:
        wakes = Wakes(store)
        tasks.spawn(wakes.run)
        finished: list[int] = []

        def enqueue() -> None:
            for number in range(300):
                repeated(partial(deliver, store, new(number)))

        def work() -> None:
            while len(finished) < 300:
                claims = repeated(partial(store.claim, "w", 7))
                repeated(partial(store.finish, "w", done(claims)))
                finished.extend(numbers(claims))
                rt.sleep(0.002)

        def disturb() -> None:
            with redis.Redis.from_url(server.url) as client:
                while len(finished) < 300:
                    client.execute_command("CLIENT", "KILL", "SKIPME", "yes")
                    rt.sleep(0.02)

        with rt.deadline(30), rt.scope() as workers:
            for each in (enqueue, work, disturb):
                workers.spawn(each)
        assert sorted(finished) == [*range(300)]
        assert wakes.errors
        [worker] = store.workers()
        assert worker.running == 0
        tasks.cancel()


@pytest.mark.slow
@in_hub
def test_a_server_that_has_lost_its_data_does_not_stop_workers() -> None:
    with run_valkey() as server, opened(server.url) as store, rt.scope() as tasks:
        wakes = Wakes(store)
        tasks.spawn(wakes.run)
        deliver(store, new(1), new(2))
        claims = store.claim("w", 1)
        server.restart(immediate=True)
        assert not store.beat("w", LEASE).is_known
        assert store.claim("w", 1).jobs == ()
        assert store.finish("w", done(claims)) == [False]
        store.register(WorkerInfo(id="again"), LEASE)
        assert deliver(store, new(3)) == [True]
        assert numbers(store.claim("again", 5)) == [3]
        wait_until(lambda: len(wakes.errors) == 1)
        tasks.cancel()


@pytest.mark.slow
@in_hub
def test_a_killed_server_with_an_append_only_file_has_all_jobs_that_it_acknowledged() -> None:
    with run_valkey(stores=True) as server, opened(server.url) as store, rt.scope() as tasks:
        acknowledged: list[int] = []

        def enqueue() -> None:
            with suppress(StoreUnavailable):
                for number in itertools.count():
                    deliver(store, new(number))
                    acknowledged.append(number)

        task = tasks.spawn(enqueue)
        wait_until(lambda: len(acknowledged) >= 100)
        claims = store.claim("w", 10)
        server.kill()
        task.join()
        server.start()
        found = {int(each.id, 16) for each in store.jobs(JobFilter(), limit=100_000)}
        assert found >= set(acknowledged)
        assert store.finish("w", done(claims)) == [True] * 10


@pytest.mark.slow
@in_hub
def test_a_stopped_server_is_noticed_by_deadlines_and_listeners() -> None:
    with run_valkey() as server, opened(server.url) as store, rt.scope() as tasks:
        wakes = Wakes(store)
        tasks.spawn(wakes.run)
        wait_until(lambda: wakes.count == 1)
        deliver(store, new(1))
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.2):
                deliver(store, new(2))
            wait_until(lambda: bool(wakes.errors), 10)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert deliver(store, new(2)) in ([True], [False])
        assert numbers(store.claim("w", 5)) == [1, 2]
        wait_until(lambda: wakes.count >= 3)
        tasks.cancel()


@in_hub
def test_a_server_that_cannot_be_used_is_refused_or_unavailable(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="Redis"):
        RedisStore("redis://127.0.0.1:1/0").open()
    with pytest.raises(StoreRefused, match="url"):
        RedisStore("redis://127.0.0.1:x/0")
    with pytest.raises(StoreRefused, match="hash tag"):
        RedisStore(url, prefix="jobs{}")
    with pytest.raises(StoreRefused, match="password"):
        RedisStore(url.replace("://", "://:wrong@")).open()


@pytest.mark.slow
@in_hub
def test_a_server_without_memory_refuses_new_jobs_and_still_ends_others() -> None:
    with run_valkey() as server, opened(server.url) as store:
        deliver(store, new(1), new(2))
        claims = store.claim("w", 1)
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", "1mb")
            with pytest.raises(StoreUnavailable, match="memory"):
                deliver(store, new(3))
            with pytest.raises(StoreUnavailable, match="memory"):
                store.claim("w", 1)
            assert store.beat("w", LEASE).is_known
            assert store.finish("w", done(claims)) == [True]
            client.config_set("maxmemory", "0")
        assert numbers(store.claim("w", 5)) == [2]


@pytest.mark.slow
@in_hub
def test_a_server_that_may_lose_jobs_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def warnings(server: ValkeyServer) -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.WARNING, "photon.tasks"), opened(server.url):
            return [each.getMessage() for each in caplog.records]

    with run_valkey() as server, redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        disk, memory = warnings(server)
        assert "appendonly" in disk
        assert "noeviction" in memory
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")
        assert warnings(server) == []
        client.config_set("appendonly", "no")
        client.config_set("save", "60 1")
        assert warnings(server) == []
