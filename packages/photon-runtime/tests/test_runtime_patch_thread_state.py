"""What C keeps for each thread travels with the task that has set it, and concerns no other one."""

from __future__ import annotations

import asyncio
import ctypes
import decimal
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from greenlet import getcurrent, greenlet

from photon_runtime import DeadlineExceeded, NotRunning, deadline, scope, shield, sleep, spawn
from photon_runtime._pooled_greenlet import current_task
from photon_runtime._task import Task
from photon_runtime.patch import _thread_state
from photon_runtime.patch._thread_state import Loops, StatefulTask, ThreadState, loops
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


@in_hub
def test_a_greenlet_inside_of_a_task_with_a_state_waits_as_the_task() -> None:
    def inner() -> list[object]:
        sleep(0.001)
        sleep(0)
        return [current_task(), asyncio._get_running_loop()]

    def live() -> list[object]:
        loop = object()
        set_loop(loop)
        found = greenlet(inner).switch()
        sleep(0)
        assert current_task().greenlet is getcurrent()
        assert asyncio._get_running_loop() is loop
        set_loop(None)
        return [found, loop]

    tasks = [spawn(live) for _ in range(3)]
    for task in tasks:
        found, loop = task.result()
        assert found == [task, loop]


@in_hub
def test_a_greenlet_inside_of_an_ordinary_task_cannot_wait() -> None:
    with pytest.raises(NotRunning):
        greenlet(sleep).switch(0)


@in_hub
def test_an_exception_of_a_wait_leaves_an_inner_greenlet() -> None:
    set_loop(object())
    try:
        with pytest.raises(DeadlineExceeded):
            strike(lambda: greenlet(sleep).switch(10))
        assert current_task().greenlet is getcurrent()
    finally:
        set_loop(None)


def strike(function: Callable[[], object]) -> None:
    with deadline(0.001):
        function()


@in_hub
def test_blocks_that_end_in_order_are_refused_in_asynchronous_functions() -> None:
    @contextmanager
    def limited() -> Iterator[None]:
        with deadline(1):
            yield

    async def enter(block: AbstractContextManager[object]) -> None:
        with block:
            pass

    async def call() -> None:
        strike(lambda: None)

    set_loop(object())
    inside = current_task().scope
    try:
        for block in (deadline(1), shield(), scope(), limited()):
            with pytest.raises(RuntimeError, match=r"use asyncio\.timeout\(\)"):
                enter(block).send(None)
            assert current_task().scope is inside
        with pytest.raises(StopIteration):
            call().send(None)
    finally:
        set_loop(None)


@in_hub
def test_the_running_task_of_python_3_14_travels_with_its_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread: dict[str, object] = {"loop": None, "task": None}

    def set_running(loop: object) -> None:
        assert thread["task"] is None  # else it would be taken for a task of the other loop
        thread["loop"] = loop

    def swap(loop: object, task: object) -> object:
        if thread["loop"] is not loop:
            raise RuntimeError("not the running loop")
        before, thread["task"] = thread["task"], task
        return before

    functions = Loops(lambda: thread["loop"], set_running, swap)
    monkeypatch.setattr(_thread_state, "loops", lambda: functions)

    def live(number: int) -> list[bool]:
        set_running(number)
        swap(number, -number)
        _thread_state.state_changed()
        found = []
        for _ in range(3):
            sleep(0)
            found.append(thread == {"loop": number, "task": -number})
        swap(number, None)
        set_running(None)
        _thread_state.state_changed()
        return found

    tasks = [spawn(live, number) for number in range(1, 4)]
    for _ in range(5):
        assert thread == {"loop": None, "task": None}
        sleep(0)
    assert [task.result() for task in tasks] == [[True] * 3] * 3


@in_hub
def test_what_else_belongs_to_a_thread_is_as_the_documentation_says() -> None:
    def own(number: int) -> list[object]:
        with decimal.localcontext(prec=5 + number):
            try:
                int(f"no number {number}")
            except ValueError:
                sleep(0.001)
                handled = str(sys.exception()).partition("no number ")[2]
            return [decimal.getcontext().prec, handled, descend(300)]

    def descend(depth: int) -> int:
        if depth:
            return 1 + descend(depth - 1)
        sleep(0)
        return 0

    def shared(number: int) -> list[object]:
        ctypes.set_errno(number)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2] if number else [])
        sleep(0.001)
        blocked = signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return [ctypes.get_errno(), blocked]

    owns = [spawn(own, number) for number in range(2)]
    assert [task.result() for task in owns] == [[5, "0'", 300], [6, "1'", 300]]
    inherited = decimal.getcontext()
    assert spawn(decimal.getcontext).result() is inherited
    shares = [spawn(shared, number) for number in range(2)]
    assert [task.result()[0] for task in shares] == [1, 1]
    assert shares[0].result()[1] is True


def test_outside_of_tasks_the_calls_are_those_of_the_interpreter() -> None:
    _thread_state.set_asyncgen_hooks(firstiter=print)
    try:
        assert sys.get_asyncgen_hooks().firstiter is print
        assert not ThreadState().is_initial
    finally:
        _thread_state.set_asyncgen_hooks(firstiter=None)
    assert ThreadState().is_initial
