"""The server: listening sockets, the connections accepted from them, and the end.

Stopping is graceful: nothing is accepted any more, idle connections are closed, requests that
run are finished, and what is left after ``shutdown_timeout`` is cancelled.
"""

from __future__ import annotations

import contextvars
import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Protocol, runtime_checkable

from .._hub import Hub, current_hub, run, sleep, spawn
from .._scope import deadline, scope
from .._sync import Event
from .._task import Task, current_task
from ..errors import DeadlineExceeded, ServerError
from ..stats import dumping_on_signal, watch_hub
from ._connection import Connection, Handler
from ._encode import date_field
from ._messages import Request, Response
from ._settings import ServerSettings
from .errors import HttpError

_log = logging.getLogger("photon.http")
_BUFFER_SIZE = 64 * 1024
# Generous: a burst must be taken off the backlog before that overflows.
_ACCEPTS_PER_TURN = 1024
_PAUSE_WITHOUT_DESCRIPTORS = 0.1
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@runtime_checkable
class Application(Protocol):
    """What `photon run` serves: something that can be started and gives a handler."""

    def start(self, *, development: bool = False) -> AbstractContextManager[Handler]:
        """Enter the application's life; leaving the context ends it.

        Raises:
            PhotonError: The application is not in order; the message lists every problem.
        """


