"""TOML with line numbers.

``tomllib`` gives the values of a file and forgets where they stood; a settings error has to name
the line. So the file is read twice: ``tomllib`` decides what it means and whether it is TOML at
all, and then a scanner, which may trust the syntax, notes the line of each key and each header.

The scanner walks statement by statement: a header moves the prefix, a key is noted under the
prefix, and its value is skipped, minding strings, brackets and comments. Keys inside inline tables
and arrays are not noted; ``TomlFile.line`` answers with the nearest key above them, which is the
line their value begins on. A full TOML parser with positions was refused: three regular expressions
say all that a message needs.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import attrs

from ._tomllib_messages import syntax_message
from .errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

KeyPath = tuple[str | int, ...]
"""The way to a value: table keys, and positions in arrays of tables."""

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = re.compile(rf"[ \t]*({_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*")
_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # the closing quotes may follow up to two of the text
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|.",
    re.DOTALL,
)


@attrs.frozen
class TomlFile:
    """The values of one file and the line of each key.

    Attributes:
        name: The file as messages show it.
        values: What ``tomllib`` read.
        lines: Line numbers from 1, by key path.
    """

    name: str
    values: dict[str, object] = attrs.field(repr=False)
    lines: dict[KeyPath, int] = attrs.field(repr=False)

    def place(self, path: KeyPath) -> str:
        """Say where a key stands, as ``file:line``; inside a value, where the value begins."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


def read_toml(path: Path, *, name: str) -> TomlFile | None:
    """Read a TOML file.

    Args:
        path: The file.
        name: The file as messages shall show it.

    Returns:
        The file, or ``None`` when there is none at this path.

    Raises:
        SettingsError: The file cannot be read, is not UTF-8 or is not TOML; the message has the
            line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{name}:{line}: the file is not UTF-8 text") from error
    except OSError as error:
        raise SettingsError(f"{name}: the file cannot be read: {error.strerror}") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(syntax_message(name, text, error)) from error
    return TomlFile(name, values, _lines(text))


def _lines(text: str) -> dict[KeyPath, int]:
    """Find the line of each header and each key of a text that is valid TOML."""
    lines: dict[KeyPath, int] = {}
    arrays: dict[KeyPath, int] = {}
    prefix: KeyPath = ()
    position = _blank_end(text, 0)
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        is_header = text[position] == "["
        is_array = text.startswith("[[", position)
        found = _KEY.match(text, position + is_header + is_array)
        if found is None:
            break
        path = _resolve(() if is_header else prefix, _parts(found[1]), arrays, element=is_array)
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], line)
        if is_header:
            lines[path] = line
            prefix = path
        position = _blank_end(text, _value_end(text, found.end() + is_header + is_array))
    return lines


def _parts(key: str) -> list[str]:
    """Split a dotted key; ``tomllib`` itself undoes its quotes and escapes."""
    parts = []
    table: object = tomllib.loads(f"{key} = 0")
    while isinstance(table, dict):
        ((part, table),) = table.items()
        parts.append(part)
    return parts


def _resolve(
    prefix: KeyPath, parts: list[str], arrays: dict[KeyPath, int], *, element: bool
) -> KeyPath:
    """Follow a key; where the way leads through an array of tables it means its last table."""
    path = prefix
    for part in parts[:-1]:
        path += (part,)
        if path in arrays:
            path += (arrays[path],)
    path += (parts[-1],)
    if element:
        arrays[path] = arrays.get(path, -1) + 1
        path += (arrays[path],)
    return path


def _blank_end(text: str, position: int) -> int:
    """Skip white space, line ends and comments."""
    found = _BLANK.match(text, position)
    return position if found is None else found.end()


def _value_end(text: str, position: int) -> int:
    """Skip to the end of the line on which the value, however many lines it has, ends."""
    depth = 0
    for token in _TOKEN.finditer(text, position):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and depth == 0:
            return token.end()
    return len(text)
