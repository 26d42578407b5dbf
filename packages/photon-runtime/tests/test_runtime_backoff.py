"""`photon_runtime.backoff`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.backoff import Backoff


@given(first=st.floats(0.01, 1.0), factor=st.floats(1.0, 100.0), attempts=st.integers(1, 12))
def test_each_wait_is_between_half_of_its_limit_and_all_of_it(
    first: float, factor: float, attempts: int
) -> None:
    backoff = Backoff(first=first, longest=first * factor)
    for attempt in range(attempts):
        limit = min(first * 2**attempt, first * factor)
        assert limit / 2 <= backoff.delay() <= limit


def test_it_begins_again_after_a_success() -> None:
    backoff = Backoff(first=1.0, longest=8.0)
    for _ in range(5):
        backoff.delay()
    backoff.reset()
    assert backoff.delay() <= 1.0


def test_waits_differ() -> None:
    assert len({Backoff().delay() for _ in range(20)}) > 1
