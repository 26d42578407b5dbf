"""Listening sockets: TCP, Unix, and those opened by another process.

A socket file outlives the process that made it, so an existing one is probed: if no server accepts,
it is replaced; other files are never replaced. The process that made the file removes it, unless it
has been replaced in the meantime.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterable, MutableMapping

from ..errors import ServerError
from ._settings import ServerSettings
from ._wire import RawSocket

_log = logging.getLogger("photon.http")
_FIRST_INHERITED = 3
_SO_ATTACH_FILTER = 26  # of <asm-generic/socket.h>
_TAKE_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF_RET | BPF_K: keep 0 bytes
# A peer that has vanished is noticed after two minutes even if nothing is sent.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


def listen(host: str, port: int, *, backlog: int = 4096, reuse_port: bool = False) -> socket.socket:
    """Return a bound, listening, non-blocking TCP socket.

    Args:
        host: Address or name to listen on.
        port: Port; 0 lets the operating system choose.
        backlog: Connections that the operating system keeps until they are accepted.
        reuse_port: Allow several sockets to share the port (``SO_REUSEPORT``).

    Raises:
        ServerError: The address is unavailable; the message says why and what to do.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ServerError(f"{host!r} is not an address to listen on: {error.strerror}") from error
    family, kind, proto, _, address = addresses[0]
    try:
        listener = socket.socket(family, kind, proto)
    except OSError as error:  # IPv6 where the system has none
        raise ServerError(_listen_error_message(host, port, error)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _set_tcp_options(listener)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise ServerError(_listen_error_message(host, port, error)) from error
    listener.setblocking(False)
    return listener


def _set_tcp_options(listener: socket.socket) -> None:
    """Set what the accepted sockets inherit."""
    # Responses are sent at once (RFC 9293, section 3.7.4).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        if hasattr(socket, name):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _listen_error_message(host: str, port: int, error: OSError) -> str:
    where = f"cannot listen on {host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: the port is in use; stop what uses it or choose another with --port"
    if error.errno == errno.EACCES:
        return f"{where}: ports below 1024 need privileges; choose another with --port"
    return f"{where}: {os.strerror(error.errno or 0)}"


def listen_unix(path: str, *, mode: int = 0o660, backlog: int = 4096) -> socket.socket:
    """Return a listening, non-blocking Unix socket.

    A socket file without a listening server is replaced. Remove the file at the end with
    `remove_unix`; closing the socket leaves it.

    Args:
        path: Path of the socket file.
        mode: Permissions of the file: write permission is needed to connect.
        backlog: Connections that the operating system keeps until they are accepted.

    Raises:
        ServerError: Another server listens there, another file has the path, or the file cannot be
            made.
    """
    _remove_stale_socket(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        os.chmod(path, mode)  # before listen(), so before a client can connect
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ServerError(f"cannot listen on the Unix socket {path!r}: {reason}") from error
    listener.setblocking(False)
    return listener


def _remove_stale_socket(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ServerError(
                f"cannot listen on the Unix socket {path!r}: the file exists and is not a socket; "
                "choose another path or remove it"
            )
    except OSError:
        return  # the file does not exist, or bind() will report the error
    if remove_unix(path):
        raise ServerError(
            f"cannot listen on the Unix socket {path!r}: another server listens there; stop it "
            "or choose another path"
        )


def remove_unix(path: str) -> bool:
    """Remove the file of a Unix socket unless a server listens there; return whether one does.

    Call it when this process no longer listens. Does nothing if the socket does not exist or cannot
    be removed.
    """
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return False  # connecting to a file is refused just like to a socket without a server
    except OSError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                os.unlink(path)
            return False
        except OSError:  # it no longer exists, or belongs to another user
            return False
        return True


def adopt(descriptor: int) -> socket.socket:
    """Return a listening socket that this process was started with.

    Args:
        descriptor: Number of the descriptor.

    Raises:
        ServerError: The descriptor is not a listening stream socket.
    """
    try:
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ServerError(f"descriptor {descriptor} is not a socket: {error.strerror}") from error
    is_listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if listener.type != socket.SOCK_STREAM or not is_listening:
        listener.detach()
        raise ServerError(
            f"descriptor {descriptor} is a socket, but not one that listens for connections; with "
            "systemd, set ListenStream= and leave Accept=no"
        )
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        _set_tcp_options(listener)
    listener.setblocking(False)
    listener.set_inheritable(False)
    return listener


def accept(listener: socket.socket) -> tuple[RawSocket, object]:
    """Accept a connection; return its non-blocking socket, and the peer's address if it has one.

    Raises:
        BlockingIOError: No connection is waiting.
    """
    descriptor, address = listener._accept()  # type: ignore[attr-defined]  # below accept()
    if descriptor < _FIRST_INHERITED:
        descriptor = _leave_to_standard_stream(descriptor)
    accepted = RawSocket(listener.family, listener.type, listener.proto, descriptor)
    accepted.setblocking(False)
    return accepted, address or None


def _leave_to_standard_stream(descriptor: int) -> int:
    """Return a higher descriptor for a connection; its own is one that the application has closed.

    What is printed or logged from now on would be sent to the client.
    """
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_INHERITED)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(null, descriptor)
        os.close(null)
    except OSError:
        os.close(descriptor)
        raise
    _log.warning(
        "the application has closed descriptor %d, a standard stream: %s takes its place",
        descriptor,
        os.devnull,
    )
    return moved


def refuse_new_connections(listeners: Iterable[socket.socket]) -> None:
    """Drop new connections to sockets that every process that has them is about to close.

    Closing a listener resets the connections in its queue, and one can always arrive between the
    last accept() and the close. So a socket filter makes the kernel drop arriving packets: a client
    that connects now retries after a moment and is refused then. Established connections stay in
    the queue, to be accepted. The filter applies to every copy of the socket, in all processes, and
    is not visible from outside; do not use it on sockets that another process continues to use.

    Does nothing for sockets other than TCP, and on operating systems other than Linux.
    """
    if sys.platform != "linux":
        return
    import ctypes

    instruction = ctypes.create_string_buffer(_TAKE_NOTHING)
    program = struct.pack("HP", 1, ctypes.addressof(instruction))
    for listener in listeners:
        if listener.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def inherited_sockets(environ: MutableMapping[str, str] | None = None) -> list[socket.socket]:
    """Return the sockets that systemd opened for this process; an empty list without any.

    The variables ``LISTEN_PID``, ``LISTEN_FDS`` and ``LISTEN_FDNAMES`` are removed, because they
    are meant for this process only.

    Raises:
        ServerError: ``LISTEN_FDS`` is not a number, or a descriptor is not a listening socket.
    """
    environ = os.environ if environ is None else environ
    count, pid = environ.get("LISTEN_FDS"), environ.get("LISTEN_PID")
    if count is None or pid != str(os.getpid()):
        return []
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        environ.pop(name, None)
    if not count.isascii() or not count.isdigit():
        raise ServerError(f"LISTEN_FDS must be a number, not {count!r}")
    return [adopt(_FIRST_INHERITED + number) for number in range(int(count))]


def open_listeners(settings: ServerSettings, *, count: int = 1) -> list[list[socket.socket]]:
    """Open every address of the settings once for each of ``count`` processes.

    A TCP port is shared by ``count`` sockets, among which the operating system distributes the
    connections; a Unix or an inherited socket is shared by all processes, and an idle one accepts.

    Returns:
        The list of sockets for each process.

    Raises:
        ServerError: An address is unavailable; all sockets have been closed again.
    """
    opened: list[list[socket.socket]] = []
    try:
        for address in _addresses(settings):
            opened.append(_open(address, settings, count))
    except BaseException:
        for listeners in opened:
            for listener in listeners:
                listener.close()
        raise
    return [list(own) for own in zip(*opened, strict=True)]


def _addresses(settings: ServerSettings) -> list[str]:
    first = f"{settings.host}:{settings.port}"
    return [first if settings.unix is None else f"unix:{settings.unix}", *settings.listen]


def _open(address: str, settings: ServerSettings, count: int) -> list[socket.socket]:
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return [listen_unix(rest, mode=settings.unix_mode, backlog=settings.backlog)] * count
    if kind == "fd":
        if not rest.isascii() or not rest.isdigit():
            raise ServerError(f"{address!r} is not a valid address: write fd:NUMBER, as in fd:3")
        return [adopt(int(rest))] * count
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ServerError(
            f"{address!r} is not a valid address: write HOST:PORT, unix:PATH or fd:NUMBER"
        )
    return _open_shared(host.strip("[]"), int(port), settings.backlog, count)


def _open_shared(host: str, port: int, backlog: int, count: int) -> list[socket.socket]:
    """Listen on one port ``count`` times.

    Sockets with ``SO_REUSEPORT`` do not detect other servers that share the port, so a server that
    runs already would go unnoticed and receive half of the connections. Hence the first attempt is
    made without sharing.
    """
    alone = listen(host, port, backlog=backlog)
    if count == 1:
        return [alone]
    port = alone.getsockname()[1]
    alone.close()
    shared: list[socket.socket] = []
    try:
        for _ in range(count):
            shared.append(listen(host, port, backlog=backlog, reuse_port=True))
    except ServerError:  # another process was faster
        for listener in shared:
            listener.close()
        raise
    return shared


def address_of(listener: socket.socket) -> str:
    """Return the address of a listening socket as text: ``HOST:PORT`` or ``unix:PATH``."""
    name = listener.getsockname()
    if isinstance(name, tuple):
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
    return f"unix:{os.fsdecode(name)}"
