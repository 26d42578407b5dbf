from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections import deque

import pytest

import photon_runtime as rt
from photon_runtime import testing
from photon_runtime._poll import make_poller
from photon_runtime._virtual import VirtualPoller
from photon_runtime.testing import VirtualClock


def test_sleep_and_timeouts_take_no_real_time() -> None:
    clock = VirtualClock(start=100)

    def main() -> str:
        rt.sleep(3600)
        assert not rt.Event().wait(3600)
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(3600):
            rt.Event().wait()
        return "done"

    began = time.monotonic()
    assert testing.run(main, clock=clock) == "done"
    assert time.monotonic() - began < 5
    assert clock() == 100 + 3 * 3600
    assert repr(clock) == "<VirtualClock at 10900 seconds>"


def test_wake_ups_come_in_the_order_of_their_times() -> None:
    order: list[float] = []

    def wake(seconds: float) -> None:
        rt.sleep(seconds)
        order.append(seconds)

    def main() -> None:
        for task in [rt.spawn(wake, seconds) for seconds in (3, 1, 2.5, 0.1, 2)]:
            task.join()

    testing.run(main)
    assert order == [0.1, 1, 2, 2.5, 3]


def test_the_clock_stands_still_while_a_task_can_run() -> None:
    def main() -> list[float]:
        now = rt.current_task().hub.time
        rt.spawn(rt.sleep, 1)
        for _ in range(1000):
            rt.yield_now()
        return [now()]

    assert testing.run(main) == [0]


def test_advancing_the_clock_fires_what_comes_due() -> None:
    clock = VirtualClock()

    def main() -> bool:
        sleeper = rt.spawn(rt.sleep, 60)
        rt.yield_now()
        clock.advance(60)
        return sleeper.join()

    assert testing.run(main, clock=clock)
    assert clock() == 60
    with pytest.raises(ValueError, match="zero or more, not -1"):
        clock.advance(-1)


def test_the_clock_stands_still_while_a_thread_has_yet_to_report() -> None:
    release = threading.Event()

    def main() -> tuple[bool, float]:
        hub = rt.current_task().hub
        threading.Timer(0.02, release.set).start()
        with rt.deadline(1):
            done = rt.offload(release.wait, 10)
        return done, hub.time()

    assert testing.run(main) == (True, 0)


def test_sockets_work_in_virtual_time() -> None:
    def main() -> bytes:
        listener = rt.Socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                rt.sleep(5)
                connection.sendall(b"hello")

        rt.spawn(serve)
        with listener, rt.create_connection(listener.getsockname()) as client:
            return client.recv(100)

    assert testing.run(main) == b"hello"


def test_the_clock_stands_still_while_a_socket_has_something() -> None:
    def main() -> tuple[bytes, float]:
        left, right = socket.socketpair()
        with left, right:
            case = rt.Readable(left)
            chosen = rt.spawn(rt.select, case, timeout=1)
            rt.yield_now()
            right.send(b"hello")
            chosen.join()
            return left.recv(100), rt.current_task().hub.time()

    assert testing.run(main) == (b"hello", 0)


def test_one_seed_gives_one_order_and_seeds_give_many() -> None:
    def main() -> list[int]:
        order: list[int] = []

        def work(number: int) -> None:
            for _ in range(2):
                order.append(number)
                rt.yield_now()

        for task in [rt.spawn(work, number) for number in range(4)]:
            task.join()
        return order

    assert testing.run(main) == [0, 1, 2, 3] * 2
    orders = {seed: testing.run(main, seed=seed) for seed in range(20)}
    assert all(testing.run(main, seed=seed) == order for seed, order in orders.items())
    assert len({tuple(order) for order in orders.values()}) > 10


def test_every_task_has_its_turn_in_any_order() -> None:
    def main() -> None:
        def turns() -> None:
            for _ in range(50):
                rt.yield_now()

        for task in [rt.spawn(rt.sleep, 5), *(rt.spawn(turns) for _ in range(300))]:
            task.result()

    testing.run(main, seed=1)


def test_the_choices_of_select_are_the_same_each_time() -> None:
    def main() -> list[bool]:
        channels = [rt.Channel[int](100) for _ in range(2)]
        for channel in channels:
            for _ in range(30):
                channel.send(0)
        cases = [rt.Receive(channel) for channel in channels]
        return [rt.select(*cases) is cases[0] for _ in range(20)]

    assert testing.run(main) == testing.run(main)
    assert testing.run(main, seed=1) == testing.run(main, seed=1) != testing.run(main, seed=2)


def test_a_deadlock_is_an_error_at_once() -> None:
    with pytest.raises(rt.PhotonError, match="all tasks wait for each other"):
        testing.run(lambda: rt.Event().wait())


def test_errors_come_out_and_arguments_go_in() -> None:
    with pytest.raises(ZeroDivisionError):
        testing.run(divmod, 1, 0)
    assert testing.run(divmod, 7, 2) == (3, 1)


def test_it_refuses_to_run_in_a_task() -> None:
    with pytest.raises(RuntimeError, match="was called in a task"):
        testing.run(testing.run, time.monotonic)


def test_a_ring_just_before_the_wait_does_not_let_time_pass() -> None:
    clock = VirtualClock()
    poller = VirtualPoller(make_poller(), clock, deque())
    poller.wake()  # a thread posts after the hub has looked, and before it waits
    poller.poll(50)
    assert clock() == 0
    poller.poll(50)
    assert clock() == 50
    poller.close()


def test_a_seed_gives_the_same_order_in_every_process() -> None:
    program = """
import photon_runtime as rt
from photon_runtime import testing
padding = [object() for _ in range({padding})]
order = []
def wait(name):
    try:
        rt.sleep(60)
    finally:
        order.append(name)
def main():
    with rt.scope() as scope:
        for name in range(20):
            scope.spawn(wait, name)
        rt.sleep(1)
        scope.cancel()
    for name in range(20, 40):
        rt.spawn(wait, name)
    rt.sleep(1)
testing.run(main, seed=5)
print(order)
"""
    orders = {
        subprocess.run(
            [sys.executable, "-c", program.format(padding=padding)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for padding in (0, 1000, 7777)
    }
    assert len(orders) == 1
    assert sorted(json.loads(orders.pop())) == list(range(40))
