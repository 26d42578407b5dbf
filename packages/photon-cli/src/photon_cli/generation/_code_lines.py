"""Lines into and out of a text, for `InsertCode` with a line or the end as its place.

Blank lines at the beginning of code that goes below a line or to the end belong to it, and so do
those at the end of code that goes above one.
Lines are compared without their ends and their indentation, so that files with any line end are
edited alike, and lines that were moved or indented anew are recognised.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ._conflict import Conflict, PlaceNotFound
from ._source_text import indentation, indented, insert_lines, remove_lines, split_lines

if TYPE_CHECKING:
    from photon_runtime.generators import InsertCode


def insert_code(text: str, edit: InsertCode) -> str:
    """Return the text with the code in it; the same text if the code is present already.

    Raises:
        PlaceNotFound: The line beside which the code goes does not occur exactly once.
    """
    if _positions(text, edit.code):
        return text
    lines = split_lines(text)
    if edit.place == "end":
        blank = [""] * (_blank_lines_above(edit.code) if lines else 0)
        return insert_lines(text, len(lines), [*blank, *edit.code.strip("\r\n").splitlines()])
    anchor = (edit.after or edit.before or "").strip()
    matches = [number for number, line in enumerate(lines) if line.strip() == anchor]
    if len(matches) != 1:
        times = "is not there" if not matches else f"is there {len(matches)} times"
        side = "below" if edit.after is not None else "above"
        raise PlaceNotFound(f"the line `{anchor}` {times}", f"{side} that line")
    code = edit.code.strip("\r\n")
    prefix = "" if code[0].isspace() else indentation(lines[matches[0]])
    new = code.splitlines() if not prefix else indented(code, prefix)
    if edit.after is not None:
        return insert_lines(text, matches[0] + 1, [*[""] * _blank_lines_above(edit.code), *new])
    return insert_lines(text, matches[0], [*new, *[""] * _blank_lines_below(edit.code)])


def remove_code(text: str, code: str) -> str:
    """Return the text without the code; the same text if the code is not in it.

    Raises:
        Conflict: The code occurs more than once.
    """
    matches = _positions(text, code)
    if len(matches) > 1:
        raise Conflict(f"the code is there {len(matches)} times")
    lines = split_lines(text)
    for position in matches:
        start, end = position, position + len(code.strip("\r\n").splitlines())
        above = lines[max(0, start - _blank_lines_above(code)) : start]
        start -= sum(not line.strip() for line in above)
        below = lines[end : end + _blank_lines_below(code)]
        end += sum(not line.strip() for line in below)
        text = remove_lines(text, start, end)
    return text


def _blank_lines_above(code: str) -> int:
    return len(code) - len(code.lstrip("\n"))


def _blank_lines_below(code: str) -> int:
    return max(0, len(code) - len(code.rstrip("\n")) - 1)


def _positions(text: str, code: str) -> list[int]:
    """Return where the lines of the code are, one after the other, at any indentation."""
    lines = [line.rstrip() for line in split_lines(text)]
    block = _dedented(code.strip("\r\n").splitlines())
    size = len(block)
    first = block[0].strip()
    return [
        at
        for at in range(len(lines) - size + 1)
        if lines[at].strip() == first and _dedented(lines[at : at + size]) == block
    ]


def _dedented(lines: list[str]) -> list[str]:
    return [line.rstrip() for line in textwrap.dedent("\n".join(lines)).expandtabs(4).split("\n")]
