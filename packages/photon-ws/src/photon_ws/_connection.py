"""The connection below a WebSocket: frames in both directions, and the end of the protocol.

Theory of operation. There is no task that reads. A handler that asks for a message reads itself,
and its task waits for the socket. While the handler is busy with other things, the hub calls
`_serve_unread` when bytes arrive: it answers pings and notices the close, and keeps the messages,
up to a limit from which on the socket is left unread. The first such call is prepared by the sweep
over all sockets (`tick`), so a handler that receives one message after another never pays for it.

Frames are written at once. What the operating system has no room for waits in `_outgoing`, and the
hub writes it when there is room. A handler that sends waits for its frame; frames of rooms and
control frames have no task that waits. So frames are never interleaved, and all of it is done
without a lock, because nothing between two waits is interrupted by another task.

What ends the protocol takes its place behind the messages that came before it: a close frame, or an
error in the bytes, counts when the handler has received these messages, so that it can still answer
them (RFC 6455, section 5.5.1, allows data until the close frame is answered).

The states: *open*, until a close frame was sent or the connection broke; then *closing*, until the
close frame of the peer has arrived, or its time is over; then *finished*.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias, final

import attrs

from photon_runtime import Task, current_task

from ._outgoing import OutgoingFrame, OutgoingFrames
from .errors import WebSocketClosed
from .protocol import (
    Close,
    Deflater,
    Event,
    FrameDecoder,
    Message,
    Ping,
    Pong,
    ProtocolViolation,
    encode_close,
    encode_message,
    encode_ping,
    encode_pong,
)

_log = logging.getLogger("photon.websockets")

SlowPolicy: TypeAlias = Literal["disconnect", "drop_oldest", "drop_newest"]
"""What happens to a frame for a client that has too many of them waiting already."""

GOING_AWAY = 1001
ABNORMAL = 1006
TOO_SLOW = 1013

_IN_A_ROW = 64
"""Number of messages without a wait after which other tasks get their turn."""
_READS_IN_A_ROW = 4
_UNREAD_READS = 16


class Stream(Protocol):
    """The bytes below: a `photon_runtime.http.UpgradedStream`, or an object with its methods."""

    def read_now(self) -> memoryview | None:
        """Return the bytes that have arrived; ``None`` if there are none, empty at the end."""

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


class _PongWait:
    """A task that waits for a pong."""

    __slots__ = ("arrived", "task")

    def __init__(self, task: object) -> None:
        self.task = task
        self.arrived = False


@final
class Connection:
    """A WebSocket after its handshake, in the role of a server or of a client.

    Attributes:
        deflater: Compresses messages for the peer; ``None`` without compression.
        is_open: Whether messages can be sent.
        close_code: Why it is closed; ``None`` while it is open.
        close_reason: The text that belongs to the code.
        received: Number of messages received by the handler.
        sent: Number of messages sent.
        dropped: Number of messages that were not sent because the client was too slow.
    """

    __slots__ = (
        "__weakref__",
        "_close_callbacks",
        "_closing_since",
        "_decoder",
        "_has_failed",
        "_has_heard",
        "_has_read",
        "_has_stopped",
        "_heard_at",
        "_in_a_row",
        "_is_client",
        "_is_finished",
        "_is_stopping",
        "_is_watched",
        "_last",
        "_limits",
        "_messages",
        "_outgoing",
        "_peer_has_closed",
        "_pinged_at",
        "_pongs",
        "_reader",
        "_received_size",
        "_stream",
        "close_code",
        "close_reason",
        "deflater",
        "dropped",
        "is_open",
        "received",
        "sent",
    )

    def __init__(
        self,
        stream: Stream,
        *,
        decoder: FrameDecoder,
        deflater: Deflater | None = None,
        limits: ConnectionLimits | None = None,
        is_client: bool = False,
    ) -> None:
        """Begin open, behind the handshake."""
        self.deflater = deflater
        self.is_open = True
        self.close_code: int | None = None
        self.close_reason = ""
        self.received = 0
        self.sent = 0
        self.dropped = 0
        self._stream = stream
        self._decoder = decoder
        self._limits = limits if limits is not None else ConnectionLimits()
        self._is_client = is_client
        self._messages: deque[Message] = deque()
        self._received_size = 0
        self._last: Close | ProtocolViolation | None = None
        self._outgoing: OutgoingFrames | None = None
        self._reader: object | None = None
        self._in_a_row = 0
        self._pongs: dict[bytes, _PongWait] | None = None
        self._close_callbacks: list[Callable[[], object]] | None = None
        self._is_watched = False
        self._is_stopping = False
        self._has_stopped = False
        self._is_finished = False
        self._has_failed = False
        self._peer_has_closed = False
        self._has_read = False
        self._has_heard = True
        self._heard_at = 0.0
        self._pinged_at: float | None = None
        self._closing_since: float | None = None

    # -- receiving ----------------------------------------------------------------------------

    def receive(self, timeout: float | None = None) -> Message | None:
        """Wait for the next message and return it; ``None`` at the end.

        Args:
            timeout: Maximum time to wait in seconds; ``None`` for no limit.

        Raises:
            TimeoutError: No message arrived in time.
            RuntimeError: Another task receives already.
            Cancelled: A scope around the task was cancelled; no message is lost.

        Blocks: the calling task.
        """
        if not self._messages and not self._wait_for_message(timeout):
            return None
        self._in_a_row += 1
        if self._in_a_row >= _IN_A_ROW:
            self._yield_turn()
        message = self._messages.popleft()
        self._received_size -= len(message)
        self.received += 1
        return message

    def _wait_for_message(self, timeout: float | None) -> bool:
        """Wait until there are messages; return False at the end."""
        if self._last is not None:
            self._apply_last()
        self._close_if_stopping()
        if not self.is_open:
            return False
        if self._reader is not None:
            raise RuntimeError("another task waits for a message of this WebSocket already")
        if self._is_watched:
            self._stream.dismiss(writable=False)
            self._is_watched = False
        task = self._reader = current_task()
        self._has_read = True
        self._in_a_row = 0
        until = None if timeout is None else task.hub.time() + timeout
        try:
            self._read_until_message(task, until)
        finally:
            self._reader = None
        return len(self._messages) > 0

    def _read_until_message(self, task: Task[object], until: float | None) -> None:
        reads = 0
        while not self._messages and self.is_open:
            is_empty = not self._read()
            self._has_stopped = self._is_stopping  # what had arrived by now still counts
            reads += 1
            if is_empty:
                reads = 0
                self._close_if_stopping()
                if self.is_open:
                    self._wait_readable(task, until)
            elif reads >= _READS_IN_A_ROW:  # frames without a message
                reads = 0
                task.yield_turn()

    def _wait_readable(self, task: Task[object], until: float | None) -> None:
        left = None if until is None else until - task.hub.time()
        if (left is not None and left <= 0) or not self._stream.wait_readable(left):
            raise TimeoutError("no message arrived in time")

    def _close_if_stopping(self) -> None:
        if self._has_stopped and not self._decoder.has_partial:
            self.close(GOING_AWAY, "the server is stopping")

    def _read(self) -> bool:
        """Read what has arrived; return whether there was something, or the end."""
        try:
            data = self._stream.read_now()
        except OSError as error:
            self._break(str(error))
            return True
        if data is None:
            return False
        if not data:
            self._break("the peer has disconnected")
        else:
            self._feed(data)
        return True

    def _feed(self, data: memoryview) -> None:
        self._has_heard = True
        if self._has_failed or self._last is not None:
            return  # nothing counts behind the end
        events: list[Event] = []
        try:
            self._decoder.feed(data, events)
        except ProtocolViolation as violation:
            self._last = violation
        for event in events:
            if type(event) is str or type(event) is bytes:
                if self.is_open:
                    self._messages.append(event)
                    self._received_size += len(event)
            else:
                self._note_control(event)
        if self._last is not None and not (self._messages and self.is_open):
            self._apply_last()

    def _note_control(self, event: Event) -> None:
        if isinstance(event, Ping):
            self._answer_ping(event)
        elif isinstance(event, Pong):
            self._note_pong(event)
        elif isinstance(event, Close):
            self._last = event

    def _apply_last(self) -> None:
        """Let the close frame of the peer, or an error in its bytes, take effect."""
        last, self._last = self._last, None
        if isinstance(last, Close):
            self._note_close(last)
        elif last is not None:
            self.fail(last.code, last.reason)

    def _answer_ping(self, ping: Ping) -> None:
        outgoing = self._outgoing
        if outgoing is None or outgoing.size < self._limits.max_queue:
            self._write(encode_pong(ping.data, mask=self._is_client))

    def _note_pong(self, pong: Pong) -> None:
        wait = None if self._pongs is None else self._pongs.pop(pong.data, None)
        if wait is not None:
            wait.arrived = True
            wait.task.unpark()  # type: ignore[attr-defined]

    # -- while the handler is busy ------------------------------------------------------------

    def _watch(self) -> None:
        """Let the hub serve what arrives."""
        if not self._is_watched and self._reader is None and not self._is_finished:
            self._is_watched = True
            self._stream.when_readable(self._serve_unread)

    def _serve_unread(self) -> None:
        """Serve what has arrived while no task receives. Does not wait."""
        self._is_watched = False
        for _ in range(_UNREAD_READS):
            if self._reader is not None or self._is_finished or self._is_paused:
                return
            if not self._read():
                self._watch()
                return
        # The peer sends faster than this reads: the sweep goes on with it.

    @property
    def _is_paused(self) -> bool:
        """Whether the socket is left unread, because the handler has enough to receive."""
        return self._received_size >= self._limits.max_received or self._last is not None

    def tick(self, now: float) -> None:
        """Keep the connection alive, or notice that it is not; the sweep calls it. Does not wait.

        Args:
            now: Time in seconds of the scheduler's clock.
        """
        if self._is_finished:
            return
        if not self.is_open:
            self._limit_closing(now)
        if self._reader is None and not self._is_watched:
            self._serve_unread()
        if self._has_heard:
            self._has_heard = False
            self._heard_at = now
            self._pinged_at = None
        elif self._pinged_at is not None:
            if now - self._pinged_at >= self._limits.ping_timeout and not self._is_paused:
                self._break("the peer did not answer a ping")
        elif self.is_open and 0 < self._limits.ping_interval <= now - self._heard_at:
            self._pinged_at = now
            self._write(encode_ping(mask=self._is_client))

    def _limit_closing(self, now: float) -> None:
        if self._closing_since is None:
            self._closing_since = now
        elif now - self._closing_since > self._limits.close_timeout:
            self._break("the peer did not answer the close frame")

    # -- sending ------------------------------------------------------------------------------

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
            raise self.closed_error()
        self.send_frame(encode_message(message, self.deflater, mask=self._is_client), timeout)

    def send_frame(self, frame: bytes, timeout: float | None = None) -> None:
        """Send an encoded message, see `send`."""
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
            if self._in_a_row >= _IN_A_ROW:
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
                if (left is not None and left <= 0) or not task.park_for(left):
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
            self._write(frame, is_droppable=True)
            self.sent += 1
            return self.is_open
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
        if self._peer_has_closed:
            self._finish_after_close()

    # -- pings of the handler -----------------------------------------------------------------

    def ping(self, data: bytes, timeout: float | None) -> float:
        """Send a ping and wait for its pong; return the seconds in between.

        Raises:
            WebSocketClosed: The WebSocket is closed, or was closed meanwhile.
            TimeoutError: No pong arrived in time.
            ValueError: The data has more than 125 bytes, or another ping with it is on its way.

        Blocks: the calling task.
        """
        if not self.is_open:
            raise self.closed_error()
        task = current_task()
        if self._pongs is None:
            self._pongs = {}
        if data in self._pongs:
            raise ValueError("another ping with the same data waits for its pong")
        frame = encode_ping(data, mask=self._is_client)
        wait = self._pongs[data] = _PongWait(task)
        began = task.hub.time()
        try:
            self._write(frame)
            self._watch()
            if self.is_open and not wait.arrived:
                task.park_for(timeout)
        finally:
            if self._pongs is not None:
                self._pongs.pop(data, None)
        if not wait.arrived:
            if not self.is_open:
                raise self.closed_error()
            raise TimeoutError(f"no pong arrived within {timeout} seconds")
        return task.hub.time() - began

    # -- the end ------------------------------------------------------------------------------

    def closed_error(self) -> WebSocketClosed:
        """Return the error for a WebSocket that is closed."""
        code = ABNORMAL if self.close_code is None else self.close_code
        return WebSocketClosed(code, self.close_reason)

    def on_close(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` when the WebSocket is closed; at once if it is. It must not wait."""
        if not self.is_open:
            callback()
        elif self._close_callbacks is None:
            self._close_callbacks = [callback]
        else:
            self._close_callbacks.append(callback)

    def forget_on_close(self, callback: Callable[[], object]) -> None:
        """End what `on_close` began."""
        if self._close_callbacks is not None and callback in self._close_callbacks:
            self._close_callbacks.remove(callback)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame behind what waits to be sent. Does not wait, also for the answer.

        It has no effect on a WebSocket that is closed.

        Raises:
            ValueError: The code must not be sent.
        """
        frame = encode_close(code, reason, mask=self._is_client)
        if self.is_open:
            self._end(code, reason)
            self._write(frame)

    def fail(self, code: int, reason: str) -> None:
        """Close because of an error in what the peer has sent: nothing more of it is read."""
        self._has_failed = True
        self.close(code, reason)

    def stop(self) -> None:
        """Close with 1001 when the handler asks for its next message: the server stops.

        So a message that is being handled can still be answered. A handler that has never asked for
        one is not waited for.
        """
        self._is_stopping = True
        if not self._has_read:
            self.close(GOING_AWAY, "the server is stopping")
        else:
            self._wake_reader()

    def _note_close(self, close: Close) -> None:
        """Answer the close frame of the peer, or note that it is the answer."""
        if self.is_open:
            self._end(close.code, close.reason)
            self._write(encode_close(close.code, mask=self._is_client))
        self._peer_has_closed = True
        self._finish_after_close()

    def _finish_after_close(self) -> None:
        """Finish, when both close frames are through; a server disconnects first."""
        if not self._outgoing and not self._is_client:
            self._finish()

    def _end(self, code: int, reason: str) -> None:
        """Leave the state *open*."""
        self.close_code = code
        self.close_reason = reason
        self.is_open = False
        callbacks, self._close_callbacks = self._close_callbacks, None
        for callback in callbacks or ():
            try:
                callback()
            except Exception:
                _log.exception("a call at the end of a WebSocket failed")
        for wait in list((self._pongs or {}).values()):
            wait.task.unpark()  # type: ignore[attr-defined]
        self._wake_reader()

    def _break(self, reason: str) -> None:
        """Finish, because the connection is broken."""
        _log.debug("a WebSocket ended: %s", reason)
        if self.is_open:
            self._end(ABNORMAL, reason)
        self._finish()

    def _finish(self) -> None:
        """Enter the state *finished*: nothing more is read or written."""
        if self._is_finished:
            return
        self._is_finished = True
        if self._outgoing is not None:
            self._outgoing.clear()
        self._stream.dismiss()
        self._stream.close()
        self._wake_reader()

    def finish(self, code: int = 1000, reason: str = "") -> None:
        """Close if that has not happened, and wait for the close frame of the peer.

        Blocks: the calling task, for ``close_timeout`` at most.
        """
        if self._last is not None and not self._has_failed:
            self._messages.clear()
            self._apply_last()
        self.close(code, reason)
        task = current_task()
        self._stream.dismiss(writable=False)
        self._is_watched = False
        self._reader = task
        limit = (
            min(1.0, self._limits.close_timeout)
            if self._has_failed
            else (self._limits.close_timeout)
        )
        until = task.hub.time() + limit
        try:
            while not self._is_finished:
                if self._read():
                    continue
                left = until - task.hub.time()
                if left <= 0 or not self._stream.wait_readable(left):
                    break
        finally:
            self._reader = None
            self._finish()

    def abort(self, code: int, reason: str) -> None:
        """Close without waiting for anything: the task is being cancelled."""
        self.close(code, reason)
        self._finish()

    def _wake_reader(self) -> None:
        if self._reader is not None:
            self._reader.unpark()  # type: ignore[attr-defined]

    def _yield_turn(self) -> None:
        self._in_a_row = 0
        current_task().yield_turn()
