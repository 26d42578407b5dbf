"""A typed channel of a test: the other end of a handler's `photon_ws.WebSocket`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from photon_openapi.errors import ValidationError

from ..channels import ChannelPeer
from ..errors import MessageRefused, WebSocketClosed
from ._session import WebSocketTestSession

Received = TypeVar("Received")
Sent = TypeVar("Sent")


class TypedWebSocketTestSession(WebSocketTestSession, Generic[Received, Sent]):
    """A session that sends what the handler receives, and receives what the handler sends.

    The methods with a type in their name, such as ``send_text`` and ``receive_json``, are those of
    a session without types: for messages that the handler refuses.

    Args:
        session: The session below.
        peer: The other end of the handler's channel.
    """

    def __init__(self, session: WebSocketTestSession, peer: ChannelPeer) -> None:
        """Take over a session."""
        vars(self).update(vars(session))
        self._peer = peer

    def send(self, message: Received, timeout: float | None = None) -> None:  # type: ignore[override]
        """Send a value; errors as `WebSocketTestSession.send`. The handler's end validates it."""
        super().send(self._peer.encode(message), timeout)

    def receive(self, timeout: float | None = None) -> Sent:  # type: ignore[override]
        """Return the value of the next message; errors as `WebSocketTestSession.receive`.

        Raises:
            MessageRefused: The handler's end has answered an invalid message of the test.
            AssertionError: The message is not as the channel describes it.
        """
        return self._value(self._receive("a message", timeout))

    def receive_problem(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the answer to an invalid message: ``title``, ``status``, ``number``, ``errors``.

        Raises:
            AssertionError: The next message is another one.
            TimeoutError: No message arrived in time.
        """
        message = self._receive("the answer to an invalid message", timeout)
        problem = self._peer.problem(message)
        if problem is None:
            raise self._unexpected(message, "the message is not the answer to an invalid one")
        return problem

    def __iter__(self) -> Iterator[Sent]:  # type: ignore[override]
        """Receive values until the handler closes the connection; each in time."""
        while True:
            try:
                message = self._receive("a message, or the end", None)
            except WebSocketClosed:
                return
            yield self._value(message)

    def _value(self, message: str | bytes) -> Sent:
        try:
            value: Sent = self._peer.decode(message)
        except ValidationError as error:
            raise self._unexpected(message, f"the message is not of the channel: {error}") from None
        except MessageRefused as refused:
            refused.add_note(self._explained("the test waited for a message"))
            raise
        return value
