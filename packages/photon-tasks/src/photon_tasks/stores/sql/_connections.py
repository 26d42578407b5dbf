"""`Connections`: statements on an engine, alone and in transactions.

Theory of operation. Most calls of the store are one statement, which is atomic by itself. It goes
straight to the driver, in autocommit mode: one round trip, or one turn of SQLite's writers. The
others are transactions by SQLAlchemy, which also work on the shared connection of tests.

The engine of a `photon_lifeguard.Database` begins transactions by itself when a statement needs
one, and those of SQLite by ``BEGIN IMMEDIATE``. On any other engine it is done here: a transaction
of SQLite that reads before it writes could fail in the middle.

Errors are sorted here. What may be a matter of time is `StoreUnavailable`, what needs the hand of
an administrator is `StoreRefused`. An error in the program stays what it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from photon_runtime.errors import DeadlineExceeded, PhotonError
from photon_runtime.patch import new_waiter
from photon_runtime.transactions import on_commit

from ...errors import StoreRefused, StoreUnavailable, TasksError

Execute: TypeAlias = Callable[[str, Mapping[str, Any]], list[Any]]
"""Executes a statement with its parameters, and returns its rows."""

T = TypeVar("T")

_PHOTON: Final = "photon_backend"  # an execution option of the engines of photon-lifeguard
_OPTIONS: Final = {"photon_local": True}  # its statements leave nothing behind in the session
_ATTEMPTS: Final = 5
_PAUSE: Final = 0.01
# SQLite's result codes: BUSY, LOCKED, IOERR, FULL, CANTOPEN; READONLY, CORRUPT, NOTADB.
_PASSING_CODES: Final = frozenset([5, 6, 10, 13, 14])
_LASTING_CODES: Final = frozenset([8, 11, 26])
# SQLSTATE: the connection, the resources, the operator, locks, a standby that takes over.
_PASSING_STATES: Final = ("08", "53", "57", "55P03", "25006", "40")
# No password, no database, no privilege.
_LASTING_STATES: Final = ("28", "3D", "42501")
_REPEATED_STATES: Final = ("40001", "40P01")
_MISSING: Final = ("42P01", "no such table")


class Connections:
    """The connections of an engine.

    Args:
        engine: An engine of SQLite or PostgreSQL.

    Attributes:
        engine: The engine.
        is_sqlite: True for SQLite.
    """

    def __init__(self, engine: Engine) -> None:
        """Note the engine; nothing is opened."""
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._is_photon = _PHOTON in engine.get_execution_options()
        self._begins = self.is_sqlite and not self._is_photon
        self._errors: Any = engine.dialect.loaded_dbapi.Error

    # -- statements -------------------------------------------------------------------------------

    def single(self, statement: str, parameters: Mapping[str, Any]) -> list[Any]:
        """Execute one statement in a transaction of its own, and return its rows.

        Raises:
            StoreUnavailable: The statement may have been executed or not.
            StoreRefused: It cannot be executed with this configuration.

        Blocks: the calling task.
        """
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._single(statement, parameters)
            except StoreUnavailable as error:
                if not _is_repeatable(error.__cause__):
                    raise
            _pause(attempt)
        return self._single(statement, parameters)

    def _single(self, statement: str, parameters: Mapping[str, Any]) -> list[Any]:
        with self._connecting():
            connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(statement, parameters)
                rows = [] if cursor.description is None else [*cursor.fetchall()]
            finally:
                cursor.close()
            if not self._is_photon:
                connection.commit()
        except self._errors as error:
            if self.engine.dialect.is_disconnect(error, connection.driver_connection, None):
                connection.invalidate(error)
            self._raise(error)
        finally:
            connection.close()
        return rows

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        """Yield what executes statements in a transaction, which is committed at the end.

        Raises:
            StoreUnavailable: The transaction may have been committed or not.
            StoreRefused: It cannot be executed with this configuration.

        Blocks: the calling task.
        """
        with self._connecting():
            connection = self.engine.connect()
        with self._translated(), connection, connection.begin():
            if self._begins:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield self.joined(connection)

    def repeated(self, work: Callable[[Execute], T]) -> T:
        """Call ``work`` in a transaction, again if the server gave that up, and return its result.

        Blocks: the calling task.
        """
        for attempt in range(1, _ATTEMPTS):
            try:
                with self.transaction() as execute:
                    return work(execute)
            except StoreUnavailable as error:
                if not _is_repeatable(error.__cause__):
                    raise
            _pause(attempt)
        with self.transaction() as execute:
            return work(execute)

    def joined(self, connection: Connection) -> Execute:
        """Return what executes statements in the transaction of ``connection``."""

        def execute(statement: str, parameters: Mapping[str, Any]) -> list[Any]:
            result = connection.exec_driver_sql(
                statement, dict(parameters), execution_options=_OPTIONS
            )
            if not result.returns_rows:
                return []
            return [tuple(row) for row in result.fetchall()]

        return execute

    def after_commit(self, connection: Connection, call: Callable[[], object]) -> None:
        """Make a call after the commit of the transaction of ``connection``. Does not wait."""
        if self._is_photon:
            on_commit(call)
        else:
            event.listen(connection, "commit", lambda _: call(), once=True)

    # -- errors -----------------------------------------------------------------------------------

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            self._raise(error.orig or error)
        except self._errors as error:
            self._raise(error)

    @contextmanager
    def _connecting(self) -> Iterator[None]:
        try:
            with self._translated():
                yield
        except (TasksError, DeadlineExceeded):
            raise
        except (PoolTimeout, PhotonError) as error:  # the pool has none, and cannot open one
            raise StoreUnavailable(f"{self.engine.dialect.name}: {error}") from error

    def _raise(self, error: BaseException) -> None:
        """Raise an error of the driver as what it means for the store."""
        text = f"{self.engine.dialect.name}: {str(error).strip() or type(error).__name__}"
        if _state_of(error) == _MISSING[0] or _MISSING[1] in text:
            raise StoreUnavailable(
                f"{text}. The tables of jobs do not exist: start the application or a worker "
                "once, which makes them"
            ) from error
        if self._is_passing(error):
            raise StoreUnavailable(text) from error
        if self._is_lasting(error):
            raise StoreRefused(text) from error
        raise error

    def _is_passing(self, error: BaseException) -> bool:
        if self.is_sqlite:
            return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING_CODES
        state = _state_of(error)
        if not state:
            return isinstance(error, self.engine.dialect.loaded_dbapi.OperationalError)
        return state.startswith(_PASSING_STATES)

    def _is_lasting(self, error: BaseException) -> bool:
        if self.is_sqlite:
            return getattr(error, "sqlite_errorcode", 0) & 0xFF in _LASTING_CODES
        return _state_of(error).startswith(_LASTING_STATES)


def _state_of(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


def _is_repeatable(error: BaseException | None) -> bool:
    """Return whether the server has undone a transaction, so that the next attempt may succeed."""
    return _state_of(error) in _REPEATED_STATES


def _pause(attempt: int) -> None:
    new_waiter().wait(_PAUSE * 2**attempt * random.uniform(0.5, 1))
