"""The connection below a WebSocket: receiving, and keeping alive.

Theory of operation. No task only reads. A handler that asks for a message reads the socket itself,
and its task waits for the socket. While the handler is busy with other things, the hub calls
`_serve_unread` when bytes arrive: it answers pings and notices the close, and keeps the messages,
up to a limit from which on the socket is left unread. The first such call is prepared by the sweep
over all sockets (`tick`), so a handler that receives one message after another never pays for it.

What ends the protocol takes its place behind the messages that came before it: a close frame, or an
error in the bytes, counts when the handler has received these messages, so that it can still answer
them (RFC 6455, section 5.5.1, allows data until the close frame is answered).

Sending is in `_frame_writer`, the end in `_closing`.
"""

from __future__ import annotations

from collections import deque
from typing import final

from photon_runtime import Task, current_task

from ._closing import ClosingConnection, PongWait
from ._frame_writer import IN_A_ROW, SIZE_SHIFT, ConnectionLimits, Stream
from .protocol import (
    Close,
    Deflater,
    Event,
    FrameDecoder,
    Message,
    Ping,
    Pong,
    ProtocolViolation,
    encode_ping,
    encode_pong,
)

GOING_AWAY = 1001
# Number of frames that are decoded before other tasks get their turn: some 1 ms.
MAX_FRAMES = 256
_UNREAD_READS = 2
# Of many pings that are decoded together, the last ones are answered (RFC 6455, section 5.5.3).
_MANY_PINGS = 64
_PONGS_OF_MANY = 8
# Memory of a message besides its content, so that empty messages count, too.
_MESSAGE_OVERHEAD = 64
_NO_DATA = memoryview(b"")
_NO_MESSAGE = "no message arrived in time"
_FAILED_TIMEOUT = 1.0


