"""The server: all connections, their tasks and timeouts, and the shutdown.

Theory of operation. Each listener has a task that accepts; each connection has one that serves it.
Connections that have been idle for some seconds are parked: their task ends, and a new one starts
with the next bytes, so that an idle connection costs little memory. Once a second a sweep over all
connections ends waits that have exceeded their timeout and parks idle ones.

Shutdown is graceful. Connections in the backlog are still accepted, then no others. Running
requests are finished, and their responses have ``Connection: close``. An idle connection is closed
when it has been idle for the grace period: a client that is using it gets a response to its next
request, which announces that the connection will be closed; a request meets a closed connection
only if it is sent later than the grace period after the previous one. What is left after
``shutdown_timeout`` is cancelled.
"""

from __future__ import annotations

import contextvars
import logging
import math
import socket
from collections.abc import Callable, Sequence

from .._cancel import CancelScope
from .._hub import Hub, current_hub
from .._poll import watch_new
from .._pooled_greenlet import current_task
from .._run import new_task, sleep, spawn
from .._scope import deadline, scope
from .._sync import Event
from .._task import Task
from .._watcher import Watcher
from ..errors import DeadlineExceeded
from ._acceptor import Acceptor
from ._connection import Connection, Handler, Phase
from ._connection_preface import make_preface
from ._encode import date_field
from ._lifetime import Lifetime, WorkerLink
from ._listen import refuse_new_connections
from ._request import Request
from ._response import Response
from ._settings import ServerSettings
from ._started import StartedHandler, context_of
from ._wire import RawSocket
from .errors import HttpError

_log = logging.getLogger("photon.http")
_BUFFER_SIZE = 64 * 1024
_PARK_AFTER = 5.0
_PARKED_PER_SWEEP = 1000
_SWEEP = 1.0
_SHUTDOWN_SWEEP = 0.05
_DISCONNECT_INTERVAL = 0.1


_current: contextvars.ContextVar[Server] = contextvars.ContextVar("photon_server")


def is_stopping() -> bool:
    """Return whether the server of the running handler is stopping; ``False`` outside handlers."""
    server = _current.get(None)
    return server is not None and server.is_stop_requested


