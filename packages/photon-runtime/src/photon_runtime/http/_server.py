"""The server: all connections, their tasks and timeouts, and the shutdown.

Theory of operation. Each listener has a task that accepts; each connection has one that serves it.
Connections that have been idle for some seconds are parked: their task ends, and a new one starts
with the next bytes, so that an idle connection costs little memory. Once a second, or more often if
a timeout is short, a sweep over all connections ends waits that have exceeded their timeout and
parks idle ones; `limit_clock` explains why it is right to judge them so coarsely, and why a task
that holds the scheduler cannot make others time out. Every loop over all connections runs in slices
(`slices`), with a poll before each, so that thousands of connections do not hold the scheduler.

Shutdown is graceful. Connections in the backlog are still accepted, then no others. Running
requests are finished, and their responses have ``Connection: close``. An idle connection is closed
when it has been idle for the grace period: a client that is using it gets a response to its next
request, which announces that the connection will be closed; a request meets a closed connection
only if it is sent later than the grace period after the previous one. What is left after
``shutdown_timeout`` is cancelled.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import math
import os
import socket
from collections.abc import Callable, Sequence

from .. import speedups
from .._cancel import CancelScope
from .._hub import Hub, current_hub
from .._large_blocks import keep_large_blocks
from .._poll import watch_new
from .._pooled_greenlet import current_task, running_task
from .._run import new_task, sleep, spawn
from .._scope import deadline, scope
from .._sync import Event
from .._task import Task
from .._watcher import Watcher
from ..errors import DeadlineExceeded
from ..escapes import as_failure
from ..limit_clock import LimitClock, sweep_interval
from ..slices import SLICE, in_slices, yield_to_events
from ._acceptor import Acceptor
from ._connection import Connection, Handler, Phase, response_to_error
from ._connection_preface import make_preface
from ._encode import date_field, encode_fields, status_and_type
from ._forked_child import leave_server
from ._framing import is_host
from ._lifetime import Lifetime, WorkerLink
from ._listen import refuse_new_connections
from ._parser import RequestParser
from ._problem import failure_response
from ._request import Request
from ._request_tasks import await_request_tasks
from ._response import Response
from ._root_path import with_root_path
from ._settings import ServerSettings
from ._started import StartedHandler, context_of, function_of
from ._wire import RawSocket, WaitTimeout
from .errors import HttpError

_log = logging.getLogger("photon.http")
_BUFFER_SIZE = 64 * 1024
_PARK_AFTER = 5.0
_PARKED_PER_SWEEP = 1000
_BEAT = 1.0
_SHUTDOWN_SWEEP = 0.05
_DISCONNECT_INTERVAL = 0.1
_AFTER_FAILURE = 0.1


_current: contextvars.ContextVar[Server] = contextvars.ContextVar("photon_server")


def is_stopping() -> bool:
    """Return whether the server of the running handler is stopping; ``False`` outside handlers."""
    server = _current.get(None)
    return server is not None and server.is_stop_requested


def _leave_in_child() -> None:
    server = _current.get(None)
    if server is not None and running_task() is not None:
        leave_server(list(server.connections), server._sockets)


os.register_at_fork(after_in_child=_leave_in_child)


class Server:
    """An HTTP/1.1 server on listening sockets, to be run in a hub.

    Attributes:
        connections: The open connections, each with its task; ``None`` for parked ones.
    """

    __slots__ = (
        "__weakref__",
        "_acceptor",
        "_all_closed",
        "_has_new_grace",
        "_hub",
        "_is_last",
        "_is_stop_requested",
        "_lifetime",
        "_preface",
        "_sockets",
        "_stop_requested",
        "_sweep_interval",
        "buffer",
        "clock",
        "connections",
        "context",
        "date",
        "disconnects",
        "grace",
        "handler",
        "idle_until",
        "in_flight",
        "is_stopping",
        "max_upgraded",
        "now",
        "receive",
        "settings",
        "streams",
        "upgraded",
        "view",
    )

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
        self._sweep_interval = _sweep_interval(self.settings)
        self.clock = LimitClock(self._sweep_interval)
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
        self.receive: Callable[[Connection, Task[object]], int] = _receive
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
        self._has_new_grace = False
        self._all_closed = Event()
        self._hub: Hub | None = None

    def serve(self, handler: Handler, ready: Callable[[], None] | None = None) -> None:
        """Serve until `stop` is called, then finish the running requests.

        Args:
            handler: Takes a request and returns a response.
            ready: Called when the server accepts connections.

        Blocks: the calling task.
        """
        settings = self.settings
        rooted = with_root_path(
            function_of(handler),
            settings.root_path,
            reads_field=bool(settings.trusted_proxies) and settings.proxy_fields == "x-forwarded",
        )
        self.handler = self._lifetime.counting(rooted)
        self._hub = current_hub()
        self.context = context_of(handler)
        self.context.run(_current.set, self)
        self._tick()
        keep_large_blocks()
        try:
            with self._hub.in_service(), scope() as service:
                for listener in self._sockets:
                    accept = functools.partial(self._acceptor.accept_from, listener)
                    service.spawn(_keep_going, accept)
                service.spawn(_keep_going, functools.partial(self._sweep, self._sweep_interval))
                if self.settings.cancel_on_disconnect:
                    service.spawn(_keep_going, self._watch_disconnects)
                if ready is not None:
                    ready()
                if not self._is_stop_requested:
                    self._stop_requested.wait()
                service.cancel()
            with self._hub.in_service():
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
        self._has_new_grace = self.is_stopping

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
        clock = self.clock
        clock.tick(current_hub().time())
        self.now = clock.latest
        idle = self.grace if self.is_stopping else self.settings.idle_timeout
        self.idle_until = self.now + idle
        self.date = date_field()

    def _sweep(self, interval: float) -> None:
        """Periodically advance the clock and end waits that have exceeded their timeout."""
        hub, last_beat = current_hub(), -math.inf
        while True:
            sleep(interval)
            if hub.time() >= last_beat + _BEAT / 2:  # first: the supervisor counts holds, too
                last_beat = hub.time()
                self._lifetime.tick()
            if self._has_new_grace:
                self._has_new_grace = False
                self._limit_idle()
            self._sweep_once()

    def _sweep_once(self) -> None:
        left = _PARKED_PER_SWEEP
        connections = list(self.connections)
        for start in range(0, len(connections) or 1, SLICE):
            yield_to_events()  # what has arrived is served before it is judged to be late
            self._tick()
            left = self._sweep_some(connections[start : start + SLICE], left)
        self._stop_orphaned_streams()

    def _sweep_some(self, connections: Sequence[Connection], left: int) -> int:
        """End expired waits, and park ``left`` idle connections at most; return how many are left.

        Does not wait.
        """
        open_ones, swept_at = self.connections, self.clock.time
        idle_before = self.now + self.settings.idle_timeout - _PARK_AFTER
        for connection in connections:
            if connection not in open_ones:
                continue
            task = open_ones[connection]
            if connection.expires < swept_at:
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
        return left

    def _stop_orphaned_streams(self) -> None:
        """Stop streams whose clients have disconnected, which may not send for a long time."""
        for watcher, stop in in_slices(self.streams.items()):
            if watcher.ended and self.streams.get(watcher) is stop:
                stop()

    def _watch_disconnects(self) -> None:
        """Cancel the requests whose clients have disconnected."""
        while True:
            sleep(_DISCONNECT_INTERVAL)
            for watcher, request in in_slices(self.disconnects.items()):
                if watcher.ended and self.disconnects.get(watcher) is request:
                    request.cancel()

    # -- the end ------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Wait for running requests for a limited time, and cancel the rest."""
        if self._is_last:
            refuse_new_connections(self._sockets)
        self._acceptor.drain_backlog()
        self.is_stopping = True
        self.clock.use_interval(_SHUTDOWN_SWEEP)
        self._tick()
        self._limit_idle()
        self._stop_endless_responses()
        try:
            with deadline(self.settings.shutdown_timeout), scope() as service:
                service.spawn(_keep_going, functools.partial(self._sweep, _SHUTDOWN_SWEEP))
                if self.settings.cancel_on_disconnect:
                    service.spawn(_keep_going, self._watch_disconnects)
                self._wait_until_closed()
                service.cancel()
        except DeadlineExceeded:
            _log.warning(
                "%d connections were cancelled: they had not ended within shutdown_timeout",
                len(self.connections),
            )
        for connection in in_slices(self.connections):
            task = self.connections.get(connection)
            if task is not None:
                task.cancel()
        self._close_without_task()
        self._wait_until_closed()

    def await_tasks(self, seconds: float) -> None:
        """Wait for the tasks that handlers have spawned; see `await_request_tasks`.

        Blocks: the calling task, for ``seconds`` and a moment at most.
        """
        await_request_tasks(lambda task: task.context.get(_current) is self, seconds)

    def _stop_endless_responses(self) -> None:
        """Stop upgraded connections and streams, which may have no end of their own."""
        for connection in in_slices(self.connections):
            if connection.upgraded is not None and connection in self.connections:
                connection.upgraded.stop()
        for watcher, stop in in_slices(self.streams.items()):
            if self.streams.get(watcher) is stop:
                stop()

    def _limit_idle(self) -> None:
        """Set the expiry of every idle connection, and close those that have expired."""
        for connection in in_slices(self.connections):
            if connection not in self.connections:
                continue
            if not connection.is_idle or connection.expires == math.inf:
                continue  # it is handling a request, or has not begun to wait
            task = self.connections[connection]
            idle_since = connection.expires - self.settings.idle_timeout
            end = idle_since + self.grace
            if self.grace and end > self.clock.time:
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


