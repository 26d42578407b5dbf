"""Timers after a hold of the scheduler."""

from __future__ import annotations

import resource
import socket
import threading
import time

import pytest

import photon_runtime as rt
from photon_runtime import DeadlineExceeded
from photon_runtime._postponement import LATE, Postponement
from photon_runtime.testing import VirtualClock, run

HOLD = 10.0


def test_timers_are_postponed_once_after_a_hold_and_not_for_longer_than_it() -> None:
    timers = Postponement()
    assert not timers.applies(due=1.0, now=1.0 + LATE / 2, runnable=5)  # load
    assert not timers.applies(due=1.0, now=5.0, runnable=0)
    assert timers.applies(due=1.0, now=5.0, runnable=5)
    assert timers.applies(due=1.0, now=5.1, runnable=3)
    assert not timers.applies(due=1.0, now=9.1, runnable=3)
    assert timers.applies(due=9.0, now=10.0, runnable=2)
    timers.switches -= 2
    assert not timers.applies(due=9.0, now=10.1, runnable=2)


def test_reply_that_arrived_during_a_hold_is_before_the_deadline() -> None:
    clock = VirtualClock()

    def main() -> list[bytes]:
        ours, theirs = socket.socketpair()
        connection = rt.Socket(fileno=ours.detach())

        def ask() -> bytes:
            with rt.deadline(1):
                return connection.recv(10)

        with connection, theirs:
            task = rt.spawn(ask)
            rt.yield_now()
            theirs.send(b"reply")
            clock.advance(HOLD)
            return [task.result()]

    assert run(main, clock=clock) == [b"reply"]


@pytest.mark.parametrize("kind", ["deadline", "timeout", "event"])
def test_task_that_waits_for_another_one_with_a_reply_has_time(kind: str) -> None:
    """The other task must run before the limit of the first one is judged."""
    clock = VirtualClock()

    def main() -> str:
        ours, theirs = socket.socketpair()
        connection, arrived = rt.Socket(fileno=ours.detach()), rt.Event()

        def read() -> bytes:
            data = connection.recv(10)
            arrived.set()
            return data

        def wait(reader: rt.Task[bytes]) -> str:
            if kind == "event":
                return "in time" if arrived.wait(timeout=1) else "too late"
            if kind == "timeout":
                return "in time" if reader.join(timeout=1) else "too late"
            try:
                with rt.deadline(1):
                    reader.join()
            except DeadlineExceeded:
                return "too late"
            return "in time"

        with connection, theirs:
            waiter = rt.spawn(wait, rt.spawn(read))
            rt.yield_now()
            theirs.send(b"reply")
            clock.advance(HOLD)
            return waiter.result()

    assert run(main, clock=clock) == "in time"


def test_result_of_a_thread_is_before_the_deadline() -> None:
    has_ended = threading.Event()

    def respond() -> str:
        has_ended.set()
        return "in time"

    def main() -> str:
        def ask() -> str:
            with rt.deadline(0.2):
                return rt.offload(respond)

        task = rt.spawn(ask)
        rt.yield_now()
        assert has_ended.wait(10)  # the test does not patch: this blocks the scheduler
        time.sleep(0.4)
        return task.result()

    assert rt.run(main) == "in time"


def test_deadline_without_a_reply_is_exceeded_although_others_always_run() -> None:
    clock = VirtualClock()

    def main() -> int:
        turns, is_over = 0, False

        def others() -> None:
            nonlocal turns
            while not is_over:
                turns += 1
                clock.advance(0.5)  # each turn is a hold
                rt.yield_now()

        rt.spawn(others)
        with pytest.raises(DeadlineExceeded), rt.deadline(1):
            rt.Event().wait()
        is_over = True
        return turns

    assert run(main, clock=clock) < 2 * 128 + 10


def test_own_hold_exceeds_the_own_deadline() -> None:
    clock = VirtualClock()

    def main() -> None:
        def hold() -> None:
            with rt.deadline(1):
                clock.advance(HOLD)
                rt.sleep(1)

        with pytest.raises(DeadlineExceeded):
            hold()

    run(main, clock=clock)


def test_all_ready_descriptors_are_noted_before_timers_fire() -> None:
    """Also if they are more than one call of the operating system returns."""
    count, clock = 1100, VirtualClock()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4 * count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4 * count, hard), hard))

    def main() -> int:
        pairs = [socket.socketpair() for _ in range(count)]
        connections = [rt.Socket(fileno=one.detach()) for one, _ in pairs]

        def ask(connection: rt.Socket) -> bytes:
            with rt.deadline(1):
                return connection.recv(1)

        try:
            tasks = [rt.spawn(ask, each) for each in connections]
            rt.sleep(0)
            for _, other in pairs:
                other.send(b"x")
            clock.advance(HOLD)
            return sum(task.result() == b"x" for task in tasks)
        finally:
            for connection, (_, other) in zip(connections, pairs, strict=True):
                connection.close()
                other.close()

    assert run(main, clock=clock) == count
