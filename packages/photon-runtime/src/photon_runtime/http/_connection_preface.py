"""What precedes the first request of a connection: the PROXY header and TLS.

A server that needs neither has no `ConnectionPreface`, and its connections begin with HTTP at once.
The order is that of the wire: the header of the PROXY protocol, then the TLS handshake. Both run in
the connection's own task, under its ``header_timeout``. A refused peer receives no response.
"""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

from .._task import Task
from ._peer import Peer, TrustedProxies
from ._proxy_protocol import MAX_HEADER_SIZE, NotProxyHeader, ProxyHeader, parse_proxy_header
from ._settings import ServerSettings
from ._wire import RawSocket, Wire

if TYPE_CHECKING:
    import ssl

_log = logging.getLogger("photon.http")


class ConnectionPreface:
    """Processes the preface of each connection of one server; made once."""

    __slots__ = ("_context", "_has_header", "_proxies")

    def __init__(self, settings: ServerSettings) -> None:
        """Load the certificates and the list of proxies.

        Raises:
            ServerError: The certificates cannot be used.
        """
        self._proxies = TrustedProxies(settings.trusted_proxies, settings.proxy_fields)
        self._has_header = settings.proxy_protocol
        self._context: ssl.SSLContext | None = None
        if settings.tls_certificate is not None:
            from ._tls import server_context

            self._context = server_context(settings)

    def receive(self, wire: Wire, sock: RawSocket, address: object, task: Task[object]) -> object:
        """Process the preface of a connection and return the peer of its requests; see `_peer`.

        Raises:
            ConnectionError: It is refused.

        Blocks: the task.
        """
        scheme, certificate = "http", None
        if self._has_header:
            address, scheme = self._take_header(wire, sock, address, task)
        if self._context is not None:
            from ._tls import TlsStream

            stream = TlsStream(sock, self._context, wire.server.buffer)
            stream.handshake(wire.watcher, task)
            wire.replace_stream(stream)
            scheme, certificate = "https", stream.certificate
        if self._proxies.trusts(address):
            return Peer(address, scheme, proxies=self._proxies, certificate=certificate)
        return address if scheme == "http" else Peer(address, scheme, certificate=certificate)

    def _take_header(
        self, wire: Wire, sock: RawSocket, address: object, task: Task[object]
    ) -> tuple[object, str]:
        if not self._proxies.trusts(address):
            _log.warning("refused a connection from %r: not in trusted_proxies", address)
            raise ConnectionAbortedError("not a trusted proxy")
        try:
            header = _receive_header(wire, sock, task)
        except NotProxyHeader as error:
            _log.warning("refused a connection from %r: %s", address, error)
            raise ConnectionAbortedError("no PROXY header") from error
        if header.client is not None:
            address = header.client
        return address, "https" if header.is_secure else "http"


def _receive_header(wire: Wire, sock: RawSocket, task: Task[object]) -> ProxyHeader:
    """Wait for the complete header and consume it, without the bytes that follow."""
    seen = 0
    while True:
        try:
            data = sock.recv(MAX_HEADER_SIZE, socket.MSG_PEEK)
        except BlockingIOError:
            wire.watcher.wait_read(task)
            continue
        if len(data) == seen and wire.watcher.ended:
            raise ConnectionAbortedError("the connection was closed within its PROXY header")
        seen = len(data)
        header = parse_proxy_header(data)
        if header is not None:
            sock.recv(header.size)
            return header
        wire.watcher.wait_read(task)


def make_preface(settings: ServerSettings) -> ConnectionPreface | None:
    """Return the preface of connections, ``None`` if they begin with HTTP at once.

    Raises:
        ServerError: The certificates cannot be used.
    """
    if settings.tls_certificate is None and not settings.trusted_proxies:
        return None
    return ConnectionPreface(settings)
