from __future__ import annotations

import threading
import time

import pytest

import photon_runtime as rt
from photon_runtime.made_once import MadeOnce
from photon_runtime.testing import in_hub


def test_value_is_made_once_for_all_tasks_in_a_thread() -> None:
    threads: list[int] = []

    def make() -> str:
        threads.append(threading.get_ident())
        time.sleep(0.05)
        return "made"

    value = MadeOnce(make)

    @in_hub
    def use() -> None:
        with rt.scope() as tasks:
            results = [tasks.spawn(value) for _ in range(5)]
        assert [each.result() for each in results] == ["made"] * 5

    use()
    use()  # another hub
    assert value() == "made"
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


@in_hub
def test_others_run_while_a_value_is_made() -> None:
    is_over = threading.Event()
    turns = 0

    def make() -> int:
        assert is_over.wait(10)
        return 1

    value = rt.spawn(MadeOnce(make))
    while turns < 100:
        turns += 1
        rt.yield_now()
    is_over.set()
    assert value.result() == 1


def test_error_is_raised_and_the_next_use_tries_again() -> None:
    results = [ValueError("not yet"), None]

    def make() -> str:
        error = results.pop(0)
        if error is not None:
            raise error
        return "made"

    value = MadeOnce(make)

    @in_hub
    def use() -> None:
        with pytest.raises(ValueError, match="not yet"):
            value()
        assert value() == "made"

    use()


def test_without_a_hub_it_is_made_at_once() -> None:
    thread = MadeOnce(threading.get_ident)
    assert thread() == threading.get_ident()


@in_hub
def test_task_that_stops_waiting_leaves_the_value_to_others() -> None:
    is_over = threading.Event()

    def make() -> int:
        assert is_over.wait(10)
        return 1

    value = MadeOnce(make)
    with pytest.raises(rt.errors.DeadlineExceeded), rt.deadline(0.01):
        value()
    is_over.set()
    assert value() == 1
