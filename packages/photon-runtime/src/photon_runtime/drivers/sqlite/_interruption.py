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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..._cancel import CancelScope
from ..._hub import Hub, current_hub
from ..._offload import Job
from ..._run import new_task, yield_now
from ..._scope import Scope, scope, shield
from ..._sync import Event
from ..._task import Task
from ._state import ConnectionState, SettledCallback
from ._statements import Statement
from ._threads import Threads

if TYPE_CHECKING:
    from ._connection import Connection

CLEANUP_TIMEOUT = 5.0
"""Seconds after which an interrupted connection is usable again or lost."""

_TIMEOUT_AT_END = 1.0
_SHORTEST_RETRY, _LONGEST_RETRY = 0.002, 0.1
_Base = _sqlite3.Connection

_log = logging.getLogger("photon.runtime.sqlite")


def is_interrupted(connection: Connection) -> bool:
    """Return whether an interrupted call of ``connection`` is still being cleaned up."""
    return connection.state.unsettled > 0


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
    state = connection.state
    if state.unsettled:
        state.settled_callbacks.append(callback)
    else:
        callback(not (state.is_closed or state.is_lost))


class _NoTask:
    """The owner of a scope without a task."""

    def cancellation_changed(self) -> None:
        """Do nothing."""


class _Cleanups:
    """The clean-ups that run in one hub; shortens them when it ends."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._blocks: dict[Scope, None] = {}

    @classmethod
    def of(cls, hub: Hub) -> _Cleanups:
        """Return the clean-ups of ``hub``."""
        found = hub.resources.get(cls)
        if not isinstance(found, cls):
            found = hub.resources[cls] = cls(hub)
        return found

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """A block that no caller can cancel, and that is cut off after some seconds."""
        hub = self._hub
        limit = _TIMEOUT_AT_END if hub.is_ending else CLEANUP_TIMEOUT
        with shield(), scope() as block:
            timer = hub.timers.add(hub.time() + limit, block.cancel)
            self._blocks[block] = None
            try:
                yield
            finally:
                timer.cancel()
                del self._blocks[block]

    def leave(self) -> None:
        """Let all end soon: the hub's main task has ended."""
        for block in list(self._blocks):
            self._hub.timers.add(self._hub.time() + _TIMEOUT_AT_END, self._end(block))

    def _end(self, block: Scope) -> Callable[[], None]:
        def end() -> None:
            if block in self._blocks:
                block.cancel()

        return end


def spawn_detached(hub: Hub, function: Callable[[], None]) -> Task[None]:
    """Start a task of the driver, which no scope of the caller cancels."""
    # In a scope that is not cancelled: a hub that is ending cancels new tasks without one.
    task = new_task(hub, function, function, parent=CancelScope(_NoTask(), None))
    hub.spawn(task)
    return task


def _let_begin(task: Task[None]) -> None:
    """Let ``task`` have its first turn, before the caller continues."""
    with shield():
        while not task.has_begun:  # a task cancelled earlier never runs
            yield_now()


def finish_later(connection: Connection, function: Callable[[], object]) -> None:
    """Call ``function``, which uses ``connection``, in the background, before any later use.

    Gives up a turn of the running task, but does not wait.
    """
    _let_begin(start_later(connection, function, current_hub()))


def start_later(connection: Connection, function: Callable[[], object], hub: Hub) -> Task[None]:
    """Start a task of ``hub`` that calls ``function``; its errors are logged."""
    state = connection.state
    state.unsettled += 1

    def finish() -> None:
        is_done = False
        try:
            with _Cleanups.of(hub).bounded():
                function()
                is_done = True
        except _sqlite3.Error as error:
            is_done = True
            _log.warning("a connection could not be cleaned up in the background: %s", error)
        finally:
            if not is_done:
                _log.warning("a connection was not cleaned up in time: %r", connection)
            _settle(connection, state)

    return spawn_detached(hub, finish)


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
        self._state = connection.state
        self._job = job
        self._statement = statement
        self._hub = hub
        self._was_in_transaction = was_in_transaction
        self._ended = Event()

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
        _let_begin(spawn_detached(self._hub, self._clean_up))

    def _interrupt(self) -> None:
        if not self._statement.ends and not self._state.is_closed:
            _Base.interrupt(self._connection)

    def _clean_up(self) -> None:
        state = self._state
        is_clean = False
        try:
            with _Cleanups.of(self._hub).bounded():
                self._await_end()
                state.is_interrupted = False
                self._restore()
                is_clean = True
        except _sqlite3.Error as error:
            _log.warning("an interrupted transaction could not be rolled back: %s", error)
        finally:
            if not is_clean:
                self._give_up()
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
            cursor.read_error()

    def _give_up(self) -> None:
        state, job = self._state, self._job
        state.is_lost = True
        _log.warning(
            "an interrupted statement did not end in time, the connection is lost: %r",
            self._connection,
        )
        if job is not None and not job.is_ended:
            job.when_ended = self._close_lost

    def _close_lost(self) -> None:
        start_later(self._connection, self._connection.close_lost, self._hub)


def _begins_by_itself(connection: Connection) -> bool:
    """Whether a transaction is always open, as with ``autocommit=False`` of Python 3.12."""
    return getattr(connection, "autocommit", None) is False
