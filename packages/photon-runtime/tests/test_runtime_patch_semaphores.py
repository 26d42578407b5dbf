"""The locks of `multiprocessing` in tasks, without a patched interpreter.

`integration-tests/libraries/test_waits_in_c.py` has the same under the patch, with processes.
"""

from __future__ import annotations

import multiprocessing.synchronize
import os
import types
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import photon_runtime as rt
from photon_runtime.patch import _semaphores

RECURSIVE, SEMAPHORE = 0, 1
_real: Any = multiprocessing.synchronize._multiprocessing  # type: ignore[attr-defined]


@pytest.fixture
def new_lock() -> Callable[..., Any]:
    """Makes semaphores by the replacement of the module's class."""
    module: Any = types.ModuleType("module")
    module.SemLock = _real.SemLock
    _semaphores.replace_semaphores(module)
    _semaphores.replace_semaphores(module)  # a second call does nothing

    def make(kind: int = SEMAPHORE, value: int = 1, largest: int = 1) -> Any:
        return module.SemLock(kind, value, largest, f"/photon-{uuid.uuid4().hex[:12]}", True)

    return make


@pytest.mark.parametrize("kind", [RECURSIVE, SEMAPHORE])
@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_tasks_exclude_each_other_and_wait_in_order(
    kind: int, pause: float, new_lock: Callable[..., Any]
) -> None:
    def main() -> list[int]:
        lock = new_lock(kind)
        order: list[int] = []

        def work(number: int) -> None:
            with lock:
                order.append(number)
                rt.sleep(pause)
                assert order[-1] == number

        with rt.scope() as tasks:
            for number in range(4):
                tasks.spawn(work, number)
        return order

    assert rt.run(main) == list(range(4))


def test_a_recursive_lock_belongs_to_a_task(new_lock: Callable[..., Any]) -> None:
    def main() -> None:
        lock = new_lock(RECURSIVE)
        assert lock.acquire()
        assert lock.acquire()
        assert (lock._count(), lock._is_mine(), lock._is_zero()) == (2, True, True)
        assert rt.spawn(lock.acquire, False).result() is False
        with pytest.raises(AssertionError, match="not owned"):
            rt.spawn(lock.release).result()
        lock.release()
        lock.release()
        assert rt.spawn(lock.acquire, False).result() is True

    rt.run(main)


def test_timeouts_and_deadlines_end_a_wait_and_take_nothing(new_lock: Callable[..., Any]) -> None:
    def main() -> None:
        lock = new_lock()
        lock.acquire()
        for seconds in (0, 0.001, 0.05):
            assert lock.acquire(True, seconds) is False
            with pytest.raises(rt.DeadlineExceeded), rt.deadline(seconds):
                lock.acquire()
        lock.release()
        assert lock._get_value() == 1
        assert lock.acquire(False) is True
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.01):
            rt.sleep(0.1)

    rt.run(main)


def test_a_release_by_another_process_wakes_a_task(new_lock: Callable[..., Any]) -> None:
    def main() -> None:
        lock = new_lock()
        lock.acquire()
        child = os.posix_spawn("/bin/sleep", ["sleep", "0.1"], os.environ)
        waiting = rt.spawn(lock.acquire)
        rt.offload(os.waitpid, child, 0)
        lock._real.release()  # as another process does: no waiter here is woken by it
        assert waiting.result(timeout=5) is True

    rt.run(main)


def test_too_many_releases_are_refused(new_lock: Callable[..., Any]) -> None:
    lock = new_lock()
    with pytest.raises(ValueError, match="released too many times"):
        lock.release()
    assert lock.acquire()  # outside of tasks
    assert lock.acquire(True, 0.01) is False
    lock.release()


def test_a_pickle_carries_the_kind(new_lock: Callable[..., Any]) -> None:
    lock = new_lock(RECURSIVE)
    assert (lock.kind, lock.maxvalue) == (RECURSIVE, 1)
    same = type(lock)._rebuild(lock.handle, lock.kind, lock.maxvalue, None)
    assert same.acquire()
    assert same.acquire()
    assert lock.acquire(False) is False
    same.release()
    same.release()
