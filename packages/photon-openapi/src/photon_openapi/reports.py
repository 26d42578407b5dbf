"""Findings and changes as plain text, JSON, Markdown and GitHub commands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from .comparison import Change
from .linting import Finding
from .sources import Positions

_COMMANDS: Final = {"error": "error", "warning": "warning", "info": "notice"}


def findings_as_text(findings: Sequence[Finding], name: str, positions: Positions) -> str:
    """Return findings as one line each, with file and line in the form that editors understand."""
    lines = [
        f"{_location(name, positions.line(each.pointer))}: {each.level}: {each.message}"
        f" [{each.rule}] at {each.pointer or '/'}"
        for each in findings
    ]
    return _lines([*lines, _count(each.level for each in findings) or "no findings"])


def findings_as_json(findings: Sequence[Finding], name: str, positions: Positions) -> str:
    """Return findings as a JSON array."""
    listed = [
        {"file": name, "line": positions.line(each.pointer), **attrs.asdict(each)}
        for each in findings
    ]
    return _json(listed)


def findings_for_github(findings: Sequence[Finding], name: str, positions: Positions) -> str:
    """Return findings as workflow commands, which GitHub shows in the diff of a pull request."""
    lines = []
    for each in findings:
        line = positions.line(each.pointer)
        where = f"file={_property(name)}" + ("" if line is None else f",line={line}")
        title = _property(each.rule)
        text = _data(f"{each.message} (at {each.pointer or '/'})")
        lines.append(f"::{_COMMANDS[each.level]} {where},title={title}::{text}")
    return _lines(lines)


FINDINGS: Final[Mapping[str, Callable[[Sequence[Finding], str, Positions], str]]] = {
    "text": findings_as_text,
    "json": findings_as_json,
    "github": findings_for_github,
}
"""The report formats of findings."""


def changes_as_text(changes: Sequence[Change]) -> str:
    """Return changes as one line each."""
    lines = [
        f"{each.severity}: {_labelled(each)} [{each.id}] at {each.pointer or '/'}"
        for each in changes
    ]
    return _lines([*lines, _count(each.severity for each in changes) or "no changes"])


def changes_as_json(changes: Sequence[Change]) -> str:
    """Return changes as a JSON array."""
    return _json([attrs.asdict(each) for each in changes])


def changes_as_markdown(changes: Sequence[Change]) -> str:
    """Return changes as the sections of a Markdown page, such as release notes."""
    return _lines(_markdown(changes)) if changes else "No changes.\n"


def _markdown(changes: Sequence[Change]) -> Iterator[str]:
    titles = {"breaking": "Breaking", "non-breaking": "Not breaking", "info": "For information"}
    first = True
    for severity, title in titles.items():
        chosen = [each for each in changes if each.severity == severity]
        if chosen:
            yield from [f"## {title}", ""] if first else ["", f"## {title}", ""]
            first = False
        for operation in dict.fromkeys(each.operation for each in chosen):
            yield f"- {_code(operation)}" if operation else "- the document"
            for each in chosen:
                if each.operation == operation:
                    yield f"  - {_code(each.pointer)}: {each.message} ({each.id})"
                    others = [other for other in each.operations if other != operation]
                    if others:
                        yield f"    - also of {', '.join(map(_code, others))}"


CHANGES: Final[Mapping[str, Callable[[Sequence[Change]], str]]] = {
    "text": changes_as_text,
    "json": changes_as_json,
    "markdown": changes_as_markdown,
}
"""The report formats of changes."""


def _labelled(change: Change) -> str:
    return f"{_of(change)}: {change.message}" if change.operation else change.message


def _of(change: Change) -> str:
    """Return the operation of a change, and the number of others that it concerns."""
    others = len(change.operations) - 1
    if others < 1:
        return change.operation
    return f"{change.operation} and {others} other operation{'s' if others > 1 else ''}"


def _location(name: str, line: int | None) -> str:
    return name if line is None else f"{name}:{line}"


def _count(kinds: Iterable[str]) -> str:
    counts = Counter(kinds).items()
    return ", ".join(
        f"{count} {kind}{'s' if count > 1 and kind in ('error', 'warning') else ''}"
        for kind, count in counts
    )


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _data(text: str) -> str:
    """Escape a string for the data of a GitHub workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
