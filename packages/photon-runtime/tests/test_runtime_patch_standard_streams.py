"""The standard streams under the patch, in programs of their own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, time
from photon_runtime import scope, spawn, sleep
def tick():
    sleep(0.01)
    os.write(2, b"running")
spawn(tick)
line = {read}
with scope() as writers:
    for number in range(40):
        writers.spawn(sys.stdout.write, "x" * 9_999 + "\\n")
    sleep(0.01)
    os.write(2, b"still running")
print(line)
"""


@pytest.mark.parametrize("read", ["input()", "sys.stdin.readline()[:-1]", "next(sys.stdin)[:-1]"])
def test_reads_and_writes_of_pipes_pause_only_their_task(read: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "photon_runtime.patch", "-c", PROGRAM.format(read=read)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert os.read(process.stderr.fileno(), 100) == b"running"
        process.stdin.write(b"a line\n")
        process.stdin.close()
        assert os.read(process.stderr.fileno(), 100) == b"still running"
        lines = process.stdout.read().splitlines()
    assert {line for line in lines if line.startswith(b"x")} == {b"x" * 9_999}
    assert lines[-1] == b"a line"
    assert len(lines) == 41


def test_input_reads_a_terminal() -> None:
    program = "import sys; print(repr(input('> ')), 'readline' in sys.modules)"
    mine, other = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "photon_runtime.patch", "-c", program],
        stdin=other,
        stdout=other,
        stderr=other,
    ) as process:
        os.close(other)
        shown = b""
        while b"> " not in shown:
            shown += os.read(mine, 100)
        os.write(mine, b"typed\n")
        while b"False" not in shown:
            shown += os.read(mine, 100)
        process.wait()
    os.close(mine)
    assert b"'typed' False" in shown
