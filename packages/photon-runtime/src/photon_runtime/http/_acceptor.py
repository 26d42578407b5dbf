"""Accepting: connections off the backlog, before all else, and within the limit of their number.

Theory of operation. Each listener has a task. The backlog must not overflow, for clients that are
dropped there try again after a second only; and to take a connection off it costs a tenth of what
it costs to begin one. So all that wait are taken first; they are begun a few at a time, with
another look at the backlog in between. For the same reason the task runs before all others that
are runnable when something has come.

Without free descriptors accept() fails while the connection stays in the backlog, which keeps the
listener readable. So accepting pauses for a moment each time, and the backlog waits.
"""

from __future__ import annotations

import errno
import logging
import math
import socket
from collections import deque
from collections.abc import Callable, Sequence, Sized

from .._carrier import current_task
from .._hub import Hub, current_hub
from .._poll import watch_new
from .._run import sleep
from .._sync import Event
from .._task import Task
from ._listen import accept
from ._wire import RawSocket

_log = logging.getLogger("photon.http")
_BEGUN_PER_LOOK = 64
_LOOKS_PER_TURN = 128
_PAUSE_WITHOUT_DESCRIPTORS = 0.1
_SILENCE = 10.0  # seconds between two warnings of the same kind
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
# The connection ended before it was taken, or the firewall forbids it. Linux also passes on what
# the network has said of it: accept(2), "Error handling".
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
    """Takes the connections of several listeners."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        *,
        opened: Sized,
        most: int,
        begin: Callable[[RawSocket, object], object],
    ) -> None:
        """Prepare to accept from ``listeners``, which do not block.

        Args:
            listeners: They are closed by `take_the_last`.
            opened: The open connections; looked at for their number.
            most: How many there may be; further ones wait in the backlog.
            begin: Called with each connection; must not wait, and add it to ``opened``.
        """
        self._listeners = list(listeners)
        self._opened = opened
        self._most = most
        self._begin = begin
        self._has_room = Event()
        self._complained = -math.inf

    def accept_from(self, listener: socket.socket) -> None:
        """Accept until cancelled. Blocks: the calling task."""
        hub, task = current_hub(), current_task()
        watcher = watch_new(hub.poller, listener.fileno())
        try:
            while True:
                self._wait_for_room()
                if not self._accept_some(listener):
                    if not (watcher.readable or watcher.ended):
                        watcher.wake_when_readable(_FirstInLine(hub, task))
                        task.park()
                    watcher.readable = watcher.ended = False
        finally:
            hub.poller.forget(watcher.fd)

    def note_room(self) -> None:
        """Take note that a connection was closed."""
        self._has_room.set()

    def take_the_last(self) -> None:
        """Take what is in the backlog, which closing the listener would reset, and close it."""
        for listener in self._listeners:
            try:
                while len(self._opened) < self._most:
                    self._begin(*accept(listener))
            except OSError:
                pass  # there is no more, or no more can be had
            listener.close()

    def _accept_some(self, listener: socket.socket) -> bool:
        """Accept what waits, up to a bound; return whether there may be more."""
        taken: deque[Accepted] = deque()
        for _ in range(_LOOKS_PER_TURN):
            is_empty = self._take(listener, taken)
            for _ in range(min(len(taken), _BEGUN_PER_LOOK)):
                self._begin(*taken.popleft())
            if not taken:
                return not is_empty
        for accepted in taken:
            self._begin(*accepted)
        sleep(0)
        return True

    def _take(self, listener: socket.socket, taken: deque[Accepted]) -> bool:
        """Take what is in the backlog; return whether that is empty now."""
        room = self._most - len(self._opened)
        while len(taken) < room:
            try:
                taken.append(accept(listener))
            except BlockingIOError:
                return True
            except OSError as error:
                if not taken:  # else those come first, and the error comes again
                    self._tolerate(error)
                return False
        return False

    def _wait_for_room(self) -> None:
        while len(self._opened) >= self._most:
            self._has_room.clear()
            self._has_room.wait()

    def _tolerate(self, error: OSError) -> None:
        """Get over an error of accept(): a peer that left again, or no descriptor to be had."""
        if error.errno in _EXHAUSTED:
            now = current_hub().time()
            if now >= self._complained + _SILENCE:
                self._complained = now
                _log.warning("cannot accept connections for now: %s", error)
            sleep(_PAUSE_WITHOUT_DESCRIPTORS)
        elif error.errno not in _LOST:
            raise error


class _FirstInLine:
    """A task that waits to accept, and runs before all others when there is something.

    In a burst thousands of new connections are runnable; behind them, accepting would come too late
    to keep the backlog from overflowing, and clients try again after a second only.
    """

    __slots__ = ("_hub", "_task")

    def __init__(self, hub: Hub, task: Task[object]) -> None:
        self._hub = hub
        self._task = task

    def park(self) -> None:
        """Pause the task."""
        self._task.park()

    def unpark(self) -> bool:
        """Let the task go on, before those that are runnable already."""
        if not self._task.unpark():
            return False
        self._hub.ready.rotate(1)
        return True

    def interrupt(self, error: BaseException) -> bool:
        """Let the task go on with ``error`` raised."""
        return self._task.interrupt(error)
