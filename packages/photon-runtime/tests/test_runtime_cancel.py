from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime._cancel import CancelScope


class Listener:
    """Counts how often it was told to look at its scopes."""

    def __init__(self) -> None:
        self.told = 0

    def cancellation_changed(self) -> None:
        self.told += 1


def test_a_scope_that_nobody_cancelled_has_no_cause() -> None:
    task = Listener()
    inner = CancelScope(task, CancelScope(task, None))
    assert inner.cause() is None


def test_the_outermost_cancelled_scope_is_the_cause() -> None:
    task = Listener()
    outer = CancelScope(task, None)
    middle = CancelScope(task, outer)
    inner = CancelScope(task, middle)
    inner.cancel()
    assert inner.cause() is inner
    outer.cancel()
    assert inner.cause() is outer
    assert middle.cause() is outer


def test_cancellation_goes_down_and_not_up() -> None:
    above, below = Listener(), Listener()
    outer = CancelScope(above, None)
    inner = CancelScope(below, outer)
    inner.cancel()
    assert (above.told, below.told) == (0, 1)
    assert outer.cause() is None
    outer.cancel()
    assert (above.told, below.told) == (1, 2)


def test_cancelling_twice_tells_once() -> None:
    task = Listener()
    scope = CancelScope(task, None)
    scope.cancel()
    scope.cancel()
    assert task.told == 1


def test_a_shield_stops_what_comes_from_above_and_not_its_own() -> None:
    above, below = Listener(), Listener()
    outer = CancelScope(above, None)
    shielded = CancelScope(below, outer, is_shielded=True)
    inner = CancelScope(below, shielded)
    outer.cancel()
    assert below.told == 0
    assert inner.cause() is None
    shielded.cancel()
    assert inner.cause() is shielded


def test_a_detached_scope_is_not_told_any_more() -> None:
    above, below = Listener(), Listener()
    outer = CancelScope(above, None)
    inner = CancelScope(below, outer)
    inner.detach()
    outer.cancel()
    assert below.told == 0


def test_a_scope_may_be_hung_below_one_that_is_cancelled() -> None:
    outer = CancelScope(Listener(), None)
    outer.cancel()
    late = CancelScope(Listener(), outer)
    assert late.cause() is outer


@given(
    parents=st.lists(st.integers(0), min_size=1, max_size=20),
    shields=st.sets(st.integers(1, 20)),
    cancelled=st.lists(st.integers(0, 20), max_size=6),
)
def test_in_any_tree_exactly_the_reachable_are_told_and_know_the_cause(
    parents: list[int], shields: set[int], cancelled: list[int]
) -> None:
    listeners = [Listener()]
    scopes = [CancelScope(listeners[0], None)]
    paths = [[0]]  # of each scope: itself and all above, up to the first shield
    for number, chosen in enumerate(parents, start=1):
        parent = chosen % number
        listeners.append(Listener())
        shielded = number in shields
        scopes.append(CancelScope(listeners[-1], scopes[parent], is_shielded=shielded))
        paths.append([number] if shielded else [number, *paths[parent]])
    expected = [0] * len(scopes)
    done: set[int] = set()
    for number in cancelled:
        if number < len(scopes):
            scopes[number].cancel()
            if done.isdisjoint(paths[number]):  # else all that it reaches have been told
                for below, path in enumerate(paths):
                    expected[below] += number in path
            done.add(number)
    assert [listener.told for listener in listeners] == expected
    for scope, path in zip(scopes, paths, strict=True):
        outermost = [number for number in path if number in done]
        assert scope.cause() is (scopes[outermost[-1]] if outermost else None)


def test_those_below_are_told_in_the_order_of_their_coming() -> None:
    told: list[int] = []

    class Numbered:
        def __init__(self, number: int) -> None:
            self.number = number

        def cancellation_changed(self) -> None:
            told.append(self.number)

    top = CancelScope(Numbered(0), None)
    scopes = [top]
    for number in range(1, 40):  # a tree: each has two below
        scopes.append(CancelScope(Numbered(number), scopes[(number - 1) // 2]))
    top.cancel()
    assert told[:8] == [0, 1, 3, 7, 15, 31, 32, 16]
    assert sorted(told) == list(range(40))


def test_scopes_may_be_nested_much_deeper_than_calls() -> None:
    def level(left: int) -> None:
        with rt.scope() as scope:
            if left:
                scope.spawn(level, left - 1)
            else:
                rt.sleep(60)

    def main() -> tuple[bool, BaseException | None, str]:
        top = rt.spawn(level, 1500)
        rt.sleep(0.1)
        top.cancel()
        return top.join(20), top.error, top.state

    assert rt.run(main) == (True, None, "cancelled")


def test_every_further_wait_raises_as_long_as_the_scope_lasts() -> None:
    raised: list[str] = []

    def stubborn() -> None:
        for wait in (rt.yield_now, lambda: rt.sleep(10), rt.Event().wait):
            try:
                wait()
            except rt.Cancelled:
                raised.append("again")

    def main() -> str:
        task = rt.spawn(stubborn)
        task.cancel()
        task.join()
        cancelled_before_its_start = task.state
        task = rt.spawn(stubborn)
        rt.yield_now()
        task.cancel()
        task.join()
        assert task.state == "finished"
        return cancelled_before_its_start

    assert rt.run(main) == "cancelled"
    assert raised == ["again", "again"]


def test_who_was_woken_gets_what_it_waited_for_and_is_cancelled_at_the_next_wait() -> None:
    seen: list[str] = []

    def waiter(event: rt.Event) -> None:
        assert event.wait()
        seen.append("woken")
        rt.yield_now()
        seen.append("not reached")

    def main() -> None:
        event = rt.Event()
        task = rt.spawn(waiter, event)
        rt.yield_now()
        event.set()
        task.cancel()
        task.join()
        assert task.cancelled

    rt.run(main)
    assert seen == ["woken"]


def test_the_error_names_the_scope_and_passes_by_except_exception() -> None:
    def main() -> None:
        caught: list[rt.Cancelled] = []
        with rt.scope() as block:

            def child() -> None:
                try:
                    rt.sleep(10)
                except Exception as error:
                    raise AssertionError("Cancelled is no Exception") from error
                except rt.Cancelled as error:
                    caught.append(error)
                    raise

            first, second = block.spawn(child), block.spawn(child)
            rt.yield_now()
            block.cancel()
        assert first.cancelled
        assert second.cancelled
        assert caught[0].scope is caught[1].scope

    rt.run(main)
