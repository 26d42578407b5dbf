"""`receive_notifications`: what other connections send by NOTIFY.

psycopg's own `Connection.notifies` ends a wait by resuming a generator at intervals, which the
waits of this package do not do: they are woken by the socket. So libpq is asked directly.
"""

from __future__ import annotations

from typing import Any

import psycopg

from ..._hub import current_hub
from ..._pooled_greenlet import current_task
from ..._scope import deadline
from ...errors import DeadlineExceeded
from ._socket_watch import watch_of


def receive_notifications(
    connection: psycopg.Connection[Any], timeout: float
) -> list[tuple[str, str]]:
    """Wait for notifications of the channels that ``connection`` listens to.

    The connection must do nothing else meanwhile. Notifications that arrive with the result of a
    statement are handed to `psycopg.Connection.add_notify_handler`, not here.

    Args:
        connection: A `Connection` in autocommit mode, after ``LISTEN``; in a task.
        timeout: Seconds to wait at most.

    Returns:
        Channel and payload of each, at least one; nothing after the timeout.

    Raises:
        psycopg.OperationalError: The connection was lost.
        Cancelled: A scope around the task was cancelled; the connection remains usable.

    Blocks: the calling task.
    """
    received = _take(connection)
    try:
        with deadline(timeout):
            while not received:
                watch_of(connection, current_hub()).wait_read(current_task())
                received = _take(connection)
    except DeadlineExceeded:
        return _take(connection)
    except OSError as error:
        raise psycopg.OperationalError(f"the connection was closed: {error}") from error
    return received


def _take(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Return the notifications that have arrived. Does not wait."""
    pgconn = connection.pgconn
    pgconn.consume_input()
    received = []
    while (notify := pgconn.notifies()) is not None:
        received.append((notify.relname.decode(), notify.extra.decode()))
    return received
