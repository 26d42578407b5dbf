"""Pages: items, and the way to the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")
R = TypeVar("R")


@attrs.frozen
class Page(Generic[T]):
    """A page by number.

    Attributes:
        items: The items.
        page: Number of the page; the first is 1.
        per_page: Maximum number of items on a page.
        has_next: True if there are items after those of the page.
        total: Number of items on all pages; ``None`` if they were not counted.
    """

    items: list[T]
    page: int
    per_page: int
    has_next: bool
    total: int | None = None

    def map(self, function: Callable[[T], R]) -> Page[R]:
        """Return the page with what a function returns for each item."""
        items = [function(item) for item in self.items]
        return Page(items, self.page, self.per_page, self.has_next, self.total)


@attrs.frozen
class KeysetPage(Generic[T]):
    """A page by cursor.

    Attributes:
        items: The items.
        next: Cursor of the items after the page; ``None`` if there are none.
        previous: Cursor of the items before the page; ``None`` if there are none. There may be
            none, too, for a page that was reached by a cursor: they may have been deleted.
        total: Number of items on all pages; ``None`` if they were not counted.
    """

    items: list[T]
    next: str | None = None
    previous: str | None = None
    total: int | None = None

    def map(self, function: Callable[[T], R]) -> KeysetPage[R]:
        """Return the page with what a function returns for each item."""
        items = [function(item) for item in self.items]
        return KeysetPage(items, self.next, self.previous, self.total)
