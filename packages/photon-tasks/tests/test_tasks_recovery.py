"""When a worker counts as dead: never while its heartbeats go on, soon after they have stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import attrs
import pytest

from photon_tasks.records import Recovered, WorkerInfo, WorkerRecord
from photon_tasks.stores import JobStore
from photon_tasks.worker._recovery import Recovery

LEASE = 10.0


@attrs.define
class Workers:
    """The part of a store that recovery uses: one worker, and a clock that can be wrong.

    Attributes:
        now: True time.
        offset: What the clock of the store is ahead of it.
        beaten: When the worker has sent its last heartbeat, by the clock of the store.
        beats: Number of its heartbeats.
        recovered: Numbers of heartbeats that were named by calls of `recover`.
        own: The observer's own worker, which beats with the other one; ``None`` without any.
    """

    now: float = 1000.0
    offset: float = 0.0
    beaten: float = 1000.0
    beats: int = 1
    recovered: list[int] = attrs.field(factory=list)
    own: str | None = None

    def clock(self) -> float:
        return self.now

    def beat(self) -> None:
        self.beats += 1
        self.beaten = self.now + self.offset

    def workers(self) -> Sequence[WorkerRecord]:
        left = self.beaten + LEASE - (self.now + self.offset)
        names = ["other"] if self.own is None else ["other", self.own]
        return [WorkerRecord(WorkerInfo(id=name), self.beats, left) for name in names]

    def recover(self, worker: str, beats: int) -> Recovered:
        assert worker == "other"
        self.recovered.append(beats)
        return Recovered()

    def tidy(self, keep_dead: float) -> int:
        return 0


@pytest.fixture
def workers() -> Workers:
    return Workers()


def observer(workers: Workers, *, own: str = "me") -> Recovery:
    return Recovery(
        cast("JobStore", workers),
        LEASE,
        60.0,
        own=lambda: own,
        recovered=lambda recovered: None,
        clock=workers.clock,
    )


def look(workers: Workers, recovery: Recovery, seconds: float, *, beats: bool = False) -> Any:
    """Let time pass with two looks a second, and a heartbeat in each quarter of the lease."""
    for half in range(int(seconds * 2)):
        workers.now += 0.5
        if beats and half % 5 == 0:
            workers.beat()
        recovery.look()


def test_a_worker_with_heartbeats_lives(workers: Workers) -> None:
    look(workers, observer(workers), 100, beats=True)
    assert not workers.recovered


def test_a_silent_worker_is_dead_within_its_lease_and_a_second(workers: Workers) -> None:
    recovery = observer(workers)
    look(workers, recovery, 30, beats=True)
    beaten = workers.now
    workers.beat()
    while not workers.recovered:
        look(workers, recovery, 0.5)
    assert LEASE <= workers.now - beaten <= LEASE + 1


def test_an_observer_that_starts_late_finds_it_in_time(workers: Workers) -> None:
    workers.beat()
    beaten = workers.now
    workers.now += 3.0
    recovery = observer(workers)
    while not workers.recovered:
        look(workers, recovery, 0.5)
    assert LEASE <= workers.now - beaten <= LEASE + 1


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_jump_of_the_clock_takes_nothing_from_a_worker_that_lives(
    workers: Workers, jump: float
) -> None:
    recovery = observer(workers)
    look(workers, recovery, 20, beats=True)
    workers.offset += jump
    look(workers, recovery, 60, beats=True)
    assert not workers.recovered


def test_a_clock_that_was_set_back_does_not_keep_a_dead_worker(workers: Workers) -> None:
    recovery = observer(workers)
    look(workers, recovery, 20, beats=True)
    workers.offset -= 3600
    look(workers, recovery, LEASE + 2)
    assert workers.recovered


def test_an_observer_that_was_stopped_observes_anew(workers: Workers) -> None:
    recovery = observer(workers)
    look(workers, recovery, 20, beats=True)
    workers.now += 600  # the machine slept: neither looks nor heartbeats
    recovery.look()
    workers.beat()
    look(workers, recovery, 5, beats=True)
    assert not workers.recovered


def test_the_number_of_heartbeats_that_was_seen_is_named(workers: Workers) -> None:
    recovery = observer(workers)
    look(workers, recovery, 2 * LEASE)
    assert set(workers.recovered) == {1}


def test_a_worker_does_not_observe_itself(workers: Workers) -> None:
    look(workers, observer(workers, own="other"), 5 * LEASE)
    assert not workers.recovered


def test_a_store_that_takes_no_heartbeats_makes_nothing_dead(workers: Workers) -> None:
    workers.own = "me"
    recovery = observer(workers)
    look(workers, recovery, 20, beats=True)
    look(workers, recovery, 5 * LEASE)  # the store answers, and refuses all that writes
    assert not workers.recovered
    look(workers, recovery, 20, beats=True)
    assert not workers.recovered
