from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from photon_router.middleware import MemoryStore, RedisStore, Taken


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_tokens_and_fills_again() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)

    def take() -> Taken:
        return store.take("a", capacity=2, rate=0.5)

    assert [take().is_granted for _ in range(3)] == [True, True, False]
    clock.now += 1
    assert take() == (False, 0.5)
    clock.now += 1
    assert take() == (True, 0.0)
    clock.now += 1000
    assert take() == (True, 1.0)


def test_keys_do_not_share_tokens() -> None:
    store = MemoryStore(clock=Clock())
    assert store.take("a", capacity=1, rate=1).is_granted
    assert store.take("b", capacity=1, rate=1).is_granted
    assert not store.take("a", capacity=1, rate=1).is_granted


def test_a_clock_that_goes_back_gives_and_takes_nothing() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.take("a", capacity=1, rate=1)
    clock.now -= 50
    assert not store.take("a", capacity=1, rate=1).is_granted
    clock.now += 1
    assert store.take("a", capacity=1, rate=1).is_granted


def test_there_are_only_so_many_buckets_and_the_longest_unused_goes_first() -> None:
    store = MemoryStore(max_keys=3, clock=Clock())
    for key in ("a", "b", "c", "a", "d"):
        store.take(key, capacity=2, rate=0.001)
    assert len(store) == 3
    assert store.take("a", capacity=2, rate=0.001) == (False, 0.0)
    assert store.take("b", capacity=2, rate=0.001).left == 1.0


def test_threads_do_not_take_the_same_token() -> None:
    store = MemoryStore(clock=Clock())
    granted = []

    def take_many() -> None:
        for _ in range(500):
            granted.append(store.take("a", capacity=100, rate=0.001).is_granted)

    threads = [threading.Thread(target=take_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 100


@given(
    st.integers(1, 20),
    st.floats(0.01, 100),
    st.lists(st.floats(0, 10), max_size=50),
)
def test_never_more_is_granted_than_the_bucket_and_what_flowed_in(
    capacity: int, rate: float, waits: list[float]
) -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    granted = 0
    for wait in waits:
        clock.now += wait
        granted += store.take("a", capacity=capacity, rate=rate).is_granted
    assert granted <= capacity + sum(waits) * rate + 1e-6


@pytest.fixture(scope="module")
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


@pytest.mark.slow
def test_redis_keeps_buckets_for_all_and_forgets_full_ones(client: redis.Redis) -> None:
    stores = [RedisStore(client), RedisStore(client)]
    taken = [store.take("a", capacity=3, rate=0.001) for store in stores * 2]
    assert [each.is_granted for each in taken] == [True, True, True, False]
    assert [int(each.left + 0.01) for each in taken] == [2, 1, 0, 0]
    assert 0 < client.pttl("photon:rate:a") <= 3_001_000
    assert stores[0].take("b", capacity=1, rate=1000).is_granted
    assert client.pttl("photon:rate:b") <= 1001
    assert RedisStore(client, prefix="other:").take("a", capacity=1, rate=1).is_granted


@pytest.mark.slow
def test_redis_fills_buckets_by_its_own_clock(client: redis.Redis) -> None:
    store = RedisStore(client)
    assert store.take("c", capacity=1, rate=1_000_000).is_granted
    assert store.take("c", capacity=1, rate=1_000_000).is_granted
    assert store.take("c", capacity=1, rate=0.001).left < 1
