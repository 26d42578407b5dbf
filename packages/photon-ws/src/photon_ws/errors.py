"""Errors of WebSockets."""

from __future__ import annotations

from simple_websocket import ConnectionClosed


class WebSocketClosed(ConnectionClosed, ConnectionError):  # type: ignore[misc]  # it has no types
    """The WebSocket is closed: nothing more can be sent, and every message was received.

    It is a `simple_websocket.ConnectionClosed`, and a `ConnectionError`: a handler that does not
    catch it ends quietly, because its client has left.

    Attributes:
        code: Why it was closed, see RFC 6455, section 7.4.1; 1005 if the close frame had no code,
            1006 if the connection broke without one.
        reason: The text of the close frame; often empty.
        message: The same; its name in simple-websocket.
    """

    code: int
    reason: str
    message: str

    def __init__(self, code: int, reason: str = "") -> None:
        """Store code and reason."""
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        """Return code and reason."""
        reason = f": {self.reason}" if self.reason else ""
        return f"the WebSocket is closed with code {self.code}{reason}"
