"""The connection of a client: frames in both directions, keep-alive, and the end.

Theory of operation. The protocol is `websockets`' `ClientProtocol`, which does no input and output:
it is given bytes, and returns frames and bytes to send. This class connects it to a stream (a
socket, a TLS socket, or one end of a pair in memory).

One task per socket reads. It answers pings, notices the end, and puts messages into a bounded
channel, so that a caller that is busy elsewhere stays connected. When the channel is full it stops
reading, and TCP makes the server wait. It also sends the pings of the keep-alive: when nothing has
arrived for the interval, and then nothing for the timeout, the server has vanished.

Callers send under a fair lock: messages are encoded in the order in which they are sent, as
compression demands, and never interleave. The reader does not wait for the lock: two peers that
both stop reading until they have sent would wait for ever. Its control frames are sent by the
caller that has the lock, or by a task of their own; only if many are pending does it wait.

A send that was interrupted may have left half a frame behind, so the connection is closed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import attrs
from websockets.client import ClientProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import Event, State

from photon_runtime import Channel, ChannelClosed, Lock, current_task, deadline, spawn
from photon_runtime import Event as Happening
from photon_runtime.errors import DeadlineExceeded

from ..errors import WebSocketClosed

_READ_SIZE = 64 * 1024
_MAX_PENDING_CONTROL = 64 * 1024
_MAX_REASON = 123  # bytes; RFC 6455, section 5.5
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
        protocol: Protocol, in the state after the handshake.
        messages: Received messages that wait for the caller; closed at the end.
        is_ended: True when nothing more is read or written.
    """

    def __init__(
        self, stream: ByteStream, protocol: ClientProtocol, *, early: list[Event], limits: Limits
    ) -> None:
        """Take over a stream after the handshake, with the frames that followed the response."""
        self.protocol = protocol
        self.messages: Channel[str | bytes] = Channel(limits.max_queue)
        self.is_ended = False
        self._stream = stream
        self._limits = limits
        self._fragments: list[bytes] = []
        self._is_text = False
        self._sending = Lock()
        self._unsent: list[bytes] = []
        self._pings: dict[bytes, Happening] = {}
        self._why = "the server closed the connection without a close frame"
        self._reader = spawn(self._read, early)

    # -- state --------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """True until the connection ends, or either side begins to close it."""
        return not self.is_ended and self.protocol.state is State.OPEN

    def end(self) -> tuple[int, str]:
        """Return the code and the reason of the end: of the server, else what has happened."""
        protocol = self.protocol
        close = protocol.close_rcvd
        if close is None and (protocol.parser_exc is not None or not self.is_ended):
            close = protocol.close_sent  # the server broke the protocol, or may still answer
        return (_ABNORMAL, self._why) if close is None else (int(close.code), close.reason)

    def closed_error(self) -> WebSocketClosed:
        """Return the error of calls after the end."""
        return WebSocketClosed(*self.end())

    # -- sending ------------------------------------------------------------------------------

    def send(self, encode: Callable[[], None], timeout: float | None) -> None:
        """Send the frame that ``encode`` puts into the protocol.

        Raises:
            WebSocketClosed: The connection has ended.
            TimeoutError: The server did not read in time.

        Blocks: the calling task, while the server does not read.
        """
        if timeout is None:
            self._send(encode)
            return
        with deadline(timeout):
            self._send(encode)

    def _send(self, encode: Callable[[], None]) -> None:
        with self._sending:
            if not self.is_open:
                raise self.closed_error()
            encode()
            self._write()

    def ping(self, payload: bytes, timeout: float | None) -> bool:
        """Send a ping, and wait for its pong; return whether it has arrived in time."""
        answered = self._pings[payload] = Happening()
        try:
            self.send(lambda: self.protocol.send_ping(payload), timeout)
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
        reason = reason.encode()[:_MAX_REASON].decode("utf-8", "ignore")
        try:
            Close(code, reason).check()
        except ProtocolError as error:
            raise ValueError(f"{code} is not a close code that a client may send") from error
        if self.is_ended:
            return
        try:
            with deadline(self._limits.close_timeout):
                self._begin_to_close(code, reason)
                self._reader.join()
        except DeadlineExceeded:
            seconds = self._limits.close_timeout
            self._abort(f"the server did not close the connection within {seconds:g} seconds")
        except BaseException:
            self._abort("the close was cancelled")
            raise

    def _begin_to_close(self, code: int, reason: str) -> None:
        with self._sending:
            self.messages.close()  # the reader may wait for room
            if self.protocol.state is State.OPEN:
                self.protocol.send_close(code, reason)
            with suppress(WebSocketClosed):
                self._write()

    def _write(self) -> None:
        """Send all that the protocol has to send. The caller has the lock."""
        self._collect()
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
            self._collect()

    def _collect(self) -> None:
        """Fetch the bytes that the protocol has to send; an empty part marks the end of data."""
        self._unsent += filter(None, self.protocol.data_to_send())

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

    def _read(self, early: list[Event]) -> None:
        """Read frames until the connection ends; the task of the socket."""
        try:
            self._handle(early)
            while data := self._receive():
                self.protocol.receive_data(data)
                self._handle(self.protocol.events_received())
            self.protocol.receive_eof()
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
        if self.protocol.close_expected():
            with deadline(limits.close_timeout):
                return self._stream.recv(_READ_SIZE)
        if not limits.ping_interval:
            return self._stream.recv(_READ_SIZE)
        try:
            with deadline(limits.ping_interval):
                return self._stream.recv(_READ_SIZE)
        except DeadlineExceeded:
            if self.protocol.state is State.OPEN:
                self.protocol.send_ping(os.urandom(4))
                self._flush_soon()
        try:
            with deadline(limits.ping_timeout):
                return self._stream.recv(_READ_SIZE)
        except DeadlineExceeded:
            self._why = f"the server did not answer a ping within {limits.ping_timeout:g} seconds"
            raise

    def _handle(self, events: list[Event]) -> None:
        self._flush_soon()
        for event in events:
            if not isinstance(event, Frame):
                continue
            if event.opcode is Opcode.PONG:
                self._answered(bytes(event.data))
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._add(event)

    def _add(self, frame: Frame) -> None:
        """Add a frame to its message, and hand the message over if it is complete."""
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        if frame.data:  # frames without content have no limit
            self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return
        data = b"".join(self._fragments)
        self._fragments.clear()
        try:
            message = data.decode() if self._is_text else data
        except UnicodeDecodeError as error:
            self.protocol.fail(1007, f"invalid UTF-8: {error.reason} at position {error.start}")
            self.protocol.parser_exc = error
            self._flush_soon()
            return
        with suppress(ChannelClosed):  # the caller closes the socket, and receives no more
            self.messages.send(message)

    def _answered(self, payload: bytes) -> None:
        """End the wait for the pong; a pong answers the pings before its own, too."""
        if payload in self._pings:
            for earlier in list(self._pings):
                self._pings[earlier].set()
                if earlier == payload:
                    break

    def _flush_soon(self) -> None:
        """Have the frames of the protocol sent, without waiting unless many are pending."""
        self._collect()
        if not self._unsent or self.protocol.state is State.CLOSED:
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
