"""Waiting for descriptors that are not sockets, as in the patched calls."""

from __future__ import annotations

import contextlib
import os
import select

import pytest

import photon_runtime as rt
from photon_runtime import current_task
from photon_runtime.patch._descriptors import wait_for_epoll, wait_readable

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="there is no epoll here")


def test_a_task_that_waits_anew_is_not_disturbed_by_one_that_was_woken_with_it() -> None:
    def main() -> list[str]:
        with contextlib.ExitStack() as stack:
            ear, rope = os.pipe()
            stack.callback(os.close, ear)
            stack.callback(os.close, rope)
            epoll = stack.enter_context(select.epoll())
            epoll.register(ear, select.EPOLLIN)

            def take_and_wait_again() -> None:
                wait_for_epoll(current_task(), epoll.fileno(), None)
                os.read(ear, 1)
                wait_for_epoll(current_task(), epoll.fileno(), None)
                told.append("again")

            def wait_once() -> None:
                wait_for_epoll(current_task(), epoll.fileno(), None)
                told.append("once")

            told: list[str] = []
            tasks = [rt.spawn(take_and_wait_again), rt.spawn(wait_once)]
            rt.sleep(0.01)
            os.write(rope, b"x")
            rt.sleep(0.01)
            os.write(rope, b"y")
            for task in tasks:
                task.result(timeout=5)
            assert rt.stats().awaited_descriptors == 0
            return told

    assert rt.run(main) == ["once", "again"]


def test_a_pipe_wakes_who_waits_for_it_and_a_cancelled_wait_leaves_nothing() -> None:
    def main() -> None:
        ear, rope = os.pipe()
        try:
            with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.01):
                wait_readable(ear)
            assert rt.stats().awaited_descriptors == 0
            waiting = rt.spawn(wait_readable, ear)
            rt.sleep(0.01)
            os.write(rope, b"x")
            waiting.result(timeout=5)
        finally:
            os.close(ear)
            os.close(rope)

    rt.run(main)
