"""Interrupted calls: the caller leaves at once, a background task cleans the connection up.

Theory of operation. A deadline or a cancellation interrupts the wait for a thread, and a thread
cannot be stopped. So the caller leaves, and the connection is *interrupted* until one background
task, an `Interruption`, has cleaned it up. It holds the lock of the connection, so that all other
callers wait for it:

1. It interrupts the statement, again and again until the thread has returned: SQLite forgets an
   interruption that comes between two statements of one call. A commit is not interrupted: it may
   or may not have taken effect, as with any database.
2. It rolls back. A statement that began the transaction is undone with it, as if it had failed. In
   a transaction that was open before, statements of the caller are lost (SQLite itself rolls back
   when a writing statement is interrupted), so that every further use fails until ``rollback()``.
   A statement that only reads leaves the transaction as it was.
3. It lets other cursors of the connection see their interruption, which SQLite does not forget
   while they are open.

After `CLEANUP_TIMEOUT` seconds the connection is *lost*: nothing can be done with it, and it is
closed when the thread has returned.

*Leaving in good order.* A cancelled task cannot wait for its ``rollback()`` or ``close()`` either;
`finish_later` does it in the background, before any use that comes later.
"""

from __future__ import annotations

import _sqlite3
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..._hub import Hub, current_hub
from ..._offload import Job
from ..._sync import Event
from .._clean_up import CLEANUP_TIMEOUT as CLEANUP_TIMEOUT
from .._clean_up import CleanUp
from ._state import ConnectionState, SettledCallback
from ._statements import Statement
from ._threads import Threads

if TYPE_CHECKING:
    from ._connection import Connection

_SHORTEST_RETRY, _LONGEST_RETRY = 0.002, 0.1
_Base = _sqlite3.Connection

_log = logging.getLogger("photon.runtime.sqlite")


def is_interrupted(connection: Connection) -> bool:
    """Return whether an interrupted call of ``connection`` is still being cleaned up."""
    return connection._photon_state.unsettled > 0


def when_settled(connection: Connection, callback: SettledCallback) -> None:
    """Call ``callback`` when ``connection`` is no longer interrupted, at once when it is not.

    For pools: a connection that is returned while it is interrupted becomes idle, or is replaced,
    when the callback is called. Does not wait.

    Args:
        connection: Connection of this driver.
        callback: Function that is called with ``True`` when the connection is usable (its
            transaction may have been rolled back, and need a ``rollback()``), or with ``False``
            when it is closed or lost. It runs in the hub that cleans up; its exceptions are logged.
    """
    state = connection._photon_state
    if state.unsettled:
        state.settled_callbacks.append(callback)
    else:
        callback(not (state.is_closed or state.is_lost))


def finish_later(connection: Connection, function: Callable[[], object]) -> None:
    """Call ``function``, which uses ``connection``, in the background, before any later use.

    Gives up a turn of the running task, but does not wait.
    """
    start_later(connection, function, current_hub(), waits_for_begin=True)


def start_later(
    connection: Connection,
    function: Callable[[], object],
    hub: Hub,
    *,
    waits_for_begin: bool = False,
) -> None:
    """Start a task of ``hub`` that calls ``function``; its errors are logged.

    Args:
        connection: Connection that the function uses.
        function: The function.
        hub: The hub.
        waits_for_begin: True to give up turns of the running task until the call has begun.
    """
    state = connection._photon_state
    state.unsettled += 1

    def report() -> None:
        _log.warning("a connection was not cleaned up in time: %r", connection)

    def finish() -> None:
        try:
            with clean_up.limited():  # whose scope would raise a group of errors
                try:
                    function()
                except _sqlite3.Error as error:
                    _log.warning(
                        "a connection could not be cleaned up in the background: %s", error
                    )
        finally:
            clean_up.end()
            _settle(connection, state)

    clean_up = CleanUp(hub, on_timeout=report)
    task = clean_up.spawn(finish)
    if waits_for_begin:
        clean_up.wait_for_begin(task)


