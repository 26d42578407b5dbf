from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import ctypes, os, signal, sys, time
from photon_runtime.process import stop_signals

def note(number):
    os.write(1, f"noted {number.name}\\n".encode())
    noted.append(number)

noted = []
with stop_signals(note, is_alone=True):
    if sys.argv[1] == "lock":
        # Keeps the interpreter's lock until somebody reads all of it. The first line shows that.
        ready = b"ready\\n" + bytes(1_000_000)
        ctypes.PyDLL(None).write(1, ready, len(ready))
    os.write(1, b"ready\\n")
    while sys.argv[1] == "loop":
        try:
            while True:
                pass
        except BaseException:
            pass
    while not noted:
        time.sleep(0.01)
    if sys.argv[1] == "lock after the first":
        time.sleep(0.1)
        ctypes.PyDLL(None).sleep(1000)
    time.sleep(0.3)
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
os.write(1, b"ended\\n")
"""


def start(what: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, what], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("what", ["loop", "lock", "lock after the first"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_a_process_that_serves_alone(what: str, number: signal.Signals) -> None:
    with start(what) as process:
        process.send_signal(number)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(10) == -number


def test_signal_that_a_wrapper_repeats_is_not_a_second_one() -> None:
    with start("wait") as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "noted SIGINT\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "ended\n"
        assert process.wait(10) == 0
