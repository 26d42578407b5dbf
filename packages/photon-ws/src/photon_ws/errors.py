"""Errors of WebSockets."""

from __future__ import annotations

from collections.abc import Sequence

from simple_websocket import ConnectionClosed

from photon_openapi.errors import ErrorDetail
from photon_runtime.errors import PhotonError


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


class InvalidMessage(PhotonError):
    """A message that a handler sends is not as its channel describes it.

    It is raised in development and in tests, where such messages are checked.

    Attributes:
        errors: All errors.
    """

    def __init__(self, expected: str, errors: Sequence[ErrorDetail]) -> None:
        """Store the errors.

        Args:
            expected: The names of the types that the channel sends.
            errors: The errors.
        """
        self.errors = tuple(errors)
        listed = "; ".join(f"{each.pointer or 'the message'}: {each.message}" for each in errors)
        super().__init__(f"the message does not match {expected}: {listed}")
