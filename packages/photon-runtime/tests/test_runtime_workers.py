from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from photon_runtime.workers import CANNOT_LOAD, GAVE_UP, supervise, worker_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

SCRIPT = """
import atexit, os, signal, socket, sys, time
from pathlib import Path
from photon_runtime.workers import supervise

folder = Path(sys.argv[1])

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def serve_until_told(slot):
    def stop(number, frame):
        say("stopped", slot, os.getpid())
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    say("up", slot, os.getpid())
    while True:
        signal.pause()

def work(slot, ready):
    signal.signal(signal.SIGTERM, lambda n, f: sys.exit(0))
    ready()
    serve_until_told(slot)

options = {{}}
{body}
say("parent", os.getpid())
code = supervise(work, report=lambda line: say("report", line), **({{"count": 2}} | options))
say("exit", code)
sys.exit(code)
"""


class Supervised:
    """A supervisor in a process of its own, which prints what happens in and below it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[list[str]] = []

    def expect(self, word: str) -> list[str]:
        """Wait for a line that begins with a word, and return its other words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            words = line.split()
            self.seen.append(words)
            if words and words[0] == word:
                return words[1:]
        raise AssertionError(f"no {word!r} after {self.seen}")

    def expect_up(self, count: int = 2) -> dict[int, int]:
        """Wait for a number of workers, and return their pids by slot."""
        lines = [self.expect("up") for _ in range(count)]
        return {int(slot): int(pid) for slot, pid in lines}

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Wait for the end; the remaining output is in ``seen``."""
        assert self.process.stdout is not None
        self.seen += [line.split() for line in self.process.stdout]
        return self.process.wait()

    def words(self) -> str:
        return "\n".join(" ".join(line) for line in self.seen)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Supervised]]:
    started: list[Supervised] = []

    def start(body: str) -> Supervised:
        script = tmp_path / "script.py"
        script.write_text(SCRIPT.format(body=textwrap.dedent(body)), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(Supervised(process))
        return started[-1]

    yield start
    for supervised in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(supervised.process.pid, signal.SIGKILL)
        supervised.process.communicate()


def is_alive(pid: int) -> bool:
    """Return whether a process that is not our child runs; an unreaped zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or read
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_each_slot_has_a_worker_and_a_signal_ends_all_with_exit_code_zero(
    start: Callable[[str], Supervised], number: int
) -> None:
    supervised = start("options = {'count': 3}")
    pids = supervised.expect_up(3)
    assert sorted(pids) == [0, 1, 2]
    supervised.signal(number)
    assert supervised.exit_code() == 0
    stopped = [line[1:] for line in supervised.seen if line[0] == "stopped"]
    assert sorted(stopped) == sorted([str(slot), str(pid)] for slot, pid in pids.items())


def test_workers_know_their_number(start: Callable[[str], Supervised]) -> None:
    supervised = start(
        """
        def work(slot, ready):
            from photon_runtime.workers import worker_count
            ready()
            say("count", worker_count())
            serve_until_told(slot)

        options["count"] = 3
        """
    )
    assert supervised.expect("count") == ["3"]
    assert worker_count() == 1


