"""The waiting half of a socket: its timeout, its watcher in each hub, its closing.

Theory of operation. `socket.socket` attempts a call; this class waits, for all calls in the same
way. A call that would block pauses its task until the descriptor is ready, and is repeated, within
one timeout for the whole call. An edge that the poller stored before a failed attempt is stale, so
it is cleared before the wait: a hang-up that was reported for an unconnected socket must not make
every later wait return at once.

One attempt is skipped. After a wait a reader usually receives less than requested, and then a TCP
socket has no more data: the next call would block, so it waits first (`Watcher.is_dry`). An
exchange of messages then costs one ``recv`` for each, not two. This applies to TCP only: in other
protocols a read ends with a message, and on a Unix socket where descriptors were passed.

The watcher of a socket stays registered until the socket is closed, in each hub that has waited for
it. A socket may also be dropped without notice (its descriptor is closed by the reference count, or
by ``os.close``); the next socket with that number then finds a watcher that is claimed already, and
replaces it. Two sockets may also share a number: one whose watcher was replaced claims the number
again.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ._hub import Hub, current_hub
from ._names import INTERNET
from ._poll import Poller
from ._pooled_greenlet import running_task
from ._task import Task
from ._watcher import Watcher, closed_descriptor

T = TypeVar("T")
_base = socket.socket
_poll = getattr(select, "poll", None)
_select = select.select
_TCP = (0, socket.IPPROTO_TCP)
# Plain integers: the standard properties convert them to enums, which takes ten times as long.
_family: Callable[[socket.socket], int] = vars(_socket.socket)["family"].__get__
_type: Callable[[socket.socket], int] = vars(_socket.socket)["type"].__get__
_NONBLOCK = getattr(socket, "SOCK_NONBLOCK", 0)
_DONTWAIT = getattr(socket, "MSG_DONTWAIT", 0)


class WaitingSocket(socket.socket):
    """A `socket.socket` whose descriptor never blocks, and whose calls wait in the hub."""

    __slots__ = ("_is_tcp", "_limit", "_places", "_poller", "_watcher")

    def __init__(
        self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        """Make a socket; arguments as for `socket.socket`."""
        super().__init__(family, type, proto, fileno)
        self._limit = 0.0 if type > 0 and type & _NONBLOCK else socket.getdefaulttimeout()
        self._poller: Poller | None = None
        self._watcher: Watcher | None = None
        self._places: list[tuple[Hub, Poller, Watcher]] | None = []  # None: it is closed
        self._is_tcp = (
            _family(self) in INTERNET and _type(self) == socket.SOCK_STREAM and self.proto in _TCP
        )
        super().setblocking(False)

    # -- timeouts -----------------------------------------------------------------------------

    def settimeout(self, value: float | None) -> None:
        """Limit each waiting call to ``value`` seconds; ``None`` for no limit, 0 for no wait."""
        if value is not None and value < 0:
            raise ValueError(f"a timeout must be zero or more seconds, not {value!r}")
        _base.settimeout(self, value)  # raises for an invalid timeout
        super().setblocking(False)
        self._limit = None if value is None else float(value)

    def gettimeout(self) -> float | None:
        """Return the timeout in seconds, ``None`` without one."""
        return self._limit

    @property
    def timeout(self) -> float | None:
        """The timeout in seconds, ``None`` without one."""
        return self._limit

    def setblocking(self, flag: bool) -> None:
        """Let calls wait without limit, or not at all."""
        super().setblocking(False)
        self._limit = None if flag else 0.0

    def getblocking(self) -> bool:
        """Return whether calls wait."""
        return self._limit != 0.0

    # -- closing ------------------------------------------------------------------------------

    def _real_close(self, _ss: Any = None) -> None:
        """Close the descriptor; tasks that wait on it get ``OSError(EBADF)``."""
        self._forget()
        super()._real_close()  # type: ignore[misc]  # what close() calls when no file is left

    def detach(self) -> int:
        """Detach the descriptor, which becomes blocking if the socket had no timeout."""
        self._forget()
        fd = super().detach()
        if fd >= 0 and self._limit is None:
            with contextlib.suppress(OSError):  # it was closed without the socket
                os.set_blocking(fd, True)
        return fd

    # -- waiting ------------------------------------------------------------------------------

    def _retry_read(self, call: Callable[..., T], *args: Any) -> T:
        expires: float | None = None
        while True:
            try:
                return call(*args)
            except BlockingIOError:
                if self._limit == 0.0:
                    raise
                expires = self._expiry() if expires is None else expires
                self._pause(Watcher.wait_read, expires)

    def _retry_write(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        expires: float | None = None
        while True:
            try:
                return call(*args, **kwargs)
            except BlockingIOError:
                if self._limit == 0.0:
                    raise
                expires = self._expiry() if expires is None else expires
                self._pause(Watcher.wait_write, expires)

    def _refuse_to_wait(self, flags: int) -> None:
        if self._limit == 0.0 or flags & _DONTWAIT:
            raise  # the BlockingIOError that the caller is handling

    def _wait_read_and(self, flags: int, call: Callable[..., T], *args: Any) -> T:
        self._refuse_to_wait(flags)
        return self._wait_and_read(0, False, call, *args)

    def _wait_and_read(self, requested: int, is_dry: bool, call: Callable[..., T], *args: Any) -> T:
        """Wait for data, then call, until the call succeeds.

        Args:
            requested: Number of requested bytes; 0 if a short read has no meaning.
            is_dry: Wait before the first attempt.
            call: A method of the standard socket.
            args: Its arguments.
        """
        if is_dry and (requested < 1 or self._limit == 0.0):
            return call(self, *args)  # it does not wait: it is invalid, non-blocking or empty
        expires = self._expiry()
        while True:
            watcher = self._pause(Watcher.wait_read, expires, is_stale=not is_dry)
            try:
                result = call(self, *args)
            except BlockingIOError:
                is_dry = False
            else:
                break
        if requested and self._is_tcp and watcher is not None:
            size = result if isinstance(result, int) else len(result)  # type: ignore[arg-type]  # bytes
            if 0 < size < requested:
                watcher.note_short_read()
        return result

    def _wait_write_and(
        self, flags: int, expires: float | None, call: Callable[..., T], *args: Any
    ) -> T:
        self._refuse_to_wait(flags)
        while True:
            self._pause(Watcher.wait_write, expires)
            try:
                return call(self, *args)
            except BlockingIOError:
                pass

    def _expiry(self) -> float | None:
        """Return when a call that begins now has run out of time, by the clock that counts."""
        limit = self._limit
        if limit is None:
            return None
        task = running_task()
        return limit + (time.monotonic() if task is None else task.hub.time())

    def _pause(
        self,
        wait: Callable[[Watcher, Task[object]], None],
        expires: float | None,
        *,
        is_stale: bool = True,
    ) -> Watcher | None:
        """Wait until a try may succeed; return the hub's watcher, ``None`` outside of tasks.

        Args:
            wait: For what.
            expires: Until when, at the most.
            is_stale: Whether a try has failed since the poller noted something.
        """
        task = running_task()
        if task is None:
            _block_thread(
                self._open_fileno(), is_writing=wait is Watcher.wait_write, expires=expires
            )
            return None
        hub = task.hub
        watcher = self._watched()
        if is_stale:
            if wait is Watcher.wait_read:
                watcher.readable = watcher.ended = False
            else:
                watcher.writable = False  # but an end that was noted is still to be read
        if expires is None:
            wait(watcher, task)
            return watcher
        timer = hub.timers.add(expires, lambda: task.interrupt(TimeoutError("timed out")))
        try:
            wait(watcher, task)
        finally:
            timer.cancel()
        return watcher

    def _watched(self) -> Watcher:
        """Return the watcher of this socket in the running task's hub."""
        hub = current_hub()
        watcher = self._watcher
        if watcher is None or watcher.is_forgotten or self._poller is not hub.poller:
            watcher = self._watch_in(hub)
        return watcher

    def _watch_in(self, hub: Hub) -> Watcher:
        poller = hub.poller  # another one after a fork
        places = self._places
        if places is None:
            raise closed_descriptor()
        known = (w for _, p, w in places if p is poller and not w.is_forgotten)
        watcher = next(known, None)
        if watcher is None:
            watcher = _claimed(poller, self._open_fileno())
            places[:] = [place for place in places if place[1] is not poller]
            places.append((hub, poller, watcher))
            if self._places is not places:  # closed by another thread, which may not have seen it
                poller.forget(watcher.fd)
                raise closed_descriptor()
        self._poller, self._watcher = poller, watcher
        return watcher

    def _open_fileno(self) -> int:
        fd = self.fileno()
        if fd < 0:  # another thread has closed it since the last try
            raise closed_descriptor()
        return fd

    def _forget(self) -> None:
        """Stop watching in all hubs, before the number can refer to another file."""
        places, self._places = self._places, None
        self._watcher = self._poller = None
        task = running_task()
        for hub, poller, watcher in places or ():
            if watcher.is_forgotten or hub.poller is not poller:
                continue  # the number belongs to another file by now, or the hub was forked
            if task is not None and task.hub is hub:
                poller.forget(watcher.fd)
            else:
                _forget_elsewhere(hub, poller, watcher)


