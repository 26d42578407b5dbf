"""`transaction`: a block whose changes are committed together, or not at all.

Theory of operation. The outermost block begins the server's transaction at once, also if its first
statement only reads, and commits at its end. A block inside of another, or after the session has
written something, is a savepoint. SQLAlchemy's own `Session.begin` and `Session.begin_nested`
remain usable; what they lack is the choice between the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from ..backends import Isolation, TransactionOptions
from ..errors import TransactionError
from ._commit_hooks import add_calls, take_calls
from ._on_demand import backend_of, ensure_begun
from ._open_transactions import BLOCK, open_connections
from ._server_transactions import BACKEND, OPTIONS


@contextmanager
def transaction(
    session: Session,
    *,
    isolation: Isolation | None = None,
    read_only: bool = False,
) -> Iterator[Session]:
    """Commit the changes of the block at its end; an exception rolls them back and propagates.

    Inside of another transaction the block is a savepoint: its changes are committed by the
    outermost block.

    Args:
        session: Session of a `Database`.
        isolation: Isolation level of the outermost block; by default the server's. SQLite's are
            always serializable.
        read_only: True to refuse writes, in the outermost block.

    Yields:
        ``session``.

    Raises:
        TransactionError: ``isolation`` or ``read_only`` is set inside of another transaction.
        sqlalchemy.exc.DBAPIError: The commit failed; nothing was written.

    Blocks: the calling task. On SQLite a block that may write waits for the writers before it.
    """
    if is_in_transaction(session):
        if isolation is not None or read_only:
            raise TransactionError(
                "the isolation level and read_only belong to the outermost transaction, and the "
                "session is in one already: set them there, or use a session of its own"
            )
        with session.begin_nested():
            yield session
        return
    earlier = take_calls(session)  # of the commit that ends the reads so far, which is none
    outer = session.info.get(BLOCK)  # the block around this one, if the caller has rolled that back
    session.info[BLOCK] = True
    try:
        _begin(session, TransactionOptions(isolation, read_only))
        yield session
    except BaseException:
        session.info[BLOCK] = outer
        session.rollback()
        add_calls(session, earlier)
        raise
    session.info[BLOCK] = outer
    add_calls(session, earlier)
    try:
        session.commit()
    except BaseException:
        session.rollback()
        raise


def is_in_transaction(session: Session) -> bool:
    """Return whether the server has a transaction open for ``session``. Does not wait."""
    if session.new or session.dirty or session.deleted:
        return True  # changes that are not flushed yet belong to what is outside of the block
    return any(
        backend_of(connection)[0].in_transaction(connection.connection.dbapi_connection)
        for connection in open_connections(session)
    )


def commit_changes(session: Session) -> None:
    """Commit the transaction of ``session``, unless it has only read and a commit does nothing.

    `Session.commit` goes through all of its states also then, which costs a tenth of a read.

    Raises:
        sqlalchemy.exc.DBAPIError: The commit failed; nothing was written.

    Blocks: the calling task, as `Session.commit` does.
    """
    if not _has_only_read(session):
        session.commit()


def _has_only_read(session: Session) -> bool:
    """Return whether a commit has no effect: on the server, on objects or by calls."""
    if not (session.is_active and session._is_clean()) or session.in_nested_transaction():
        return False
    calls = session.dispatch
    if session.twophase or session.expire_on_commit or calls.before_commit or calls.after_commit:
        return False
    return not any(_is_committed(connection) for connection in open_connections(session))


def _is_committed(connection: Connection) -> bool:
    """Return whether the commit of a connection has an effect, or may have one."""
    if connection.invalidated or connection._has_events or connection.engine._has_events:
        return True
    backend = connection.get_execution_options().get(BACKEND)
    if backend is None:
        return True
    return bool(backend[0].in_transaction(connection.connection.dbapi_connection))


def _begin(session: Session, options: TransactionOptions) -> None:
    session.commit()  # ends SQLAlchemy's transaction of earlier reads; the server had none
    connection = session.connection(execution_options={OPTIONS: options})
    ensure_begun(connection)
