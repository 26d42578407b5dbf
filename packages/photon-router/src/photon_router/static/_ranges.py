"""``Range``: parts of a file (RFC 9110, section 14).

What is not well-formed is ignored, as the section says, and so is a field with more than
`MOST_RANGES` ranges: the client gets the whole file. Ranges that overlap, or lie so close that the
head of a part would be longer than what is between them, become one; so a file is never sent twice
in one answer, whatever is asked for, and the parts come in the order of the file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from photon_runtime.http import FileBody

MOST_RANGES: Final = 32
"""Ranges that are asked for at once; a field with more does not count."""

_SPEC: Final = re.compile(r"([0-9]*)-([0-9]*)")
_BETWEEN: Final = 80  # section 15.3.7.2: what the head of a part takes, about
_FAR_DIGITS: Final = 19  # more than any file has


class Span(NamedTuple):
    """Some bytes of a file, one at least.

    Attributes:
        first: Position of the first.
        end: Position after the last.
    """

    first: int
    end: int

    def content_range(self, size: int) -> str:
        """Return the value of ``Content-Range`` in a file of ``size`` bytes."""
        return f"bytes {self.first}-{self.end - 1}/{size}"


def spans_of(field: str, size: int) -> list[Span] | None:
    """Read a ``Range`` field.

    Args:
        field: Its value.
        size: Bytes of the file.

    Returns:
        The parts to send, in order, none touching another; empty if the file has none of them
        (416), and ``None`` if the field does not count.
    """
    unit, separator, text = field.partition("=")
    specs = [spec for spec in (item.strip(" \t") for item in text.split(",")) if spec]
    if unit.strip().lower() != "bytes" or not separator or not 0 < len(specs) <= MOST_RANGES:
        return None
    if size == 0:
        return None  # no Content-Range can speak of an empty file
    spans = []
    for spec in specs:
        found = _SPEC.fullmatch(spec)
        if found is None or spec == "-":
            return None
        first, last = map(_position, found.groups())
        if first is not None and last is not None and last < first:
            return None
        spans.append(_span(first, last, size))
    return _merged([span for span in spans if span is not None])


def _position(digits: str) -> int | None:
    """Return a number; one with more digits than there are files for is cut, not worked out."""
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _FAR_DIGITS else int("9" * _FAR_DIGITS)


def _span(first: int | None, last: int | None, size: int) -> Span | None:
    """Return what a file has of a range, ``None`` for nothing."""
    if first is None:
        return Span(max(size - (last or 0), 0), size) if last else None
    if first >= size:
        return None
    return Span(first, size if last is None else min(last + 1, size))


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.first <= merged[-1].end + _BETWEEN:
            merged[-1] = Span(merged[-1].first, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


class RangesBody:
    """Several parts of a file as ``multipart/byteranges`` (section 14.6); closed when it was sent.

    Args:
        file: Opened for reading.
        spans: What to send.
        size: Bytes of the whole file.
        content_type: That of the file.

    Attributes:
        content_type: That of the body.
        length: Bytes of the body.
    """

    def __init__(
        self, file: BinaryIO, spans: Sequence[Span], *, size: int, content_type: str
    ) -> None:
        """Write the heads of the parts."""
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
