"""What the reads of the current client must have seen: `ClientPosition`."""

from __future__ import annotations

from collections.abc import Callable


class ClientPosition:
    """The position of one client in one database, during a request or another piece of work.

    Tasks that the work starts share it, because they share its context.

    Args:
        earlier: Returns the position of the client's earlier writes; called when it is needed.
        remember: Is called with the position of each new write.
    """

    __slots__ = ("_earlier", "_remember", "_required", "written")

    def __init__(
        self,
        earlier: Callable[[], int] | None = None,
        remember: Callable[[int], object] | None = None,
    ) -> None:
        """Begin without a write."""
        self._earlier = earlier
        self._remember = remember
        self._required = 0
        self.written: int | None = None

    @property
    def required(self) -> int:
        """The position that reads must have; zero for any."""
        if self._earlier is not None:
            self._required = max(self._required, self._earlier())
            self._earlier = None
        return self._required

    def wrote(self, position: int) -> None:
        """Note a write. Does not wait."""
        self.written = max(position, self.written or 0)
        self._required = max(position, self._required)
        if self._remember is not None:
            self._remember(self.written)
