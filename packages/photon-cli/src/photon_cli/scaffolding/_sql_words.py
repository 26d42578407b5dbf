"""The words of SQL that have to be quoted as names of columns.

SQLAlchemy quotes by itself. Conditions of checks are the only SQL that generators write.
"""

from __future__ import annotations

from typing import Final

from ._word_lists import words

# Reserved in PostgreSQL or SQLite. Quoting a word that need not be quoted is harmless.
_RESERVED: Final = words(
    """
    add all alter analyse analyze and any array as asc asymmetric authorization autoincrement
    between binary both by case cast check collate column commit concurrently constraint create
    cross current_catalog current_date current_role current_schema current_time current_timestamp
    current_user default deferrable deferred delete desc distinct do drop else end escape except
    exclusive exists explain false fetch for foreign freeze from full grant group having if ilike in
    index initially inner insert instead intersect into is isnull join lateral leading left like
    limit localtime localtimestamp natural new not notnull null off offset old on only or order
    outer over overlaps placing primary raise references returning right select session_user set
    similar some symmetric table tablesample temp temporary then to trailing transaction true union
    unique update user using values variadic verbose view when where window with
    """
)


def quoted_column(name: str) -> str:
    """Return the name of a column as it is written in SQL."""
    return f'"{name}"' if name in _RESERVED else name
