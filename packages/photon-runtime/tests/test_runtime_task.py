from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import weakref
from collections.abc import Callable

import pytest

import photon_runtime as rt
from photon_runtime.testing import in_hub


def fail() -> None:
    raise ValueError("on purpose")


@in_hub
def test_a_task_runs_with_its_arguments_and_has_a_result() -> None:
    def add(first: int, *, second: int) -> int:
        return first + second

    assert rt.spawn(add, 1, second=2).result() == 3
    assert rt.go(add, 1, second=2).result() == 3


@in_hub
def test_spawn_does_not_switch() -> None:
    started: list[str] = []
    task = rt.spawn(started.append, "started")
    assert started == []
    task.join()
    assert started == ["started"]


@in_hub
def test_tasks_start_in_the_order_of_their_spawning() -> None:
    started: list[int] = []
    for number in range(10):
        rt.spawn(started.append, number)
    rt.yield_now()
    assert started == list(range(10))


@in_hub
def test_a_task_is_named_after_its_function_and_can_be_renamed() -> None:
    task = rt.spawn(fail_not)
    assert task.name == "fail_not"
    assert "fail_not" in repr(task)
    task.name = "another"
    assert "'another'" in repr(task)
    assert "partial" in rt.spawn(functools.partial(fail_not)).name


def fail_not() -> str:
    return "fine"


@in_hub
def test_the_state_tells_how_far_a_task_is() -> None:
    event = rt.Event()
    task = rt.spawn(event.wait)
    states = [task.state]
    rt.yield_now()
    states.append(task.state)
    event.set()
    states.append(task.state)
    task.join()
    assert [*states, task.state] == ["runnable", "waiting", "runnable", "finished"]
    assert task.done
    assert not task.cancelled
    assert task.error is None


@in_hub
def test_a_failed_task_keeps_its_error_and_raises_it_as_result() -> None:
    task = rt.spawn(fail)
    assert task.join()
    assert task.state == "failed"
    assert task.done
    assert isinstance(task.error, ValueError)
    for _ in range(2):
        with pytest.raises(ValueError, match="on purpose") as caught:
            task.result()
        assert caught.value is task.error


@in_hub
def test_the_current_task_is_the_one_that_asks() -> None:
    task = rt.spawn(rt.current_task)
    assert task.result() is task
    assert rt.current_task() is not task


# -- join and result ------------------------------------------------------------------------------


@in_hub
def test_join_waits_for_the_end() -> None:
    event = rt.Event()
    task = rt.spawn(event.wait)
    rt.spawn(event.set)
    assert task.join()
    assert task.done


@in_hub
def test_everyone_who_waits_for_a_task_is_woken_at_its_end() -> None:
    event = rt.Event()
    task = rt.spawn(lambda: event.wait() and "result")
    waiters = [rt.spawn(task.result) for _ in range(5)]
    rt.yield_now()
    event.set()
    assert [waiter.result() for waiter in waiters] == ["result"] * 5


@in_hub
def test_join_of_an_ended_task_does_not_switch() -> None:
    task = rt.spawn(fail_not)
    task.join()
    other = rt.spawn(fail_not)
    assert task.join()
    assert task.result() == "fine"
    assert not other.done


@pytest.mark.parametrize("timeout", [0, 0.001])
@in_hub
def test_join_gives_up_in_time_and_the_task_goes_on(timeout: float) -> None:
    event = rt.Event()
    task = rt.spawn(event.wait)
    assert not task.join(timeout)
    with pytest.raises(TimeoutError, match="has not ended"):
        task.result(timeout)
    event.set()
    assert task.result(1)


@in_hub
def test_a_task_cannot_wait_for_itself() -> None:
    for wait in (rt.current_task().join, rt.current_task().result):
        with pytest.raises(RuntimeError, match="its own end"):
            wait()


@in_hub
def test_cancelling_who_waits_does_not_cancel_what_is_waited_for() -> None:
    event = rt.Event()
    task = rt.spawn(event.wait)
    waiter = rt.spawn(task.result)
    rt.yield_now()
    waiter.cancel()
    waiter.join()
    assert waiter.cancelled
    assert not task.done
    event.set()
    assert task.result()


@in_hub
def test_a_timed_out_join_is_not_woken_by_a_later_end() -> None:
    event, gate = rt.Event(), rt.Event()
    task = rt.spawn(event.wait)

    def give_up_and_wait() -> bool:
        assert not task.join(0.001)
        return gate.wait(0.02)

    waiter = rt.spawn(give_up_and_wait)
    rt.sleep(0.005)
    event.set()
    assert waiter.result() is False


# -- cancel ---------------------------------------------------------------------------------------


@in_hub
def test_cancel_ends_a_task_at_its_wait() -> None:
    notes: list[str] = []

    def waiter() -> None:
        try:
            rt.sleep(60)
        finally:
            notes.append("cleaned up")
        notes.append("not reached")

    task = rt.spawn(waiter)
    rt.yield_now()
    task.cancel()
    assert not task.done
    assert task.join()
    assert task.cancelled
    assert task.state == "cancelled"
    assert task.error is None
    assert notes == ["cleaned up"]
    with pytest.raises(rt.TaskCancelled):
        task.result()


@in_hub
def test_a_task_that_is_cancelled_before_its_start_never_runs() -> None:
    started: list[str] = []
    task = rt.spawn(started.append, "started")
    task.cancel()
    task.join()
    assert task.cancelled
    assert started == []


