"""The grammar of ``Sec-WebSocket-Extensions`` (RFC 6455, section 9.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SPACE = r"[ \t]*"
_NAME = re.compile(rf"{_SPACE}({_TOKEN}){_SPACE}")
# A quoted value must be a token, too; a backslash in it is an escape.
_PARAMETER = re.compile(
    rf";{_SPACE}({_TOKEN}){_SPACE}"
    rf'(?:={_SPACE}(?:({_TOKEN})|"((?:[^"\\]|\\.)+)"){_SPACE})?'
)
_TOKEN_ONLY = re.compile(_TOKEN)


@attrs.frozen
class Extension:
    """An extension that one peer offers or accepts.

    Attributes:
        name: Name as it was sent.
        parameters: Names and values, in order; ``None`` for a parameter without a value.
    """

    name: str
    parameters: list[tuple[str, str | None]]


def parse_extensions(field: str) -> list[Extension]:
    """Return the extensions of a field; several fields are joined by commas before.

    Raises:
        ValueError: The field does not follow the grammar.
    """
    return list(_extensions(field))


def _extensions(field: str) -> Iterator[Extension]:
    position = 0
    while position < len(field):
        if field[position] in " \t,":  # lists may have empty elements
            position += 1
            continue
        name = _NAME.match(field, position)
        if name is None:
            raise ValueError(f"unexpected character at position {position}")
        extension = Extension(name[1], [])
        position = name.end()
        while found := _PARAMETER.match(field, position):
            extension.parameters.append((found[1], _value(found[2], found[3])))
            position = found.end()
        if position < len(field) and field[position] != ",":
            raise ValueError(f"unexpected character at position {position}")
        yield extension


def _value(token: str | None, quoted: str | None) -> str | None:
    if quoted is None:
        return token
    value = re.sub(r"\\(.)", r"\1", quoted)
    if not _TOKEN_ONLY.fullmatch(value):
        raise ValueError("the quoted value of a parameter must be a token")
    return value
