"""`call`: one call of SQLite, in a thread and on time for a task, at once for all others.

Theory of operation. A task that uses a connection takes the connection's lock, has the call made in
a thread, and parks. A call that SQLite refuses because another connection has locked the database
waits in the hub and is made again, until the timeout of the connection: writers in the fair queue
of the file (`_write_lock`), and its head and all others by polling, because other processes give no
notice. SQLite's own busy handler is off meanwhile; it would block a thread that the holder may need
for its commit. Only calls that cannot be made again (scripts) use it.

*Which refusals are final* follows SQLite. It does not wait where a wait cannot help: a transaction
that has read keeps its snapshot, and when another connection writes meanwhile, it can never write.
So a writer that has read does not queue either: it would keep the others from their commit.

*A cancelled caller* leaves at once; `_interruption` takes the call over, with the lock.

Outside of tasks the call is made directly. Writers of real threads wait in the same queue, which
blocks their thread, and then SQLite waits by itself, as in plain Python.
"""

from __future__ import annotations

import _sqlite3
import contextvars
import functools
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from greenlet import GreenletExit

from ..._hub import Hub, current_hub
from ..._offload import Job
from ..._pooled_greenlet import current_task, running_task
from ..._run import sleep
from ...errors import Cancelled
from ...patch import real_get_ident
from ._interruption import Interruption, finish_later
from ._state import ConnectionState
from ._statements import OTHER, Statement
from ._threads import Threads
from ._write_lock import LONGEST_POLL

if TYPE_CHECKING:
    from ._connection import Connection

T = TypeVar("T")

_BaseCursor = _sqlite3.Cursor
_SHORTEST_POLL = 0.001
_THREAD = "a thread"
"""Name of callers that are not tasks."""
_BUSY, _BUSY_SNAPSHOT, _LOCKED_SHAREDCACHE = 5, 517, 262


def call(connection: Connection, function: Callable[[], T], statement: Statement = OTHER) -> T:
    """Call ``function``, which uses ``connection``, while no other caller uses it.

    Args:
        connection: The connection.
        function: A call of SQLite. It runs in a thread if the caller is a task.
        statement: The kind of the statement that it executes.

    Raises:
        sqlite3.Error: As ``function``, or the connection cannot be used by the caller.
        Cancelled: A scope around the task was cancelled.

    Blocks: the calling task, or the calling thread outside of tasks.
    """
    state = connection._photon_state
    state.refuse_foreign_use()
    if running_task() is None:
        return _call_directly(connection, state, function, statement)
    state.lock.acquire()
    one = _Call(connection, state, function, statement)
    try:
        return one.run()
    finally:
        if not one.is_left:
            state.lock.release()


def call_surely(
    connection: Connection, function: Callable[[], object], statement: Statement = OTHER
) -> None:
    """Call ``function`` like `call`, and do it in the background if the caller is cancelled.

    For what leaves a clean state behind: ``rollback()`` and ``close()`` of a cancelled task.
    """
    if running_task() is None:
        call(connection, function, statement)
        return
    connection._photon_state.refuse_foreign_use()
    again = functools.partial(call, connection, function, statement)
    if current_task().scope.cause() is not None:
        finish_later(connection, again)
        return
    has_begun = False

    def begin() -> None:
        nonlocal has_begun
        has_begun = True
        function()

    try:
        call(connection, begin, statement)
    except Cancelled:
        if not has_begun:
            finish_later(connection, again)
        raise


def call_inline(connection: Connection, function: Callable[[], T]) -> T:
    """Call ``function``, which is short, on the calling thread while no call runs."""
    state = connection._photon_state
    state.refuse_foreign_use()
    if state.runner == real_get_ident():
        return function()
    with state.lock:
        return function()


