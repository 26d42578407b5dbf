"""Sockets that wait in the hub.

Theory of operation. `Socket` is a `socket.socket`, and nearly all of it is the standard one's. Its
descriptor is non-blocking; what the program sets as timeout is kept in Python. Each call that may
wait is tried, and while the operating system says "not now" the task waits for the descriptor and
the call is tried again, within one limit for the whole call. Whatever edge the poller noted before
a try that failed is stale by then, so it is cleared before the wait: a hang-up that was noted of
an unconnected socket must not make every later wait return at once.

There is one try that is left out. After a wait `recv` and `recv_into` mostly get less than they
ask for, and then a TCP socket has no more: the next call would fail, so it waits first
(`Watcher.is_dry`). An exchange of messages then costs one ``recv`` for each, not two. It holds for
TCP alone: in other protocols a read ends with a message, and over a Unix socket where descriptors
were passed.

Outside of tasks the same calls block the thread, so that a socket may be handed to a thread of
the offload pool, and code that runs before and after the hub works.

The watcher of a socket stays registered until the socket is closed, in each hub that has waited
for it. A socket may also be dropped without a word (its descriptor is closed by the operating
system's count, or by ``os.close``); the next socket of that number then finds a watcher that is
claimed already, and replaces it.

Host names are resolved on the offload pool; what is an address already never goes there.
"""

from __future__ import annotations

import _socket
import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Callable, Iterable
from operator import index
from typing import TYPE_CHECKING, Any, TypeVar

from greenlet import getcurrent

from ._hub import Hub, current_hub, sleep
from ._offload import offload
from ._poll import Poller, Watcher
from ._task import Carrier, Task

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

T = TypeVar("T")
_base = socket.socket
_getaddrinfo = socket.getaddrinfo
_poll = getattr(select, "poll", None)
_CONNECTING = (errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK)
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_TCP = (0, socket.IPPROTO_TCP)
# Bare numbers: the standard properties make enums of them, which takes ten times as long.
_family: Callable[[socket.socket], int] = vars(_socket.socket)["family"].__get__
_type: Callable[[socket.socket], int] = vars(_socket.socket)["type"].__get__
# The names that the operating system's own interface takes as addresses.
_NO_NAMES = ("", "<broadcast>")
# A Unix listener with a full backlog gives no sign when it has room again.
_BACKLOG_PAUSE = 0.005
_NONBLOCK = getattr(socket, "SOCK_NONBLOCK", 0)
_DONTWAIT = getattr(socket, "MSG_DONTWAIT", 0)