def _claimed(poller: Poller, fd: int) -> Watcher:
    """Watch a descriptor whose lifetime the caller manages."""
    watcher = poller.watch(fd)
    if watcher.is_claimed and not watcher.is_awaited:
        poller.forget(fd)  # of a file that was closed without notice; the number is reused
        watcher = poller.watch(fd)
    watcher.is_claimed = True
    return watcher


def _forget_elsewhere(hub: Hub, poller: Poller, watcher: Watcher) -> None:
    """Stop watching in a hub that runs in another thread, or has ended.

    A task that begins to wait there later finds the watcher forgotten; tasks that already wait are
    woken by the hub itself.
    """
    with contextlib.suppress(OSError, ValueError):  # the poller may be closed
        poller.drop(watcher.fd)
    if watcher.is_awaited:
        hub.post(watcher.fail_waiters)


def _block_thread(fd: int, *, is_writing: bool, expires: float | None) -> None:
    """Wait in a thread without a hub."""
    left = None if expires is None else expires - time.monotonic()
    if left is not None and left <= 0:
        raise TimeoutError("timed out")
    if _poll is not None:
        poll = _poll()
        poll.register(fd, select.POLLOUT if is_writing else select.POLLIN)
        ready = bool(poll.poll(None if left is None else left * 1000))
    else:
        ready = any(_select([] if is_writing else [fd], [fd] if is_writing else [], [fd], left))
    if not ready:
        raise TimeoutError("timed out")
