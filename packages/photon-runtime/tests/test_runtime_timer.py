from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from photon_runtime._timer import Timer, TimerHeap

MOMENTS = st.integers(0, 50).map(float)


def test_timers_fire_in_the_order_of_their_times() -> None:
    heap, fired = TimerHeap(), list[float]()
    for when in (3.0, 1.0, 2.0):
        heap.add(when, lambda when=when: fired.append(when))  # type: ignore[misc]  # default binds
    heap.fire_due(10.0)
    assert fired == [1.0, 2.0, 3.0]


def test_timers_of_one_time_fire_in_the_order_of_their_creation() -> None:
    heap, fired = TimerHeap(), list[int]()
    for number in range(20):
        heap.add(1.0, noting(fired, number))
    heap.fire_due(1.0)
    assert fired == list(range(20))


def test_a_timer_is_due_at_its_time_and_not_before() -> None:
    heap, fired = TimerHeap(), list[int]()
    heap.add(2.0, noting(fired, 1))
    heap.fire_due(1.999)
    assert fired == []
    assert heap.next_due() == 2.0
    heap.fire_due(2.0)
    assert fired == [1]
    assert heap.next_due() is None


def test_a_timer_fires_once() -> None:
    heap, fired = TimerHeap(), list[int]()
    heap.add(1.0, noting(fired, 1))
    heap.fire_due(5.0)
    heap.fire_due(5.0)
    assert fired == [1]


def test_a_time_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        TimerHeap().add(float("nan"), list)


def test_a_timer_whose_callback_raised_is_called_again() -> None:
    heap, fired = TimerHeap(), list[int]()
    errors = [KeyboardInterrupt()]

    def callback() -> None:
        if errors:
            raise errors.pop()
        fired.append(1)

    heap.add(1.0, callback)
    heap.add(1.0, noting(fired, 2))
    with pytest.raises(KeyboardInterrupt):
        heap.fire_due(1.0)
    assert (len(heap), heap.next_due()) == (2, 1.0)
    heap.fire_due(1.0)
    assert fired == [1, 2]


def test_a_cancelled_timer_never_fires_and_is_not_next() -> None:
    heap, fired = TimerHeap(), list[int]()
    first = heap.add(1.0, noting(fired, 1))
    heap.add(2.0, noting(fired, 2))
    first.cancel()
    assert len(heap) == 1
    assert heap.next_due() == 2.0
    heap.fire_due(9.0)
    assert fired == [2]


def test_cancelling_twice_or_after_firing_is_harmless() -> None:
    heap = TimerHeap()
    cancelled = heap.add(1.0, lambda: None)
    cancelled.cancel()
    cancelled.cancel()
    fired = heap.add(1.0, lambda: None)
    heap.add(5.0, lambda: None)
    heap.fire_due(2.0)
    fired.cancel()
    assert len(heap) == 1


def test_a_callback_may_add_a_timer() -> None:
    heap, fired = TimerHeap(), list[int]()
    heap.add(1.0, lambda: heap.add(2.0, noting(fired, 2)))
    heap.fire_due(1.0)
    assert heap.next_due() == 2.0
    heap.fire_due(2.0)
    assert fired == [2]


def test_a_callback_may_cancel_a_timer_that_is_due_too() -> None:
    heap, fired = TimerHeap(), list[int]()
    timers: list[Timer] = []
    heap.add(1.0, lambda: timers[0].cancel())
    timers.append(heap.add(1.0, noting(fired, 2)))
    heap.fire_due(1.0)
    assert fired == []
    assert len(heap) == 0


def test_a_failing_callback_leaves_the_others_to_the_next_call() -> None:
    heap, fired = TimerHeap(), list[int]()
    heap.add(1.0, lambda: 1 / 0)
    heap.add(2.0, noting(fired, 2))
    with pytest.raises(ZeroDivisionError):
        heap.fire_due(5.0)
    assert len(heap) == 1
    heap.fire_due(5.0)
    assert fired == [2]


def test_cancelled_timers_do_not_pile_up() -> None:
    heap = TimerHeap()
    heap.add(1.0, lambda: None)
    for number in range(5_000):
        heap.add(100.0 + number, lambda: None).cancel()
    kept = sum(isinstance(thing, Timer) for thing in gc.get_objects())
    assert kept < 1_000
    assert len(heap) == 1


