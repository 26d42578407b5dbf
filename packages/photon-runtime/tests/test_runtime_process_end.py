"""The end of a process that has a limit, with and without the patch."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PRELUDE = """
import sys
if sys.argv[1] == "patched":
    from photon_runtime.patch import patch_stdlib
    patch_stdlib()
import atexit, logging, multiprocessing, os, threading, time
from concurrent.futures import ThreadPoolExecutor
import photon_runtime as rt
from photon_runtime.process import finish_process, limit_end

logging.basicConfig(format="%(levelname)s %(message)s")

def stuck():
    time.sleep(1000)

def say(*words):
    print(*words, flush=True)

def hold():
    while True:
        pass
"""
BOTH = pytest.mark.parametrize("mode", ["patched", "plain"])


def end_program(source: str, tmp_path: Path, mode: str) -> tuple[int, str, str]:
    """Run a program whose ``main`` runs in a hub, and which has half a second to end."""
    script = tmp_path / "program.py"
    script.write_text(
        PRELUDE + textwrap.dedent(source) + "\nrt.run(main)\nlimit_end(0.5)\nfinish_process()\n"
    )
    done = subprocess.run(
        [sys.executable, script, mode], capture_output=True, text=True, timeout=50, check=False
    )
    return done.returncode, done.stdout, done.stderr


@BOTH
def test_everything_ends_once_and_in_the_order_of_the_interpreter(
    tmp_path: Path, mode: str
) -> None:
    program = """
    import tempfile, weakref
    class Closing(logging.Handler):
        def close(self):
            say("log handler")
    handler = Closing()
    folder = tempfile.TemporaryDirectory()
    atexit.register(say, "exit hook")
    def wait_for_main():
        while threading.main_thread().is_alive():
            time.sleep(0.01)
        say("thread")
    def main():
        threading.Thread(target=wait_for_main).start()
        weakref.finalize(handler, lambda: say("finalizer", os.path.exists(folder.name)))
        threading._register_atexit(say, "hook of threading")
    """
    code, out, err = end_program(program, tmp_path, mode)
    assert (code, err) == (0, "")
    assert out.split("\n") == [
        "hook of threading",
        "thread",
        "exit hook",
        "finalizer True",
        "log handler",
        "",
    ]


@BOTH
def test_threads_that_do_not_end_are_named_with_their_stacks(tmp_path: Path, mode: str) -> None:
    program = """
    atexit.register(say, "hook")
    def main():
        threading.Thread(target=stuck, name="the stuck one").start()
        threading.Thread(target=stuck, name="a daemon", daemon=True).start()
    """
    code, out, err = end_program(program, tmp_path, mode)
    assert (code, out) == (0, "hook\n")
    assert "ERROR threads that have not ended within 0.5 s are left behind: the stuck one\n" in err
    assert "in stuck\n" in err
    assert "a daemon" not in err


@BOTH
def test_calls_that_a_pool_has_not_begun_are_counted(tmp_path: Path, mode: str) -> None:
    program = """
    pool = ThreadPoolExecutor(2, thread_name_prefix="pool")
    def main():
        for _ in range(5):
            pool.submit(stuck)
    """
    code, _, err = end_program(program, tmp_path, mode)
    assert code == 0
    assert "left behind: pool_0 (3 calls have not begun), pool_1 (3 calls have not begun)" in err


@BOTH
def test_child_processes_finish_or_are_named_and_killed(tmp_path: Path, mode: str) -> None:
    program = """
    fork = multiprocessing.get_context("fork")
    def main():
        fork.Process(target=say, args=("finished",)).start()
        fork.Process(target=stuck, name="child").start()
        time.sleep(0.2)
    """
    code, out, err = end_program(program, tmp_path, mode)
    assert (code, out) == (0, "finished\n")
    assert "child processes that have not ended within 0.5 s are killed: child (pid " in err


def test_a_hook_that_waits_is_interrupted_and_the_next_ones_run(tmp_path: Path) -> None:
    program = """
    atexit.register(say, "next")
    atexit.register(threading.Event().wait)
    atexit.register(stuck)
    main = lambda: None
    """
    code, out, err = end_program(program, tmp_path, "patched")
    assert (code, out) == (0, "next\n")
    assert "Exception ignored in atexit callback" in err
    assert "in stuck\n" in err


def test_a_process_without_descriptors_runs_its_hooks(tmp_path: Path) -> None:
    program = """
    import resource
    def main():
        atexit.register(say, "exit hook")
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    """
    code, printed, errors = end_program(program, tmp_path, "patched")
    assert (code, printed) == (0, "exit hook\n")
    assert "WARNING the end of this process has no scheduler" in errors
    assert "Traceback" not in errors


def test_a_log_handler_that_never_returns_is_named_and_the_others_are_closed(
    tmp_path: Path,
) -> None:
    program = """
    class Closing(logging.Handler):
        def close(self):
            say("closed")
    class Stuck(logging.Handler):
        def emit(self, record):
            stuck()
        def __repr__(self):
            return "the stuck handler"
    others = Closing()
    log = logging.getLogger("stuck")
    log.propagate = False
    log.addHandler(Stuck())
    def main():
        threading.Thread(target=log.error, args=["record"], daemon=True).start()
    """
    code, out, err = end_program(program, tmp_path, "patched")
    assert (code, out) == (0, "closed\n")
    assert "log handlers that do not return are left behind" in err
    assert "the stuck handler" in err


@pytest.mark.parametrize(
    ("mode", "hook"), [("plain", "stuck"), ("plain", "hold"), ("patched", "hold")]
)
def test_the_guard_ends_a_process_whatever_its_hooks_do(
    tmp_path: Path, mode: str, hook: str
) -> None:
    program = f"""
    class Closing(logging.Handler):
        def close(self):
            say("closed")
    handler = Closing()
    atexit.register({hook})
    main = lambda: print("flushed")
    """
    code, out, err = end_program(program, tmp_path, mode)
    assert (code, sorted(out.split())) == (1, ["closed", "flushed"])
    assert "CRITICAL the process has not ended within 0.5 s and is ended now" in err
    assert f"in {hook}\n" in err


def test_the_guard_reports_to_standard_error_if_the_logs_do_not_return(tmp_path: Path) -> None:
    program = """
    class Stuck(logging.Handler):
        def emit(self, record):
            hold()
    logging.getLogger().handlers[:] = [Stuck()]
    atexit.register(logging.error, "never written")
    main = lambda: None
    """
    code, _, err = end_program(program, tmp_path, "patched")
    assert code == 1
    assert "photon_runtime: the process has not ended within 0.5 s and is ended now" in err
    assert "in emit\n" in err


def test_a_limit_is_given_once_and_lifted(tmp_path: Path) -> None:
    program = """
    from photon_runtime._end_limit import lift_limit, remaining_limit
    def main():
        limit_end(0.2)
        limit_end(100)
        say(remaining_limit(7) <= 0.2)
        lift_limit()
        time.sleep(2)
        say(remaining_limit(7))
    """
    assert end_program(program, tmp_path, "plain") == (0, "True\n7\n", "")
