from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime.testing import in_hub

Primitive = type[rt.Lock] | type[rt.Semaphore]


@pytest.fixture(params=[rt.Lock, rt.Semaphore])
def exclusive(request: pytest.FixtureRequest) -> rt.Lock | rt.Semaphore:
    made: rt.Lock | rt.Semaphore = request.param()
    return made


# -- Event ----------------------------------------------------------------------------------------


@in_hub
def test_setting_an_event_wakes_everyone_in_the_order_of_their_coming() -> None:
    event, woken = rt.Event(), list[int]()

    def waiter(number: int) -> None:
        assert event.wait()
        woken.append(number)

    with rt.scope() as block:
        for number in range(5):
            block.spawn(waiter, number)
        rt.yield_now()
        assert woken == []
        event.set()
    assert woken == list(range(5))


@in_hub
def test_waiting_for_a_set_event_does_not_switch() -> None:
    event = rt.Event()
    event.set()
    other = rt.spawn(lambda: None)
    assert event.wait()
    assert event.wait(0)
    assert not other.done


@pytest.mark.parametrize("timeout", [0, 0.001])
@in_hub
def test_waiting_for_an_event_gives_up_in_time(timeout: float) -> None:
    event = rt.Event()
    assert event.wait(timeout) is False
    assert "0 waiting" in repr(event)


@in_hub
def test_the_limit_of_a_wait_that_was_over_in_time_does_not_end_the_next_one() -> None:
    first, second = rt.Event(), rt.Event()

    def wait_twice() -> bool:
        assert first.wait(0.005)
        return second.wait()

    waiter = rt.spawn(wait_twice)
    rt.yield_now()
    first.set()
    rt.sleep(0.01)
    assert waiter.state == "waiting"
    second.set()
    assert waiter.result() is True


@in_hub
def test_an_event_can_be_cleared_and_those_woken_before_stay_woken() -> None:
    event = rt.Event()
    waiter = rt.spawn(event.wait)
    rt.yield_now()
    event.set()
    event.clear()
    assert waiter.result() is True
    assert not event.is_set()
    assert not event.wait(0)


@in_hub
def test_a_cancelled_waiter_does_not_keep_an_event_from_the_others() -> None:
    event = rt.Event()
    first, second = rt.spawn(event.wait), rt.spawn(event.wait)
    rt.yield_now()
    first.cancel()
    event.set()
    assert second.result() is True
    assert first.join()
    assert first.cancelled


def test_an_event_can_be_set_and_asked_outside_of_run() -> None:
    event = rt.Event()
    assert not event.is_set()
    event.set()
    assert event.is_set()
    assert event.wait()
    assert "set" in repr(event)


# -- Lock and Semaphore ---------------------------------------------------------------------------


@in_hub
def test_taking_what_is_free_does_not_switch(exclusive: rt.Lock | rt.Semaphore) -> None:
    other = rt.spawn(lambda: None)
    for _ in range(3):
        with exclusive:
            pass
        assert exclusive.acquire()
        exclusive.release()
    assert not other.done


@in_hub
def test_releasing_to_a_waiter_does_not_switch(exclusive: rt.Lock | rt.Semaphore) -> None:
    exclusive.acquire()
    waiter = rt.spawn(exclusive.acquire)
    rt.yield_now()
    exclusive.release()
    assert not waiter.done
    assert waiter.result() is True


@in_hub
def test_permits_go_to_waiters_in_the_order_of_their_coming(
    exclusive: rt.Lock | rt.Semaphore,
) -> None:
    served: list[int] = []

    def waiter(number: int) -> None:
        with exclusive:
            served.append(number)
            rt.yield_now()

    with rt.scope() as block, exclusive:
        for number in range(10):
            block.spawn(waiter, number)
        rt.yield_now()
    assert served == list(range(10))


