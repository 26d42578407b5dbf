"""`PhotonWebSocket`: what a handler receives and sends messages with.

It has the interface of simple-websocket's connections (`receive`, `send`, `close`, `connected`, and
`WebSocketClosed` is a `ConnectionClosed`), so code written for these works; what is below is
Photon's own, see `_connection`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from simple_websocket.ws import Base

from photon_runtime.http import Headers, Request
from photon_runtime.units_of_work import message_handled

from ._connection import Connection
from ._message_methods import UNSUPPORTED_DATA, MessageMethods, bytes_of
from .errors import WebSocketClosed

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


class PhotonWebSocket(MessageMethods, Base):  # type: ignore[misc]  # it has no types
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

    def _closed_error(self) -> WebSocketClosed:
        return self.connection.closed_error()

    def _refuse(self, reason: str) -> WebSocketClosed:
        self.connection.close(UNSUPPORTED_DATA, reason)
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
            message = bytes_of(message, "write_message")
        self.connection.send(message, timeout)

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
