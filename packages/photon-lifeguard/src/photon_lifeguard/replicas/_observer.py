"""What is reported of replicas: `ReplicaObserver`, and `ReplicaMetrics`, which counts it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from photon_runtime.observability import Meter

from ..observability import DatabaseMetrics

Fallback: TypeAlias = Literal["unusable", "position", "busy", "connection", "statement", "timeout"]
"""Why a read went to the primary.

* ``unusable``: no replica is in service with a lag within bounds;
* ``position``: none has replayed the client's own last write yet;
* ``busy``: all connections to the replicas are in use;
* ``connection``: no connection to the replica could be opened;
* ``statement``: the replica did not execute the statement, and the primary was asked again;
* ``timeout``: the replica stopped responding during the statement.
"""


class ReplicaObserver:
    """Ignores everything; the base of observers. Methods are called often, and must not wait."""

    def read(self, server: Literal["primary", "replica"]) -> None:
        """Note where a statement that only reads, and may go to a replica, was executed."""

    def fell_back(self, reason: Fallback) -> None:
        """Note that such a statement went to the primary, and why."""

    def measured(self, replica: str, lag: float) -> None:
        """Note the lag of a replica in seconds; infinite if it is unknown."""


class ReplicaMetrics(ReplicaObserver):
    """The metrics of the replicas of one database.

    Args:
        meter: Where they are declared.
        metrics: The metrics of all databases, which have the lag.
        database: Name of the database.
    """

    def __init__(self, meter: Meter, metrics: DatabaseMetrics, database: str) -> None:
        """Declare the instruments."""
        self._database = database
        self._metrics = metrics
        reads = meter.counter(
            "photon_database_routed_reads",
            "Statements that may be executed by a replica, by the server that executed them.",
            labels=("database", "server"),
        )
        self._reads = {
            "primary": reads.labels(database, "primary"),
            "replica": reads.labels(database, "replica"),
        }
        self._fallbacks = meter.counter(
            "photon_database_replica_fallbacks",
            "Reads that the primary executed in place of a replica, by reason.",
            labels=("database", "reason"),
        )

    def read(self, server: Literal["primary", "replica"]) -> None:
        """Count a statement that only reads."""
        self._reads[server].inc()

    def fell_back(self, reason: Fallback) -> None:
        """Count a fallback."""
        self._fallbacks.labels(self._database, reason).inc()

    def measured(self, replica: str, lag: float) -> None:
        """Set the lag of a replica."""
        self._metrics.set_replica_lag(self._database, replica, lag)