@in_hub
def test_who_releases_and_takes_again_does_not_overtake(exclusive: rt.Lock | rt.Semaphore) -> None:
    order: list[str] = []

    def worker(name: str) -> None:
        for _ in range(3):
            with exclusive:
                order.append(name)

    exclusive.acquire()
    with rt.scope() as block:
        block.spawn(worker, "a")
        block.spawn(worker, "b")
        rt.yield_now()
        exclusive.release()
    assert order == ["a", "b"] * 3


@in_hub
def test_only_one_is_inside_at_a_time(exclusive: rt.Lock | rt.Semaphore) -> None:
    inside = most = 0

    def worker() -> None:
        nonlocal inside, most
        for _ in range(5):
            with exclusive:
                inside += 1
                most = max(most, inside)
                rt.yield_now()
                inside -= 1

    with rt.scope() as block:
        for _ in range(5):
            block.spawn(worker)
    assert most == 1


@in_hub
def test_taking_gives_up_in_time_and_leaves_no_trace(exclusive: rt.Lock | rt.Semaphore) -> None:
    exclusive.acquire()
    assert exclusive.acquire(0) is False
    assert exclusive.acquire(-1) is False
    assert exclusive.acquire(0.001) is False
    assert "0 waiting" in repr(exclusive)
    exclusive.release()
    assert exclusive.acquire(0) is True


@in_hub
def test_taking_without_time_does_not_switch(exclusive: rt.Lock | rt.Semaphore) -> None:
    exclusive.acquire()
    other = rt.spawn(lambda: None)
    assert exclusive.acquire(0) is False
    assert not other.done


@in_hub
def test_a_timed_waiter_is_served_before_its_time_runs_out(
    exclusive: rt.Lock | rt.Semaphore,
) -> None:
    exclusive.acquire()
    waiter = rt.spawn(exclusive.acquire, 5)
    rt.yield_now()
    exclusive.release()
    assert waiter.result() is True
    assert exclusive.acquire(0) is False


@pytest.mark.parametrize("first", ["cancel", "release"])
@in_hub
def test_cancel_and_release_in_one_turn_neither_lose_nor_double_the_permit(
    first: Literal["cancel", "release"], exclusive: rt.Lock | rt.Semaphore
) -> None:
    exclusive.acquire()
    inside: list[str] = []

    def waiter() -> None:
        with exclusive:
            inside.append("entered")

    task = rt.spawn(waiter)
    rt.yield_now()
    if first == "cancel":
        task.cancel()
        exclusive.release()
    else:
        exclusive.release()
        task.cancel()
    task.join()
    assert inside == ([] if first == "cancel" else ["entered"])
    assert task.cancelled == (first == "cancel")
    assert exclusive.acquire(0) is True
    assert exclusive.acquire(0) is False


@pytest.mark.parametrize("first", ["cancel", "release"])
@in_hub
def test_cancel_and_release_in_one_turn_serve_the_next_waiter(
    first: Literal["cancel", "release"], exclusive: rt.Lock | rt.Semaphore
) -> None:
    exclusive.acquire()

    def waiter() -> str:
        with exclusive:
            return "entered"

    task, following = rt.spawn(waiter), rt.spawn(waiter)
    rt.yield_now()
    if first == "cancel":
        task.cancel()
        exclusive.release()
    else:
        exclusive.release()
        task.cancel()
    assert following.result(1) == "entered"
    assert exclusive.acquire(0) is True
    assert exclusive.acquire(0) is False


@in_hub
def test_a_cancelled_holder_gives_its_permit_back(exclusive: rt.Lock | rt.Semaphore) -> None:
    def hold() -> None:
        with exclusive:
            rt.sleep(60)

    holder, waiter = rt.spawn(hold), rt.spawn(exclusive.acquire)
    rt.yield_now()
    holder.cancel()
    assert waiter.result(1) is True


@in_hub
def test_a_deadline_over_a_wait_takes_no_permit(exclusive: rt.Lock | rt.Semaphore) -> None:
    exclusive.acquire()
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.001):
        exclusive.acquire()
    exclusive.release()
    assert exclusive.acquire(0) is True


