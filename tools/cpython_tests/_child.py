"""Runs tests of one module of CPython and writes down how each of them goes.

It is started under a patch, or under none, as ``_child.py MODULE LOG SKIPPED``: LOG gets one line
of JSON for each beginning and end, at once, so that whoever watches knows which test hangs. SKIPPED
is a file of test names that are left out, one a line.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import traceback
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

NOT_INSTALLED = 77
_MEANING_LOOPBACK = ("test.test_socketserver",)


class _Log(unittest.TestResult):
    """Writes results to a file as they come."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file
        self._failed: set[str] = set()

    def _write(self, **entry: str) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().startTest(test)
        self._write(begin=test.id())

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().stopTest(test)
        self._write(end=test.id())

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        if test.id() not in self._failed:
            self._write(name=test.id(), outcome="passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        self._write(name=test.id(), outcome="skipped", detail=reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: object) -> None:  # noqa: N802
        self._write(name=test.id(), outcome="passed")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self._write(name=test.id(), outcome="passed")

    def addFailure(self, test: unittest.TestCase, err: object) -> None:  # noqa: N802
        self._fail(test.id(), err)

    def addError(self, test: unittest.TestCase, err: object) -> None:  # noqa: N802
        self._fail(test.id(), err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: object) -> None:  # noqa: N802
        if err is not None:
            self._fail(test.id(), err)

    def _fail(self, name: str, err: object) -> None:
        self._failed.add(name)
        detail = "".join(traceback.format_exception(*err)) if isinstance(err, tuple) else str(err)
        self._write(name=name, outcome="failed", detail=detail)


def _tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _tests(test)
        else:
            yield test


def main(module: str, log: str, skipped: str) -> None:
    """Run the tests of ``module`` that are not named in the file ``skipped``."""
    from test import support  # type: ignore[import-not-found]  # it has no types

    # Nothing huge, no sound, and the network only where the machine itself is meant by it.
    support.use_resources = ["network"] if module in _MEANING_LOOPBACK else []
    if importlib.util.find_spec(module) is None:
        raise SystemExit(NOT_INSTALLED)
    left_out = set(Path(skipped).read_text().splitlines())
    tests = [
        test
        for test in _tests(unittest.defaultTestLoader.loadTestsFromName(module))
        if test.id() not in left_out
    ]
    with open(log, "a", encoding="utf-8") as file:
        result = _Log(file)
        unittest.TestSuite(tests).run(result)
        result._write(finished=module)


if __name__ == "__main__":
    main(*sys.argv[1:])
