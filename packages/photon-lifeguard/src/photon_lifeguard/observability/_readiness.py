"""`ReadinessCheck`: whether a database can be used, for ``/ready``.

Theory of operation. A check executes a query that needs nothing but the server, on a connection of
the pool. Checks that begin while one is under way wait for its result, so that a client that calls
the page in a loop causes one query at a time. While all connections are in use, a check does not
wait in the queue behind the requests, or open another connection, if a statement has succeeded
within the last second: the requests have proved already that the database works, and an application
under load must not be taken out of service for it.
"""

from __future__ import annotations

from time import monotonic, perf_counter

from sqlalchemy import Engine, select

import photon_runtime as rt
from photon_runtime.errors import DeadlineExceeded, NotRunning
from photon_runtime.patch import Lock

from ..errors import DatabaseUnavailable
from ..pool import WaitingPool
from ._engine import EngineWatch
from ._work import uncounted

_PROOF_LASTS = 1.0
_MAX_TIMEOUT = 3.0  # less than ``ready_timeout``, so that the reason is in the log


class ReadinessCheck:
    """Checks one server.

    Args:
        engine: The engine.
        watch: What is seen of it.
        timeout: Maximum duration in seconds; at most 3.
    """

    def __init__(self, engine: Engine, watch: EngineWatch, *, timeout: float) -> None:
        """Begin without a result."""
        self._engine = engine
        self._watch = watch
        self._timeout = min(timeout, _MAX_TIMEOUT)
        self._turn = Lock()
        self._succeeded = -1.0

    def __call__(self) -> None:
        """Check the server.

        Raises:
            DatabaseUnavailable: The server did not respond in time, or cannot be reached.
            Exception: The database cannot be used; the message gives the reason.

        Blocks: the calling task, for a connection and a round trip.
        """
        begun = monotonic()
        if self._is_proved():
            return
        with self._turn:
            if self._succeeded < begun and not self._is_proved():
                self._query()
                self._succeeded = monotonic()

    def _is_proved(self) -> bool:
        """Return whether requests prove that the server works, and leave no idle connection."""
        pool = self._engine.pool
        if not isinstance(pool, WaitingPool) or pool.idle or pool.is_down:
            return False
        return perf_counter() - self._watch.last_success < _PROOF_LASTS

    def _query(self) -> None:
        try:
            with rt.deadline(self._timeout):
                self._execute()
        except NotRunning:
            self._execute()
        except DeadlineExceeded as error:
            raise self._unavailable() from error

    def _execute(self) -> None:
        with uncounted(), self._engine.connect() as connection:
            connection.execute(select(1))

    def _unavailable(self) -> DatabaseUnavailable:
        pool = self._engine.pool
        if isinstance(pool, WaitingPool) and pool.is_down:
            state = "the server cannot be reached"
        else:
            state = pool.status()
        return DatabaseUnavailable(
            f"the database did not respond to a query within {self._timeout:g} seconds: {state}"
        )
