"""The end of a connection: its states, and how it leaves them.

A connection is *open* until a close frame was sent or it broke; then *closing*, until the close
frame of the peer has arrived or its time is over; then *finished*. A server disconnects as soon as
both close frames are through (RFC 6455, section 7.1.1); a client waits for that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from photon_runtime import Task
from photon_runtime.escapes import as_failure

from ._frame_writer import ABNORMAL, ConnectionLimits, FrameWriter, Stream
from .protocol import Close, Deflater, encode_close

_log = logging.getLogger("photon.websockets")


class PongWait:
    """A task that waits for a pong.

    Attributes:
        task: The task.
        has_arrived: Whether the pong has arrived.
    """

    __slots__ = ("has_arrived", "task")

    def __init__(self, task: Task[object]) -> None:
        """Begin to wait."""
        self.task = task
        self.has_arrived = False


class ClosingConnection(FrameWriter):
    """Sends frames and ends; the base class of `Connection`."""

    __slots__ = ("_close_callbacks", "_has_failed", "_peer_has_closed", "_pongs", "_reader")

    def __init__(
        self,
        stream: Stream,
        deflater: Deflater | None,
        limits: ConnectionLimits,
        *,
        is_client: bool,
    ) -> None:
        """Begin open."""
        super().__init__(stream, deflater, limits, is_client=is_client)
        self._close_callbacks: list[Callable[[], object]] | None = None
        self._pongs: dict[bytes, PongWait] | None = None
        self._reader: Task[object] | None = None
        self._has_failed = False
        self._peer_has_closed = False

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

    def abort(self, code: int, reason: str) -> None:
        """Close without waiting for anything: the task is being cancelled."""
        self.close(code, reason)
        self._finish()

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

    def _note_flushed(self) -> None:
        if self._peer_has_closed:
            self._finish_after_close()

    def _end(self, code: int, reason: str) -> None:
        """Leave the state *open*."""
        self.close_code = code
        self.close_reason = reason
        self.is_open = False
        callbacks, self._close_callbacks = self._close_callbacks, None
        for callback in callbacks or ():
            try:
                callback()
            except BaseException as error:
                _log.error("a call at the end of a WebSocket failed", exc_info=as_failure(error))
        for wait in list((self._pongs or {}).values()):
            wait.task.unpark()
        self._wake_reader()

    def _break(self, reason: str) -> None:
        """Finish, because the connection is broken."""
        _log.debug("a WebSocket ended: %s", reason)
        if self.is_open:
            self._end(ABNORMAL, reason)
        self._finish()

    def _cut_off(self, reason: str, setting: str, seconds: float) -> None:
        """Finish, because a time limit is over; never silently, as the peer may miss messages."""
        peer = getattr(self._stream, "peer_name", "its peer")
        _log.info(
            "the WebSocket of %s was ended: %s; the limit is %s = %g seconds",
            peer,
            reason,
            setting,
            seconds,
        )
        self._break(reason)

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

    def _wake_reader(self) -> None:
        if self._reader is not None:
            self._reader.unpark()
