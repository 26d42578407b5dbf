"""`PoolObserver`: what a pool reports, for metrics."""

from __future__ import annotations


class PoolObserver:
    """Ignores everything; the base of observers. Methods are called often, and must not wait."""

    def waited(self, seconds: float) -> None:
        """Note that a caller waited for a connection, or was refused after that time."""

    def used(self, seconds: float) -> None:
        """Note that a connection was given back after being used for that time."""

    def opened(self) -> None:
        """Note that a connection was opened."""

    def closed(self, reason: str) -> None:
        """Note that a connection was closed by the pool."""

    def exhausted(self) -> None:
        """Note that a caller was refused because all connections are in use."""
