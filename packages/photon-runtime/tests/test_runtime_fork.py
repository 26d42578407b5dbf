"""Processes that are forked in a task: they end with their code, and say what went wrong."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from patched_programs import run_patched

pytestmark = pytest.mark.slow

PRELUDE = """
    import logging, multiprocessing, os, signal, sys, tempfile, threading, time
    from photon_runtime import sleep, spawn
    from photon_runtime.escapes import in_service

    def code_of(child):
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(20)
        if process.exitcode is None:
            process.kill()
        return process.exitcode

    def hold(lock):
        with lock:
            time.sleep(60)
"""


def patched(source: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return run_patched(textwrap.dedent(PRELUDE) + textwrap.dedent(source), tmp_path, timeout=50)


def test_children_log_print_use_threads_and_end_with_their_code(tmp_path: Path) -> None:
    done = patched(
        """
        import socket, sqlite3
        from concurrent.futures import ThreadPoolExecutor
        logging.basicConfig(format="%(message)s", stream=sys.stdout)

        def log():
            logging.warning("logged")
        def use_threads():
            with ThreadPoolExecutor(2) as pool:
                print(sum(pool.map(int, "123")))
        def leave_a_thread():
            threading.Thread(target=lambda: (time.sleep(0.1), print("a late thread"))).start()
        def use_a_socket():
            one, other = socket.socketpair()
            one.sendall(b"received")
            print(other.recv(8).decode())
        def use_a_database():
            print(sqlite3.connect(":memory:").execute("select 'selected'").fetchone()[0])
        def use_a_task():
            print(spawn(lambda: "spawned").result())
        def leave():
            sys.exit(7)
        def leave_with_a_text():
            sys.exit("a text on standard error")
        def fail():
            raise ValueError("an error on standard error")
        def interrupt():
            raise KeyboardInterrupt

        children = [log, use_threads, leave_a_thread, use_a_socket, use_a_database, use_a_task]
        children += [leave, leave_with_a_text, fail, interrupt]
        def handle(child):
            logging.warning("parent")
            return code_of(child)
        print([spawn(handle, child).result() for child in children])
        """,
        tmp_path,
    )
    assert [line for line in done.stdout.splitlines() if line != "parent"] == [
        "logged",
        "6",
        "a late thread",
        "received",
        "selected",
        "spawned",
        "[0, 0, 0, 0, 0, 0, 7, 1, 1, 1]",
    ]
    assert "a text on standard error" in done.stderr
    assert "ValueError: an error on standard error" in done.stderr


def test_a_child_does_not_wait_for_locks_of_the_standard_library_that_others_hold(
    tmp_path: Path,
) -> None:
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.5)\nvalue = 'imported'\n")
    done = patched(
        """
        logging.basicConfig(format="%(message)s", stream=sys.stdout)
        for lock in (logging.root.handlers[0].lock, tempfile._once_lock):
            spawn(hold, lock)
        spawn(__import__, "slow_module")
        spawn(print, "x" * 100_000)  # more than a pipe takes at once

        def child():
            logging.warning("\\nlogged")
            with tempfile.TemporaryFile() as file:
                file.write(b"written")
            import slow_module
            print(slow_module.value)

        sleep(0.05)
        code = spawn(code_of, child).result()
        sys.stderr.write(str(code))
        os._exit(0)
        """,
        tmp_path,
    )
    assert done.stderr == "0"
    assert done.stdout.replace("x", "").split() == ["logged", "imported"]


def test_tasks_that_fork_at_once_let_others_run_between_two_forks(tmp_path: Path) -> None:
    done = patched(
        """
        from photon_runtime._hub import current_hub
        turns = []
        def fork():
            child = os.fork()
            if not child:
                os._exit(0)
            turns.append(current_hub().turns)
            os.waitpid(child, 0)
        tasks = [spawn(fork) for _ in range(8)]
        for task in tasks:
            task.result()
        print(len(set(turns)))
        """,
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("8\n", "")


def test_a_child_that_needs_what_another_task_holds_says_so(tmp_path: Path) -> None:
    done = patched(
        """
        lock = threading.Lock()
        spawn(hold, lock)
        sleep(0)

        def child():
            with lock:
                print("never")

        print(spawn(code_of, child).result(), flush=True)
        os._exit(0)
        """,
        tmp_path,
    )
    assert done.stdout == "1\n"
    assert "Deadlock: no task can ever run again" in done.stderr


def test_a_child_of_a_service_ends_by_its_own_signals(tmp_path: Path) -> None:
    done = patched(
        """
        from photon_runtime.process import stop_event

        def handle():
            process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(30,))
            process.start()
            process.terminate()
            process.join()
            return process.exitcode

        with in_service(), stop_event() as stopped:
            print(spawn(handle).result() == -signal.SIGTERM, stopped.is_set())
        """,
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("True False\n", "")


def test_a_child_forked_without_the_patch_has_a_hub_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, sys
            from photon_runtime import run, sleep, spawn

            def handle():
                pid = os.fork()
                if pid == 0:
                    sleep(0.01)
                    sys.exit(spawn(lambda: 5).result())
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

            def main():
                spawn(sleep, 60)
                print(spawn(handle).result())

            run(main)
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("5\n", "", 0)
