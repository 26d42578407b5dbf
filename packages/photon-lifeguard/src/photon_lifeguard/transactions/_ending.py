"""How transactions end: COMMIT and ROLLBACK only where there is one, and no commit that is none.

Theory of operation. A commit that returns has committed everything. Two things could make that
untrue without an error of the server:

- PostgreSQL answers the COMMIT of a transaction in which a statement has failed by a rollback;
- some errors, such as a deadlock of MySQL or a full disk of SQLite, end the transaction by
  themselves, and the statements after them would be a second one. So does the clean-up of a
  statement of MySQL that a deadline has interrupted.

Both need an error that the application has caught. The first is seen before the COMMIT, by
`Backend.has_failed`. For the second, an attribute of the driver's connection notes that a
transaction was begun, and another one that an error has ended it; then statements and the commit
are refused until a rollback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from photon_runtime.errors import Cancelled

from ..backends import Backend
from ..errors import ROLLED_BACK, TransactionError
from ..pool import WaitingPool
from ._server_transactions import end_savepoint, end_transaction, note_savepoint

_BEGUN = "photon_begun"
_WRITABLE, _READ_ONLY = "writable", "read only"
_ENDED = "photon_ended"


def note_begin(connection: Any, *, is_read_only: bool) -> None:
    """Note that a transaction was begun on a connection of the driver."""
    connection.__dict__[_BEGUN] = _READ_ONLY if is_read_only else _WRITABLE


def refuse_if_ended(connection: Any) -> None:
    """Refuse to continue on a connection of the driver whose transaction an error has ended.

    Raises:
        TransactionError: An error has ended it, and the session was not rolled back.
    """
    if _ENDED in connection.__dict__:
        raise TransactionError(ROLLED_BACK)


def end_truthfully(engine: Engine, backend: Backend) -> None:
    """Let commits and rollbacks of ``engine`` do what they say, and leave the rest to its pool.

    Args:
        engine: Engine whose connections are opened in autocommit mode.
        backend: Kind of its database.
    """
    _Endings(engine, backend).install()


class _Endings:
    """Wraps methods of one engine's dialect."""

    def __init__(self, engine: Engine, backend: Backend) -> None:
        dialect = engine.dialect
        self._engine = engine
        self._backend = backend
        self._commit = dialect.do_commit
        self._rollback = dialect.do_rollback
        self._savepoint = dialect.do_savepoint
        self._release_savepoint = dialect.do_release_savepoint
        self._rollback_to_savepoint = dialect.do_rollback_to_savepoint

    def install(self) -> None:
        """Replace the methods of the dialect, which belongs to one engine alone."""
        dialect = self._engine.dialect
        for method in (
            *(self.do_commit, self.do_rollback),
            *(self.do_savepoint, self.do_release_savepoint, self.do_rollback_to_savepoint),
        ):
            dialect.__dict__[method.__name__] = method
        # They are called when a connection is given back, whose slot would be lost by an error.
        for name in ("reset_isolation_level", "set_readonly", "set_deferrable"):
            if (original := getattr(dialect, name, None)) is not None:
                dialect.__dict__[name] = _resetting(self._backend, original)
        event.listen(self._engine, "handle_error", self._note_error)

    def do_commit(self, connection: Any) -> None:
        """Commit, if there is a transaction.

        Raises:
            TransactionError: The database would roll back, or has done so.
        """
        driver_connection = connection.dbapi_connection
        refuse_if_ended(driver_connection)
        if self._is_open(driver_connection):
            if self._backend.has_failed(driver_connection):
                if driver_connection.__dict__.get(_BEGUN) != _READ_ONLY:
                    raise TransactionError(ROLLED_BACK)
                self.do_rollback(connection)  # which loses nothing
                return
            self._commit(connection)
            driver_connection.__dict__.pop(_BEGUN, None)
            end_transaction(connection, is_committed=True)
        else:
            driver_connection.__dict__.pop(_BEGUN, None)
            end_transaction(connection, is_committed=False)

    def do_rollback(self, connection: Any) -> None:
        """Roll back, if there is a transaction."""
        driver_connection = connection.dbapi_connection
        driver_connection.__dict__.pop(_BEGUN, None)
        driver_connection.__dict__.pop(_ENDED, None)
        end_transaction(connection, is_committed=False)
        if self._backend.is_interrupted(driver_connection):
            return  # its clean-up rolls back
        if self._backend.in_transaction(driver_connection):
            try:
                self._rollback(connection)
            except Cancelled:
                pass  # the pool rolls back, and the next wait of the task raises again

    def do_savepoint(self, connection: Connection, name: str) -> None:
        """Make a savepoint."""
        self._savepoint(connection, name)
        note_savepoint(connection, name)

    def do_release_savepoint(self, connection: Connection, name: str) -> None:
        """Release a savepoint."""
        self._release_savepoint(connection, name)
        end_savepoint(connection, name, is_released=True)

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        """Roll back to a savepoint, if it has not ended with its transaction."""
        end_savepoint(connection, name, is_released=False)
        driver_connection: Any = connection.connection.dbapi_connection
        if _ENDED not in driver_connection.__dict__:
            self._rollback_to_savepoint(connection, name)

    def _is_open(self, connection: Any) -> bool:
        if not self._backend.in_transaction(connection):
            return False
        # During the clean-up of a read without a transaction it looks as if there was one.
        return (
            _BEGUN in connection.__dict__
            or not self._backend.is_interrupted(connection)
            or self._backend.is_altered(connection)
        )

    def _note_error(self, context: ExceptionContext) -> None:
        connection, error = context.connection, context.original_exception
        if connection is None or connection.closed or connection.invalidated:
            return
        if not isinstance(error, Exception):
            context.is_disconnect = False  # the pool decides what becomes of the connection
            self._note_interruption(connection.connection.dbapi_connection)
        elif context.is_disconnect:
            # One connection is lost; the others are checked, not closed.
            context.invalidate_pool_on_disconnect = False
            pool = self._engine.pool
            if isinstance(pool, WaitingPool):
                pool.suspect()
        else:
            self._note_end(connection.connection.dbapi_connection, error)

    def _note_interruption(self, connection: Any) -> None:
        if _BEGUN in connection.__dict__ and not self._backend.in_transaction(connection):
            connection.__dict__[_ENDED] = True  # the clean-up of the statement rolls back

    def _note_end(self, connection: Any, error: Exception) -> None:
        if _BEGUN in connection.__dict__ and self._backend.has_ended(connection, error):
            connection.__dict__[_ENDED] = True


def _resetting(backend: Backend, reset: Callable[..., None]) -> Callable[..., None]:
    """Return a method of a dialect that leaves what it cannot reset to the pool."""

    def run(connection: Any, *arguments: Any) -> None:
        if backend.is_interrupted(connection):
            return
        try:
            reset(connection, *arguments)
        except Cancelled:
            pass  # the pool resets it, and the next wait of the task raises again
        except Exception:
            if arguments and arguments[0]:
                raise  # the application sets an option
            backend.abandon(connection)

    return run
