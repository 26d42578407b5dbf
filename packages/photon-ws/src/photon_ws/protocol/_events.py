"""The events of a connection, and the violation that ends it."""

from __future__ import annotations

from typing import TypeAlias

import attrs

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA


@attrs.define
class Ping:
    """A ping frame: the peer expects a pong with the same data.

    Attributes:
        data: Payload, at most 125 bytes.
    """

    data: bytes


@attrs.define
class Pong:
    """A pong frame.

    Attributes:
        data: Payload, that of the ping which it answers.
    """

    data: bytes


@attrs.define
class Close:
    """A close frame, the last frame of the peer.

    Attributes:
        code: Close code; 1005 if the frame has none.
        reason: Explanation of the peer, usually empty.
    """

    code: int
    reason: str


Message: TypeAlias = str | bytes
"""A complete message: text or binary."""

Event: TypeAlias = Message | Ping | Pong | Close


class ProtocolViolation(Exception):
    """The peer violates the protocol or a limit: send a close frame and end the connection.

    Attributes:
        code: Close code to send: 1002 (protocol error), 1007 (invalid data) or 1009 (message too
            big).
        reason: Explanation to send.
    """

    def __init__(self, code: int, reason: str) -> None:
        """Store the code and the reason."""
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason
