"""Names of media types, and what a name says."""

from __future__ import annotations

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


def is_json(media: str) -> bool:
    """Say whether a media type is JSON: ``application/json`` or ``…+json`` (RFC 6839)."""
    kind = media.partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")
