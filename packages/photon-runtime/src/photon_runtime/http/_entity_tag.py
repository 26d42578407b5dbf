"""Entity tags: their syntax, how they are made, and when two of them match (RFC 9110, 8.8.3)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

# RFC 9110, section 8.8.3: visible characters but the quote, and bytes beyond ASCII.
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def is_entity_tag(text: str) -> bool:
    """Return whether ``text`` is an entity tag, as in ``"abc"`` or ``W/"abc"``."""
    return _TAG.fullmatch(text) is not None


def strong_tag(content: bytes) -> str:
    """Return a strong entity tag for ``content``, a digest of it."""
    digest = hashlib.blake2b(content, digest_size=15).digest()
    return f'"{base64.urlsafe_b64encode(digest).decode("ascii")}"'


def matches_strongly(fields: Iterable[str], tag: str) -> bool:
    """Return whether ``If-Match`` lists a tag, by strong comparison (section 13.1.1)."""
    return not tag.startswith("W/") and tag in _listed(fields)


def matches_weakly(fields: Iterable[str], tag: str) -> bool:
    """Return whether ``If-None-Match`` lists a tag, by weak comparison (section 13.1.2)."""
    opaque = tag.removeprefix("W/")
    return any(listed.removeprefix("W/") == opaque for listed in _listed(fields))


def _listed(fields: Iterable[str]) -> list[str]:
    return [tag for field in fields for tag in _TAG.findall(field)]
