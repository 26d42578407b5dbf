"""The other end of a channel, as clients and tests have it: the directions are exchanged."""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import MessageRefused
from ..protocol import Message
from ._channel import channel_of
from ._decoder import MessageDecoder
from ._encoder import MessageEncoder
from ._problem import PROBLEM


class ChannelPeer:
    """Encodes what a handler receives, and decodes what it sends.

    Args:
        annotation: The type of the handler's WebSocket, such as ``WebSocket[Say | Leave, Said]``.

    Raises:
        TypeError: It is not a `WebSocket` with types, or its messages cannot be distinguished.
    """

    __slots__ = ("_decoder", "_encoder", "_tag")

    def __init__(self, annotation: Any) -> None:
        """Compile the types."""
        channel = channel_of(annotation)
        if channel is None:
            raise TypeError(f"a channel is like WebSocket[Received, Sent], not {annotation!r}")
        self._encoder = MessageEncoder(channel.received)
        self._decoder = MessageDecoder(channel.sent)
        self._tag = channel.tag

    def encode(self, value: Any) -> str:
        """Return a value as the text of a message; the handler validates it.

        Raises:
            TypeError: The value has no form in JSON.
        """
        return self._encoder.encode(value, is_checked=False)

    def decode(self, message: Message) -> Any:
        """Return the value of a message.

        Raises:
            MessageRefused: The message answers an invalid one.
            ValidationError: The message is not as the channel describes it; has every error.
        """
        problem = self.problem(message)
        if problem is not None:
            raise MessageRefused(problem)
        return self._decoder.decode(message)

    def problem(self, message: Message) -> dict[str, Any] | None:
        """Return the members of a message that answers an invalid one, ``None`` for others."""
        if not isinstance(message, str) or f'"{PROBLEM}"' not in message:
            return None
        try:
            document = msgspec.json.decode(message)
        except msgspec.DecodeError:
            return None
        is_problem = isinstance(document, dict) and document.get(self._tag) == PROBLEM
        return document if is_problem else None
