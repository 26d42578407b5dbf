"""`Membership`: one socket in one room, until it leaves."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, final


@final
class Membership:
    """A socket in a room, made by `Room.join`; as a context manager it leaves at the end.

    The socket also leaves when it is closed, for any reason.

    Attributes:
        user: The user that the socket belongs to; ``None`` without one.
        has_gap: True if the id that the client came with was not known, or too old: it was sent a
            message about it, and then all messages that the room has.
    """

    __slots__ = ("_leave", "has_gap", "user")

    def __init__(
        self, leave: Callable[[], object], *, user: str | None, has_gap: bool = False
    ) -> None:
        """Begin as a member."""
        self.user = user
        self.has_gap = has_gap
        self._leave: Callable[[], object] | None = leave

    @property
    def is_member(self) -> bool:
        """Whether the socket is still in the room."""
        return self._leave is not None

    def leave(self) -> None:
        """Leave the room. Calling it twice is harmless; it does not wait."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def __enter__(self) -> Self:
        """Return the membership."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Leave the room."""
        self.leave()
