"""The patched locks, queues and locals themselves; they work unpatched, in tasks and threads."""

from __future__ import annotations

import copy
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import photon_runtime as rt
from photon_runtime.patch._local import local
from photon_runtime.patch._lock import Lock, RLock
from photon_runtime.patch._queue import SimpleQueue
from photon_runtime.patch._select import Epoll, poll_


def test_a_released_lock_goes_to_who_has_waited_longest() -> None:
    order: list[int] = []
    lock = Lock()

    def take(number: int) -> None:
        with lock:
            order.append(number)
            rt.yield_now()

    def main() -> None:
        with lock:
            tasks = [rt.spawn(take, number) for number in range(3)]
            rt.yield_now()
        with lock:  # does not overtake
            order.append(99)
        for task in tasks:
            task.join()

    rt.run(main)
    assert order == [0, 1, 2, 99]


def test_a_cancelled_waiter_is_passed_over() -> None:
    lock = Lock()

    def main() -> bool:
        lock.acquire()
        first, second = rt.spawn(lock.acquire), rt.spawn(lock.acquire)
        rt.yield_now()
        first.cancel()
        lock.release()
        assert second.result(1)
        assert first.cancelled or first.join(1)
        return lock.locked()

    assert rt.run(main)


def test_a_timeout_takes_nothing() -> None:
    lock = Lock()

    def main() -> None:
        lock.acquire()
        assert not rt.spawn(lock.acquire, True, 0.01).result(1)
        lock.release()
        assert lock.acquire(False)

    rt.run(main)


def test_a_thread_and_a_task_hand_a_lock_to_each_other() -> None:
    lock, turns = Lock(), []
    stop = threading.Event()

    def in_thread() -> None:
        while not stop.is_set():
            with lock:
                turns.append("thread")
            time.sleep(0)

    def main() -> None:
        thread = threading.Thread(target=in_thread)
        thread.start()
        for _ in range(200):
            with lock:
                turns.append("task")
                rt.yield_now()
        stop.set()
        rt.offload(thread.join)

    rt.run(main)
    assert turns.count("task") == 200
    assert "thread" in turns


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((False, 1), ValueError), ((True, -2), ValueError), ((True, 1e10), OverflowError)],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: tuple[bool, float], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Lock().acquire(*arguments)


def test_releasing_a_free_lock_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        Lock().release()
    with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
        RLock().release()


def test_an_rlock_belongs_to_a_task_not_to_the_thread() -> None:
    lock = RLock()

    def main() -> tuple[bool, bool]:
        with lock, lock:
            return lock.acquire(False), rt.spawn(lock.acquire, False).result()

    assert rt.run(main) == (True, False)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Lock, "_thread.lock"),
        (RLock, "_thread.RLock"),
        (SimpleQueue, "_queue.SimpleQueue"),
        (local, "_thread._local"),
        (poll_, "select.poll"),
        (Epoll, "select.epoll"),
    ],
)
def test_none_of_them_is_copied_and_the_error_is_the_standard_one(
    make: Callable[[], object], name: str, copied: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError, match=f"cannot pickle '{name}' object"):
        copied(make())


def test_a_subclass_may_say_how_it_is_pickled_as_with_the_standard_library() -> None:
    assert vars(copy.copy(Remembering(7))) == {"value": 7}


class Remembering(local):
    """A local with a state for pickles."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def __getstate__(self) -> dict[str, int]:  # type: ignore[override]  # which refuses
        return {"value": self.value}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.value = state["value"]


_PICKLES = """
import pickle, queue, select, _thread, threading, time
from multiprocessing import reduction
import socket
sample = [
    threading.Lock, threading.RLock, threading.local, threading.Condition, threading.Event,
    threading.Semaphore, threading.Thread, queue.SimpleQueue, queue.Queue, select.select,
    select.epoll, time.sleep, _thread.start_new_thread,
]
pickles = [pickle.dumps(each, 0) for each in sample]
from photon_runtime.patch import patch_stdlib
patch_stdlib(strict=False)
for each, before in zip(sample, pickles, strict=True):
    after = pickle.loads(before)
    assert pickle.dumps(after, 0) == before, (each, before, pickle.dumps(after, 0))
