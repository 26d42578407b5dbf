"""TLS sockets that wait in the hub.

Theory of operation. `TLSSocket` is an `ssl.SSLSocket` on top of `Socket`. OpenSSL works on a
non-blocking descriptor and reports which readiness it needs; the task waits for that and repeats
the call. Everything else, from certificates to the end of a session, is inherited from the standard
class. Contexts make such sockets through their ``sslsocket_class``, which is the standard library's
own hook; no class of the `ssl` module has to be replaced.

OpenSSL reads until the operating system has no more data before it waits for reading, so edges that
the poller stored earlier are stale by then, as with every socket.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ._socket import Socket
from ._watcher import Watcher

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")


class TLSSocket(ssl.SSLSocket, Socket):  # type: ignore[misc]  # both are socket.socket
    """An `ssl.SSLSocket` that pauses only the calling task where the standard one blocks."""

    _sslobj: Any

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands; see `ssl.SSLSocket.do_handshake`. Blocks: the calling task."""
        self._check_connected()  # type: ignore[attr-defined]  # inherited
        limit = self._limit
        if limit == 0.0 and block:
            self.settimeout(None)
        try:
            self._repeat(self._sslobj.do_handshake, "_ssl.c: The handshake operation timed out")
        finally:
            self.settimeout(limit)

    def read(self, len: int = 1024, buffer: WriteableBuffer | None = None) -> Any:
        """Wait for data; see `ssl.SSLSocket.read`."""
        base = super().read
        return self._repeat(lambda: base(len, buffer), "The read operation timed out")

    def write(self, data: Any) -> int:
        """Wait for room and send; see `ssl.SSLSocket.write`."""
        base = super().write
        return self._repeat(lambda: base(data), "The write operation timed out")

    def send(self, data: Any, flags: int = 0) -> int:
        """Wait for room and send; return the number of bytes sent."""
        if self._sslobj is None:
            return Socket.send(self, data, flags)
        if flags:
            raise ValueError(f"non-zero flags not allowed in calls to send() on {self.__class__}")
        return self.write(data)

    def unwrap(self) -> socket.socket:
        """End the TLS session, not the connection; see `ssl.SSLSocket.unwrap`."""
        session = self._sslobj
        if not session:
            raise ValueError("No SSL wrapper around " + str(self))
        below = self._repeat(session.shutdown, "The read operation timed out")
        self._sslobj = None
        return below  # type: ignore[no-any-return]  # a socket, says the documentation

    def _repeat(self, call: Callable[[], T], message: str) -> T:
        expires: float | None = None
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                if self._limit == 0.0:
                    raise
                wait = Watcher.wait_read
            except ssl.SSLWantWriteError:
                if self._limit == 0.0:
                    raise
                wait = Watcher.wait_write
            expires = self._expiry() if expires is None else expires
            try:
                self._pause(wait, expires)
            except TimeoutError:
                raise TimeoutError(message) from None


def client_context(*, cafile: str | None = None) -> ssl.SSLContext:
    """Return a context for clients, with the default trust store, whose sockets wait in the hub.

    Args:
        cafile: File of certificates to trust instead of the operating system's.
    """
    context = ssl.create_default_context(cafile=cafile)
    return waiting_in_hub(context)


def server_context(certfile: str, keyfile: str | None = None) -> ssl.SSLContext:
    """Return a context for servers whose sockets wait in the hub.

    Args:
        certfile: Certificate and its chain, in PEM.
        keyfile: Private key, in PEM; ``None`` if it is in ``certfile``.

    Raises:
        OSError: A file cannot be read.
        ssl.SSLError: A file has invalid contents.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certfile, keyfile)
    return waiting_in_hub(context)


def waiting_in_hub(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make the sockets that ``context`` wraps from now on wait in the hub; return it."""
    context.sslsocket_class = TLSSocket
    return context
