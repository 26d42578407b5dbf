"""The sending half of a connection.

Theory of operation. Frames are written at once. What the operating system has no room for waits in
a queue, which the hub writes when there is room. A task that sends a message waits for its frame;
frames of rooms and control frames have no task that waits. So frames are never interleaved, and
no lock is needed: nothing between two waits is interrupted by another task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import attrs

from photon_runtime import Task, current_task

from ._outgoing import OutgoingFrame, OutgoingFrames
from .errors import WebSocketClosed
from .protocol import Deflater, Message, encode_message

SlowPolicy: TypeAlias = Literal["disconnect", "drop_oldest", "drop_newest"]
"""What happens to a frame for a client that has too many of them waiting already."""

ABNORMAL = 1006
TOO_SLOW = 1013
IN_A_ROW = 64
"""Number of messages without a wait after which other tasks get their turn.

A large message counts once more for every ``1 << SIZE_SHIFT`` bytes: compressing 1 MB takes as long
as sending hundreds of small messages.
"""
SIZE_SHIFT = 14


class Stream(Protocol):
    """The bytes below: a `photon_runtime.http.UpgradedStream`, or an object with its methods."""

    def read_now(self) -> memoryview | None:
        """Return the bytes that have arrived: ``None`` before any has, empty at the end."""

    def wait_and_read(self, task: Task[object]) -> memoryview | None:
        """Wait if nothing has arrived, and then read once, like `read_now`."""

    def wait_readable(self, timeout: float | None = None) -> bool:
        """Wait until `read_now` may return something; return whether it may."""
        ...

    def write_now(self, data: bytes | memoryview) -> int:
        """Send what there is room for; return the number of bytes."""
        ...

    def when_readable(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once when `read_now` may return something."""

    def when_writable(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once when there may be room."""

    def dismiss(self, *, readable: bool = True, writable: bool = True) -> None:
        """Prevent these calls."""

    def limit_unacknowledged(self, seconds: float) -> None:
        """Break when the peer's system does not acknowledge sent bytes for ``seconds``."""

    def close(self) -> None:
        """Shut down both directions."""


@attrs.frozen
class ConnectionLimits:
    """Limits of a connection; see `WebSocketsSettings`."""

    ping_interval: float = 20.0
    ping_timeout: float = 20.0
    max_received: int = 256 * 1024
    max_queue: int = 1024 * 1024
    close_timeout: float = 5.0


class FrameWriter:
    """Sends the frames of a connection; the base class of `Connection`.

    Attributes:
        deflater: Compresses messages for the peer; ``None`` without compression.
        is_open: Whether messages can be sent.
        close_code: Why it is closed; ``None`` while it is open.
        close_reason: The text that belongs to the code.
        sent: Number of messages sent.
        dropped: Number of messages that were not sent because the client was too slow.
    """

    __slots__ = (
        "_has_heard",
        "_in_a_row",
        "_is_client",
        "_is_finished",
        "_limits",
        "_outgoing",
        "_stream",
        "_turn",
        "close_code",
        "close_reason",
        "deflater",
        "dropped",
        "is_open",
        "sent",
    )

    def __init__(
        self,
        stream: Stream,
        deflater: Deflater | None,
        limits: ConnectionLimits,
        *,
        is_client: bool,
    ) -> None:
        """Begin open."""
        self.deflater = deflater
        self.is_open = True
        self.close_code: int | None = None
        self.close_reason = ""
        self.sent = 0
        self.dropped = 0
        self._stream = stream
        self._limits = limits
        self._is_client = is_client
        self._is_finished = False
        self._has_heard = True
        self._in_a_row = 0
        self._turn: int | None = None
        self._outgoing: OutgoingFrames | None = None

    def closed_error(self) -> WebSocketClosed:
        """Return the error for a WebSocket that is closed."""
        code = ABNORMAL if self.close_code is None else self.close_code
        return WebSocketClosed(code, self.close_reason)

    def send(self, message: Message, timeout: float | None = None) -> None:
        """Send a message; return when the operating system has all of it.

        Args:
            message: Text, or bytes of a binary message.
            timeout: Maximum time to wait in seconds for room; ``None`` for no limit.

        Raises:
            WebSocketClosed: The WebSocket is closed, or was closed meanwhile.
            TimeoutError: There was no room in time. If a part of the message was sent already, the
                WebSocket is closed.
            Cancelled: A scope around the task was cancelled; likewise.

        Blocks: the calling task, while the peer does not read.
        """
        if not self.is_open:
            self._count_call()
            raise self.closed_error()
        self._in_a_row += len(message) >> SIZE_SHIFT
        frame = encode_message(message, self.deflater, mask=self._is_client)
        sent = 0
        if not self._outgoing:
            try:
                sent = self._stream.write_now(frame)
            except OSError as error:
                self._break(str(error))
                raise self.closed_error() from None
        if sent < len(frame):
            self._wait_until_sent(frame, sent, timeout)
        else:
            self._in_a_row += 1
            if self._in_a_row >= IN_A_ROW:
                self._yield_turn()
        self.sent += 1

    def _wait_until_sent(self, data: bytes, sent: int, timeout: float | None) -> None:
        task = current_task()
        frame = OutgoingFrame(data, sent=sent, sender=task)
        self._queue(frame)
        self._in_a_row = 0
        until = None if timeout is None else task.hub.time() + timeout
        try:
            while frame.sent < len(data) and not frame.is_dropped:
                left = None if until is None else until - task.hub.time()
                if left is not None and left <= 0:
                    self._yield_turn()  # a caller that tries again and again lets others run
                    break
                if not task.park_for(left):
                    break
        finally:
            if frame.sent < len(data) and not frame.is_dropped:
                self._withdraw(frame)
        if frame.is_dropped:
            raise self.closed_error()
        if frame.sent < len(data):
            raise TimeoutError(f"the peer made no room for a message within {timeout} seconds")

    def _withdraw(self, frame: OutgoingFrame) -> None:
        outgoing = self._outgoing
        if outgoing is not None and not outgoing.withdraw(frame) and not self._is_finished:
            self._break("a message was cut off while it was sent")

    def post(self, frame: bytes, slow: SlowPolicy) -> bool:
        """Send an encoded message without waiting; return whether it was sent or queued.

        Args:
            frame: The message, encoded for this connection (see `deflater`).
            slow: What happens if more than ``max_queue`` bytes would wait.
        """
        if not self.is_open:
            return False
        outgoing = self._outgoing
        if not outgoing:
            self.sent += 1
            try:
                sent = self._stream.write_now(frame)
            except OSError as error:
                self._break(str(error))
                return False
            if sent < len(frame):
                self._queue(OutgoingFrame(frame, sent=sent, is_droppable=True))
            return True
        excess = outgoing.size + len(frame) - self._limits.max_queue
        if excess > 0 and not self._make_room(outgoing, excess, slow):
            return False
        outgoing.append(OutgoingFrame(frame, is_droppable=True))
        self.sent += 1
        return True

    def _make_room(self, outgoing: OutgoingFrames, excess: int, slow: SlowPolicy) -> bool:
        """Apply the policy for a slow client; return whether there is room for another frame."""
        if slow == "disconnect":
            self.dropped += 1 + outgoing.drop_unsent()
            self.close(TOO_SLOW, "too many messages wait for the client")
            return False
        if slow == "drop_oldest":
            before = outgoing.size
            self.dropped += outgoing.drop_oldest(excess)
            if before - outgoing.size >= excess:
                return True
        self.dropped += 1
        return False

    def _write(self, frame: bytes, *, is_droppable: bool = False) -> None:
        """Write a frame without waiting, or queue what there is no room for."""
        if self._is_finished:
            return
        sent = 0
        if not self._outgoing:
            try:
                sent = self._stream.write_now(frame)
            except OSError as error:
                self._break(str(error))
                return
            if sent == len(frame):
                return
        self._queue(OutgoingFrame(frame, sent=sent, is_droppable=is_droppable))

    def _queue(self, frame: OutgoingFrame) -> None:
        if self._outgoing is None:
            self._outgoing = OutgoingFrames()
        self._outgoing.append(frame)
        if len(self._outgoing) == 1:
            self._stream.when_writable(self._flush)

    def _flush(self) -> None:
        """Write the queued frames that there is room for. Does not wait."""
        outgoing = self._outgoing
        while outgoing and not self._is_finished:
            rest = outgoing.rest()
            try:
                sent = self._stream.write_now(rest)
            except OSError as error:
                self._break(str(error))
                return
            if sent:
                self._has_heard = True  # the peer makes room
            if not outgoing.note_sent(sent):
                self._stream.when_writable(self._flush)
                return
        self._outgoing = None  # it is rare, and idle sockets are many
        self._note_flushed()

    def _count_call(self) -> None:
        """Count a call that does not wait, so that a loop of such calls cannot block the others.

        It also lets a loop be cancelled that continues although the connection is closed.
        """
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW:
            self._yield_turn()

    def _yield_turn(self) -> None:
        """Let other tasks run, and the scheduler look for events and timers.

        It does that only once in a hundred turns of a task that merely yields its turn. If it has
        done so since the last call, because this task has waited, there is no need.
        """
        self._in_a_row = 0
        task = current_task()
        hub = task.hub
        if self._turn is None or self._turn == hub.turns:
            hub.end_turn()
            task.yield_turn()
        self._turn = hub.turns

    # -- for the class that also receives -----------------------------------------------------

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame."""
        raise NotImplementedError

    def _break(self, reason: str) -> None:
        """Finish, because the connection is broken."""
        raise NotImplementedError

    def _note_flushed(self) -> None:
        """Note that no frame waits any longer."""
        raise NotImplementedError
