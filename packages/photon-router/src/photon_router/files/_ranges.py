"""``Range``: ranges of a file (RFC 9110, section 14).

A malformed field is ignored, as the section requires, and so is a field with more than
`MAX_RANGES` ranges: the client gets the whole file. Ranges that overlap, or are so close that the
head of a part would be longer than the gap between them, are merged; so no byte of a file is sent
twice in one response, and the parts are in the order of the file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from photon_runtime.http import FileBody

MAX_RANGES: Final = 32
"""Maximum number of ranges in a field; a field with more is ignored."""

_SPEC: Final = re.compile(r"([0-9]*)-([0-9]*)")
_MERGED_GAP: Final = 80  # section 15.3.7.2: about the length of the head of a part
_MAX_DIGITS: Final = 19  # more than the size of any file has


class Span(NamedTuple):
    """A range of one or more bytes of a file.

    Attributes:
        first: Position of the first byte.
        end: Position after the last byte.
    """

    first: int
    end: int

    def content_range(self, size: int) -> str:
        """Return the value of ``Content-Range`` in a file of ``size`` bytes."""
        return f"bytes {self.first}-{self.end - 1}/{size}"


def spans_of(field: str, size: int) -> list[Span] | None:
    """Read a ``Range`` field.

    Args:
        field: The value of the field.
        size: Size of the file in bytes.

    Returns:
        The spans to send, in order, without overlaps; empty if the file has none of them (416),
        and ``None`` if the field is ignored.
    """
    unit, separator, text = field.partition("=")
    specs = [spec for spec in (item.strip(" \t") for item in text.split(",")) if spec]
    if unit.strip().lower() != "bytes" or not separator or not 0 < len(specs) <= MAX_RANGES:
        return None
    if size == 0:
        return None  # Content-Range cannot describe an empty file
    spans = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or spec == "-":
            return None
        first, last = map(_position, match.groups())
        if first is not None and last is not None and last < first:
            return None
        spans.append(_span(first, last, size))
    return _merged([span for span in spans if span is not None])


def _position(digits: str) -> int | None:
    """Return a position; a number with too many digits is replaced by the maximum."""
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MAX_DIGITS else int("9" * _MAX_DIGITS)


def _span(first: int | None, last: int | None, size: int) -> Span | None:
    """Return the part of a range that is in the file, ``None`` if it is empty."""
    if first is None:
        return Span(max(size - (last or 0), 0), size) if last else None
    if first >= size:
        return None
    return Span(first, size if last is None else min(last + 1, size))


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.first <= merged[-1].end + _MERGED_GAP:
            merged[-1] = Span(merged[-1].first, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


class RangesBody:
    """Several ranges of a file as ``multipart/byteranges`` (section 14.6); closed when it was sent.

    Args:
        file: The file, open for reading.
        spans: The ranges to send.
        size: Size of the whole file in bytes.
        content_type: Content type of the file.

    Attributes:
        content_type: Content type of the body.
        length: Length of the body in bytes.
    """

    def __init__(
        self, file: BinaryIO, spans: Sequence[Span], *, size: int, content_type: str
    ) -> None:
        """Encode the heads of the parts."""
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/byteranges; boundary={boundary}"
        self._file = file
        self._parts = []
        before = ""
        for span in spans:
            head = (
                f"{before}--{boundary}\r\nContent-Type: {content_type}\r\n"
                f"Content-Range: {span.content_range(size)}\r\n\r\n"
            )
            body = FileBody(file, offset=span.first, length=span.end - span.first)
            self._parts.append((head.encode("latin-1"), body))
            before = "\r\n"
        self._end = f"\r\n--{boundary}--\r\n".encode("ascii")
        self.length = len(self._end) + sum(len(head) + body.length for head, body in self._parts)

    def __iter__(self) -> Iterator[bytes]:
        """Read the parts piece by piece."""
        for head, body in self._parts:
            yield head
            yield from body
        yield self._end

    def close(self) -> None:
        """Close the file."""
        self._file.close()
