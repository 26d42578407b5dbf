"""`PhotonWebSocket`: what a handler receives and sends messages with.

It has the interface of simple-websocket's connections (`receive`, `send`, `close`, `connected`, and
`WebSocketClosed` is a `ConnectionClosed`), so code written for these works; what is below is
Photon's own, see `_connection`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from simple_websocket.ws import Base

from photon_runtime.http import Headers, Request
from photon_runtime.units_of_work import message_handled

from ._connection import Connection
from ._json_messages import decode_json, encode_json
from .errors import WebSocketClosed
from .protocol import Message

T = TypeVar("T")
_UNSUPPORTED_DATA = 1003
_EQUIVALENTS = {
    "accept": "the WebSocket is open when the handler is called; what refuses it is a dependency",
    "iter_text": "write `for message in ws`",
    "iter_bytes": "write `for message in ws`",
    "iter_json": "write `WebSocket[Received, Sent]`, or call receive_json() in a loop",
    "recv": "call receive() or read_message()",
    "send_str": "call send_text()",
    "send_message": "call write_message()",
    "query_params": "declare an argument of the handler, or read ws.request",
    "path_params": "declare an argument of the handler",
    "cookies": "declare an argument `Cookie[str]` of the handler, or read ws.request",
    "client_state": "read ws.connected",
    "application_state": "read ws.connected",
    "closed": "read ws.connected",
}
"""Attributes of other frameworks, and their equivalents."""


class PhotonWebSocket(Base):  # type: ignore[misc]  # it has no types
    """A WebSocket; the argument of handlers of `app.websocket`.

    One task may receive while others send. Messages are never interleaved. All calls that wait take
    part in deadlines and cancellation; a message whose sending is cut off half way closes the
    WebSocket, because the rest of it cannot be taken back.

    A session of a database (``db: Session``) has one unit of work for each message: it is
    committed, and gives its connection back, when the handler asks for the next message.

    Pings are answered, and the close of the client is noticed, also while the handler does other
    things. When the handler returns, the WebSocket is closed with 1000, after an error with 1011.

    Attributes:
        subprotocol: The subprotocol that was chosen; ``None`` without one.
        request: The request that became the WebSocket; its body is empty.

    Example:
        >>> from photon_ws import PhotonWebSocket
        >>> def echo(ws: PhotonWebSocket) -> None:
        ...     while (message := ws.read_message()) is not None:
        ...         ws.write_message(message)
    """

    __no_json_form__ = (
        "a WebSocket is an argument of handlers of `app.websocket(path)` only; a dependency takes "
        "the Request"
    )

    message_check: Callable[[str | bytes], None] | None = None
    """Refuses messages that are not of the handler's types; only in development."""
    subprotocol: str | None
    request: Request

    def __init__(
        self, connection: Connection, request: Request, *, subprotocol: str | None = None
    ) -> None:
        """Take over the connection of ``request``."""
        # The base class begins its own connection; this one has a connection already.
        self.connection = connection
        self.request = request
        self.subprotocol = subprotocol

    def __repr__(self) -> str:
        """Show the path and the state."""
        state = "open" if self.connected else f"closed with {self.close_code}"
        return f"<{type(self).__name__} {self.request.path} {state}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say what corresponds to a method of another framework."""
            hint = _EQUIVALENTS.get(name)
            suffix = f": {hint}" if hint else ""
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}{suffix}")

    # -- the request --------------------------------------------------------------------------

    @property
    def headers(self) -> Headers:
        """The header fields of the request."""
        return self.request.headers

    @property
    def client(self) -> Any:
        """The address of the client, as `Request.client`."""
        return self.request.client

    # -- the state ----------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return self.connection.is_open

    @property
    def close_code(self) -> int | None:
        """Why it is closed, as `WebSocketClosed.code`; ``None`` while it is open."""
        return self.connection.close_code

    @property
    def close_reason(self) -> str:
        """The text of the close frame."""
        return self.connection.close_reason

    # -- receiving ----------------------------------------------------------------------------

    def read_message(self, timeout: float | None = None) -> str | bytes | None:
        """Wait for the next message and return it; ``None`` when the WebSocket is closed.

        Args:
            timeout: Maximum time to wait in seconds; ``None`` for no limit.

        Raises:
            TimeoutError: No message arrived in time.
            RuntimeError: Another task receives already.
            Cancelled: A scope around the task was cancelled; no message is lost.

        Blocks: the calling task.
        """
        message_handled()
        return self.connection.receive(timeout)

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
            raise self.connection.closed_error()
        return message

    def _refuse(self, reason: str) -> WebSocketClosed:
        self.connection.close(_UNSUPPORTED_DATA, reason)
        return self.connection.closed_error()

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the messages until the WebSocket is closed."""
        receive = self.connection.receive
        while True:
            message_handled()  # as `read_message`, in fewer calls
            message = receive()
            if message is None:
                return
            yield message

    # -- sending ------------------------------------------------------------------------------

    def write_message(self, message: str | bytes, timeout: float | None = None) -> None:
        """Send text, or bytes as a binary message; return when the system has all of it.

        Args:
            message: The message.
            timeout: Maximum time to wait in seconds for room; ``None`` for no limit.

        Raises:
            WebSocketClosed: The WebSocket is closed, or was closed meanwhile.
            TimeoutError: There was no room in time. If a part of the message was sent already, the
                WebSocket is closed.
            Cancelled: A scope around the task was cancelled; likewise.

        Blocks: the calling task, while the client does not read.
        """
        if not isinstance(message, str):
            message = _bytes_of(message, "write_message")
        self.connection.send(message, timeout)

    def send(self, data: Any, timeout: float | None = None) -> None:
        """Send bytes as a binary message, and any other object as its text; see `write_message`.

        Raises:
            TypeError: The object is ``None`` or a collection, whose text is that of Python.
        """
        if not isinstance(data, str | bytes):
            is_value = data is None or isinstance(data, dict | list | tuple | set | frozenset)
            data = _bytes_of(data, "send") if is_value or _is_buffer(data) else str(data)
        self.connection.send(data, timeout)

    def send_text(self, text: str, timeout: float | None = None) -> None:
        """Send text; see `write_message`."""
        if not isinstance(text, str):
            raise TypeError(
                f"send_text() sends a str, not {type(text).__name__}: use send_bytes() for bytes, "
                "and send_json() for a value"
            )
        self.connection.send(text, timeout)

    def send_bytes(self, data: bytes, timeout: float | None = None) -> None:
        """Send a binary message; see `write_message`."""
        self.connection.send(_bytes_of(data, "send_bytes"), timeout)

    def send_json(self, value: object, timeout: float | None = None) -> None:
        """Send a value as JSON in a text message; see `write_message`.

        Raises:
            TypeError: The value cannot be encoded as JSON.
        """
        self.connection.send(encode_json(value), timeout)

    def ping(self, data: bytes | None = None, timeout: float | None = 20.0) -> float:
        """Send a ping, wait for its answer, and return the seconds in between.

        Args:
            data: At most 125 bytes; by default random ones.
            timeout: Maximum time to wait in seconds; ``None`` for no limit.

        Raises:
            WebSocketClosed: The WebSocket is closed, or was closed meanwhile.
            TimeoutError: The answer did not arrive in time.
            ValueError: There is too much data, or the same ping waits already.

        Blocks: the calling task.
        """
        return self.connection.ping(secrets.token_bytes(4) if data is None else data, timeout)

    # -- the end ------------------------------------------------------------------------------

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the WebSocket, behind the messages that wait to be sent. Does not wait.

        Calling it again has no effect. The answer of the client is waited for when the handler has
        returned.

        Args:
            code: Why, see RFC 6455, section 7.4; 1000 by default.
            reason: A text for the client, of at most 123 bytes.

        Raises:
            ValueError: The code must not be sent.
        """
        self.connection.close(1000 if code is None else int(code), reason or "")


def _is_buffer(data: object) -> bool:
    try:
        memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _bytes_of(data: object, method: str) -> bytes:
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
