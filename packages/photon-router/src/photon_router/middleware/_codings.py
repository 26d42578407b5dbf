"""Content codings: compression of bodies (RFC 9110, section 8.4.1).

gzip is always available. brotli and Zstandard come with the extras ``brotli`` and ``zstd`` of
photon-router, and are imported on first use.
"""

from __future__ import annotations

import functools
import importlib
import sys
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Protocol

import attrs

PREFERENCE = ("zstd", "br", "gzip")
"""All codings, the best first."""
_ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
_EXTRAS = {"br": ("brotli", "brotli"), "zstd": (_ZSTD, "zstd")}
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Compressor(Protocol):
    """Compresses one body, part by part."""

    def compress(self, part: bytes) -> bytes:
        """Return compressed bytes that decode to everything so far, including all of ``part``."""
        ...

    def finish(self) -> bytes:
        """Return the end of the body."""
        ...


@attrs.frozen
class Coding:
    """A content coding.

    Attributes:
        name: The name in ``Content-Encoding``.
        compress: Function that compresses a whole body.
        begin: Function that returns a compressor for a streamed body.
    """

    name: str
    compress: Callable[[bytes], bytes]
    begin: Callable[[], Compressor]


def available_codings() -> list[str]:
    """Return the names of the installed codings, the best first."""
    return [name for name in PREFERENCE if name not in _EXTRAS or _is_installed(_EXTRAS[name][0])]


def coding_of(name: str, level: int) -> Coding:
    """Return a coding.

    Args:
        name: ``gzip``, ``br`` or ``zstd``.
        level: Compression level, on the scale of the coding.

    Raises:
        ValueError: The coding is unknown, or its library is not installed; the message names the
            extra to install.
    """
    if name == "gzip":
        compress = functools.partial(_gzip, level=level)
        return Coding(name, compress, functools.partial(_GzipStream, level))
    if name not in _EXTRAS:
        raise ValueError(f"unknown coding {name!r}; the codings are {', '.join(PREFERENCE)}")
    module, extra = _EXTRAS[name]
    if not _is_installed(module):
        raise ValueError(
            f"the coding {name!r} requires a library: pip install 'photon-router[{extra}]'"
        )
    if name == "br":
        compress = functools.partial(_brotli, level=level)
        return Coding(name, compress, functools.partial(_BrotliStream, level))
    compress = functools.partial(_zstd, level=level)
    return Coding(name, compress, functools.partial(_ZstdStream, level))


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False


@functools.cache
def library_of(name: str) -> Any:
    """Return the library of a coding, imported on first use."""
    return importlib.import_module(_EXTRAS[name][0])


def _gzip(body: bytes, *, level: int) -> bytes:
    # Unlike gzip.compress, this does not write the time into the result: equal bodies stay equal.
    compressor = zlib.compressobj(level, zlib.DEFLATED, _GZIP_WINDOW)
    return compressor.compress(body) + compressor.flush()


def _brotli(body: bytes, *, level: int) -> bytes:
    compressed: bytes = library_of("br").compress(body, quality=level)
    return compressed


def _zstd(body: bytes, *, level: int) -> bytes:
    compressed: bytes = library_of("zstd").compress(body, level)
    return compressed


class _GzipStream:
    __slots__ = ("_compressor",)

    def __init__(self, level: int) -> None:
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, _GZIP_WINDOW)

    def compress(self, part: bytes) -> bytes:
        return self._compressor.compress(part) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._compressor.flush()


class _BrotliStream:
    __slots__ = ("_compressor",)

    def __init__(self, level: int) -> None:
        self._compressor = library_of("br").Compressor(quality=level)

    def compress(self, part: bytes) -> bytes:
        compressed: bytes = self._compressor.process(part) + self._compressor.flush()
        return compressed

    def finish(self) -> bytes:
        end: bytes = self._compressor.finish()
        return end


class _ZstdStream:
    __slots__ = ("_compressor", "_flush_block")

    def __init__(self, level: int) -> None:
        compressor = library_of("zstd").ZstdCompressor
        self._compressor = compressor(level)
        self._flush_block = compressor.FLUSH_BLOCK

    def compress(self, part: bytes) -> bytes:
        compressed: bytes = self._compressor.compress(part, self._flush_block)
        return compressed

    def finish(self) -> bytes:
        end: bytes = self._compressor.flush()
        return end
