"""The bytes of one connection: a non-blocking stream, its watcher, and its time limits.

Theory of operation. The socket is registered with the poller once, edge-triggered. After a short
read the kernel has nothing more, so the next read waits for an edge at once instead of trying
again. That holds for plain sockets only: with TLS a short read means only that a record has ended,
so the connection reads until the stream would block; the same applies to short writes.

There is no timer per wait. Before a wait the connection sets its time limit (`expires`, on the
server's clock of limits, see `limit_clock`); the server sweeps over all connections and interrupts
those that have expired.

Closing a socket that has unread bytes makes the operating system reset the connection, which
discards data on its way to the client. So after a refusal, while the client may still be sending,
the connection lingers: it shuts down its sending side, and briefly reads and discards what still
arrives (RFC 9112, section 9.6).
"""

from __future__ import annotations

import _socket
import contextvars
import math
import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .._cancel import CancelScope
from .._task import Task
from .._watcher import Waiter, Watcher
from ..limit_clock import LimitClock
from ._request import Request
from ._response import Response
from ._settings import ServerSettings

Handler = Callable[[Request], Response]
# The class below `socket.socket`: smaller, and the same where the standard library is patched.
RawSocket = _socket.socket

_MAX_IN_A_ROW = 64 * 1024
_LINGER_TIME = 2.0
_LINGER_LIMIT = 64 * 1024 * 1024