with socket.socket() as listener:
    assert reduction.ForkingPickler.dumps(listener)
print("same")
"""


def test_classes_and_functions_are_pickled_by_the_names_of_the_standard_ones() -> None:
    # So a process that is not patched finds its own: what `spawn` sends to a manager.
    program = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PICKLES], capture_output=True, text=True, timeout=60
    )
    assert (program.stdout, program.stderr) == ("same\n", "")


_MANAGER = """
import multiprocessing
from photon_runtime.patch import patch_stdlib
if __name__ == "__main__":
    patch_stdlib(strict=False)
    with multiprocessing.get_context("spawn").Manager() as manager:
        values, lock = manager.dict(), manager.Lock()
        queue, event = manager.Queue(), manager.Event()
        with lock:
            values["a"] = 1
        queue.put(2)
        event.set()
        print(dict(values), queue.get(), event.is_set())
"""


@pytest.mark.slow
def test_a_manager_in_a_spawned_process_works(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_MANAGER)
    program = subprocess.run(
        [sys.executable, "-W", "ignore", script], capture_output=True, text=True, timeout=60
    )
    assert (program.stdout, program.stderr) == ("{'a': 1} 2 True\n", "")


def test_a_condition_made_of_a_patched_lock_survives_cancellation() -> None:
    condition = threading.Condition(RLock())  # type: ignore[arg-type]  # it has all that is needed

    def wait() -> None:
        with condition:
            condition.wait()

    def main() -> bool:
        # The waiter lock inside is a real one here, so a thread waits and a task notifies.
        thread = threading.Thread(target=wait)
        thread.start()
        while thread.is_alive():
            with condition:
                condition.notify_all()
            rt.sleep(0.001)
        return condition.acquire(blocking=False)

    assert rt.run(main)


def test_a_queue_gives_items_in_order_and_wakes_who_waits() -> None:
    items = SimpleQueue()

    def main() -> list[int]:
        getters = [rt.spawn(items.get) for _ in range(3)]
        rt.yield_now()
        getters[0].cancel()
        for number in range(2):
            items.put(number)
        return [getter.result(1) for getter in getters[1:]]

    assert rt.run(main) == [0, 1]
    with pytest.raises(queue.Empty):
        items.get(timeout=0.01)
    with pytest.raises(ValueError, match="non-negative"):
        items.get(timeout=-1)


def test_a_queue_that_is_never_empty_lets_the_others_run() -> None:
    items = SimpleQueue()
    seen: list[int] = []

    def feed_itself() -> None:
        items.put(1)
        while not seen:
            items.put(items.get())

    def main() -> None:
        feeding = rt.spawn(feed_itself)
        rt.yield_now()
        seen.append(1)
        feeding.join()

    rt.run(main)
    assert seen


def test_values_of_a_local_are_the_tasks_own_and_die_with_it() -> None:
    class Own(local):
        kind = "class"

        def __init__(self, start: int) -> None:
            self.count = start

        @property
        def double(self) -> int:
            return int(self.count) * 2

    own = Own(7)
    own.count = 1

    def look() -> tuple[int, int, str, list[str]]:
        seen = own.count
        own.extra = True
        return seen, own.double, own.kind, sorted(vars(own))

    def main() -> tuple[int, int, str, list[str]]:
        own.count = 3
        found = rt.spawn(look).result()
        assert own.count == 3
        assert not hasattr(own, "extra")
        return found

    assert rt.run(main) == (7, 14, "class", ["count", "extra"])
    assert own.count == 1
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        del own.nothing
    with pytest.raises(TypeError, match="Initialization arguments"):
        local(1)
