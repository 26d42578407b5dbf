"""The command line of the checks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from environments import Failure, say

from . import _debug
from ._builds import PLAIN, SANITIZED, Interpreter, compile_strictly
from ._flaws import LEAKS, OVERFLOWS, TESTS
from ._runs import ALL, run_program, run_tests, say_reports

_TESTS_FAILED = 1  # a status of pytest


def check_warnings() -> bool:
    """Compile with all warnings as errors, and with the analysers."""
    return compile_strictly(Interpreter.of())


def check_addresses() -> bool:
    """Run the tests of the request path with the sanitizers; they must find each flaw."""
    interpreter = Interpreter.of()
    for flaw in OVERFLOWS:
        if not run_tests(SANITIZED, interpreter, flaw.tests, flaw=flaw).reports:
            say(f"the sanitizers have not found {flaw.name}")
            return False
    outcome = run_tests(SANITIZED, interpreter, ALL)
    say_reports(outcome)
    return outcome.is_clean


def check_references() -> bool:
    """Count the references of each path, which must show each flaw."""
    python = _debug.debug_python()
    if python is None:
        say(f"without an interpreter for debugging, memory is counted only: {_debug.ADVICE}")
    interpreter = Interpreter.of() if python is None else Interpreter.of(python)
    for flaw in LEAKS:
        if run_tests(PLAIN, interpreter, flaw.tests, flaw=flaw).status != _TESTS_FAILED:
            say(f"the count of references has not shown {flaw.name}")
            return False
    return run_tests(PLAIN, interpreter, [f"{TESTS}/test_references_in_c.py"]).is_clean


def check_memory() -> bool:
    """Let single allocations fail while C works."""
    program = Path(__file__).with_name("_no_memory.py")
    return run_program(SANITIZED, Interpreter.of(), program).is_clean


CHECKS: dict[str, Callable[[], bool]] = {
    "warnings": check_warnings,
    "addresses": check_addresses,
    "references": check_references,
    "memory": check_memory,
}


def main(arguments: Sequence[str]) -> int:
    """Run the checks that are named, by default all; return 1 if one has failed."""
    parser = argparse.ArgumentParser(prog="dev.py sanitize", description=__doc__)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"of {', '.join(CHECKS)}")
    names = parser.parse_args(arguments).checks or list(CHECKS)
    for name in names:
        if name not in CHECKS:
            parser.error(f"{name!r} is not one of {', '.join(CHECKS)}")
    failed = []
    for name in names:
        say(f"sanitize {name}: {CHECKS[name].__doc__}")
        try:
            is_passed = CHECKS[name]()
        except Failure as failure:
            print(f"dev.py: {failure}", file=sys.stderr)
            is_passed = False
        say(f"sanitize {name}: {'passed' if is_passed else 'failed'}")
        if not is_passed:
            failed.append(name)
    return 1 if failed else 0
