"""Frames of a client, made in advance, and the opening handshake.

The frames are masked as RFC 6455 requires, always with the same key: servers unmask every frame
whatever its key. Compressed messages do not refer to earlier ones, so that one frame can be sent
any number of times, whether the server keeps its context or not.
"""

from __future__ import annotations

import base64
import hashlib
import random
import socket
import struct
import zlib
from dataclasses import dataclass

from bench.errors import BenchError

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_FIN, _COMPRESSED, _MASKED = 0x80, 0x40, 0x80
_MASK = b"\x37\xfa\x21\x3d"
_KEY = base64.b64encode(b"0123456789abcdef").decode()
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ACCEPT = base64.b64encode(hashlib.sha1((_KEY + _GUID).encode()).digest()).decode()
_OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
_TAIL = b"\x00\x00\xff\xff"
_WORDS = (
    *("board", "card", "column", "deploy", "due", "estimate", "fixed", "label", "merged"),
    *("moved", "note", "owner", "pending", "release", "review", "shipped", "sprint", "status"),
    *("tester", "today", "tomorrow", "updated", "waiting", "week"),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a server.

    Attributes:
        size: Number of bytes, with the header.
    """

    opcode: int
    is_last: bool
    is_compressed: bool
    payload: bytes
    size: int


def message_of(size: int) -> str:
    """Return a text of ``size`` ASCII characters, as an application might send: words."""
    words = random.Random(size)
    text = ""
    while len(text) < size:
        text += words.choice(_WORDS) + " "
    return text[:size]


def masked_frame(payload: bytes, *, opcode: int = TEXT, is_compressed: bool = False) -> bytes:
    """Encode a whole frame of a client."""
    first = _FIN | (_COMPRESSED if is_compressed else 0) | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, _MASKED | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, _MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", first, _MASKED | 127, size)
    mask = (_MASK * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return head + _MASK + masked.to_bytes(size, "big")


def text_frame(text: str, *, deflate: bool) -> bytes:
    """Encode a text message of a client, compressed if the extension was agreed on."""
    if not deflate:
        return masked_frame(text.encode())
    compressor = zlib.compressobj(wbits=-15)
    data = compressor.compress(text.encode()) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return masked_frame(data.removesuffix(_TAIL), is_compressed=True)


def parse_frame(data: bytes | bytearray) -> Frame | None:
    """Decode the frame of a server that ``data`` begins with; ``None`` if it is incomplete.

    Raises:
        BenchError: The frame is masked, which servers must not do.
    """
    if len(data) < 2:
        return None
    first, length = data[0], data[1]
    if length & _MASKED:
        raise BenchError("the server sent a masked frame")
    start = 2
    if length == 126:
        start = 4
        length = int.from_bytes(data[2:4], "big")
    elif length == 127:
        start = 10
        length = int.from_bytes(data[2:10], "big")
    if len(data) < start + length:
        return None
    payload = bytes(data[start : start + length])
    size = start + length
    return Frame(first & 15, bool(first & _FIN), bool(first & _COMPRESSED), payload, size)


def text_of(frame: Frame) -> str:
    """Return the text of the first message that a connection received."""
    if not frame.is_compressed:
        return frame.payload.decode()
    return zlib.decompressobj(-15).decompress(frame.payload + _TAIL).decode()


def open_socket(
    port: int, path: str, *, deflate: bool, timeout: float, buffer: int | None = None
) -> tuple[socket.socket, bool, bytes]:
    """Connect to 127.0.0.1 and upgrade.

    Args:
        port: Port of the server.
        path: Target of the request.
        deflate: True to offer permessage-deflate.
        timeout: Seconds for each wait.
        buffer: Size of the buffer for received bytes; by default that of the operating system.

    Returns:
        The socket, whether the server agreed to compress, and the bytes after its response.

    Raises:
        BenchError: The server did not accept the handshake.
        OSError: It did not respond.
    """
    sock = socket.socket()
    sock.settimeout(timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.connect(("127.0.0.1", port))
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n"
    )
    sock.sendall((request + (_OFFER if deflate else "") + "\r\n").encode())
    received = b""
    while b"\r\n\r\n" not in received:
        part = sock.recv(4096)
        if not part:
            raise BenchError(f"{path}: the server closed the connection in the handshake")
        received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return sock, is_deflate_agreed(head, path), rest


def is_deflate_agreed(head: bytes, path: str) -> bool:
    """Check the response to a handshake; return whether it has permessage-deflate.

    Raises:
        BenchError: It does not accept the handshake.
    """
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    if " 101 " not in f"{status} " or fields.get("sec-websocket-accept") != _ACCEPT:
        raise BenchError(f"{path}: the handshake was answered with {status!r}")
    return "permessage-deflate" in fields.get("sec-websocket-extensions", "")
