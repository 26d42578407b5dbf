"""The methods for messages of each kind, of the sockets of servers and of clients.

A socket has `read_message` and `write_message`; all others are made of these.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

from ._json_messages import decode_json, encode_json
from .errors import WebSocketClosed
from .protocol import Message

T = TypeVar("T")
UNSUPPORTED_DATA = 1003


class MessageMethods:
    """Receiving and sending text, bytes and JSON; a base class."""

    def read_message(self, timeout: float | None = None) -> str | bytes | None:
        """Wait for the next message and return it; ``None`` at the end."""
        raise NotImplementedError

    def write_message(self, message: str | bytes, timeout: float | None = None) -> None:
        """Send text, or bytes as a binary message."""
        raise NotImplementedError

    def _closed_error(self) -> WebSocketClosed:
        """Return the error of a socket that is closed."""
        raise NotImplementedError

    def _refuse(self, reason: str) -> WebSocketClosed:
        """Close because of a message of the wrong kind, and return the error."""
        raise NotImplementedError

    # -- receiving ----------------------------------------------------------------------------

    def receive(self, timeout: float | None = None) -> Any:
        """Wait for the next message and return it; ``None`` after the timeout.

        Raises:
            WebSocketClosed: The WebSocket is closed, and every message was received.
            RuntimeError: Another task receives already.
            Cancelled: A scope around the task was cancelled; no message is lost.

        Blocks: the calling task.
        """
        try:
            return self._receive(timeout)
        except TimeoutError:
            return None

    def receive_text(self, timeout: float | None = None) -> str:
        """Wait for the next message, which must be text.

        Raises:
            WebSocketClosed: The WebSocket is closed; or the message is binary, which closes it with
                1003.
            TimeoutError: No message arrived in time.

        Blocks: the calling task.
        """
        message = self._receive(timeout)
        if isinstance(message, str):
            return message
        raise self._refuse("text is expected, not a binary message")

    def receive_bytes(self, timeout: float | None = None) -> bytes:
        """Wait for the next message, which must be binary; errors as for `receive_text`."""
        message = self._receive(timeout)
        if isinstance(message, bytes):
            return message
        raise self._refuse("a binary message is expected, not text")

    @overload
    def receive_json(self, *, timeout: float | None = None) -> Any: ...
    @overload
    def receive_json(self, type: type[T], *, timeout: float | None = None) -> T: ...

    def receive_json(self, type: Any = Any, *, timeout: float | None = None) -> Any:
        """Wait for the next message and decode it as JSON.

        Args:
            type: The type of the value; anything that a JSON body can be.
            timeout: Maximum time to wait in seconds; ``None`` for no limit.

        Raises:
            WebSocketClosed: The WebSocket is closed.
            ValidationError: The message is not JSON, or not of that type; has every error.
            TimeoutError: No message arrived in time.

        Blocks: the calling task.
        """
        return decode_json(self._receive(timeout), type)

    def _receive(self, timeout: float | None) -> Message:
        message = self.read_message(timeout)
        if message is None:
            raise self._closed_error()
        return message

    # -- sending ------------------------------------------------------------------------------

    def send(self, data: Any, timeout: float | None = None) -> None:
        """Send bytes as a binary message, and any other object as its text; see `write_message`.

        Raises:
            TypeError: The object is ``None`` or a collection, whose text is that of Python.
        """
        if not isinstance(data, str | bytes):
            is_value = data is None or isinstance(data, dict | list | tuple | set | frozenset)
            data = bytes_of(data, "send") if is_value or _is_buffer(data) else str(data)
        self.write_message(data, timeout)

    def send_text(self, text: str, timeout: float | None = None) -> None:
        """Send text; see `write_message`."""
        if not isinstance(text, str):
            raise TypeError(
                f"send_text() sends a str, not {type(text).__name__}: use send_bytes() for bytes, "
                "and send_json() for a value"
            )
        self.write_message(text, timeout)

    def send_bytes(self, data: bytes, timeout: float | None = None) -> None:
        """Send a binary message; see `write_message`."""
        self.write_message(bytes_of(data, "send_bytes"), timeout)

    def send_json(self, value: object, timeout: float | None = None) -> None:
        """Send a value as JSON in a text message; see `write_message`.

        Raises:
            TypeError: The value cannot be encoded as JSON.
        """
        self.write_message(encode_json(value), timeout)


def _is_buffer(data: object) -> bool:
    try:
        memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def bytes_of(data: object, method: str) -> bytes:
    """Return the bytes of a ``bytes``, ``bytearray``, ``memoryview`` or another buffer.

    Raises:
        TypeError: It is of another type.
    """
    if isinstance(data, bytes):
        return data
    if not _is_buffer(data):
        kinds = "bytes" if method == "send_bytes" else "str or bytes"
        raise TypeError(
            f"{method}() sends {kinds}, not {type(data).__name__}: use send_json() for a value"
        )
    return memoryview(data).tobytes()  # type: ignore[arg-type]
