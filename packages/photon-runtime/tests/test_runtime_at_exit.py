"""The end of a process in whatever state its hubs are: clean, in time, and without a crash.

`sys.exit` in a task ends the run and the process; in a handler, which a server has called, only the
request.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import pytest

_PRELUDE = """
import atexit, os, sys, threading, time
import photon_runtime._at_exit
from photon_runtime import (
    Event, Lock, offload, run, scope, shield, sleep, spawn,
)

photon_runtime._at_exit._END_TIME = 0.3

def on_thread(function, *args):
    begun = threading.Event()
    def main():
        begun.set()
        function(*args)
    thread = threading.Thread(target=run, args=(main,), daemon=True)
    thread.start()
    begun.wait()
    time.sleep(0.05)
    return thread
"""


def _end(program: str, *, patched: bool = False) -> subprocess.CompletedProcess[str]:
    source = _PRELUDE + textwrap.dedent(program)
    patch = ["-m", "photon_runtime.patch"] if patched else []
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", *patch, "-c", source],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_hub_that_waits_on_another_thread_is_ended_with_its_clean_up() -> None:
    ended = _end(
        """
        def wait():
            try:
                sleep(1000)
            finally:
                sys.stderr.write("cleaned up")

        on_thread(wait)
        sys.exit(3)
        """
    )
    assert (ended.returncode, ended.stderr) == (3, "cleaned up")


@pytest.mark.parametrize(
    "held",
    [
        "while True: pass",
        "while True: time.sleep(0.0001)",
        "time.sleep(1000)",
        "os.read(os.pipe()[0], 1)",
    ],
)
def test_a_hub_that_is_held_ends_the_process_with_a_report(held: str) -> None:
    ended = _end(
        f"""
        def hold_the_hub():
            sleep(0.001)
            {held}

        on_thread(lambda: [spawn(hold_the_hub), sleep(1000)])
        print("flushed", end="")
        """
    )
    assert (ended.returncode, ended.stdout) == (1, "flushed")
    assert "the process ends while a hub still runs on another thread" in ended.stderr
    assert "'hold_the_hub'" in ended.stderr
    assert "in hold_the_hub\n" in ended.stderr


@pytest.mark.parametrize("wait", ["sleep(0)", "sleep(0.0001)"])
def test_tasks_that_ignore_their_cancellation_end_the_process_with_a_report(wait: str) -> None:
    ended = _end(
        f"""
        def stubborn():
            while True:
                try:
                    {wait}
                except BaseException:
                    pass

        on_thread(lambda: [spawn(stubborn) for _ in range(30)] and sleep(1000))
        """
    )
    assert ended.returncode == 1
    assert re.search(r"'stubborn' and 2[01] more", ended.stderr)  # the main task may be the last


def test_a_busy_server_that_was_not_stopped_in_time_does_not_crash_the_process() -> None:
    ended = _end(
        """
        import photon_runtime.testing as testing
        from photon_runtime.http import ServerSettings

        testing._live_server._STOP_MARGIN = 0.05

        def busy(request):
            while True:
                time.sleep(0.0001)

        with testing.live_server(busy, settings=ServerSettings(shutdown_timeout=0.05)) as server:
            server.connect().sendall(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
            time.sleep(0.05)
        """
    )
    assert ended.returncode == 1
    assert "TimeoutError: the server has not stopped" in ended.stderr
    assert "in busy\n" in ended.stderr


def test_what_a_hub_is_busy_with_may_end_while_the_process_waits_for_it() -> None:
    ended = _end(
        """
        photon_runtime._at_exit._END_TIME = 10.0
        on_thread(lambda: time.sleep(0.3))
        sys.exit(4)
        """
    )
    assert (ended.returncode, ended.stderr) == (4, "")


def test_threads_of_the_offload_pool_do_not_keep_the_process() -> None:
    ended = _end(
        """
        on_thread(lambda: [spawn(offload, time.sleep, 1000) for _ in range(5)] and sleep(1000))
        """
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_sys_exit_in_a_task_ends_the_process_with_its_code() -> None:
    ended = _end(
        """
        def leave():
            sleep(0.01)
            sys.exit(5)

        run(lambda: [spawn(sleep, 1000), spawn(offload, time.sleep, 1000), spawn(leave).join()])
        """
    )
    assert (ended.returncode, ended.stderr) == (5, "")


def test_sys_exit_in_a_handler_ends_its_request_and_not_the_server() -> None:
    ended = _end(
        """
        from photon_runtime.testing import live_server

        def handle(request):
            sys.exit(5)

        with live_server(handle) as server:
            for _ in range(2):
                answer = server.exchange(
                    b"GET / HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n"
                )
                print(answer.split(b"\\r\\n")[0].decode())
        """
    )
    answers = "HTTP/1.1 500 Internal Server Error\n" * 2
    assert (ended.returncode, ended.stdout) == (0, answers)
    assert ended.stderr.count("SystemExit(5) was raised") == 2


def test_sys_exit_on_another_thread_ends_its_hub_alone() -> None:
    ended = _end(
        """
        thread = on_thread(lambda: [spawn(sys.exit, 5), sleep(1000)])
        thread.join()
        sys.exit(6)
        """
    )
    assert (ended.returncode, ended.stderr) == (6, "")


def test_an_exit_hook_may_use_the_hub_of_another_thread() -> None:
    ended = _end(
        """
        from photon_runtime.testing import HubThread

        hub = HubThread()

        @atexit.register
        def use():
            sys.stderr.write(hub.call(lambda: sleep(0.01) or "used"))
        """
    )
    assert (ended.returncode, ended.stderr) == (0, "used")


_HOOKS = """
    def hook():
        try:
            sys.stderr.write(run(lambda: sleep(0.01) or "run "))
        except RuntimeError as error:
            sys.stderr.write(str(error))

    hooks = [lambda: hook(), lambda: hook()]
    atexit.unregister(photon_runtime._at_exit._end_runs)
    atexit.register(hooks[0])
    atexit.register(photon_runtime._at_exit._end_runs)
    atexit.register(hooks[1])
"""


def test_an_exit_hook_may_run_a_hub_of_its_own() -> None:
    ended = _end(_HOOKS)
    assert (ended.returncode, ended.stderr) == (0, "run run ")


def test_no_hub_begins_once_those_of_other_threads_were_ended() -> None:
    ended = _end(_HOOKS + "\n    on_thread(sleep, 1000)\n")
    assert (ended.returncode, ended.stderr) == (
        0,
        "run the process is ending and its hubs have ended: another hub can no longer start",
    )


def test_no_hub_begins_on_another_thread_once_the_process_ends() -> None:
    ended = _end(
        """
        def again_and_again():
            try:
                while True:
                    try:
                        run(sleep, 1000)
                    except SystemExit:
                        pass
            except RuntimeError as error:
                sys.stderr.write(str(error))

        threading.Thread(target=again_and_again, daemon=True).start()
        time.sleep(0.05)
        atexit.unregister(photon_runtime._at_exit._end_runs)
        atexit.register(time.sleep, 0.2)
        atexit.register(photon_runtime._at_exit._end_runs)
        """
    )
    assert ended.returncode == 0
    assert ended.stderr == "the process is ending: a hub can no longer start on another thread"


def test_a_forked_child_does_not_wait_for_the_hubs_of_its_parent() -> None:
    ended = _end(
        """
        import warnings

        warnings.simplefilter("ignore")  # newer releases of Python warn of a fork with threads
        photon_runtime._at_exit._END_TIME = 20.0
        on_thread(sleep, 1000)
        begun = time.monotonic()
        child = os.fork()
        if child:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            sys.stderr.write(f"{code} {time.monotonic() - begun < 10}")
        """
    )
    assert (ended.returncode, ended.stderr) == (0, "0 True")


def test_interrupting_the_wait_gives_up_at_once() -> None:
    ended = _end(
        """
        import signal
        photon_runtime._at_exit._END_TIME = 20.0

        def hold_the_hub():
            while True:
                pass

        on_thread(hold_the_hub)
        interrupt = lambda: [time.sleep(0.3), os.kill(os.getpid(), signal.SIGINT)]
        threading.Thread(target=interrupt, daemon=True).start()
        """
    )
    assert ended.returncode == 1
    assert "in hold_the_hub\n" in ended.stderr


@pytest.mark.parametrize(
    "program",
    [
        "spawn(sleep, 1000)",
        "spawn(offload, time.sleep, 1000)",
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
        "threading.Thread(target=Lock().__enter__, daemon=True).start()",
        "offload(on_thread, sleep, 1000)",
        "offload(on_thread, lambda: [threading.Thread(target=time.sleep, args=(99,), "
        "daemon=True).start(), sleep(99)])",
    ],
)
def test_under_the_patch_a_program_ends_with_its_code_whatever_waits(program: str) -> None:
    ended = _end(program + "\nsys.exit(7)", patched=True)
    assert (ended.returncode, ended.stderr) == (7, "")


def test_under_the_patch_a_hub_that_is_held_ends_the_process_with_a_report() -> None:
    ended = _end(
        """
        def hold_the_hub():
            while True:
                pass

        offload(on_thread, hold_the_hub)
        """,
        patched=True,
    )
    assert ended.returncode == 1
    assert "in hold_the_hub\n" in ended.stderr
