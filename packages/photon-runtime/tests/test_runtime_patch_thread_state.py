"""What C keeps for each thread travels with the task that has set it, and concerns no other one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from photon_runtime import sleep, spawn
from photon_runtime._pooled_greenlet import current_task
from photon_runtime._task import Task
from photon_runtime.patch import _thread_state
from photon_runtime.patch._thread_state import StatefulTask, ThreadState, loops
from photon_runtime.testing import in_hub


def set_loop(loop: object) -> None:
    functions = loops()
    assert functions is not None
    functions.set(loop)
    _thread_state.state_changed()


def seen() -> tuple[object, object, int]:
    return (
        asyncio._get_running_loop(),
        sys.get_asyncgen_hooks().firstiter,
        sys.get_coroutine_origin_tracking_depth(),
    )


def set_all(loop: object, hook: Callable[..., None], depth: int) -> None:
    set_loop(loop)
    _thread_state.set_asyncgen_hooks(firstiter=hook)
    _thread_state.set_coroutine_origin_tracking_depth(depth)


@in_hub
def test_each_task_sees_what_it_has_set_after_every_way_to_wait() -> None:
    def live(number: int) -> list[bool]:
        loop = object()
        set_all(loop, print, number)
        found = []
        for seconds in (0, 0.001, 0):
            sleep(seconds)
            found.append(seen() == (loop, print, number))
        set_loop(None)
        _thread_state.set_asyncgen_hooks(None, None)
        _thread_state.set_coroutine_origin_tracking_depth(0)
        return found

    tasks = [spawn(live, number) for number in range(1, 4)]
    for _ in range(5):
        assert seen() == (None, None, 0)
        sleep(0)
    assert [task.result() for task in tasks] == [[True] * 3] * 3


@in_hub
def test_a_task_is_an_ordinary_one_again_when_all_is_as_in_the_beginning() -> None:
    task = current_task()
    set_all(object(), print, 2)
    assert type(task) is StatefulTask
    set_loop(None)
    _thread_state.set_asyncgen_hooks(firstiter=None)
    assert type(task) is StatefulTask
    _thread_state.set_coroutine_origin_tracking_depth(0)
    assert type(task) is Task


@in_hub
def test_a_task_that_ends_leaves_nothing_to_the_next_one() -> None:
    def forget() -> None:
        set_all(object(), print, 2)

    def fail() -> None:
        set_all(object(), print, 2)
        sleep(0)
        raise ValueError

    for function in (forget, fail):
        task = spawn(function)
        after = spawn(seen)
        task.join()
        assert after.result() == seen() == (None, None, 0)


@in_hub
def test_a_cancelled_wait_gives_the_state_back() -> None:
    found = []

    def live() -> None:
        loop = object()
        set_all(loop, print, 2)
        try:
            sleep(10)
        finally:
            found.append(seen() == (loop, print, 2))

    task = spawn(live)
    sleep(0)
    task.cancel()
    assert seen() == (None, None, 0)
    task.join()
    assert found == [True]


def test_outside_of_tasks_the_calls_are_those_of_the_interpreter() -> None:
    _thread_state.set_asyncgen_hooks(firstiter=print)
    try:
        assert sys.get_asyncgen_hooks().firstiter is print
        assert not ThreadState().is_initial
    finally:
        _thread_state.set_asyncgen_hooks(firstiter=None)
    assert ThreadState().is_initial
