"""Threads that a run has left continue: in the next run, while main waits, and at the end."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PRELUDE = """
from photon_runtime.patch import patch_stdlib
patch_stdlib()
import atexit, logging, os, queue, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from logging.handlers import QueueHandler, QueueListener
import photon_runtime as rt

def begin(function, *args, daemon=False):
    threading.Thread(target=function, args=args, daemon=daemon).start()

def work(*words):
    time.sleep(0.1)
    print(*words, flush=True)
"""


def run_program(source: str, tmp_path: Path) -> tuple[int, str, str]:
    script = tmp_path / "program.py"
    script.write_text(PRELUDE + textwrap.dedent(source))
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=50, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("end", "code"), [("return", 0), ("sys.exit(7)", 7), ("raise SystemExit", 0)]
)
def test_threads_of_a_run_finish_before_the_process_ends(
    tmp_path: Path, end: str, code: int
) -> None:
    program = f"""
    pool = ThreadPoolExecutor(2)
    def main():
        begin(work, "thread")
        threading.Timer(0.05, work, ["timer"]).start()
        for number in range(4):
            pool.submit(work, "pool")
        {end}
    try:
        rt.run(main)
    finally:
        print("main", threading.active_count(), flush=True)
    """
    returned, out, err = run_program(program, tmp_path)
    assert (returned, err) == (code, "")
    assert out.split("\n")[0] == "main 1"
    assert sorted(out.split("\n")[1:-1]) == ["pool"] * 4 + ["thread", "timer"]


def test_a_run_that_fails_leaves_its_threads_their_work(tmp_path: Path) -> None:
    code, out, err = run_program("rt.run(lambda: [begin(work, 'worked'), 1 / 0])", tmp_path)
    assert (code, out) == (1, "worked\n")
    assert err.endswith("ZeroDivisionError: division by zero\n")


def test_threads_go_on_in_the_next_run_and_while_the_main_thread_waits(tmp_path: Path) -> None:
    program = """
    heard = [threading.Event() for _ in range(4)]
    def tick():
        for event in heard:
            time.sleep(0.05)
            event.set()
    def main():
        begin(tick, daemon=True)
        return begin(work, "joined")
    rt.run(main)
    seen = [heard[0].is_set(), rt.run(heard[0].wait, 20), heard[2].wait(20)]
    while not heard[3].is_set():
        time.sleep(0.01)
    print(seen)
    """
    assert run_program(program, tmp_path) == (0, "joined\n[False, True, True]\n", "")


def test_executors_and_listeners_around_a_run_end_with_their_work(tmp_path: Path) -> None:
    program = """
    class Slow(logging.Handler):
        def emit(self, record):
            work(record.getMessage())
    records = queue.Queue()
    listener = QueueListener(records, Slow())
    log = logging.getLogger("slow")
    log.addHandler(QueueHandler(records))
    def main(pool):
        listener.start()
        log.error("record")
        pool.submit(work, "first").add_done_callback(lambda _: log.error("another"))
    with ThreadPoolExecutor(1) as pool:
        rt.run(main, pool)
    listener.stop()
    print("stopped")
    """
    code, out, err = run_program(program, tmp_path)
    assert (code, err) == (0, "")
    assert sorted(out.split("\n")[:3]) == ["another", "first", "record"]
    assert out.endswith("stopped\n")


def test_exit_hooks_may_wait_for_daemons_and_run_hubs(tmp_path: Path) -> None:
    program = """
    tasks = queue.Queue()
    def consume():
        while True:
            work(tasks.get())
            tasks.task_done()
    def main():
        begin(consume, daemon=True)
        for number in range(3):
            tasks.put(number)
    atexit.register(print, "last")
    atexit.register(lambda: print(rt.run(lambda: rt.sleep(0.01) or "ran")))
    atexit.register(tasks.join)
    rt.run(main)
    """
    assert run_program(program, tmp_path) == (0, "0\n1\n2\nran\nlast\n", "")


def test_a_log_handler_that_waits_in_emit_does_not_keep_the_process_from_its_end(
    tmp_path: Path,
) -> None:
    program = """
    class Slow(logging.Handler):
        def emit(self, record):
            time.sleep(0.05)
        def close(self):
            print("closed")
    log = logging.getLogger("slow")
    log.addHandler(Slow())
    def repeat():
        while True:
            log.error("again")
    rt.run(lambda: [begin(repeat, daemon=True), time.sleep(0.02)])
    """
    assert run_program(program, tmp_path) == (0, "closed\n", "")


def test_the_child_of_a_fork_leaves_the_threads_to_its_parent(tmp_path: Path) -> None:
    program = """
    go = threading.Event()
    def main():
        begin(lambda: [go.wait(), print("in the parent", os.getpid() == parent, flush=True)])
    parent = os.getpid()
    rt.run(main)
    child = os.fork()
    if not child:
        print(rt.run(lambda: 3), flush=True)
        sys.exit(3)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    go.set()
    """
    assert run_program(program, tmp_path) == (0, "3\n3\nin the parent True\n", "")


def test_a_hub_of_another_thread_names_the_threads_that_it_ends(tmp_path: Path) -> None:
    program = """
    idle = ThreadPoolExecutor(1)
    def main():
        idle.submit(print, "idle", flush=True).result()
        begin(work, "never", daemon=True)
        threading.Thread(target=work, name="busy", daemon=False).start()
    rt.run(lambda: rt.offload(rt.run, main))
    """
    code, out, err = run_program(program, tmp_path)
    assert (code, out) == (0, "idle\n")
    assert err == "threads that have not finished end with the run that began them: busy\n"
