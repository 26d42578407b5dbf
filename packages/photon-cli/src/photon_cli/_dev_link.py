"""The messages between ``photon dev`` and the process that serves: lines of JSON on a socket pair.

===================  ==============================================================================
parent to child      ``{"preload": [...]}``, ``{"serve": 3, "hosts": [...]}``, ``{"reload": true}``
child to parent      ``{"reread": [...], "preload": [...], "libraries": [...]}``, once ready
===================  ==============================================================================
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 65536


@attrs.define(eq=False)
class ParentEnd:
    """The parent's end; its calls do not wait."""

    _socket: socket.socket
    _received: bytes = b""

    def send(self, **message: object) -> None:
        """Send a message; a child that has ended does not get it."""
        with contextlib.suppress(OSError):
            self._socket.sendall(encoded(message))

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield the messages that have arrived."""
        with contextlib.suppress(OSError):
            while piece := self._socket.recv(_PIECE, socket.MSG_DONTWAIT):
                self._received += piece
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            yield json.loads(line)

    def close(self) -> None:
        """Close the connection, which ends a child that has not begun to serve."""
        self._socket.close()


def encoded(message: dict[str, object]) -> bytes:
    """Return a message as a line."""
    return json.dumps(message).encode() + b"\n"


def read_message(descriptor: int) -> dict[str, Any] | None:
    """Read one message, and nothing after it; ``None`` when the parent has closed its end.

    Blocks: the calling thread; for the child before it runs tasks.
    """
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            return None
        line += byte
    found: dict[str, Any] = json.loads(line)
    return found
