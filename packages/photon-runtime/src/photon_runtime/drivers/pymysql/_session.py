"""The session of a connection: is a transaction open, and making it as new for the next user."""

from __future__ import annotations

from typing import Any

from pymysql.constants import SERVER_STATUS

from ._cooperation import as_command
from ._interruption import AnyConnection

_RESET_CONNECTION = 0x1F  # of the protocol; PyMySQL does not name it


def is_in_transaction(connection: AnyConnection) -> bool:
    """Return whether a transaction was open after the last command. Does not wait."""
    status: int = connection.__dict__.get("server_status", 0)
    return connection.open and bool(status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)


def reset_session(connection: AnyConnection) -> None:
    """Roll back, and forget temporary tables, variables, locks and settings of the session.

    Afterwards the character set, ``sql_mode``, ``init_command`` and ``autocommit`` are those that
    the connection was made with. It takes MySQL 5.7.3 or MariaDB 10.2.4.

    Raises:
        pymysql.err.MySQLError: The server refuses, or the connection is closed.
        Cancelled: A scope around the task was cancelled; the connection is closed.

    Blocks: the calling task.
    """
    _reset(connection)


@as_command
def _reset(connection: Any) -> None:
    connection._execute_command(_RESET_CONNECTION, b"")
    connection._read_ok_packet()
    connection.set_character_set(connection.charset, connection.collation)
    if connection.sql_mode is not None:
        with connection.cursor() as cursor:
            cursor.execute("SET sql_mode=%s", (connection.sql_mode,))
    if connection.init_command is not None:
        connection.query(connection.init_command)
    if connection.autocommit_mode is not None:
        connection.autocommit(connection.autocommit_mode)
