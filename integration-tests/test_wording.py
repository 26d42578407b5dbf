"""Plain English: old terms stay out of public names, messages and documents.

The glossary of CONTRIBUTING has the standard terms. `PENDING` lists what is not rewritten yet;
remove an entry when its package or folder is finished.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Folders and files that are not finished. The test covers everything else.
PENDING: set[str] = set()

WORDS = (
    (r"(?<![Tt]here )\bis no(?! longer\b| more\b)\b", "is not a"),
    (r"(?<![Tt]here )\bare no(?! longer\b| more\b)\b", "are not"),
    (r"\b(?:an?|the|its|idle|fresh) carriers?\b", "pooled greenlet"),
    (r"photon_hub_holds", "photon_hub_blocked"),
    (r"\bhold_threshold\b", "block_threshold"),
    (r"\b(?:holds?|held|holding) (?:up )?the hub\b", "blocks the scheduler"),
    (r"\bthe (?:bell|rope)\b", "waker, wakeup_fd"),
    (r"\bdepartures\b", "disconnects"),
    (r"\bunheard\b", "orphaned"),
    (r"\bfinishers\b", "after_response_callbacks"),
    (r"\bturn(?:ed|s)? away\b", "refuse new connections"),
    (r"\bby chance\b|\bof chance\b|\bchance decides\b", "random"),
    (r"\bkin\b", "and the like"),
    (r"\bby https alone\b", "over HTTPS only"),
    (r"\bfaults?\b", "error"),
    (r"\bstand-ins?\b|\bstands? in (?:for|the place)\b", "override, replacement"),
    (r"\bwhoever\b", "client, caller, task, server"),
    (r"\bwho asks\b|\bwhat is told\b|\bis told\b|\bare told\b|\bbe told\b", "the noun, is sent"),
    (r"\bcannot be had\b|\bto be had\b", "is unavailable"),
    (r"\bis wanted\b", "is required"),
    (r"\blies? (?:around|inside|behind)\b", "wraps, is inside"),
    (r"\bcomes? to be\b", "becomes"),
    (r"\bbroken? off\b|\bbroke off\b|\bbreaks? off\b", "is incomplete, is closed"),
    (r"\bgladly\b", "preferred"),
    (r"\bgets over\b|\bget over\b", "handle"),
)
NAMES = (
    (r"(?i)^_?carriers?$|^carry_on$|idle_carriers", "pooled greenlet, run_next"),
    (r"^turn_away$", "refuse_new_connections"),
    (r"^finishers$", "after_response_callbacks"),
    (r"^hold_threshold$|^holds$", "block_threshold, blocked"),
    (r"^faults?$|^ValidationFailed$", "errors, ValidationError"),
    (r"^(?:Late|Opening|Bell|Hold)$", "WaitTimeout, ConnectionPreface, Waker, SchedulerBlock"),
    (r"^(?:Refreshed|Freshness)$", "CachedValue, CachePolicy"),
    (r"^(?:Surroundings|Settled|Outcome)$", "RouteScope, ResolvedCase, ResponseCase"),
    (r"(?:^|_)(?:told|wished|verdict|kin)(?:_|$)", "the noun"),
)
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))


def findings(
    text: str, words: Iterable[tuple[str, str]], *, start: int = 1
) -> list[tuple[int, str, str]]:
    """Return line, old term and standard term; a line break within a term does not matter."""
    found = []
    spaced = re.sub(r"\s", " ", text)
    for pattern, standard in words:
        for match in re.finditer(pattern, spaced):
            found.append((start + text.count("\n", 0, match.start()), match[0], standard))
    return found


def is_pending(path: Path) -> bool:
    name = path.relative_to(ROOT).as_posix()
    return any(name == entry or name.startswith(entry + "/") for entry in PENDING)


def documents() -> Iterator[Path]:
    yield ROOT / "README.md"
    yield from sorted(ROOT.glob("docs/**/*.md"))
    yield from sorted(ROOT.glob("packages/*/README.md"))


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((package / "src").rglob("*.py"))


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each string literal, docstrings and f-strings included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def public_names(module: str) -> Iterator[str]:
    """Yield the public names of a module, and those of the attributes of its classes."""
    seen = importlib.import_module(module)
    for name, value in vars(seen).items():
        if name.startswith("_") or inspect.ismodule(value):
            continue
        yield name
        if inspect.isclass(value):
            yield from (member for member in vars(value) if not member.startswith("_"))


def public_modules(package: Path) -> Iterator[tuple[Path, str]]:
    root = package / "src"
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if not any(part.startswith("_") for part in parts):
            yield path, ".".join(parts)


@pytest.mark.parametrize(
    "path", list(documents()), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_documents_use_the_standard_terms(path: Path) -> None:
    if not is_pending(path):
        assert findings(path.read_text(), WORDS) == []


def test_docstrings_and_messages_use_the_standard_terms() -> None:
    found = [
        (path.relative_to(ROOT).as_posix(), *finding)
        for path in sources()
        if not is_pending(path)
        for line, text in strings(path.read_text())
        for finding in findings(text, WORDS, start=line)
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_public_names_are_the_standard_terms(package: Path) -> None:
    found = [
        (module, name, standard)
        for path, module in public_modules(package)
        if not is_pending(path) and not module.endswith("pytest_plugin")
        for name in public_names(module)
        for pattern, standard in NAMES
        if re.search(pattern, name)
    ]
    assert found == []


def test_pending_entries_exist_and_are_needed() -> None:
    for entry in PENDING:
        assert (ROOT / entry).exists(), f"remove {entry!r} from PENDING: it does not exist"


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("8000 is no address", True),
        ("the address is\nno number", True),
        ("the field is no longer read", False),
        ("two faults", True),
        ("the default value", False),
        ("there is no room", False),
        ("whoever reads it", True),
        ("a task that\nholds the hub", True),
        ("a task holds the lock", False),
        ("on the carrier of a task", True),
        ("skin and kind", False),
        ("the address cannot be had", True),
    ],
)
def test_old_terms_are_found_and_others_are_not(text: str, is_found: bool) -> None:
    assert bool(findings(text, WORDS)) is is_found


def test_strings_of_a_module_are_checked(tmp_path: Path) -> None:
    source = '"""A module."""\n\ndef f(x):\n    raise ValueError(f"{x!r} is no number")\n'
    found = [(line, found) for line, text in strings(source) for found in findings(text, WORDS)]
    assert [line for line, _ in found] == [4]
