"""Run the tests of one module under one subject, whatever they do.

Theory of operation. The tests run in a process of their own, which writes down the beginning and
the end of each. If nothing is written for too long, the test that began last is noted as
hanging, the process and all its children are killed, and another process goes on with the rest. So
does another when a test takes the process down with it; that test is noted as failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import attrs

from ._subjects import Subject

_CHILD = Path(__file__).with_name("_child.py")
_START_TIME = 60.0
_LOOK_EVERY = 0.2
_NOT_INSTALLED = 77  # what the child exits with if this Python came without the module
_DEAD_ENDS = 3
"""How often a process may end before any test before the module is given up."""


@attrs.define
class Outcome:
    """What became of the tests of one module.

    Attributes:
        passed: Names of the tests that passed.
        failed: What each test that failed had to say.
        hung: Names of the tests that did not end in time.
        skipped: Names of the tests that left themselves out.
        seconds: How long it all took.
        is_missing: Whether this Python came without the module.
    """

    passed: set[str] = attrs.Factory(set)
    failed: dict[str, str] = attrs.Factory(dict)
    hung: set[str] = attrs.Factory(set)
    skipped: set[str] = attrs.Factory(set)
    seconds: float = 0.0
    is_missing: bool = False

    @property
    def bad(self) -> dict[str, str]:
        """What failed or hung, with what it had to say."""
        return {**self.failed, **dict.fromkeys(self.hung, "does not end")}

    @property
    def known(self) -> set[str]:
        """All tests that have been decided."""
        return self.passed | set(self.failed) | self.hung | self.skipped


def run_module(subject: Subject, module: str, *, timeout: float) -> Outcome:
    """Run all tests of ``module``, restarting as often as it takes.

    Args:
        subject: Under what.
        module: Such as ``test.test_queue``.
        timeout: Seconds that one test may take.
    """
    outcome = Outcome()
    started = time.monotonic()
    dead_ends = 0
    while dead_ends < _DEAD_ENDS:
        before = len(outcome.known)
        if _run_once(subject, module, outcome, timeout):
            break
        dead_ends = 0 if len(outcome.known) > before else dead_ends + 1
    else:
        outcome.failed[module] = "the process ends before any test"
    outcome.seconds = time.monotonic() - started
    return outcome


def _run_once(subject: Subject, module: str, outcome: Outcome, timeout: float) -> bool:
    """Run what is not decided yet in one process; return whether it came to its end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = Path(folder, "log")
        log.touch()
        skipped = Path(folder, "skipped")
        skipped.write_text("\n".join(outcome.known))
        work = Path(folder, "work")
        work.mkdir()
        process = subprocess.Popen(
            [*subject.command, str(_CHILD), module, str(log), str(skipped)],
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return _follow(process, log, outcome, timeout)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _follow(process: subprocess.Popen[bytes], log: Path, outcome: Outcome, timeout: float) -> bool:
    """Take down what the process writes; return whether the module is through."""
    reader = _Reader(log, outcome)
    last = time.monotonic()
    while True:
        code = process.poll()
        if reader.read():
            last = time.monotonic()
        if reader.is_finished:
            return True
        if code is not None:
            return _note_end(code, reader.running, outcome)
        allowed = timeout if reader.has_begun else max(timeout, _START_TIME)
        if time.monotonic() - last > allowed:
            outcome.hung |= {reader.running} - {""}
            return False
        time.sleep(_LOOK_EVERY)


def _note_end(code: int, running: str, outcome: Outcome) -> bool:
    """Note that the process has ended before its time; return whether there is no more to do."""
    outcome.is_missing = code == _NOT_INSTALLED
    if running:
        outcome.failed[running] = f"ends the process: {code}"
    return outcome.is_missing


class _Reader:
    """Reads the log of a child as it grows."""

    def __init__(self, log: Path, outcome: Outcome) -> None:
        self._log = log
        self._outcome = outcome
        self._offset = 0
        self.running = ""
        self.has_begun = False
        self.is_finished = False

    def read(self) -> bool:
        """Take in what is new; return whether there was anything."""
        with self._log.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        end = new.rfind(b"\n") + 1
        self._offset += end
        for line in new[:end].splitlines():
            self._take(json.loads(line))
        return bool(end)

    def _take(self, entry: dict[str, str]) -> None:
        outcome = self._outcome
        if "begin" in entry:
            self.running, self.has_begun = entry["begin"], True
        elif "end" in entry:
            self.running = ""
        elif "finished" in entry:
            self.is_finished = True
        elif entry["outcome"] == "failed":
            outcome.passed.discard(entry["name"])
            outcome.failed[entry["name"]] = entry["detail"]
        elif entry["outcome"] == "skipped":
            outcome.skipped.add(entry["name"])
        else:
            outcome.passed.add(entry["name"])
