"""The position of each commit: `follow_commits`.

Theory of operation. ``COMMIT`` is sent together with a query before it, whether the transaction has
written anything: it is one message, so it costs no round trip. If it has, another query returns the
position of the last byte in the log, which includes commits of others at the same time: a replica
may be waited for a moment longer than necessary, never too short. That query is not part of the
same message, because an error in it must not look like an error of the commit.

Where a write is committed in another way (by a statement in autocommit mode, or in two phases), or
a commit or the query after it is interrupted, the position is unknown, and reads go to the primary
for a while.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect, Engine

from photon_runtime.errors import Cancelled

from ..backends import Backend
from ..transactions import is_read
from ._positions import UNKNOWN

_FAILED = 3  # of psycopg.pq.TransactionStatus
_COMMIT = "SELECT txid_current_if_assigned() IS NOT NULL; COMMIT"
_POSITION = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
_log = logging.getLogger("photon.database.replicas")


def follow_commits(engine: Engine, backend: Backend, note: Callable[[int], object]) -> None:
    """Call ``note`` with the position of each commit on ``engine`` that has written something.

    Args:
        engine: Engine of a primary, after `photon_lifeguard.transactions.begin_on_demand`.
        backend: Kind of its database.
        note: Function to call; it must not wait.
    """
    _CommitFollower(engine.dialect, backend, note).install()


class _CommitFollower:
    """Wraps the methods of one engine's dialect."""

    def __init__(self, dialect: Dialect, backend: Backend, note: Callable[[int], object]) -> None:
        self._dialect = dialect
        self._backend = backend
        self._note = note

    def install(self) -> None:
        """Replace the methods of the dialect, which belongs to one engine alone."""
        dialect = self._dialect
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            dialect.__dict__[name] = self._followed(getattr(dialect, name))
        dialect.__dict__["do_commit"] = functools.partial(self._commit, dialect.do_commit)
        commit_twophase = functools.partial(self._commit_twophase, dialect.do_commit_twophase)
        dialect.__dict__["do_commit_twophase"] = commit_twophase

    def _followed(self, execute: Callable[..., None]) -> Callable[..., None]:
        def follow(cursor: Any, *arguments: Any) -> None:
            execute(cursor, *arguments)
            context = arguments[-1]  # the last argument of all three
            if context is None or is_read(context):
                return
            if not self._backend.in_transaction(cursor.connection):
                self._note(UNKNOWN)

        return follow

    def _commit(self, commit: Callable[[Any], None], connection: Any) -> None:
        driver_connection = connection.dbapi_connection
        if not self._backend.in_transaction(driver_connection) or _has_failed(driver_connection):
            commit(connection)
            return
        try:
            [has_written] = driver_connection.execute(_COMMIT, prepare=False).fetchone()
        except BaseException as error:
            if driver_connection.closed or not isinstance(error, Exception):
                self._note(UNKNOWN)  # it may have been committed
            raise
        if has_written:
            self._note(_position(driver_connection))

    def _commit_twophase(
        self, commit: Callable[..., None], *arguments: Any, **options: Any
    ) -> None:
        self._note(UNKNOWN)
        commit(*arguments, **options)


def _has_failed(connection: Any) -> bool:
    """Return whether a statement of the transaction has failed, so that it can only roll back."""
    status: int = connection.pgconn.transaction_status
    return status == _FAILED


def _position(connection: Any) -> int:
    """Return the position after a commit; the commit has succeeded, whatever happens here."""
    try:
        [position] = connection.execute(_POSITION).fetchone()
    except Cancelled:
        return UNKNOWN  # the next wait of the task raises again
    except Exception as error:
        _log.info("the position of a commit is unknown: %s", error)
        return UNKNOWN
    return int(position)
