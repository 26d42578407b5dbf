"""Readiness of sockets, pipes and descriptors as cases of `select`.

Theory of operation. Readiness is read from the operating system, not from the watcher's flags: they
store edges, and an edge does not show whether the data has been read since. A case that was woken
is checked again before it wins.
"""

from __future__ import annotations

import errno
import os
import select as _os_select
from abc import abstractmethod
from typing import Protocol

from ._case import Case
from ._hub import Hub
from ._poll import watch_new
from ._socket import Socket
from ._watcher import Watcher

_poll_descriptors = getattr(_os_select, "poll", None)
_select_descriptors = _os_select.select
_READ, _WRITE, _INVALID = 0x001, 0x004, 0x020  # POLLIN, POLLOUT, POLLNVAL


class HasFileno(Protocol):
    """A socket, a pipe, a file."""

    def fileno(self) -> int:
        """Return the descriptor."""


class _Ready(Case):
    """Wins when a descriptor is ready."""

    __slots__ = ("_duplicate", "_source", "_watcher")

    _mask: int

    def __init__(self, source: HasFileno | int) -> None:
        """Make a case for a socket, anything else with ``fileno()``, or a descriptor."""
        super().__init__()
        self._source = source
        self._watcher: Watcher | None = None
        self._duplicate: int | None = None

    def __repr__(self) -> str:
        """Show the source."""
        return f"<{type(self).__name__} {self._source!r}>"

    def _fileno(self) -> int:
        source = self._source
        return source if isinstance(source, int) else source.fileno()

    def _try(self) -> bool:
        return _is_ready(self._fileno(), self._mask)

    def _confirm(self) -> bool:
        return self._try()

    def _join(self, hub: Hub) -> None:
        watcher = self._watch(hub)
        self._waiters(watcher).append(self)
        hub.poller.interest_changed(watcher)
        self._watcher = watcher

    def _leave(self, hub: Hub) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None and self in (waiters := self._waiters(watcher)):
            waiters.remove(self)
        duplicate, self._duplicate = self._duplicate, None
        if duplicate is not None:
            hub.poller.forget(duplicate)
            os.close(duplicate)

    def _watch(self, hub: Hub) -> Watcher:
        if isinstance(self._source, Socket):
            return self._source._watched()
        # The poller is not notified when a foreign descriptor is closed and its number reused for
        # another file, so a duplicate is watched.
        self._duplicate = os.dup(self._fileno())
        return watch_new(hub.poller, self._duplicate)

    @abstractmethod
    def _waiters(self, watcher: Watcher) -> list[Case]:
        """Return the watcher's list of waiters for the same event."""


class Readable(_Ready):
    """Wins when reading from a socket, pipe or descriptor would not block.

    Data, a connection to accept, the end of the stream and an error all count; nothing is read.

    Args:
        source: A `Socket`, anything with ``fileno()``, or a descriptor. Closing it while a
            `select` waits is noticed at once with a `Socket` only.
    """

    __slots__ = ()
    _mask = _READ

    def _waiters(self, watcher: Watcher) -> list[Case]:
        return watcher._more_readers  # type: ignore[return-value]  # a Case is a Waiter


class Writable(_Ready):
    """Wins when writing to a socket, pipe or descriptor would not block, or would fail.

    Args:
        source: As for `Readable`.
    """

    __slots__ = ()
    _mask = _WRITE

    def _waiters(self, watcher: Watcher) -> list[Case]:
        return watcher._more_writers  # type: ignore[return-value]  # a Case is a Waiter


def _is_ready(fd: int, mask: int) -> bool:
    """Return whether ``fd`` is ready now, according to the operating system."""
    if fd < 0:
        raise OSError(errno.EBADF, "the descriptor is closed")
    if _poll_descriptors is None:
        read, write = ([fd], []) if mask == _READ else ([], [fd])
        return any(_select_descriptors(read, write, [fd], 0))
    poll = _poll_descriptors()
    poll.register(fd, mask)
    events = poll.poll(0)
    if events and events[0][1] & _INVALID:
        raise OSError(errno.EBADF, "the descriptor is closed")
    return bool(events)
