"""Encodes values as bodies and header fields of responses, by media type."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from photon_openapi.document import Definitions
from photon_openapi.sampling import NoValue
from photon_runtime.media_types import (
    BYTES,
    EVENT_STREAM,
    FORM,
    JSON,
    TEXT,
    essence,
    is_json,
    is_text,
)

from ..streaming import ServerSentEvent

_LINES: Final = ("application/jsonl", "application/x-ndjson", "application/json-seq")
_CONCRETE: Final = {"application/*": JSON, "*/*": JSON, "text/*": TEXT}


def concrete(media: str) -> str:
    """Return a concrete media type for a media type or range."""
    kind = essence(media)
    if "*" in kind:
        return _CONCRETE.get(kind, BYTES)
    is_bare = is_text(media) and "charset" not in media and kind != EVENT_STREAM
    return f"{media}; charset=utf-8" if is_bare else media


def payload(value: object, media: str, schema: Any, definitions: Definitions) -> bytes:
    """Encode a value as a body.

    Args:
        value: A JSON value.
        media: The media type.
        schema: The schema of the value.
        definitions: The targets of references in the schema.

    Raises:
        NoValue: The value cannot be encoded as this media type.
    """
    kind = essence(concrete(media))
    if is_json(kind):
        return msgspec.json.encode(value)
    if isinstance(value, str):
        return _encoded_string(value, kind, definitions.followed(schema))
    if kind == FORM and isinstance(value, dict):
        pairs = {name: _plain(each) for name, each in value.items()}
        return urlencode(pairs, doseq=True).encode()
    if kind in _LINES or kind == EVENT_STREAM:
        return _lines(value, kind)
    if is_text(kind) and kind != "text/xml":
        return msgspec.json.encode(value)
    raise NoValue(f"a {type(value).__name__} value cannot be encoded as {kind}; add an example")


def _encoded_string(value: str, kind: str, schema: Any) -> bytes:
    if isinstance(schema, dict) and schema.get("contentEncoding") == "base64" and not is_text(kind):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            return value.encode()
    if kind == EVENT_STREAM and not value.endswith("\n"):
        return ServerSentEvent(text=value).encode()
    return value.encode("utf-8", "replace")


def _lines(value: object, kind: str) -> bytes:
    items = value if isinstance(value, list) else [value]
    lines = [msgspec.json.encode(item) for item in items]
    if kind == EVENT_STREAM:
        return b"".join(b"data: %b\n\n" % line for line in lines)
    start = b"\x1e" if kind == "application/json-seq" else b""
    return b"".join(start + line + b"\n" for line in lines)


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def field_value(value: object) -> str:
    """Encode a value as that of a header field, in the style ``simple``."""
    if isinstance(value, list):
        text = ",".join(str(_plain(each)) for each in value)
    elif isinstance(value, dict):
        text = ",".join(f"{name},{_plain(each)}" for name, each in value.items())
    else:
        text = str(_plain(value))
    return quote(text, safe=" !#$%&'()*+,/:;<=>?@[]^`{|}~\"\\")
