"""The socket of a connection, registered with the hub for as long as the connection is used.

Theory of operation. libpq opens and closes its socket by itself, and a number that was closed
without notice may belong to another descriptor. So the hub watches a duplicate of it, which belongs
to this module: `release` closes it together with the connection, and a finaliser does so for a
connection that is forgotten. A wait then costs no system call of its own; without this, each one
would make a poll object and an epoll instance.

The hub reports edges: it reports data once, when it arrives, and libpq leaves a part of it in the
socket when it is more than fits into the rest of its buffer. So the socket itself is asked before
every wait; otherwise a result that had arrived as a whole would be waited for for ever.

A connection that is used by another hub is registered anew.
"""

from __future__ import annotations

import os
import select
import weakref
from typing import Any

from ..._hub import Hub
from ..._task import Task
from ...patch import real_poll

_ATTRIBUTE = "_photon_socket_watch"


class SocketWatch:
    """The registration of one socket with one hub.

    Attributes:
        hub: The hub.
        fileno: Number of the socket in libpq.
    """

    __slots__ = ("_duplicate", "_poll", "_watcher", "fileno", "hub")

    def __init__(self, hub: Hub, fileno: int) -> None:
        """Register a duplicate of the descriptor ``fileno``."""
        self.hub = hub
        self.fileno = fileno
        self._duplicate = os.dup(fileno)
        self._watcher = hub.poller.watch(self._duplicate)
        self._poll = real_poll()
        self._poll.register(self._duplicate, select.POLLIN)

    def wait_read(self, task: Task[object]) -> bool:
        """Wait until reading may make progress; return whether the task has paused.

        Raises:
            OSError: The connection was closed.
            Cancelled: A scope around the task was cancelled.

        Blocks: ``task``, the running one.
        """
        watcher = self._watcher
        is_pausing = not (watcher.readable or watcher.ended or self._poll.poll(0))
        if is_pausing:
            watcher.wait_read(task)
        else:
            watcher.readable = False
        return is_pausing

    def close(self, *, is_noticed: bool = True) -> None:
        """End the registration. May be called twice, and by any thread if it is not noticed."""
        duplicate, self._duplicate = self._duplicate, -1
        if duplicate < 0:
            return
        if is_noticed:
            self.hub.poller.forget(duplicate)
        else:
            self.hub.poller.drop(duplicate)
        os.close(duplicate)


def watch_of(connection: Any, hub: Hub) -> SocketWatch:
    """Return the registration of the socket of ``connection`` with the running hub."""
    fileno = connection.pgconn.socket
    watch: SocketWatch | None = connection.__dict__.get(_ATTRIBUTE)
    if watch is None or watch.hub is not hub or watch.fileno != fileno:
        release(connection)
        watch = connection.__dict__[_ATTRIBUTE] = SocketWatch(hub, fileno)
        weakref.finalize(connection, watch.close, is_noticed=False).atexit = False
    return watch


def release(connection: Any) -> None:
    """End the registration of ``connection``, if it has one, before or after it is closed."""
    watch: SocketWatch | None = connection.__dict__.pop(_ATTRIBUTE, None)
    if watch is not None:
        watch.close()
