"""An edit that cannot be made."""

from __future__ import annotations

from types import EllipsisType


class Conflict(Exception):
    """The content of the project prevents an edit; the message has the reason.

    Attributes:
        is_forcible: Whether ``--force`` applies the edit.
        forced: The text of the file after ``--force``; ``None`` if it does not exist then.
    """

    def __init__(self, reason: str, *, forced: str | EllipsisType | None = ...) -> None:
        """Store the text of the file after ``--force``; ``...`` where it cannot be forced."""
        super().__init__(reason)
        self.is_forcible = not isinstance(forced, EllipsisType)
        self.forced = None if isinstance(forced, EllipsisType) else forced
