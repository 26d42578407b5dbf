"""An edit that cannot be made."""

from __future__ import annotations

from types import EllipsisType


class Conflict(Exception):
    """What is in the project is not what an edit needs; the message says why.

    Attributes:
        is_forcible: Whether the user may insist.
        forced: The text that the file has then; ``None`` if it does not exist then.
    """

    def __init__(self, reason: str, *, forced: str | EllipsisType | None = ...) -> None:
        """Keep the text that the file has if the user insists; ``...`` where that cannot be."""
        super().__init__(reason)
        self.is_forcible = not isinstance(forced, EllipsisType)
        self.forced = None if isinstance(forced, EllipsisType) else forced
