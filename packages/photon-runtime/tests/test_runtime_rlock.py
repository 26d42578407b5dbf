from __future__ import annotations

import pytest

import photon_runtime as rt
from photon_runtime.testing import in_virtual_time


@in_virtual_time
def test_its_task_may_take_it_again_and_must_release_it_as_often() -> None:
    lock = rt.RLock()
    with lock:
        assert lock.acquire()
        lock.release()
        assert lock.locked()
    assert not lock.locked()


@in_virtual_time
def test_no_other_task_may_release_it() -> None:
    lock = rt.RLock()
    lock.acquire()
    with pytest.raises(RuntimeError, match="does not hold it"):
        rt.spawn(lock.release).result()
    lock.release()
    with pytest.raises(RuntimeError, match="does not hold it"):
        lock.release()


@in_virtual_time
def test_it_passes_to_the_waiters_in_the_order_of_their_coming() -> None:
    lock = rt.RLock()
    order: list[int] = []

    def take(number: int) -> None:
        with lock, lock:
            order.append(number)

    with lock:
        tasks = [rt.spawn(take, number) for number in range(3)]
        rt.yield_now()
    assert lock.locked()
    assert not lock.acquire(0)
    tasks.append(rt.spawn(take, 3))
    for task in tasks:
        task.result()
    assert order == [0, 1, 2, 3]


@in_virtual_time
def test_who_releases_it_cannot_overtake_who_waits() -> None:
    lock = rt.RLock()
    lock.acquire()
    rt.spawn(lock.acquire)
    rt.yield_now()
    lock.release()
    assert not lock.acquire(0)


@in_virtual_time
def test_a_cancelled_waiter_is_passed_over() -> None:
    lock = rt.RLock()
    got: list[str] = []

    def take(name: str) -> None:
        with lock:
            got.append(name)

    lock.acquire()
    first, second = rt.spawn(take, "first"), rt.spawn(take, "second")
    rt.yield_now()
    first.cancel()
    lock.release()
    second.join()
    assert got == ["second"]
    assert not lock.locked()


@in_virtual_time
def test_it_gives_up_after_its_timeout() -> None:
    lock = rt.RLock()
    lock.acquire()
    assert rt.spawn(lock.acquire, 0).result() is False
    assert rt.spawn(lock.acquire, 5).result() is False
    assert rt.current_task().hub.time() == 5
    lock.release()
    assert not lock.locked()


@in_virtual_time
def test_taking_a_free_one_does_not_switch() -> None:
    others: list[str] = []
    rt.spawn(others.append, "ran")
    lock = rt.RLock()
    with lock, lock:
        pass
    assert others == []


@in_virtual_time
def test_its_repr_shows_who_holds_it_and_how_many_wait() -> None:
    lock = rt.RLock()
    assert repr(lock) == "<RLock free, 0 waiting>"
    rt.current_task().name = "me"
    with lock:
        assert repr(lock) == "<RLock held once by 'me', 0 waiting>"
        rt.spawn(lock.acquire)
        rt.yield_now()
        with lock:
            assert repr(lock) == "<RLock held 2 times by 'me', 1 waiting>"


def test_it_needs_a_task() -> None:
    with pytest.raises(rt.NotRunning):
        rt.RLock().acquire()
