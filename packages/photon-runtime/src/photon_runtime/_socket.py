"""Sockets that wait in the hub.

Theory of operation. `Socket` is a `socket.socket`, and inherits nearly everything. Its descriptor
is non-blocking; the timeout of the program is stored in Python. Each call that may wait is
attempted, and waits if the operating system would block; `_waiting_socket` explains how, and which
attempt is skipped.

Outside of tasks the same calls block the thread, so that a socket may be passed to a thread of the
offload pool, and code before and after the run of the hub works.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterable
from operator import index
from typing import TYPE_CHECKING, Any

from ._names import getaddrinfo, resolved
from ._pooled_greenlet import running_task
from ._run import sleep
from ._waiting_socket import WaitingSocket
from ._watcher import Watcher
from .errors import Cancelled

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_base = socket.socket
_CONNECTING = (errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK)
# A Unix listener with a full backlog does not signal when it has room again.
_BACKLOG_PAUSE = 0.005


class Socket(WaitingSocket):
    """A `socket.socket` that pauses only the calling task where the standard one blocks."""

    __slots__ = ()

    # -- connecting ---------------------------------------------------------------------------

    def accept(self) -> tuple[Socket, Any]:
        """Wait for a connection; return its socket and the peer's address."""
        fd, address = self._retry_read(super()._accept)  # type: ignore[misc]  # of `_socket`
        return Socket(self.family, self.type, self.proto, fileno=fd), address

    def connect(self, address: Any) -> None:
        """Connect to ``address``; a host name is resolved without blocking the scheduler.

        If a cancellation or a deadline ends it, the socket is closed: it would still be connected
        some time later, and callers such as `socket.create_connection` would leave it open.
        """
        error = self._connect(address)
        if error:
            raise OSError(error, os.strerror(error))

    def connect_ex(self, address: Any) -> int:
        """Connect like `connect`, but return the error number instead of raising it."""
        try:
            return self._connect(address)
        except TimeoutError:
            return errno.EWOULDBLOCK

    def _connect(self, address: Any) -> int:
        try:
            return self._connect_and_wait(address)
        except Cancelled:
            self.close()
            raise

    def _connect_and_wait(self, address: Any) -> int:
        target = resolved(self, address)
        error = super().connect_ex(target)
        if error not in _CONNECTING or self._limit == 0.0:
            return error
        expires = self._expiry()
        while error == errno.EWOULDBLOCK:  # Linux: the backlog of a Unix listener is full
            self._pause_for_backlog(expires)
            error = super().connect_ex(target)
        while error in _CONNECTING:
            self._pause(Watcher.wait_write, expires)
            error = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            # A new edge-triggered registration may report the unconnected socket as writable.
            if not error and not self._is_connected():
                error = errno.EINPROGRESS
        return error

    def _pause_for_backlog(self, expires: float | None) -> None:
        task = running_task()
        now = time.monotonic() if task is None else task.hub.time()
        if expires is not None and now >= expires:
            raise TimeoutError("timed out")
        if task is None:
            time.sleep(_BACKLOG_PAUSE)
        else:
            sleep(_BACKLOG_PAUSE)

    def _is_connected(self) -> bool:
        try:
            self.getpeername()
        except OSError:
            return False
        return True

    # -- receiving ----------------------------------------------------------------------------

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Wait for data and return at most ``bufsize`` bytes, ``b""`` at the end."""
        watcher = self._watcher
        is_dry = watcher is not None and watcher.is_dry and not flags
        if not is_dry:
            try:
                return _base.recv(self, bufsize, flags)
            except BlockingIOError:
                self._refuse_to_wait(flags)
        requested = 0 if flags else index(bufsize)
        return self._wait_and_read(requested, is_dry, _base.recv, bufsize, flags)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Wait for data and write it into ``buffer``; return the number of bytes."""
        watcher = self._watcher
        is_dry = watcher is not None and watcher.is_dry and not flags
        if not is_dry:
            try:
                return _base.recv_into(self, buffer, nbytes, flags)
            except BlockingIOError:
                self._refuse_to_wait(flags)
        requested = 0 if flags else index(nbytes) or memoryview(buffer).nbytes
        return self._wait_and_read(requested, is_dry, _base.recv_into, buffer, nbytes, flags)

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        """Wait for a datagram; return it and the sender's address."""
        try:
            return _base.recvfrom(self, bufsize, flags)
        except BlockingIOError:
            return self._wait_read_and(flags, _base.recvfrom, bufsize, flags)

    def recvfrom_into(
        self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0
    ) -> tuple[int, Any]:
        """Wait for a datagram and write it into ``buffer``; return its size and sender."""
        try:
            return _base.recvfrom_into(self, buffer, nbytes, flags)
        except BlockingIOError:
            return self._wait_read_and(flags, _base.recvfrom_into, buffer, nbytes, flags)

    if hasattr(socket.socket, "recvmsg"):

        def recvmsg(self, *args: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]:
            """Wait for a message; arguments as for `socket.socket.recvmsg`."""
            try:
                return _base.recvmsg(self, *args)
            except BlockingIOError:
                return self._wait_read_and(_third(args), _base.recvmsg, *args)

        def recvmsg_into(
            self, buffers: Iterable[WriteableBuffer], *args: int
        ) -> tuple[int, list[tuple[int, int, bytes]], int, Any]:
            """Wait for a message; arguments as for `socket.socket.recvmsg_into`."""
            buffers = list(buffers)
            try:
                return _base.recvmsg_into(self, buffers, *args)
            except BlockingIOError:
                return self._wait_read_and(_third((0, *args)), _base.recvmsg_into, buffers, *args)

    # -- sending ------------------------------------------------------------------------------

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        """Wait for room and send; return the number of bytes sent."""
        try:
            return _base.send(self, data, flags)
        except BlockingIOError:
            return self._wait_write_and(flags, self._expiry(), _base.send, data, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        """Send all of ``data``, waiting for room as needed, within one timeout."""
        if isinstance(data, bytes):  # immutable, so no view is needed to lock it
            sent = self._send_at_once(data, flags)
            if sent < len(data):
                self._send_rest(memoryview(data), sent, flags)
            return
        with memoryview(data) as view, view.cast("B") as rest:
            sent = self._send_at_once(rest, flags)
            self._send_rest(rest, sent, flags)

    def _send_at_once(self, data: memoryview | bytes, flags: int) -> int:
        try:
            return _base.send(self, data, flags)
        except BlockingIOError:
            self._refuse_to_wait(flags)
            return 0

    def _send_rest(self, data: memoryview, sent: int, flags: int) -> None:
        expires = self._expiry()
        while sent < len(data):
            with data[sent:] as rest:
                try:
                    sent += _base.send(self, rest, flags)
                except BlockingIOError:
                    sent += self._wait_write_and(flags, expires, _base.send, rest, flags)

    def sendto(self, data: ReadableBuffer, /, *args: Any) -> int:
        """Wait for room and send a datagram; arguments as for `socket.socket.sendto`."""
        if args:
            args = (*args[:-1], resolved(self, args[-1]))
        try:
            return _base.sendto(self, data, *args)
        except BlockingIOError:
            flags = args[0] if len(args) > 1 else 0
            return self._wait_write_and(flags, self._expiry(), _base.sendto, data, *args)

    if hasattr(socket.socket, "sendmsg"):

        def sendmsg(self, buffers: Iterable[ReadableBuffer], *args: Any) -> int:
            """Wait for room and send; arguments as for `socket.socket.sendmsg`."""
            buffers = list(buffers)
            try:
                return _base.sendmsg(self, buffers, *args)
            except BlockingIOError:
                flags = _third((0, *args))
                return self._wait_write_and(flags, self._expiry(), _base.sendmsg, buffers, *args)

    if hasattr(socket.socket, "sendmsg_afalg"):

        def sendmsg_afalg(self, *args: Any, **kwargs: Any) -> int:
            """Wait for room and send; arguments as for `socket.socket.sendmsg_afalg`."""
            return self._retry_write(_base.sendmsg_afalg, self, *args, **kwargs)

    if hasattr(os, "sendfile"):

        def _sendfile_use_sendfile(
            self, file: Any, offset: int = 0, count: int | None = None
        ) -> int:
            """Send a regular file from the kernel; the standard `sendfile` calls this first."""
            self._check_sendfile_params(file, offset, count)  # type: ignore[attr-defined]  # inherited
            try:
                source = file.fileno()
                size = os.fstat(source).st_size
            except (AttributeError, OSError) as error:  # io.UnsupportedOperation is an OSError
                raise socket._GiveupOnSendfile(error) from error  # type: ignore[attr-defined]  # its protocol
            if not size:
                return 0
            if self._limit == 0.0:
                raise ValueError("non-blocking sockets are not supported")
            return self._send_file(file, source, offset, count or size)

        def _send_file(self, file: Any, source: int, offset: int, count: int) -> int:
            total = 0
            try:
                while total < count:
                    block = min(count - total, 2**30)
                    sent = self._retry_write(os.sendfile, self.fileno(), source, offset, block)
                    if not sent:
                        break
                    offset += sent
                    total += sent
            except TimeoutError:
                raise
            except OSError as error:
                if not total:  # the kernel may not support this file: read and send it
                    raise socket._GiveupOnSendfile(error) from error  # type: ignore[attr-defined]  # its protocol
                raise
            finally:
                if total:
                    file.seek(offset)
            return total


def _third(args: tuple[int, ...]) -> int:
    """Return the flags of a call that has them as third argument, or 0."""
    return args[2] if len(args) > 2 else 0


def create_connection(
    address: tuple[str | None, int],
    timeout: float | None = None,
    source_address: tuple[str, int] | None = None,
) -> Socket:
    """Connect to ``(host, port)``, trying each of the host's addresses in turn.

    Args:
        address: Host name or address, and port.
        timeout: Seconds for each attempt and each later call; ``None`` for no limit.
        source_address: Local address to bind to; ``None`` lets the operating system choose.

    Raises:
        OSError: No address could be reached.

    Blocks: the calling task.
    """
    host, port = address
    last: OSError | None = None
    for family, kind, proto, _, target in getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        connection: Socket | None = None
        try:
            connection = Socket(family, kind, proto)
            connection.settimeout(timeout)
            if source_address is not None:
                connection.bind(source_address)
            connection.connect(target)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if not isinstance(error, OSError):
                raise
            last = error
        else:
            return connection
    raise last if last is not None else OSError(f"{host!r} has no address")


def create_server(
    address: Any,
    *,
    family: int = socket.AF_INET,
    backlog: int | None = None,
    reuse_port: bool = False,
    dualstack_ipv6: bool = False,
) -> Socket:
    """Return a listening socket; arguments as for `socket.create_server`."""
    made = socket.create_server(
        address,
        family=family,
        backlog=backlog,
        reuse_port=reuse_port,
        dualstack_ipv6=dualstack_ipv6,
    )
    return _as_photon_socket(made)


def socketpair(
    family: int | None = None, type: int = socket.SOCK_STREAM, proto: int = 0
) -> tuple[Socket, Socket]:
    """Return two connected sockets; arguments as for `socket.socketpair`."""
    one, other = socket.socketpair(family, type, proto)
    return _as_photon_socket(one), _as_photon_socket(other)


def _as_photon_socket(made: socket.socket) -> Socket:
    if isinstance(made, Socket):
        return made
    return Socket(made.family, made.type, made.proto, fileno=made.detach())
