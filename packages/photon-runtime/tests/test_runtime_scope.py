# ruff: noqa: PT012 - what is tested here are blocks
from __future__ import annotations

import gc
import time
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime.testing import in_hub, in_virtual_time


def fail(error: BaseException) -> None:
    raise error


# -- scope: children ------------------------------------------------------------------------------


@in_hub
def test_the_block_ends_after_all_its_tasks() -> None:
    ended: list[int] = []

    def child(number: int) -> None:
        for _ in range(number):
            rt.yield_now()
        ended.append(number)

    with rt.scope() as block:
        tasks = [block.spawn(child, number) for number in (3, 1, 2)]
        assert ended == []
    assert ended == [1, 2, 3]
    assert all(task.state == "finished" for task in tasks)


@in_hub
def test_a_block_without_tasks_does_not_wait() -> None:
    other = rt.spawn(lambda: None)
    with rt.scope():
        pass
    assert not other.done


@in_hub
def test_children_may_spawn_siblings_until_the_last_has_ended() -> None:
    ended: list[int] = []

    def child(left: int) -> None:
        rt.yield_now()
        if left:
            block.spawn(child, left - 1)
        ended.append(left)

    with rt.scope() as block:
        block.spawn(child, 5)
    assert ended == [5, 4, 3, 2, 1, 0]


@in_hub
def test_spawning_into_a_block_that_has_ended_is_refused() -> None:
    with rt.scope() as block:
        pass
    with pytest.raises(RuntimeError, match="with block"):
        block.spawn(rt.yield_now)
    with pytest.raises(RuntimeError, match="with block"):
        rt.scope().spawn(rt.yield_now)


@in_hub
def test_a_scope_cannot_be_entered_twice_at_once_but_again_later() -> None:
    block = rt.scope()
    for _ in range(2):
        with block:
            with pytest.raises(RuntimeError, match="already entered"):
                block.__enter__()
            task = block.spawn(lambda: "fine")
        assert task.result() == "fine"


@in_hub
def test_the_end_of_the_children_wakes_the_body_from_nothing_else() -> None:
    event, lock, channel = rt.Event(), rt.Lock(), rt.Channel[int](0)
    other = rt.spawn(rt.sleep, 60)
    lock.acquire()
    with rt.scope() as block:
        block.spawn(lambda: None)
        assert not event.wait(0.005)
        block.spawn(lambda: None)
        assert not lock.acquire(0.005)
        block.spawn(lambda: None)
        assert not other.join(0.005)
        block.spawn(lambda: None)
        with pytest.raises(TimeoutError):
            channel.receive(0.005)
        block.spawn(lambda: None)
        begin = time.monotonic()
        rt.sleep(0.01)
        assert time.monotonic() - begin >= 0.01


@in_hub
def test_a_scope_keeps_nothing_of_tasks_that_have_ended() -> None:
    with rt.scope() as block:
        ended = [weakref.ref(block.spawn(rt.yield_now)) for _ in range(50)]
        rt.sleep(0.001)
        gc.collect()
        # The hub may still hold the one that ran last.
        assert sum(task() is not None for task in ended) <= 1


# -- scope: failures ------------------------------------------------------------------------------


@in_hub
def test_the_first_failure_cancels_the_siblings_and_the_body() -> None:
    notes: list[str] = []
    error = ValueError("first")

    def sibling() -> None:
        try:
            rt.sleep(60)
        finally:
            notes.append("sibling ended")

    def use_scope() -> None:
        with rt.scope() as block:
            block.spawn(sibling)
            block.spawn(fail, error)
            try:
                rt.sleep(60)
            finally:
                notes.append("body ended")

    with pytest.raises(ExceptionGroup) as caught:
        use_scope()
    assert caught.value.exceptions == (error,)
    assert sorted(notes) == ["body ended", "sibling ended"]
    rt.yield_now()  # nothing of the cancellation is left


