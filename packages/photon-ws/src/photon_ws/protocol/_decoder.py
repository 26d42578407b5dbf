"""Received bytes to messages and control frames (RFC 6455, section 5).

Theory of operation. `FrameDecoder.feed` has two paths:

- an unfragmented message that arrived whole, which nearly all are, is decoded by `_decode_one` if
  it is all that has arrived, and else in the loop of `_decode`;
- everything else goes through `_read_frame`. The payload of a data frame is consumed as it arrives,
  unmasked, decompressed and checked, so that an error is found at the first wrong byte, and a frame
  does not take memory for what its header announces. A control frame has at most 125 bytes; it, and
  an incomplete header, wait in ``_pending`` for their rest.

Small frames cost much for each byte, so one call may read a limited number of frames
(`max_frames`); then `has_more` is true, and further calls without data decode the rest. Such a
call also ends behind a compressed message of some size: a few bytes may become many, and the caller
decides whether it wants more.

Bounds. The size of a message is checked when a header announces more, before any of it arrives, and
again when it is decompressed. A compressed message may be a little larger than its content, and not
more: otherwise empty blocks without end would be a message of zero bytes. Frames without content do
not make a message larger, so their number is limited. Parts of a message are added to one buffer;
a list of parts of one byte would take many times the size of the message.
"""

from __future__ import annotations

from codecs import utf_8_decode
from io import StringIO
from typing import Final

from ._close import parse_close
from ._deflate import Inflater
from ._events import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Event, Ping, Pong
from ._events import ProtocolViolation as Violation
from ._mask import apply_mask

_FINAL = 0x80
_DEFLATED = 0x40
_RESERVED = 0x30
_MASKED = 0x80
_WHOLE_TEXT: Final = _FINAL | TEXT
_WHOLE = (_WHOLE_TEXT, _FINAL | BINARY)
_KNOWN = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
_MAX_CONTROL = 125
_MAX_EMPTY_FRAMES = 1024
_NOT_UTF8 = "text is not UTF-8"
_CHEAP_COPY = 2048  # up to here a copy costs less than a memoryview
_IN_TWO_BYTES = 126
_LARGE = 64 * 1024  # a message behind which a call of `feed` ends, if it was compressed
_UNKNOWN = 1 << 63  # longer than any data
_UNLIMITED: Final = 1 << 62


