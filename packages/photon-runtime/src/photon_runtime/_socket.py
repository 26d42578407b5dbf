"""Sockets that wait in the hub.

`Socket` is the standard `socket.socket` whose descriptor is non-blocking underneath: each call
that would block parks the task and tries again. Timeouts keep their meaning (``settimeout``
applies to each call, ``0`` means non-blocking). Outside of a task a would-be wait raises
`NotRunning`.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ._hub import Hub, current_hub
from ._offload import offload
from ._poll import Watcher
from ._task import Task, current_task

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

T = TypeVar("T")
_CONNECTING = (errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK)


class Socket(socket.socket):
    """A `socket.socket` that pauses only the calling task where the standard one blocks."""

    __slots__ = ("_hub", "_limit", "_watcher")

    def __init__(
        self,
        family: int = socket.AF_INET,
        type: int = socket.SOCK_STREAM,
        proto: int = 0,
        fileno: int | None = None,
    ) -> None:
        """Make a socket; arguments as of `socket.socket`."""
        super().__init__(family, type, proto, fileno)
        self._limit = socket.getdefaulttimeout()
        self._hub: Hub | None = None
        self._watcher: Watcher | None = None
        super().setblocking(False)

    # -- timeouts -----------------------------------------------------------------------------

    def settimeout(self, value: float | None) -> None:
        """Limit each waiting call to ``value`` seconds; ``None`` for no limit, 0 for no wait."""
        if value is not None and value < 0:
            raise ValueError(f"a timeout is zero or more seconds, not {value!r}")
        self._limit = value

    def gettimeout(self) -> float | None:
        """Return the limit in seconds, ``None`` where there is none."""
        return self._limit

    def setblocking(self, flag: bool) -> None:
        """Let calls wait without limit, or not at all."""
        self._limit = None if flag else 0.0

    def getblocking(self) -> bool:
        """Return whether calls wait."""
        return self._limit != 0.0

    # -- calls that may wait ------------------------------------------------------------------

    def accept(self) -> tuple[Socket, object]:
        """Wait for a connection; return its socket and the peer's address."""
        fd, address = self._retry_read(self._accept)  # type: ignore[attr-defined]  # of _socket
        return Socket(self.family, self.type, self.proto, fileno=fd), address

    def connect(self, address: object) -> None:
        """Connect to ``address``; a host name is resolved without holding the hub."""
        error = self.connect_ex(address)
        if error:
            raise OSError(error, os.strerror(error))

    def connect_ex(self, address: object) -> int:
        """Connect like `connect`, but return the error number instead of raising it."""
        target = self._resolved(address)
        error = super().connect_ex(target)  # type: ignore[arg-type]  # an address of the family
        if error not in _CONNECTING or self._limit == 0.0:
            return error
        # A fresh edge-triggered registration may report the unconnected socket as writable.
        while error in _CONNECTING:
            self._wait_write()
            error = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not error and not self._is_connected():
                error = errno.EINPROGRESS
        return error

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Wait for data and return at most ``bufsize`` bytes, ``b""`` at the end."""
        return self._retry_read(lambda: super(Socket, self).recv(bufsize, flags))

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Wait for data and write it into ``buffer``; return the number of bytes."""
        return self._retry_read(lambda: super(Socket, self).recv_into(buffer, nbytes, flags))

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, object]:
        """Wait for a datagram; return it and the sender's address."""
        return self._retry_read(lambda: super(Socket, self).recvfrom(bufsize, flags))

    def recvfrom_into(
        self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0
    ) -> tuple[int, object]:
        """Wait for a datagram and write it into ``buffer``; return its size and sender."""
        return self._retry_read(lambda: super(Socket, self).recvfrom_into(buffer, nbytes, flags))

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Wait for room and send; return how many bytes went out."""
        return self._retry_write(lambda: super(Socket, self).send(data, flags))

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send all of ``data``, waiting for room as often as it takes."""
        rest = memoryview(data).cast("B")
        while rest:
            sent = self.send(rest, flags)
            rest = rest[sent:]

    def sendto(self, data: ReadableBuffer, *args: object) -> int:
        """Wait for room and send a datagram; arguments as of `socket.socket.sendto`."""
        return self._retry_write(lambda: super(Socket, self).sendto(data, *args))  # type: ignore[call-overload, no-any-return]

    # -- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the socket; tasks that wait on it get ``OSError(EBADF)``."""
        self._forget()
        super().close()

    def detach(self) -> int:
        """Give the descriptor away."""
        self._forget()
        return super().detach()

    # -- mechanism ----------------------------------------------------------------------------

    def _retry_read(self, call: Callable[[], T]) -> T:
        while True:
            try:
                return call()
            except BlockingIOError:
                if self._limit == 0.0:
                    raise
                self._wait(Watcher.wait_read)

    def _retry_write(self, call: Callable[[], T]) -> T:
        while True:
            try:
                return call()
            except BlockingIOError:
                if self._limit == 0.0:
                    raise
                self._wait_write()

    def _wait_write(self) -> None:
        self._wait(Watcher.wait_write)

    def _wait(self, wait: Callable[[Watcher, Task[object]], None]) -> None:
        watcher, task = self._watched(), current_task()
        if self._limit is None:
            wait(watcher, task)
            return
        hub = current_hub()
        timer = hub.timers.add(
            hub.time() + self._limit, lambda: task.interrupt(TimeoutError("timed out"))
        )
        try:
            wait(watcher, task)
        finally:
            timer.cancel()

    def _watched(self) -> Watcher:
        hub = current_hub()
        if self._watcher is None or self._hub is not hub:
            self._hub = hub
            self._watcher = hub.poller.watch(self.fileno())
        return self._watcher

    def _forget(self) -> None:
        if self._watcher is not None and self._hub is not None:
            self._hub.poller.forget(self._watcher.fd)
            self._watcher = None

    def _is_connected(self) -> bool:
        try:
            self.getpeername()
        except OSError:
            return False
        return True

    def _resolved(self, address: object) -> object:
        if self.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            return address
        host = address[0]
        try:
            socket.inet_pton(self.family, host)
        except OSError:
            found = offload(
                socket.getaddrinfo, host, address[1], self.family, self.type, self.proto
            )
            return found[0][4]
        return address


def create_connection(address: tuple[str, int], timeout: float | None = None) -> Socket:
    """Connect to ``(host, port)``, trying each of the host's addresses in turn.

    Args:
        address: Host name or address, and port.
        timeout: Seconds for each attempt and for each later call; ``None`` for no limit.

    Raises:
        OSError: No address could be reached.

    Blocks: the calling task.
    """
    host, port = address
    last: OSError | None = None
    for family, kind, proto, _, target in offload(
        socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM
    ):
        connection = Socket(family, kind, proto)
        connection.settimeout(timeout)
        try:
            connection.connect(target)
        except OSError as error:
            connection.close()
            last = error
        else:
            return connection
    raise last if last is not None else OSError(f"{host!r} has no address")
