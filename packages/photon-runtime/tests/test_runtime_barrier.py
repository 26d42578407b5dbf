from __future__ import annotations

import pytest

import photon_runtime as rt
from photon_runtime.testing import in_virtual_time


@in_virtual_time
def test_all_go_on_when_the_last_one_has_come_and_each_has_its_place() -> None:
    barrier = rt.Barrier(3)
    tasks = [rt.spawn(barrier.wait) for _ in range(2)]
    rt.sleep(1)
    assert [task.done for task in tasks] == [False, False]
    assert barrier.wait() == 2
    assert [task.result() for task in tasks] == [0, 1]


@in_virtual_time
def test_it_begins_anew_after_each_group() -> None:
    barrier = rt.Barrier(2)
    tasks = [rt.spawn(barrier.wait) for _ in range(6)]
    assert [task.result() for task in tasks] == [0, 1] * 3


@in_virtual_time
def test_one_party_never_waits() -> None:
    others: list[str] = []
    rt.spawn(others.append, "ran")
    assert rt.Barrier(1).wait() == 0
    assert others == []


@in_virtual_time
def test_the_last_one_to_come_does_not_switch() -> None:
    barrier = rt.Barrier(2)
    rt.spawn(barrier.wait)
    rt.yield_now()
    others: list[str] = []
    rt.spawn(others.append, "ran")
    barrier.wait()
    assert others == []


@in_virtual_time
def test_who_is_cancelled_has_not_come() -> None:
    barrier = rt.Barrier(2)
    gone = rt.spawn(barrier.wait)
    rt.yield_now()
    gone.cancel()  # it has not run since: it must not count, nor be waited for
    with pytest.raises(TimeoutError, match="fewer than 2 parties"):
        barrier.wait(1)
    partner = rt.spawn(barrier.wait)
    assert barrier.wait() in (0, 1)
    assert partner.result() in (0, 1)


@in_virtual_time
def test_whose_time_is_up_has_not_come() -> None:
    barrier = rt.Barrier(3)
    patient = rt.spawn(barrier.wait)
    with pytest.raises(TimeoutError):
        barrier.wait(0)
    with pytest.raises(TimeoutError):
        barrier.wait(2)
    assert barrier.waiting == 1
    other = rt.spawn(barrier.wait)
    rt.yield_now()
    assert barrier.wait() == 2
    assert (patient.result(), other.result()) == (0, 1)


def test_a_barrier_for_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="one party or more, not 0"):
        rt.Barrier(0)


@in_virtual_time
def test_its_repr_shows_how_many_wait() -> None:
    barrier = rt.Barrier(3)
    rt.spawn(barrier.wait)
    rt.yield_now()
    assert repr(barrier) == "<Barrier 1 of 3 waiting>"
