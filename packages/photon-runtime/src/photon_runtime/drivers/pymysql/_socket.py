"""The sockets of connections, which wait in the hub."""

from __future__ import annotations

import socket

from ..._socket import Socket, create_connection


def new_socket(
    address: str | tuple[str, int],
    *,
    timeout: float | None = None,
    source: tuple[str, int] | None = None,
) -> Socket:
    """Connect as PyMySQL does.

    Args:
        address: The path of a Unix socket, or a host and a port.
        timeout: Seconds for each attempt; ``None`` for no limit.
        source: Local address to bind to.

    Raises:
        OSError: The server cannot be reached.

    Blocks: the calling task.
    """
    if not isinstance(address, str):
        sock = create_connection(address, timeout, source)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock
    sock = Socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
