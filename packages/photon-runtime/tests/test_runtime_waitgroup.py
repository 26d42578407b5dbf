from __future__ import annotations

import pytest

import photon_runtime as rt
from photon_runtime.testing import in_virtual_time


@in_virtual_time
def test_all_waiters_go_on_when_the_last_thing_is_done() -> None:
    group = rt.WaitGroup()
    group.add(2)
    waiters = [rt.spawn(group.wait) for _ in range(3)]
    rt.yield_now()
    group.done()
    rt.sleep(1)
    assert not any(waiter.done for waiter in waiters)
    group.done()
    assert [waiter.result() for waiter in waiters] == [True] * 3


def test_waiting_for_nothing_needs_no_hub() -> None:
    group = rt.WaitGroup()
    assert group.wait()
    group.add(0)
    assert group.wait()
    group.add()
    assert not group.wait(0)


@in_virtual_time
def test_a_block_counts_as_one_thing_however_it_ends() -> None:
    group = rt.WaitGroup()
    with group:
        assert group.count == 1
    assert group.wait()
    with pytest.raises(ZeroDivisionError), group:
        divmod(1, group.count - 1)
    assert group.wait()


@in_virtual_time
def test_it_can_be_used_again() -> None:
    group = rt.WaitGroup()
    for _ in range(2):
        group.add()
        rt.spawn(group.done)
        assert group.wait()


@in_virtual_time
def test_wait_gives_up_after_its_timeout() -> None:
    group = rt.WaitGroup()
    group.add()
    assert group.wait(2) is False
    assert rt.current_task().hub.time() == 2


@in_virtual_time
def test_a_cancelled_waiter_leaves() -> None:
    group = rt.WaitGroup()
    group.add()
    waiter = rt.spawn(group.wait)
    rt.yield_now()
    assert repr(group) == "<WaitGroup 1 under way, 1 waiting>"
    waiter.cancel()
    waiter.join()
    assert repr(group) == "<WaitGroup 1 under way, 0 waiting>"


def test_counting_below_zero_is_refused() -> None:
    group = rt.WaitGroup()
    with pytest.raises(RuntimeError, match="more often than"):
        group.done()
    with pytest.raises(ValueError, match="zero or more, not -1"):
        group.add(-1)
    assert group.count == 0
