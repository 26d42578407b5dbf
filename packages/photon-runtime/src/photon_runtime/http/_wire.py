"""The bytes of one connection: a non-blocking stream, its watcher, and until when it may wait.

Theory of operation. The socket is registered with the poller once, edge-triggered. After a short
read the kernel has nothing more, so the next read waits for an edge at once instead of asking
again. That holds for plain sockets alone: behind TLS a short read says only that a record has
ended, so there a connection reads until it is told to wait; the same goes for short writes.

Times are not armed per wait. Before a wait the connection notes until when it may last
(`expires`, on the server's coarse clock); the server sweeps over all connections once a second
and interrupts those that are late.

Closing a socket that has unread bytes makes the operating system reset the connection, and
destroys what is on its way to the client. So after a refusal, while the client may still be
sending, the connection lingers: it ends its own direction, and reads and drops for a moment what
still comes (RFC 9112, section 9.6).
"""

from __future__ import annotations

import _socket
import contextvars
import math
import socket
from collections.abc import Callable
from typing import Protocol

from .._cancel import CancelScope
from .._task import Task
from .._watcher import Watcher
from ._request import Request
from ._response import Response
from ._settings import ServerSettings

Handler = Callable[[Request], Response]
# The class below `socket.socket`: smaller, and the same where the standard library is patched.
RawSocket = _socket.socket

_MOST_IN_A_ROW = 64 * 1024
_LINGER_TIME = 2.0
_LINGER_LIMIT = 64 * 1024 * 1024


class Stream(Protocol):
    """A non-blocking, connected socket, or what stands in its place."""

    def recv_into(self, buffer: bytearray, /) -> int:
        """Read what is there; raise ``BlockingIOError`` where there is nothing."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Write what there is room for; after ``BlockingIOError``, repeat with the same data."""

    def shutdown(self, how: int, /) -> None:
        """End a direction."""

    def close(self) -> None:
        """Give the descriptor back."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Serving(Protocol):
    """What a connection needs of its server.

    Attributes:
        handler: The application.
        settings: The limits.
        context: Where each request's context variables start from.
        buffer: Where ``recv`` writes; shared, because no switch comes between it and the parser.
        now: Seconds of the hub's clock, at most a second old.
        idle_until: Until when a connection may be idle from now on.
        date: The ``Date`` field of now.
        is_stopping: Whether connections shall end after the current request.
        in_flight: How many requests are being handled.
        grace: For how long a connection is kept without a request while the server stops.
        departures: What to cancel when the client behind a watcher leaves.
        streams: How to stop the body that is being sent to the client behind a watcher.
    """

    handler: Handler
    settings: ServerSettings
    context: contextvars.Context
    buffer: bytearray
    now: float
    idle_until: float
    date: bytes
    is_stopping: bool
    in_flight: int
    grace: float
    departures: dict[Watcher, CancelScope]
    streams: dict[Watcher, Callable[[], None]]


class Late(Exception):
    """The time that a wait may last is over."""


class Wire:
    """A connected stream that a task waits on.

    Attributes:
        server: The server, with its limits and clock.
        stream: The socket, or what stands in its place.
        watcher: Readiness of the socket.
        expires: Until when the present wait may last, in seconds of the hub's clock.
    """

    __slots__ = (
        "_full_read",
        "_in_a_row",
        "_is_dry",
        "_task",
        "expires",
        "server",
        "stream",
        "watcher",
    )

    def __init__(self, server: Serving, stream: Stream, watcher: Watcher) -> None:
        """Take over a connected, non-blocking socket."""
        self.server = server
        self.stream = stream
        self.watcher = watcher
        self.expires = math.inf
        self._task: Task[object] | None = None
        self._is_dry = False
        self._in_a_row = 0
        self._full_read = len(server.buffer)

    def replace_stream(self, stream: Stream) -> None:
        """Go on with ``stream``, whose short reads say nothing about what is left."""
        self.stream = stream
        self._full_read = 0

    @property
    def is_plain(self) -> bool:
        """Whether what is sent goes to the socket as it is."""
        return self._full_read > 0

    @property
    def task(self) -> Task[object]:
        """The task that serves the connection."""
        if self._task is None:
            raise RuntimeError("the connection is not being served")
        return self._task

    def expire(self) -> None:
        """End the present wait, because it lasts too long or the server stops."""
        if self._task is not None:
            self._task.interrupt(Late())

    def receive(self, task: Task[object]) -> int:
        """Wait for bytes and put them into the server's buffer; return 0 at the end.

        Blocks: the task.
        """
        watcher, buffer = self.watcher, self.server.buffer
        while True:
            if self._is_dry:
                watcher.wait_read(task)
            elif self._in_a_row >= _MOST_IN_A_ROW:
                self._in_a_row = 0
                task.yield_turn()  # a client that sends fast must not keep the others waiting
            try:
                size = self.stream.recv_into(buffer)
            except BlockingIOError:
                self._is_dry = True
                continue
            break
        is_dry = self._is_dry = size < self._full_read
        if not is_dry:
            self._in_a_row += size
        return size

    def receive_what_is_there(self) -> int:
        """Put what has come into the server's buffer without waiting; 0 where there is nothing."""
        try:
            size = self.stream.recv_into(self.server.buffer)
        except BlockingIOError:
            return 0
        self._is_dry = False
        return size

    def send(self, data: bytes | memoryview, task: Task[object], *, is_timed: bool = True) -> None:
        """Send all of ``data``, waiting for room as often as it takes.

        Args:
            data: The bytes.
            task: The calling task.
            is_timed: Whether the client must take some of it within ``write_timeout``.
        """
        try:
            sent = self.stream.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:], task, is_full=not sent, is_timed=is_timed)

    def _send_rest(
        self, rest: memoryview, task: Task[object], *, is_full: bool, is_timed: bool
    ) -> None:
        while rest:
            if not is_full and not self.is_plain:
                pass  # a part went out, and there may be room for more
            elif is_timed:
                self.wait_for_room(task)
            else:
                self.watcher.wait_write(task)
            try:
                rest = rest[self.stream.send(rest) :]
                is_full = False
            except BlockingIOError:
                is_full = True

    def wait_for_room(self, task: Task[object]) -> None:
        """Wait until the client has taken some of what was sent."""
        self.expires = self.server.now + self.server.settings.write_timeout
        try:
            self.watcher.wait_write(task)
        finally:
            self.expires = math.inf

    def linger(self, task: Task[object]) -> None:
        """Let the client read the answer before the connection is torn down."""
        try:
            self.stream.shutdown(socket.SHUT_WR)
        except OSError:
            return
        self.expires = self.server.now + _LINGER_TIME
        dropped = 0
        while dropped < _LINGER_LIMIT:
            try:
                size = self.stream.recv_into(self.server.buffer)
            except BlockingIOError:
                self.watcher.wait_read(task)
                continue
            if not size:
                return
            dropped += size
