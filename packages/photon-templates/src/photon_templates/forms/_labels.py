"""Names of fields as labels, and messages as sentences."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")
_CAPITALS: Final = frozenset({"api", "css", "html", "id", "ip", "iban", "sms", "uri", "url", "vat"})
_LIMIT: Final = re.compile(r"must be (>=|>|<=|<) ")
_LIMITS: Final = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}
_PREDICATES: Final = ("is ", "must ", "has ", "have ", "may ", "cannot ", "ends ", "begins ")


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: ``publishedOn`` and ``published_on`` have two."""
    return [word.lower() for word in _WORD.findall(name)]


def label_of(name: str) -> str:
    """Return the label of a field: ``Published on``; ``Author`` for ``author_id``.

    ``is_public`` is ``Public``.
    """
    words = words_of(name)
    if len(words) > 1 and words[0] == "is":
        words = words[1:]
    if len(words) > 1 and words[-1] in ("id", "ids"):
        words = words[:-1]
    spelled = [word.upper() if word in _CAPITALS else word for word in words]
    text = " ".join(spelled)
    return text[:1].upper() + text[1:]


def sentence_of(label: str, message: str) -> str:
    """Return the message of an error with the label of its field in front of it.

    Limits are words: programs read ``must be >= 18``, people ``must be at least 18``.
    """
    message = _LIMIT.sub(lambda found: f"must be {_LIMITS[found[1]]} ", message)
    if not label:
        return message[:1].upper() + message[1:]
    joint = " " if message.startswith(_PREDICATES) else ": "
    return f"{label}{joint}{message}"