class Server:
    """An HTTP/1.1 server on listening sockets, to be run in a hub.

    Attributes:
        connections: The open connections, each with its task; ``None`` for parked ones.
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
            sockets: Listening sockets; closed when the server stops.
            settings: Limits and timeouts.
            is_last: True if no other process uses the sockets, so that new connections are to be
                refused when the server stops; see `refuse_new_connections`.
            worker: Connection to the supervisor, if there is one.

        Raises:
            ServerError: The certificates cannot be used.
        """
        self.handler: Handler = _unavailable
        self.settings = settings if settings is not None else ServerSettings()
        self.connections: dict[Connection, Task[None] | None] = {}
        self.context = contextvars.Context()
        self.buffer = bytearray(_BUFFER_SIZE)
        self.view = memoryview(self.buffer)
        self.now = 0.0
        self.idle_until = 0.0
        self.date = b""
        self.is_stopping = False
        self.in_flight = 0
        self.upgraded = 0
        self.max_upgraded = _max_upgraded(self.settings)
        self.grace = 0.0
        self.disconnects: dict[Watcher, CancelScope] = {}
        self.streams: dict[Watcher, Callable[[], None]] = {}
        self._sockets = list(sockets)
        self._is_last = is_last
        self._acceptor = Acceptor(
            sockets,
            connections=self.connections,
            max_connections=self.settings.max_connections,
            start=self._start_connection,
        )
        self._preface = make_preface(self.settings)
        self._lifetime = Lifetime(self.settings, worker)
        self._stop_requested = Event()
        self._is_stop_requested = False  # set by `stop`, which may be called before `serve`
        self._all_closed = Event()
        self._hub: Hub | None = None

    def serve(self, handler: Handler, ready: Callable[[], None] | None = None) -> None:
        """Serve until `stop` is called, then finish the running requests.

        Args:
            handler: Takes a request and returns a response.
            ready: Called when the server accepts connections.

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
                    service.spawn(self._watch_disconnects)
                if ready is not None:
                    ready()
                if not self._is_stop_requested:
                    self._stop_requested.wait()
                service.cancel()
            if isinstance(handler, StartedHandler):
                spawn(handler.drain)
            self._finish()
        finally:
            self._close_without_task()

    @property
    def is_stop_requested(self) -> bool:
        """Whether `stop` was called."""
        return self._is_stop_requested

    def stop(self, *, grace: float = 0.0) -> None:
        """Begin to stop. May be called from any thread and from signal handlers.

        Args:
            grace: Idle time in seconds after which a connection is closed; with zero, idle ones are
                closed at once. A second call may shorten it.
        """
        self.grace = grace if not self._is_stop_requested else min(grace, self.grace)
        self._is_stop_requested = True
        if self._hub is not None:
            self._hub.post(self._note_stop)

    def _note_stop(self) -> None:
        self._stop_requested.set()
        if self.is_stopping:
            self._limit_idle()

    # -- connections ----------------------------------------------------------------------------

    def _start_connection(self, accepted: RawSocket, address: object) -> None:
        watcher = watch_new(current_hub().poller, accepted.fileno())
        connection = Connection(self, accepted, address, watcher)
        if self._preface is None:
            self.connections[connection] = self._spawn_connection(connection)
        else:
            self.connections[connection] = spawn(
                self._receive_preface, connection, accepted, address
            )

    def _spawn_connection(self, connection: Connection) -> Task[None]:
        """Start the task of a connection.

        A lambda, because a `functools.partial` calls the function from C, and that takes some 700
        bytes of stack, which every idle upgraded connection would hold.
        """
        hub = current_hub() if self._hub is None else self._hub
        run = self._run_connection
        task = new_task(hub, lambda: run(connection), run)
        hub.spawn(task)
        return task

    def _receive_preface(
        self, connection: Connection, accepted: RawSocket, address: object
    ) -> None:
        preface, is_open = self._preface, False
        try:
            is_open = preface is None or connection.receive_preface(
                preface, accepted, address, current_task()
            )
        finally:
            if not is_open:
                self._close(connection)
        if is_open:
            self._run_connection(connection)

    def _run_connection(self, connection: Connection) -> None:
        phase = Phase.ENDED
        try:
            phase = connection.serve(current_task())
        finally:
            if phase is Phase.PARKED:
                self.connections[connection] = None
                connection.watcher.wake_when_readable(_ParkedConnection(self, connection))
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
        """Start a new task for a parked connection."""
        hub = self._hub
        if hub is not None and self.connections.get(connection, self) is None:
            connection.watcher.take_waiters()
            self.connections[connection] = self._spawn_connection(connection)

    # -- time ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.now = current_hub().time()
        idle = self.grace if self.is_stopping else self.settings.idle_timeout
        self.idle_until = self.now + idle
        self.date = date_field()

    def _sweep(self, interval: float) -> None:
        """Periodically update the coarse clock and end waits that have exceeded their timeout."""
        last_tick = -math.inf
        while True:
            sleep(interval)
            self._sweep_once()
            if self.now >= last_tick + _SWEEP / 2:
                last_tick = self.now
                self._lifetime.tick()

    def _sweep_once(self) -> None:
        self._tick()
        now = self.now
        idle_before = now + self.settings.idle_timeout - _PARK_AFTER
        left = _PARKED_PER_SWEEP
        for connection, task in list(self.connections.items()):
            if connection.expires < now:
                if task is None:
                    self.wake(connection)
                else:
                    connection.expire()
            elif (
                connection.is_idle
                and task is not None
                and connection.expires < idle_before
                and left
            ):
                left -= 1
                connection.park()
        self._stop_orphaned_streams()

    def _stop_orphaned_streams(self) -> None:
        """Stop streams whose clients have disconnected, which may not send for a long time."""
        for watcher, stop in list(self.streams.items()):
            if watcher.ended:
                stop()

    def _watch_disconnects(self) -> None:
        """Cancel the requests whose clients have disconnected."""
        while True:
            sleep(_DISCONNECT_INTERVAL)
            for watcher, request in list(self.disconnects.items()):
                if watcher.ended:
                    request.cancel()

    # -- the end ------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Wait for running requests for a limited time, and cancel the rest."""
        if self._is_last:
            refuse_new_connections(self._sockets)
        self._acceptor.drain_backlog()
        self.is_stopping = True
        self._tick()
        self._limit_idle()
        self._stop_endless_responses()
        try:
            with deadline(self.settings.shutdown_timeout), scope() as service:
                service.spawn(self._sweep, _SHUTDOWN_SWEEP)
                if self.settings.cancel_on_disconnect:
                    service.spawn(self._watch_disconnects)
                self._wait_until_closed()
                service.cancel()
        except DeadlineExceeded:
            _log.warning(
                "%d connections were cancelled: they had not ended within shutdown_timeout",
                len(self.connections),
            )
        for task in list(self.connections.values()):
            if task is not None:
                task.cancel()
        self._close_without_task()
        self._wait_until_closed()

    def _stop_endless_responses(self) -> None:
        """Stop upgraded connections and streams, which may have no end of their own."""
        for connection in list(self.connections):
            if connection.upgraded is not None:
                connection.upgraded.stop()
        for stop in list(self.streams.values()):
            stop()

    def _limit_idle(self) -> None:
        """Set the expiry of every idle connection, and close those that have expired."""
        for connection, task in list(self.connections.items()):
            if not connection.is_idle or connection.expires == math.inf:
                continue  # it is handling a request, or has not begun to wait
            idle_since = connection.expires - self.settings.idle_timeout
            end = idle_since + _SWEEP + self.grace  # idle_since is as coarse as the sweep
            if self.grace and end > self.now:
                connection.expires = min(end, self.now + self.grace)
            elif task is None:
                connection.expires = -math.inf
                self.wake(connection)
            else:
                connection.expires = -math.inf
                connection.expire()

    def _close_without_task(self) -> None:
        """Close the connections without a running task: parked ones, or ones not yet started."""
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


class _ParkedConnection:
    """The waiter of a parked connection, for its watcher to wake."""

    __slots__ = ("_connection", "_server")

    def __init__(self, server: Server, connection: Connection) -> None:
        self._server = server
        self._connection = connection

    def park(self) -> None:
        """Do nothing: there is no task to pause."""

    def unpark(self) -> bool:
        """Resume the connection."""
        self._server.wake(self._connection)
        return True

    def interrupt(self, error: BaseException) -> bool:
        """Do nothing: the connection is being closed."""
        return False


def _max_upgraded(settings: ServerSettings) -> int:
    return settings.max_upgraded or max(1, settings.max_connections * 9 // 10)


def _unavailable(request: Request) -> Response:
    raise HttpError(503, "the application has not started")
