"""The rows of a page: items, and the values of their sort keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, Select
from sqlalchemy.orm import Session


def dialect_of(session: Session, query: Select[Any]) -> Dialect:
    """Return the dialect of the database that a query is sent to."""
    return session.get_bind(clause=query).dialect


def fetch(
    session: Session, query: Select[Any], keys: int
) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """Return the items of a query, and the values of its last columns.

    An item is what the other columns select: one value, as `Session.scalars` returns it, or a row.

    Args:
        session: The session.
        query: The query.
        keys: Number of its last columns.

    Blocks: the calling task, for a round trip.
    """
    result = session.execute(query)
    # Set by the ORM if joined collections repeat their owner in several rows.
    if getattr(result, "_unique_filter_state", None) is not None:
        result = result.unique()
    width = len(result.keys()) - keys
    if width == 1:
        rows = result.all()
        return [row[0] for row in rows], [tuple(row[1:]) for row in rows]
    frozen = result.freeze()
    items = frozen().columns(*range(width)).all()
    return list(items), [tuple(row[width:]) for row in frozen().all()]
