"""`Grammar`: one text of a statement for both databases.

A text has named parameters (``:worker``) and macros in braces. The databases differ in their names
of types, in how a JSON text becomes rows, in the clock, and in locks of rows, which SQLite does not
need: it has one writer.

Values of many rows are passed as one JSON text. So a statement has the same text for one row and
for a thousand, and is prepared once.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Dialect = Literal["postgresql", "sqlite"]
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
_MACRO = re.compile(r"\{(\w+)\}")
_IN = re.compile(r"\{in (\w+)\}")
_UNSEARCHED = re.compile(r"\{unsearched (\w+(?:\.\w+)?)\}")
_ROWS = re.compile(r"\{rows ([^}]+)\}")
_POSTGRESQL: Final = {
    "text": 'text COLLATE "C"',
    "int": "bigint",
    "real": "float8",
    "number": "bigint NOT NULL DEFAULT nextval('photon_jobs_number')",
    "counter": "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    # A function that changes is not searched for in an index, the result of a subquery is.
    "now": "(SELECT extract(epoch FROM clock_timestamp())::float8)",
    "unsearched": r"(\1 || '')",  # an expression, for which no index is chosen
    "elements": r"json_array_elements_text(:\1::json)",
    "covering": "",
    "skip_locked": "FOR UPDATE SKIP LOCKED",
    "for_update": "FOR UPDATE",
    "for_key_share": "FOR KEY SHARE",
}
_SQLITE: Final = {
    "text": "TEXT",
    "int": "INTEGER",
    "real": "REAL",
    "number": "INTEGER PRIMARY KEY",
    "counter": "INTEGER PRIMARY KEY",
    "now": ":now",
    "unsearched": r"+\1",
    "elements": r"value FROM json_each(:\1)",
    "covering": ", state",  # SQLite does not see that the condition of an index implies it
    "skip_locked": "",
    "for_update": "",
    "for_key_share": "",
}
_TYPES: Final = {"text": "text", "int": "bigint", "real": "float8", "json": "json"}


class Grammar:
    """Makes the statements of one database.

    Args:
        dialect: Name of the database in SQLAlchemy.
        has_clock: True if statements get the time as the parameter ``now``, instead of from the
            server.

    Attributes:
        dialect: Name of the database in SQLAlchemy.
    """

    def __init__(self, dialect: Dialect, *, has_clock: bool = False) -> None:
        """Choose the macros."""
        self.dialect: Dialect = dialect
        self._macros = _POSTGRESQL if dialect == "postgresql" else _SQLITE
        if has_clock and dialect == "postgresql":
            self._macros = {**_POSTGRESQL, "now": ":now::float8"}

    def __call__(self, text: str) -> str:
        """Return a statement with the database's own words and placeholders."""
        text = _ROWS.sub(self._rows, text)
        text = _UNSEARCHED.sub(self._macros["unsearched"], text)
        text = _IN.sub(rf"IN (SELECT {self._macros['elements']})", text)
        text = _MACRO.sub(lambda match: self._macros[match[1]], text)
        if self.dialect == "postgresql":
            text = _PARAMETER.sub(r"%(\1)s", text)
        return " ".join(text.split())

    def either(self, *, postgresql: str, sqlite: str) -> str:
        """Return the one of two statements that is for the database."""
        return self(postgresql if self.dialect == "postgresql" else sqlite)

    def _rows(self, match: re.Match[str]) -> str:
        """Return the table ``r`` of the JSON objects in the parameter ``rows``."""
        columns = [each.split(":") for each in match[1].split()]
        if self.dialect == "postgresql":
            described = ", ".join(f'"{name}" {_TYPES[kind]}' for name, kind in columns)
            return f"json_to_recordset(:rows::json) AS r({described})"
        values = ", ".join(f"json_extract(value, '$.{name}') AS \"{name}\"" for name, _ in columns)
        # The limit keeps SQLite from extracting a value again wherever it is used.
        return f"(SELECT {values} FROM json_each(:rows) LIMIT -1) AS r"