@in_hub
def test_what_is_free_can_be_taken_by_who_is_cancelled_already(
    exclusive: rt.Lock | rt.Semaphore,
) -> None:
    with rt.deadline(0):
        assert exclusive.acquire()
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0):
        exclusive.acquire()
    exclusive.release()
    assert exclusive.acquire(0) is True
    assert exclusive.acquire(0) is False


@in_hub
def test_a_lock_tells_whether_it_is_held_and_is_not_released_twice() -> None:
    lock = rt.Lock()
    assert not lock.locked()
    with lock:
        assert lock.locked()
        assert "held" in repr(lock)
    assert "free" in repr(lock)
    with pytest.raises(RuntimeError, match="not held"):
        lock.release()


@in_hub
def test_a_lock_handed_to_a_waiter_is_held_in_between() -> None:
    lock = rt.Lock()
    lock.acquire()
    waiter = rt.spawn(lock.acquire)
    rt.yield_now()
    lock.release()
    assert lock.locked()
    assert lock.acquire(0) is False
    waiter.join()
    lock.release()
    assert not lock.locked()


@in_hub
def test_another_task_may_release_a_lock() -> None:
    lock = rt.Lock()
    lock.acquire()
    rt.spawn(lock.release)
    assert lock.acquire(1)


@in_hub
def test_a_block_gives_its_lock_back_after_an_error() -> None:
    lock = rt.Lock()
    with pytest.raises(ValueError, match="inside"), lock:
        raise ValueError("inside")
    assert not lock.locked()


@in_hub
def test_a_semaphore_lets_in_as_many_as_it_has_permits() -> None:
    permits, inside, most = rt.Semaphore(3), 0, 0

    def worker() -> None:
        nonlocal inside, most
        with permits:
            inside += 1
            most = max(most, inside)
            rt.yield_now()
            inside -= 1

    with rt.scope() as block:
        for _ in range(10):
            block.spawn(worker)
    assert most == 3
    assert permits.value == 3


@in_hub
def test_a_semaphore_may_begin_empty_and_be_filled() -> None:
    permits = rt.Semaphore(0)
    assert not permits.acquire(0)
    permits.release()
    permits.release()
    assert permits.value == 2
    assert "2 free" in repr(permits)


def test_a_semaphore_refuses_less_than_no_permits() -> None:
    with pytest.raises(ValueError, match="zero permits or more"):
        rt.Semaphore(-1)


# -- any schedule ---------------------------------------------------------------------------------

WORK = st.lists(
    st.tuples(
        st.sampled_from([None, None, 0, 1e-9, 1e-4]),  # timeout
        st.integers(0, 3),  # turns with the permit
        st.integers(0, 2),  # turns after it
    ),
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=150)
@given(
    permits=st.integers(1, 3),
    programs=st.lists(WORK, min_size=1, max_size=6),
    cancels=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=8),
)
def test_under_any_schedule_the_permits_are_conserved(
    permits: int,
    programs: list[list[tuple[float | None, int, int]]],
    cancels: list[tuple[int, int]],
) -> None:
    semaphore, inside = rt.Semaphore(permits), 0

    def worker(program: list[tuple[float | None, int, int]]) -> None:
        nonlocal inside
        for timeout, turns_inside, turns_after in program:
            if semaphore.acquire(timeout):
                inside += 1
                assert inside <= permits
                try:
                    turn(turns_inside)
                finally:
                    inside -= 1
                    semaphore.release()
            turn(turns_after)

    def main() -> None:
        with rt.deadline(5), rt.scope() as block:
            tasks = [block.spawn(worker, program) for program in programs]
            for turns, chosen in cancels:
                turn(turns)
                tasks[chosen % len(tasks)].cancel()

    rt.run(main)
    assert inside == 0
    assert semaphore.value == permits
    assert "0 waiting" in repr(semaphore)


def turn(times: int) -> None:
    for _ in range(times):
        rt.yield_now()