class RawStream(Protocol):
    """A non-blocking, connected socket, or an object with the same interface."""

    def recv_into(self, buffer: bytearray | memoryview, /) -> int:
        """Read the available bytes; raise ``BlockingIOError`` if there are none."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Write as much as fits; after ``BlockingIOError``, repeat with the same data."""

    def shutdown(self, how: int, /) -> None:
        """Shut down one direction."""

    def close(self) -> None:
        """Close the descriptor."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Serving(Protocol):
    """The part of the server that a connection uses.

    Attributes:
        handler: The application.
        settings: The limits.
        context: Context variables that each request starts with a copy of.
        buffer: Where ``recv`` writes; shared, because no switch comes between it and the parser.
        view: The buffer, for slices without a copy.
        clock: The clock of time limits.
        now: Its time that limits are counted from.
        idle_until: Time at which a connection that becomes idle now expires.
        date: The current ``Date`` field.
        is_stopping: True when connections are to end after the current request.
        in_flight: Number of requests being handled.
        upgraded: Number of connections that have changed their protocol.
        max_upgraded: Maximum number of these; more are refused with 503.
        grace: Idle time in seconds after which a connection is closed while the server stops.
        disconnects: Scopes to cancel when the client of a watcher disconnects.
        streams: Functions that stop the body being sent to the client of a watcher.
        receive: Waits for the next bytes of a connection, as `Wire.receive` does. One in C answers
            plain requests by itself before, see `speedups`; its result is `ANSWERED` if the
            connection is in another state than before.
    """

    handler: Handler
    settings: ServerSettings
    context: contextvars.Context
    buffer: bytearray
    view: memoryview
    clock: LimitClock
    now: float
    idle_until: float
    date: bytes
    is_stopping: bool
    in_flight: int
    upgraded: int
    max_upgraded: int
    grace: float
    disconnects: dict[Watcher, CancelScope]
    streams: dict[Watcher, Callable[[], None]]
    receive: Callable[[Any, Task[object]], int]


class WaitTimeout(Exception):
    """The time limit of a wait on a connection is over."""


class WriteTimeout(WaitTimeout):
    """The client has not received anything for ``write_timeout``."""


class Wire:
    """A connected stream that a task waits on.

    Attributes:
        server: The server, with its limits and clock.
        stream: The socket, or a replacement such as a TLS stream.
        watcher: Readiness of the socket.
        expires: Time limit of the current wait, in seconds of the server's clock of limits.
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

    def __init__(self, server: Serving, stream: RawStream, watcher: Watcher) -> None:
        """Take over a connected, non-blocking socket."""
        self.server = server
        self.stream = stream
        self.watcher = watcher
        self.expires = math.inf
        self._task: Task[object] | None = None
        self._is_dry = False
        self._in_a_row = 0
        self._full_read = len(server.buffer)

    def replace_stream(self, stream: RawStream) -> None:
        """Continue with ``stream``, whose short reads do not mean that it is empty."""
        self.stream = stream
        self._full_read = 0

    @property
    def is_plain(self) -> bool:
        """Whether data is sent to the socket unchanged."""
        return self._full_read > 0

    @property
    def task(self) -> Task[object]:
        """The task that serves the connection."""
        if self._task is None:
            raise RuntimeError("the connection is not being served")
        return self._task

    def expire(self) -> None:
        """End the current wait, because its time limit is over or the server stops."""
        if self._task is not None:
            self._task.interrupt(WaitTimeout())

    def receive(self, task: Task[object]) -> int:
        """Wait for bytes and put them into the server's buffer; return 0 at the end.

        Blocks: the task.
        """
        watcher, buffer = self.watcher, self.server.buffer
        while True:
            if self._is_dry:
                watcher.wait_read(task)
            elif self._in_a_row >= _MAX_IN_A_ROW:
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

    def receive_into(self, view: memoryview, task: Task[object]) -> int:
        """Wait for bytes and put them into ``view``, which is not empty; return 0 at the end.

        `receive` does the same with the server's buffer, and saves each request a call.

        Blocks: the task.
        """
        while True:
            if self._is_dry:
                self.watcher.wait_read(task)
            elif self._in_a_row >= _MAX_IN_A_ROW:
                self._in_a_row = 0
                task.yield_turn()  # a client that sends fast must not keep the others waiting
            try:
                size = self.stream.recv_into(view)
            except BlockingIOError:
                self._is_dry = True
                continue
            break
        is_dry = self._is_dry = size < len(view) and self._full_read > 0
        if not is_dry:
            self._in_a_row += size
        return size

    def receive_what_is_there(self) -> int:
        """Read available bytes into the server's buffer without waiting; 0 if there are none."""
        try:
            size = self.stream.recv_into(self.server.buffer)
        except BlockingIOError:
            return 0
        self._is_dry = False
        return size

    def read_now(self) -> memoryview | None:
        """Return the bytes that have arrived: ``None`` before any has, empty at the end.

        They are in the server's buffer, and so valid until the next switch to another task.
        """
        if self._is_dry:
            watcher = self.watcher
            if not watcher.readable and not watcher.ended:
                return None
            watcher.readable = False  # this attempt is for the edge
        return self._read()

    def wait_and_read(self, task: Task[object]) -> memoryview | None:
        """Wait until something may have arrived, and return it as `read_now` does.

        Returns ``None`` after a wait without an edge, such as one that was ended by `Task.unpark`.

        Blocks: the task, if nothing has arrived.
        """
        if self._is_dry:
            self.watcher.wait_read(task)
        return self._read()

    def _read(self) -> memoryview | None:
        server = self.server
        try:
            size = self.stream.recv_into(server.buffer)
        except BlockingIOError:
            self._is_dry = True
            return None
        self._is_dry = size < self._full_read
        return server.view[:size]

    def wait_readable(self, task: Task[object]) -> None:
        """Wait until `read_now` may return something. Blocks: the task."""
        if self._is_dry:
            self.watcher.wait_read(task)
            self._is_dry = False

    def write_now(self, data: bytes | memoryview) -> int:
        """Send what there is room for; return the number of bytes.

        If not all of it was sent, the rest must be sent first, after `wake_when_writable`.
        """
        try:
            sent = self.stream.send(data)
        except BlockingIOError:
            sent = 0
        else:
            if sent == len(data):
                return sent
        return self._write_rest(data, sent)

    def _write_rest(self, data: bytes | memoryview, sent: int) -> int:
        try:
            while 0 < sent < len(data) and not self.is_plain:
                sent += self.stream.send(memoryview(data)[sent:])
        except BlockingIOError:
            pass
        if sent < len(data):
            self.watcher.writable = False  # an edge from before this attempt means nothing
        return sent

    def wake_when_readable(self, waiter: Waiter) -> None:
        """Call ``waiter.unpark()`` once when `read_now` may return something."""
        self.watcher.wake_when_readable(waiter)

    def wake_when_writable(self, waiter: Waiter) -> None:
        """Call ``waiter.unpark()`` once when there may be room for `write_now`."""
        self.watcher.wake_when_writable(waiter)

    def dismiss(self, waiter: Waiter) -> None:
        """End what `wake_when_readable` and `wake_when_writable` began."""
        self.watcher.dismiss(waiter)

    def send(self, data: bytes | memoryview, task: Task[object], *, is_timed: bool = True) -> None:
        """Send all of ``data``, waiting for room as often as it takes.

        Args:
            data: The bytes.
            task: The calling task.
            is_timed: Apply ``write_timeout`` to the progress of the client.
        """
        try:
            sent = self.stream.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:], task, is_full=not sent, is_timed=is_timed)

    def send_pieces(self, pieces: Sequence[bytes | memoryview], task: Task[object]) -> None:
        """Send all of ``pieces``, as `send` does, without joining them.

        One system call for several pieces costs more than joining small ones.
        """
        sendmsg = getattr(self.stream, "sendmsg", None)
        if sendmsg is None:  # not on Windows
            self.send(b"".join(pieces), task)
            return
        try:
            sent = sendmsg(pieces)
        except BlockingIOError:
            sent = 0
        if sent < sum(map(len, pieces)):
            self._send_other_pieces(pieces, sent, task)

    def _send_other_pieces(
        self, pieces: Sequence[bytes | memoryview], sent: int, task: Task[object]
    ) -> None:
        """Send what follows the first ``sent`` bytes of ``pieces``."""
        is_full = not sent
        while pieces := _after(pieces, sent):
            if is_full or self.is_plain:  # with TLS there may be room for more
                self.wait_for_room(task)
            try:
                sent = self.stream.sendmsg(pieces)  # type: ignore[attr-defined]  # see `send_pieces`
                is_full = False
            except BlockingIOError:
                sent, is_full = 0, True

    def _send_rest(
        self, rest: memoryview, task: Task[object], *, is_full: bool, is_timed: bool
    ) -> None:
        while rest:
            if not is_full and not self.is_plain:
                pass  # a part was sent, and there may be room for more
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
        """Wait until the client has received some of the sent data."""
        self.expires = self.server.now + self.server.settings.write_timeout
        try:
            self.watcher.wait_write(task)
        except WaitTimeout:
            raise WriteTimeout from None
        finally:
            self.expires = math.inf

    def linger(self, task: Task[object]) -> None:
        """Let the client read the response before the connection is closed."""
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


def _after(pieces: Sequence[bytes | memoryview], sent: int) -> list[bytes | memoryview]:
    """Return what follows the first ``sent`` bytes of ``pieces``."""
    rest: list[bytes | memoryview] = []
    for piece in pieces:
        if sent >= len(piece):
            sent -= len(piece)
        else:
            rest.append(memoryview(piece)[sent:] if sent else piece)
            sent = 0
    return rest