@in_hub
def test_a_failure_while_the_block_waits_cancels_the_siblings() -> None:
    error = ValueError("late")
    siblings: list[rt.Task[None]] = []

    def fail_late() -> None:
        rt.sleep(0.001)
        raise error

    with pytest.raises(ExceptionGroup) as caught, rt.scope() as block:
        siblings.extend(block.spawn(rt.sleep, 60) for _ in range(3))
        block.spawn(fail_late)
    assert caught.value.exceptions == (error,)
    assert [sibling.state for sibling in siblings] == ["cancelled"] * 3


@in_hub
def test_an_error_of_the_body_cancels_the_children_and_comes_in_a_group() -> None:
    error = ValueError("body")
    children: list[rt.Task[None]] = []
    with pytest.raises(ExceptionGroup) as caught, rt.scope() as block:
        children.append(block.spawn(rt.sleep, 60))
        rt.yield_now()
        raise error
    assert caught.value.exceptions == (error,)
    assert children[0].cancelled


@in_hub
def test_the_group_holds_every_failure_and_can_be_taken_apart() -> None:
    def fail_in_cleaning_up() -> None:
        try:
            rt.sleep(60)
        finally:
            raise KeyError("clean-up")

    kinds: list[str] = []
    try:
        with rt.scope() as block:
            block.spawn(fail_in_cleaning_up)
            rt.yield_now()
            block.spawn(fail, ValueError("child"))
            rt.yield_now()
            fail(OSError("body"))
    except* ValueError as group:
        kinds.append(f"{len(group.exceptions)} ValueError")
    except* KeyError as group:
        kinds.append(f"{len(group.exceptions)} KeyError")
    except* OSError as group:
        kinds.append(f"{len(group.exceptions)} OSError")
    assert kinds == ["1 ValueError", "1 KeyError", "1 OSError"]


def test_failures_of_children_are_raised_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    def main() -> None:
        with pytest.raises(ExceptionGroup), rt.scope() as block:
            block.spawn(fail, ValueError())

    rt.run(main)
    assert caplog.records == []


@in_hub
def test_failures_of_nested_scopes_come_as_nested_groups() -> None:
    error = ValueError("deep")
    outer_children: list[rt.Task[None]] = []
    with pytest.raises(ExceptionGroup) as caught, rt.scope() as outer:
        outer_children.append(outer.spawn(rt.sleep, 60))
        with rt.scope() as inner:
            inner.spawn(fail, error)
    assert isinstance(caught.value.exceptions[0], ExceptionGroup)
    assert caught.value.exceptions[0].exceptions == (error,)
    assert outer_children[0].cancelled


@in_hub
def test_an_inner_failure_that_is_handled_leaves_the_outer_scope_alone() -> None:
    with rt.scope() as outer:
        child = outer.spawn(lambda: rt.sleep(0.002) or "fine")  # type: ignore[func-returns-value]
        with pytest.raises(ExceptionGroup), rt.scope() as inner:
            inner.spawn(fail, ValueError())
        rt.yield_now()
    assert child.result() == "fine"


# -- scope: cancellation --------------------------------------------------------------------------


@in_hub
def test_cancelling_a_scope_ends_children_and_body_quietly() -> None:
    reached: list[str] = []
    with rt.scope() as block:
        children = [block.spawn(rt.sleep, 60) for _ in range(3)]
        rt.yield_now()
        block.cancel()
        block.cancel()
        reached.append("cancel does not wait")
        rt.sleep(60)
        reached.append("not reached")
    assert reached == ["cancel does not wait"]
    assert [child.state for child in children] == ["cancelled"] * 3
    rt.yield_now()


@in_hub
def test_a_child_may_cancel_its_scope_while_the_block_waits() -> None:
    with rt.scope() as block:
        sibling = block.spawn(rt.sleep, 60)
        block.spawn(block.cancel)
    assert sibling.cancelled


@in_hub
def test_a_child_that_is_spawned_into_a_cancelled_scope_never_runs() -> None:
    started: list[str] = []
    with rt.scope() as block:
        block.cancel()
        child = block.spawn(started.append, "started")
    assert child.cancelled
    assert started == []


