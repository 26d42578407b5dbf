"""Calls that wait in C, on threads of their own."""

from __future__ import annotations

import threading

import pytest

import photon_runtime as rt
from photon_runtime.patch._own_thread import call_on_own_thread


def nothing(*_: object) -> None:
    """Do nothing."""


def test_results_and_errors_reach_the_caller() -> None:
    def main() -> None:
        assert call_on_own_thread(lambda: 7, leave=nothing, drop=nothing) == 7
        with pytest.raises(ZeroDivisionError):
            call_on_own_thread(lambda: 1 // 0, leave=nothing, drop=nothing)

    rt.run(main)


def test_more_calls_than_the_pool_of_offload_has_threads_wait_at_once() -> None:
    def main() -> None:
        barrier = threading.Barrier(40)
        with rt.scope() as tasks:
            for _ in range(40):
                tasks.spawn(lambda: call_on_own_thread(barrier.wait, leave=nothing, drop=nothing))

    rt.run(main)


@pytest.mark.parametrize("way", ["deadline", "timeout"])
def test_what_comes_after_the_caller_has_left_is_dropped(way: str) -> None:
    def main() -> None:
        left = threading.Event()
        dropped: list[str] = []

        def wait_in_c() -> str:
            left.wait(5)
            return "a lock"

        if way == "deadline":
            with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.01):
                call_on_own_thread(wait_in_c, leave=left.set, drop=dropped.append)
        else:
            result = call_on_own_thread(
                wait_in_c, timeout=0.01, leave=left.set, drop=dropped.append
            )
            assert result is None
        for _ in range(500):
            rt.sleep(0.01)
            if dropped:
                break
        assert dropped == ["a lock"]

    rt.run(main)