class Socket(socket.socket):
    """A `socket.socket` that pauses only the calling task where the standard one blocks."""

    __slots__ = ("_is_tcp", "_limit", "_others", "_poller", "_watcher")

    def __init__(
        self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        """Make a socket; arguments as of `socket.socket`."""
        super().__init__(family, type, proto, fileno)
        self._limit = 0.0 if type > 0 and type & _NONBLOCK else socket.getdefaulttimeout()
        self._poller: Poller | None = None
        self._watcher: Watcher | None = None
        self._others: list[tuple[Hub, Watcher]] = []
        self._is_tcp = (
            _family(self) in _INTERNET and _type(self) == socket.SOCK_STREAM and self.proto in _TCP
        )
        super().setblocking(False)

    # -- timeouts -----------------------------------------------------------------------------

    def settimeout(self, value: float | None) -> None:
        """Limit each waiting call to ``value`` seconds; ``None`` for no limit, 0 for no wait."""
        if value is not None and value < 0:
            raise ValueError(f"a timeout is zero or more seconds, not {value!r}")
        _base.settimeout(self, value)  # complains of what is no timeout
        super().setblocking(False)
        self._set_limit(None if value is None else float(value))

    def gettimeout(self) -> float | None:
        """Return the limit in seconds, ``None`` where there is none."""
        return self._limit

    @property
    def timeout(self) -> float | None:
        """The limit in seconds, ``None`` where there is none."""
        return self._limit

    def setblocking(self, flag: bool) -> None:
        """Let calls wait without limit, or not at all."""
        super().setblocking(False)
        self._set_limit(None if flag else 0.0)

    def _set_limit(self, limit: float | None) -> None:
        self._limit = limit
        if limit == 0.0 and self._watcher is not None:
            self._watcher.is_dry = False  # who does not wait tries

    def getblocking(self) -> bool:
        """Return whether calls wait."""
        return self._limit != 0.0

    # -- connecting ---------------------------------------------------------------------------

    def accept(self) -> tuple[Socket, Any]:
        """Wait for a connection; return its socket and the peer's address."""
        fd, address = self._retry_read(super()._accept)  # type: ignore[misc]  # of `_socket`
        return Socket(self.family, self.type, self.proto, fileno=fd), address

    def connect(self, address: Any) -> None:
        """Connect to ``address``; a host name is resolved without holding the hub."""
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
        target = self._resolved(address)
        error = super().connect_ex(target)
        if error not in _CONNECTING or self._limit == 0.0:
            return error
        expires = self._expiry()
        while error == errno.EWOULDBLOCK:  # Linux says so of a Unix listener's full backlog
            self._pause_for_backlog(expires)
            error = super().connect_ex(target)
        while error in _CONNECTING:
            self._pause(Watcher.wait_write, expires)
            error = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            # A fresh edge-triggered registration may report the unconnected socket as writable.
            if not error and not self._is_connected():
                error = errno.EINPROGRESS
        return error

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
        asked = 0 if flags else index(bufsize)
        return self._wait_and_read(asked, is_dry, _base.recv, bufsize, flags)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Wait for data and write it into ``buffer``; return the number of bytes."""
        watcher = self._watcher
        is_dry = watcher is not None and watcher.is_dry and not flags
        if not is_dry:
            try:
                return _base.recv_into(self, buffer, nbytes, flags)
            except BlockingIOError:
                self._refuse_to_wait(flags)
        asked = 0 if flags else index(nbytes) or memoryview(buffer).nbytes
        return self._wait_and_read(asked, is_dry, _base.recv_into, buffer, nbytes, flags)

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
            """Wait for a message; arguments as of `socket.socket.recvmsg`."""
            try:
                return _base.recvmsg(self, *args)
            except BlockingIOError:
                return self._wait_read_and(_third(args), _base.recvmsg, *args)

        def recvmsg_into(
            self, buffers: Iterable[WriteableBuffer], *args: int
        ) -> tuple[int, list[tuple[int, int, bytes]], int, Any]:
            """Wait for a message; arguments as of `socket.socket.recvmsg_into`."""
            buffers = list(buffers)
            try:
                return _base.recvmsg_into(self, buffers, *args)
            except BlockingIOError:
                return self._wait_read_and(_third((0, *args)), _base.recvmsg_into, buffers, *args)

    # -- sending ------------------------------------------------------------------------------

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        """Wait for room and send; return how many bytes went out."""
        try:
            return _base.send(self, data, flags)
        except BlockingIOError:
            return self._wait_write_and(flags, self._expiry(), _base.send, data, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        """Send all of ``data``, waiting for room as often as it takes, within one limit."""
        if isinstance(data, bytes):  # need not be kept from changing meanwhile
            sent = self._send_some(data, flags, None)
            if sent < len(data):
                self._send_rest(memoryview(data), sent, flags)
            return
        with memoryview(data) as view, view.cast("B") as rest:
            sent = self._send_some(rest, flags, None)
            self._send_rest(rest, sent, flags)

    def _send_rest(self, data: memoryview, sent: int, flags: int) -> None:
        expires = self._expiry()
        while sent < len(data):
            with data[sent:] as rest:
                sent += self._send_some(rest, flags, expires)

    def _send_some(self, data: memoryview | bytes, flags: int, expires: float | None) -> int:
        try:
            return _base.send(self, data, flags)
        except BlockingIOError:
            expires = self._expiry() if expires is None else expires
            return self._wait_write_and(flags, expires, _base.send, data, flags)

    def sendto(self, data: ReadableBuffer, /, *args: Any) -> int:
        """Wait for room and send a datagram; arguments as of `socket.socket.sendto`."""
        if args:
            args = (*args[:-1], self._resolved(args[-1]))
        try:
            return _base.sendto(self, data, *args)
        except BlockingIOError:
            flags = args[0] if len(args) > 1 else 0
            return self._wait_write_and(flags, self._expiry(), _base.sendto, data, *args)

    if hasattr(socket.socket, "sendmsg"):

        def sendmsg(self, buffers: Iterable[ReadableBuffer], *args: Any) -> int:
            """Wait for room and send; arguments as of `socket.socket.sendmsg`."""
            buffers = list(buffers)
            try:
                return _base.sendmsg(self, buffers, *args)
            except BlockingIOError:
                flags = _third((0, *args))
                return self._wait_write_and(flags, self._expiry(), _base.sendmsg, buffers, *args)

    if hasattr(socket.socket, "sendmsg_afalg"):

        def sendmsg_afalg(self, *args: Any, **kwargs: Any) -> int:
            """Wait for room and send; arguments as of `socket.socket.sendmsg_afalg`."""
            return self._retry_write(_base.sendmsg_afalg, self, *args, **kwargs)

    if hasattr(os, "sendfile"):

        def _sendfile_use_sendfile(
            self, file: Any, offset: int = 0, count: int | None = None
        ) -> int:
            """Send a regular file from the kernel; what the standard `sendfile` calls first."""
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
                if not total:  # perhaps no file that the kernel can send: read and send it
                    raise socket._GiveupOnSendfile(error) from error  # type: ignore[attr-defined]  # its protocol
                raise
            finally:
                if total:
                    file.seek(offset)
            return total

    # -- the end ------------------------------------------------------------------------------

    def _real_close(self, _ss: Any = None) -> None:
        """Close the descriptor; tasks that wait on it get ``OSError(EBADF)``."""
        self._forget()
        super()._real_close()  # type: ignore[misc]  # what close() calls when no file is left

    def detach(self) -> int:
        """Give the descriptor away, which blocks if calls of the socket waited without limit."""
        self._forget()
        fd = super().detach()
        if fd >= 0 and self._limit is None:
            with contextlib.suppress(OSError):  # it was closed behind the socket's back
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

    def _wait_and_read(self, asked: int, is_dry: bool, call: Callable[..., T], *args: Any) -> T:
        """Wait for data, then call, until the call finds some.

        Args:
            asked: How many bytes are asked for; 0 where a short read says nothing.
            is_dry: Whether to wait without having tried.
            call: A method of the standard socket.
            args: Its arguments.
        """
        expires = self._expiry()
        while True:
            watcher = self._pause(Watcher.wait_read, expires, is_stale=not is_dry)
            try:
                result = call(self, *args)
            except BlockingIOError:
                is_dry = False
            else:
                break
        if asked and self._is_tcp and watcher is not None:
            size = result if isinstance(result, int) else len(result)  # type: ignore[arg-type]  # bytes
            if 0 < size < asked:
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
        task = _running_task()
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
        task = _running_task()
        if task is None:
            _block_thread(self.fileno(), is_writing=wait is Watcher.wait_write, expires=expires)
            return None
        hub = task.hub
        watcher = self._watched()
        if is_stale:
            watcher.ended = False
            if wait is Watcher.wait_read:
                watcher.readable = False
            else:
                watcher.writable = False
        if expires is None:
            wait(watcher, task)
            return watcher
        timer = hub.timers.add(expires, lambda: task.interrupt(TimeoutError("timed out")))
        try:
            wait(watcher, task)
        finally:
            timer.cancel()
        return watcher

    def _pause_for_backlog(self, expires: float | None) -> None:
        task = _running_task()
        now = time.monotonic() if task is None else task.hub.time()
        if expires is not None and now >= expires:
            raise TimeoutError("timed out")
        if task is None:
            time.sleep(_BACKLOG_PAUSE)
        else:
            sleep(_BACKLOG_PAUSE)

    def _watched(self) -> Watcher:
        """Return the watcher of this socket in the running task's hub."""
        hub = current_hub()
        watcher = self._watcher
        if watcher is None or self._poller is not hub.poller:
            if watcher is not None:
                watcher = next((w for h, w in self._others if h.poller is hub.poller), None)
            if watcher is None:
                watcher = _claimed(hub.poller, self.fileno())
                self._others.append((hub, watcher))
            self._poller, self._watcher = hub.poller, watcher
        return watcher

    def _forget(self) -> None:
        """Stop watching in all hubs, before the number can mean another file."""
        watched, self._others = self._others, []
        self._watcher = self._poller = None
        task = _running_task()
        for hub, watcher in watched:
            if task is not None and task.hub is hub:
                hub.poller.forget(watcher.fd)
            else:
                _forget_elsewhere(hub, watcher)

    def _is_connected(self) -> bool:
        try:
            self.getpeername()
        except OSError:
            return False
        return True

    def _resolved(self, address: Any) -> Any:
        """Return ``address`` with its host name, if it has one, resolved."""
        if self.family not in _INTERNET or not isinstance(address, tuple) or not address:
            return address
        host = address[0]
        if not isinstance(host, str) or host in _NO_NAMES or _running_task() is None:
            return address
        try:
            socket.inet_pton(self.family, host.partition("%")[0])
        except (OSError, ValueError):
            found = offload(_getaddrinfo, host, None, self.family, self.type, self.proto)
            return (found[0][4][0], *address[1:])
        return address


def _third(args: tuple[int, ...]) -> int:
    """Return the flags of a call that takes them third, or 0."""
    return args[2] if len(args) > 2 else 0


def _running_task() -> Task[object] | None:
    try:
        carrier = getcurrent()
    except RuntimeError:  # the interpreter ends, and greenlets have ended already
        return None
    return carrier.task if isinstance(carrier, Carrier) else None


def _claimed(poller: Poller, fd: int) -> Watcher:
    """Watch a descriptor whose life is the caller's affair."""
    watcher = poller.watch(fd)
    if watcher.is_claimed and not watcher.is_awaited:
        poller.forget(fd)  # of a file that was closed without a word; the number is used again
        watcher = poller.watch(fd)
    watcher.is_claimed = True
    return watcher


def _forget_elsewhere(hub: Hub, watcher: Watcher) -> None:
    """Stop watching in a hub that runs in another thread, or has ended."""
    waiting = watcher.take_waiters()
    with contextlib.suppress(OSError, ValueError):  # the poller may be closed
        hub.poller.forget(watcher.fd)
    if waiting:
        error = OSError(errno.EBADF, "the descriptor was closed")
        hub.post(lambda: [task.interrupt(error) for task in waiting])


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


_select = select.select


def create_connection(
    address: tuple[str | None, int],
    timeout: float | None = None,
    source_address: tuple[str, int] | None = None,
) -> Socket:
    """Connect to ``(host, port)``, trying each of the host's addresses in turn.

    Args:
        address: Host name or address, and port.
        timeout: Seconds for each attempt and for each later call; ``None`` for no limit.
        source_address: Where to connect from; ``None`` lets the operating system choose.

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
    """Return a listening socket; arguments as of `socket.create_server`."""
    made = socket.create_server(
        address,
        family=family,
        backlog=backlog,
        reuse_port=reuse_port,
        dualstack_ipv6=dualstack_ipv6,
    )
    return _taken_over(made)


def socketpair(
    family: int | None = None, type: int = socket.SOCK_STREAM, proto: int = 0
) -> tuple[Socket, Socket]:
    """Return two connected sockets; arguments as of `socket.socketpair`."""
    one, other = socket.socketpair(family, type, proto)
    return _taken_over(one), _taken_over(other)


def _taken_over(made: socket.socket) -> Socket:
    if isinstance(made, Socket):
        return made
    return Socket(made.family, made.type, made.proto, fileno=made.detach())


def _off_the_hub(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    if _running_task() is None:
        return function(*args, **kwargs)
    return offload(function, *args, **kwargs)


def getaddrinfo(  # noqa: PLR0917 - as the standard one
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> Any:
    """Resolve a name; see `socket.getaddrinfo`. Blocks: the calling task.

    What is an address already is answered on the spot.
    """
    if _running_task() is None:
        return _getaddrinfo(host, port, family, type, proto, flags)
    try:
        return _getaddrinfo(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)
    except socket.gaierror as error:
        if error.errno != socket.EAI_NONAME:
            raise
    return offload(_getaddrinfo, host, port, family, type, proto, flags)


def gethostbyname(hostname: str) -> str:
    """Resolve a name; see `socket.gethostbyname`. Blocks: the calling task."""
    return _off_the_hub(_gethostbyname, hostname)


def gethostbyname_ex(hostname: str) -> tuple[str, list[str], list[str]]:
    """Resolve a name; see `socket.gethostbyname_ex`. Blocks: the calling task."""
    return _off_the_hub(_gethostbyname_ex, hostname)


def gethostbyaddr(ip_address: str) -> tuple[str, list[str], list[str]]:
    """Find the name of an address; see `socket.gethostbyaddr`. Blocks: the calling task."""
    return _off_the_hub(_gethostbyaddr, ip_address)


def getnameinfo(sockaddr: Any, flags: int) -> tuple[str, str]:
    """Find the name of an address; see `socket.getnameinfo`. Blocks: the calling task."""
    return _off_the_hub(_getnameinfo, sockaddr, flags)


_gethostbyname = socket.gethostbyname
_gethostbyname_ex = socket.gethostbyname_ex
_gethostbyaddr = socket.gethostbyaddr
_getnameinfo = socket.getnameinfo
