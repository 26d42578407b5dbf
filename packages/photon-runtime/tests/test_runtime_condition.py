from __future__ import annotations

import pytest

import photon_runtime as rt
from photon_runtime.testing import in_virtual_time


def notify(condition: rt.Condition, n: int = 1) -> None:
    with condition:
        condition.notify(n)


@in_virtual_time
def test_notify_wakes_those_that_have_waited_longest() -> None:
    condition = rt.Condition()
    woken: list[int] = []

    def wait(number: int) -> None:
        with condition:
            condition.wait()
            woken.append(number)

    tasks = [rt.spawn(wait, number) for number in range(4)]
    rt.yield_now()
    notify(condition, 2)
    rt.sleep(1)
    assert woken == [0, 1]
    with condition:
        condition.notify_all()
    for task in tasks:
        task.result()
    assert woken == [0, 1, 2, 3]


@in_virtual_time
def test_a_notification_without_a_waiter_is_not_kept() -> None:
    condition = rt.Condition()
    notify(condition)
    with condition:
        assert condition.wait(1) is False


@in_virtual_time
def test_wait_frees_the_lock_and_comes_back_with_it() -> None:
    condition = rt.Condition()
    with condition:
        rt.spawn(notify, condition)
        assert condition.wait()
        assert condition.locked()
    assert not condition.locked()


@in_virtual_time
def test_wait_frees_a_reentrant_lock_at_any_depth_and_restores_it() -> None:
    lock = rt.RLock()
    condition = rt.Condition(lock)
    with lock, lock, lock:
        rt.spawn(notify, condition)
        assert condition.wait()
        assert "held 3 times" in repr(lock)
    assert not lock.locked()


@in_virtual_time
def test_a_cancelled_wait_comes_back_with_the_lock() -> None:
    condition = rt.Condition()
    held: list[bool] = []

    def wait() -> None:
        with condition:
            try:
                condition.wait()
            finally:
                held.append(condition.locked())

    task = rt.spawn(wait)
    rt.yield_now()
    with condition:
        task.cancel()
        rt.sleep(1)
        assert held == []  # it waits for the lock, and must not be disturbed
    task.join()
    assert held == [True]
    assert task.cancelled
    assert not condition.locked()


@in_virtual_time
def test_a_notification_passes_over_the_cancelled() -> None:
    condition = rt.Condition()
    woken: list[str] = []

    def wait(name: str) -> None:
        with condition:
            condition.wait()
            woken.append(name)

    first, second = rt.spawn(wait, "first"), rt.spawn(wait, "second")
    rt.yield_now()
    first.cancel()
    notify(condition)
    second.result()
    assert woken == ["second"]


@in_virtual_time
def test_who_was_notified_keeps_the_notification_when_cancelled_afterwards() -> None:
    condition = rt.Condition()
    woken: list[bool] = []

    def wait() -> None:
        with condition:
            woken.append(condition.wait())
            rt.yield_now()

    task = rt.spawn(wait)
    rt.yield_now()
    with condition:
        condition.notify()
        task.cancel()
    task.join()
    assert woken == [True]
    assert task.cancelled
    assert not condition.locked()


@in_virtual_time
def test_wait_for_asks_again_until_it_is_true() -> None:
    condition = rt.Condition()
    items: list[str] = []

    def put() -> None:
        notify(condition)  # for nothing
        rt.sleep(3)
        with condition:
            items.append("apple")
            condition.notify()

    rt.spawn(put)
    with condition:
        assert condition.wait_for(lambda: list(items)) == ["apple"]


@in_virtual_time
def test_wait_for_returns_something_false_when_the_time_is_up() -> None:
    condition = rt.Condition()

    def disturb() -> None:
        for _ in range(10):
            rt.sleep(1)
            notify(condition)

    rt.spawn(disturb)
    with condition:
        assert condition.wait_for(list, timeout=4.5) == []
        assert rt.current_task().hub.time() == 4.5
        assert condition.wait_for(lambda: 0, timeout=0) == 0


@in_virtual_time
def test_it_works_with_a_plain_lock_shared_by_two_conditions() -> None:
    lock = rt.Lock()
    ping, pong = rt.Condition(lock), rt.Condition(lock)
    log: list[str] = []

    def answer() -> None:
        with ping:
            log.append("ping")
            pong.notify()
            ping.wait()
            log.append("ping again")

    with pong:
        task = rt.spawn(answer)
        pong.wait()
        log.append("pong")
        ping.notify()
    task.result()
    assert log == ["ping", "pong", "ping again"]


@in_virtual_time
@pytest.mark.parametrize("call", ["wait", "wait_for", "notify", "notify_all"])
@pytest.mark.parametrize("kind", [rt.Lock, rt.RLock])
def test_every_call_needs_the_lock(call: str, kind: type[rt.Lock] | type[rt.RLock]) -> None:
    condition = rt.Condition(kind())
    arguments = [bool] if call == "wait_for" else []
    with pytest.raises(RuntimeError, match=rf"{call}\(\) needs the lock of <Condition"):
        getattr(condition, call)(*arguments)


@in_virtual_time
def test_the_lock_of_another_task_is_not_enough() -> None:
    condition = rt.Condition()
    rt.spawn(condition.acquire).result()
    with pytest.raises(RuntimeError, match="needs the lock"):
        condition.notify()


@in_virtual_time
def test_its_repr_shows_the_lock_and_how_many_wait() -> None:
    condition = rt.Condition(rt.Lock())

    def wait() -> None:
        with condition:
            condition.wait()

    rt.spawn(wait)
    rt.yield_now()
    assert repr(condition) == "<Condition of <Lock free, 0 waiting>, 1 waiting>"
