"""Locks of files, FIFOs and pipes, used by many coroutines at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from probe import Probe
from program import MANY, perform

from photon_runtime import DeadlineExceeded, deadline, scope, sleep, spawn

HOLD = """
import fcntl, sys, time
with open(sys.argv[1], "r+") as file:
    fcntl.{kind}(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    time.sleep(0.3)
"""


def probed(call: Callable[[Path], object]) -> dict[str, object]:
    """Return the result of a call, and how late another coroutine was meanwhile."""
    probe = Probe()
    with tempfile.TemporaryDirectory() as folder, probe.running():
        result = call(Path(folder))
    return {"result": result, "late": probe.late}


def flock_between_coroutines(_: str) -> object:
    """Each locks the file, reads a number, waits, and writes the next."""

    def call(folder: Path) -> object:
        path = folder / "number"
        path.write_text("0")

        def add(_: int) -> None:
            with path.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                number = int(file.read())
                time.sleep(0.001)
                file.seek(0)
                file.write(str(number + 1))
                file.flush()

        def give_up() -> None:
            with path.open() as file, deadline(0.02):
                fcntl.flock(file, fcntl.LOCK_EX)

        with scope() as tasks:
            for number in range(MANY):
                tasks.spawn(add, number)
        with path.open() as holder:
            fcntl.flock(holder, fcntl.LOCK_SH)
            with contextlib.suppress(DeadlineExceeded):
                give_up()
        return path.read_text()

    return probed(call)


def locks_of_processes(_: str) -> object:
    """Each kind of lock is held by a process for a while."""

    def call(folder: Path) -> object:
        path = folder / "locked"
        path.touch()
        locks: list[tuple[str, Callable[[Any], object]]] = [
            ("flock", lambda file: fcntl.flock(file, fcntl.LOCK_EX)),
            ("lockf", lambda file: fcntl.lockf(file, fcntl.LOCK_EX)),
            ("lockf", lambda file: os.lockf(file.fileno(), os.F_LOCK, 0)),
        ]
        for kind, lock in locks:
            command = [sys.executable, "-c", HOLD.format(kind=kind), str(path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
                assert child.stdout is not None
                assert child.stdout.readline() == b"locked\n"
                with path.open("r+") as file:
                    lock(file)
                assert child.wait() == 0
        return "locked"

    return probed(call)


def fifos(_: str) -> object:
    """Readers and writers of FIFOs, opened in either order, all in one process."""

    def call(folder: Path) -> object:
        def transfer(number: int) -> int:
            path = folder / f"fifo-{number}"
            os.mkfifo(path)
            if number % 2:
                reading = spawn(path.read_text)
                sleep(0.01)
                path.write_text("x" * 100_000)
                return len(reading.result())
            spawn(path.write_text, "x" * 100_000)
            sleep(0.01)
            return len(path.read_text())

        with scope() as tasks:
            transfers = [tasks.spawn(transfer, number) for number in range(MANY)]
        left = 0
        for mode in ("r", "w"):
            fifo = folder / f"forever-{mode}"
            os.mkfifo(fifo)
            try:
                with deadline(0.02):
                    fifo.open(mode)
            except DeadlineExceeded:
                left += 1
        return {"sizes": [task.result() for task in transfers], "left": left}

    return probed(call)


def pipes(_: str) -> object:
    """File objects of pipes: text, bytes and shell pipelines."""

    def call(folder: Path) -> object:
        def transfer(number: int) -> str:
            reader, writer = os.pipe()
            with os.fdopen(reader) as source, os.fdopen(writer, "w") as target:
                reading = spawn(source.readline)
                sleep(0.005)
                print("line", number, file=target, flush=True)
                return reading.result()

        with scope() as tasks:
            transfers = [tasks.spawn(transfer, number) for number in range(MANY)]
        with os.popen("sleep 0.1; echo from a shell") as shell:
            heard = shell.read()
        return {"lines": [task.result() for task in transfers], "heard": heard}

    return probed(call)


if __name__ == "__main__":
    perform(flock_between_coroutines, locks_of_processes, fifos, pipes)
