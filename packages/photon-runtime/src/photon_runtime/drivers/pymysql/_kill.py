"""The connection of a clean-up, on which it ends the queries of interrupted connections.

Theory of operation. MySQL ends a query on the request of another connection (``KILL``), which is
made here with the credentials of an interrupted one, to the same address. The number of a
connection alone does not identify it: behind a balancer another server may have the same address,
and a restarted server counts anew. So the server is asked first which port of the client the
connection with that number has, and a connection with another port is left alone. Behind an
address translation no port is the same: such a query ends when the server finds out that its client
has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymysql import connections, err
from pymysql.constants import ER

from ..._run import sleep
from ._socket import new_socket

_PAUSE = 0.01
_LONGEST_PAUSE = 0.2
_UNKNOWN = (ER.NO_SUCH_THREAD,)


def end_queries(like: Any, address: Any, ports: Mapping[int, int | None]) -> None:
    """End connections on the server, and wait until they have ended there.

    Args:
        like: Attributes of a connection whose credentials are used.
        address: Address of the server: a path, or an address and a port.
        ports: Number of each connection, and the port that its client has; ``None`` for a path.

    Raises:
        OSError: The server cannot be reached.
        pymysql.err.MySQLError: The server refuses the connection or the request.
        Cancelled: A scope around the task was cancelled.

    Blocks: the calling task.
    """
    connection = _connected(like, address)
    try:
        killed: set[int] = set()
        pause = _PAUSE
        while running := _running(connection, ports):
            for number in running - killed:
                _kill(connection, number)
            killed |= running
            sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    finally:
        connection._force_close()


def _connected(like: Mapping[str, Any], address: Any) -> Any:
    connection: Any = connections.Connection.__new__(connections.Connection)
    connection.__dict__.update(like)
    connection.connect(new_socket(address))
    return connection


def _running(connection: Any, ports: Mapping[int, int | None]) -> set[int]:
    """Return the numbers of those connections that the server still has."""
    numbers = ", ".join(map(str, ports))
    connection.query(f"SELECT ID, HOST FROM information_schema.PROCESSLIST WHERE ID IN ({numbers})")
    return {
        number
        for number, host in connection._result.rows
        if ports[number] is None or host.rpartition(":")[2] == str(ports[number])
    }


def _kill(connection: Any, number: int) -> None:
    try:
        connection.query(f"KILL {number:d}")
    except err.MySQLError as error:
        if error.args[:1] != _UNKNOWN:  # it has ended by itself
            raise
