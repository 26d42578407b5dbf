"""An edit that cannot be made."""

from __future__ import annotations

from types import EllipsisType


class Conflict(Exception):
    """The content of the project prevents an edit; the message has the reason.

    Attributes:
        is_forcible: Whether ``--force`` applies the edit.
        forced: The file after ``--force``; ``None`` if it does not exist then.
    """

    def __init__(self, reason: str, *, forced: bytes | EllipsisType | None = ...) -> None:
        """Store the file after ``--force``; ``...`` where it cannot be forced."""
        super().__init__(reason)
        self.is_forcible = not isinstance(forced, EllipsisType)
        self.forced = None if isinstance(forced, EllipsisType) else forced


class PlaceNotFound(Conflict):
    """The place of an insertion does not exist, or exists more than once.

    Attributes:
        where: Where the code can be added by hand.
    """

    def __init__(self, reason: str, where: str) -> None:
        """Store the place for the code."""
        super().__init__(reason)
        self.where = where
