"""`DatabaseMetrics`: the metrics of databases, from connections to statements.

Counts and durations are written where they arise, by an observer with instruments of its own for
each server. What exists anyway, such as the number of idle connections, is read from the pools when
the metrics are read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, Protocol

from sqlalchemy.exc import DBAPIError

from photon_runtime.errors import Cancelled
from photon_runtime.observability import Counter, Family, Meter

from ..pool import CloseReason, WaitingPool
from ._observer import DatabaseObserver, TransactionEnd

_SERVER = ("database", "role")
_STATEMENT_BUCKETS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)
_QUERY_BUCKETS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
_POOL_FIGURES: dict[str, tuple[str, Callable[[WaitingPool], float]]] = {
    "active_connections": (
        "Connections in use, those that are opened or cleaned up included.",
        lambda pool: pool.in_use,
    ),
    "idle_connections": ("Open connections that are not in use.", lambda pool: pool.idle),
    "pool_size": (
        "Maximum number of connections, of all processes.",
        lambda pool: pool.limits.size,
    ),
    "waiting_callers": ("Callers that wait for a connection.", lambda pool: pool.waiting),
    "max_waiting_callers": (
        "Maximum number of callers that wait, of all processes.",
        lambda pool: pool.limits.max_waiting,
    ),
    "server_down": (
        "Processes whose last attempt to connect has failed.",
        lambda pool: pool.is_down,
    ),
}


class _HasPool(Protocol):
    """A `Database`, or a replica of one."""

    @property
    def pool(self) -> WaitingPool: ...


class DatabaseMetrics:
    """The instruments of all databases of one application.

    Args:
        meter: Where they are declared.
    """

    def __init__(self, meter: Meter) -> None:
        """Declare the instruments."""
        self._meter = meter
        self._databases: dict[tuple[str, str], list[_HasPool]] = {}
        for name, (description, figure) in _POOL_FIGURES.items():
            meter.observable_gauge(
                f"photon_database_{name}", description, partial(self._read, figure), labels=_SERVER
            )
        self._statements = meter.histogram(
            "photon_database_statements_per_request",
            "Statements of a request, or of a message of a socket, that executed any.",
            labels=("method", "route"),
            buckets=_STATEMENT_BUCKETS,
        )
        self._lag = meter.gauge(
            "photon_database_replica_lag_seconds",
            "Seconds by which a replica is behind.",
            labels=("database", "replica"),
            aggregation="max",
        )

    def observer(self, name: str, role: str = "primary") -> DatabaseObserver:
        """Return an observer of a server of the database ``name``.

        Args:
            name: Name of the database.
            role: ``primary`` or ``replica``.
        """
        return _MeteredObserver(self._meter, name, role)

    def observe(self, name: str, database: _HasPool, role: str = "primary") -> None:
        """Show the figures of the pool of a database, summed with others of the same role."""
        self._databases.setdefault((name, role), []).append(database)

    def set_replica_lag(self, name: str, replica: str, seconds: float) -> None:
        """Set the lag of a replica of the database ``name``.

        Args:
            name: Name of the database.
            replica: Address of the replica, without credentials.
            seconds: The lag; infinite if it is unknown or the replica cannot be reached.
        """
        self._lag.labels(name, replica).set(seconds)

    def count_statements(self, method: str, route: str, statements: int) -> None:
        """Note how many statements a request, or a message of its socket, has executed."""
        self._statements.labels(method, route).observe(statements)

    def _read(self, figure: Callable[[WaitingPool], float]) -> dict[tuple[str, ...], float]:
        return {
            server: sum(figure(database.pool) for database in databases)
            for server, databases in self._databases.items()
        }


class _MeteredObserver(DatabaseObserver):
    """Counts what one server's pool and statements report."""

    def __init__(self, meter: Meter, name: str, role: str) -> None:
        super().__init__(name, role)
        self._meter = meter
        self._wait = meter.histogram(
            "photon_database_connection_wait_time_seconds",
            "Seconds until a caller had a connection, or was refused.",
            labels=_SERVER,
            buckets=_QUERY_BUCKETS,
        ).labels(name, role)
        self._hold = meter.histogram(
            "photon_database_connection_hold_time_seconds",
            "Seconds for which a caller used a connection.",
            labels=_SERVER,
            buckets=_QUERY_BUCKETS,
        ).labels(name, role)
        self._query = meter.histogram(
            "photon_database_query_duration_seconds",
            "Seconds for which a statement was executed.",
            labels=_SERVER,
            buckets=_QUERY_BUCKETS,
        ).labels(name, role)
        self._begin = meter.histogram(
            "photon_database_begin_time_seconds",
            "Seconds until a transaction had begun; on SQLite the wait for other writers.",
            labels=_SERVER,
            buckets=_QUERY_BUCKETS,
        ).labels(name, role)
        count = partial(_counter, meter, (name, role))
        self._opened = count("connections_opened", "Connections that were opened.")
        self._connect_failures = count("connect_failures", "Failed attempts to connect.")
        self._slow = count("slow_queries", "Statements that took longer than slow_query.")
        self._closed = _by_label(meter, "connections_closed", "Connections closed.", "reason")
        self._refused = _by_label(
            meter, "pool_acquire_timeout", "Callers that were refused a connection.", "reason"
        )
        self._errors = _by_label(
            meter, "query_errors", "Statements that failed or were cancelled.", "error"
        )
        transactions = _by_label(meter, "transactions", "Transactions that ended.", "outcome")
        self._transactions = {
            outcome: transactions.labels(name, role, outcome) for outcome in ("commit", "rollback")
        }

    def for_replicas(self) -> DatabaseObserver:
        return _MeteredObserver(self._meter, self.name, "replica")

    def waited(self, seconds: float) -> None:
        self._wait.observe(seconds)

    def used(self, seconds: float) -> None:
        self._hold.observe(seconds)

    def opened(self) -> None:
        self._opened.inc()

    def closed(self, reason: CloseReason) -> None:
        self._closed.labels(self.name, self.role, reason).inc()

    def connect_failed(self) -> None:
        self._connect_failures.inc()

    def exhausted(self, reason: Literal["timeout", "queue_full"]) -> None:
        self._refused.labels(self.name, self.role, reason).inc()

    def executed(self, seconds: float) -> None:
        self._query.observe(seconds)

    def failed(self, error: BaseException, seconds: float) -> None:
        self._query.observe(seconds)
        self._errors.labels(self.name, self.role, error_name(error)).inc()

    def was_slow(self) -> None:
        self._slow.inc()

    def began(self, seconds: float) -> None:
        self._begin.observe(seconds)

    def ended(self, outcome: TransactionEnd) -> None:
        self._transactions[outcome].inc()


def error_name(error: BaseException) -> str:
    """Return the kind of an error: the name of its class, ``Cancelled`` for every cancellation."""
    if isinstance(error, Cancelled):
        return "Cancelled"
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return type(error).__qualname__


def _counter(meter: Meter, server: tuple[str, str], name: str, description: str) -> Counter:
    return meter.counter(f"photon_database_{name}", description, labels=_SERVER).labels(*server)


def _by_label(meter: Meter, name: str, description: str, label: str) -> Family[Counter]:
    return meter.counter(f"photon_database_{name}", description, labels=(*_SERVER, label))
