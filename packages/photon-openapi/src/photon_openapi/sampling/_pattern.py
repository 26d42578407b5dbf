"""Strings for regular expressions, as in ``pattern``.

A pattern is parsed into a tree of functions that write a string. Assertions that depend on more
than one part of the pattern (boundaries, look-behind, back-references) are ignored or written
literally; the caller validates the string.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from ._draw import Draw

_Writer: TypeAlias = Callable[[Draw], str]

# The plainest first.
_LETTERS: Final = string.ascii_lowercase + string.ascii_uppercase
_PRINTABLE: Final = _LETTERS + string.digits + "-_.,:;!?+*/=@#$%&|~^'`\"\\()[]{}<> "
_SPACE: Final = " \t\n"
_CLASSES: Final = {
    "d": string.digits,
    "w": _LETTERS + string.digits + "_",
    "s": _SPACE,
    "D": "".join(c for c in _PRINTABLE if not c.isdigit()),
    "W": "".join(c for c in _PRINTABLE if not (c.isalnum() or c == "_")),
    "S": _PRINTABLE[:-1],
}
_PROPERTIES: Final = {
    "L": _LETTERS,
    "Ll": string.ascii_lowercase,
    "Lu": string.ascii_uppercase,
    "N": string.digits,
    "Nd": string.digits,
    "P": "-_.,:;!?",
    "S": "+=$",
    "Z": " ",
    "Zs": " ",
}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_MAX_REPEATS: Final = 10_000


def matching_string(pattern: str, draw: Draw) -> str:
    """Return a string that ``pattern`` matches, except for assertions that are ignored.

    Args:
        pattern: An ECMA 262 expression.
        draw: The choices.

    Raises:
        ValueError: The pattern is not such an expression, or has syntax that is not supported.
    """
    parser = _Parser(pattern)
    write = parser.alternatives()
    if parser.rest:
        raise ValueError(f"{parser.rest!r} is not supported in a pattern")
    return write(draw)


class _Parser:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._depth = 0

    @property
    def rest(self) -> str:
        return self._text[self._at :]

    def _accept(self, beginning: str) -> bool:
        if not self._text.startswith(beginning, self._at):
            return False
        self._at += len(beginning)
        return True

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise ValueError("the pattern is incomplete")
        self._at += 1
        return self._text[self._at - 1]

    def _until(self, end: str) -> str:
        text, result, _ = self.rest.partition(end)
        if not result:
            raise ValueError(f"the pattern lacks {end!r}")
        self._at += len(text) + len(end)
        return text

    def alternatives(self) -> _Writer:
        options = [self._sequence()]
        while self._accept("|"):
            options.append(self._sequence())
        return lambda draw: draw.pick(options)(draw)

    def _sequence(self) -> _Writer:
        parts: list[_Writer] = []
        while self.rest and self.rest[0] not in "|)":
            parts.append(self._repeated(self._atom()))
        return lambda draw: "".join(part(draw) for part in parts)

    def _repeated(self, part: _Writer) -> _Writer:
        limits = self._quantifier()
        if limits is None:
            return part
        low, high = limits
        if low > _MAX_REPEATS:
            raise ValueError(f"more than {_MAX_REPEATS} repetitions")
        return lambda draw: "".join(part(draw) for _ in range(draw.repeats(low, high)))

    def _quantifier(self) -> tuple[int, int | None] | None:
        limits: tuple[int, int | None]
        if self._accept("*"):
            limits = (0, None)
        elif self._accept("+"):
            limits = (1, None)
        elif self._accept("?"):
            limits = (0, 1)
        elif self._accept("{"):
            low, comma, high = self._until("}").partition(",")
            limits = (int(low), (int(high) if high else None) if comma else int(low))
        else:
            return None
        self._accept("?")  # lazy: the same strings
        return limits

    def _atom(self) -> _Writer:
        char = self._next()
        if char in "^$":
            return lambda draw: ""
        if char == "(":
            return self._group()
        if char == "[":
            return _one_of(self._class())
        if char == ".":
            return _one_of(_PRINTABLE)
        if char == "\\":
            return self._escape()
        return lambda draw: char

    def _group(self) -> _Writer:
        self._depth += 1
        if self._depth > 50:
            raise ValueError("groups are nested too deeply")
        is_silent = self._accept("?!") or self._accept("?<!")
        # The content of a look-ahead is written: the string often matches with it.
        is_named = not is_silent and self._accept("?")
        if is_named and not any(self._accept(kind) for kind in (":", "=", "<=")):
            self._until(">")
        inner = self.alternatives()
        if self._next() != ")":
            raise ValueError("a group is not closed")
        self._depth -= 1
        return (lambda draw: "") if is_silent else inner

    def _escape(self) -> _Writer:
        char = self._next()
        if char in "bB":
            return lambda draw: ""
        if char.isdigit() and char != "0":
            raise ValueError("back-references are not supported")
        return _one_of(self._escaped(char))

    def _escaped(self, char: str) -> str:
        """Return the characters that an escape matches."""
        if char in _CLASSES:
            return _CLASSES[char]
        if char in "pP":
            return self._property(is_negated=char == "P")
        if char == "x":
            return chr(int(self._next() + self._next(), 16))
        if char == "u":
            code = self._until("}") if self._accept("{") else "".join(self._next() for _ in "1234")
            return chr(int(code.removeprefix("{"), 16))
        return _CONTROLS.get(char, char)

    def _property(self, *, is_negated: bool) -> str:
        if not self._accept("{"):
            raise ValueError("\\p lacks {")
        name = self._until("}").rpartition("=")[2]
        result = _PROPERTIES.get({"Letter": "L", "Number": "N", "Alphabetic": "L"}.get(name, name))
        if result is None:
            raise ValueError(f"\\p{{{name}}} is not supported")
        return _without(result) if is_negated else result

    def _class(self) -> str:
        """Return the characters of a class, the plainest first."""
        is_negated = self._accept("^")
        chars: list[str] = []
        is_first = True
        while is_first or not self._accept("]"):
            is_first = False
            if is_negated is False and not chars and self._accept("]"):
                raise ValueError("an empty class matches nothing")
            low = self._member()
            if len(low) == 1 and self.rest.startswith("-") and not self.rest.startswith("-]"):
                self._next()
                chars += _between(low, self._member())
            else:
                chars += low
        return _without(chars) if is_negated else "".join(sorted(set(chars), key=_niceness))

    def _member(self) -> str:
        char = self._next()
        if char != "\\":
            return char
        escaped = self._next()
        return "\b" if escaped == "b" else self._escaped(escaped)


def _one_of(chars: str) -> _Writer:
    if not chars:
        raise ValueError("a class matches no printable character")
    return lambda draw: draw.pick(chars)


def _between(low: str, high: str) -> list[str]:
    if len(high) != 1 or ord(high) < ord(low):
        raise ValueError(f"{low!r} to {high!r} is not a range")
    return [chr(code) for code in range(ord(low), min(ord(high), ord(low) + 0x80) + 1)]


def _without(chars: Sequence[str]) -> str:
    return "".join(char for char in _PRINTABLE if char not in chars)


def _niceness(char: str) -> tuple[int, str]:
    result = _PRINTABLE.find(char)
    return (len(_PRINTABLE) if result < 0 else result, char)
