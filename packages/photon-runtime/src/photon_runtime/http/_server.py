"""The server: all connections, their tasks and times, and the end.

Theory of operation. Each listener has a task that accepts; each connection has one that serves it.
Connections that have been idle for some seconds rest: their task ends, and a new one begins with
the next bytes, so that an idle connection costs little memory. Once a second a sweep over all
connections ends the waits that last too long and puts idle ones to rest.

Stopping is graceful. What has been accepted by the operating system is still taken, then nothing
more. Requests that run are finished, and say ``Connection: close``. An idle connection is closed
when it has been idle for the grace that the stop gives: a client that is using it has its next
request answered, and learns from the answer that it must connect anew; nobody's request meets a
closed connection unless it comes later than that grace after the one before. What is left after
``shutdown_timeout`` is cancelled.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import math
import socket
from collections.abc import Callable, Sequence

from .._cancel import CancelScope
from .._carrier import current_task
from .._hub import Hub, current_hub
from .._poll import watch_new
from .._run import new_task, sleep, spawn
from .._scope import deadline, scope
from .._sync import Event
from .._task import Task
from .._watcher import Watcher
from ..errors import DeadlineExceeded
from ._acceptor import Acceptor
from ._connection import Connection, Handler, Phase
from ._encode import date_field
from ._lifetime import Lifetime, WorkerLink
from ._listen import turn_away
from ._opening import make_opening
from ._request import Request
from ._response import Response
from ._settings import ServerSettings
from ._started import StartedHandler, context_of
from ._wire import RawSocket
from .errors import HttpError

_log = logging.getLogger("photon.http")
_BUFFER_SIZE = 64 * 1024
_REST_AFTER = 5.0
_RESTS_PER_SWEEP = 1000
_SWEEP = 1.0
_SWEEP_AT_THE_END = 0.05
_LOOK_FOR_DEPARTURES = 0.1


_current: contextvars.ContextVar[Server] = contextvars.ContextVar("photon_server")


def is_stopping() -> bool:
    """Say, in a handler, whether its server has been told to stop; outside of one, no."""
    server = _current.get(None)
    return server is not None and server.is_stop_asked


class Server:
    """An HTTP/1.1 server on listening sockets, to be run in a hub.

    Attributes:
        connections: The open connections, each with its task; ``None`` for those that rest.
    """

    def __init__(
        self,
        *,
        sockets: Sequence[socket.socket],
        settings: ServerSettings | None = None,
        worker: WorkerLink | None = None,
        is_last: bool = False,
    ) -> None:
        """Prepare to serve on ``sockets``, which are listening and non-blocking.

        Args:
            sockets: They are closed when the server stops.
            settings: Limits and times.
            is_last: Whether nobody else has the sockets, so that new clients are to be turned away
                when the server stops; see `turn_away`.
            worker: The way to the supervisor, if there is one.

        Raises:
            ServerError: The certificates cannot be used.
        """
        self.handler: Handler = _unavailable
        self.settings = settings if settings is not None else ServerSettings()
        self.connections: dict[Connection, Task[None] | None] = {}
        self.context = contextvars.Context()
        self.buffer = bytearray(_BUFFER_SIZE)
        self.now = 0.0
        self.idle_until = 0.0
        self.date = b""
        self.is_stopping = False
        self.in_flight = 0
        self.grace = 0.0
        self.departures: dict[Watcher, CancelScope] = {}
        self.streams: dict[Watcher, Callable[[], None]] = {}
        self._sockets = list(sockets)
        self._is_last = is_last
        self._acceptor = Acceptor(
            sockets,
            opened=self.connections,
            most=self.settings.max_connections,
            begin=self._begin,
        )
        self._opening = make_opening(self.settings)
        self._lifetime = Lifetime(self.settings, worker)
        self._stop_asked = Event()
        self._is_stop_asked = False  # what `stop` leaves when it comes before `serve`
        self._all_closed = Event()
        self._hub: Hub | None = None

    def serve(self, handler: Handler, ready: Callable[[], None] | None = None) -> None:
        """Serve until `stop`, then finish what runs.

        Args:
            handler: Turns a request into a response.
            ready: Called when connections are accepted.

        Blocks: the calling task.
        """
        self.handler = self._lifetime.counting(handler)
        self._hub = current_hub()
        self.context = context_of(handler)
        self.context.run(_current.set, self)
        self._tick()
        try:
            with scope() as service:
                for listener in self._sockets:
                    service.spawn(self._acceptor.accept_from, listener)
                service.spawn(self._sweep, _SWEEP)
                if self.settings.cancel_on_disconnect:
                    service.spawn(self._look_for_departures)
                if ready is not None:
                    ready()
                if not self._is_stop_asked:
                    self._stop_asked.wait()
                service.cancel()
            if isinstance(handler, StartedHandler):
                spawn(handler.drain)
            self._finish()
        finally:
            self._close_unattended()

    @property
    def is_stop_asked(self) -> bool:
        """Whether it stops, or is just about to."""
        return self._is_stop_asked

    def stop(self, *, grace: float = 0.0) -> None:
        """Begin to stop. May be called from any thread and from signal handlers.

        Args:
            grace: Seconds for which a connection may be idle until it is closed; with zero, idle
                ones are closed at once. A second call may shorten it.
        """
        self.grace = grace if not self._is_stop_asked else min(grace, self.grace)
        self._is_stop_asked = True
        if self._hub is not None:
            self._hub.post(self._note_stop)

    def _note_stop(self) -> None:
        self._stop_asked.set()
        if self.is_stopping:
            self._limit_idle()

    # -- connections ----------------------------------------------------------------------------

    def _begin(self, accepted: RawSocket, address: object) -> None:
        watcher = watch_new(current_hub().poller, accepted.fileno())
        connection = Connection(self, accepted, address, watcher)
        if self._opening is None:
            self.connections[connection] = spawn(self._run_connection, connection)
        else:
            self.connections[connection] = spawn(
                self._open_connection, connection, accepted, address
            )

    def _open_connection(
        self, connection: Connection, accepted: RawSocket, address: object
    ) -> None:
        opening, is_open = self._opening, False
        try:
            is_open = opening is None or connection.open(opening, accepted, address, current_task())
        finally:
            if not is_open:
                self._close(connection)
        if is_open:
            self._run_connection(connection)

    def _run_connection(self, connection: Connection) -> None:
        phase = Phase.OVER
        try:
            phase = connection.serve(current_task())
        finally:
            if phase is Phase.RESTING:
                self.connections[connection] = None
                connection.watcher.wake_when_readable(_Sleeper(self, connection))
            else:
                self._close(connection)

    def _close(self, connection: Connection) -> None:
        current_hub().poller.forget(connection.watcher.fd)
        connection.stream.close()
        del self.connections[connection]
        self._acceptor.note_room()
        if not self.connections:
            self._all_closed.set()

    def wake(self, connection: Connection) -> None:
        """Let a connection that rests go on."""
        hub = self._hub
        if hub is not None and self.connections.get(connection, self) is None:
            connection.watcher.take_waiters()
            task = new_task(
                hub, functools.partial(self._run_connection, connection), self._run_connection
            )
            self.connections[connection] = task
            hub.spawn(task)

    # -- time ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.now = current_hub().time()
        idle = self.grace if self.is_stopping else self.settings.idle_timeout
        self.idle_until = self.now + idle
        self.date = date_field()

    def _sweep(self, interval: float) -> None:
        """Again and again: move the coarse clock, end the waits that last too long."""
        beaten = -math.inf
        while True:
            sleep(interval)
            self._sweep_once()
            if self.now >= beaten + _SWEEP / 2:
                beaten = self.now
                self._lifetime.tick()

    def _sweep_once(self) -> None:
        self._tick()
        now = self.now
        tired = now + self.settings.idle_timeout - _REST_AFTER
        left = _RESTS_PER_SWEEP
        for connection, task in list(self.connections.items()):
            if connection.expires < now:
                if task is None:
                    self.wake(connection)
                else:
                    connection.expire()
            elif connection.is_idle and task is not None and connection.expires < tired and left:
                left -= 1
                connection.rest()
        self._stop_unheard_streams()

    def _stop_unheard_streams(self) -> None:
        """Stop the bodies that could go on for long without sending, if their clients have left."""
        for watcher, stop in list(self.streams.items()):
            if watcher.ended:
                stop()

    def _look_for_departures(self) -> None:
        """Cancel the requests whose clients have left."""
        while True:
            sleep(_LOOK_FOR_DEPARTURES)
            for watcher, request in list(self.departures.items()):
                if watcher.ended:
                    request.cancel()

    # -- the end ------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Let what runs end, for a limited time, and cancel the rest."""
        if self._is_last:
            turn_away(self._sockets)
        self._acceptor.take_the_last()
        self.is_stopping = True
        self._tick()
        self._limit_idle()
        self._stop_what_has_no_end()
        try:
            with deadline(self.settings.shutdown_timeout), scope() as service:
                service.spawn(self._sweep, _SWEEP_AT_THE_END)
                if self.settings.cancel_on_disconnect:
                    service.spawn(self._look_for_departures)
                self._wait_until_closed()
                service.cancel()
        except DeadlineExceeded:
            _log.warning("%d connections were cut off", len(self.connections))
        for task in list(self.connections.values()):
            if task is not None:
                task.cancel()
        self._close_unattended()
        self._wait_until_closed()

    def _stop_what_has_no_end(self) -> None:
        """Tell other protocols and silent streams that it is over."""
        for connection in list(self.connections):
            if connection.upgraded is not None:
                connection.upgraded.stop()
        for stop in list(self.streams.values()):
            stop()

    def _limit_idle(self) -> None:
        """Set the end of every idle connection, and close those that are past it."""
        for connection, task in list(self.connections.items()):
            if not connection.is_idle or connection.expires == math.inf:
                continue  # it is handling a request, or has not begun to wait
            idle_since = connection.expires - self.settings.idle_timeout
            end = idle_since + _SWEEP + self.grace  # the clock was that coarse
            if self.grace and end > self.now:
                connection.expires = min(end, self.now + self.grace)
            elif task is None:
                connection.expires = -math.inf
                self.wake(connection)
            else:
                connection.expires = -math.inf
                connection.expire()

    def _close_unattended(self) -> None:
        """Close the connections whose tasks would not: they rest, or were never begun."""
        for connection, task in list(self.connections.items()):
            if task is None:
                self._close(connection)
            elif task.done or not task.has_begun:
                task.cancel()
                self._close(connection)

    def _wait_until_closed(self) -> None:
        while self.connections:
            self._all_closed.clear()
            self._all_closed.wait()


class _Sleeper:
    """Stands for a connection that rests, where a watcher wakes tasks."""

    __slots__ = ("_connection", "_server")

    def __init__(self, server: Server, connection: Connection) -> None:
        self._server = server
        self._connection = connection

    def park(self) -> None:
        """Do nothing: nobody pauses."""

    def unpark(self) -> bool:
        """Let the connection go on."""
        self._server.wake(self._connection)
        return True

    def interrupt(self, error: BaseException) -> bool:
        """Do nothing: the connection is being closed."""
        return False


def _unavailable(request: Request) -> Response:
    raise HttpError(503, "the application has not started")
