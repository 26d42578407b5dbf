"""The text of a statement as logs and traces may show it: without values.

Theory of operation. The values of a statement are its parameters, of which only types and lengths
are shown, and the literals in its text, which are replaced by ``?``: statements written as text may
have some. Strings in all forms of SQL, dollar quotes and numbers are literals; names in double
quotes are not, except on MySQL. Comments are removed, because tools put values into them.

What a statement does is read from its text, too: its operation and its tables. A name that the
expressions miss is absent from the summary; nothing depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import attrs

_MAX_TEXT: Final = 4_000
_MAX_SHOWN: Final = 2_000
_MAX_PARAMETERS: Final = 20
_MAX_TABLES: Final = 4

_TOKENS: Final = r"""
    (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<string>  \b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
               | %s
               | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z) )
  | (?P<quoted>  "(?:[^"]|"")*(?:"|\Z) | `(?:[^`]|``)*(?:`|\Z) | \[\w+\] )
  | (?P<place>   %%\(\w+\)s | %%s | \$\d+ | \?\d* | [:@][A-Za-z_]\w* )
  | (?P<number>  (?<![\w.$]) (?: 0[xX][0-9a-fA-F]+ | \d+(?:\.\d*)?(?:[eE][+-]?\d+)? | \.\d+ ) \b )
"""
_STANDARD_STRINGS: Final = r"(?:\b[xXbBnN]|\b[uU]&)?'(?:[^']|'')*(?:'|\Z)"
_MYSQL_STRINGS: Final = (
    r"""(?:\b[xXbBnN]|\b_\w+\s*)?(?:'(?:[^'\\]|\\.|'')*(?:'|\Z)|"(?:[^"\\]|\\.|"")*(?:"|\Z))"""
)
_LITERALS = re.compile(_TOKENS % _STANDARD_STRINGS, re.VERBOSE | re.DOTALL)
_MYSQL_LITERALS = re.compile(_TOKENS % _MYSQL_STRINGS, re.VERBOSE | re.DOTALL)
_SPACE = re.compile(r"\s+")
_NAME = r'(?:"(?:[^"]|"")+"|`[^`]+`|[A-Za-z_][\w$]*)'
_TABLE = re.compile(
    rf"\b(?:(?:INTO|UPDATE|TABLE)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?({_NAME}(?:\.{_NAME})*)"
    rf"|(?:FROM|JOIN)\s+(?:ONLY\s+)?({_NAME}(?:\.{_NAME})*)(?![\w$.]|\s*\())",
    re.IGNORECASE,
)
# FROM inside of these is not followed by a table.
_FUNCTIONS = re.compile(
    r"\b(?:extract|trim|substring|overlay|position)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)",
    re.IGNORECASE,
)
_FIRST_WORD = re.compile(r"[\s(;]*([A-Za-z]+)")
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_NOT_TABLES: Final = frozenset(
    ("select", "set", "lateral", "unnest", "values", "of", "nowait", "skip", "only")
)


@attrs.frozen
class StatementText:
    """A statement as it may be shown.

    Attributes:
        text: Its text, without values and comments, cut after 2,000 characters.
        operation: Its first word in capitals, as in ``SELECT``.
        tables: Names of its tables, the first four.
    """

    text: str
    operation: str
    tables: tuple[str, ...]

    @property
    def summary(self) -> str:
        """Operation and tables, as in ``SELECT posts authors``."""
        return " ".join((self.operation, *self.tables))


def statement_text(statement: str, system: str = "") -> StatementText:
    """Return a statement as it may be shown.

    Args:
        statement: Text that was sent to the driver.
        system: Name of the database; on ``mysql`` and ``mariadb`` double quotes
            are strings, and strings have escapes.
    """
    return _read(statement[:_MAX_TEXT], system in ("mysql", "mariadb"))


def redacted(parameters: Any) -> str:
    """Describe the parameters of a statement by types and lengths, never by values."""
    if not parameters:
        return ""
    if isinstance(parameters, list) and isinstance(parameters[0], (Mapping, tuple, list)):
        return f"{len(parameters)} sets of ({redacted(parameters[0])})"
    shown = list(_kinds(parameters))
    return ", ".join(shown[:_MAX_PARAMETERS]) + (", …" if len(shown) > _MAX_PARAMETERS else "")


@lru_cache(maxsize=512)
def _read(statement: str, is_mysql: bool) -> StatementText:
    literals = _MYSQL_LITERALS if is_mysql else _LITERALS
    text = _SPACE.sub(" ", literals.sub(_without_values, statement)).strip()
    shown = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
    return StatementText(shown, _operation(text), _tables(text))


def _without_values(match: re.Match[str]) -> str:
    if match["comment"] is not None:
        return " "
    if match["string"] is not None or match["number"] is not None:
        return "?"
    return match[0]


def _operation(text: str) -> str:
    match = _FIRST_WORD.match(text)
    word = "" if match is None else match[1].upper()
    if word == "WITH":
        writes = _WRITES.search(text)
        return "SELECT" if writes is None else writes[1].upper()
    return word


def _tables(text: str) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for match in _TABLE.finditer(_FUNCTIONS.sub(" ", text)):
        name = (match[1] or match[2]).replace('"', "").replace("`", "")
        if name.lower() not in _NOT_TABLES:
            names[name] = None
    return tuple(names)[:_MAX_TABLES]


def _kinds(parameters: Any) -> Iterator[str]:
    if isinstance(parameters, Mapping):
        for name, value in parameters.items():
            yield f"{name}: {_kind(value)}"
    else:
        yield from map(_kind, parameters)


def _kind(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, (str, bytes, bytearray, memoryview, list, tuple, dict)):
        return f"{type(value).__name__}({len(value)})"
    return type(value).__name__
