"""Insertion and removal of lines in a text, for `InsertCode`.

Lines are compared without what ends them, so that files with either line end are edited alike; what
is inserted takes the line end that the file has.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ._conflict import Conflict

if TYPE_CHECKING:
    from photon_runtime.generators import InsertCode


def insert_code(text: str, edit: InsertCode) -> str:
    """Return the text with the code in it; the same text if the code is there already.

    Raises:
        Conflict: The place cannot be found.
    """
    lines = text.splitlines(keepends=True)
    code = edit.code.strip("\n").splitlines()
    if edit.place == "imports":
        present = {line.rstrip() for line in lines}
        code = [line for line in code if line.rstrip() not in present]
    elif _positions(lines, code):
        code = []
    if not code:
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    position = _place(lines, text, edit)
    if position and not lines[position - 1].endswith("\n"):
        lines[position - 1] += end
    return "".join([*lines[:position], *(line + end for line in code), *lines[position:]])


def remove_code(text: str, edit: InsertCode) -> str:
    """Return the text without the code; the same text if the code is not in it.

    Raises:
        Conflict: The code is there more than once.
    """
    lines = text.splitlines(keepends=True)
    code = edit.code.strip("\n").splitlines()
    for block in [[line] for line in code] if edit.place == "imports" else [code]:
        found = _positions(lines, block)
        if len(found) > 1:
            raise Conflict(f"the code is there {len(found)} times")
        for position in found:
            del lines[position : position + len(block)]
    return "".join(lines)


def _place(lines: list[str], text: str, edit: InsertCode) -> int:
    if edit.place == "end":
        return len(lines)
    if edit.place == "imports":
        return _end_of_imports(text)
    anchor = (edit.after or edit.before or "").strip()
    found = [number for number, line in enumerate(lines) if line.strip() == anchor]
    if len(found) != 1:
        times = "is not there" if not found else f"is there {len(found)} times"
        raise Conflict(f"the line `{anchor}`, beside which code goes, {times}")
    return found[0] + (edit.after is not None)


def _end_of_imports(text: str) -> int:
    """Return after how many lines the imports at the head of a module end."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise Conflict(f"it is not Python: {error}") from None
    last = 0
    for number, node in enumerate(body):
        is_docstring = (
            number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )
        if not is_docstring and not isinstance(node, ast.Import | ast.ImportFrom):
            break
        last = node.end_lineno or last
    return last


def _positions(lines: list[str], block: list[str]) -> list[int]:
    """Return where the lines of a block are, one after the other."""
    plain = [line.rstrip() for line in lines]
    wanted = [line.rstrip() for line in block]
    size = len(wanted)
    return [at for at in range(len(plain) - size + 1) if plain[at : at + size] == wanted]