def test_callbacks_that_cancel_most_of_the_heap_disturb_neither_count_nor_order() -> None:
    heap, fired = TimerHeap(), list[int]()
    doomed: list[Timer] = []

    def cancel_most() -> None:
        for timer in doomed:
            timer.cancel()

    heap.add(0.0, cancel_most)
    for number in range(300):
        timer = heap.add(1.0 + number, noting(fired, number))
        if number % 3:
            doomed.append(timer)
    heap.fire_due(30.0)
    assert fired == list(range(0, 30, 3))
    assert len(heap) == 90
    heap.fire_due(1_000.0)
    assert fired == list(range(0, 300, 3))
    assert len(heap) == 0
    assert heap.next_due() is None


@pytest.mark.slow
@settings(max_examples=50)
@given(
    times=st.lists(MOMENTS, min_size=100, max_size=300),
    cancels=st.lists(
        st.builds(range, st.integers(0, 100), st.integers(100, 300), st.integers(1, 4)),
        min_size=1,
        max_size=4,
    ),
    stops=st.lists(MOMENTS, max_size=4),
)
def test_what_callbacks_cancel_is_left_out_and_the_rest_keeps_its_order(
    times: list[float], cancels: list[range], stops: list[float]
) -> None:
    heap, fired, dead = TimerHeap(), list[int](), set[int]()
    timers: list[Timer] = []

    def fire(number: int) -> None:
        fired.append(number)
        if number < len(cancels):
            for index in cancels[number]:
                if index < len(timers):
                    timers[index].cancel()
                    if index not in fired:
                        dead.add(index)

    for number, when in enumerate(times):
        timers.append(heap.add(when, lambda number=number: fire(number)))  # type: ignore[misc]
    for stop in [*sorted(stops), 51.0]:
        heap.fire_due(stop)
        left = [n for n, _ in enumerate(times) if n not in dead and n not in fired]
        assert len(heap) == len(left)
        assert heap.next_due() == min((times[n] for n in left), default=None)
    in_order = sorted(range(len(times)), key=lambda n: (times[n], n))
    assert fired == [n for n in in_order if n not in dead]


class TimerHeapMachine(RuleBasedStateMachine):
    """The heap beside a list that is sorted anew for each question."""

    def __init__(self) -> None:
        super().__init__()
        self.heap = TimerHeap()
        self.made: list[tuple[float, int, Timer]] = []
        self.live: set[int] = set()
        self.fired: list[int] = []

    @rule(when=MOMENTS)
    def add(self, when: float) -> None:
        number = len(self.made)
        self.made.append((when, number, self.heap.add(when, noting(self.fired, number))))
        self.live.add(number)

    @rule(whens=st.lists(MOMENTS, min_size=70, max_size=90))
    def add_many(self, whens: list[float]) -> None:
        for when in whens:
            self.add(when)

    @rule(chosen=st.integers(0))
    def cancel_one(self, chosen: int) -> None:
        if self.made:
            _, number, timer = self.made[chosen % len(self.made)]
            timer.cancel()
            self.live.discard(number)

    @rule(keep_each=st.integers(2, 5))
    def cancel_most(self, keep_each: int) -> None:
        for _, number, timer in self.made:
            if number % keep_each:
                timer.cancel()
                self.live.discard(number)

    @rule(now=MOMENTS)
    def fire(self, now: float) -> None:
        due = sorted(entry[:2] for entry in self.made if entry[1] in self.live and entry[0] <= now)
        self.fired.clear()
        self.heap.fire_due(now)
        assert self.fired == [number for _, number in due]
        self.live.difference_update(self.fired)

    @invariant()
    def knows_how_many_and_which_is_next(self) -> None:
        assert len(self.heap) == len(self.live)
        earliest = min((when for when, number, _ in self.made if number in self.live), default=None)
        assert self.heap.next_due() == earliest


test_the_heap_agrees_with_a_sorted_list = pytest.mark.slow(TimerHeapMachine.TestCase)
TimerHeapMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=20)


def noting(notes: list[int], number: int) -> Callable[[], None]:
    return lambda: notes.append(number)
