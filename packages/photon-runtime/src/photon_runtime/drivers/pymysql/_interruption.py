"""Interrupted queries: the connection is closed at once, and a background task ends the query.

Theory of operation. Closing the socket is safe and enough for the client. But a server that runs a
query does not look at its socket, and would run the query to its end, holding its locks, and apply
what it changes. So a task of the hub ends the query on the server. One task ends all queries of a
server, those that are interrupted at the same time on one further connection: a burst of deadlines
does not become a burst of connections. And there is one request at a time, because MariaDB lets
some of several wait for 2 seconds.

Until the server has ended the query, or `CLEANUP_TIMEOUT` seconds have passed, the connection
counts as *interrupted*, so that a pool does not open another one in its place while the server
still counts it. It is never usable again.

Outside of tasks, and where the hub has ended, the connection is only closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
from pymysql import connections, err

from ..._hub import Hub, current_hub
from ..._pooled_greenlet import running_task
from ..._timer import Timer
from .._clean_up import CLEANUP_TIMEOUT, CleanUp
from ._kill import end_queries
from ._usage import ATTRIBUTE, usage_of

AnyConnection: TypeAlias = "connections.Connection[Any]"
SettledCallback = Callable[[bool], object]
_Key: TypeAlias = tuple[Any, Any]

_ADDRESS = "_photon_address"
_INTERRUPTION = "_photon_interruption"
# What a connection has of its own; all else describes how to connect.
_STATE = {
    "_sock": None,
    "_rfile": None,
    "_result": None,
    "_closed": False,
    "init_command": None,
    "sql_mode": None,
    "autocommit_mode": None,
    "_read_timeout": None,
    "_write_timeout": None,
}

_log = logging.getLogger("photon.runtime.pymysql")


@attrs.define(eq=False)
class Interruption:
    """One interrupted query.

    Attributes:
        connection: The connection, which is closed.
        number: The number that the server has given it.
        port: The client's port; ``None`` on a Unix socket.
        callbacks: Functions that are called at the end.
        timer: The end of the time.
    """

    connection: AnyConnection
    number: int
    port: int | None
    callbacks: list[SettledCallback] = attrs.field(factory=list)
    timer: Timer | None = None

    def settle_within(self, seconds: float, hub: Hub) -> None:
        """Report after ``seconds`` at the latest."""
        self.timer = hub.timers.add(hub.time() + seconds, self._give_up)

    def settle(self) -> None:
        """Report that the server has ended the query, or that nothing more is done about it."""
        if self.timer is not None:
            self.timer.cancel()
        if self.connection.__dict__.get(_INTERRUPTION) is self:
            del self.connection.__dict__[_INTERRUPTION]
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            try:
                callback(self.connection.open)
            except Exception:
                _log.exception("a callback of when_settled() failed: %r", callback)

    def _give_up(self) -> None:
        _log.warning("the server did not end an interrupted query in time: %r", self.connection)
        self.settle()


def is_interrupted(connection: AnyConnection) -> bool:
    """Return whether the server may still run an interrupted query of ``connection``."""
    return _INTERRUPTION in connection.__dict__


def when_settled(connection: AnyConnection, callback: SettledCallback) -> None:
    """Call ``callback`` when ``connection`` is no longer interrupted, at once when it is not.

    For pools: a connection that was interrupted is closed, and is replaced when the callback is
    called. Does not wait.

    Args:
        connection: Connection that cooperates.
        callback: Function that is called with ``True`` if the connection is open, and with
            ``False`` after an interruption. It runs in the hub that cleans up; its exceptions are
            logged.
    """
    interruption: Interruption | None = connection.__dict__.get(_INTERRUPTION)
    if interruption is None:
        callback(connection.open)
    else:
        interruption.callbacks.append(callback)


def remember_address(connection: Any) -> None:
    """Note where a new connection leads to, and from which port."""
    port = None if connection.unix_socket else connection._sock.getsockname()[1]
    address = connection.unix_socket or connection._sock.getpeername()
    connection.__dict__[_ADDRESS] = (address, port)


def end_on_server(connection: Any) -> None:
    """End the query of ``connection``, which must be closed now, in the background.

    Gives up a turn of the running task, but does not wait.
    """
    if running_task() is None or _ADDRESS not in connection.__dict__:
        return
    if is_interrupted(connection) or not usage_of(connection).is_in_flight:
        return
    address, port = connection.__dict__.pop(_ADDRESS)
    interruption = Interruption(connection, connection.thread_id(), port)
    connection.__dict__[_INTERRUPTION] = interruption
    connection._force_close()
    hub = current_hub()
    interruption.settle_within(CLEANUP_TIMEOUT, hub)
    _Endings.of(hub).add(address, interruption)


class _Endings:
    """The interrupted queries of one hub, by the server and the user."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: dict[_Key, list[Interruption]] = {}
        self._working: set[_Key] = set()

    @classmethod
    def of(cls, hub: Hub) -> _Endings:
        """Return the interrupted queries of ``hub``."""
        found = hub.resources.setdefault(cls, cls(hub))
        if not isinstance(found, cls):
            raise TypeError(f"{found!r} is registered as {cls!r}")
        return found

    def add(self, address: Any, interruption: Interruption) -> None:
        """End one more query, by the task of its server."""
        key = (address, interruption.connection.__dict__.get("user"))
        self._waiting.setdefault(key, []).append(interruption)
        if key not in self._working:
            self._working.add(key)
            work = CleanUp(self._hub, on_timeout=_do_nothing)
            work.wait_for_begin(work.spawn(lambda: self._work(key, work)))

    def _work(self, key: _Key, work: CleanUp) -> None:
        """End all queries of one server, also those that are interrupted meanwhile."""
        try:
            while batch := self._waiting.pop(key, None):
                try:
                    with work.limited():
                        _end_all(key[0], batch)
                finally:
                    work.end()
                    for interruption in batch:
                        interruption.settle()
                work = CleanUp(self._hub, on_timeout=_do_nothing)
        finally:
            work.end()
            self._working.discard(key)


def _end_all(address: Any, batch: list[Interruption]) -> None:
    like = {**batch[0].connection.__dict__, **_STATE}
    for name in (_ADDRESS, _INTERRUPTION, ATTRIBUTE):
        like.pop(name, None)
    try:
        end_queries(like, address, {each.number: each.port for each in batch})
    except (OSError, err.MySQLError) as error:
        _log.warning("interrupted queries may still run on the server: %s", error)
    except Exception:
        _log.exception("the clean-up of interrupted queries failed")


def _do_nothing() -> None:
    """Leave the report to each interruption."""
