"""The metrics of databases: connections, waits, statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photon_runtime.observability import Meter

from ..pool import PoolObserver

if TYPE_CHECKING:
    from ..database import Database


class DatabaseMetrics:
    """The instruments of all databases of one application.

    Args:
        meter: Where they are declared.
    """

    def __init__(self, meter: Meter) -> None:
        """Declare the instruments."""
        self._meter = meter

    def observer(self, name: str) -> PoolObserver:
        """Return the observer of the pool of the database ``name``."""
        return PoolObserver()

    def observe(self, name: str, database: Database) -> None:
        """Observe the statements and the pool of a database."""
