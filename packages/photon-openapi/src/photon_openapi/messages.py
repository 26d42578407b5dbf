"""Parts of messages: JSON pointers, lists of values, and strings from clients, truncated."""

from __future__ import annotations

import json
from collections.abc import Iterable

_LONGEST_NAME = 80
_LONGEST_POINTER = 500
_LONGEST_LIST = 300


def pointer_of(path: Iterable[str | int]) -> str:
    """Return a path as a JSON pointer, shortened when it is longer than 500 characters."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return shorten("".join(f"/{step}" for step in steps), limit=_LONGEST_POINTER)


def shorten(text: str, *, limit: int = _LONGEST_NAME) -> str:
    """Truncate a string from a client or a document to at most ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def choices(values: Iterable[object]) -> str:
    """Return a list of allowed values for a message, shortened when there are many."""
    return shorten(
        ", ".join(json.dumps(value, ensure_ascii=False, default=str) for value in values),
        limit=_LONGEST_LIST,
    )
