"""Entity tags: what they are made of, and when two of them match (RFC 9110, section 8.8.3)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

# RFC 9110, section 8.8.3: visible characters but the quote, and bytes beyond ASCII.
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def is_tag(text: str) -> bool:
    """Say whether ``text`` is an entity tag, as in ``"abc"`` or ``W/"abc"``."""
    return _TAG.fullmatch(text) is not None


def strong_tag(content: bytes) -> str:
    """Return the tag of some bytes; other bytes have another one."""
    digest = hashlib.blake2b(content, digest_size=15).digest()
    return f'"{base64.urlsafe_b64encode(digest).decode("ascii")}"'


def matches_strongly(fields: Iterable[str], tag: str) -> bool:
    """Say whether ``If-Match`` lists a tag: the very bytes (RFC 9110, section 13.1.1)."""
    return not tag.startswith("W/") and tag in _listed(fields)


def matches_weakly(fields: Iterable[str], tag: str) -> bool:
    """Say whether ``If-None-Match`` lists a tag: the same content (section 13.1.2)."""
    wanted = tag.removeprefix("W/")
    return any(known.removeprefix("W/") == wanted for known in _listed(fields))


def _listed(fields: Iterable[str]) -> list[str]:
    return [tag for field in fields for tag in _TAG.findall(field)]