@in_hub
def test_cancelling_again_or_after_the_end_is_harmless() -> None:
    waiting, ended = rt.spawn(rt.sleep, 60), rt.spawn(fail_not)
    rt.yield_now()
    waiting.cancel()
    waiting.cancel()
    waiting.join()
    waiting.cancel()
    ended.cancel()
    assert (waiting.state, ended.state) == ("cancelled", "finished")
    assert ended.result() == "fine"


@in_hub
def test_a_task_may_cancel_itself() -> None:
    reached: list[str] = []

    def suicidal() -> None:
        rt.current_task().cancel()
        reached.append("after cancel")
        rt.yield_now()
        reached.append("after the wait")

    task = rt.spawn(suicidal)
    task.join()
    assert task.cancelled
    assert reached == ["after cancel"]


@in_hub
def test_a_task_that_waits_no_more_finishes_despite_of_cancel() -> None:
    def last_words() -> str:
        rt.current_task().cancel()
        return "said"

    assert rt.spawn(last_words).result() == "said"


@in_hub
def test_a_runnable_task_is_cancelled_at_its_next_wait() -> None:
    reached: list[str] = []

    def waiter() -> None:
        rt.yield_now()
        reached.append("first wait over")
        rt.yield_now()
        reached.append("second wait over")

    task = rt.spawn(waiter)
    rt.yield_now()
    task.cancel()
    task.join()
    assert task.cancelled
    assert reached == ["first wait over"]


@in_hub
def test_cancel_reaches_a_task_through_the_blocks_it_has_entered() -> None:
    def waiter() -> None:
        with rt.deadline(60), rt.scope() as block:
            block.spawn(rt.sleep, 60)
            rt.sleep(60)

    task = rt.spawn(waiter)
    rt.sleep(0.001)
    task.cancel()
    assert task.join(1)
    assert task.cancelled


@in_hub
def test_an_error_of_cleaning_up_takes_the_place_of_the_cancellation() -> None:
    def waiter() -> None:
        try:
            rt.sleep(60)
        finally:
            fail()

    task = rt.spawn(waiter)
    rt.yield_now()
    task.cancel()
    with pytest.raises(ValueError, match="on purpose"):
        task.result()
    assert task.state == "failed"


# -- what a task leaves behind --------------------------------------------------------------------


def wait_in_a_block() -> None:
    with rt.deadline(60), rt.shield(), rt.scope() as block:
        block.spawn(rt.yield_now)
        rt.yield_now()


def ask_for_the_scope() -> None:
    rt.current_task().scope.cause()


def wait_with_a_limit() -> None:
    rt.Event().wait(0.001)


@pytest.mark.parametrize(
    "function",
    [fail_not, rt.yield_now, wait_in_a_block, ask_for_the_scope, wait_with_a_limit, fail],
)
@in_hub
def test_an_ended_task_is_freed_with_its_last_reference(function: Callable[[], object]) -> None:
    def begin() -> weakref.ref[rt.Task[object]]:
        task = rt.spawn(function)
        task.join()
        return weakref.ref(task)

    gc.disable()
    try:
        assert begin()() is None
    finally:
        gc.enable()


@in_hub
def test_a_failed_task_is_freed_with_its_last_reference_when_its_error_was_raised() -> None:
    def begin() -> weakref.ref[rt.Task[None]]:
        task = weakref.ref(rt.spawn(fail))
        with contextlib.suppress(ValueError):
            task().result()  # type: ignore[union-attr]  # the hub has it
        return task

    gc.disable()
    try:
        assert begin()() is None
    finally:
        gc.enable()


@in_hub
def test_a_cancelled_task_is_freed_with_its_last_reference() -> None:
    def begin() -> weakref.ref[rt.Task[object]]:
        task = rt.spawn(rt.sleep, 60)
        rt.yield_now()
        task.cancel()
        task.join()
        return weakref.ref(task)

    gc.disable()
    try:
        assert begin()() is None
    finally:
        gc.enable()


@in_hub
def test_an_ended_child_of_a_scope_is_freed_with_its_last_reference() -> None:
    gc.disable()
    try:
        with rt.scope() as block:
            child = weakref.ref(block.spawn(fail_not))
            rt.sleep(0.001)
            assert child() is None
    finally:
        gc.enable()


@in_hub
def test_cancel_and_scope_of_an_ended_task_are_harmless() -> None:
    task = rt.spawn(fail_not)
    task.join()
    task.cancel()
    assert task.scope.cause() is None
    assert task.state == "finished"


# -- where a task comes from ----------------------------------------------------------------------


@in_hub
def test_the_site_is_the_line_that_spawned_the_task() -> None:
    line = inspect.currentframe().f_lineno  # type: ignore[union-attr]  # CPython has frames
    alone = rt.spawn(fail_not)
    with rt.scope() as block:
        child = block.spawn(fail_not)
        inner = rt.spawn(lambda: rt.spawn(fail_not))
        nobody = rt.spawn(rt.spawn, fail_not)
    assert alone.site == f"{__file__}:{line + 1}"
    assert child.site == f"{__file__}:{line + 3}"
    assert inner.result().site == f"{__file__}:{line + 4}"
    assert nobody.result().site == "<runtime>"
