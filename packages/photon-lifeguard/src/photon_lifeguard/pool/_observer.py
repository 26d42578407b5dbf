"""`PoolObserver`: what a pool reports, for metrics."""

from __future__ import annotations

from typing import Literal, TypeAlias

CloseReason: TypeAlias = Literal[
    "lifetime",  # it was as old as connections may become
    "idle",  # it was not used for long, and the pool has more than its minimum
    "unresponsive",  # the server did not respond to the check before its use
    "lost",  # an error of a statement showed that it had ended
    "unclean",  # a cancelled statement or an open transaction could not be cleaned up
    "closed",  # the pool was closed
]
"""The reason for which a connection was closed."""


class PoolObserver:
    """Ignores everything; the base of observers. Methods are called often, and must not wait."""

    def waited(self, seconds: float) -> None:
        """Note that a caller waited for a connection, or was refused after that time."""

    def used(self, seconds: float) -> None:
        """Note that a connection was given back after being used for that time."""

    def opened(self) -> None:
        """Note that a connection was opened."""

    def closed(self, reason: CloseReason) -> None:
        """Note that a connection was closed."""

    def connect_failed(self) -> None:
        """Note that an attempt to open a connection failed."""

    def exhausted(self, reason: Literal["timeout", "queue_full"]) -> None:
        """Note that a caller was refused because all connections are in use."""
