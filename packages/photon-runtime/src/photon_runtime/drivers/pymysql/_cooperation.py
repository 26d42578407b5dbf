"""`Cooperation`: the methods of a connection that wait in the hub, for one caller at a time.

Theory of operation. PyMySQL is written in Python, on a socket: with a socket of Photon it waits in
the hub. What it lacks is the order of its users, see `_usage`, and a safe end of interrupted
commands. An exception that is not an error of the server, such as `Cancelled` or the error of a
converter, leaves the rest of a command or of its result unsent or unread, and the next command
would read it as its own result. So the connection is closed at once, and a query that the server
may still run is ended in the background; see `_interruption`.

The methods call those that PyMySQL itself has, as they were when this module was imported. So they
may be put into a class beside PyMySQL's (`Connection`) or into PyMySQL's class (`install`). The
names without documentation that they depend on are asserted by tests.
"""

from __future__ import annotations

import functools
import socket
import ssl
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

from greenlet import GreenletExit
from pymysql import connections, err
from pymysql.constants import CR

from ..._offload import offload
from ..._pooled_greenlet import running_task
from ..._scope import deadline
from ..._socket import Socket
from ..._tls import waiting_in_hub
from ...errors import DeadlineExceeded
from ._broken_result import break_result, closed_early, is_streaming
from ._interruption import end_on_server, is_interrupted, remember_address
from ._socket import new_socket
from ._usage import ATTRIBUTE, Usage, usage_of

T = TypeVar("T")

_plain: Any = SimpleNamespace(**vars(connections.Connection))


def as_command(method: Callable[..., T], *, only_reads: bool = False) -> Callable[..., T]:
    """Return a method of a connection as one that one caller at a time runs to its end.

    Args:
        method: Function whose first argument is the connection; it may call other commands.
        only_reads: True if it reads a result without sending a command.
    """

    @functools.wraps(method)
    def command(self: Any, *args: Any, **kwargs: Any) -> T:
        usage = usage_of(self)
        if not usage.begin():
            return method(self, *args, **kwargs)
        usage.is_in_flight = only_reads or is_streaming(self)
        try:
            return method(self, *args, **kwargs)
        except BaseException as error:
            _end_in_step(self, usage, error)
            raise
        finally:
            usage.end(is_streaming=is_streaming(self))

    command.__doc__ = (
        method.__doc__ or f"Run PyMySQL's `{method.__name__}`. Blocks: the calling task."
    )
    return command


_rollback = as_command(_plain.rollback)
_read_packet = _plain._read_packet


class Cooperation:
    """The methods of `Connection`."""

    autocommit = as_command(_plain.autocommit)
    begin = as_command(_plain.begin)
    commit = as_command(_plain.commit)
    kill = as_command(_plain.kill)
    next_result = as_command(_plain.next_result, only_reads=True)
    ping = as_command(_plain.ping)
    query = as_command(_plain.query)
    select_db = as_command(_plain.select_db)
    set_character_set = as_command(_plain.set_character_set)
    show_warnings = as_command(_plain.show_warnings)

    def rollback(self: Any) -> None:
        """Roll the transaction back; see PyMySQL's `rollback`.

        In a task that is being cancelled it does nothing on a connection that the interruption has
        closed: the server rolls back by itself, and the cancellation is what is to be raised.
        """
        if self._sock is not None or not is_interrupted(self) or not _is_cancelled():
            _rollback(self)

    def connect(self: Any, sock: Any = None) -> None:
        """Connect and authenticate, within ``connect_timeout`` seconds; see PyMySQL's `connect`.

        Raises:
            pymysql.err.OperationalError: The server cannot be reached, is too slow or refuses.

        Blocks: the calling task.
        """
        usage = usage_of(self)
        begun = usage.begin()
        try:
            _connect_in_time(self, sock)
            remember_address(self)
        finally:
            if begun:
                usage.end(is_streaming=False)

    def close(self: Any) -> None:
        """Close the connection; a command that another task runs on it fails, and is ended.

        Raises:
            pymysql.err.Error: It is closed already.
        """
        usage = usage_of(self)
        if not usage.is_busy_elsewhere():
            _plain.close(self)
        elif self._closed:
            raise err.Error("Already closed")
        else:
            self._closed = True
            end_on_server(self)
            self._force_close()

    def _force_close(self: Any) -> None:
        """Close the socket, also while another task waits for it."""
        sock, self._sock = self._sock, None
        rfile, self._rfile = getattr(self, "_rfile", None), None
        usage = usage_of(self)
        break_result(self.__dict__.get("_result"))
        if sock is not None and usage.is_busy_elsewhere():
            # That caller waits inside of `rfile`, which cannot be closed by another meanwhile.
            _shut_down(sock)
        elif rfile is not None:
            rfile.close()
        if sock is not None:
            sock.close()
        usage.end_stream()

    __del__ = _force_close

    def _create_ssl_ctx(self: Any, sslp: Any) -> Any:
        return waiting_in_hub(_ssl_context(self, sslp))

    def _write_bytes(self: Any, data: Any) -> None:
        usage = usage_of(self)
        if self._sock is None and usage.cause is not None:
            raise usage.cause  # a ``finally`` of PyMySQL would finish what cannot be finished
        usage.is_in_flight = True
        try:
            if usage.packets_left:
                usage.packets_left -= 1
            else:
                usage.share_time()
            _plain._write_bytes(self, data)
        except err.MySQLError:
            raise
        except BaseException as error:  # a part of the packet may be sent
            usage.cause = error
            self._force_close()
            raise

    def _read_packet(self: Any, *args: Any) -> Any:
        usage = self.__dict__.get(ATTRIBUTE) or usage_of(self)  # for each row, so without a call
        if not usage.is_in_command and is_streaming(self):
            return _read_row(self, usage, *args)
        if usage.packets_left:
            usage.packets_left -= 1
        else:
            usage.share_time()
        return _read_packet(self, *args)


