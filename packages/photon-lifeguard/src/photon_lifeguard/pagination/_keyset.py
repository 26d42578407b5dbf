"""Pages by cursor.

Theory of operation. A cursor is the position of a row in the order of the list. The page after it
are the first rows that are sorted behind this position: rows that were inserted or deleted before
it in the meantime do not move the page, as they would move one by number, and the database finds
its first row by an index instead of counting. The page before it is read in the opposite order, and
turned around. One row more than the page has is read, which tells whether there is another page.

A cursor that a client made, with a checksum that is right, may have a value that is of the type of
its column and beyond its range. The database refuses it, which is an error of the cursor, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Dialect, Select
from sqlalchemy.exc import DataError, DBAPIError, StatementError
from sqlalchemy.orm import Session
from sqlalchemy.sql import visitors

from ._cursor import Cursors, refused_cursor
from ._offset import count_rows
from ._ordering import is_grouped, sort_keys
from ._pages import KeysetPage
from ._parameters import CursorParameters
from ._rows import dialect_of, fetch
from ._sort_key import SortKey, rows_after


def keyset_page(
    session: Session,
    query: Select[Any],
    page: CursorParameters,
    key: Any,
    *,
    count: bool,
    secret: bytes,
) -> KeysetPage[Any]:
    """Return a page by cursor; see `paginate`."""
    dialect = dialect_of(session, query)
    keys = sort_keys(query, key)
    compared = [each.compared(dialect) for each in keys]
    cursors = cursors_of(keys, dialect, secret)
    name, cursor = ("before", page.before) if page.before is not None else ("after", page.after)
    position = None if cursor is None else cursors.decode(name, cursor)
    is_backwards = page.before is not None
    directed = [each.reversed(dialect) for each in keys] if is_backwards else keys
    part = query.order_by(None).order_by(*_order(directed, dialect)).limit(page.limit + 1)
    part = part.add_columns(*(each.label(f"sort_key_{n}") for n, each in enumerate(compared)))
    if position is not None:
        condition = rows_after(directed, position, dialect)
        part = part.having(condition) if is_grouped(query) else part.where(condition)
    try:
        items, values = fetch(session, part, len(keys))
    except StatementError as error:
        if position is None or not _is_of_values(error):
            raise
        raise refused_cursor(name) from error
    has_more = len(items) > page.limit
    items, values = items[: page.limit], values[: page.limit]
    if is_backwards:
        items.reverse()
        values.reverse()
    has_next = bool(items) if is_backwards else has_more
    has_previous = has_more if is_backwards else position is not None and bool(items)
    return KeysetPage(
        items,
        next=cursors.encode(values[-1]) if has_next else None,
        previous=cursors.encode(values[0]) if has_previous else None,
        total=count_rows(session, query) if count else None,
    )


def cursors_of(keys: Sequence[SortKey], dialect: Dialect, secret: bytes) -> Cursors:
    """Return what makes and reads the cursors of a list with these sort keys."""
    types = [each.compared(dialect).type for each in keys]
    has_infinity = dialect.name not in ("mysql", "mariadb")
    return Cursors(_description(keys, dialect), types, secret, has_infinity)


def _is_of_values(error: StatementError) -> bool:
    """Return whether an error is one of the values of a statement."""
    return isinstance(error, DataError) or not isinstance(error, DBAPIError)


def _order(keys: list[SortKey], dialect: Dialect) -> list[Any]:
    return [part for each in keys for part in each.order_by(dialect)]


def _description(keys: Sequence[SortKey], dialect: Dialect) -> str:
    """Return the order as text, which is the same in every process."""
    parts = [dialect.name]
    for each in keys:
        direction = "desc" if each.is_descending else "asc"
        nulls = "first" if each.nulls_are_first(dialect) else "last"
        kind = type(each.expression.type).__name__
        values = [
            part.value
            for part in visitors.iterate(each.expression)
            if isinstance(part, BindParameter)
        ]
        parts.append(f"{each.expression} {values!r} {kind} {direction} {nulls}")
    return "\n".join(parts)