class Server:
    """An HTTP/1.1 server on listening sockets, to be run in a hub.

    Attributes:
        connections: The open connections, each with its task.
    """

    def __init__(
        self,
        *,
        sockets: Sequence[socket.socket],
        settings: ServerSettings | None = None,
    ) -> None:
        """Prepare to serve on ``sockets``, which are listening and non-blocking."""
        self.handler: Handler = _unavailable
        self.settings = settings if settings is not None else ServerSettings()
        self.connections: dict[Connection, Task[None]] = {}
        self.context = contextvars.Context()
        self.buffer = bytearray(_BUFFER_SIZE)
        self.now = 0.0
        self.date = b""
        self.is_stopping = False
        self.in_flight = 0
        self._sockets = list(sockets)
        self._stop_asked = Event()
        self._is_stop_asked = False  # what `stop` leaves when it comes before `serve`
        self._all_closed = Event()
        self._has_room = Event()
        self._hub: Hub | None = None

    def serve(self, handler: Handler, ready: Callable[[], None] | None = None) -> None:
        """Serve until `stop`, then finish what runs.

        Args:
            handler: Turns a request into a response.
            ready: Called when connections are accepted.

        Blocks: the calling task.
        """
        self.handler = handler
        self._hub = current_hub()
        self.context = contextvars.copy_context()
        self._tick()
        with scope() as service:
            for listener in self._sockets:
                service.spawn(self._accept_from, listener)
            service.spawn(self._sweep)
            if ready is not None:
                ready()
            if not self._is_stop_asked:
                self._stop_asked.wait()
            service.cancel()
        self._finish()

    def stop(self) -> None:
        """Begin to stop. May be called from any thread and from signal handlers."""
        self._is_stop_asked = True
        if self._hub is not None:
            self._hub.post(self._stop_asked.set)

    # -- accepting ----------------------------------------------------------------------------

    def _accept_from(self, listener: socket.socket) -> None:
        hub, task = current_hub(), current_task()
        watcher = hub.poller.watch(listener.fileno())
        try:
            while True:
                self._wait_for_room()
                if not self._accept_some(listener):
                    watcher.wait_read(task)
                    watcher.ended = False
        finally:
            hub.poller.forget(watcher.fd)

    def _accept_some(self, listener: socket.socket) -> bool:
        """Accept what waits, up to a bound; return whether there may be more."""
        for _ in range(_ACCEPTS_PER_TURN):
            if len(self.connections) >= self.settings.max_connections:
                return True
            try:
                accepted, address = listener.accept()
            except BlockingIOError:
                return False
            except OSError as error:
                self._tolerate(error)
                return True
            self._begin(accepted, address)
        sleep(0)
        return True

    def _begin(self, accepted: socket.socket, address: object) -> None:
        accepted.setblocking(False)
        hub = current_hub()
        watcher = hub.poller.watch(accepted.fileno())
        connection = Connection(self, accepted, address or None, watcher)
        self.connections[connection] = spawn(self._run_connection, connection, accepted)

    def _run_connection(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            connection.serve(current_task())
        finally:
            current_hub().poller.forget(accepted.fileno())
            accepted.close()
            del self.connections[connection]
            self._has_room.set()
            if not self.connections:
                self._all_closed.set()

    def _wait_for_room(self) -> None:
        while len(self.connections) >= self.settings.max_connections:
            self._has_room.clear()
            self._has_room.wait()

    def _tolerate(self, error: OSError) -> None:
        """Get over an error of accept(): a peer that left again, or no descriptor to be had."""
        if error.errno in _EXHAUSTED:
            _log.warning("cannot accept connections for now: %s", error)
            sleep(_PAUSE_WITHOUT_DESCRIPTORS)
        elif error.errno not in (errno.ECONNABORTED, errno.EPROTO, errno.EINTR):
            raise error

    # -- time ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.now = current_hub().time()
        self.date = date_field()

    def _sweep(self) -> None:
        """Once a second: move the coarse clock, and end the waits that last too long."""
        while True:
            sleep(1.0)
            self._sweep_once()

    def _sweep_once(self) -> None:
        self._tick()
        now = self.now
        for connection in list(self.connections):
            if connection.expires < now:
                connection.expire()

    # -- the end ------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Let what runs end, for a limited time, and cancel the rest."""
        self.is_stopping = True
        for listener in self._sockets:
            listener.close()
        for connection in list(self.connections):
            if connection.is_idle:
                connection.expire()
        try:
            with deadline(self.settings.shutdown_timeout), scope() as service:
                service.spawn(self._sweep)
                self._wait_until_closed()
                service.cancel()
        except DeadlineExceeded:
            _log.warning("%d connections were cut off", len(self.connections))
        for task in list(self.connections.values()):
            task.cancel()
        self._wait_until_closed()

    def _wait_until_closed(self) -> None:
        while self.connections:
            self._all_closed.clear()
            self._all_closed.wait()


def _unavailable(request: Request) -> Response:
    raise HttpError(503, "the application has not started")


def listen(host: str, port: int, *, backlog: int = 4096, reuse_port: bool = False) -> socket.socket:
    """Return a bound, listening, non-blocking TCP socket.

    Args:
        host: Address or name to listen on.
        port: Port; 0 lets the operating system choose.
        backlog: Connections that the operating system keeps until they are accepted.
        reuse_port: Let several sockets share the port (``SO_REUSEPORT``).

    Raises:
        ServerError: The address cannot be had; the message says why and what to do.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ServerError(f"{host!r} is not an address to listen on: {error.strerror}") from error
    family, kind, proto, _, address = found[0]
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Inherited by the accepted sockets: answers go out at once (RFC 9293, section 3.7.4).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise ServerError(_why_not(host, port, error)) from error
    listener.setblocking(False)
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    where = f"cannot listen on {host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: the port is in use; stop what uses it or choose another with --port"
    if error.errno == errno.EACCES:
        return f"{where}: ports below 1024 need privileges; choose another with --port"
    return f"{where}: {os.strerror(error.errno or 0)}"


def serve(
    application: Application | Handler,
    *,
    sockets: Sequence[socket.socket],
    settings: ServerSettings | None = None,
    development: bool = False,
    ready: Callable[[], None] | None = None,
) -> None:
    """Serve in this thread until SIGTERM or SIGINT, then stop gracefully.

    Args:
        application: What starts and gives a handler, or a handler itself: a function from a
            request to a response. Both run in tasks and may wait.
        sockets: Listening, non-blocking sockets, as `listen` returns them.
        settings: Limits and times.
        development: Given to the application's start.
        ready: Called when connections are accepted.

    Raises:
        PhotonError: The application is not in order.

    Blocks: the calling thread. Signals are handled when it is the main thread.
    """
    server = Server(sockets=sockets, settings=settings)

    def main() -> None:
        watch_hub(threshold=server.settings.hold_threshold)
        with dumping_on_signal():
            if isinstance(application, Application):
                with application.start(development=development) as handler:
                    server.serve(handler, ready)
            else:
                server.serve(application, ready)

    with _stopping_on_signals(server):
        run(main)


@contextmanager
def _stopping_on_signals(server: Server) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        server.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