@final
class Connection(ClosingConnection):
    """A WebSocket after its handshake, in the role of a server or of a client.

    Attributes:
        received: Number of messages received by the handler.
    """

    __slots__ = (
        "__weakref__",
        "_closing_since",
        "_decoder",
        "_has_read",
        "_has_stopped",
        "_heard_at",
        "_is_stopping",
        "_is_watched",
        "_last",
        "_messages",
        "_pinged_at",
        "_received_size",
        "received",
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
        limits = limits if limits is not None else ConnectionLimits()
        super().__init__(stream, deflater, limits, is_client=is_client)
        self.received = 0
        self._decoder = decoder
        self._messages: deque[Message] | None = None  # idle sockets are many
        self._received_size = 0
        self._last: Close | ProtocolViolation | None = None
        self._is_watched = False
        self._is_stopping = False
        self._has_stopped = False
        self._has_read = False
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
        if (
            timeout is not None
            or self._messages is not None
            or self._reader is not None
            or self._is_watched
            or self._is_stopping
            or self._last is not None
            or not self.is_open
            or self._in_a_row >= IN_A_ROW
            or self._decoder.has_more
        ):
            return self._receive_next(timeout)
        # The common case, in few calls: the handler has dealt with all that has arrived.
        task = self._reader = current_task()
        self._has_read = True
        message = None
        try:
            data = self._stream.wait_and_read(task)
            if data is None and self.is_open and not self._is_stopping:
                data = self._stream.wait_and_read(task)  # the first attempt found nothing
            if data is not None:
                message = self._feed(data)
        except OSError as error:
            self._break(str(error))
        finally:
            self._reader = None
        self._has_stopped = self._is_stopping  # what had arrived by now still counts
        if message is None:
            return self._receive_next(None)
        self._in_a_row += 1 + (len(message) >> SIZE_SHIFT)
        self.received += 1
        return message

    def _receive_next(self, timeout: float | None) -> Message | None:
        """Return the first message that waits, or wait for the next one."""
        if self._messages is None:
            self._wait_for_message(timeout)
        if self._messages is None:
            self._count_call()
            return None
        self._in_a_row += 1 + (len(self._messages[0]) >> SIZE_SHIFT)
        if self._in_a_row >= IN_A_ROW:
            self._yield_turn()
        messages = self._messages
        message = messages.popleft()
        if not messages:
            self._messages = None
        self._received_size -= len(message) + _MESSAGE_OVERHEAD
        self.received += 1
        return message

    def _wait_for_message(self, timeout: float | None) -> None:
        """Wait until there are messages, or the end."""
        if self._last is not None:
            self._apply_last()
        self._close_if_stopping()
        if not self.is_open:
            return
        if self._reader is not None:
            raise RuntimeError("another task waits for a message of this WebSocket already")
        if self._is_watched:
            self._stream.dismiss(writable=False)
            self._is_watched = False
        task = self._reader = current_task()
        self._has_read = True
        until = None if timeout is None else task.hub.time() + timeout
        try:
            self._read_until_message(task, until)
        finally:
            self._reader = None

    def _read_until_message(self, task: Task[object], until: float | None) -> None:
        while self._messages is None and self.is_open:
            is_empty = not self._read()
            self._has_stopped = self._is_stopping  # what had arrived by now still counts
            if is_empty:
                self._close_if_stopping()
                if self.is_open:
                    self._wait_readable(task, until)
            elif self._messages is None and self.is_open:
                self._pause_reading(task, until)

    def _pause_reading(self, task: Task[object], until: float | None) -> None:
        """Let other tasks run, because what arrives has frames and no message."""
        if until is not None and task.hub.time() >= until:
            raise TimeoutError(_NO_MESSAGE)
        self._yield_turn()

    def _wait_readable(self, task: Task[object], until: float | None) -> None:
        self._in_a_row = 0
        left = None if until is None else until - task.hub.time()
        if left is not None and left <= 0:
            self._yield_turn()  # a caller that polls sees what arrives, and lets others run
            if not self._read():
                raise TimeoutError(_NO_MESSAGE)
        elif not self._stream.wait_readable(left):
            raise TimeoutError(_NO_MESSAGE)

    def _close_if_stopping(self) -> None:
        if self._has_stopped and not self._decoder.has_partial:
            self.close(GOING_AWAY, "the server is stopping")

    def _read(self) -> bool:
        """Read what has arrived; return whether there was something, or the end."""
        try:
            data = _NO_DATA if self._decoder.has_more else self._stream.read_now()
        except OSError as error:
            self._break(str(error))
            return True
        if data is None:
            return False
        message = self._feed(data)
        if message is not None:
            self._keep(message)
        return True

    def _feed(self, data: memoryview) -> Message | None:
        """Decode what has arrived.

        Returns:
            The message, if it is only one. Otherwise the messages are kept for the handler.
        """
        if not data and not self._decoder.has_more:
            self._break("the peer has disconnected")
            return None
        self._has_heard = True
        if self._has_failed or self._last is not None:
            return None  # nothing counts behind the end
        events: list[Event] = []
        try:
            self._decoder.feed(data, events)
        except ProtocolViolation as violation:
            self._last = violation
        else:
            if len(events) == 1 and self._messages is None and self.is_open:
                event = events[0]
                if type(event) is str or type(event) is bytes:
                    return event
        self._note_events(events)
        return None

    def _note_events(self, events: list[Event]) -> None:
        """Keep the messages, and note what else has arrived."""
        pings: list[Ping] = []
        for event in events:
            if type(event) is str or type(event) is bytes:
                self._keep(event)
            elif isinstance(event, Ping):
                pings.append(event)
            elif isinstance(event, Pong):
                self._note_pong(event)
            elif isinstance(event, Close):
                self._last = event
        if pings:
            self._answer(pings if len(pings) <= _MANY_PINGS else pings[-_PONGS_OF_MANY:])
        if self._last is not None and not (self._messages and self.is_open):
            self._apply_last()

    def _keep(self, message: Message) -> None:
        """Keep a message until the handler receives it."""
        if self.is_open:
            if self._messages is None:
                self._messages = deque()
            self._messages.append(message)
            self._received_size += len(message) + _MESSAGE_OVERHEAD

    def _apply_last(self) -> None:
        """Let the close frame of the peer, or an error in its bytes, take effect."""
        last, self._last = self._last, None
        if isinstance(last, Close):
            self._note_close(last)
        elif last is not None:
            self.fail(last.code, last.reason)

    def _answer(self, pings: list[Ping]) -> None:
        outgoing = self._outgoing
        if outgoing is None or outgoing.size < self._limits.max_queue:
            mask = self._is_client
            self._write(b"".join([encode_pong(ping.data, mask=mask) for ping in pings]))

    def _note_pong(self, pong: Pong) -> None:
        wait = None if self._pongs is None else self._pongs.pop(pong.data, None)
        if wait is not None:
            wait.has_arrived = True
            wait.task.unpark()

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
            if self._decoder.has_more:
                break
        # The peer sends faster than this reads: the sweep goes on with it.

    @property
    def _is_paused(self) -> bool:
        """Whether the socket is left unread, because the handler has enough to receive."""
        return self._received_size >= self._limits.max_received or self._last is not None

    def tick(self, now: float) -> None:
        """Keep the connection alive, or notice that it is not; the sweep calls it. Does not wait.

        Args:
            now: Time in seconds of the sweep's `LimitClock`.
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
                self._cut_off(
                    "the peer did not answer a ping", "ping_timeout", self._limits.ping_timeout
                )
        elif self.is_open and 0 < self._limits.ping_interval <= now - self._heard_at:
            self._pinged_at = now
            self._write(encode_ping(mask=self._is_client))

    def _limit_closing(self, now: float) -> None:
        if self._closing_since is None:
            self._closing_since = now
        elif now - self._closing_since > self._limits.close_timeout:
            self._cut_off(
                "the peer did not answer the close frame",
                "close_timeout",
                self._limits.close_timeout,
            )

    # -- sending ------------------------------------------------------------------------------

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
            self._count_call()
            raise self.closed_error()
        task = current_task()
        if self._pongs is None:
            self._pongs = {}
        if data in self._pongs:
            raise ValueError("another ping with the same data waits for its pong")
        frame = encode_ping(data, mask=self._is_client)
        wait = self._pongs[data] = PongWait(task)
        began = task.hub.time()
        try:
            self._write(frame)
            self._watch()
            if self.is_open and not wait.has_arrived:
                task.park_for(timeout)
        finally:
            if self._pongs is not None:
                self._pongs.pop(data, None)
        if not wait.has_arrived:
            if not self.is_open:
                raise self.closed_error()
            raise TimeoutError(f"no pong arrived within {timeout} seconds")
        return task.hub.time() - began

    # -- the end ------------------------------------------------------------------------------

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

    def finish(self, code: int = 1000, reason: str = "") -> None:
        """Close if that has not happened, and wait for the close frame of the peer.

        Blocks: the calling task, for ``close_timeout`` at most.
        """
        if self._is_finished:
            return
        if self._last is not None and not self._has_failed:
            self._messages = None
            self._apply_last()
        self.close(code, reason)
        task = current_task()
        self._stream.dismiss(writable=False)
        self._is_watched = False
        self._reader = task
        limit = self._limits.close_timeout
        # A peer that breaks the protocol may not answer; what it still sends is only discarded.
        until = task.hub.time() + (min(limit, _FAILED_TIMEOUT) if self._has_failed else limit)
        try:
            while not self._is_finished:
                is_empty = not self._read()
                left = until - task.hub.time()
                if left <= 0:
                    break
                if not is_empty:  # a peer that sends without pause must not keep the others waiting
                    self._yield_turn()
                elif not self._stream.wait_readable(left):
                    break
        finally:
            self._reader = None
            self._finish()
