"""Programs run by ``python -m photon_runtime.patch`` behave as under plain Python."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from patched_programs import run_patched

pytestmark = pytest.mark.slow

PATCHED = [sys.executable, "-m", "photon_runtime.patch"]


def test_a_script_sees_its_arguments_its_folder_and_its_name(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("value = 7")
    done = run_patched(
        """
        import sys, __main__, neighbour
        print(sys.argv[1:], __name__, neighbour.value, __main__.here if 0 else __file__)
        """,
        tmp_path,
        "a",
        "-b",
    )
    assert done.stdout.split(maxsplit=4) == [
        "['a',",
        "'-b']",
        "__main__",
        "7",
        f"{tmp_path / 'program.py'}\n",
    ]


def test_a_module_is_run_as_main(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PATCHED, "-m", "json.tool", "--compact"],
        input='{"a": 1}',
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == '{"a":1}'


@pytest.mark.parametrize(
    ("statement", "code", "said"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('went wrong')", 1, "went wrong\n"),
        ("sys.exit()", 0, ""),
        ("pass", 0, ""),
    ],
)
def test_exit_codes_are_those_of_plain_python(
    tmp_path: Path, statement: str, code: int, said: str
) -> None:
    done = run_patched(f"import sys\n{statement}", tmp_path)
    assert (done.returncode, done.stderr) == (code, said)


def test_a_traceback_begins_in_the_program(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    done = run_patched("def f():\n    1 / 0\nf()\n", tmp_path)
    plain = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert done.stderr == plain.stderr


def test_a_script_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PATCHED, "nowhere.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "can't open file 'nowhere.py'" in done.stderr


def test_a_zip_file_is_run_as_plain_python_runs_it(tmp_path: Path) -> None:
    program = tmp_path / "program.pyz"
    with zipfile.ZipFile(program, "w") as archive:
        archive.writestr("__main__.py", "import sys; print(__name__, sys.argv[1:])")
    done = subprocess.run(
        [*PATCHED, str(program), "a"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "__main__ ['a']\n", done.stderr


def test_a_script_may_have_any_name(tmp_path: Path) -> None:
    script = tmp_path / "program.v2"
    script.write_text("import sys; print(sys.modules['__main__'].__file__)")
    done = subprocess.run(
        [*PATCHED, str(script)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == f"{script}\n", done.stderr


def test_without_a_program_the_usage_is_shown() -> None:
    done = subprocess.run(PATCHED, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "-m MODULE" in done.stderr


def test_the_end_waits_for_threads_but_not_for_daemons(tmp_path: Path) -> None:
    done = run_patched(
        """
        import threading, time
        def work():
            time.sleep(0.2)
            print("worked")
        def forever():
            try:
                time.sleep(1000)
            finally:
                print("unwound")
        threading.Thread(target=work).start()
        threading.Thread(target=forever, daemon=True).start()
        print("main ends")
        """,
        tmp_path,
    )
    assert done.stdout == "main ends\nworked\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_in_a_thread_is_reported_as_ever(tmp_path: Path) -> None:
    done = run_patched(
        """
        import threading
        def fail():
            raise ValueError("in a thread")
        thread = threading.Thread(target=fail, name="failing")
        thread.start()
        thread.join()
        """,
        tmp_path,
    )
    assert done.returncode == 0
    assert "Exception in thread failing:" in done.stderr
    assert "ValueError: in a thread" in done.stderr


def test_ctrl_c_reaches_the_main_thread_out_of_its_wait(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(
            """
            import threading, time
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
            try:
                print("ready", flush=True)
                threading.Event().wait()
            except KeyboardInterrupt:
                print("interrupted", flush=True)
                raise
            """
        )
    )
    with subprocess.Popen(
        [*PATCHED, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert out == "interrupted\n"
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode == -signal.SIGINT


def test_a_signal_handler_may_wait_and_its_error_interrupts_main(tmp_path: Path) -> None:
    done = run_patched(
        """
        import signal, socket, threading, time
        lock = threading.Lock()
        def handler(number, frame):
            with lock:
                time.sleep(0.01)
            raise LookupError("from the handler")
        signal.signal(signal.SIGALRM, handler)
        a, b = socket.socketpair()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            a.recv(1)
        except LookupError as error:
            print(error)
        """,
        tmp_path,
    )
    assert done.stdout == "from the handler\n", done.stderr


def test_a_forked_child_goes_on_alone_with_a_hub_of_its_own(tmp_path: Path) -> None:
    done = run_patched(
        """
        import os, socket, threading, time
        a, b = socket.socketpair()
        def other():
            a.recv(1)
            print("the parent's thread", flush=True)
        thread = threading.Thread(target=other)
        thread.start()
        pid = os.fork()
        if pid == 0:
            assert threading.enumerate() == [threading.main_thread()]
            c, d = socket.socketpair()
            reader = threading.Thread(target=lambda: print(c.recv(9), flush=True))
            reader.start()
            time.sleep(0.02)
            d.sendall(b"child")
            reader.join()
            os._exit(5)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        b.sendall(b"x")
        thread.join()
        """,
        tmp_path,
    )
    assert done.stdout == "b'child'\n5\nthe parent's thread\n", done.stderr


def test_a_thread_that_forks_and_returns_ends_its_process(tmp_path: Path) -> None:
    done = run_patched(
        """
        import os, threading
        def work():
            pid = os.fork()
            if pid:
                print("status", os.waitpid(pid, 0)[1])
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        print("once")
        """,
        tmp_path,
    )
    assert done.stdout == "status 0\nonce\n", done.stderr


def test_a_child_that_is_forked_by_cleaning_up_ends_with_its_task(tmp_path: Path) -> None:
    done = run_patched(
        """
        import os, sys, threading
        from photon_runtime import offload, run, shield, sleep, spawn
        def clean_up():
            try:
                sleep(60)
            finally:
                pid = os.fork()
                if not pid:
                    sys.exit("the child's last words")
                with shield():
                    print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        def main():
            spawn(clean_up)
            sleep(0.01)
        def run_and_tell():
            run(main)
            print("once")
        real = threading.Thread(target=run_and_tell)
        offload(real.start)  # outside of tasks, to be a real thread
        real.join()
        """,
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("status 1\nonce\n", "the child's last words\n")


@pytest.mark.parametrize("block", ["shield()", "contextlib.nullcontext()"])
def test_a_thread_that_is_started_by_cleaning_up_runs(tmp_path: Path, block: str) -> None:
    done = run_patched(
        f"""
        import contextlib, threading
        from photon_runtime import Cancelled, offload, run, shield, sleep, spawn
        ran = []
        def clean_up():
            try:
                sleep(60)
            finally:
                with {block}:
                    threading.Thread(target=ran.append, args=["ran"]).start()
        def main():
            spawn(clean_up)
            sleep(0.01)
        real = threading.Thread(target=run, args=[main])
        offload(real.start)
        real.join()
        while not ran:
            sleep(0.01)
        print(*ran)
        """,
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("ran\n", "")
