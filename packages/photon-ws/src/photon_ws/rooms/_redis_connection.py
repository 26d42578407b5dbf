"""Connections to a Redis that wait in the hub, without the patch of the standard library.

Theory of operation. They are redis-py's connections with another socket. redis-py closes a
connection whose command was interrupted, by any exception, so a connection that is open is between
two commands. Its pool, its retries (which sleep) and its timeouts are not used: a store makes few
calls at a time, and they have deadlines.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.connection import Connection, SSLConnection, parse_url
from redis.exceptions import RedisError, ResponseError

from photon_runtime import Semaphore, create_connection
from photon_runtime.tls import waiting_in_hub

from .errors import StoreUnavailable

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


class RedisConnections:
    """A few connections to a server, which calls borrow.

    Args:
        url: Address of the server, as redis-py reads it.
        limit: Maximum number of connections.

    Raises:
        ValueError: The URL is invalid.
    """

    def __init__(self, url: str, *, limit: int) -> None:
        """Note the address; nothing is opened."""
        options = parse_url(url)  # type: ignore[no-untyped-call]  # redis-py has few types
        is_tls = options.pop("connection_class", None) is SSLConnection
        self._make: Any = _WaitingTlsConnection if is_tls else _WaitingConnection
        self._options: dict[str, Any] = {"protocol": 2, "socket_timeout": None, **options}
        self._free = Semaphore(limit)
        self._idle: list[Any] = []

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().disconnect()

    def connect(self) -> Any:
        """Return a connection that does not belong to the others.

        Raises:
            StoreUnavailable: The server cannot be reached.

        Blocks: the calling task.
        """
        connection = self._make(**self._options)
        try:
            connection.connect()
        except (RedisError, OSError) as error:
            raise unavailable(error) from error
        except BaseException:
            connection.disconnect()
            raise
        return connection

    def call(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together, and return their replies.

        A reply that is an error is returned, too.

        Raises:
            StoreUnavailable: The server does not answer.

        Blocks: the calling task.
        """
        with self._borrowed() as connection:
            connection.send_packed_command(connection.pack_commands(commands))
            return [_reply(connection) for _ in commands]

    @contextmanager
    def _borrowed(self) -> Iterator[Any]:
        with self._free:
            connection = self._idle.pop() if self._idle else self.connect()
            try:
                yield connection
            except (RedisError, OSError) as error:
                connection.disconnect()
                self.close()  # the others have most likely lost the server, too
                raise unavailable(error) from error
            except BaseException:
                connection.disconnect()
                raise
            self._idle.append(connection)


def unavailable(error: Exception) -> StoreUnavailable:
    """Return the error for one of redis-py or the operating system."""
    return StoreUnavailable(f"Redis: {str(error) or type(error).__name__}")


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
