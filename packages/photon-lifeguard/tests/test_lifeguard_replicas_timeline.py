"""How old a read of a replica can be: never older than the notes of the primary say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from photon_lifeguard.replicas import PrimaryTimeline


def test_the_newest_note_that_was_replayed_counts() -> None:
    timeline = PrimaryTimeline(60)
    for time, position in ((1.0, 10), (2.0, 20), (3.0, 30)):
        timeline.note(time, position)
    assert timeline.reached(9) is None
    assert timeline.reached(10) == 1.0
    assert timeline.reached(29) == 2.0
    assert timeline.reached(1000) == 3.0
    assert timeline.newest == (3.0, 30)


def test_a_replica_of_an_idle_primary_is_current() -> None:
    timeline = PrimaryTimeline(60)
    for time in range(100):
        timeline.note(time, 10)
    assert timeline.reached(10) == 99


def test_another_primary_begins_a_new_timeline() -> None:
    timeline = PrimaryTimeline(60)
    timeline.note(1.0, 10)
    timeline.note(2.0, 20)
    timeline.note(3.0, 15)
    assert timeline.reached(14) is None
    assert timeline.reached(20) == 3.0


@given(st.lists(st.tuples(st.floats(0.001, 5), st.integers(0, 3)), min_size=1), st.data())
def test_a_read_is_never_taken_for_newer_than_it_is(
    steps: list[tuple[float, int]], data: st.DataObject
) -> None:
    timeline = PrimaryTimeline(60)
    notes: list[tuple[float, int]] = []
    time, position = 0.0, 100
    for seconds, growth in steps:
        time, position = time + seconds, position + growth
        timeline.note(time, position)
        notes.append((time, position))
    replayed = data.draw(st.integers(90, position + 5))
    true = max((at for at, there in notes if there <= replayed), default=None)
    reached = timeline.reached(replayed)
    if reached is not None:
        assert true is not None
        assert reached <= true


def test_a_long_time_is_covered_by_a_bounded_number_of_notes() -> None:
    timeline = PrimaryTimeline(60)
    for number in range(20_000):
        timeline.note(number * 0.01, number)
    assert len(timeline._times) <= 2000
    assert timeline.reached(19_999) == 199.99
    reached = timeline.reached(15_000)
    assert reached is not None
    assert 149.5 < reached <= 150.0
