"""The command line: which modules, which subjects, and the table at the end."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from pathlib import Path

from ._run import Outcome, run_module
from ._subjects import Subject, subject

MODULES = [
    "socket",
    "ssl",
    "threading",
    "thread",
    "queue",
    "select",
    "selectors",
    "subprocess",
    "httplib",
    "urllib2_localnet",
    "ftplib",
    "poplib",
    "smtplib",
    "socketserver",
    "httpservers",
    "concurrent_futures",
    "logging",
    "contextlib",
    "signal",
    "sqlite3",
]
_EXPECTED = Path(__file__).with_name("expected_failures.toml")


def main() -> int:
    """Run what the command line asks for; return 1 if something was not as expected."""
    options = _parser().parse_args()
    modules = [name.removeprefix("test.").removeprefix("test_") for name in options.module]
    subjects = [subject("photon"), *(subject(name) for name in options.peer)]
    if options.only:
        subjects = [entry for entry in subjects if entry.name in options.only]
    expected = load_expected()
    results: dict[tuple[str, str], Outcome] = {}
    surprises = []
    for name in modules or MODULES:
        for entry in subjects:
            outcome = run_module(entry, f"test.test_{name}", timeout=options.timeout)
            results[name, entry.name] = outcome
            if entry.name == "photon":
                surprises += _surprises(outcome, expected.get(f"test_{name}", {}))
            _show(entry, name, outcome, is_verbose=options.verbose)
    print(table(results, subjects))
    print(*surprises, sep="\n")
    return 1 if surprises else 0


def load_expected() -> dict[str, dict[str, str]]:
    """Return the reason of each expected failure, by module and name of the test."""
    tables: dict[str, dict[str, str]] = tomllib.loads(_EXPECTED.read_text())
    return tables


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cpython_tests", description=__doc__)
    parser.add_argument("module", nargs="*", help="such as test_queue; all when none is named")
    parser.add_argument("--peer", action="append", default=[], choices=["gevent", "plain"])
    parser.add_argument("--only", action="append", help="leave the other subjects out")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for one test")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what failed tests say")
    return parser


def _show(entry: Subject, name: str, outcome: Outcome, *, is_verbose: bool) -> None:
    what = "is not installed" if outcome.is_missing else f"{len(outcome.bad)} bad"
    print(f"{entry.name} test_{name}: {what}, {outcome.seconds:.0f} s", flush=True)
    for test, detail in sorted(outcome.bad.items()):
        last = detail.strip().splitlines()[-1][:200] if detail.strip() else ""
        print(f"    {short(test)}: {detail if is_verbose else last}", flush=True)


def short(test: str) -> str:
    """Return the name of a test without that of its module."""
    return ".".join(test.split(".")[2:]) if test.startswith("test.") else test


def _surprises(outcome: Outcome, expected: dict[str, str]) -> list[str]:
    bad = {short(test) for test in outcome.bad}
    good = {short(test) for test in outcome.passed}
    return [
        *(f"not expected to fail: {test}" for test in sorted(bad - set(expected))),
        *(f"expected to fail, and passed: {test}" for test in sorted(good & set(expected))),
    ]


def table(results: dict[tuple[str, str], Outcome], subjects: Sequence[Subject]) -> str:
    """Return a table of Markdown: a line for each module, with the counts of each subject."""
    heads = [f"{entry.name}: tests | fail | hang | skip" for entry in subjects]
    lines = ["| module | " + " | ".join(heads) + " |", "|---" * (1 + 4 * len(subjects)) + "|"]
    for name in dict.fromkeys(name for name, _ in results):
        if any(o.is_missing for (module, _), o in results.items() if module == name):
            lines.append(f"| test_{name} |" + " not installed | | | |" * len(subjects))
            continue
        cells = [_counts([results[name, entry.name]]) for entry in subjects]
        lines.append(f"| test_{name} | " + " | ".join(cells) + " |")
    sums = [_counts([o for (_, who), o in results.items() if who == e.name]) for e in subjects]
    lines.append("| together | " + " | ".join(sums) + " |")
    return "\n".join(lines)


def _counts(outcomes: Sequence[Outcome]) -> str:
    tests = sum(len(outcome.known) for outcome in outcomes)
    failed = sum(len(outcome.failed) for outcome in outcomes)
    hung = sum(len(outcome.hung) for outcome in outcomes)
    skipped = sum(len(outcome.skipped) for outcome in outcomes)
    return f"{tests} | {failed} | {hung} | {skipped}"
