"""`WaitingPool`: SQLAlchemy's pool interface, with waits in the scheduler.

Theory of operation. SQLAlchemy calls `_do_get` for a connection and `_do_return_conn` when it is
given back. The pool has a fixed number of `Slots`; a caller takes one, in order of arrival, and
opens a connection in it if it is empty (`ConnectGate`). Nothing here holds a lock during a wait,
and every exit of `_do_get` but the successful one gives the slot back, so a cancelled caller leaks
neither a slot nor a connection.

A connection that is given back is idle only when it is clean. If it was interrupted, its driver's
clean-up ends first; if it is in a transaction or carries state of its session, a task of its own
resets it; whatever fails is closed. The slot stays in use during that time, so that the server
never has more connections than the pool has slots.

An error of one connection says nothing about the others, so they are not closed; but they are
suspected, and checked before their next use.
"""

from __future__ import annotations

import functools
import logging
import os
import random
from collections.abc import Callable
from time import monotonic
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry, Pool

import photon_runtime as rt
from photon_runtime.errors import DeadlineExceeded, NotRunning
from photon_runtime.observability import current_tracer

from ..backends import Backend
from ..errors import PoolExhausted
from ._connecting import ConnectGate
from ._holders import Holder, current_holder
from ._limits import PoolLimits
from ._observer import CloseReason, PoolObserver
from ._slots import EMPTY, QueueFull, Slots

# The process: a child gets another object. Asking for its number would be a system call.
_GENERATION: list[object] = [object()]
os.register_at_fork(after_in_child=lambda: _GENERATION.append(object()))

_log = logging.getLogger("photon.database.pool")
_JITTER = 0.1
_SCRUB_TIMEOUT = 5.0
DIRTY = "photon_dirty"
_LAST_USED = "photon_last_used"
_CHECKED = "photon_checked"
_EXPIRES = "photon_expires"
_UNCLEAN = "photon_unclean"
"""Key of a record's info while it waits to be reset; the end of a hub may forestall that."""