def test_a_killed_worker_is_replaced_in_its_slot_within_a_second(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("")
    pids = supervised.expect_up()
    began = time.monotonic()
    os.kill(pids[1], signal.SIGKILL)
    assert "pid " + str(pids[1]) in " ".join(supervised.expect("report"))
    replacement = supervised.expect_up(1)
    assert time.monotonic() - began < 1
    assert list(replacement) == [1]
    assert replacement[1] != pids[1]
    assert is_alive(pids[0])


def test_a_worker_that_ends_by_itself_is_replaced_too(start: Callable[[str], Supervised]) -> None:
    supervised = start("")
    pids = supervised.expect_up()
    os.kill(pids[0], signal.SIGTERM)
    assert list(supervised.expect_up(1)) == [0]
    assert "ended with exit code 0" in supervised.words()


def test_workers_that_keep_dying_young_are_replaced_ever_more_slowly(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("options = {'count': 1}")
    births = []
    for _ in range(4):
        pids = supervised.expect_up(1)
        births.append(time.monotonic())
        os.kill(pids[0], signal.SIGKILL)
    gaps = [later - earlier for earlier, later in itertools.pairwise(births)]
    assert gaps[0] < 0.25
    assert 0.25 <= gaps[1] < 0.5
    assert 0.5 <= gaps[2] < 1


def test_a_worker_that_never_gets_ready_is_given_up_after_five_attempts(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("""
        def work(slot, ready):
            say("attempt", slot)
            raise ValueError("no database")
    """)
    assert supervised.exit_code() == GAVE_UP
    assert supervised.words().count("attempt 0") == 5
    assert supervised.words().count("ValueError: no database") == 5
    assert "attempt 1" not in supervised.words()
    assert "the 5th in a row; giving up" in supervised.words()


def test_attempts_are_counted_anew_once_a_worker_was_ready(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("""
        healthy = work
        attempts = folder / "attempts"
        attempts.touch()
        def work(slot, ready):
            with attempts.open("a") as file:
                file.write("x")
            if len(attempts.read_text()) in (4, 7):
                healthy(slot, ready)
            sys.exit(7)
        options = {"count": 1}
    """)
    pids = supervised.expect_up(1)
    time.sleep(1.1)  # so that its death is not an early one
    os.kill(pids[0], signal.SIGKILL)
    supervised.expect_up(1)
    assert supervised.words().count("ended with exit code 7") == 5


def test_a_slot_that_cannot_start_ends_the_others_too(start: Callable[[str], Supervised]) -> None:
    supervised = start("""
        healthy = work
        def work(slot, ready):
            if slot == 1:
                sys.exit(7)
            healthy(slot, ready)
    """)
    pids = supervised.expect_up(1)
    assert supervised.exit_code() == GAVE_UP
    assert f"stopped 0 {pids[0]}" in supervised.words()


def test_an_application_that_cannot_be_loaded_is_tried_once(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("""
        def work(slot, ready):
            say("attempt", slot)
            sys.exit(3)
    """)
    assert supervised.exit_code() == CANNOT_LOAD
    assert supervised.words().count("attempt") == 1
    assert "report" not in supervised.words()


def test_the_others_start_only_when_the_first_worker_is_ready(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("""
        healthy = work
        def work(slot, ready):
            if slot == 0:
                time.sleep(0.3)
            say("serving", slot)
            healthy(slot, ready)
        options = {"first_ready": lambda: say("first", os.getpid())}
    """)
    parent = supervised.expect("parent")[0]
    supervised.expect_up()
    words = [line[:2] for line in supervised.seen if line[0] in ("serving", "first")]
    assert words == [["serving", "0"], ["first", parent], ["serving", "1"]]


def test_sighup_replaces_the_workers_one_by_one_without_a_gap(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("""
        def work(slot, ready):
            signal.signal(signal.SIGTERM, lambda n, f: (say("stopped", slot), sys.exit(0)))
            say("up", slot, os.getpid())
            ready()
            while True:
                signal.pause()
    """)
    old = supervised.expect_up()
    supervised.seen.clear()
    supervised.signal(signal.SIGHUP)
    while "all workers are replaced" not in supervised.words():
        supervised.expect("report")
    new = {int(line[1]): int(line[2]) for line in supervised.seen if line[0] == "up"}
    wait_until(lambda: not any(is_alive(pid) for pid in old.values()))
    assert sorted(new) == [0, 1]
    assert all(is_alive(pid) for pid in new.values())
    events = [" ".join(line[:2]) for line in supervised.seen]
    assert events.index("up 0") < events.index("up 1")
    assert "stopped 0" not in events[: events.index("up 0")]
    assert "stopped 1" not in events[: events.index("up 1")]


def test_a_replacement_that_cannot_be_loaded_leaves_the_old_workers(
    start: Callable[[str], Supervised], tmp_path: Path
) -> None:
    supervised = start("""
        healthy = work
        def work(slot, ready):
            if (folder / "broken").exists():
                sys.exit(3)
            healthy(slot, ready)
    """)
    pids = supervised.expect_up()
    (tmp_path / "broken").touch()
    supervised.signal(signal.SIGHUP)
    while "workers that were not yet replaced stay" not in supervised.words():
        supervised.expect("report")
    assert all(is_alive(pid) for pid in pids.values())
    (tmp_path / "broken").unlink()
    supervised.signal(signal.SIGHUP)
    assert not set(supervised.expect_up().values()) & set(pids.values())


def test_a_first_worker_that_cannot_load_ends_all_though_its_successor_is_there(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("""
        def work(slot, ready):
            signal.signal(signal.SIGTERM, lambda n, f: sys.exit(0))
            is_first = not (folder / "first").exists()
            (folder / "first").touch()
            say("begun", slot)
            if is_first:
                while not (folder / "second").exists():
                    time.sleep(0.01)
                sys.exit(3)
            (folder / "second").touch()
            signal.pause()
    """)
    supervised.expect("begun")
    supervised.signal(signal.SIGHUP)
    assert supervised.exit_code() == CANNOT_LOAD
    assert "Traceback" not in supervised.words()


@pytest.mark.parametrize("when", ["at a death", "at a roll"])
def test_no_room_for_another_process_leaves_the_others(
    start: Callable[[str], Supervised], when: str
) -> None:
    supervised = start("""
        forks, fork = [], os.fork
        def fork_twice():
            forks.append(1)
            if len(forks) == 3:
                raise BlockingIOError(11, "no room")
            return fork()
        os.fork = fork_twice
        import photon_runtime._worker_slot as worker_slot
        worker_slot._LONGEST_DELAY = 0.2
    """)
    pids = supervised.expect_up()
    if when == "at a death":
        os.kill(pids[0], signal.SIGKILL)
        while "cannot be started" not in supervised.words():
            supervised.expect("report")
        assert supervised.expect_up(1).keys() == {0}
        assert is_alive(pids[1])
    else:
        supervised.signal(signal.SIGHUP)
        while "cannot be started" not in supervised.words():
            supervised.expect("report")
        assert all(is_alive(pid) for pid in pids.values())
        supervised.signal(signal.SIGHUP)
        assert not set(supervised.expect_up().values()) & set(pids.values())


def test_a_stop_in_the_middle_of_a_rolling_restart_ends_everyone(
    start: Callable[[str], Supervised], tmp_path: Path
) -> None:
    supervised = start("""
        healthy = work
        def work(slot, ready):
            if (folder / "slow").exists():
                say("slow", os.getpid())
                time.sleep(60)
            healthy(slot, ready)
    """)
    pids = supervised.expect_up()
    (tmp_path / "slow").touch()
    supervised.signal(signal.SIGHUP)
    slow = int(supervised.expect("slow")[0])
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0
    assert not any(is_alive(pid) for pid in (*pids.values(), slow))


STUBBORN = """
    def work(slot, ready):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ready()
        say("up", slot, os.getpid())
        while True:
            signal.pause()
"""


def test_a_worker_that_does_not_end_in_time_is_killed(start: Callable[[str], Supervised]) -> None:
    supervised = start(STUBBORN + "\n    options = {'shutdown_timeout': 0.2}")
    pids = supervised.expect_up()
    began = time.monotonic()
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0
    assert 0.2 <= time.monotonic() - began < 5
    assert not any(is_alive(pid) for pid in pids.values())
    assert supervised.words().count("did not end within 0.2 s of SIGTERM and is killed") == 2


def test_a_second_signal_does_not_wait(start: Callable[[str], Supervised]) -> None:
    supervised = start(STUBBORN + "\n    options = {'shutdown_timeout': 300}")
    pids = supervised.expect_up()
    supervised.signal(signal.SIGINT)
    time.sleep(0.1)  # one signal may hide another that arrives at the same time
    supervised.signal(signal.SIGINT)
    assert supervised.exit_code() == 0
    assert not any(is_alive(pid) for pid in pids.values())


def test_a_worker_that_fails_while_it_stops_is_reported(start: Callable[[str], Supervised]) -> None:
    body = """
    def work(slot, ready):
        signal.signal(signal.SIGTERM, lambda n, f: sys.exit(6))
        ready()
        say("up", slot, os.getpid())
        while True:
            signal.pause()
    options = {"count": 1}
    """
    supervised = start(body)
    pids = supervised.expect_up(1)
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0
    report = f"worker 0 (pid {pids[0]}) ended with exit code 6 while it was stopping"
    assert supervised.words().count(report) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of the end")
def test_workers_end_when_the_parent_is_killed(start: Callable[[str], Supervised]) -> None:
    supervised = start("")
    pids = supervised.expect_up()
    supervised.signal(signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in pids.values()))
    supervised.exit_code()
    assert supervised.words().count("stopped") == 2


def test_a_connection_in_the_queue_of_a_dead_worker_is_served_by_its_replacement(
    start: Callable[[str], Supervised], tmp_path: Path
) -> None:
    supervised = start("""
        def listening():
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind(("127.0.0.1", port))
            made.listen()
            return made
        port = 0
        sockets = [listening()]
        port = sockets[0].getsockname()[1]
        sockets.append(listening())
        def work(slot, ready):
            ready()
            say("up", slot, os.getpid())
            while not (folder / "accept").exists():
                time.sleep(0.01)
            while True:
                sockets[slot].accept()[0].sendall(b"%d" % os.getpid())
        say("port", port)
    """)
    port = int(supervised.expect("port")[0])
    pids = supervised.expect_up()
    clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(20)]
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    replacements = supervised.expect_up()
    (tmp_path / "accept").touch()
    answers = {int(client.recv(100)) for client in clients}
    for client in clients:
        client.close()
    assert answers == set(replacements.values())


def test_a_worker_has_the_default_signals_and_its_own_exit_hooks_only(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("""
        atexit.register(say, "hook of", os.getpid())
        def work(slot, ready):
            atexit.register(say, "hook of", os.getpid())
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGTTIN) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
            print("printed, not flushed")
            say("checked", os.getpid())
            sys.exit(3)
    """)
    assert supervised.exit_code() == CANNOT_LOAD
    pids = [line[2] for line in supervised.seen if line[0] == "hook"]
    parent, worker = (line[1] for line in supervised.seen if line[0] in ("parent", "checked"))
    assert pids == [worker, parent]
    assert supervised.words().count("printed, not flushed") == 1


def test_the_callers_signal_handlers_are_put_back(start: Callable[[str], Supervised]) -> None:
    supervised = start("""
        def work(slot, ready):
            sys.exit(3)
        signal.signal(signal.SIGHUP, say)
        atexit.register(lambda: say("same", signal.getsignal(signal.SIGHUP) is say))
    """)
    supervised.exit_code()
    assert "same True" in supervised.words()


def test_a_count_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="count must be 1 or more, not 0"):
        supervise(lambda _slot, _ready: None, count=0)


# -- signs of life, and retirement ------------------------------------------------------------

BEATING = """
options = {"count": 1, "worker_timeout": 0.6}
def work(slot, link):
    signal.signal(signal.SIGTERM, lambda n, f: sys.exit(0))
    link()
    say("up", slot, os.getpid())
    for _ in range({beats}):
        time.sleep(0.1)
        link.beat()
    say("silent", slot)
    time.sleep(100)
"""


def test_worker_that_falls_silent_is_killed_and_replaced(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start(BEATING.replace("{beats}", "10"))
    before = supervised.expect_up(1)[0]
    supervised.expect("silent")  # it outlived the time limit for as long as it spoke
    report = " ".join(supervised.expect("report"))
    assert f"pid {before}" in report
    assert "no sign of life for 0.6 s" in report
    assert "killed by signal 9" in " ".join(supervised.expect("report"))
    assert supervised.expect_up(1)[0] != before


def test_silence_before_it_is_ready_is_a_worker_s_own_business(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start(
        """
        options = {"count": 1, "worker_timeout": 0.3}
        def work(slot, link):
            time.sleep(1)
            link()
            serve_until_told(slot)
        """
    )
    supervised.expect_up(1)
    assert "no sign" not in supervised.words()


def test_silence_at_its_end_is_a_matter_of_the_shutdown_timeout(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start(
        """
        options = {"count": 1, "worker_timeout": 0.4}
        def stop(number, frame):
            time.sleep(0.9)
            say("stopped")
            os._exit(0)
        def work(slot, link):
            signal.signal(signal.SIGTERM, stop)
            link()
            say("up", slot, os.getpid())
            while True:
                time.sleep(0.1)
                link.beat()
        """
    )
    supervised.expect_up(1)
    supervised.signal(signal.SIGTERM)
    supervised.expect("stopped")
    assert supervised.exit_code() == 0


LEAVING = """
def work(slot, link):
    signal.signal(signal.SIGTERM, lambda n, f: sys.exit(0))
    say("up", slot, os.getpid())
    link()
    time.sleep({life})
    link.leave()
    time.sleep(1.5)
    say("finished", slot, os.getpid())
    time.sleep({rest})
options = {"count": 1, "shutdown_timeout": 0.5}
"""


def test_worker_that_leaves_is_replaced_and_has_all_the_time_it_needs(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start(LEAVING.replace("{life}", "1.1").replace("{rest}", "0"))
    before = supervised.expect_up(1)[0]
    assert "takes no more work; it is replaced" in " ".join(supervised.expect("report"))
    assert supervised.expect_up(1)[0] != before
    assert supervised.expect("finished")[-1] == str(before)  # longer than shutdown_timeout
    wait_until(lambda: not is_alive(before))


def test_worker_that_is_leaving_is_stopped_with_the_others(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start(LEAVING.replace("{life}", "1.1").replace("{rest}", "100"))
    before = supervised.expect_up(1)[0]
    after = supervised.expect_up(1)[0]
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0
    assert not is_alive(before)
    assert not is_alive(after)


RETIRING = """
def work(slot, link):
    signal.signal(signal.SIGTERM, lambda n, f: sys.exit(0))
    marker = folder / f"retired{slot}"
    {successor}
    say("up", slot, os.getpid())  # before the parent hears, and may say more
    link()
    while True:
        time.sleep(0.05)
        if not marker.exists() or {always}:
            marker.touch()
            link.retire()
"""


def test_worker_that_has_enough_is_stopped_when_its_successor_is_ready(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start(
        RETIRING.replace("{successor}", "").replace("{always}", "False")
        + "options = {'count': 1}\n"
    )
    before = supervised.expect_up(1)[0]
    assert "asks to be replaced" in " ".join(supervised.expect("report"))
    after = supervised.expect_up(1)[0]
    assert after != before
    assert "all workers are replaced" in " ".join(supervised.expect("report"))
    wait_until(lambda: not is_alive(before))
    assert is_alive(after)


def test_worker_stays_when_its_successor_fails(start: Callable[[str], Supervised]) -> None:
    supervised = start(
        RETIRING.replace("{successor}", "marker.exists() and sys.exit(7)").replace(
            "{always}", "True"
        )
        + "options = {'count': 1}\n"
    )
    before = supervised.expect_up(1)[0]
    assert "asks to be replaced" in " ".join(supervised.expect("report"))
    assert "exit code 7" in " ".join(supervised.expect("report"))
    time.sleep(0.5)  # it asks again and again, and is not heard for a while
    assert is_alive(before)
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0
    assert supervised.words().count("asks to be replaced") == 1


def test_what_was_opened_to_listen_may_be_closed_before_the_workers_stop(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start(
        "options = {'count': 1, 'stopping': lambda: say('closing', os.getpid()) or ()}"
    )
    supervised.expect_up(1)
    supervised.signal(signal.SIGTERM)
    assert supervised.expect("closing") == [str(supervised.process.pid)]
    assert supervised.exit_code() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_processes_that_are_left_to_the_supervisor_are_reaped(
    start: Callable[[str], Supervised],
) -> None:
    supervised = start("""
        import ctypes
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, as process 1 is one
        options = {"count": 1}
        def work(slot, link):
            child = os.fork()
            if child == 0:
                orphan = os.fork()
                if orphan:
                    say("orphan", orphan)
                else:
                    time.sleep(0.2)
                os._exit(0)
            os.waitpid(child, 0)
            link()
            serve_until_told(slot)
    """)
    orphan = int(supervised.expect("orphan")[0])
    supervised.expect_up(1)
    wait_until(lambda: not os.path.exists(f"/proc/{orphan}"))
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0
