from __future__ import annotations

import socket

import photon_runtime as rt
from photon_runtime.slices import SLICE, in_slices, yield_to_events
from photon_runtime.testing import in_hub


def count_turns(stop: rt.Event, turns: list[int]) -> None:
    while not stop.is_set():
        turns[0] += 1
        rt.yield_now()


@in_hub
def test_others_run_after_every_slice() -> None:
    stop, turns = rt.Event(), [0]
    rt.spawn(count_turns, stop, turns)
    rt.yield_now()
    assert list(in_slices(range(10 * SLICE))) == list(range(10 * SLICE))
    assert turns[0] == 1 + 2 * 9  # one before, and two after each slice but the last
    stop.set()


@in_hub
def test_what_fits_into_one_slice_does_not_wait() -> None:
    stop, turns = rt.Event(), [0]
    rt.spawn(count_turns, stop, turns)
    for count in (0, 1, SLICE):
        assert len(list(in_slices(range(count)))) == count
    assert turns[0] == 0
    stop.set()


@in_hub
def test_items_are_those_of_the_beginning() -> None:
    items = dict.fromkeys(range(5))
    seen = []
    for item in in_slices(items, size=2):
        items.pop(item)
        items[item + 100] = None
        seen.append(item)
    assert seen == [0, 1, 2, 3, 4]


@in_hub
def test_hub_polls_between_two_slices() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        watcher = rt.current_task().hub.poller.watch(ours.fileno())  # type: ignore[attr-defined]
        yield_to_events()
        watcher.readable = False
        theirs.send(b"x")
        assert [watcher.readable for _ in in_slices(range(3), size=2)] == [False, False, True]
        rt.current_task().hub.poller.forget(ours.fileno())  # type: ignore[attr-defined]
