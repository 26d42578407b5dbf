"""Originals imported before the patch are rebound if possible, and otherwise reported.

Each test is a process of its own, because a process is patched once and for all.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def output(source: str, tmp_path: Path, **modules: str) -> str:
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(source))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_runtime_patches_nothing(tmp_path: Path) -> None:
    program = """
    import _thread, os, queue, select, signal, socket, threading, time
    names = [(m, n) for m in (_thread, os, queue, select, signal, socket, threading, time)
             for n in dir(m)]
    before = [getattr(m, n) for m, n in names]
    import photon_runtime, photon_runtime.patch, photon_runtime.http, photon_runtime.testing
    assert [n for (m, n), old in zip(names, before) if getattr(m, n) is not old] == []
    print(photon_runtime.patch.is_patched())
    """
    assert output(program, tmp_path) == "False\n"


def test_patching_twice_is_harmless(tmp_path: Path) -> None:
    program = """
    import threading
    from photon_runtime.patch import patch_stdlib
    patch_stdlib()
    lock = threading.Lock
    assert patch_stdlib() == patch_stdlib()
    print(threading.Lock is lock)
    """
    assert output(program, tmp_path) == "True\n"


def test_names_locks_and_locals_of_modules_are_bound_anew(tmp_path: Path) -> None:
    early = """
    import threading
    from time import sleep
    from threading import Lock
    guard = Lock()
    values = threading.local()
    values.x = 1
    """
    program = """
    import time, early, sharing, photon_runtime as rt
    from photon_runtime.patch import patch_stdlib
    report = patch_stdlib(strict=True)
    assert early.sleep is time.sleep
    assert early.guard is sharing.guard
    assert early.values.x == 1
    def main():
        def hold():
            with early.guard:
                early.sleep(0.05)
            return hasattr(early.values, "x")
        holders = [rt.spawn(hold) for _ in range(3)]
        return [holder.result() for holder in holders]
    print(rt.run(main), *(name for name in report.rebound if name.startswith("early")))
    """
    assert output(program, tmp_path, early=early, sharing="from early import guard") == (
        "[False, False, False] early.sleep early.Lock early.guard early.values\n"
    )


@pytest.mark.parametrize(
    ("early", "named"),
    [
        ("import threading\nheld = threading.Lock()\nheld.acquire()", "early.held is held"),
        (
            "import threading\nlock = threading.Lock()\nother = threading.Condition(lock)",
            "early.lock is used by other objects",
        ),
        ("import socket\nclass Mine(socket.socket): pass", "early.Mine was made a subclass"),
        ("import threading\nclass Own(threading.local): pass", "early.Own was made a subclass"),
        (
            "import threading\nwait = threading.Event().wait\n"
            "threading.Thread(target=wait, daemon=True).start()",
            "runs as a real thread",
        ),
    ],
)
def test_what_cannot_be_mended_is_named(tmp_path: Path, early: str, named: str) -> None:
    program = """
    import threading, warnings
    import early
    from photon_runtime.errors import PatchError
    from photon_runtime.patch import PatchWarning, is_patched, patch_stdlib
    try:
        patch_stdlib(strict=True)
    except PatchError as error:
        assert not is_patched()
        print("refused:", error)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = patch_stdlib()
    assert [w.category for w in caught] == [PatchWarning]
    assert is_patched()
    print("warned:", caught[0].message)
    print("reported:", *report.late)
    """
    said = output(program, tmp_path, early=early)
    refused, rest = said.split("warned:")
    warned, reported = rest.split("reported:")
    assert named in refused
    assert named in warned
    assert named in reported


def test_real_threads_stay_reachable_for_offload(tmp_path: Path) -> None:
    program = """
    import threading, time
    from photon_runtime.patch import patch_stdlib
    patch_stdlib()
    import photon_runtime as rt
    def busy():
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            pass
        return threading.get_native_id()
    def main():
        beats = []
        def beat():
            while True:
                time.sleep(0.01)
                beats.append(1)
        beating = rt.spawn(beat)
        other = rt.offload(busy)
        beating.cancel()
        return other != threading.get_native_id(), len(beats) > 3
    print(rt.run(main))
    """
    assert output(program, tmp_path) == "(True, True)\n"


def test_locks_and_queues_are_shared_by_tasks_hubs_and_real_threads(tmp_path: Path) -> None:
    program = """
    from photon_runtime.patch import _saved, patch_stdlib
    patch_stdlib()
    start_real = _saved.start_new_thread
    import queue, threading, photon_runtime as rt
    lock, counter, done = threading.Lock(), [0], queue.SimpleQueue()
    def count():
        for _ in range(300):
            with lock:
                seen = counter[0]
                if seen % 50 == 0 and rt_task():
                    rt.yield_now()
                counter[0] = seen + 1
        done.put(1)
    def rt_task():
        try:
            return rt.current_task()
        except rt.NotRunning:
            return None
    def main():
        for _ in range(3):
            rt.spawn(count)
        for _ in range(2):
            start_real(count, ())
        for _ in range(2):
            start_real(rt.run, (count,))
        for _ in range(7):
            done.get(timeout=20)
        return counter[0]
    print(rt.run(main))
    """
    assert output(program, tmp_path) == "2100\n"


def test_outside_of_tasks_everything_blocks_as_before(tmp_path: Path) -> None:
    program = """
    from photon_runtime.patch import patch_stdlib
    patch_stdlib()
    import queue, select, socket, subprocess, threading, time
    q = queue.Queue()
    threading.Thread(target=lambda: (time.sleep(0.05), q.put("item"))).start()
    assert q.get(timeout=5) == "item"
    a, b = socket.socketpair()
    threading.Thread(target=lambda: (time.sleep(0.05), b.sendall(b"x"))).start()
    assert select.select([a], [], [], 5)[0] == [a]
    assert a.recv(1) == b"x"
    assert subprocess.run(["echo", "hi"], capture_output=True, text=True).stdout == "hi\\n"
    event = threading.Event()
    threading.Timer(0.02, event.set).start()
    print(event.wait(5), threading.current_thread() is threading.main_thread())
    """
    assert output(program, tmp_path) == "True True\n"


def test_cancellation_passes_through_patched_waits(tmp_path: Path) -> None:
    program = """
    from photon_runtime.patch import patch_stdlib
    patch_stdlib()
    import os, queue, select, socket, subprocess, threading, time
    import photon_runtime as rt
    lock = threading.Lock()
    lock.acquire()
    condition = threading.Condition()
    readable, _ = os.pipe()
    a, _b = socket.socketpair()
    def on_condition():
        with condition:
            condition.wait()
    waits = [lock.acquire, on_condition, queue.Queue().get, queue.SimpleQueue().get,
             threading.Event().wait, lambda: time.sleep(100), lambda: os.read(readable, 1),
             lambda: select.select([a], [], []), lambda: a.recv(1), threading.Barrier(2).wait,
             lambda: subprocess.run(["sleep", "0.3"]), threading.Semaphore(0).acquire]
    def main():
        for wait in waits:
            start = time.monotonic()
            try:
                with rt.deadline(0.02):
                    wait()
            except rt.DeadlineExceeded:
                pass
            else:
                raise AssertionError(wait)
        with condition:
            condition.notify_all()
        lock.release()
        with lock:
            return "all"
    print(rt.run(main))
    """
    assert output(program, tmp_path) == "all\n"


def test_a_task_that_logs_has_a_dummy_thread_only_while_it_lives(tmp_path: Path) -> None:
    program = """
    from photon_runtime.patch import patch_stdlib
    patch_stdlib()
    import gc, threading, photon_runtime as rt
    def name():
        return threading.current_thread().name
    def main():
        names = [rt.spawn(name).result() for _ in range(50)]
        gc.collect()
        return set(names), threading.active_count()
    print(rt.run(main))
    """
    assert output(program, tmp_path) == "({'name'}, 1)\n"


def test_threads_that_are_left_at_the_end_of_a_run_neither_complain_nor_hold_it_up(
    tmp_path: Path,
) -> None:
    program = """
    from photon_runtime.patch import patch_stdlib
    patch_stdlib()
    import threading, time
    from concurrent.futures import ThreadPoolExecutor
    import photon_runtime as rt
    pool = ThreadPoolExecutor(2)
    def stubborn():
        while True:
            try:
                time.sleep(100)
            except BaseException as error:
                print("disturbed", repr(error))
    def main():
        threading.Thread(target=stubborn).start()
        return pool.submit(lambda: 5).result()
    print(rt.run(main), threading.active_count())
    """
    assert output(program, tmp_path) == "5 1\n"
