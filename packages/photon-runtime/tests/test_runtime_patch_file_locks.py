"""Locks of files, as tasks wait for them."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import photon_runtime as rt
from photon_runtime.patch import _file_locks

WHOLE_FILE = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
OFD_SETLKW = 38


def by_flock(fd: int) -> None:
    _file_locks.flock(fd, fcntl.LOCK_EX)


def by_fcntl(fd: int) -> None:
    _file_locks.fcntl_(fd, OFD_SETLKW, WHOLE_FILE)


@pytest.fixture
def files(tmp_path: Path) -> tuple[int, int]:
    """Two open descriptions of one file."""
    path = tmp_path / "locked"
    return os.open(path, os.O_RDWR | os.O_CREAT), os.open(path, os.O_RDWR)


@pytest.mark.parametrize("lock", [by_flock, by_fcntl])
def test_a_task_waits_for_a_lock_that_another_one_holds(
    lock: Callable[[int], None], files: tuple[int, int]
) -> None:
    def main() -> list[str]:
        first, second = files
        events: list[str] = []

        def wait() -> None:
            lock(second)
            events.append("locked")

        lock(first)
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.02):
            lock(second)
        waiting = rt.spawn(wait)
        rt.sleep(0.02)
        events.append("still waiting")
        os.close(first)
        waiting.result(timeout=5)
        return events

    assert rt.run(main) == ["still waiting", "locked"]


def test_a_lock_that_another_process_holds_is_waited_for(tmp_path: Path) -> None:
    def main() -> int:
        path = tmp_path / "locked"
        path.touch()
        with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            with path.open("r+") as file:
                ticks = rt.spawn(count_ticks)
                for lock in (
                    lambda: _file_locks.lockf(file, fcntl.LOCK_EX),
                    lambda: _file_locks.os_lockf(file.fileno(), os.F_LOCK, 0),
                    lambda: _file_locks.fcntl_(file, fcntl.F_SETLKW, WHOLE_FILE),
                ):
                    lock()
                ticks.cancel()
                return len(seen)

    def count_ticks() -> None:
        while True:
            rt.sleep(0.01)
            seen.append(1)

    seen: list[int] = []
    assert rt.run(main) > 3


HOLD = """
import fcntl, sys, time
with open(sys.argv[1], "r+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    time.sleep(0.2)
"""


def test_other_errors_and_calls_that_do_not_wait_are_the_standard_ones(
    files: tuple[int, int],
) -> None:
    def main() -> None:
        first, second = files
        by_flock(first)
        with pytest.raises(BlockingIOError):
            _file_locks.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            _file_locks.flock(9999, fcntl.LOCK_EX)
        assert caught.value.errno == errno.EBADF
        assert _file_locks.fcntl_(first, fcntl.F_GETFD) == fcntl.FD_CLOEXEC

    rt.run(main)