def _call_directly(
    connection: Connection, state: ConnectionState, function: Callable[[], T], statement: Statement
) -> T:
    ident = real_get_ident()
    if state.runner == ident:  # a callback of SQLite uses the connection that calls it
        return function()
    with state.lock:
        state.refuse_unusable(statement)
        if statement.is_write:
            state.take_turn(_THREAD)
        try:
            result = _run(connection, state, function, statement, state.timeout)
        except BaseException as error:
            _note_failure(connection, statement, _THREAD, error)
            raise
        _observe(connection, statement, _THREAD, succeeded=True)
        return result


def _run(
    connection: Connection,
    state: ConnectionState,
    function: Callable[[], T],
    statement: Statement,
    timeout: float,
) -> T:
    """Make the call, in the thread that runs this."""
    state.runner = real_get_ident()
    try:
        while state.forgotten:
            _BaseCursor.close(state.forgotten.pop())
        if statement.sets_timeout:
            timeout = state.timeout
        if state.sqlite_timeout != timeout and state.write_lock is not None:
            _set_sqlite_timeout(connection, state, timeout)
        result = function()
        if statement.sets_timeout:
            (milliseconds,) = _pragma(connection, "PRAGMA busy_timeout")
            state.timeout = state.sqlite_timeout = milliseconds / 1000
        return result
    finally:
        state.runner = None


def _set_sqlite_timeout(connection: Connection, state: ConnectionState, timeout: float) -> None:
    milliseconds = max(0, min(int(timeout * 1000), 2**31 - 1))
    try:
        _pragma(connection, f"PRAGMA busy_timeout = {milliseconds}")
    except _sqlite3.DatabaseError:  # an authorizer has refused it
        return
    state.sqlite_timeout = timeout


def _pragma(connection: Connection, sql: str) -> tuple[int]:
    cursor = _BaseCursor(connection)
    cursor.row_factory = None
    return cast("tuple[int]", cursor.execute(sql).fetchone())


def _observe(connection: Connection, statement: Statement, caller: str, *, succeeded: bool) -> None:
    state = connection._photon_state
    is_over = statement.completes and succeeded
    if state.is_closed or is_over or not connection.in_transaction:
        state.end_transaction()
    else:
        state.observe(statement, caller, succeeded=succeeded)


