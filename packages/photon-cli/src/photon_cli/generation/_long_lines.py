"""Long lines of generated Python code, divided as ``ruff format`` and black divide them.

Templates write a statement on one line, and names decide how long it becomes. A line that is too
long is divided at its brackets: first what is inside of them moves to a line of its own; if that
is too long, each element gets a line, with a comma at the end. This knows the statements that
templates of generators have, imports, definitions, calls, annotations and aliases of unions, and is
not a formatter for any code: lines that it cannot divide stay.
"""

from __future__ import annotations

from typing import Final

import attrs

_INDENT: Final = "    "
_OPENING: Final = "([{"
_CLOSING: Final = ")]}"
_QUOTES: Final = "\"'"


def wrap_long_lines(source: str, length: int) -> str:
    """Divide the lines of Python code that are longer than ``length`` characters.

    Args:
        source: The code; its statements are on one line each, or divided already.
        length: The largest number of characters of a line.
    """
    lines = []
    is_text = False
    for line in source.split("\n"):
        begins_or_ends = line.count('"""') % 2 == 1
        is_code = not (is_text or '"""' in line or line.lstrip().startswith("#"))
        is_text ^= begins_or_ends
        is_long = len(line) > length and is_code
        lines += _divided(line, length) if is_long else [line]
    return "\n".join(lines)


def _divided(line: str, length: int) -> list[str]:
    code = line.lstrip()
    indent = line[: len(line) - len(code)]
    if code.startswith("from ") and " import " in code and "(" not in code:
        head, _, names = code.partition(" import ")
        return _exploded(indent, f"{head} import (", names, ")", length)
    divided = _divided_annotation(indent, code, length) or _divided_alias(indent, code, length)
    if divided is not None:
        return divided
    brackets = _bracket_to_divide(code)
    if brackets is None:
        return [line]
    head, body, tail = brackets
    inner = indent + _INDENT + body
    if _is_comprehension(body) and len(inner) > length:
        return [line]
    if len(inner) <= length and not (_is_collection(head) and len(_elements(body)) > 1):
        return [indent + head, inner, indent + tail]
    return _exploded(indent, head, body, tail, length)


def _is_comprehension(body: str) -> bool:
    depth = 0
    for at, character in _code_characters(body):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth == 0 and body.startswith(" for ", at):
            return True
    return False


def _is_collection(head: str) -> bool:
    """Whether the bracket at the end of ``head`` begins a list, tuple, set or dictionary."""
    return not head[:-1].endswith((")", "]")) and not head[-2:-1].isidentifier()


def _exploded(indent: str, head: str, body: str, tail: str, length: int) -> list[str]:
    """Give each element a line."""
    lines = [indent + head]
    for element in _elements(body):
        line = f"{indent}{_INDENT}{element},"
        lines += [line] if len(line) <= length else _divided(line, length)
    return [*lines, indent + tail]


def _divided_annotation(indent: str, code: str, length: int) -> list[str] | None:
    """Divide ``name: Annotated[...] | None = None``, whose union gets parentheses."""
    for tail in (" = None", ""):
        name, colon, annotation = code.removesuffix(tail).partition(": ")
        if code.endswith(tail) and colon and name.isidentifier() and annotation.endswith(" | None"):
            if tail and len(f"{indent}{name}: {annotation} = (") <= length:
                return [
                    f"{indent}{name}: {annotation} = (",
                    f"{indent}{_INDENT}None",
                    f"{indent})",
                ]
            inner = f"{indent}{_INDENT}{annotation}"
            if len(inner) > length:
                first = annotation.removesuffix(" | None")
                return [
                    f"{indent}{name}: (",
                    *_fitted(f"{indent}{_INDENT}{first}", length),
                    f"{indent}{_INDENT}| None",
                    f"{indent}){tail}",
                ]
            return [f"{indent}{name}: (", inner, f"{indent}){tail}"]
    return None


def _divided_alias(indent: str, code: str, length: int) -> list[str] | None:
    """Divide ``Name: TypeAlias = First | Second``, whose union gets parentheses."""
    name, separator, union = code.partition(": TypeAlias = ")
    if not (separator and name.isidentifier()):
        return None
    inner = f"{indent}{_INDENT}{union}"
    if len(inner) > length:
        members = union.split(" | ")
        inner = f"\n{indent}{_INDENT}| ".join([f"{indent}{_INDENT}{members[0]}", *members[1:]])
    return [f"{indent}{name}{separator}(", *inner.split("\n"), f"{indent})"]


def _fitted(line: str, length: int) -> list[str]:
    return [line] if len(line) <= length else _divided(line, length)


def _bracket_to_divide(code: str) -> tuple[str, str, str] | None:
    """Return the code to an opening bracket, what is in it, and the rest.

    It is the parameter list of a definition, and otherwise the last bracket of the statement that
    is not inside of another one and not empty.
    """
    groups = [group for group in _groups(code) if group.stop > group.start]
    if not groups:
        return None
    group = groups[0] if code.startswith(("def ", "class ")) else groups[-1]
    return code[: group.start], code[group.start : group.stop], code[group.stop :]


@attrs.frozen
class _Group:
    """What is inside of a pair of brackets: the positions of its first character and its end."""

    start: int
    stop: int


def _groups(code: str) -> list[_Group]:
    """Return the outermost pairs of brackets."""
    groups, depth, start = [], 0, 0
    for at, character in _code_characters(code):
        if character in _OPENING:
            depth += 1
            if depth == 1:
                start = at + 1
        elif character in _CLOSING:
            depth -= 1
            if depth == 0:
                groups.append(_Group(start, at))
    return groups


def _elements(body: str) -> list[str]:
    """Divide code at its outermost commas."""
    parts, depth, start = [], 0, 0
    for at, character in _code_characters(body):
        if character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(body[start:at].strip())
            start = at + 1
    parts.append(body[start:].strip())
    return [part for part in parts if part]


def _code_characters(code: str) -> list[tuple[int, str]]:
    """Return the characters that are not in strings, with their positions."""
    result = []
    quote = ""
    is_escaped = False
    for at, character in enumerate(code):
        if quote:
            if is_escaped:
                is_escaped = False
            elif character == "\\":
                is_escaped = True
            elif character == quote:
                quote = ""
        elif character in _QUOTES:
            quote = character
        else:
            result.append((at, character))
    return result
