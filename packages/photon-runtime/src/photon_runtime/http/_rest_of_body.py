"""Bodies that llhttp does not parse: those in chunks (RFC 9112, section 7.1), and after an offer.

llhttp refuses the blanks that the grammar allows around the parts of a chunk extension, and does
not report how long extensions are. After a head that offers an upgrade it does not parse a body.

Theory of operation. The objects have the method ``feed_data`` of llhttp's parser and take its place
until the end of the body. The framing of chunks is read in whole lines, each matched by one
expression without backtracking; the data is passed on as it comes. Extensions mean nothing to
Photon and are dropped, as the standard demands of a recipient that does not know them.

A body may be small and its framing large. A line has at most the size of a head, and so has the
framing beyond `_SHARE` bytes for a chunk and twice its data. Signatures of chunks are within that.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ._headers import is_trailer
from ._request import Request
from ._settings import ServerSettings
from .errors import HttpError

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_EXTENSION = rb"[\t ]*+;[\t ]*+%b(?:[\t ]*+=[\t ]*+(?:%b|%b))?+" % (_TOKEN, _TOKEN, _QUOTED)
_SIZE_LINE = re.compile(rb"0*+([0-9A-Fa-f]{0,16})(?<=[0-9A-Fa-f])(?:%b)*+\r\n" % _EXTENSION)
_FIELD_LINE = re.compile(rb"(%b):[\t ]*+([\t -~\x80-\xff]*+)\r\n" % _TOKEN)
_SHARE = 16


class BodyEnds(Exception):
    """A body has ended within the fed bytes.

    Attributes:
        offset: The number of fed bytes that belong to it.
    """

    def __init__(self, offset: int) -> None:
        super().__init__()
        self.offset = offset


class ChunkedBody:
    """The rest of a message whose body comes in chunks.

    Args:
        request: The request, which gets the parts of the body and the trailers.
        settings: The limits.
    """

    __slots__ = ("_excess", "_left", "_line", "_request", "_settings", "_take", "_trailers_size")

    def __init__(self, request: Request, settings: ServerSettings) -> None:
        """Begin with the size of the first chunk."""
        self._request = request
        self._settings = settings
        self._line = b""
        self._left = 0
        self._excess = 0
        self._trailers_size = 0
        # Not a bound method, with which the object would refer to itself.
        self._take: Callable[[ChunkedBody, bytes], None] | None = ChunkedBody._take_size

    def feed_data(self, data: memoryview | bytes) -> None:
        """Take the next bytes.

        Raises:
            BodyEnds: The body has ended.
            HttpError: It is not well-formed, or its framing is too large.
        """
        data, at, request = bytes(data), 0, self._request
        while at < len(data):
            if self._left:
                part = data[at : at + self._left]
                at += len(part)
                self._left -= len(part)
                request._received += len(part)
                request._parts.append(part)
                continue
            end = data.find(b"\n", at) + 1
            line = self._line + data[at : end or len(data)]
            if len(line) > self._settings.max_header_size:
                raise self._too_large()
            at += len(line) - len(self._line)
            self._line = b"" if end else line
            if end and self._is_end(line):
                request._is_complete = True
                raise BodyEnds(at)

    def _is_end(self, line: bytes) -> bool:
        """Take a line; return whether it is the last one."""
        if self._take is not None:
            self._take(self, line)
        return self._take is None

    def _take_size(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise HttpError(400, "the size of a chunk, or an extension, is malformed")
        self._left = int(match[1] or b"0", 16)
        self._excess = max(0, self._excess + len(line) - _SHARE - 2 * self._left)
        if self._excess > self._settings.max_header_size:
            raise self._too_large()
        self._take = ChunkedBody._take_end if self._left else ChunkedBody._take_trailer

    def _take_end(self, line: bytes) -> None:
        if line != b"\r\n":
            raise HttpError(400, "a chunk of the body does not end where its size says")
        self._take = ChunkedBody._take_size

    def _take_trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self._take = None
            return
        match = _FIELD_LINE.fullmatch(line)
        if match is None:
            raise HttpError(400, "a trailer field is malformed")
        settings = self._settings
        self._trailers_size += len(line)
        if self._trailers_size > settings.max_header_size:
            limit = settings.max_header_size
            raise HttpError(431, f"the trailer fields may have at most {limit} bytes")
        name = match[1].lower()
        if is_trailer(name):
            trailers = self._request.add_trailer((name, match[2].rstrip(b"\t ")))
            if len(trailers) > settings.max_headers:
                raise HttpError(
                    431, f"a request may have at most {settings.max_headers} trailer fields"
                )

    def _too_large(self) -> HttpError:
        return HttpError(431, "the chunk framing of the request body is too large")


class SizedBody:
    """The rest of a message whose body has a known length.

    Args:
        request: The request, which gets the parts of the body.
        length: The length of the body, at least one.
    """

    __slots__ = ("_length", "_request")

    def __init__(self, request: Request, length: int) -> None:
        """Begin with the first byte."""
        self._request = request
        self._length = length

    def feed_data(self, data: memoryview | bytes) -> None:
        """Take the next bytes.

        Raises:
            BodyEnds: The body has ended.
        """
        request = self._request
        part = bytes(data[: self._length - request._received])
        if part:
            request._received += len(part)
            request._parts.append(part)
        if request._received == self._length:
            request._is_complete = True
            raise BodyEnds(len(part))
