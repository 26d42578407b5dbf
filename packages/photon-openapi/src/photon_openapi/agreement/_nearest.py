"""Names for messages: the one that is most like another, and that of a type."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import Any, Final

from ..annotations import origin_of
from ..schema import python_name

_NEAR: Final = 0.75
_MOST_LISTED: Final = 5


def nearest(name: str, others: Collection[str]) -> str | None:
    """Return the name that is most like another, ``None`` if all of them differ from it."""
    plain = {each: _plain(each) for each in others}
    same = [each for each, text in plain.items() if text == _plain(name)]
    if same:
        return same[0]
    near = difflib.get_close_matches(_plain(name), plain.values(), n=1, cutoff=_NEAR)
    return next((each for each, text in plain.items() if text in near), None)


def hint(name: str, others: Sequence[str], owner: str) -> str:
    """Return the nearest of the other names as the end of a message, else all of them."""
    near = nearest(name, others)
    if near is not None:
        return f" ({owner} {near!r})"
    if 0 < len(others) <= _MOST_LISTED:
        return f" ({owner} also {', '.join(map(repr, others))})"
    return ""


def shown_type(type_: Any) -> str:
    """Return a type for a message."""
    cls = origin_of(type_) or type_
    return str(getattr(cls, "__qualname__", cls)) if cls is type_ else str(type_)


def _plain(name: str) -> str:
    return python_name(name).replace("_", "")
