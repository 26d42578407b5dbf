"""Parameters of requests for pages.

They are attrs classes, and handlers take them as parameters of the query::

    @app.get("/posts")
    def posts(db: Session, page: Query[PageParameters]) -> Page[PostOut]: ...

A subclass sets other limits::

    @attrs.frozen
    class LargePages(PageParameters):
        per_page: int = attrs.field(default=500, validator=[ge(1), le(1000)])
"""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import ge, le, max_len, optional

from ._cursor import MAX_CURSOR

_MAX_PAGE = 2**31 - 1


@attrs.frozen
class PageParameters:
    """The parameters of pages by number.

    Attributes:
        page: Number of the page; the first is 1.
        per_page: Number of items on a page.

    Raises:
        ValueError: A number is outside of its limits.
    """

    page: int = attrs.field(
        default=1,
        validator=[ge(1), le(_MAX_PAGE)],
        metadata={"description": "Number of the page; the first is 1."},
    )
    per_page: int = attrs.field(
        default=20,
        validator=[ge(1), le(100)],
        metadata={"description": "Number of items on a page."},
    )


def _one_direction(instance: Any, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and instance.after is not None:
        raise ValueError("before cannot be combined with after")


@attrs.frozen
class CursorParameters:
    """The parameters of pages by cursor.

    Attributes:
        after: Cursor of the items after a page, from `KeysetPage.next`.
        before: Cursor of the items before a page, from `KeysetPage.previous`.
        limit: Number of items on a page.

    Raises:
        ValueError: ``limit`` is outside of its limits, or both cursors are set.
    """

    after: str | None = attrs.field(
        default=None,
        validator=optional(max_len(MAX_CURSOR)),
        metadata={"description": "Cursor from `next` of a page: the items after it."},
    )
    before: str | None = attrs.field(
        default=None,
        validator=[optional(max_len(MAX_CURSOR)), _one_direction],
        metadata={"description": "Cursor from `previous` of a page: the items before it."},
    )
    limit: int = attrs.field(
        default=20,
        validator=[ge(1), le(100)],
        metadata={"description": "Number of items on a page."},
    )
