"""permessage-deflate: compression of single messages (RFC 7692).

Theory of operation. A message is a sequence of deflate blocks that ends with an empty stored block,
whose last four bytes are not sent.

*Compressing*: no message refers to the content of an earlier one (no context takeover). Every
endpoint may do so without negotiation, and it means that a connection has no compressor of its own,
which would take 40 to 260 KB. Each message borrows one that is idle and gives it back; a full
flush at its end removes the message from the dictionary. It is borrowed, so that code which runs
between the two calls (a finalizer, a signal handler, another thread) cannot add a message of its
own in the middle. If a call fails, the compressor is discarded, and with it the half message.

*Decompressing* is different: nothing prevents a message from referring to the content before it, so
a decompressor is never shared. Without context takeover each message has a new one, and an idle
connection has none. It is bounded by the remaining size of the message, so that a small frame
cannot become a large message; the bound holds inside of a frame, too.

Python's zlib does not report whether the input ended at the end of a block. Without context
takeover an empty final block is appended: if the decompressor then has not reached its end, or has
input left, the message was incomplete.

A block that is marked as final ends a stream of zlib in the middle of a message. The rest of the
message is decompressed by a new stream, which does not refer to the content before it: compressors
that mark blocks so begin anew, too (section 7.2.3.4). Their number is limited, because each one
costs more than its two bytes.
"""

from __future__ import annotations

import sys
import zlib
from typing import Any, Final

from ._events import ProtocolViolation

DEFAULT_THRESHOLD = 256
MAX_WINDOW_BITS = 15
MIN_WINDOW_BITS = 9
"""zlib does not support 8 for raw deflate (RFC 7692 does)."""

# A message is compressed without a switch to other tasks. Level 6 takes three to four times as long
# (360 instead of 80 µs for 16 KiB of words) and saves another tenth of the bytes.
_LEVEL = 2
_MEMORY_LEVEL = 5  # a hash table of 8 KB, which the full flush clears: 128 KB at 9
_TAIL: Final = b"\x00\x00\xff\xff"
_TAIL_AND_END: Final = _TAIL + b"\x01\x00\x00\xff\xff"
_MAX_LIMIT = sys.maxsize - 1
_MAX_STREAMS = 16  # in one message

# Idle compressors by window size, of all connections: one for each window size and thread.
_idle: dict[int, list[Any]] = {bits: [] for bits in range(MIN_WINDOW_BITS, MAX_WINDOW_BITS + 1)}


class Deflater:
    """Compresses messages, each by itself; it may be shared by connections.

    Attributes:
        threshold: Size from which on a message is compressed.
    """

    __slots__ = ("_window_bits", "threshold")

    def __init__(
        self, window_bits: int = MAX_WINDOW_BITS, *, threshold: int = DEFAULT_THRESHOLD
    ) -> None:
        """Compress with a window of ``2 ** window_bits`` bytes.

        Raises:
            ValueError: The window is not one of 9 to 15 bits.
        """
        if window_bits not in _idle:
            raise ValueError(f"the window bits of a deflater are 9 to 15, not {window_bits}")
        self._window_bits = window_bits
        self.threshold = max(threshold, 1)  # zlib does not return anything for an empty message

    def deflate(self, payload: bytes) -> bytes:
        """Return the compressed payload of a whole message, which is not empty."""
        idle = _idle[self._window_bits]
        compressor = idle.pop() if idle else self._new_compressor()
        content = compressor.compress(payload)
        content += compressor.flush(zlib.Z_FULL_FLUSH)
        idle.append(compressor)
        return bytes(content[:-4])

    def _new_compressor(self) -> Any:
        return zlib.compressobj(_LEVEL, zlib.DEFLATED, -self._window_bits, _MEMORY_LEVEL)


class Inflater:
    """Decompresses the messages of one connection."""

    __slots__ = ("_inflate", "_is_empty", "_streams", "_takes_over", "_window_bits")

    def __init__(
        self, window_bits: int = MAX_WINDOW_BITS, *, context_takeover: bool = False
    ) -> None:
        """Decompress what was compressed with a window of at most ``2 ** window_bits`` bytes.

        Args:
            window_bits: 8 to 15.
            context_takeover: True if messages may refer to the content of earlier ones. Then the
                connection holds a window all the time.
        """
        self._window_bits = max(window_bits, MIN_WINDOW_BITS)  # a larger window reads all
        self._takes_over = context_takeover
        self._inflate: Any = None
        self._is_empty = True
        self._streams = 0  # begun for this message

    def inflate(self, payload: bytes, *, is_last: bool, limit: int) -> bytes:
        """Return the decompressed next part of a message.

        Args:
            payload: Next part of the compressed message.
            is_last: True for the last part of the message.
            limit: Maximum size of the result.

        Raises:
            ProtocolViolation: 1009 if the result would be larger than ``limit``; 1007 if the
                payload is not a valid part of a compressed message.
        """
        if payload:
            self._is_empty = False
        elif not is_last:
            return b""
        if is_last:
            if self._is_empty:
                return b""  # strictly one zero byte, but zlib makes no output for an empty message
            payload += _TAIL if self._takes_over else _TAIL_AND_END
        try:
            content = self._decompress(payload, limit)
        except zlib.error:
            raise ProtocolViolation(1007, "invalid compressed data") from None
        if is_last:
            self._end_message()
        return content

    def _decompress(self, payload: bytes, limit: int) -> bytes:
        if self._inflate is None or self._inflate.eof:
            self._begin_stream()
        limit = min(limit, _MAX_LIMIT)
        content: bytes = self._inflate.decompress(payload, limit + 1)  # zero would mean no limit
        while self._inflate.eof and (rest := self._inflate.unused_data) and len(content) <= limit:
            self._begin_stream()
            content += self._inflate.decompress(rest, limit + 1 - len(content))
        if len(content) > limit:
            raise ProtocolViolation(1009, "message too big")
        return content

    def _begin_stream(self) -> None:
        self._streams += 1
        if self._streams > _MAX_STREAMS:
            raise ProtocolViolation(1007, "too many final blocks in compressed data")
        self._inflate = zlib.decompressobj(-self._window_bits)

    def _end_message(self) -> None:
        self._is_empty = True
        self._streams = 0
        if not self._takes_over:
            inflate, self._inflate = self._inflate, None
            if not inflate.eof or inflate.unused_data:
                raise ProtocolViolation(1007, "incomplete compressed data")
