"""Messages between a process and its children: JSON after its length."""

from __future__ import annotations

import socket
import struct

import attrs
import msgspec

_HEADER = struct.Struct(">I")
_LARGEST = 1 << 30


@attrs.frozen
class Call:
    """A call of a function.

    Attributes:
        module: Module of the task.
        name: Name of the function in it, with the names of its classes.
        arguments: Arguments by name, as JSON.
        max_result: Maximum size of the result in bytes.
    """

    module: str
    name: str
    arguments: str
    max_result: int


@attrs.frozen
class Reply:
    """What has become of a call.

    Attributes:
        result: The result as JSON; ``None`` without any.
        error: The error with its traceback, as a text; ``None`` if it has returned.
        is_fatal: True if no further attempt follows.
        retry_in: Seconds until the next attempt, if the error has decided that.
    """

    result: str | None = None
    error: str | None = None
    is_fatal: bool = False
    retry_in: float | None = None


def send(channel: socket.socket, message: Call | Reply) -> None:
    """Send a message. Blocks: the calling task or process."""
    data = msgspec.json.encode(attrs.asdict(message))
    channel.sendall(_HEADER.pack(len(data)) + data)


def receive(channel: socket.socket) -> dict[str, object] | None:
    """Return the members of the next message; ``None`` at the end.

    Raises:
        ValueError: It is not a message.
        OSError: The connection is broken.

    Blocks: the calling task or process.
    """
    header = _exactly(channel, _HEADER.size)
    if header is None:
        return None
    (size,) = _HEADER.unpack(header)
    if size > _LARGEST:
        raise ValueError(f"a message of {size} bytes")
    data = _exactly(channel, size)
    if data is None:
        return None
    members: dict[str, object] = msgspec.json.decode(data, type=dict[str, object])
    return members


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        more = channel.recv(min(size - len(data), 1 << 20))
        if not more:
            return None
        data += more
    return bytes(data)