def _keep_going(work: Callable[[], None]) -> None:
    """Do work of the server until it is cancelled, in spite of exceptions of signal handlers.

    Python calls a signal handler in whatever runs: what it raises must end a request, not this.

    Raises:
        OSError: The operating system refused something, so that trying again would not help.
    """
    while True:
        try:
            work()
        except TimeoutError as error:  # the usual exception of a time limit
            failure: Exception = error
        except OSError:
            raise
        except BaseException as error:
            failure = as_failure(error)
        else:
            return
        _log.error("the server goes on after an error in its own work", exc_info=failure)
        sleep(_AFTER_FAILURE)


def _max_upgraded(settings: ServerSettings) -> int:
    return settings.max_upgraded or max(1, settings.max_connections * 9 // 10)


def _sweep_interval(settings: ServerSettings) -> float:
    return sweep_interval(
        settings.header_timeout,
        settings.body_timeout,
        settings.idle_timeout,
        settings.write_timeout,
    )


def _unavailable(request: Request) -> Response:
    raise HttpError(503, "the application has not started")


_connections = speedups.connections(
    {
        "Connection": Connection,
        "Request": Request,
        "RequestParser": RequestParser,
        "Response": Response,
        "Server": Server,
        "ServerSettings": ServerSettings,
        "WaitTimeout": WaitTimeout,
        "blank": Request("GET", "/", []),
        "encode_fields": encode_fields,
        "failure_response": failure_response,
        "is_host": is_host,
        "never": math.inf,
        "response_to_error": response_to_error,
        "socket": RawSocket,
        "status_and_type": status_and_type,
    }
)
_receive = Connection.receive if _connections is None else _connections.receive
