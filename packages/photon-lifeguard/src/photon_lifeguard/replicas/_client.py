"""What the reads of the current client must have seen: `ClientPosition`."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class ClientPosition:
    """The position of one client in one database, during a request or another piece of work.

    Tasks that the work starts share it, because they share its context.

    Args:
        lifetime: Seconds after which every replica that may be read has passed a position.
        earlier: Returns the position of the client's earlier writes; called when it is needed.
        remember: Is called with the position of each new write.
        clock: Returns the time in seconds.

    Attributes:
        written: Position of the last write of this work; ``None`` without one.
    """

    __slots__ = ("_clock", "_earlier", "_expires", "_lifetime", "_remember", "_required", "written")

    def __init__(
        self,
        lifetime: float,
        *,
        earlier: Callable[[], int] | None = None,
        remember: Callable[[int], object] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Begin without a write."""
        self._lifetime = lifetime
        self._earlier = earlier
        self._remember = remember
        self._clock = clock
        self._required = 0
        self._expires = 0.0
        self.written: int | None = None

    @property
    def required(self) -> int:
        """The position that reads must have; zero for any."""
        if self._earlier is not None:
            self._require(self._earlier())
            self._earlier = None
        return self._required if self._clock() < self._expires else 0

    def wrote(self, position: int) -> None:
        """Note a write. Does not wait."""
        self.written = max(position, self.written or 0)
        self._require(position)
        if self._remember is not None:
            self._remember(self.written)

    def _require(self, position: int) -> None:
        now = self._clock()
        if now >= self._expires or position >= self._required:
            self._required = position
        self._expires = now + self._lifetime
