"""The open WebSockets of one application, and the sweep that keeps them alive.

Theory of operation. The part makes one `Sockets` for each start of an application and sets the
context variable `sockets_variable`, which every request of the application begins with; so two
applications in one process never meet. One task sweeps over all connections, in slices: there is no
timer for each of them. Their time limits stand still while a handler holds the scheduler, and what
has arrived meanwhile is read before they are checked (`photon_runtime.limit_clock`); otherwise a
hold would end the sockets whose pongs it kept unread.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import photon_runtime as rt
from photon_runtime.errors import PhotonError
from photon_runtime.escapes import as_failure
from photon_runtime.limit_clock import LimitClock
from photon_runtime.observability import Meter
from photon_runtime.slices import SLICE, yield_to_events

from ._connection import MAX_FRAMES, Connection
from ._frame_writer import ConnectionLimits, Stream
from ._websockets_settings import WebSocketsSettings
from .protocol import DeflateParameters, Deflater, FrameDecoder, Handshake, Origins

_log = logging.getLogger("photon.websockets")
_LONGEST_PAUSE = 1.0
_SHORTEST_PAUSE = 0.02
_INTERNAL_ERROR = 1011

sockets_variable: ContextVar[Sockets] = ContextVar("photon_websockets")


class WebSocketsMissing(PhotonError):
    """The calling code does not belong to an application with WebSockets."""


def current_sockets() -> Sockets:
    """Return the WebSockets of the application that the calling code belongs to.

    Raises:
        WebSocketsMissing: It does not belong to one, or the application has no `WebSocketsPart`.
    """
    try:
        return sockets_variable.get()
    except LookupError:
        raise WebSocketsMissing(
            "there are no WebSockets here: add WebSocketsPart() to the application, and call this "
            "from a handler or a task of the running application"
        ) from None


class Sockets:
    """The open WebSockets of one start of an application.

    Attributes:
        settings: The section ``[websockets]``.
        origins: Its origins.
        checks_messages: True to validate typed messages that are sent, as responses are.
        invalid: Counts received messages that do not match the types of their channel.
    """

    def __init__(
        self, settings: WebSocketsSettings, meter: Meter, *, checks_messages: bool = False
    ) -> None:
        """Begin without any."""
        self.settings = settings
        self.checks_messages = checks_messages
        self.origins = Origins(settings.origins)
        self._deflaters: dict[DeflateParameters, Deflater] = {}
        self._open: dict[Connection, None] = {}
        self._limits = ConnectionLimits(
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            max_received=settings.max_received,
            max_queue=settings.max_queue,
            close_timeout=settings.close_timeout,
        )
        self._ended = {"received": 0, "sent": 0, "dropped": 0}
        meter.observable_gauge(
            "photon_websockets", "WebSockets that are open.", lambda: float(len(self._open))
        )
        for name, description in (
            ("received", "Messages that handlers have received."),
            ("sent", "Messages that were sent."),
            ("dropped", "Messages that were dropped because clients were too slow."),
        ):
            self._observe(meter, name, description)
        self.invalid = meter.counter(
            "photon_websocket_messages_invalid",
            "Received messages that do not match the types of their channel.",
        )
        self._closed = meter.counter(
            "photon_websockets_closed", "WebSockets that have ended.", labels=["code"]
        )

    def _observe(self, meter: Meter, name: str, description: str) -> None:
        def total() -> float:
            return float(self._ended[name] + sum(getattr(each, name) for each in self._open))

        meter.observable_counter(f"photon_websocket_messages_{name}", description, total)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sweep over the connections while the block runs."""
        token = sockets_variable.set(self)
        try:
            with rt.scope() as tasks:
                tasks.spawn(self._sweep)
                yield
                tasks.cancel()
        finally:
            sockets_variable.reset(token)

    def open(self, stream: Stream, handshake: Handshake) -> Connection:
        """Return the connection of a WebSocket, behind its handshake; to be released at its end."""
        connection = self._connection(stream, handshake)
        self._open[connection] = None
        return connection

    def release(self, connection: Connection) -> None:
        """Count a connection that has ended."""
        del self._open[connection]
        for name in self._ended:
            self._ended[name] += getattr(connection, name)
        self._closed.labels(str(connection.close_code)).inc()

    def _connection(self, stream: Stream, handshake: Handshake) -> Connection:
        settings, deflate = self.settings, handshake.deflate
        if settings.ping_interval:
            # Pings notice a client that vanished, unless the handler leaves them unread.
            stream.limit_unacknowledged(settings.ping_interval + settings.ping_timeout)
        inflater = None if deflate is None else deflate.inflater()
        decoder = FrameDecoder(
            max_message_size=settings.max_message_size, max_frames=MAX_FRAMES, inflater=inflater
        )
        deflater = None if deflate is None else self._deflater(deflate)
        return Connection(stream, decoder=decoder, deflater=deflater, limits=self._limits)

    def _deflater(self, parameters: DeflateParameters) -> Deflater:
        """Return the deflater that all connections with these parameters share."""
        deflater = self._deflaters.get(parameters)
        if deflater is None:
            deflater = parameters.deflater(threshold=self.settings.deflate_threshold)
            self._deflaters[parameters] = deflater
        return deflater

    def _sweep(self) -> None:
        pause, hub = _pause(self._limits), rt.current_task().hub
        clock = LimitClock(pause)
        while True:
            rt.sleep(pause)
            connections = list(self._open)
            for start in range(0, len(connections), SLICE):
                yield_to_events()  # what has arrived counts before the time that has passed
                clock.tick(hub.time())
                for connection in connections[start : start + SLICE]:
                    if connection in self._open:
                        _tick(connection, clock.time)


def _tick(connection: Connection, now: float) -> None:
    """Keep one connection alive; an error in it must not end the sweep over the others."""
    try:
        connection.tick(now)
    except BaseException as error:
        failure = as_failure(error)
        _log.error("a WebSocket could not be kept alive, and is closed", exc_info=failure)
        connection.abort(_INTERNAL_ERROR, "the server failed")


def _pause(limits: ConnectionLimits) -> float:
    """Return the time between two sweeps: a fraction of the shortest time limit."""
    times = [limits.ping_timeout, limits.close_timeout]
    if limits.ping_interval:
        times.append(limits.ping_interval)
    return max(_SHORTEST_PAUSE, min(_LONGEST_PAUSE, min(times) / 4))
