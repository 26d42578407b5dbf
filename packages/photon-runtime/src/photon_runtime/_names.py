"""Host names, resolved on the offload pool; addresses never need it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, TypeVar

from ._offload import offload
from ._pooled_greenlet import running_task

T = TypeVar("T")

# The originals, read at import before any patch.
_getaddrinfo = socket.getaddrinfo
_gethostbyname = socket.gethostbyname
_gethostbyname_ex = socket.gethostbyname_ex
_gethostbyaddr = socket.gethostbyaddr
_getnameinfo = socket.getnameinfo

INTERNET = (socket.AF_INET, socket.AF_INET6)
# The names that the operating system's own interface treats as addresses.
_NO_NAMES = ("", "<broadcast>")


def resolved(sock: socket.socket, address: Any) -> Any:
    """Return ``address`` with its host name, if it has one, resolved for ``sock``.

    Blocks: the calling task. Outside of tasks the operating system resolves the name.
    """
    family = sock.family
    if family not in INTERNET or not isinstance(address, tuple) or not address:
        return address
    host = address[0]
    if not isinstance(host, str) or host in _NO_NAMES or running_task() is None:
        return address
    try:
        socket.inet_pton(family, host.partition("%")[0])
    except (OSError, ValueError):
        found = offload(_getaddrinfo, host, None, family, sock.type, sock.proto)
        return (found[0][4][0], *address[1:])
    return address


def _off_the_hub(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    if running_task() is None:
        return function(*args, **kwargs)
    return offload(function, *args, **kwargs)


def getaddrinfo(  # noqa: PLR0917 - as the standard one
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> Any:
    """Resolve a name; see `socket.getaddrinfo`. Blocks: the calling task.

    An address is returned at once.
    """
    if running_task() is None:
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