class FrameDecoder:
    """Decodes what one peer sends; it ends with the peer's close frame or the first violation.

    Attributes:
        max_message_size: Maximum size of a message in bytes, decompressed.
        max_frames: Maximum number of frames that one call decodes.
        has_more: Whether the last call has left bytes undecoded because of that, or behind a large
            message that was compressed.
    """

    __slots__ = (
        "_content",
        "_empty_frames",
        "_header_size",
        "_inflater",
        "_is_deflated",
        "_is_final",
        "_is_finished",
        "_key",
        "_mask_bit",
        "_opcode",
        "_payload_size",
        "_pending",
        "_remaining",
        "_size",
        "_text",
        "_undecoded",
        "has_more",
        "max_frames",
        "max_message_size",
    )

    def __init__(
        self,
        *,
        is_client: bool = False,
        max_message_size: int,
        max_frames: int = _UNLIMITED,
        inflater: Inflater | None = None,
    ) -> None:
        """Begin at the first byte after the handshake.

        Args:
            is_client: True to decode the frames of a server, which are not masked.
            max_message_size: Maximum size of a message in bytes, decompressed.
            max_frames: Maximum number of frames that one call of `feed` decodes.
            inflater: Decompressor, if permessage-deflate was negotiated.
        """
        self.max_message_size = max_message_size
        self.max_frames = max_frames
        self.has_more = False
        self._inflater = inflater
        self._mask_bit = 0 if is_client else _MASKED
        self._header_size = 2 if is_client else 6  # of small frames
        self._is_finished = False
        self._pending = b""  # an incomplete header or control frame

        # The message in progress; opcode 0 if there is none.
        self._opcode = 0
        self._is_deflated = False
        self._size = 0  # of the content so far
        self._payload_size = 0  # of its frames, including what they announce
        self._empty_frames = 0
        self._content: bytearray | None = None
        self._text: StringIO | None = None
        self._undecoded = b""  # the beginning of a character

        # The data frame in progress.
        self._is_final = False
        self._remaining = 0
        self._key = b""

    @property
    def has_partial(self) -> bool:
        """Whether the peer is in the middle of a frame or of a fragmented message."""
        return bool(self._opcode or self._pending)

    def feed(self, data: bytes | memoryview, events: list[Event]) -> None:
        """Decode received bytes; after the close frame they are ignored.

        Args:
            data: Received bytes; only read during the call. Empty to decode what `has_more` means.
            events: The list that complete messages and control frames are appended to, in order.

        Raises:
            ProtocolViolation: The peer violates the protocol or a limit. Events before that were
                appended. Later bytes are ignored.
        """
        if self._is_finished:
            return
        try:
            if self._pending or self._opcode or not self._decode_one(data, events):
                self._decode(self._pending + data if self._pending else bytes(data), events)
        except UnicodeDecodeError:
            self._finish()
            raise Violation(1007, _NOT_UTF8) from None
        except Violation:
            self._finish()
            raise

    def _decode_one(self, data: bytes | memoryview, events: list[Event]) -> bool:
        """Decode the most common input, one frame that is a whole message; else return False."""
        size = len(data)
        if size < 8:
            return False
        if size < _CHEAP_COPY and type(data) is memoryview:
            data = data.tobytes()
        first = data[0]
        length = data[1] ^ self._mask_bit
        start = self._header_size
        if length > _MAX_CONTROL:
            if length != _IN_TWO_BYTES:
                return False
            length = data[2] << 8 | data[3]
            start += 2
            if length <= _MAX_CONTROL:
                return False
        if start + length != size or length > self.max_message_size or first not in _WHOLE:
            return False
        if self._mask_bit:
            key = data[start - 4 : start]
            content = apply_mask(data[start:], key if type(key) is bytes else bytes(key))
        else:
            content = bytes(data[start:])
        events.append(content.decode() if first == _WHOLE_TEXT else content)
        return True

    def _decode(self, data: bytes, events: list[Event]) -> None:
        size = len(data)
        mask_bit = self._mask_bit
        header_size = self._header_size
        position = self._read_payload(data, 0, events) if self._remaining else 0
        left = self.max_frames
        self.has_more = False
        while size - position > 1:
            if not left:
                self.has_more = True
                break
            left -= 1
            first = data[position]
            length = data[position + 1] ^ mask_bit
            start = position + header_size
            if length > _MAX_CONTROL:
                length = _two_byte_length(data, position, length)
                start += 2
            end = start + length
            if end > size or length > self.max_message_size or first not in _WHOLE or self._opcode:
                end = self._read_frame(data, position, events)
                if self._is_finished:
                    return
                if end == position:
                    break
                left = self._frames_left(left, events)
            else:
                if mask_bit:
                    source = data if length < _CHEAP_COPY else memoryview(data)
                    payload = apply_mask(source[start:end], data[start - 4 : start])
                else:
                    payload = data[start:end]
                events.append(str(payload, "utf-8") if first == _WHOLE_TEXT else payload)
            position = end
        self._pending = data[position:]

    def _frames_left(self, left: int, events: list[Event]) -> int:
        """Return how many frames this call may still decode, behind a frame of any kind."""
        if not events or self._inflater is None or self.max_frames == _UNLIMITED:
            return left
        last = events[-1]
        return 0 if isinstance(last, str | bytes) and len(last) >= _LARGE else left

    def _finish(self) -> None:
        """Drop what was received of a message: nothing more is decoded."""
        self._is_finished = True
        self.has_more = False
        self._opcode = self._remaining = 0
        self._pending = self._undecoded = b""
        self._content = self._text = self._inflater = None

    def _read_frame(self, data: bytes, position: int, events: list[Event]) -> int:
        """Read a frame, or the part of it that has arrived.

        Returns:
            The position after it; ``position`` itself if its header, or a control frame, is
            incomplete.
        """
        first = data[position]
        length = data[position + 1] ^ self._mask_bit
        opcode = first & 0x0F
        self._check_header(first, opcode, length)
        start = position + self._header_size
        if length > _MAX_CONTROL:
            width = 2 if length == 126 else 8
            start += width
            extended = data[position + 2 : position + 2 + width]
            if len(extended) < width:
                return position
            length = int.from_bytes(extended, "big")
            if length < 126 or (width == 8 and (length < 65536 or length >> 63)):
                raise Violation(1002, "the length of a frame is not in its shortest form")
        if opcode < CLOSE:
            self._check_size(first, length)
        size = len(data)
        if start > size or (opcode >= CLOSE and start + length > size):
            return position
        self._key = data[start - 4 : start] if self._mask_bit else b""
        if opcode >= CLOSE:
            self._read_control(opcode, data[start : start + length], events)
            return start + length
        self._begin_frame(first, length)
        return self._read_payload(data, start, events)

    def _check_header(self, first: int, opcode: int, length: int) -> None:
        """Check the first two bytes of a frame; the length is still encoded."""
        if first & _RESERVED:
            raise Violation(1002, "a reserved bit is set")
        if opcode not in _KNOWN:
            raise Violation(1002, f"unknown opcode {opcode}")
        if length & _MASKED:
            kind = "must be" if self._mask_bit else "must not be"
            raise Violation(1002, f"frames {kind} masked")
        if first & _DEFLATED and (self._inflater is None or opcode not in (TEXT, BINARY)):
            raise Violation(1002, "the bit RSV1 is set without a compressed message")
        if opcode >= CLOSE:
            _check_control(first, length)
        elif opcode == CONTINUATION and not self._opcode:
            raise Violation(1002, "a continuation without a message")
        elif opcode != CONTINUATION and self._opcode:
            raise Violation(1002, "a new message within a fragmented one")

    def _check_size(self, first: int, length: int) -> None:
        """Check what a data frame announces."""
        limit = self.max_message_size
        if self._is_deflated or first & _DEFLATED:
            limit += (limit >> 3) + 1024
        if self._payload_size + length > limit:
            raise Violation(1009, "message too big")

    def _read_control(self, opcode: int, payload: bytes, events: list[Event]) -> None:
        if self._key:
            payload = apply_mask(payload, self._key)
        if opcode == PING:
            events.append(Ping(payload))
        elif opcode == PONG:
            events.append(Pong(payload))
        else:
            events.append(parse_close(payload))
            self._finish()

    def _begin_frame(self, first: int, length: int) -> None:
        if not self._opcode:
            self._opcode = first & 0x0F
            self._is_deflated = bool(first & _DEFLATED)
        self._is_final = bool(first & _FINAL)
        self._remaining = length
        self._payload_size += length
        if not length and not self._is_final:
            self._empty_frames += 1
            if self._empty_frames > _MAX_EMPTY_FRAMES:
                raise Violation(1009, "the message has too many empty frames")

    def _read_payload(self, data: bytes, start: int, events: list[Event]) -> int:
        """Read what has arrived of a data frame's payload; return the position after it."""
        end = min(start + self._remaining, len(data))
        part: bytes = data[start:end]
        if self._key:
            part = apply_mask(part, self._key)
        self._remaining -= end - start
        if self._remaining:
            is_last = False
            if turn := (end - start) & 3:
                self._key = self._key[turn:] + self._key[:turn]
        else:
            is_last = self._is_final
        if self._is_deflated and self._inflater is not None:
            limit = self.max_message_size - self._size
            part = self._inflater.inflate(part, is_last=is_last, limit=limit)
        self._size += len(part)
        if self._opcode == TEXT:
            self._add_text(part, events, is_last=is_last)
        else:
            self._add_content(part, events, is_last=is_last)
        if is_last:
            self._opcode = self._size = self._payload_size = self._empty_frames = 0
            self._is_deflated = False
        return end

    def _add_text(self, part: bytes, events: list[Event], *, is_last: bool) -> None:
        if self._undecoded:
            part = self._undecoded + part
        text, count = utf_8_decode(part, "strict", is_last)
        self._undecoded = rest = part[count:]
        if rest[:1] == b"\xed" and rest[1:] > b"\x9f":  # a surrogate, for which the codec waits
            raise Violation(1007, _NOT_UTF8)
        if is_last and self._text is None:
            events.append(text)
            return
        if self._text is None:
            self._text = StringIO(newline="")
        self._text.write(text)
        if is_last:
            events.append(self._text.getvalue())
            self._text = None

    def _add_content(self, part: bytes, events: list[Event], *, is_last: bool) -> None:
        if is_last and self._content is None:
            events.append(part)
            return
        if self._content is None:
            self._content = bytearray()
        self._content += part
        if is_last:
            events.append(bytes(self._content))
            self._content = None


def _two_byte_length(data: bytes, position: int, length: int) -> int:
    """Return the length after the two bytes at ``position``; `_UNKNOWN` for `_read_frame`.

    Half a length may be returned, but not half a frame: its end is after that of the data.
    """
    if length == _IN_TWO_BYTES:
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if length > _MAX_CONTROL:
            return length
    return _UNKNOWN


def _check_control(first: int, length: int) -> None:
    if not first & _FINAL:
        raise Violation(1002, "control frames must not be fragmented")
    if length > _MAX_CONTROL:
        raise Violation(1002, f"control frames have at most {_MAX_CONTROL} bytes")
