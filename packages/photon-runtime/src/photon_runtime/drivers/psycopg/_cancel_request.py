"""Requests to cancel the query of a connection, each sent on a short connection of its own.

A request holds the address and the secret key of the connection it was made from, so it can be
sent after that connection was closed. libpq 17 sends it without blocking; with an older one it is
sent in a thread of the offload pool.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg import generators
from psycopg.pq.abc import PGcancelConn, PGconn

from ..._offload import offload
from ._waiting import wait_conn

CancelRequest = Callable[[], None]
"""Sends the request. Blocks: the calling task, until the server has handled it."""


def new_cancel_request(pgconn: PGconn) -> CancelRequest:
    """Return a request to cancel the query of ``pgconn``. Does not wait.

    Raises:
        psycopg.Error: The connection is closed.
    """
    if not psycopg.capabilities.has_cancel_safe():
        legacy = pgconn.get_cancel()
        return lambda: offload(legacy.cancel)
    request = pgconn.cancel_conn()
    request.start()
    return lambda: _send(request)


def _send(request: PGcancelConn) -> None:
    try:
        wait_conn(generators.cancel(request))
    finally:
        request.finish()
