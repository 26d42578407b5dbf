"""Media types by the names of files, the same on every machine.

Python's table is used without those of the operating system, which differ, and with newer types of
the web. Text is declared as UTF-8: its encoding is unknown, and browsers guess worse.
"""

from __future__ import annotations

import functools
import mimetypes
from collections.abc import Mapping

from photon_runtime.media_types import BYTES, HTML, essence

_MORE = {
    ".avif": "image/avif",
    ".cjs": "text/javascript",
    ".css": "text/css",
    ".gz": "application/gzip",
    ".br": BYTES,
    ".htm": HTML,
    ".html": HTML,
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".jxl": "image/jxl",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}


class ContentTypes:
    """The table of the media types of files.

    Args:
        more: Further types by suffix, as in ``{".gltf": "model/gltf+json"}``, or overrides.
    """

    def __init__(self, more: Mapping[str, str] = {}) -> None:
        """Build the table."""
        table = mimetypes.MimeTypes(filenames=()).types_map[True]
        self._types = {**table, **_MORE, **{key.lower(): value for key, value in more.items()}}

    def of(self, name: str) -> str:
        """Return the value of ``Content-Type`` for a file by its name."""
        stem, dot, suffix = name.rpartition(".")
        kind = self._types.get(f".{suffix.lower()}") if stem and dot else None
        if kind is None:
            return BYTES
        return f"{kind}; charset=utf-8" if kind.startswith("text/") and ";" not in kind else kind


def is_html(content_type: str) -> bool:
    """Return whether a content type is HTML."""
    return essence(content_type) == HTML


@functools.lru_cache(maxsize=256)
def type_of_name(name: str) -> str:
    """Return the value of ``Content-Type`` for a file by its name, with the default types."""
    return _default_types().of(name)


@functools.cache
def _default_types() -> ContentTypes:
    return ContentTypes()
