"""A block that outlives a cancellation for a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from photon_runtime import DeadlineExceeded, current_task, deadline, sleep
from photon_runtime.patch._event_loop_end import Grace
from photon_runtime.testing import in_virtual_time


def struck(function: Callable[[], None], *, after: float) -> None:
    with pytest.raises(DeadlineExceeded), deadline(after):
        function()


@in_virtual_time
def test_a_block_that_is_not_cancelled_is_not_limited() -> None:
    with Grace(current_task(), 1) as grace:
        sleep(10)
    assert not grace.is_cancelled


@in_virtual_time
def test_a_cancelled_block_may_end_within_its_time() -> None:
    done, notified = [], []

    def clean() -> None:
        with Grace(current_task(), 5) as grace:
            grace.when_cancelled = lambda: notified.append(grace.is_cancelled)
            sleep(5)
            done.append("clean")
        sleep(1)
        done.append("after the block")

    struck(clean, after=1)
    assert done == ["clean"]
    assert notified == [True]


@in_virtual_time
@pytest.mark.parametrize("before", [0, 1])
def test_a_cancelled_block_is_ended_after_its_time(before: float) -> None:
    reached = []

    def clean() -> None:
        with Grace(current_task(), 5):
            sleep(before + 5.5)
            reached.append("too late")
        reached.append("after the block")

    struck(clean, after=before)
    assert reached == []


@in_virtual_time
def test_an_error_of_the_block_is_raised_as_it_is() -> None:
    def fail() -> None:
        with Grace(current_task(), 5):
            sleep(2)
            raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"), deadline(1):
        fail()
