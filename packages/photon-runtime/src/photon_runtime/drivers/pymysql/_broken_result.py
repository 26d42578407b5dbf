"""Unbuffered results whose connection was closed before their end.

A cursor that reads the rows of such a result must not believe that it has seen all. Closing the
cursor, which reads the rest of a result, does nothing: there is nothing to be read any more.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pymysql import connections, err
from pymysql.constants import CR


class _BrokenResult(connections.MySQLResult):
    """A result that refuses to give further rows."""

    def _read_rowdata_packet_unbuffered(self) -> NoReturn:
        raise closed_early()


def is_streaming(connection: Any) -> bool:
    """Return whether rows of an unbuffered result are still to be read."""
    result = connection.__dict__.get("_result")
    return result is not None and bool(result.unbuffered_active)


def break_result(result: Any) -> None:
    """Let nothing more be read from a result, ``None`` for that of no query."""
    if result is None:
        return
    if result.unbuffered_active:
        result.__class__ = _BrokenResult
    result.unbuffered_active = result.has_next = False


def closed_early() -> err.OperationalError:
    """Return the error of a connection that was closed before its result had ended."""
    return err.OperationalError(
        CR.CR_SERVER_LOST, "the connection was closed before all rows of the result were read"
    )
