"""Errors of WebSockets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simple_websocket import ConnectionClosed

from photon_openapi.errors import ErrorDetail
from photon_runtime.errors import PhotonError
from photon_runtime.http import Headers

_SHOWN_BODY = 500


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


class MessageRefused(PhotonError):
    """The other end of a channel has answered a message, because it is invalid.

    Attributes:
        problem: The members of the answer: ``title``, ``status``, ``number`` and ``errors``.
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        """Store the answer."""
        self.problem = problem
        details = [f"{each['pointer'] or '/'}: {each['message']}" for each in problem["errors"]]
        super().__init__(f"message {problem['number']} was refused: {'; '.join(details)}")


class ConnectionFailed(PhotonError, ConnectionError):
    """The server of a URL cannot be reached; the message says why."""


class HandshakeFailed(PhotonError):
    """The server did not complete the handshake of a WebSocket."""


class HandshakeRefused(HandshakeFailed):
    """The server answered with an HTTP response in place of a WebSocket.

    Attributes:
        status: Status code of the response.
        headers: Header fields of the response.
        body: Body of the response.
    """

    def __init__(self, url: str, status: int, headers: Headers, body: bytes) -> None:
        """Store the response."""
        self.status = status
        self.headers = headers
        self.body = body
        super().__init__(self._message(url))

    def _message(self, url: str) -> str:
        message = f"{url} answered the handshake with status {self.status}"
        location = self.headers.get("location")
        if 300 <= self.status < 400 and location is not None:
            return f"{message}, a redirect to {location}: connect to that URL"
        shown = self.body[:_SHOWN_BODY].decode("utf-8", "replace")
        return f"{message}: {shown}" if shown else message

    def json(self) -> Any:
        """Return the body, which is JSON, such as that of a problem document.

        Raises:
            ValueError: The body is not JSON.
        """
        return json.loads(self.body)
