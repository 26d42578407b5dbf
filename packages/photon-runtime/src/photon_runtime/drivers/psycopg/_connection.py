"""`Connection`: one class whose connections cooperate, without a change to psycopg itself.

`psycopg.Connection.connect` calls ``psycopg.waiting.wait_conn`` by its global name, so a subclass
cannot replace that wait. But the subclass makes the generator that ``wait_conn`` runs. The
generator of `Connection` waits in the hub within its first step, and does not yield.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Self, TypeVar

import psycopg
from psycopg import conninfo as _conninfo
from psycopg.abc import PQGen, PQGenConn
from psycopg.rows import Row

from ..._offload import offload
from ..._pooled_greenlet import running_task
from ..._scope import deadline
from ...errors import DeadlineExceeded
from ._cancel_request import new_cancel_request
from ._drive import drive
from ._interruption import refuse_if_interrupted
from ._lock import ConnectionLock
from ._socket_watch import release
from ._waiting import wait_conn, without_none

T = TypeVar("T")

_INTERVAL = 0.1


class Connection(psycopg.Connection[Row]):
    """A `psycopg.Connection` whose calls pause one coroutine instead of the thread.

    It is used as psycopg's own class, by `connect`, and behaves like it outside of coroutines. To
    make a connection class of your own cooperate, put this class before its bases. With
    SQLAlchemy::

        create_engine("postgresql+psycopg://", creator=lambda: Connection.connect(dsn))

    A deadline or a cancellation that interrupts a query is raised at once; see
    `photon_runtime.drivers.psycopg` for the state of the connection afterwards.

    Attributes:
        lock: Held by the task or thread that uses the connection; the others wait for it.
        undoes_interruptions: True if the owner returns to a savepoint after every interruption. A
            query that completed before it was cancelled then does not close the connection.
    """

    undoes_interruptions = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Wrap an open connection of libpq; see `connect`."""
        super().__init__(*args, **kwargs)
        self.lock = ConnectionLock()  # type: ignore[assignment]  # behaves as a threading.Lock

    @classmethod
    def _get_connection_params(cls, conninfo: str, **kwargs: Any) -> dict[str, Any]:
        """Look up the names of the hosts in a thread, before psycopg would block."""
        params: dict[str, Any] = super()._get_connection_params(conninfo, **kwargs)
        return params if running_task() is None else _with_addresses(params)

    @classmethod
    def _connect_gen(cls, conninfo: str = "", **kwargs: Any) -> PQGenConn[Self]:
        """Connect, waiting in the hub."""
        gen = super()._connect_gen(conninfo, **kwargs)
        if running_task() is None:
            return (yield from gen)
        # psycopg 3.2 passes the timeout to the generator; later versions to the skipped wait.
        timeout = None
        if "timeout" not in kwargs:
            timeout = _conninfo.timeout_from_conninfo(_conninfo.conninfo_to_dict(conninfo))
        return wait_conn(gen, _INTERVAL, timeout)

    def wait(
        self,
        gen: PQGen[T],
        interval: float = _INTERVAL,
        timeout: float | None = None,
    ) -> T:
        """Run a generator of psycopg that operates on this connection.

        Raises:
            psycopg.OperationalError: The connection is closed, or it is interrupted and the caller
                is outside of the hub that cleans it up.
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task; while the connection is interrupted, until it is cleaned up.
        """
        if running_task() is None:
            refuse_if_interrupted(self)
            result: T = super().wait(gen, **without_none(interval, timeout))
            return result
        return drive(self, gen, interval, timeout)

    def close(self) -> None:
        """Close the connection; a task that waits for it gets an error. Does not wait."""
        release(self)
        super().close()

    def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Cancel the query that another task runs on this connection.

        Args:
            timeout: Seconds for the request; zero for as long as it takes.

        Raises:
            psycopg.errors.CancellationTimeout: The server did not handle the request in time.

        Blocks: the calling task.
        """
        if running_task() is None:
            super().cancel_safe(timeout=timeout)
        elif self._should_cancel():
            request = new_cancel_request(self.pgconn)
            try:
                with deadline(timeout) if timeout else nullcontext():
                    request()
            except DeadlineExceeded:
                raise psycopg.errors.CancellationTimeout(
                    f"the server did not handle the request to cancel within {timeout:g} seconds"
                ) from None


def _with_addresses(params: dict[str, Any]) -> dict[str, Any]:
    """Return ``params`` with the addresses of all hosts, so that no name needs to be looked up."""
    if params.get("hostaddr"):
        return params
    # psycopg chooses the order of the attempts later.
    unordered = {name: value for name, value in params.items() if name not in _ORDERS_ATTEMPTS}
    attempts = offload(_conninfo.conninfo_attempts, unordered)
    if not any(attempt.get("hostaddr") for attempt in attempts):
        return params  # Unix domain sockets, or the environment has the addresses
    lists = ["host", "hostaddr", *(["port"] if all(a.get("port") for a in attempts) else [])]
    joined = {
        name: ",".join(str(attempt.get(name) or "") for attempt in attempts) for name in lists
    }
    return {**params, **joined}


_ORDERS_ATTEMPTS = frozenset({"target_session_attrs", "load_balance_hosts"})