def _is_cancelled() -> bool:
    task = running_task()
    return task is not None and task.scope.cause() is not None


def _ssl_context(connection: Any, parameters: Any) -> ssl.SSLContext:
    """Return PyMySQL's context without blocking the scheduler by loading trusted certificates.

    Without parameters nothing is verified, and they would be loaded for nothing.
    """
    if parameters == {}:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    make: Callable[[Any, Any], ssl.SSLContext] = _plain._create_ssl_ctx
    if running_task() is None:
        return make(connection, parameters)
    return offload(make, connection, parameters)


def _connect_in_time(connection: Any, sock: Any) -> None:
    limit = connection.connect_timeout
    if limit is None or running_task() is None:
        _connect(connection, sock)
        return
    try:
        with deadline(limit):
            _connect(connection, sock)
    except DeadlineExceeded as error:
        raise err.OperationalError(
            CR.CR_CONN_HOST_ERROR,
            f"Can't connect to MySQL server on {connection.host!r}"
            f" (it did not respond within {limit:g} seconds)",
        ) from error


def _connect(connection: Any, sock: Any) -> None:
    if sock is None:
        try:
            sock = _new_socket(connection)
        except OSError as error:
            connection._force_close()
            raise err.OperationalError(
                CR.CR_CONN_HOST_ERROR,
                f"Can't connect to MySQL server on {connection.host!r} ({error})",
            ) from error
    _plain.connect(connection, sock)


def _new_socket(connection: Any) -> Socket:
    limit = connection.connect_timeout
    if connection.unix_socket:
        sock = new_socket(connection.unix_socket, timeout=limit)
        connection.host_info = "Localhost via UNIX socket"
        connection._secure = True
        return sock
    source = None if connection.bind_address is None else (connection.bind_address, 0)
    sock = new_socket((connection.host, connection.port), timeout=limit, source=source)
    connection.host_info = f"socket {connection.host}:{connection.port}"
    return sock


def _read_row(connection: Any, usage: Usage, *args: Any) -> Any:
    """Read a packet of an unbuffered result, between the commands."""
    if usage.is_in_finaliser():
        connection._force_close()
        raise closed_early()
    usage.begin_row()
    is_last = True
    try:
        if usage.packets_left:
            usage.packets_left -= 1
        else:
            usage.share_time()
        packet = _read_packet(connection, *args)
        is_last = packet.is_eof_packet()
    except BaseException as error:
        _end_in_step(connection, usage, error)
        raise
    else:
        return packet
    finally:
        usage.end_row()
        if is_last:
            usage.end_stream()


def _end_in_step(connection: Any, usage: Usage, error: BaseException) -> None:
    """Close the connection after an error that leaves something of the exchange undone."""
    if not usage.is_in_flight or _is_complete(error):
        return
    if not isinstance(error, GreenletExit):  # the hub has ended, and no task can clean up
        end_on_server(connection)
    connection._force_close()


def _is_complete(error: BaseException) -> bool:
    """Return whether an exchange has ended with ``error``: the server sent it, or has gone."""
    return isinstance(error, err.MySQLError) and error.args[:1] != (CR.CR_COMMANDS_OUT_OF_SYNC,)


def _shut_down(sock: socket.socket) -> None:
    """Let the waits on a socket end; not by TLS, which would have to wait itself."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:  # not connected any more
        pass