@in_hub
def test_cancelling_one_child_leaves_the_others_alone() -> None:
    with rt.scope() as block:
        one = block.spawn(rt.sleep, 60)
        other = block.spawn(lambda: rt.sleep(0.001) or "fine")  # type: ignore[func-returns-value]
        rt.yield_now()
        one.cancel()
    assert one.cancelled
    assert other.result() == "fine"


@in_hub
def test_cancelling_an_outer_scope_reaches_the_children_of_inner_ones() -> None:
    deep: list[rt.Task[None]] = []

    def child() -> None:
        with rt.scope() as inner:
            deep.append(inner.spawn(rt.sleep, 60))

    with rt.scope() as outer:
        middle = outer.spawn(child)
        rt.sleep(0.001)
        outer.cancel()
    assert middle.cancelled
    assert deep[0].cancelled


@in_hub
def test_cancelling_an_inner_scope_leaves_the_outer_one_alone() -> None:
    with rt.scope() as outer:
        child = outer.spawn(lambda: rt.sleep(0.002) or "fine")  # type: ignore[func-returns-value]
        with rt.scope() as inner:
            gone = inner.spawn(rt.sleep, 60)
            inner.cancel()
        rt.yield_now()
    assert gone.cancelled
    assert child.result() == "fine"


@in_hub
def test_a_task_that_is_cancelled_while_it_waits_for_its_children_ends_them_first() -> None:
    ended: list[str] = []

    def child() -> None:
        try:
            rt.sleep(60)
        finally:
            with rt.shield():
                rt.sleep(0.002)
            ended.append("child")

    def parent() -> None:
        try:
            with rt.scope() as block:
                block.spawn(child)
        finally:
            ended.append("parent")

    task = rt.spawn(parent)
    rt.sleep(0.001)
    task.cancel()
    task.join()
    assert task.cancelled
    assert ended == ["child", "parent"]


@in_hub
def test_a_child_that_ignores_its_cancellation_is_still_waited_for() -> None:
    ended: list[str] = []

    def stubborn() -> None:
        try:
            rt.sleep(60)
        except rt.Cancelled:
            ended.append("stubborn")

    with rt.scope() as block:
        child = block.spawn(stubborn)
        rt.yield_now()
        block.cancel()
    assert child.state == "finished"
    assert ended == ["stubborn"]


# -- deadline -------------------------------------------------------------------------------------


@in_hub
def test_a_block_that_ends_in_time_is_not_disturbed() -> None:
    with rt.deadline(0.005):
        rt.yield_now()
    rt.sleep(0.01)


@in_hub
def test_a_block_that_waits_too_long_ends_with_an_error() -> None:
    begin = time.monotonic()
    with pytest.raises(rt.DeadlineExceeded, match=r"0\.01 seconds"), rt.deadline(0.01):
        rt.sleep(60)
    assert 0.01 <= time.monotonic() - begin < 5
    rt.yield_now()


def test_an_exceeded_deadline_is_a_timeout_error() -> None:
    assert issubclass(rt.DeadlineExceeded, TimeoutError)
    assert issubclass(rt.DeadlineExceeded, rt.PhotonError)


@pytest.mark.parametrize("seconds", [0, -1, -0.0])
@in_hub
def test_with_zero_or_less_the_first_wait_fails(seconds: float) -> None:
    reached: list[str] = []
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(seconds):
        reached.append("before the wait")
        rt.yield_now()
        reached.append("after the wait")
    assert reached == ["before the wait"]


@pytest.mark.parametrize("seconds", [0, -1])
@in_hub
def test_with_zero_or_less_a_block_that_does_not_wait_is_fine(seconds: float) -> None:
    with rt.deadline(seconds):
        pass
    rt.yield_now()


@in_hub
def test_a_block_that_holds_the_hub_fails_at_its_next_wait_only() -> None:
    with rt.deadline(0.001):
        end = time.monotonic() + 0.002
        while time.monotonic() < end:
            pass
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.001):
        end = time.monotonic() + 0.002
        while time.monotonic() < end:
            pass
        rt.sleep(60)


