"""Decoding queries and percent-encoding; malformed input is refused with 400."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from .errors import HttpError


def parse_query(raw: str) -> list[tuple[str, str]]:
    """Split a query into decoded pairs; empty parts (``a=1&&b=2``) are ignored.

    Raises:
        HttpError: 400 if the percent-encoding is broken or does not decode to UTF-8.
    """
    pairs = []
    is_plain = "%" not in raw and "+" not in raw  # the common case: nothing to decode
    for part in raw.split("&"):
        if part:
            name, _, value = part.partition("=")
            if not is_plain:
                name, value = decode_component(name), decode_component(value)
            pairs.append((name, value))
    return pairs


def decode_component(raw: str) -> str:
    """Decode ``+`` and percent-encoding of a form component.

    Raises:
        HttpError: 400 if the encoding is broken or does not decode to UTF-8.
    """
    if "+" in raw:
        raw = raw.replace("+", " ")
    return decode_percent(raw) if "%" in raw else raw


def decode_percent(raw: str) -> str:
    """Decode percent-encoding (RFC 3986, section 2.1).

    Raises:
        HttpError: 400 if the encoding is broken or does not decode to UTF-8.
    """
    pieces = raw.split("%")
    for piece in pieces[1:]:
        if len(piece) < 2 or not _is_hex(piece[:2]):
            raise HttpError(
                400,
                "the percent-encoding of the request target is malformed: % needs two hex digits",
            )
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise HttpError(400, "the request target must be percent-encoded UTF-8") from None


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)
