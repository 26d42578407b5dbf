"""`execute_command`: commands without rows and parameters, such as BEGIN, at a low cost.

`psycopg.Connection.execute` makes a cursor, converts the text and counts it for preparation, which
takes longer than all the rest of a BEGIN. This sends the text as it is.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import errors, generators
from psycopg.pq import ExecStatus


def execute_command(connection: psycopg.Connection[Any], command: bytes) -> None:
    """Execute a command that returns no rows, or several, separated by semicolons.

    Args:
        connection: An open connection, not in pipeline mode.
        command: Text in the encoding of the connection.

    Raises:
        psycopg.Error: The server refused it, or the connection is lost.
        Cancelled: A scope around the task was cancelled.

    Blocks: the calling task, for a round trip.
    """
    with connection.lock:
        connection.wait(_run(connection, command))


def _run(connection: psycopg.Connection[Any], command: bytes) -> Generator[Any, Any, None]:
    pgconn = connection.pgconn
    pgconn.send_query(command)
    for result in (yield from generators.execute(pgconn)):
        if result.status == ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result, encoding=connection.info.encoding)