@in_hub
def test_of_nested_deadlines_the_inner_expires_alone() -> None:
    with rt.deadline(60):
        with pytest.raises(rt.DeadlineExceeded, match=r"0\.001 seconds"), rt.deadline(0.001):
            rt.sleep(60)
        rt.sleep(0.001)


@in_hub
def test_of_nested_deadlines_the_outer_passes_through_the_inner() -> None:
    inner_raised: list[BaseException] = []
    with pytest.raises(rt.DeadlineExceeded, match=r"0\.001 seconds"), rt.deadline(0.001):
        try:
            with rt.deadline(60):
                rt.sleep(60)
        except BaseException as error:
            inner_raised.append(error)
            raise
    assert isinstance(inner_raised[0], rt.Cancelled)


@in_hub
def test_when_both_deadlines_have_passed_the_outer_counts() -> None:
    with pytest.raises(rt.DeadlineExceeded, match="deadline of 0 seconds"), rt.deadline(0):
        with rt.deadline(-1):
            rt.sleep(60)
        raise AssertionError("not reached")


@in_hub
def test_an_error_of_the_block_is_not_changed_by_its_deadline() -> None:
    with pytest.raises(ValueError, match="own"), rt.deadline(60):
        raise ValueError("own")
    with pytest.raises(ValueError, match="clean-up"), rt.deadline(0.001):
        try:
            rt.sleep(60)
        finally:
            raise ValueError("clean-up")
    rt.yield_now()


@in_hub
def test_who_is_cancelled_within_a_deadline_is_cancelled_and_not_late() -> None:
    def waiter() -> None:
        with rt.deadline(60):
            rt.sleep(60)

    task = rt.spawn(waiter)
    rt.yield_now()
    task.cancel()
    task.join()
    assert task.cancelled


@in_hub
def test_a_deadline_around_a_scope_ends_its_children() -> None:
    children: list[rt.Task[None]] = []
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.005), rt.scope() as block:
        children.extend(block.spawn(rt.sleep, 60) for _ in range(3))
    assert [child.state for child in children] == ["cancelled"] * 3
    rt.yield_now()


@in_hub
def test_a_deadline_in_the_body_of_a_scope_does_not_concern_its_children() -> None:
    with rt.scope() as block:
        child = block.spawn(lambda: rt.sleep(0.005) or "fine")  # type: ignore[func-returns-value]
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.001):
            rt.sleep(60)
    assert child.result() == "fine"


@in_hub
def test_a_child_of_a_scope_keeps_the_deadline_around_its_scope() -> None:
    with rt.scope() as block:

        def spawn_under_deadline() -> rt.Task[None]:
            with rt.deadline(0.001):
                return block.spawn(rt.sleep, 0.005)

        child = spawn_under_deadline()
    assert child.state == "finished"  # it hangs below the scope, not below the deadline


@in_hub
def test_a_deadline_can_be_used_again() -> None:
    limit = rt.deadline(0.001)
    for _ in range(2):
        with pytest.raises(rt.DeadlineExceeded), limit:
            rt.sleep(60)


# -- shield ---------------------------------------------------------------------------------------


@in_hub
def test_a_shield_keeps_cancellation_away_until_its_end() -> None:
    reached: list[str] = []

    def careful() -> None:
        with rt.shield():
            rt.sleep(0.005)
            reached.append("shielded")
        rt.yield_now()
        reached.append("not reached")

    task = rt.spawn(careful)
    rt.yield_now()
    task.cancel()
    task.join()
    assert reached == ["shielded"]
    assert task.cancelled


@in_hub
def test_a_shield_within_a_deadline_may_take_longer() -> None:
    reached: list[str] = []
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.001):
        with rt.shield():
            rt.sleep(0.005)
        reached.append("after the shield")
        rt.yield_now()
        reached.append("not reached")
    assert reached == ["after the shield"]


