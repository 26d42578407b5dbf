"""Test runs on a build of the module, and what they found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from environments import ROOT, Failure, say

from ._builds import SANITIZED, Interpreter, build
from ._flaws import TESTS, Flaw

_USED = """
import photon_speedups._native as n
from photon_runtime import speedups
import photon_runtime.http
assert speedups.status().is_used
print(n.__file__)
"""
"""Prints which module is used."""
_CHOICE = "not curl and not test_count_sees and not needs_little_memory"
"""curl stops when the sanitizers' library is in it; blocks of memory are not counted by malloc, and
larger with the sanitizers' borders around them."""
_REPORT = re.compile(r"^.*(?:ERROR: AddressSanitizer|: runtime error: )", re.MULTILINE)
"""The beginning of a report; the second is written to the standard error only."""
_RUNTIME = "packages/photon-runtime/tests/test_runtime_"
_ROUTER = "packages/photon-router/tests/test_router_"
REQUEST_PATH = (
    *("cancel", "escapes", "fork", "hub", "hub_thread", "poll", "postponement", "schedules"),
    *("scope", "stop_signals", "sync", "task", "timer", "wakeups", "watchdog"),
    *("http_connection", "http_connection_bodies", "http_disconnect", "http_encode", "http_files"),
    *("http_forked_child", "http_framing", "http_parser", "http_pressure", "http_proxy"),
    *("http_request", "http_response", "http_root_path", "http_send", "http_server", "http_tls"),
    *("http_upgrade", "http_wire"),
)
"""The test files of photon-runtime that reach the module."""
ROUTING = (
    *("arguments", "depends", "errors", "form", "json_schema", "limits", "match", "observability"),
    *("middleware_chain", "middleware_compression", "middleware_limits", "parameters", "provide"),
    *("request_body", "response_check", "response_encoders", "responses", "router", "stream"),
    *("strict_query", "unions", "upload", "wire_names"),
)
"""The test files of photon-router that do."""
ALL = (
    TESTS,
    *(f"{_RUNTIME}{name}.py" for name in REQUEST_PATH),
    *(f"{_ROUTER}{name}.py" for name in ROUTING),
)


@attrs.frozen
class Outcome:
    """What a run of tests found.

    Attributes:
        status: The exit status of pytest.
        reports: The texts of the sanitizers, of all processes.
    """

    status: int
    reports: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether all tests have passed without a report."""
        return self.status == 0 and not self.reports


def run_tests(
    flags: Sequence[str],
    interpreter: Interpreter,
    tests: Sequence[str],
    *,
    flaw: Flaw | None = None,
) -> Outcome:
    """Build the module, and run tests with it.

    Args:
        flags: Options of the compiler.
        interpreter: The Python to run them with.
        tests: Arguments of pytest.
        flaw: A change of the sources.

    Raises:
        Failure: The module cannot be built, or is not used.
    """
    # The conftest.py of the root needs more than an interpreter for debugging has.
    cut = () if interpreter.python == Path(sys.executable) else (f"--confcutdir={TESTS}",)
    options = ["-q", "-p", "no:cacheprovider", "--capture=sys", "-k", _CHOICE, *cut]
    return _run(flags, interpreter, ["-m", "pytest", *options, *tests], flaw)


def run_program(flags: Sequence[str], interpreter: Interpreter, program: Path) -> Outcome:
    """Build the module, and run a program with it.

    Raises:
        Failure: The module cannot be built, or is not used.
    """
    return _run(flags, interpreter, ["-X", "faulthandler", str(program)], None)


def _run(
    flags: Sequence[str], interpreter: Interpreter, arguments: Sequence[str], flaw: Flaw | None
) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="photon-sanitize-") as name:
        folder, reports = Path(name, "built"), Path(name, "reports")
        folder.mkdir()
        reports.mkdir()
        build(folder, flags, interpreter, flaw)
        variables = os.environ | {"PYTHONPATH": _path(folder), "PHOTON_SPEEDUPS": "1"}
        if flags == SANITIZED:
            variables |= sanitizing(reports)
        _check_use(interpreter, folder, variables)
        command = [str(interpreter.python), *arguments]
        with (reports / "errors").open("w+") as errors:
            status = subprocess.call(command, cwd=ROOT, env=variables, stderr=errors)
        texts = (path.read_text(errors="replace") for path in sorted(reports.iterdir()))
        return Outcome(status, tuple(text for text in texts if _REPORT.search(text)))


def sanitizing(reports: Path) -> Mapping[str, str]:
    """Return the variables of a program that loads a build with sanitizers."""
    libraries = ("libasan.so", "libubsan.so", "libstdc++.so")  # the last for exceptions of C++
    found = [
        subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip()
        for name in libraries
    ]
    memory = "detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=1"
    return {
        "LD_PRELOAD": ":".join(found),
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": f"{memory}:log_path={reports / 'address'}",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def _path(folder: Path) -> str:
    """Return the path of modules: the build, and the packages of the workspace."""
    sources = [folder, *sorted(ROOT.glob("packages/*/src")), ROOT / "tools", ROOT / "demo"]
    return os.pathsep.join(map(str, sources))


def _check_use(interpreter: Interpreter, folder: Path, variables: Mapping[str, str]) -> None:
    command = [str(interpreter.python), "-c", _USED]
    done = subprocess.run(
        command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if not done.stdout.startswith(str(folder)):
        raise Failure(
            f"the build is not used: {done.stdout}{done.stderr}",
            advice="run `photon doctor`, which says why",
        )


def say_reports(outcome: Outcome) -> None:
    """Show what the sanitizers have reported, the beginning of each report."""
    for text in outcome.reports:
        for found in _REPORT.finditer(text):
            say("\n".join(text[found.start() :].splitlines()[:40]))
