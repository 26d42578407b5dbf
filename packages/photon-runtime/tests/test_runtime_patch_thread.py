"""Threads that are tasks, joined by many at once, and their end in a forked child."""

from __future__ import annotations

from pathlib import Path

import pytest

from patched_programs import run_patched

pytestmark = pytest.mark.slow


JOINS = """
    import random, sys, threading, time
    from photon_runtime import DeadlineExceeded, deadline, spawn
    from photon_runtime.patch import real_allocate_lock
    from photon_runtime.patch._saved import start_new_thread

    rng = random.Random(sys.argv[1])
    failures = []

    def join_for_real(thread, done):
        try:
            thread.join()
            assert not thread.is_alive()
        except BaseException as error:
            failures.append(error)
        finally:
            done.release()

    def join(thread, way):
        if way == 0:
            thread.join()
            assert not thread.is_alive()
        elif way == 1:
            thread.join(rng.random() * 0.02)
        elif way == 2:
            try:
                with deadline(rng.random() * 0.02):
                    thread.join()
                    assert not thread.is_alive()
            except DeadlineExceeded:
                pass
        elif way == 3:
            while thread.is_alive():
                time.sleep(0.003)
            thread.join()
        else:
            thread.join(0)
            thread.join(-1)

    def live(number):
        ended = []
        def work():
            time.sleep(rng.random() * 0.02)
            ended.append(True)
        thread = threading.Thread(target=work, daemon=rng.random() < 0.5)
        thread.start()
        joining = [spawn(join, thread, rng.randrange(5)) for _ in range(rng.randrange(1, 8))]
        real = [real_allocate_lock() for _ in range(rng.randrange(2))]
        for lock in real:
            lock.acquire()
            start_new_thread(join_for_real, (thread, lock))
        for task in joining:
            task.result()
        thread.join()
        assert ended and not thread.is_alive()
        for lock in real:
            while not lock.acquire(False):
                time.sleep(0.001)

    for _ in range(5):
        for task in [spawn(live, number) for number in range(40)]:
            task.result()
    assert not failures, failures
    print("joined")
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_many_joiners_of_one_thread_all_see_its_end(seed: str, tmp_path: Path) -> None:
    done = run_patched(JOINS, tmp_path, seed, timeout=50)
    assert (done.stdout, done.stderr, done.returncode) == ("joined\n", "", 0)


def test_a_joiner_whose_deadline_strikes_does_not_declare_the_thread_ended(tmp_path: Path) -> None:
    done = run_patched(
        """
        import threading, time
        from photon_runtime import DeadlineExceeded, deadline, spawn

        thread = threading.Thread(target=time.sleep, args=(0.3,))
        thread.start()
        waiting = spawn(thread.join)
        try:
            with deadline(0.02):
                thread.join()
        except DeadlineExceeded:
            print(thread.is_alive(), waiting.done)
        waiting.join()
        print(thread.is_alive())
        """,
        tmp_path,
        timeout=50,
    )
    assert (done.stdout, done.stderr) == ("True False\nFalse\n", "")


def test_an_executor_is_shut_down_by_several_at_once(tmp_path: Path) -> None:
    done = run_patched(
        """
        import time
        from concurrent.futures import ThreadPoolExecutor, wait
        from photon_runtime import spawn

        pool = ThreadPoolExecutor(5)
        futures = [pool.submit(time.sleep, 0.01) for _ in range(20)]
        waiting = [spawn(wait, futures) for _ in range(5)]
        for task in [spawn(pool.shutdown) for _ in range(10)]:
            task.result()
        print([len(task.result().not_done) for task in waiting])
        """,
        tmp_path,
        timeout=50,
    )
    assert (done.stdout, done.stderr) == ("[0, 0, 0, 0, 0]\n", "")


def test_a_notification_of_a_cancelled_waiter_is_not_lost(tmp_path: Path) -> None:
    done = run_patched(
        """
        import queue
        from photon_runtime import spawn, sleep

        items = queue.Queue()
        taken = []
        first = spawn(lambda: taken.append(items.get()))
        second = spawn(lambda: taken.append(items.get()))
        sleep(0)
        first.cancel()
        items.put("item")  # it wakes the first waiter, which does not run before it is cancelled
        sleep(0.05)
        print(taken, items.qsize())
        second.cancel()
        """,
        tmp_path,
        timeout=50,
    )
    assert (done.stdout, done.stderr) == ("['item'] 0\n", "")


def test_a_child_that_was_forked_after_a_log_line_ends_with_its_code(tmp_path: Path) -> None:
    done = run_patched(
        """
        import logging, multiprocessing, os, sys
        from photon_runtime import spawn

        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)

        def child(number):
            logging.info("child %d", number)
            print("printed by", number)
            sys.exit(number)

        def handle(number):
            logging.info("parent %d", number)
            process = multiprocessing.get_context("fork").Process(target=child, args=(number,))
            process.start()
            process.join()
            return process.exitcode

        tasks = [spawn(handle, number) for number in range(4)]
        print([task.result() for task in tasks])
        """,
        tmp_path,
        timeout=50,
    )
    lines = done.stdout.splitlines()
    assert sorted(lines) == sorted(
        [f"{who} {number}" for who in ("parent", "child", "printed by") for number in range(4)]
        + ["[0, 1, 2, 3]"]
    )
    assert done.stderr == ""
