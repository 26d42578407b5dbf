"""multiprocessing and process pools of concurrent.futures, used by many coroutines at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.pool
import os
import queue
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from probe import Probe
from program import perform

from photon_runtime import DeadlineExceeded, Task, deadline, scope, sleep, spawn

FEW = list(range(5))


def square(number: int) -> int:
    """Return the square, after a while."""
    time.sleep(0.02)
    return number * number


def probed(call: Callable[[], object]) -> dict[str, object]:
    """Return the result of a call, and how late another coroutine was meanwhile."""
    probe = Probe()
    with probe.running():
        result = call()
    return {"result": result, "late": probe.late}


def all_at_once(call: Callable[[int], Any], count: int) -> list[Any]:
    """Make calls at once and return their results."""
    with scope() as tasks:
        calls: list[Task[Any]] = [tasks.spawn(call, number) for number in range(count)]
    return [task.result() for task in calls]


def pools(_: str) -> object:
    """Pools in ``with`` blocks: one for many coroutines, one for each, and one that is left."""

    def of_its_own(number: int) -> list[int]:
        with multiprocessing.Pool(1) as pool:
            return pool.map(square, [number, number])

    def call() -> object:
        with multiprocessing.Pool(3) as pool:
            shared = all_at_once(lambda number: pool.apply(square, (number,)), 20)
            unordered = sorted(pool.imap_unordered(square, FEW))
            waiting = pool.map_async(time.sleep, [5])
            with contextlib.suppress(DeadlineExceeded), deadline(0.05):
                waiting.get()
        own = all_at_once(of_its_own, 4)
        return {"shared": shared, "unordered": unordered, "own": own}

    return probed(call)


def spawned_pool(_: str) -> object:
    """A pool whose processes are not forked."""

    def call() -> object:
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            return pool.map(square, FEW)

    return probed(call)


def executors(_: str) -> object:
    """Process pools of concurrent.futures."""

    def call() -> object:
        with ProcessPoolExecutor(2) as pool:
            shared = all_at_once(lambda number: pool.submit(square, number).result(), 20)
            mapped = list(pool.map(square, FEW))
        return {"shared": shared, "mapped": mapped}

    return probed(call)


def locks(_: str) -> object:
    """20 coroutines and 2 processes count under each kind of lock."""
    makers: dict[str, Callable[[], Any]] = {
        "lock": multiprocessing.Lock,
        "recursive": multiprocessing.RLock,
        "semaphore": lambda: multiprocessing.Semaphore(1),
        "bounded": lambda: multiprocessing.BoundedSemaphore(1),
        "condition": multiprocessing.Condition,
    }

    def count_with(make: Callable[[], Any]) -> int:
        lock = make()
        value = multiprocessing.Value("i", 0, lock=False)

        def add(times: int) -> None:
            for _ in range(times):
                with lock:
                    before = value.value
                    time.sleep(0.001)
                    value.value = before + 1

        children = [multiprocessing.Process(target=add, args=(10,)) for _ in range(2)]
        for child in children:
            child.start()
        all_at_once(lambda _: add(2), 20)
        for child in children:
            child.join()
        return int(value.value)

    return probed(lambda: {name: count_with(make) for name, make in makers.items()})


def signals(_: str) -> object:
    """Events, conditions and barriers, between coroutines and with a process."""

    def call() -> object:
        event, go_on = multiprocessing.Event(), multiprocessing.Event()
        barrier = multiprocessing.Barrier(3)
        condition = multiprocessing.Condition()
        woken: list[bool] = []

        def wait_for_condition() -> None:
            with condition:
                woken.append(condition.wait(5))

        def give_up() -> None:
            with contextlib.suppress(DeadlineExceeded), deadline(0.05), condition:
                condition.wait()
            woken.append(False)

        def in_child() -> None:
            event.set()
            go_on.wait(5)
            barrier.wait(5)

        child = multiprocessing.Process(target=in_child)
        child.start()
        waits = [spawn(wait_for_condition) for _ in range(3)]
        leaving = spawn(give_up)
        assert event.wait(5)
        leaving.result()
        with condition:
            condition.notify_all()
        for task in waits:
            task.result()
        go_on.set()
        all_at_once(lambda _: barrier.wait(5), 2)
        child.join()
        return {"woken": sorted(woken), "code": child.exitcode}

    return probed(call)


def queues(_: str) -> object:
    """Queues of every kind; a full one, an empty one, a reader that gives up."""

    def call() -> object:
        received: dict[str, object] = {}
        for name, make in (
            ("queue", lambda: multiprocessing.Queue(2)),
            ("joinable", lambda: multiprocessing.JoinableQueue(2)),
            ("simple", multiprocessing.SimpleQueue),
        ):
            channel: Any = make()
            with contextlib.suppress(DeadlineExceeded), deadline(0.05):
                channel.get()
            reading = [spawn(channel.get) for _ in range(20)]
            all_at_once(channel.put, 10)
            child = multiprocessing.Process(target=put_all, args=(channel, range(10, 20)))
            child.start()
            received[name] = sorted(task.result() for task in reading)
            child.join()
            if name == "joinable":
                joining = spawn(channel.join)
                sleep(0.02)
                assert not joining.done
                for _ in reading:
                    channel.task_done()
                joining.result()
            if name != "simple":
                try:
                    channel.get(timeout=0.02)
                except queue.Empty:
                    received[f"{name} is empty"] = True
        return received

    return probed(call)


def put_all(channel: Any, numbers: range) -> None:
    """Put numbers into a queue."""
    for number in numbers:
        channel.put(number)


def pipes_and_managers(_: str) -> object:
    """Messages larger than a pipe, a deadline in the middle of one, and a manager's lock."""

    def call() -> object:
        mine, other = multiprocessing.Pipe()
        big = os.urandom(1_000_000)
        sending = spawn(mine.send, big)
        same = other.recv() == big
        sending.result()
        with contextlib.suppress(DeadlineExceeded), deadline(0.02):
            other.recv()
        mine.send("after it")
        after = other.recv()
        with multiprocessing.Manager() as manager:
            lock, counts = manager.Lock(), manager.dict(value=0)

            def add(_: int) -> None:
                with lock:
                    counts["value"] += 1

            all_at_once(add, 10)
            value = counts["value"]
        return {"same": same, "after": after, "value": value}

    return probed(call)


if __name__ == "__main__":
    perform(pools, spawned_pool, executors, locks, signals, queues, pipes_and_managers)
