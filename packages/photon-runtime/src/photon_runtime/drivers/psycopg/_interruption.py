"""Interrupted queries: the call ends at once, a background task cleans the connection up.

Theory of operation. A deadline or a cancellation interrupts the wait for a query and leaves
psycopg's generator suspended, while the server still executes the query. The next command on that
connection would fail, or read the result of this one. So the call ends without waiting, and the
connection is *interrupted* until one background task, an `Interruption`, has cleaned it up:

1. It asks the server to cancel the query, again every `_RETRY` seconds, because a request may
   arrive between two commands of one call (``BEGIN`` and the query after it).
2. It resumes the generator, which reads the result to its end and updates psycopg's own state.
3. It runs the commands that undo a transaction, which the interrupted caller could not run.

After that the connection is usable, or it is closed: when the server did not respond within
`CLEANUP_TIMEOUT` seconds; in the middle of a copy, a stream or a pipeline, of which the generator
was only a part; and when the query completed inside of a transaction before the request arrived and
was not undone, because its caller was led to believe that it failed. A connection never becomes
usable while a request is being sent: the request would cancel the next query.

*The end of the hub* waits for clean-ups `TIMEOUT_AT_END` seconds at the most.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, PipelineStatus, TransactionStatus

from ..._hub import Hub
from ..._run import yield_now
from ..._sync import Event
from ..._task import Task
from .._clean_up import CleanUp
from ._cancel_request import CancelRequest, new_cancel_request
from ._socket_watch import release
from ._waiting import wait_on

AnyConnection = psycopg.Connection[Any]
SettledCallback = Callable[[bool], object]

_RETRY = 0.5
_INTERVAL = 0.1  # after which a generator finds out that its connection was closed
_ATTRIBUTE = "_photon_interruption"
UNDOES = "undoes_interruptions"
"""Name of an attribute of connections; see `Connection`."""

_log = logging.getLogger("photon.runtime.psycopg")


def is_interrupted(connection: AnyConnection) -> bool:
    """Return whether an interrupted query of ``connection`` is still being cleaned up."""
    return interruption_of(connection) is not None


def when_settled(connection: AnyConnection, callback: SettledCallback) -> None:
    """Call ``callback`` when ``connection`` is no longer interrupted, at once when it is not.

    For pools: a connection that is returned while it is interrupted becomes idle, or is replaced,
    when the callback is called. Does not wait.

    Args:
        connection: Connection that cooperates.
        callback: Function that is called with ``True`` when the connection is usable (its
            transaction may have
            failed and need a rollback), or with ``False`` when it is closed. It runs in the hub
            that cleans up; its exceptions are logged.
    """
    interruption = interruption_of(connection)
    if interruption is None:
        callback(not connection.closed)
    else:
        interruption.callbacks.append(callback)


def refuse_if_interrupted(connection: AnyConnection) -> None:
    """Refuse to use an interrupted connection where nothing can wait for its clean-up.

    Raises:
        psycopg.OperationalError: The connection is interrupted.
    """
    if interruption_of(connection) is not None:
        raise psycopg.OperationalError(
            "the connection is being cleaned up after an interrupted query, by a coroutine of "
            "another thread: try again later, or use another connection"
        )


def interruption_of(connection: AnyConnection) -> Interruption | None:
    """Return the running clean-up of ``connection``, ``None`` for a usable connection."""
    interruption: Interruption | None = connection.__dict__.get(_ATTRIBUTE)
    return interruption


def is_busy(connection: AnyConnection) -> bool:
    """Return whether the connection executes a query or is in a pipeline and cannot send one."""
    pgconn = connection.pgconn
    return (
        pgconn.transaction_status == TransactionStatus.ACTIVE
        or pgconn.pipeline_status != PipelineStatus.OFF
    )


class Interruption:
    """The clean-up of one interrupted connection.

    Attributes:
        hub: Hub whose task cleans up.
        settled: Event that is set at the end, when the connection is usable or closed.
        undoing: Generators that leave transactions, to be run after the query has ended.
        callbacks: Functions that are called at the end: is the connection usable?
    """

    def __init__(
        self,
        connection: AnyConnection,
        gen: Generator[int, int, object],
        hub: Hub,
        *,
        is_short: bool,
    ) -> None:
        """Prepare the clean-up, so that the connection may be closed from now on.

        Args:
            connection: The connection.
            gen: The suspended generator.
            hub: The running hub.
            is_short: True if the query is expected to end soon, and is cancelled only if it does
                not.
        """
        self.hub = hub
        self.settled = Event()
        self.undoing: deque[Generator[int, int, object]] = deque()
        self.callbacks: list[SettledCallback] = []
        self._connection = connection
        self._gen = gen
        self._ended = Event()  # the query
        self._cancelling: Task[None] | None = None
        self._request = None if is_short else _cancel_request(connection)
        if connection.pgconn.pipeline_status != PipelineStatus.OFF:
            # How many commands were executed is unknown, and leaving it calls libpq at once.
            connection.pgconn.finish()

    def start(self) -> None:
        """Start the clean-up. Gives up a turn of the running task, but does not wait."""
        self._connection.__dict__[_ATTRIBUTE] = self
        self._work = work = CleanUp(self.hub, on_timeout=self._give_up)
        self._cancelling = work.spawn(self._cancel_until_ended)
        work.wait_for_begin(self._cancelling, work.spawn(self._clean_up))

    def _clean_up(self) -> None:
        is_usable = False
        try:
            with self._work.limited():
                is_usable = self._is_cleaned()
        finally:
            self._ended.set()
            self._work.end()
            self._settle(is_usable)

    def _give_up(self) -> None:
        _log.warning(
            "an interrupted query did not end in time, the connection is closed: %r",
            self._connection,
        )

    def _is_cleaned(self) -> bool:
        """Clean up; return whether the connection is usable."""
        pgconn = self._connection.pgconn
        completed = self._end_query()
        undone = self._undo()
        if pgconn.status != ConnStatus.OK or is_busy(self._connection):
            return False
        status = pgconn.transaction_status
        undone = undone or bool(getattr(self._connection, UNDOES, False))
        if status == TransactionStatus.INTRANS and completed and not undone:
            yield_now()  # the caller may be about to pass on the end of its transaction
            undone = self._undo()
            status = pgconn.transaction_status
        return status in (TransactionStatus.IDLE, TransactionStatus.INERROR) or (
            status == TransactionStatus.INTRANS and (undone or not completed)
        )

    def _end_query(self) -> bool:
        """Let the query end; return whether it completed."""
        completed = self._resume(self._gen)
        self._ended.set()
        if self._cancelling is not None:
            self._cancelling.join()  # a request that arrives later would cancel the next query
        return completed

    def _undo(self) -> bool:
        """Leave the transactions that the caller could not leave; return whether all succeeded."""
        undone = False
        while self.undoing:
            undone = self._resume(self.undoing.popleft())
        return undone

    def _resume(self, gen: Generator[int, int, object]) -> bool:
        """Run ``gen`` to its end; return whether it succeeded."""
        pgconn = self._connection.pgconn
        if pgconn.status != ConnStatus.OK:
            try:
                gen.close()
            except psycopg.Error:
                pass  # that of a pipeline calls libpq even when it is closed
            return False
        try:
            wait_on(self._connection, gen, _INTERVAL)
        except psycopg.Error:  # it was cancelled, as intended, or has failed by itself
            return False
        except Exception:
            _log.exception("the clean-up of an interrupted query failed")
            pgconn.finish()
            return False
        return True

    def _cancel_until_ended(self) -> None:
        """Ask the server to cancel, again and again until the query has ended."""
        request = self._request
        with self._work.limited():
            while True:
                if request is not None:
                    try:
                        request()
                    except psycopg.Error as error:
                        _log.warning("a query could not be cancelled on the server: %s", error)
                if self._ended.wait(_RETRY):
                    return
                request = _cancel_request(self._connection)

    def _settle(self, is_usable: bool) -> None:
        connection = self._connection
        if not is_usable:
            release(connection)
            connection.pgconn.finish()
        del connection.__dict__[_ATTRIBUTE]
        self.settled.set()
        for callback in self.callbacks:
            try:
                callback(not connection.closed)
            except Exception:
                _log.exception("a callback of when_settled() failed: %r", callback)


def _cancel_request(connection: AnyConnection) -> CancelRequest | None:
    """Return a request to cancel the query of ``connection``, ``None`` for a closed one."""
    try:
        return new_cancel_request(connection.pgconn)
    except psycopg.Error as error:
        if not connection.closed:
            _log.warning("a query cannot be cancelled on the server: %s", error)
        return None
