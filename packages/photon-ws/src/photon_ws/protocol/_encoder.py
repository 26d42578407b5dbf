"""Messages and control frames to bytes.

Each message is one frame: fragments help a sender that does not know the end of its message, and
here the whole message is known. The masking key of a client is new and unpredictable for each frame
(RFC 6455, section 10.3).
"""

from __future__ import annotations

from os import urandom

from ._close import close_payload
from ._deflate import Deflater
from ._events import BINARY, CLOSE, PING, PONG, TEXT
from ._mask import apply_mask

_FINAL = 0x80
_DEFLATED = 0x40
_MASKED = 0x80
_MAX_CONTROL = 125


def _short_heads(opcode: int) -> tuple[bytes, ...]:
    return tuple(bytes((_FINAL | opcode, length)) for length in range(126))


# The first bytes of small unmasked frames, by the length of the payload.
_TEXT_HEADS = _short_heads(TEXT)
_BINARY_HEADS = _short_heads(BINARY)


def encode_message(
    message: str | bytes, deflater: Deflater | None = None, *, mask: bool = False
) -> bytes:
    """Return the frame of a message.

    Args:
        message: Text or binary content.
        deflater: Compressor, if permessage-deflate was negotiated; it compresses messages from its
            threshold on.
        mask: True for the frames of a client.

    Raises:
        UnicodeEncodeError: The text has surrogates, which UTF-8 cannot represent.
    """
    if isinstance(message, str):
        payload, opcode, heads = message.encode(), TEXT, _TEXT_HEADS
    else:
        payload, opcode, heads = message, BINARY, _BINARY_HEADS
    size = len(payload)
    if deflater is not None and size >= deflater.threshold:
        return encode_frame(opcode, deflater.deflate(payload), deflated=True, mask=mask)
    if size > 125 or mask:
        return encode_frame(opcode, payload, mask=mask)
    return heads[size] + payload


def encode_frame(
    opcode: int,
    payload: bytes,
    *,
    deflated: bool = False,
    mask: bool = False,
    is_final: bool = True,
) -> bytes:
    """Return a frame.

    Args:
        opcode: Kind of the frame, 0 to 15.
        payload: Content as it is sent, but not masked.
        deflated: True to declare the message as compressed, in its first frame.
        mask: True for the frames of a client.
        is_final: True for the last frame of a message.
    """
    first = opcode | (_FINAL if is_final else 0) | (_DEFLATED if deflated else 0)
    size = len(payload)
    masked = _MASKED if mask else 0
    if size < 126:
        head = bytes((first, masked | size))
    elif size < 65536:
        head = bytes((first, masked | 126, size >> 8, size & 0xFF))
    else:
        head = bytes((first, masked | 127)) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = urandom(4)
    return b"".join((head, key, apply_mask(payload, key)))


def encode_close(code: int, reason: str = "", *, mask: bool = False) -> bytes:
    """Return a close frame.

    Args:
        code: Close code; 1005 for a frame without a code.
        reason: Explanation; shortened to 123 bytes of UTF-8, at a character.
        mask: True for the frames of a client.

    Raises:
        ValueError: The code must not be sent.
    """
    return encode_frame(CLOSE, close_payload(code, reason), mask=mask)


def encode_ping(data: bytes = b"", *, mask: bool = False) -> bytes:
    """Return a ping frame.

    Raises:
        ValueError: The data has more than 125 bytes.
    """
    return _encode_control(PING, data, mask)


def encode_pong(data: bytes = b"", *, mask: bool = False) -> bytes:
    """Return a pong frame, with the data of the ping that it answers.

    Raises:
        ValueError: The data has more than 125 bytes.
    """
    return _encode_control(PONG, data, mask)


def _encode_control(opcode: int, data: bytes, mask: bool) -> bytes:
    if len(data) > _MAX_CONTROL:
        raise ValueError(f"a ping or pong has at most {_MAX_CONTROL} bytes, not {len(data)}")
    return encode_frame(opcode, data, mask=mask)
