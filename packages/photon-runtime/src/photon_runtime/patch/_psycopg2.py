"""psycopg2 cooperates by its wait callback, from the moment the program imports it.

Theory of operation. With a wait callback, psycopg2 sends each query without blocking and calls the
callback until the result is complete. In a task the callback waits in the hub, elsewhere on the
thread. What psycopg2 cannot do in this way (``COPY``, large objects) it refuses with an error.

Two waits are left to do here, because libpq does not do them without blocking: looking up the names
of hosts, which happens before it connects, and ``connect_timeout``.

*A deadline or a cancellation* that interrupts a query is raised at once. psycopg2 closes the
connection then; and a thread asks the server to end the query, which would otherwise keep its
locks until it is done.
"""

from __future__ import annotations

import ctypes
import functools
import ipaddress
import os
import select
import socket
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .._names import getaddrinfo
from .._scope import deadline
from ..errors import DeadlineExceeded
from . import _saved
from ._descriptors import wait_descriptor
from ._running import running_task

_ERROR_SIZE = 256
_SHORTEST_TIMEOUT = 2  # as in libpq
_DEFAULT_PORT = "5432"


def cooperate(module: ModuleType) -> None:
    """Let all connections of psycopg2 wait in the hub."""
    module.extensions.set_wait_callback(functools.partial(_wait, module))
    module._connect = _connecting(module, module._connect)  # type: ignore[attr-defined]  # private


def _wait(psycopg2: Any, connection: Any) -> None:
    """Wait until ``connection`` has connected, or has the result of its query."""
    masks = {
        psycopg2.extensions.POLL_READ: select.POLLIN,
        psycopg2.extensions.POLL_WRITE: select.POLLOUT,
    }
    try:
        while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
            _wait_for_socket(connection.fileno(), masks[state])
    except psycopg2.Error:
        raise
    except BaseException:
        if connection.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_ACTIVE:
            _cancel(psycopg2, connection)
        raise


def _wait_for_socket(fd: int, mask: int) -> None:
    if running_task() is not None:
        wait_descriptor(fd, mask)
        return
    poll = _saved.select_poll()
    poll.register(fd, mask)
    poll.poll()


def _cancel(psycopg2: Any, connection: Any) -> None:
    """Let a thread send a request to cancel the query, by libpq's function, which blocks."""
    libpq = ctypes.CDLL(psycopg2._psycopg.__file__)  # a symbol is also looked up in its libraries
    libpq.PQgetCancel.restype = ctypes.c_void_p
    libpq.PQgetCancel.argtypes = [ctypes.c_void_p]
    libpq.PQcancel.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    libpq.PQfreeCancel.argtypes = [ctypes.c_void_p]
    request = libpq.PQgetCancel(connection.pgconn_ptr)
    if not request:
        return

    def send() -> None:
        libpq.PQcancel(request, ctypes.create_string_buffer(_ERROR_SIZE), _ERROR_SIZE)
        libpq.PQfreeCancel(request)

    _saved.start_new_thread(send, ())


def _connecting(psycopg2: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def connect(dsn: str, *args: Any, **kwargs: Any) -> Any:
        if running_task() is None or kwargs.get("async") or kwargs.get("async_"):
            return original(dsn, *args, **kwargs)
        parameters = psycopg2.extensions.parse_dsn(dsn)
        dsn = psycopg2.extensions.make_dsn(dsn, **_addresses(parameters))
        timeout = _timeout(parameters)
        if timeout is None:
            return original(dsn, *args, **kwargs)
        try:
            with deadline(timeout):
                return original(dsn, *args, **kwargs)
        except DeadlineExceeded:
            raise psycopg2.OperationalError(
                f"the connection was not made within {timeout:g} seconds: timeout expired"
            ) from None

    return connect


def _timeout(parameters: dict[str, str]) -> float | None:
    text = parameters.get("connect_timeout") or os.environ.get("PGCONNECT_TIMEOUT") or "0"
    try:
        seconds = int(text)
    except ValueError:
        return None  # libpq refuses it
    return max(seconds, _SHORTEST_TIMEOUT) if seconds > 0 else None


def _addresses(parameters: dict[str, str]) -> dict[str, str]:
    """Return the parameters that let libpq look up no name; none if it would not do so anyway."""
    names = parameters.get("host") or os.environ.get("PGHOST") or ""
    hosts = names.split(",")
    if parameters.get("hostaddr") or all(_is_no_name(host) for host in hosts):
        return {}
    ports = (parameters.get("port") or os.environ.get("PGPORT") or _DEFAULT_PORT).split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    found: list[tuple[str, str, str]] = []
    for host, port in zip(hosts, ports, strict=False):
        if _is_no_name(host):
            found.append((host, "" if host.startswith("/") else host, port))
            continue
        try:
            answers = getaddrinfo(host, port or _DEFAULT_PORT, type=socket.SOCK_STREAM)
        except OSError:
            return {}  # libpq raises the error
        found += [(host, str(address[0]), port) for *_, address in answers]
    columns = [",".join(column) for column in zip(*found, strict=True)]
    return dict(zip(("host", "hostaddr", "port"), columns, strict=True))


def _is_no_name(host: str) -> bool:
    if not host or host.startswith(("/", "@")):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
