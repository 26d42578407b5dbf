"""The connection of a client: frames in both directions, keep-alive, and the end.

Theory of operation. The codec is that of the server, in the role of a client; it is connected to a
stream (a socket, a TLS socket, or one end of a pair in memory).

One task per socket reads. It answers pings, notices the end, and puts messages into a bounded
channel, so that a caller that is busy elsewhere stays connected. When the channel is full it stops
reading, and TCP makes the server wait. It also sends the pings of the keep-alive: when nothing has
arrived for the interval, and then nothing for the timeout, the server has vanished.

When the server ends the protocol, by a close frame or by an error in its bytes, callers get a turn
to answer the messages that arrived together with it before; then nothing more is sent.

Callers send under a fair lock, so that messages never interleave. The reader does not wait for the
lock: two peers that both stop reading until they have sent would wait for ever. Its control frames
are sent by the caller that has the lock, or by a task of their own; only if many are pending does
it wait.

A send that was interrupted may have left half a frame behind, so the connection is closed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Protocol

import attrs

from photon_runtime import Channel, ChannelClosed, Lock, current_task, deadline, spawn, yield_now
from photon_runtime import Event as Happening
from photon_runtime.errors import DeadlineExceeded

from ..errors import WebSocketClosed
from ..protocol import (
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

_READ_SIZE = 64 * 1024
_MANY_FRAMES = 4096
# Of the pings of one read, only the last ones are answered (RFC 6455, section 5.5.3).
_PONGS_AT_ONCE = 64
_MAX_PENDING_CONTROL = 64 * 1024
_NO_STATUS = 1005
_ABNORMAL = 1006


class ByteStream(Protocol):
    """What is below the protocol: a connected socket, or an object with its methods."""

    def recv(self, bufsize: int, /) -> bytes:
        """Wait for bytes; ``b""`` at the end."""
        ...

    def sendall(self, data: bytes, /) -> None:
        """Send all of ``data``."""
        ...

    def close(self) -> None:
        """Close it; tasks that wait on it get an `OSError`."""
        ...


@attrs.frozen(kw_only=True)
class Limits:
    """Limits and time limits of a socket.

    Attributes:
        ping_interval: Seconds without data from the server after which it gets a ping; zero for no
            pings.
        ping_timeout: Seconds after a ping without data after which the connection is given up.
        close_timeout: Maximum time to wait for the end of the connection after a close frame.
        max_queue: Number of received messages that wait for the caller, from which on the socket is
            not read.
    """

    ping_interval: float = 20.0
    ping_timeout: float = 20.0
    close_timeout: float = 5.0
    max_queue: int = 16


class ClientConnection:
    """The connection below a `ClientWebSocket`.

    Attributes:
        messages: Received messages that wait for the caller; closed at the end.
        is_ended: True when nothing more is read or written.
    """

    def __init__(
        self,
        stream: ByteStream,
        *,
        decoder: FrameDecoder,
        deflater: Deflater | None,
        early: bytes,
        limits: Limits,
    ) -> None:
        """Take over a stream after the handshake, with the bytes that followed the response."""
        self.messages: Channel[Message] = Channel(limits.max_queue)
        self.is_ended = False
        self._stream = stream
        self._limits = limits
        self._decoder = decoder
        self._deflater = deflater
        self._close_received: Close | None = None
        self._close_sent: Close | None = None
        self._has_failed = False
        self._sending = Lock()
        self._unsent: list[bytes] = []
        self._pings: dict[bytes, Happening] = {}
        self._why = "the server closed the connection without a close frame"
        self._reader = spawn(self._read, early)

    # -- state --------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """True until the connection ends, or either side begins to close it."""
        return not self.is_ended and self._close_sent is None

    def end(self) -> tuple[int, str]:
        """Return the code and the reason of the end: of the server, else what has happened."""
        close = self._close_received
        if close is None and (self._has_failed or not self.is_ended):
            close = self._close_sent  # the server broke the protocol, or may still answer
        return (_ABNORMAL, self._why) if close is None else (close.code, close.reason)

    def closed_error(self) -> WebSocketClosed:
        """Return the error of calls after the end."""
        return WebSocketClosed(*self.end())

    # -- sending ------------------------------------------------------------------------------

    def send(self, message: Message, timeout: float | None) -> None:
        """Send a message.

        Raises:
            WebSocketClosed: The connection has ended.
            TimeoutError: The server did not read in time.

        Blocks: the calling task, while the server does not read.
        """
        self._send(encode_message(message, self._deflater, mask=True), timeout)

    def _send(self, frame: bytes, timeout: float | None) -> None:
        if timeout is None:
            self._send_in_turn(frame)
            return
        with deadline(timeout):
            self._send_in_turn(frame)

    def _send_in_turn(self, frame: bytes) -> None:
        with self._sending:
            if not self.is_open:
                raise self.closed_error()
            self._unsent.append(frame)
            self._write()

    def ping(self, payload: bytes, timeout: float | None) -> bool:
        """Send a ping, and wait for its pong; return whether it has arrived in time."""
        answered = self._pings[payload] = Happening()
        try:
            self._send(encode_ping(payload, mask=True), timeout)
            if not answered.wait(timeout):
                return False
        finally:
            self._pings.pop(payload, None)
        if self.is_ended:
            raise self.closed_error()
        return True

    def is_pinging(self, payload: bytes) -> bool:
        """Return whether a ping with ``payload`` waits for its pong."""
        return payload in self._pings

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, and wait for its end. Twice is harmless.

        Args:
            code: Close code: 1000, or one of 3000 to 4999 for codes of the application.
            reason: Text for the server, of at most 123 bytes of UTF-8; a longer one is cut.

        Raises:
            ValueError: A client must not send ``code``.
            Cancelled: A scope around the task was cancelled; the connection is closed all the same.

        Blocks: the calling task, for ``close_timeout`` seconds at most.
        """
        if code == _NO_STATUS:
            raise ValueError(f"{code} means a close frame without a code, and cannot be sent")
        frame = encode_close(code, reason, mask=True)
        if self.is_ended:
            return
        try:
            with deadline(self._limits.close_timeout):
                self._begin_to_close(frame, Close(code, reason))
                self._reader.join()
        except DeadlineExceeded:
            seconds = self._limits.close_timeout
            self._abort(f"the server did not close the connection within {seconds:g} seconds")
        except BaseException:
            self._abort("the close was cancelled")
            raise

    def _begin_to_close(self, frame: bytes, close: Close) -> None:
        with self._sending:
            self.messages.close()  # the reader may wait for room
            if self.is_open:
                self._close_sent = close
                self._unsent.append(frame)
            with suppress(WebSocketClosed):
                self._write()

    def _write(self) -> None:
        """Send all frames that wait. The caller has the lock."""
        while self._unsent:
            data = b"".join(self._unsent)
            self._unsent.clear()
            try:
                self._stream.sendall(data)
            except OSError as error:
                self._fail(error)
                raise self.closed_error() from error
            except BaseException:
                self._abort("a send was cancelled before its end")
                raise

    def _fail(self, error: OSError) -> None:
        """End the connection, which broke; a close frame that arrived before is still read."""
        self._why = f"the connection broke: {error}"
        if self._reader is not current_task() and not self._reader.join(1.0):
            self._abort(self._why)

    def _abort(self, why: str) -> None:
        """End the connection without a close frame. Does not wait."""
        if not self.is_ended:
            self._why = why
            self._stream.close()
            self._finish()

    # -- reading ------------------------------------------------------------------------------

    def _read(self, early: bytes) -> None:
        """Read frames until the connection ends; the task of the socket."""
        try:
            self._handle(early)
            while data := self._receive():
                self._handle(data)
                if len(data) >= _MANY_FRAMES:
                    # The server may send faster than this reads, without a wait.
                    task = current_task()
                    task.hub.end_turn()
                    task.yield_turn()
            with deadline(self._limits.close_timeout):
                self._flush()
        except WebSocketClosed:
            pass  # while the rest was sent
        except ConnectionError as error:
            self._why = f"the connection broke: {error}"
        except OSError:
            pass  # the time is over, or this side has closed the stream
        finally:
            self._stream.close()
            self._finish()

    def _receive(self) -> bytes:
        """Wait for data, and return it; ``b""`` at the end.

        Raises:
            TimeoutError: The server has vanished.
        """
        limits = self._limits
        if not self.is_open:
            with deadline(limits.close_timeout):
                return self._stream.recv(_READ_SIZE)
        if not limits.ping_interval:
            return self._stream.recv(_READ_SIZE)
        try:
            with deadline(limits.ping_interval):
                return self._stream.recv(_READ_SIZE)
        except DeadlineExceeded:
            if self.is_open:
                self._unsent.append(encode_ping(os.urandom(4), mask=True))
                self._flush_soon()
        try:
            with deadline(limits.ping_timeout):
                return self._stream.recv(_READ_SIZE)
        except DeadlineExceeded:
            self._why = f"the server did not answer a ping within {limits.ping_timeout:g} seconds"
            raise

    def _handle(self, data: bytes) -> None:
        self._handle_portion(data)
        while self._decoder.has_more:
            yield_now()
            self._handle_portion(b"")

    def _handle_portion(self, data: bytes) -> None:
        events: list[Event] = []
        end: Close | ProtocolViolation | None = None
        try:
            self._decoder.feed(data, events)
        except ProtocolViolation as violation:
            end = violation
        messages = [event for event in events if isinstance(event, str | bytes)]
        if len(messages) < len(events):
            end = self._note_control(events) or end
        for message in messages:
            with suppress(ChannelClosed):  # the caller closes the socket, and receives no more
                self.messages.send(message)
        if end is not None:
            if messages:
                yield_now()
            self._note_end(end)

    def _note_control(self, events: list[Event]) -> Close | None:
        """Note pongs, and answer pings; return the close frame if there is one."""
        for event in events:
            if isinstance(event, Pong):
                self._answered(event.data)
        pings = [event for event in events if isinstance(event, Ping)]
        if self.is_open:
            self._unsent += [encode_pong(ping.data, mask=True) for ping in pings[-_PONGS_AT_ONCE:]]
            self._flush_soon()
        last = events[-1]
        return last if isinstance(last, Close) else None

    def _note_end(self, end: Close | ProtocolViolation) -> None:
        """Answer the close frame of the server, or an error in its bytes."""
        code, reason = end.code, end.reason
        if isinstance(end, Close):
            self._close_received = end
            reason = ""
        else:
            self._has_failed = True
        if self.is_open:
            self._close_sent = Close(code, reason)
            self._unsent.append(encode_close(code, reason, mask=True))
            self._flush_soon()

    def _answered(self, payload: bytes) -> None:
        """End the wait for the pong; a pong answers the pings before its own, too."""
        if payload in self._pings:
            for earlier in list(self._pings):
                self._pings[earlier].set()
                if earlier == payload:
                    break

    def _flush_soon(self) -> None:
        """Have the frames that wait sent, without waiting unless many are pending."""
        if not self._unsent or self.is_ended:
            return
        if sum(map(len, self._unsent)) > _MAX_PENDING_CONTROL:
            self._flush()
        elif not self._sending.locked():
            spawn(self._flush)

    def _flush(self) -> None:
        with suppress(WebSocketClosed), self._sending:
            if not self.is_ended:
                self._write()

    def _finish(self) -> None:
        """Wake all that wait for the socket: it has ended."""
        self.is_ended = True
        self.messages.close()
        for answered in self._pings.values():
            answered.set()
