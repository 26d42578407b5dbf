"""Exit hooks and finalizers of a parent, in the workers that are forked from it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def run_worker(source: str, tmp_path: Path) -> list[str]:
    """Run a supervisor with one worker, and return what they print."""
    (tmp_path / "agent.py").write_text(
        "import atexit, os\n"
        "class Agent:\n"
        "    def flush(self, *words):\n"
        "        print('agent', *words, flush=True)\n"
        "def begin(*words):\n"
        "    atexit.register(Agent().flush, *words)\n"
    )
    prelude = """
    import atexit, functools, logging, os, signal, sys, tempfile, weakref
    from photon_runtime.workers import CANNOT_LOAD, supervise
    import agent
    def say(*words):
        print(*words, flush=True)
    def role():
        return "parent" if os.getpid() == parent else "worker"
    parent = os.getpid()
    """
    end = """
    def run(slot, link):
        work()
        sys.exit(CANNOT_LOAD)
    supervise(run, count=1, report=lambda line: None)
    """
    script = tmp_path / "program.py"
    script.write_text("".join(map(textwrap.dedent, (prelude, source, end))))
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_hooks_of_libraries_run_in_workers_too_and_those_of_the_program_do_not(
    tmp_path: Path,
) -> None:
    program = """
    pid_file = os.path.join(os.path.dirname(__file__), "pid")
    open(pid_file, "w").close()
    atexit.register(lambda: say("program of", role()))
    atexit.register(functools.partial(say, "partial"))
    atexit.register(os.remove, pid_file)
    agent.begin("early")
    def work():
        agent.begin("of the worker")
        atexit.register(lambda: say("its own, in", role()))
        atexit.register(lambda: say(os.path.exists(pid_file)))
    """
    assert run_worker(program, tmp_path) == [
        "True",
        "its own, in worker",
        "agent of the worker",
        "agent early",
        "agent early",
        "partial",
        "program of parent",
    ]


def test_a_worker_closes_its_logs_and_removes_its_folders_and_not_those_of_the_parent(
    tmp_path: Path,
) -> None:
    program = """
    class Handler(logging.Handler):
        def close(self):
            say("closed in", role())
    handler = Handler()
    folders = [tempfile.TemporaryDirectory()]
    def work():
        folders.append(tempfile.TemporaryDirectory())
        weakref.finalize(handler, say, "finalized in", role())
        atexit.register(lambda: say([os.path.exists(folder.name) for folder in folders]))
    def look():
        say([os.path.exists(folder.name) for folder in folders])
    """
    assert run_worker(program, tmp_path) == [
        "[True, True]",
        "finalized in worker",
        "closed in worker",
        "closed in parent",
    ]


def test_a_worker_does_not_end_the_child_processes_of_its_parent(tmp_path: Path) -> None:
    program = """
    import multiprocessing, time
    multiprocessing = multiprocessing.get_context("fork")
    child = multiprocessing.Process(target=time.sleep, args=(1000,), daemon=True)
    child.start()
    def work():
        atexit.register(say, "worker")
    atexit.register(lambda: say("alive", child.is_alive()))
    """
    assert run_worker(program, tmp_path) == ["worker", "alive True"]
