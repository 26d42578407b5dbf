"""`Cursor`: a cursor whose statements and fetches pause one coroutine."""

from __future__ import annotations

import _sqlite3
import functools
import itertools
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Self, cast

from ..._pooled_greenlet import running_task
from ._calls import call, call_surely
from ._interruption import finish_later, is_interrupted, start_later
from ._rows import FIRST_ROWS, MORE_ROWS, Ahead, Row, read_ahead, read_many
from ._state import ConnectionState
from ._statements import NEUTRAL, READ, SCRIPT, WRITE, Statement, classify

if TYPE_CHECKING:
    from ._connection import Connection

_Base = _sqlite3.Cursor
_END: Final = object()
_CHUNK = 1000
_CHUNK_TIME = 0.005
_BEGIN_A_TRANSACTION = ("INSERT", "UPDATE", "DELETE", "REPLACE")
_time = time.perf_counter


def _nothing() -> None:
    """Do nothing: every call ends the forgotten cursors first."""


class Cursor(_Base):
    """A `sqlite3.Cursor` whose calls pause one coroutine instead of the thread.

    ``execute()`` reads the first rows, too, so that short results need one visit to a thread.
    Parameters are adapted, and rows are read, in a thread; the items of ``executemany()`` are
    computed in the caller. The row factory runs in the caller, or for ``fetchall()`` of many rows
    in a thread.
    """

    _photon_rows: deque[Row] | None = None
    """Rows that were read and not fetched."""
    _photon_error: Exception | None = None
    """The error that follows these rows."""
    _photon_is_active = False
    """Whether SQLite may have further rows of the last statement."""
    _photon_rowcount: int | None = None
    """Sum of the parts of an ``executemany()``, ``None`` after other statements."""
    _photon_is_busy = False
    """Whether an ``executemany()`` computes its parameters."""

    @property
    def _photon_connection(self) -> Connection:
        connection = getattr(self, "connection", None)
        if connection is None:
            raise _sqlite3.ProgrammingError("Base Cursor.__init__ not called.")
        return cast("Connection", connection)

    @property
    def _photon_state(self) -> ConnectionState:
        return self._photon_connection._photon_state

    @property
    def _photon_is_open(self) -> bool:
        """Whether SQLite may have further rows, for which it keeps its snapshot."""
        return self._photon_is_active

    @property
    def rowcount(self) -> int:
        """Number of rows that the last statement has changed; -1 for other statements."""
        if self._photon_rowcount is not None:
            return self._photon_rowcount
        return cast("int", _Base.rowcount.__get__(self))

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        """Execute a statement; see `sqlite3.Cursor.execute`.

        Raises:
            sqlite3.Error: The statement failed, or the database stayed locked.
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task, until the first rows are there.
        """
        self._photon_begin()
        statement = classify(sql)
        connection = self._photon_connection
        if statement.undoes:
            call(
                connection,
                functools.partial(self._photon_execute_rollback, sql, parameters),
                statement,
            )
            return self
        if running_task() is None:
            call(connection, functools.partial(_Base.execute, self, sql, parameters), statement)
            self._photon_is_active = self.description is not None
            return self
        self._photon_note(
            call(connection, functools.partial(self._photon_execute, sql, parameters), statement)
        )
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        """Execute a statement for each item; see `sqlite3.Cursor.executemany`.

        The items are computed in the caller, some at a time.

        Raises:
            sqlite3.Error: A statement failed, or the database stayed locked.
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task, until all are executed.
        """
        self._photon_begin()
        connection = self._photon_connection
        if running_task() is None:
            call(
                connection,
                functools.partial(_Base.executemany, self, sql, parameters),
                classify(sql),
            )
            return self
        total = 0
        for chunk in self._photon_chunks(parameters):
            statement = self._photon_kind_of_many(sql)
            call(connection, functools.partial(_Base.executemany, self, sql, chunk), statement)
            total += self.rowcount
        self._photon_rowcount = total if total >= 0 else -1
        return self

    def executescript(self, sql_script: str, /) -> Self:
        """Execute several statements; see `sqlite3.Cursor.executescript`.

        Raises:
            sqlite3.Error: A statement failed, or the database stayed locked.
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task, until all are executed.
        """
        self._photon_begin()
        script = functools.partial(_Base.executescript, self, sql_script)
        call(self._photon_connection, script, SCRIPT)
        return self

    def fetchone(self) -> Any:
        """Return the next row, ``None`` without one; see `sqlite3.Cursor.fetchone`.

        Blocks: the calling task, unless the row was read ahead.
        """
        row = self._photon_next_row()
        return None if row is _END else row

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows; see `sqlite3.Cursor.fetchmany`.

        Args:
            size: Number of rows at the most; ``None`` for ``arraysize``.

        Blocks: the calling task, unless the rows were read ahead.
        """
        size = self.arraysize if size is None else size
        if size <= 0:  # SQLite's module decides what that means
            return self.fetchall() if self._photon_rows else _Base.fetchmany(self, size)
        rows = list(itertools.islice(self._photon_ready_rows(), size))
        return self._photon_read(rows, size) if len(rows) < size else rows

    def fetchall(self) -> list[Any]:
        """Return all remaining rows; see `sqlite3.Cursor.fetchall`.

        Blocks: the calling task, unless the rows were read ahead.
        """
        return self._photon_read(list(self._photon_ready_rows()), None)

    def __next__(self) -> Any:
        """Return the next row; see `fetchone`."""
        row = self._photon_next_row()
        if row is _END:
            raise StopIteration
        return row

    def close(self) -> None:
        """Close the cursor; see `sqlite3.Cursor.close`.

        Blocks: the calling task, if rows are left to read, until another call has ended.
        """
        self._photon_refuse_recursion()
        is_active, self._photon_is_active = self._photon_is_active, False
        self._photon_rows, self._photon_error = None, None
        connection = self._photon_connection
        if is_interrupted(connection) and running_task() is not None:
            # A thread may still execute the statement that its caller has left.
            end = functools.partial(_Base.close, self)
            finish_later(connection, functools.partial(call, connection, end, NEUTRAL))
        elif is_active and not self._photon_state.is_closed:
            call_surely(self._photon_connection, functools.partial(_Base.close, self), NEUTRAL)
        else:
            _Base.close(self)

    def __del__(self) -> None:
        """End a statement with rows to read in a thread; here it could wait for another one."""
        if self._photon_is_active:
            connection = self._photon_connection
            hub = connection._photon_state.hub
            if hub is not None and not connection._photon_state.is_closed:
                connection._photon_state.forgotten.append(self)
                end = functools.partial(call, connection, _nothing, NEUTRAL)
                hub.post(functools.partial(start_later, connection, end, hub))

    def _photon_read_error(self) -> None:
        """Read on, and leave the error to the next fetch. Runs in a thread."""
        if self._photon_is_active and self._photon_error is None:
            further = read_ahead(self, 1)
            self._photon_rows = deque([*(self._photon_rows or ()), *further.rows])
            self._photon_error = further.error
            self._photon_is_active = further.has_more

    def _photon_begin(self) -> None:
        """Forget the last statement."""
        self._photon_refuse_recursion()
        self._photon_rows, self._photon_error, self._photon_rowcount = None, None, None
        self._photon_is_active = False

    def _photon_refuse_recursion(self) -> None:
        if self._photon_is_busy:
            raise _sqlite3.ProgrammingError("Recursive use of cursors not allowed.")

    def _photon_execute(self, sql: str, parameters: Any) -> Ahead | None:
        """Execute a statement and read its first rows. Runs in a thread."""
        _Base.execute(self, sql, parameters)
        if self.description is None:
            return None
        ahead = read_ahead(self, FIRST_ROWS)
        state = self._photon_state
        if ahead.has_more and state.is_interrupted:  # the caller has left: the clean-up ends it
            self._photon_is_active = True
            state.open_cursors.add(self)
        return ahead

    def _photon_execute_rollback(self, sql: str, parameters: Any) -> None:
        """Execute a rollback, also of a transaction that the driver has rolled back already."""
        state = self._photon_state
        if state.is_failed and not self.connection.in_transaction:
            _Base.execute(self, "BEGIN")
        _Base.execute(self, sql, parameters)
        state.is_failed = False

    def _photon_kind_of_many(self, sql: str) -> Statement:
        connection = self._photon_connection
        if connection.in_transaction:
            return WRITE
        is_begun = (
            connection.isolation_level is not None
            and getattr(connection, "autocommit", -1) != 1
            and sql.lstrip()[:7].upper().startswith(_BEGIN_A_TRANSACTION)
        )
        return WRITE if is_begun else SCRIPT  # in which each item is a transaction of its own

    def _photon_chunks(self, parameters: Iterable[Any]) -> Iterator[list[Any]]:
        """Compute the parameters, some at a time; the first part may be empty."""
        items = iter(parameters)
        chunk = self._photon_next_chunk(items)
        yield chunk
        while chunk:
            chunk = self._photon_next_chunk(items)
            if chunk:
                yield chunk

    def _photon_next_chunk(self, items: Iterator[Any]) -> list[Any]:
        chunk: list[Any] = []
        end = _time() + _CHUNK_TIME
        self._photon_is_busy = True
        try:
            for item in items:
                chunk.append(item)
                if len(chunk) >= _CHUNK or _time() > end:
                    break
        finally:
            self._photon_is_busy = False
        return chunk

    def _photon_note(self, ahead: Ahead | None) -> None:
        """Take over rows that were read ahead."""
        if ahead is None:
            return
        self._photon_rows, self._photon_error = ahead.rows, ahead.error
        self._photon_is_active = ahead.has_more
        if ahead.has_more:
            self._photon_state.open_cursors.add(self)

    def _photon_ready_rows(self) -> Iterator[Any]:
        """Take the rows that were read ahead, and raise the error that follows them."""
        if not self._photon_rows and self._photon_error is None:
            return
        state = self._photon_state
        state.refuse_foreign_use()
        while self._photon_rows and not state.is_closed:
            row = self._photon_rows.popleft()
            factory: Any = self.row_factory
            yield row if factory is None else factory(self, row)
        error, self._photon_error = self._photon_error, None
        if error is not None:
            raise error

    def _photon_next_row(self) -> Any:
        """Return the next row, `_END` without one."""
        rows = self._photon_rows
        if rows and not self._photon_state.is_closed:
            row = rows.popleft()
            factory: Any = self.row_factory
            return row if factory is None else factory(self, row)
        for row in self._photon_ready_rows():
            return row
        if not self._photon_is_active or self._photon_state.is_closed or running_task() is None:
            try:
                return _Base.__next__(self)
            except StopIteration:
                self._photon_is_active = False
                return _END
        self._photon_note(
            call(self._photon_connection, functools.partial(read_ahead, self, MORE_ROWS), READ)
        )
        return self._photon_next_row()

    def _photon_read(self, rows: list[Any], most: int | None) -> list[Any]:
        """Read on until there are ``most`` rows, ``None`` for all; return them."""
        if not self._photon_is_active or self._photon_state.is_closed or running_task() is None:
            left = _Base.fetchall(self) if most is None else _Base.fetchmany(self, most - len(rows))
            return rows + left if rows else left
        state = self._photon_state
        read = functools.partial(read_many, self, rows, most, lambda: state.is_interrupted)
        self._photon_is_active = call(self._photon_connection, read, READ)
        return rows
