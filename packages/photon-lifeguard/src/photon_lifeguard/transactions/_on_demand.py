"""Transactions that begin with the first statement that needs one.

Theory of operation. SQLAlchemy begins a transaction of its own with every first statement, which
costs nothing: drivers begin one on the server when they send the statement. Here the drivers are
in autocommit mode, and the server's transaction begins before the first statement that does not
only read. Commit and rollback without one do nothing and cost no round trip.

A connection whose isolation level was set through SQLAlchemy is not in autocommit mode any more; it
behaves as the driver defines, until it is given back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import attrs
from sqlalchemy import Connection, Engine

import photon_runtime as rt

from ..backends import Backend, TransactionOptions
from ..errors import TransactionError
from ..pool import DIRTY
from ._core_blocks import note_core_blocks
from ._ending import end_truthfully, note_begin, refuse_if_ended
from ._open_transactions import note_block, note_transaction
from ._reading import is_read, may_leave_state
from ._server_transactions import BACKEND, OPTIONS, is_noted

LOCAL = "photon_local"
"""Execution option of a statement that changes nothing beyond its transaction."""

_DEFAULT = TransactionOptions()
_MARGIN = 0.05
"""Seconds after the caller's deadline at which the server gives up, too: the client is first."""


def begin_on_demand(engine: Engine, backend: Backend, *, statement_timeout: float) -> None:
    """Let transactions on ``engine`` begin when a statement needs one.

    Args:
        engine: Engine whose connections are opened in autocommit mode.
        backend: Kind of its database.
        statement_timeout: The connections' own limit for a statement, in seconds; zero for none.
    """
    dialect = engine.dialect
    before = functools.partial(_before_execution, backend, statement_timeout)
    # The methods of this engine's dialect, not events: SQLAlchemy would make seven listeners for
    # every connection that is taken, which costs more than all of this.
    dialect.__dict__.update(
        do_execute=_preceded(before, dialect.do_execute),
        do_executemany=_preceded(before, dialect.do_executemany),
        do_execute_no_params=_preceded(before, dialect.do_execute_no_params),
    )
    note_core_blocks(engine, note_block)
    end_truthfully(engine, backend)


def _preceded(
    before: Callable[[Any, str, Any], None], execute: Callable[..., None]
) -> Callable[..., None]:
    """Return a method of a dialect that calls ``before``; its last argument is the context."""

    def run(cursor: Any, statement: str, *rest: Any) -> None:
        context = rest[-1]
        # A cursor of the server, which fetches in parts, exists in a transaction only.
        if context is not None and (context._is_server_side or not is_read(context)):
            before(cursor, statement, context)
        execute(cursor, statement, *rest)

    return run


def _before_execution(
    backend: Backend, statement_timeout: float, cursor: Any, statement: str, context: Any
) -> None:
    """Begin a transaction for a statement that does not only read, if there is none."""
    connection: Connection = context.root_connection
    if LOCAL not in context.execution_options and may_leave_state(context, statement):
        connection.info[DIRTY] = True
    refuse_if_ended(cursor.connection)
    if backend.in_transaction(cursor.connection):
        if not is_noted(connection.connection):  # the driver has begun it
            note_transaction(connection, backend)
    elif "isolation_level" not in connection.get_execution_options():
        begin(connection, backend, statement_timeout)
    else:
        note_transaction(connection, backend)  # the driver begins it, or has none


def ensure_begun(connection: Connection) -> None:
    """Begin the transaction of ``connection`` on the server, if it has none.

    Raises:
        TransactionError: The connection does not belong to a `Database`.
        sqlalchemy.exc.DBAPIError: It cannot begin.

    Blocks: the calling task, as `begin` does.
    """
    backend, statement_timeout = backend_of(connection)
    if backend.in_transaction(connection.connection.dbapi_connection):
        return
    try:
        begin(connection, backend, statement_timeout)
    except BaseException as error:
        # As for any statement: it becomes an error of SQLAlchemy, and a lost connection is noted.
        connection._handle_dbapi_exception(error, None, None, None, None)


def backend_of(connection: Connection) -> tuple[Backend, float]:
    """Return the backend of a connection, and the limit of its statements in seconds.

    Raises:
        TransactionError: The connection does not belong to a `Database`.
    """
    options = connection.get_execution_options()
    if BACKEND not in options:
        raise TransactionError(
            "the session does not belong to a photon_lifeguard.Database: make it by "
            "Database.session()"
        )
    found: tuple[Backend, float] = options[BACKEND]
    return found


def begin(connection: Connection, backend: Backend, statement_timeout: float) -> None:
    """Begin the transaction of ``connection`` on the server.

    Blocks: the calling task, for a round trip, or until SQLite's writer has committed.
    """
    options: TransactionOptions = connection.get_execution_options().get(OPTIONS, _DEFAULT)
    timeout = _time_limit(options.timeout, statement_timeout)
    if timeout != options.timeout:
        options = attrs.evolve(options, timeout=timeout)
    backend.begin(connection.connection.dbapi_connection, options)
    note_begin(connection.connection.dbapi_connection, is_read_only=options.is_read_only)
    note_transaction(connection, backend)


def _time_limit(limit: float | None, default: float) -> float | None:
    """Return the limit of the statements of a transaction: the caller's deadline, if it is nearer.

    ``None`` stands for the connection's own limit, ``default`` seconds.
    """
    remaining = rt.remaining_time()
    if remaining is None:
        return limit
    until_deadline = max(remaining, 0.0) + _MARGIN
    current = limit or default
    return until_deadline if not current or until_deadline < current else limit
