"""`Probe`: the monitor's own connection to one server.

It does not share the pool: a pool whose connections are all in use must not look like a server that
is down, and a server that is down must not hold the monitor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import photon_runtime as rt

from ..backends import Backend

_TIMEOUT = 0.5
_INSUFFICIENT_PRIVILEGE = "42501"


class Probe:
    """A connection that is opened when it is needed, and again after each failure.

    Args:
        connect: Opens a connection of the driver.
        backend: Kind of the database.
        timeout: Seconds for a question, connecting included.

    Attributes:
        cluster: Identifier of the cluster that the server belongs to; ``None`` if the server does
            not name it.
    """

    def __init__(
        self, connect: Callable[[], Any], backend: Backend, *, timeout: float = _TIMEOUT
    ) -> None:
        """Open nothing yet."""
        self._connect = connect
        self._backend = backend
        self._timeout = timeout
        self._connection: Any = None
        self.cluster: int | None = None

    def ask(self, query: str) -> tuple[Any, ...]:
        """Return the first row of a query.

        Raises:
            Exception: The server cannot be reached, does not respond in time, or refuses.

        Blocks: the calling task.
        """
        try:
            with rt.deadline(self._timeout):
                if self._connection is None:
                    self._connection = self._connect()
                    self.cluster = self._identify()
                row: tuple[Any, ...] = self._connection.execute(query).fetchone()
                return row
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection without waiting for the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._backend.abandon(connection)

    def _identify(self) -> int | None:
        try:
            query = "SELECT system_identifier FROM pg_control_system()"
            identifier: int = self._connection.execute(query).fetchone()[0]
        except Exception as error:
            if getattr(error, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
                raise
            return None
        return identifier
