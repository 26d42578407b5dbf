"""Time limits by signals strike the task that has set them, and nothing else."""

from __future__ import annotations

import subprocess
import textwrap
from pathlib import Path

import pytest

from patched_programs import run_patched

pytestmark = pytest.mark.slow

PRELUDE = """
    import signal, time
    from photon_runtime import shield, sleep, spawn
    from photon_runtime.escapes import in_service

    class Limit(Exception):
        pass

    def limited(seconds, function, *args):
        # The way of the libraries for time limits.
        def strike(number, frame):
            raise Limit("too late")
        before = signal.signal(signal.SIGALRM, strike)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return function(*args)
        except Limit as error:
            return str(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def compute(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(100))
        return "computed"

    def wait(seconds):
        time.sleep(seconds)
        return "waited"
"""


def patched(source: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return run_patched(textwrap.dedent(PRELUDE) + textwrap.dedent(source), tmp_path, timeout=50)


def printed(source: str, tmp_path: Path) -> list[str]:
    done = patched(source, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_twenty_limits_at_once_each_strike_their_own_task(tmp_path: Path) -> None:
    assert printed(
        """
        def handle(number):
            if number % 4 == 0:
                return limited(0.1, compute, 0.3)
            if number % 4 == 1:
                return limited(0.2, wait, 5)
            if number % 4 == 2:
                return limited(5, wait, 0.3)
            return wait(0.4)  # without a limit

        tasks = [spawn(handle, number) for number in range(20)]
        for kind in range(4):
            print({task.result() for task in tasks[kind::4]})
        print(signal.getsignal(signal.SIGALRM) is signal.SIG_DFL)
        print(signal.getitimer(signal.ITIMER_REAL))
        """,
        tmp_path,
    ) == ["{'too late'}", "{'too late'}", "{'waited'}", "{'waited'}", "True", "(0.0, 0.0)"]


def test_limit_that_expires_in_a_finalizer_strikes_after_it(tmp_path: Path) -> None:
    assert printed(
        """
        import weakref

        class Slow:
            def __del__(self):
                compute(0.1)

        class Noted:
            pass

        def delete():
            slow = Slow()
            del slow
            return compute(1)

        def forget():
            noted = Noted()
            kept = weakref.WeakKeyDictionary({noted: None})
            kept._pending_removals = Removals()
            kept._iterating.add(None)  # the callback appends to the removals, and does no more
            del noted
            return compute(1)

        class Removals(list):
            def append(self, reference):
                compute(0.1)

        print(spawn(limited, 0.05, delete).result())
        print(spawn(limited, 0.05, forget).result())
        """,
        tmp_path,
    ) == ["too late", "too late"]


def test_limits_may_expire_while_others_are_set(tmp_path: Path) -> None:
    assert printed(
        """
        def handle():
            for _ in range(80):
                try:
                    limited(0.002, wait, 0.02)
                except Limit:
                    pass  # it was in time to strike the clean-up, as in plain Python
            return "handled"

        tasks = [spawn(handle) for _ in range(20)]
        print({task.result() for task in tasks})
        """,
        tmp_path,
    ) == ["{'handled'}"]


def test_the_timer_of_the_process_continues_beside_those_of_tasks(tmp_path: Path) -> None:
    assert printed(
        """
        def main_limit(number, frame):
            raise Limit("of the program")
        signal.signal(signal.SIGALRM, main_limit)
        signal.alarm(1)
        task = spawn(limited, 0.1, wait, 5)
        try:
            print(task.result())
            time.sleep(5)
        except Limit as error:
            print(error)
        print(signal.alarm(0), signal.getsignal(signal.SIGALRM) is main_limit)
        """,
        tmp_path,
    ) == ["too late", "of the program", "0 True"]


def test_timers_are_read_and_repeat_as_the_standard_ones_do(tmp_path: Path) -> None:
    assert printed(
        """
        def handle():
            rings = []
            signal.signal(signal.SIGALRM, lambda number, frame: rings.append(number))
            print(signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05))
            time.sleep(0.4)
            left, interval = signal.getitimer(signal.ITIMER_REAL)
            print(0 < left <= 0.05, interval, len(rings) > 3)
            print(signal.alarm(10) <= 1, signal.alarm(0))
            for arguments in ((signal.ITIMER_REAL, -1), (signal.ITIMER_PROF, 1)):
                try:
                    signal.setitimer(*arguments)
                except (signal.ItimerError, RuntimeError) as error:
                    print(type(error).__name__)
            try:
                signal.signal(signal.SIGALRM, "no handler")
            except TypeError as error:
                print(error)
        spawn(handle).result()
        """,
        tmp_path,
    ) == [
        "(0.0, 0.0)",
        "True 0.05 True",
        "True 10",
        "itimer_error",
        "RuntimeError",
        "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object",
    ]


def test_a_handler_may_set_the_timer_of_its_task_again(tmp_path: Path) -> None:
    assert printed(
        """
        def handle():
            rings = []
            def ring(number, frame):
                rings.append(number)
                if len(rings) == 3:
                    raise Limit("the third time")
                signal.setitimer(signal.ITIMER_REAL, 0.02)
            signal.signal(signal.SIGALRM, ring)
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            try:
                time.sleep(5)
            except Limit as error:
                return str(error)
        print(spawn(handle).result())
        """,
        tmp_path,
    ) == ["the third time"]


def test_clean_up_under_a_shield_is_struck_after_it(tmp_path: Path) -> None:
    assert printed(
        """
        def clean_up():
            with shield():
                time.sleep(0.2)
                print("cleaned up")
            time.sleep(5)
        print(spawn(limited, 0.05, clean_up).result())
        """,
        tmp_path,
    ) == ["cleaned up", "too late"]


def test_a_limit_that_is_left_behind_strikes_nothing(tmp_path: Path) -> None:
    done = patched(
        """
        def leave():
            signal.signal(signal.SIGALRM, lambda *_: exit(3))
            signal.setitimer(signal.ITIMER_REAL, 0.05)

        def handle():
            leave()
        with in_service():
            spawn(handle).result()
            print(wait(0.2))
        """,
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "waited\n")
    assert "strikes nothing" in done.stderr


def test_a_limit_without_a_handler_is_an_error_of_its_task(tmp_path: Path) -> None:
    assert printed(
        """
        def handle():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                time.sleep(5)
            except Exception as error:
                return type(error).__name__
        print(spawn(handle).result())
        """,
        tmp_path,
    ) == ["AlarmClock"]


def test_a_forked_child_has_none_of_the_timers(tmp_path: Path) -> None:
    assert printed(
        """
        import os
        def handle():
            signal.signal(signal.SIGALRM, lambda *_: exit(3))
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            pid = os.fork()
            if pid == 0:
                time.sleep(0.3)
                os._exit(7)
            signal.setitimer(signal.ITIMER_REAL, 0)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(spawn(handle).result())
        """,
        tmp_path,
    ) == ["7"]


def test_handlers_of_a_service_get_their_own_exceptions(tmp_path: Path) -> None:
    done = patched(
        """
        import logging, os
        logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)

        def fail(number, frame):
            raise Limit("from a handler")

        def set_and_send():
            signal.signal(signal.SIGUSR2, fail)
            try:
                os.kill(os.getpid(), signal.SIGUSR2)
                time.sleep(5)
            except Limit as error:
                return str(error)

        with in_service():
            print(spawn(set_and_send).result())
            os.kill(os.getpid(), signal.SIGUSR2)  # the task that has set it has ended
            time.sleep(0.1)
            signal.signal(signal.SIGUSR2, lambda *_: exit(1))
            os.kill(os.getpid(), signal.SIGUSR2)
            time.sleep(0.1)
        print("went on")
        """,
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "from a handler\nwent on\n")
    assert "ERROR" in done.stderr
    assert "Limit: from a handler" in done.stderr
    assert "INFO the handler of SIGUSR2 has raised SystemExit(1)" in done.stderr


def test_the_handlers_of_a_service_are_not_replaced(tmp_path: Path) -> None:
    done = patched(
        """
        import os
        from photon_runtime import Event
        from photon_runtime.process import stop_event

        def own(number, frame):
            print("called after it", flush=True)

        before = signal.getsignal(signal.SIGTERM)
        with in_service(), stop_event() as stopped:
            def handle():
                theirs = signal.signal(signal.SIGTERM, own)
                print(signal.getsignal(signal.SIGTERM) is own)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.1)
                print(stopped.is_set())
                stopped.clear()
                signal.signal(signal.SIGTERM, theirs)
                print(signal.getsignal(signal.SIGTERM) is theirs)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.1)
                print(stopped.is_set())
            spawn(handle).result()
        print(signal.getsignal(signal.SIGTERM) is before)
        """,
        tmp_path,
    )
    assert done.returncode == 0
    assert done.stdout.split("\n") == [
        "True",
        "called after it",
        "True",
        "True",
        "True",
        "True",
        "",
    ]
    assert "does not replace the handler of SIGTERM" in done.stderr
