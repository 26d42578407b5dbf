"""Texts of a document as docstrings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ._code_layout import WIDTH, paragraphs

_PLAIN: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u2032\u00b4", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f", " "),
        **dict.fromkeys("\u200b\u200c\u200d\ufeff", ""),
        "\u2026": "...",
        "\u00d7": "x",
        "\u2217": "*",
        "\\": "\\\\",
    }
)
"""Signs that look like others, which linters refuse in docstrings, as those others."""

Section = tuple[str, Sequence[tuple[str, str]]]
"""The heading of a section, and its entries: name and text."""


def docstring(text: str, sections: Sequence[Section] = (), *, indent: int = 4) -> str:
    """Return a docstring.

    Args:
        text: Its text, in CommonMark; the first paragraph is the summary.
        sections: Its sections; those without entries are left out.
        indent: Its indentation.
    """
    space = " " * indent
    plain = _plain(text) or "Generated."
    lines = paragraphs(plain, indent=indent, first=3)
    for heading, entries in sections:
        if entries:
            lines += ["", f"{space}{heading}:"]
            for name, each in entries:
                lines += _entry(name, _plain(each), indent + 4)
    lines[0] = f'{space}"""{lines[0].strip()}'
    is_short = len(lines) == 1 and len(lines[0]) + 3 <= WIDTH
    if is_short and not lines[0].endswith('"'):
        return lines[0] + '"""'
    return "\n".join([*lines, f'{space}"""'])


def _entry(name: str, text: str, indent: int) -> list[str]:
    entry = paragraphs(f"{name}: {' '.join(text.split())}", indent=indent)
    return [entry[0], *(f"    {line}" for line in _rewrapped(entry[1:], indent + 4))]


def _rewrapped(lines: Sequence[str], indent: int) -> list[str]:
    """Return the further lines of an entry, which are indented more."""
    text = " ".join(line.strip() for line in lines)
    return [line[4:] for line in paragraphs(text, indent=indent)] if text else []


def _plain(text: str) -> str:
    normal = "\n".join(line.rstrip() for line in text.translate(_PLAIN).strip().splitlines())
    return normal.replace('"""', "'''")
