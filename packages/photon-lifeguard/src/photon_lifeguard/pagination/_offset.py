"""Pages by number."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Select, func, literal, select
from sqlalchemy.orm import Session

from ._ordering import sort_keys
from ._pages import Page
from ._parameters import PageParameters
from ._rows import dialect_of, fetch


def numbered_page(
    session: Session, query: Select[Any], page: PageParameters, key: Any, *, count: bool
) -> Page[Any]:
    """Return a page by number; see `paginate`."""
    dialect = dialect_of(session, query)
    order = [part for each in sort_keys(query, key) for part in each.order_by(dialect)]
    offset = (page.page - 1) * page.per_page
    start = literal(offset, BigInteger())
    part = query.order_by(None).order_by(*order).offset(start).limit(page.per_page + 1)
    items, _ = fetch(session, part, 0)
    has_next = len(items) > page.per_page
    items = items[: page.per_page]
    total = None
    if count:
        is_last = not has_next and (items or not offset)
        total = offset + len(items) if is_last else count_rows(session, query)
    return Page(items, page.page, page.per_page, has_next, total)


def count_rows(session: Session, query: Select[Any]) -> int:
    """Return the number of rows of a query.

    Blocks: the calling task, for a round trip.
    """
    rows = query.order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(rows)) or 0
