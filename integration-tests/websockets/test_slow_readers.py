"""A member of a room that does not read: bounded memory, and the other members do not notice."""

from __future__ import annotations

import os

import pytest

from bench.websockets import slow_reader

QUEUE = 1024 * 1024  # the default of `[websockets] max_queue`
MEMBERS, BROADCASTS = 200, 1_000


@pytest.mark.slow
def test_a_member_that_never_reads_is_closed_and_takes_its_queue_at_most() -> None:
    core = min(os.sched_getaffinity(0))
    figures = slow_reader.measure(MEMBERS, BROADCASTS, server_core=core)
    # Each had arrived at all others, while it was a member and after its end.
    assert len(figures.times_with) + len(figures.times_after) == BROADCASTS
    assert figures.times_after
    # 10 MB were sent to it; one copy is shared by all, so the rest is the allocator's.
    assert figures.highest - figures.before < 3 * QUEUE
    assert figures.codes == [1013]
    assert figures.extra_tasks == 0
