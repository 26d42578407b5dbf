"""Accepting connections from the backlog, before all other work and up to the maximum number.

Theory of operation. Each listener has a task. The backlog must not overflow, because clients whose
connections are dropped retry only after a second; and accepting a connection costs a tenth of
starting to serve it. So all waiting connections are accepted first and started a few at a time,
with another look at the backlog in between. For the same reason the task runs before all other
runnable tasks when a connection has arrived. After a few hundred starts the others have their turn:
a burst of thousands would hold them for a tenth of a second and more. A connection that was
accepted is started in any case, also when the task is cancelled during such a turn.

Without free descriptors accept() fails while the connection stays in the backlog, which keeps the
listener readable. So accepting pauses briefly after each such failure.
"""

from __future__ import annotations

import errno
import logging
import math
import socket
from collections import deque
from collections.abc import Callable, Sequence, Sized

from .._hub import Hub, current_hub
from .._poll import watch_new
from .._pooled_greenlet import current_task
from .._run import sleep
from .._sync import Event
from .._task import Task
from ..slices import SLICE, yield_to_events
from ._listen import accept
from ._wire import RawSocket

_log = logging.getLogger("photon.http")
_STARTS_PER_LOOK = 64
_LOOKS_PER_TURN = SLICE // _STARTS_PER_LOOK
_PAUSE_WITHOUT_DESCRIPTORS = 0.1
_WARNING_INTERVAL = 10.0  # seconds between two warnings of the same kind
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
# The connection ended before it was accepted, or the firewall forbids it. Linux also reports
# network errors of the new connection: accept(2), "Error handling".
_LOST = frozenset(
    getattr(errno, name)
    for name in (
        *("ECONNABORTED", "EPROTO", "EINTR", "EPERM", "ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN"),
        *("ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH"),
    )
    if hasattr(errno, name)
)

Accepted = tuple[RawSocket, object]
"""The socket of a connection, and the peer's address if it has one."""


class Acceptor:
    """Accepts the connections of several listeners."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        *,
        connections: Sized,
        max_connections: int,
        start: Callable[[RawSocket, object], object],
    ) -> None:
        """Prepare to accept from ``listeners``, which do not block.

        Args:
            listeners: Listening sockets; `drain_backlog` closes them.
            connections: The open connections; only their number is read.
            max_connections: Maximum number of open connections; further ones wait in the backlog.
            start: Called with each connection; must not wait, and must add it to ``connections``.
        """
        self._listeners = list(listeners)
        self._connections = connections
        self._max_connections = max_connections
        self._start = start
        self._waiting = 0  # accepted and not started, of all listeners
        self._has_room = Event()
        self._last_warning = -math.inf

    def accept_from(self, listener: socket.socket) -> None:
        """Accept until cancelled.

        Raises:
            OSError: The listener was closed, or the operating system refuses it.

        Blocks: the calling task.
        """
        hub, task = current_hub(), current_task()
        if listener.fileno() < 0:
            raise OSError(errno.EBADF, "the listening socket was closed")
        watcher = watch_new(hub.poller, listener.fileno())
        try:
            while True:
                self._wait_for_room()
                if not self._accept_some(listener):
                    if not (watcher.readable or watcher.ended):
                        watcher.wake_when_readable(_PriorityWaiter(hub, task))
                        task.park()
                    watcher.readable = watcher.ended = False
        finally:
            hub.poller.forget(watcher.fd)

    def note_room(self) -> None:
        """Note that a connection was closed."""
        self._has_room.set()

    def drain_backlog(self) -> None:
        """Accept the rest of the backlog, which closing a listener would reset, and close it.

        Blocks: the calling task, while other tasks have their turns.
        """
        accepted: deque[Accepted] = deque()
        for listener in self._listeners:
            try:
                while self._room_for_others():
                    accepted.append(accept(listener))
                    self._waiting += 1
            except OSError:
                pass  # the backlog is empty, or accept() failed
            listener.close()
        try:
            while len(accepted) > SLICE:
                self._start_some(accepted, SLICE)
                yield_to_events()
        finally:
            self._start_some(accepted, len(accepted))

    def _accept_some(self, listener: socket.socket) -> bool:
        """Accept the waiting connections; return whether there may be more."""
        accepted: deque[Accepted] = deque()
        looks = 0
        try:
            while True:
                is_empty = self._accept_all(listener, accepted)
                self._start_some(accepted, _STARTS_PER_LOOK)
                looks += 1
                if not accepted:
                    return not is_empty
                if looks % _LOOKS_PER_TURN == 0:
                    yield_to_events()
        finally:
            self._start_some(accepted, len(accepted))

    def _accept_all(self, listener: socket.socket, accepted: deque[Accepted]) -> bool:
        """Accept all connections in the backlog; return whether it is empty now."""
        while self._room_for_others():
            try:
                accepted.append(accept(listener))
                self._waiting += 1
            except BlockingIOError:
                return True
            except OSError as error:
                if not accepted:  # else those are started first; the error will occur again
                    self._handle_accept_error(error)
                return False
        return False

    def _start_some(self, accepted: deque[Accepted], number: int) -> None:
        """Start the first connections."""
        for _ in range(min(len(accepted), number)):
            self._waiting -= 1
            self._start(*accepted.popleft())

    def _room_for_others(self) -> bool:
        return len(self._connections) + self._waiting < self._max_connections

    def _wait_for_room(self) -> None:
        while not self._room_for_others():
            if self._waiting:  # another listener has accepted the last ones, and is starting them
                yield_to_events()
            else:
                self._has_room.clear()
                self._has_room.wait()

    def _handle_accept_error(self, error: OSError) -> None:
        """Handle an expected error of accept(): a lost peer, or exhausted descriptors."""
        if error.errno in _EXHAUSTED:
            now = current_hub().time()
            if now >= self._last_warning + _WARNING_INTERVAL:
                self._last_warning = now
                _log.warning(
                    "accepting connections is paused: %s; raise the limit of open files "
                    "if this happens again",
                    error,
                )
            sleep(_PAUSE_WITHOUT_DESCRIPTORS)
        elif error.errno not in _LOST:
            raise error


class _PriorityWaiter:
    """A task that waits to accept, and runs before all other tasks when a connection arrives.

    In a burst thousands of new connections are runnable; if accepting had to wait behind them, the
    backlog would overflow, and clients retry only after a second.
    """

    __slots__ = ("_hub", "_task")

    def __init__(self, hub: Hub, task: Task[object]) -> None:
        self._hub = hub
        self._task = task

    def park(self) -> None:
        """Pause the task."""
        self._task.park()

    def unpark(self) -> bool:
        """Resume the task before those that are runnable already."""
        if not self._task.unpark():
            return False
        self._hub.ready.rotate(1)
        return True

    def interrupt(self, error: BaseException) -> bool:
        """Resume the task with ``error`` raised."""
        return self._task.interrupt(error)
