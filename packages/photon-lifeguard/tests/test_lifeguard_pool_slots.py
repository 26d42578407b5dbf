"""The slots of a pool: fair, bounded, none lost."""

from __future__ import annotations

import functools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import photon_runtime as rt
from photon_lifeguard.pool._slots import EMPTY, QueueFull, Slots
from photon_runtime.testing import in_hub


@in_hub
def test_callers_get_slots_in_the_order_of_their_arrival() -> None:
    slots = Slots(1, max_waiting=10)
    taken = slots.take(1)
    order: list[int] = []

    def caller(number: int) -> None:
        slot = slots.take(10)
        order.append(number)
        rt.sleep(0.003)
        slots.give(slot)

    with rt.scope() as scope:
        for number in range(5):
            scope.spawn(caller, number)
            rt.sleep(0.001)
        slots.give(taken)
    assert order == [0, 1, 2, 3, 4]
    assert slots.in_use == 0


@in_hub
def test_a_caller_cannot_overtake_the_queue() -> None:
    slots = Slots(1, max_waiting=10)
    slot = slots.take(1)
    waiter = rt.spawn(slots.take, 10)
    rt.sleep(0.001)
    slots.give(slot)  # handed over, although the waiter has not run yet
    with pytest.raises(TimeoutError):
        slots.take(0)
    assert waiter.result() is EMPTY


@in_hub
def test_a_wait_ends_at_its_limit_and_leaves_nothing_behind() -> None:
    slots = Slots(1, max_waiting=10)
    slots.take(1)
    with rt.deadline(2), pytest.raises(TimeoutError):
        slots.take(0.3)
    assert slots.waiting == 0


@in_hub
def test_a_cancelled_caller_passes_its_slot_on() -> None:
    slots = Slots(1, max_waiting=10)
    slot = slots.take(1)
    cancelled = rt.spawn(slots.take, 10)
    second = rt.spawn(slots.take, 10)
    rt.sleep(0.001)
    cancelled.cancel()
    slots.give(slot)
    assert second.result() is EMPTY
    assert slots.waiting == 0


@in_hub
def test_the_queue_is_bounded() -> None:
    slots = Slots(1, max_waiting=2)
    slots.take(1)
    with rt.scope() as scope:
        waiting = [scope.spawn(slots.take, 10) for _ in range(2)]
        rt.sleep(0.001)
        with pytest.raises(QueueFull):
            slots.take(10)
        for task in waiting:
            task.cancel()


@in_hub
def test_slots_with_a_connection_are_taken_first_the_last_used_before_the_others() -> None:
    slots = Slots(3, max_waiting=0)
    for _ in range(3):
        slots.take(1)
    slots.give("older")
    slots.give(EMPTY)
    slots.give("newer")
    assert [slots.take(1) for _ in range(3)] == ["newer", "older", EMPTY]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.booleans()), max_size=40))
@settings(max_examples=40)
def test_no_slot_is_lost_or_doubled(callers: list[tuple[int, int, bool]]) -> None:
    slots = Slots(3, max_waiting=100)
    most = 0

    def caller(delay: int, hold: int) -> None:
        nonlocal most
        rt.sleep(delay / 1000)
        slot = slots.take(0.5)
        try:
            most = max(most, slots.in_use)
            rt.sleep(hold / 1000)
        finally:
            slots.give(slot)

    def main() -> None:
        tasks = [rt.spawn(caller, delay, hold) for delay, hold, _ in callers]
        rt.sleep(0.002)
        for task, (_, _, is_cancelled) in zip(tasks, callers, strict=True):
            if is_cancelled:
                task.cancel()
        for task in tasks:
            task.join()

    in_hub(main)()
    assert most <= 3
    assert (slots.in_use, slots.waiting) == (0, 0)


def test_threads_and_the_tasks_of_several_hubs_share_the_slots() -> None:
    slots = Slots(2, max_waiting=1000)
    counts: list[int] = []

    def use() -> None:
        slot = slots.take(10)
        counts.append(slots.in_use)
        slots.give(slot)

    def in_tasks() -> None:
        with rt.scope() as scope:
            for _ in range(100):
                scope.spawn(use)

    def in_thread() -> None:
        for _ in range(100):
            use()

    in_own_hub = functools.partial(rt.run, in_tasks)
    targets = (in_own_hub, in_own_hub, in_thread, in_thread)
    threads = [threading.Thread(target=target) for target in targets]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(counts) == 400
    assert max(counts) <= 2
    assert (slots.in_use, slots.waiting) == (0, 0)