class WaitingPool(Pool):
    """Connections to one server.

    Args:
        connector: Opens a connection of the driver.
        backend: The kind of database.
        limits: The limits of the pool.
        observer: Is informed of what happens.
    """

    def __init__(
        self,
        connector: Callable[[], Any],
        *,
        backend: Backend,
        limits: PoolLimits,
        observer: PoolObserver,
        **options: Any,
    ) -> None:
        """Begin without connections."""
        self.limits = limits
        self.backend = backend
        self.observer = observer
        self._connector = connector
        super().__init__(self._open_in_time, **options)
        self._begin()

    def _begin(self) -> None:
        self._generation = _GENERATION[-1]
        self._slots = Slots(self.limits.size, self.limits.max_waiting)
        self._gate = ConnectGate(self._is_unreachable)
        self._holders: dict[int, Holder] = {}
        self._suspect_before = 0.0
        self._is_disposed = False

    # -- figures -----------------------------------------------------------------------------------

    @property
    def in_use(self) -> int:
        """The number of connections that are in use, being opened or being cleaned up."""
        return self._slots.in_use

    @property
    def idle(self) -> int:
        """The number of connections that are open and not in use."""
        return self._slots.idle

    @property
    def waiting(self) -> int:
        """The number of callers that wait for a connection."""
        return self._slots.waiting

    @property
    def is_down(self) -> bool:
        """True while the server cannot be reached."""
        return self._gate.is_down

    def holders(self) -> list[Holder]:
        """Return the holders of all connections, the oldest first."""
        return sorted(self._holders.values(), key=lambda holder: holder.since)

    def status(self) -> str:
        """Describe the state in one line."""
        return (
            f"{self.in_use} in use, {self.idle} idle of {self.limits.size} connections, "
            f"{self.waiting} of {self.limits.max_waiting} waiting"
        )

    # -- SQLAlchemy's interface --------------------------------------------------------------------

    def _do_get(self) -> ConnectionPoolEntry:
        if self._generation is not _GENERATION[-1]:
            self._forget_foreign_connections()
        begun = monotonic()
        try:
            record = self._acquire(begun + self.limits.acquire_timeout)
        finally:
            self.observer.waited(monotonic() - begun)
        self._holders[id(record)] = current_holder()
        return record

    def _acquire(self, expires: float) -> ConnectionPoolEntry:
        """Return a connection that can be used; a wait for it is a span of the trace."""
        tracer = current_tracer()
        if tracer is None or self.idle:
            return self._take_usable(expires)
        with tracer.span("acquire connection", "internal", {"db.system.name": self.backend.name}):
            return self._take_usable(expires)

    def _take_usable(self, expires: float) -> ConnectionPoolEntry:
        slot = self._take()
        try:
            if slot is EMPTY or not self._is_usable(slot):
                slot = EMPTY
                slot = self._gate.connect(self._create_connection, expires - monotonic())
                self._opened(slot)
        except BaseException:
            if slot is EMPTY:
                self._slots.give(EMPTY)
            else:  # the caller has left in the middle of a check
                self._do_return_conn(slot)
            raise
        record: ConnectionPoolEntry = slot
        return record

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        holder = self._holders.pop(id(record), None)
        if holder is not None:
            self.observer.used(holder.age)
        connection = record.dbapi_connection
        if connection is None:
            self.observer.closed("lost")
            self._slots.give(EMPTY)
        elif self.backend.is_interrupted(connection):
            self.backend.when_settled(connection, functools.partial(self._settled, record))
        elif self._needs_scrubbing(record, connection):
            self._scrub_in_background(record)
        else:
            self._make_idle(record)

    def recreate(self) -> WaitingPool:
        """Return a new pool with the same limits."""
        return type(self)(
            self._connector,
            backend=self.backend,
            limits=self.limits,
            observer=self.observer,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )

    def dispose(self) -> None:
        """Close the idle connections; the others are closed when they are given back."""
        self._is_disposed = True
        while (record := self._slots.take_idle()) is not None:
            self._discard(record, "closed")

    # -- opening -----------------------------------------------------------------------------------

    def _take(self) -> Any:
        try:
            return self._slots.take(self.limits.acquire_timeout)
        except TimeoutError:
            self.observer.exhausted("timeout")
            reason = f"none became free within {self.limits.acquire_timeout:g} seconds"
        except QueueFull:
            self.observer.exhausted("queue_full")
            reason = f"{self.limits.max_waiting} callers wait already (max_waiting)"
        held = "; ".join(str(holder) for holder in self.holders()) or "connections being opened"
        message = (
            f"all {self.limits.size} connections of the pool are in use and {reason}. "
            f"Holders: {held}"
        )
        _log.error("%s", message)
        raise PoolExhausted(message)

    def _open_in_time(self) -> Any:
        """Open a connection; the driver's own time limits may be coarser."""
        try:
            return self._open()
        except Exception:
            self.observer.connect_failed()
            raise

    def _open(self) -> Any:
        try:
            with rt.deadline(self.limits.connect_timeout):
                return self._connector()
        except NotRunning:
            return self._connector()
        except DeadlineExceeded as error:
            raise ConnectTimeout(
                f"the server did not respond within {self.limits.connect_timeout:g} seconds"
            ) from error

    def _is_unreachable(self, error: BaseException) -> bool:
        return isinstance(error, ConnectTimeout) or self.backend.is_unreachable(error)

    def _opened(self, record: ConnectionPoolEntry) -> None:
        now = monotonic()
        lifetime = self.limits.max_lifetime * random.uniform(1 - _JITTER, 1)
        record.info[_LAST_USED] = record.info[_CHECKED] = now
        record.info[_EXPIRES] = now + lifetime if lifetime else float("inf")
        self.observer.opened()

    # -- checks before use -------------------------------------------------------------------------

    def suspect(self) -> None:
        """Check every idle connection before its next use, because one was lost. Does not wait."""
        self._suspect_before = monotonic()

    def _is_usable(self, record: ConnectionPoolEntry) -> bool:
        """Return whether an idle connection can be used; it is closed otherwise."""
        connection, now = record.dbapi_connection, monotonic()
        if now >= record.info[_EXPIRES]:
            self._close(record, "lifetime")
            return False
        if _UNCLEAN in record.info:
            self._close(record, "unclean")
            return False
        needs_ping = (
            record.info[_CHECKED] <= self._suspect_before
            or now - record.info[_CHECKED] > self.limits.liveness_interval
            or self.backend.looks_closed(connection)
        )
        if needs_ping and not self._responds(record):
            self._close(record, "unresponsive")
            return False
        if needs_ping:
            record.info[_CHECKED] = now
        return True

    def _responds(self, record: ConnectionPoolEntry) -> bool:
        try:
            with rt.deadline(self.limits.connect_timeout):
                return self.backend.ping(record.dbapi_connection)
        except NotRunning:
            return self.backend.ping(record.dbapi_connection)
        except DeadlineExceeded:
            return False

    # -- idle connections --------------------------------------------------------------------------

    def tend_idle_connections(self) -> None:
        """Close idle connections that are old or superfluous, check others, and open missing ones.

        Raises:
            Exception: A connection cannot be opened.

        Blocks: the calling task.
        """
        for _ in range(self.idle):  # each once: it is taken at one end and given back at the other
            record = self._slots.take_idle()
            if record is None:
                break
            try:
                is_usable = not self._is_superfluous(record) and self._is_usable(record)
            except BaseException:
                self._do_return_conn(record)
                raise
            self._slots.give(record if is_usable else EMPTY)
        while self.idle + self.in_use < self.limits.min_size:
            if self._slots.take_empty() is None:
                break
            opened: Any = EMPTY
            try:
                opened = self._gate.connect(self._create_connection, self.limits.connect_timeout)
                self._opened(opened)
            finally:
                self._slots.give(opened)

    def _is_superfluous(self, record: ConnectionPoolEntry) -> bool:
        """Return whether an idle connection is not needed; it is closed then."""
        limits = self.limits
        idle_for = monotonic() - record.info[_LAST_USED]
        if not limits.idle_timeout or idle_for < limits.idle_timeout:
            return False
        if self.idle + self.in_use <= limits.min_size:
            return False
        self._close(record, "idle")
        return True

    # -- giving back -------------------------------------------------------------------------------

    def _make_idle(self, record: ConnectionPoolEntry) -> None:
        now = monotonic()
        if self._is_disposed or now >= record.info.get(_EXPIRES, 0.0):
            self._discard(record, "closed" if self._is_disposed else "lifetime")
        else:
            record.info[_LAST_USED] = record.info[_CHECKED] = now
            self._slots.give(record)

    def _needs_scrubbing(self, record: ConnectionPoolEntry, connection: Any) -> bool:
        return (
            self.backend.in_transaction(connection)
            or self.backend.is_altered(connection)
            or record.info.pop(DIRTY, False)
        )

    def _settled(self, record: ConnectionPoolEntry, is_usable: bool) -> None:
        if is_usable:
            self._scrub_in_background(record)
        else:
            self._discard(record, "unclean")

    def _scrub_in_background(self, record: ConnectionPoolEntry) -> None:
        if self._is_disposed:
            self._discard(record, "closed")
            return
        record.info[_UNCLEAN] = True
        try:
            task = rt.spawn(self._scrub, record)
        except NotRunning:
            self._scrub(record)
        else:
            task.on_end = lambda _: self._scrub_ended(record)

    def _scrub_ended(self, record: ConnectionPoolEntry) -> None:
        """Give back a connection whose hub ended before it was reset; its next use closes it."""
        if _UNCLEAN not in record.info:
            return
        if self._is_disposed:
            self._discard(record, "closed")
        else:
            self._slots.give(record)

    def _scrub(self, record: ConnectionPoolEntry) -> None:
        """Make a connection as good as new, or close it."""
        is_clean = False
        del record.info[_UNCLEAN]
        try:
            self._scrub_in_time(record.dbapi_connection)
            is_clean = True
        except Exception as error:
            _log.info("a connection could not be reset and is closed: %s", error)
        finally:
            if is_clean:
                self._make_idle(record)
            else:
                self._discard(record, "unclean")

    def _scrub_in_time(self, connection: Any) -> None:
        try:
            with rt.deadline(_SCRUB_TIMEOUT):
                self.backend.scrub(connection)
        except NotRunning:
            self.backend.scrub(connection)

    def _discard(self, record: ConnectionPoolEntry, reason: CloseReason) -> None:
        self._close(record, reason)
        self._slots.give(EMPTY)

    def _close(self, record: ConnectionPoolEntry, reason: CloseReason) -> None:
        _log.debug("a connection is closed (%s)", reason)
        connection = record.dbapi_connection
        if connection is None:
            return
        self.observer.closed(reason)
        if self.backend.is_interrupted(connection) or self.backend.looks_closed(connection):
            self.backend.abandon(connection)
        record.close()

    # -- processes ---------------------------------------------------------------------------------

    def _forget_foreign_connections(self) -> None:
        """Begin anew in a child process: the connections belong to the parent.

        They are kept, because closing them here would end the parent's sessions on the server.
        """
        self._foreign = (self._slots, self._holders, getattr(self, "_foreign", None))
        self._begin()


class ConnectTimeout(Exception):
    """A server did not respond to an attempt to connect."""
