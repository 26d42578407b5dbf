"""Decoders of content codings, whose output is bounded (RFC 9110, section 8.4.1).

Theory of operation. A few bytes may decode to gigabytes, so no decoder ever makes more than `PIECE`
bytes at once: the caller counts them, and stops at its limit. After each mebibyte the other tasks
have their turn. A body that ends early, or continues after its end, is malformed; several members
of gzip, or frames of Zstandard, in a row are one body, as both formats have it. Tiny ones cost more
than they carry, so only `_FREE_MEMBERS` of them are accepted.

``deflate`` is the format of zlib. Clients have always sent the bare format, too, which the first
two bytes distinguish.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from photon_runtime import NotRunning, current_task, sleep
from photon_runtime.http import HttpError

from ._codings import library_of

PIECE: Final = 64 * 1024
"""Maximum number of bytes that a decoder returns at once."""

_TURN: Final = 1024 * 1024
_PER_PIECE: Final = 4096  # what a piece costs besides its bytes, as a number of bytes
_SLICE: Final = 16 * 1024  # decoders copy what they have not used
_FREE_MEMBERS: Final = 100
_MEMBER_SIZE: Final = 1024  # further members have so many encoded bytes on average
_MAX_WINDOW_LOG: Final = 23  # 8 MiB, all that RFC 9659 lets a client use
_GZIP: Final = 16 + zlib.MAX_WBITS


class _Decoder(Protocol):
    """Decodes one body, part by part.

    Attributes:
        members: Number of members or frames so far.
    """

    members: int

    @property
    def has_ended(self) -> bool:
        """True if all bytes so far are a complete body."""
        ...

    def pieces(self, part: bytes) -> Iterator[bytes]:
        """Yield all that a part decodes to, in pieces."""
        ...


def decoded(coding: str, parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the decoded parts of a body, each at most `PIECE` bytes.

    Args:
        coding: ``gzip``, ``deflate``, ``br`` or ``zstd``, whose library is installed.
        parts: The encoded parts.

    Raises:
        HttpError: 400, the body is not in this coding, or is incomplete.

    Blocks: the calling task, for each part.
    """
    decoder = _DECODERS[coding]()
    turn, received = 0, 0
    try:
        for part in _slices(parts):
            received += len(part)
            for piece in decoder.pieces(part):
                turn += len(piece) + _PER_PIECE
                if decoder.members > _FREE_MEMBERS + received / _MEMBER_SIZE:
                    raise HttpError(400, f"the body has too many small parts of {coding}")
                if turn >= _TURN:
                    turn = 0
                    _let_others_run()
                if piece:
                    yield piece
    except _errors(coding) as error:
        raise HttpError(400, f"the body is not valid {coding}") from error
    if received and not decoder.has_ended:
        raise HttpError(400, f"the body is incomplete: its {coding} data has no end")


def _slices(parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        for start in range(0, len(part), _SLICE):
            yield part[start : start + _SLICE]


def _let_others_run() -> None:
    try:
        current_task()
    except NotRunning:
        return
    sleep(0)


@functools.cache
def _errors(coding: str) -> tuple[type[Exception], ...]:
    if coding == "br":
        return (library_of("br").error,)
    if coding == "zstd":
        return (library_of("zstd").ZstdError,)
    return (zlib.error,)


class _Zlib:
    """gzip, one member after the other, or deflate in either format."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._decompressor = zlib.decompressobj(window)
        self._start: bytes | None = b"" if window == zlib.MAX_WBITS else None
        self.members = 0

    @property
    def has_ended(self) -> bool:
        return self._decompressor.eof

    def pieces(self, part: bytes) -> Iterator[bytes]:
        part = self._with_start(part)
        while part:
            if self._decompressor.eof:
                self._begin_member()
            yield self._decompressor.decompress(part, PIECE)
            part = self._decompressor.unconsumed_tail or self._decompressor.unused_data
        while not self._decompressor.eof:  # what the decompressor itself holds back
            piece = self._decompressor.decompress(b"", PIECE)
            if not piece:
                return
            yield piece

    def _with_start(self, part: bytes) -> bytes:
        """Choose the format by the first two bytes, which may be in two parts."""
        if self._start is None:
            return part
        part = self._start + part
        if len(part) < 2:
            self._start = part
            return b""
        self._start = None
        if not _is_zlib(part):
            self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        return part

    def _begin_member(self) -> None:
        if self._window != _GZIP:
            raise zlib.error("bytes after the end")
        self._decompressor = zlib.decompressobj(_GZIP)
        self.members += 1


def _is_zlib(start: bytes) -> bool:
    """Return whether a body begins as RFC 1950, section 2.2, requires."""
    return start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0


class _Brotli:
    def __init__(self) -> None:
        self.members = 0
        self._decompressor = library_of("br").Decompressor()

    @property
    def has_ended(self) -> bool:
        ended: bool = self._decompressor.is_finished()
        return ended

    def pieces(self, part: bytes) -> Iterator[bytes]:
        process = self._decompressor.process
        piece = process(part, output_buffer_limit=PIECE)
        yield piece
        # It can accept more before it has returned everything.
        while piece or not self._decompressor.can_accept_more_data():
            piece = process(b"", output_buffer_limit=PIECE)
            yield piece


class _Zstd:
    def __init__(self) -> None:
        library = library_of("zstd")
        options = {library.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG}
        self._begin: Callable[[], Any] = functools.partial(
            library.ZstdDecompressor, options=options
        )
        self._decompressor = self._begin()
        self._is_within = False
        self.members = 0

    @property
    def has_ended(self) -> bool:
        return not self._is_within

    def pieces(self, part: bytes) -> Iterator[bytes]:
        while part or not (self._decompressor.eof or self._decompressor.needs_input):
            if self._decompressor.eof:
                self._decompressor = self._begin()
                self.members += 1
            self._is_within = True
            yield self._decompressor.decompress(part, PIECE)
            part = b""
            if self._decompressor.eof:
                self._is_within = False
                part = self._decompressor.unused_data


_DECODERS: Final[dict[str, Callable[[], _Decoder]]] = {
    "gzip": functools.partial(_Zlib, _GZIP),
    "deflate": functools.partial(_Zlib, zlib.MAX_WBITS),
    "br": _Brotli,
    "zstd": _Zstd,
}
