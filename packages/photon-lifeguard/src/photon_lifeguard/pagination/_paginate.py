"""`paginate`: one page of a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

from sqlalchemy import Select
from sqlalchemy.orm import Session

from ._keyset import keyset_page
from ._offset import numbered_page
from ._pages import KeysetPage, Page
from ._parameters import CursorParameters, PageParameters

T = TypeVar("T")
_NO_SECRET = b"photon cursor"


@overload
def paginate(
    session: Session,
    query: Select[T],
    page: PageParameters,
    *,
    count: bool = True,
    key: Sequence[Any] | None = None,
) -> Page[T]: ...


@overload
def paginate(
    session: Session,
    query: Select[T],
    page: CursorParameters,
    *,
    count: bool = False,
    key: Sequence[Any] | None = None,
    secret: str | bytes | None = None,
) -> KeysetPage[T]: ...


@overload
def paginate(
    session: Session,
    query: Select[*tuple[Any, ...]],
    page: PageParameters,
    *,
    count: bool = True,
    key: Sequence[Any] | None = None,
) -> Page[Any]: ...


@overload
def paginate(
    session: Session,
    query: Select[*tuple[Any, ...]],
    page: CursorParameters,
    *,
    count: bool = False,
    key: Sequence[Any] | None = None,
    secret: str | bytes | None = None,
) -> KeysetPage[Any]: ...


def paginate(
    session: Session,
    query: Any,
    page: PageParameters | CursorParameters,
    *,
    count: bool | None = None,
    key: Sequence[Any] | None = None,
    secret: str | bytes | None = None,
) -> Page[Any] | KeysetPage[Any]:
    """Return one page of a query.

    Pages by number suit lists that people leaf through; pages by cursor suit long lists, and lists
    that change while they are read: a row that is there all the time is on exactly one page.

    Rows that compare equal are sorted by their primary key, so the order is always total. NULL is
    sorted as the database does, or as ``nulls_first()`` and ``nulls_last()`` state, also on MySQL.

    Args:
        session: The session; any session of SQLAlchemy.
        query: A ``select()`` with its ``order_by()``, and without a limit. If it selects one entity
            or column, the items are those; otherwise they are rows.
        page: The page: `PageParameters` for one by number, `CursorParameters` for one by cursor.
        count: True to count the items of all pages, which takes another statement unless the page
            is the last one; by default for pages by number only.
        key: Columns that identify a row of the query; by default the primary keys of its tables.
            Subqueries have none.
        secret: Key for signing cursors, so that clients cannot make their own. Without it a
            checksum detects cursors of other lists and changed ones.

    Returns:
        A `Page` or a `KeysetPage`.

    Raises:
        HttpError: 422, the cursor is not one of this list.
        TypeError: The query cannot be divided into pages; the message gives the reason.

    Blocks: the calling task, for one round trip, or two with ``count``.
    """
    if isinstance(page, PageParameters):
        return numbered_page(session, query, page, key, count=count is not False)
    signing = secret.encode() if isinstance(secret, str) else secret
    return keyset_page(session, query, page, key, count=bool(count), secret=signing or _NO_SECRET)
