"""TOML with line numbers.

``tomllib`` gives the values of a file without their lines, and a settings error names the line. So
the first message that needs a line reads the text again, statement by statement: lines are added
until ``tomllib`` accepts them. That is the end of a statement, since every value that continues on
the next line has an open quote or bracket. One statement alone holds one header or one key, whose
path is in the values that ``tomllib`` returns for it.

Inside an inline table or an array a message names the line on which the value begins.
"""

from __future__ import annotations

import functools
import tomllib
from typing import TYPE_CHECKING

import attrs

from ._tomllib_messages import syntax_message
from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KeyPath = tuple[str | int, ...]
"""The way to a value: table keys, and positions in arrays of tables."""


@attrs.frozen
class TomlFile:
    """The values of one file and the line of each key.

    Attributes:
        name: The file as messages show it.
        values: What ``tomllib`` read.
        text: The text of the file.
    """

    name: str
    values: dict[str, object] = attrs.field(repr=False)
    text: str = attrs.field(repr=False)

    @functools.cached_property
    def lines(self) -> dict[KeyPath, int]:
        """Line numbers from 1, by key path."""
        return _lines(self.text)

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
    return TomlFile(name, values, text)


def _lines(text: str) -> dict[KeyPath, int]:
    """Find the line of each header and each key of a text that is valid TOML."""
    lines: dict[KeyPath, int] = {}
    last_elements: dict[KeyPath, int] = {}  # of each array of tables
    header: KeyPath = ()
    for line, is_header, values in _statements(text):
        path = () if is_header else header
        inner: object = values
        while isinstance(inner, dict) and len(inner) == 1:
            ((key, inner),) = inner.items()
            path += (key,)
            lines.setdefault(path, line)
            if is_header and isinstance(inner, list):  # [[key]]
                last_elements[path] = last_elements.get(path, -1) + 1
            if path in last_elements:
                path += (last_elements[path],)
        if is_header:
            lines[path] = line
            header = path
    return lines


def _statements(text: str) -> Iterator[tuple[int, bool, dict[str, object]]]:
    """Yield the first line of each statement, whether it is a header, and its values alone."""
    lines = text.split("\n")
    start = 0
    for end in range(1, len(lines) + 1):
        statement = "\n".join(lines[start:end])
        try:
            values = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # the value continues on the next line
        yield start + 1, statement.lstrip().startswith("["), values
        start = end