def _settle(connection: Connection, state: ConnectionState) -> None:
    """Note the end of a clean-up."""
    state.unsettled -= 1
    if state.unsettled:
        return
    callbacks, state.settled_callbacks = state.settled_callbacks, []
    for callback in callbacks:
        try:
            callback(not (state.is_closed or state.is_lost))
        except Exception:
            _log.exception("a callback of when_settled() failed: %r", callback)


class Interruption:
    """The clean-up of one interrupted call."""

    def __init__(
        self,
        connection: Connection,
        job: Job | None,
        statement: Statement,
        hub: Hub,
        *,
        was_in_transaction: bool,
    ) -> None:
        """Prepare the clean-up; the caller passes the lock of the connection on to it.

        Args:
            connection: The connection.
            job: The call in its thread; ``None`` if none runs.
            statement: Its kind.
            hub: The running hub.
            was_in_transaction: True if a transaction was open before the call.
        """
        self._connection = connection
        self._state = connection._photon_state
        self._job = job
        self._statement = statement
        self._hub = hub
        self._was_in_transaction = was_in_transaction
        self._ended = Event()
        self._clean_up = CleanUp(hub, on_timeout=self._report)

    def start(self) -> None:
        """Start the clean-up. Gives up a turn of the running task, but does not wait."""
        self._state.unsettled += 1
        self._state.is_interrupted = True
        job = self._job
        if job is not None and not job.is_ended:
            job.when_ended = self._ended.set
            self._interrupt()
        else:
            self._ended.set()
        self._clean_up.wait_for_begin(self._clean_up.spawn(self._run))

    def _interrupt(self) -> None:
        if not self._statement.ends and not self._state.is_closed:
            _Base.interrupt(self._connection)

    def _run(self) -> None:
        state = self._state
        is_clean = False
        try:
            with self._clean_up.limited():
                try:
                    self._await_end()
                    state.is_interrupted = False
                    self._restore()
                    is_clean = True
                except _sqlite3.Error as error:
                    _log.warning("an interrupted transaction could not be rolled back: %s", error)
        finally:
            self._clean_up.end()
            if not is_clean:
                self._lose()
            state.lock.release()
            _settle(self._connection, state)

    def _await_end(self) -> None:
        """Interrupt the call until its thread has returned."""
        retry = _SHORTEST_RETRY
        while not self._ended.wait(retry):
            self._interrupt()
            retry = min(2 * retry, _LONGEST_RETRY)

    def _restore(self) -> None:
        """Leave the connection without half a transaction."""
        connection, state = self._connection, self._state
        if state.is_closed:
            return
        is_open = connection.in_transaction
        is_intact = is_open and self._was_in_transaction and self._statement.is_read
        if not is_intact:
            if is_open or (self._was_in_transaction and _begins_by_itself(connection)):
                Threads.of(self._hub).start(self._roll_back).wait()
            is_lost = self._was_in_transaction and not self._statement.undoes
            if is_lost and (is_open or not self._statement.ends):
                state.is_failed = True
            state.end_transaction()
        if state.open_cursors:
            Threads.of(self._hub).start(self._end_cursors).wait()

    def _roll_back(self) -> None:
        connection = self._connection
        if not connection.in_transaction:  # SQLite has rolled back, and Python does not know
            _sqlite3.Cursor(connection).execute("BEGIN")
        _Base.rollback(connection)

    def _end_cursors(self) -> None:
        for cursor in list(self._state.open_cursors):
            cursor._photon_read_error()

    def _report(self) -> None:
        _log.warning(
            "an interrupted statement did not end in time, the connection is lost: %r",
            self._connection,
        )

    def _lose(self) -> None:
        state, job = self._state, self._job
        state.is_lost = True
        if job is not None and not job.is_ended:
            job.when_ended = self._close_lost

    def _close_lost(self) -> None:
        start_later(self._connection, self._connection._photon_close_lost, self._hub)


def _begins_by_itself(connection: Connection) -> bool:
    """Whether a transaction is always open, as with ``autocommit=False`` of Python 3.12."""
    return getattr(connection, "autocommit", None) is False