@in_hub
def test_a_deadline_within_a_shield_still_counts() -> None:
    task = rt.current_task()
    with rt.shield():
        task.cancel()
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.001):
            rt.sleep(60)
    with pytest.raises(rt.Cancelled):
        rt.yield_now()


@in_hub
def test_cleaning_up_may_wait_under_a_shield() -> None:
    notes: list[str] = []

    def waiter() -> None:
        try:
            rt.sleep(60)
        finally:
            with rt.shield():
                rt.sleep(0.001)
                notes.append("cleaned up")

    task = rt.spawn(waiter)
    rt.yield_now()
    task.cancel()
    task.join()
    assert notes == ["cleaned up"]
    assert task.cancelled


@in_hub
def test_blocks_must_be_left_in_the_order_of_entering() -> None:
    outer, inner = rt.deadline(60), rt.shield()
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(RuntimeError, match="order"):
        outer.__exit__(None, None, None)


# -- any tree of scopes ---------------------------------------------------------------------------

Tree = tuple[str, int, list["Tree"]]
ENDS = st.sampled_from(["finish", "fail", "wait", "cancel own scope"])
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.tuples(ENDS, st.integers(0, 4), st.just([])),
    lambda below: st.tuples(ENDS, st.integers(0, 4), st.lists(below, max_size=3)),
    max_leaves=12,
)


class Family:
    """Runs a tree of tasks, each with a scope for those below it, and notes what it sees."""

    def __init__(self) -> None:
        self.running = 0
        self.outlived: list[str] = []
        self.raised: list[ValueError] = []

    def run(self, tree: Tree) -> None:
        end, turns, below = tree
        self.running += 1
        tasks: list[rt.Task[None]] = []
        try:
            with rt.scope() as block:
                tasks.extend(block.spawn(self.run, child) for child in below)
                for _ in range(turns):
                    rt.yield_now()
                self.finish(end, block)
        finally:
            self.running -= 1
            self.outlived.extend(task.name for task in tasks if not task.done)

    def finish(self, end: str, block: rt.Scope) -> None:
        if end == "fail":
            self.raised.append(ValueError())
            raise self.raised[-1]
        if end == "wait":
            rt.sleep(0.002)
        if end == "cancel own scope":
            block.cancel()


def leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in leaves(part)]
    return [error]


@pytest.mark.slow
@settings(max_examples=100)
@given(tree=TREES, cancel_after=st.none() | st.integers(0, 12))
def test_no_task_outlives_its_scope_and_no_error_is_lost(
    tree: Tree, cancel_after: int | None
) -> None:
    family = Family()

    def main() -> rt.Task[None]:
        task = rt.spawn(family.run, tree)
        for _ in range(cancel_after or 0):
            rt.yield_now()
        if cancel_after is not None:
            task.cancel()
        assert task.join(5)
        rt.yield_now()
        return task

    task = rt.run(main)
    assert family.running == 0
    assert family.outlived == []
    seen = leaves(task.error) if task.error is not None else []
    assert sorted(map(id, seen)) == sorted(map(id, family.raised))
    if cancel_after is None:
        assert not task.cancelled


@in_hub
def test_a_deadline_of_no_number_is_refused_and_leaves_no_scope() -> None:
    before = rt.current_task().scope
    with pytest.raises(TypeError), rt.deadline("soon"):  # type: ignore[arg-type]  # as is tested
        pass
    assert rt.current_task().scope is before


@in_virtual_time
def test_remaining_time_is_that_of_the_nearest_deadline() -> None:
    assert rt.remaining_time() is None
    with rt.deadline(5):
        with rt.deadline(50):
            assert rt.remaining_time() == 5
        with rt.deadline(2):
            rt.sleep(1)
            assert rt.remaining_time() == 1
            with rt.shield():
                assert rt.remaining_time() is None
                with rt.deadline(10):
                    assert rt.remaining_time() == 10
        assert rt.remaining_time() == 4
    assert rt.remaining_time() is None


def test_remaining_time_outside_of_tasks_is_unlimited() -> None:
    assert rt.remaining_time() is None
