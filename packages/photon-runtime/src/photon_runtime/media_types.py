"""Media types (RFC 9110, section 8.3): frequent names, and what can be read from one.

Not in `photon_runtime.http`, so that tools that read documents need not load a server.
"""

from __future__ import annotations

import re
from typing import Final

ANYTHING: Final = "*/*"
BYTES: Final = "application/octet-stream"
EVENT_STREAM: Final = "text/event-stream"
FORM: Final = "application/x-www-form-urlencoded"
HTML: Final = "text/html"
JSON: Final = "application/json"
JSON_LINES: Final = "application/jsonl"
MULTIPART: Final = "multipart/form-data"
PROBLEM: Final = "application/problem+json"
TEXT: Final = "text/plain"

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]*)", re.IGNORECASE)


def essence(media_type: str) -> str:
    """Return a media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Return whether a media type is JSON: ``application/json`` or ``…+json`` (RFC 6839)."""
    kind = essence(media_type)
    return kind == JSON or kind.endswith("+json")


def may_be_json(media_type: str) -> bool:
    """Return whether a media type is JSON, or a range that contains JSON: ``*/*``."""
    return is_json(media_type) or essence(media_type) in (ANYTHING, "application/*")


def is_text(media_type: str) -> bool:
    """Return whether a media type is text."""
    return essence(media_type).startswith("text/")


def charset_of(content_type: str) -> str | None:
    """Return the charset that a content type names, in lower case, ``None`` if it names none."""
    found = _CHARSET.search(content_type)
    return None if found is None else found[1].lower()
