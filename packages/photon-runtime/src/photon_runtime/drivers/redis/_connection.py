"""`connect`: redis-py's connections with another socket.

Theory of operation. redis-py closes a connection whose command was interrupted, by any exception,
so a connection that is open is between two commands. Its pool, its retries (which sleep) and its
timeouts are not used: callers have deadlines.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from redis.connection import Connection, SSLConnection, parse_url
from redis.exceptions import ConnectionError as RedisConnectionError

from ..._socket import create_connection
from ...tls import waiting_in_hub

_SOCKET_OPTIONS = {
    # A server that vanished is noticed within 20 seconds, also by a connection that only listens.
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPINTVL": 3,
    "TCP_KEEPCNT": 3,
}


class _WaitingConnection(Connection):
    """A connection without TLS."""

    def _connect(self) -> socket.socket:
        sock = create_connection((self.host, self.port), self.socket_connect_timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _SOCKET_OPTIONS.items():
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        sock.settimeout(self.socket_timeout)
        return sock


class _WaitingTlsConnection(SSLConnection, _WaitingConnection):
    """A connection with TLS."""

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> socket.socket:
        """Do what redis-py does, with a context whose sockets wait in the hub."""
        context = ssl.create_default_context(cafile=self.ca_certs, capath=self.ca_path)
        context.check_hostname = self.check_hostname
        context.verify_mode = self.cert_reqs
        if self.certfile or self.keyfile:
            context.load_cert_chain(self.certfile, self.keyfile, self.certificate_password)
        wrapped = waiting_in_hub(context).wrap_socket(
            sock, server_hostname=self.host, do_handshake_on_connect=False
        )
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


class Address:
    """The address of a server, as redis-py reads it.

    Raises:
        ValueError: The URL is invalid.
    """

    def __init__(self, url: str) -> None:
        """Read the URL."""
        options = parse_url(url)  # type: ignore[no-untyped-call]  # redis-py has few types
        is_tls = options.pop("connection_class", None) is SSLConnection
        self._make: Any = _WaitingTlsConnection if is_tls else _WaitingConnection
        self._options: dict[str, Any] = {"protocol": 2, "socket_timeout": None, **options}

    def connect(self) -> Any:
        """Return a new connection."""
        connection = self._make(**self._options)
        try:
            connection.connect()
        except BaseException as error:
            connection.disconnect()
            if isinstance(error, OSError):
                raise as_redis_error(error) from error
            raise
        return connection


def connect(url: str) -> Any:
    """Return a connection of redis-py to a server, whose waits pause the calling task only.

    Args:
        url: Address of the server, ``redis://`` or ``rediss://``.

    Raises:
        RedisError: The server cannot be reached, or refuses the user.
        ValueError: The URL is invalid.

    Blocks: the calling task.
    """
    return Address(url).connect()


def as_redis_error(error: OSError) -> RedisConnectionError:
    """Return the error of redis-py for one of the operating system."""
    return RedisConnectionError(str(error) or type(error).__name__)