def _is_locked(error: BaseException) -> bool:
    """Whether another connection has locked the database or a table."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == _BUSY or code == _LOCKED_SHAREDCACHE


def _note_failure(
    connection: Connection, statement: Statement, caller: str, error: BaseException
) -> None:
    """Note a failure; give the turn up if SQLite has not let the connection write."""
    _observe(connection, statement, caller, succeeded=False)
    if _is_locked(error) and not connection._photon_state.is_writer:
        connection._photon_state.release_write_lock()


class _Call(Generic[T]):
    """One call of a task, which holds the lock of the connection.

    Attributes:
        is_left: True after the call was handed over to its clean-up, with the lock.
    """

    __slots__ = (
        "_connection",
        "_function",
        "_hub",
        "_is_late",
        "_state",
        "_statement",
        "_was_in_transaction",
        "is_left",
    )

    def __init__(
        self,
        connection: Connection,
        state: ConnectionState,
        function: Callable[[], T],
        statement: Statement,
    ) -> None:
        """Prepare the call."""
        self.is_left = False
        self._connection = connection
        self._state = state
        self._function = function
        self._statement = statement
        self._hub: Hub = current_hub()
        self._is_late = False
        self._was_in_transaction = not state.is_closed and connection.in_transaction

    def run(self) -> T:
        """Make the call, again and again while the database is locked."""
        state = self._state
        state.hub = self._hub
        state.refuse_unusable(self._statement)
        try:
            if self._statement.is_write:
                self._take_turn()
            return self._attempt()
        except _sqlite3.OperationalError as error:
            if not self._may_repeat(error):
                self._fail(error)
                raise
        except BaseException:
            self._leave()
            raise
        return self._repeat()

    def _repeat(self) -> T:
        """Wait for other connections, and make the call again."""
        state, hub = self._state, self._hub
        expires = hub.time() + state.timeout
        interval = _SHORTEST_POLL
        while True:
            try:
                if self._should_queue():
                    self._take_turn()
                else:
                    if state.holds_write_lock and state.write_lock is not None:
                        state.write_lock.note_contention()
                    sleep(interval * (0.5 + 0.5 * random.random()))
                    interval = min(2 * interval, LONGEST_POLL)
                return self._attempt()
            except _sqlite3.OperationalError as error:
                if not self._may_repeat(error) or hub.time() >= expires:
                    self._fail(error)
                    raise
            except BaseException:
                self._leave()
                raise

    def _should_queue(self) -> bool:
        """Whether the statement may be a writer, which waits for its turn among writers."""
        state, statement = self._state, self._statement
        is_writer = not (statement.is_read or statement.ends)
        return is_writer and state.write_lock is not None and not state.holds_write_lock

    def _take_turn(self) -> None:
        """Wait for the turn among the writers of the database."""
        # Without a turn one attempt remains: SQLite knows who writes, and has the usual error.
        state = self._state
        lock = state.write_lock
        if lock is None or state.holds_write_lock:
            return
        may_wait = not (state.has_read or state.is_writer)
        self._is_late = not state.take_turn(current_task().name)
        if may_wait and not self._is_late and (pause := lock.pause_due()):
            sleep(pause)

    def _attempt(self) -> T:
        """Make the call once."""
        state, statement = self._state, self._statement
        timeout = 0.0 if statement.is_retriable else state.timeout
        context = contextvars.copy_context()
        job = Threads.of(self._hub).start(
            functools.partial(
                context.run, _run, self._connection, state, self._function, statement, timeout
            )
        )
        try:
            result = job.wait()
        except GreenletExit:  # the hub has ended, and no task can clean up
            state.is_lost = True
            raise
        except BaseException:
            if job.is_left:
                self._interrupt(job)
            raise
        _observe(self._connection, statement, current_task().name, succeeded=True)
        return cast("T", result)

    def _may_repeat(self, error: _sqlite3.OperationalError) -> bool:
        """Whether the call may succeed later, when other connections have unlocked the database."""
        if not _is_locked(error):
            return False
        state = self._state
        has_snapshot = state.has_read and self._was_in_transaction and not state.is_writer
        if error.sqlite_errorcode == _BUSY_SNAPSHOT:
            # Without a snapshot, another process has written while this statement began.
            has_snapshot = has_snapshot or any(
                cursor._photon_is_open for cursor in state.open_cursors
            )
        if has_snapshot and not self._statement.ends:
            error.add_note(
                "The transaction has read before it writes, and another connection has written "
                "meanwhile or is about to: begin transactions that write with BEGIN IMMEDIATE."
            )
            return False
        if self._is_late or state.timeout <= 0 or not self._statement.is_retriable:
            self._explain(error)
            return False
        return True

    def _explain(self, error: _sqlite3.OperationalError) -> None:
        """Name the holder of the write lock."""
        lock = self._state.write_lock
        status = None if lock is None else lock.status
        if status is not None and status.holder is not None and not self._state.holds_write_lock:
            error.add_note(
                f"{status.holder!r} of this process writes to the database since "
                f"{status.held_for:.1f} seconds ago; {status.waiting} other callers wait for it."
            )

    def _fail(self, error: BaseException) -> None:
        _note_failure(self._connection, self._statement, current_task().name, error)

    def _leave(self) -> None:
        """Note a failure; roll back what a cancelled call has begun while it waited."""
        connection, state = self._connection, self._state
        if self.is_left or state.is_lost:
            return
        _observe(connection, self._statement, current_task().name, succeeded=False)
        if current_task().scope.cause() is None or state.is_closed or self._was_in_transaction:
            return
        if connection.in_transaction:
            self._interrupt(None)

    def _interrupt(self, job: Job | None) -> None:
        self.is_left = True
        Interruption(
            self._connection,
            job,
            self._statement,
            self._hub,
            was_in_transaction=self._was_in_transaction,
        ).start()
