"""Paths that a layer leaves alone, told as ``/exact`` or ``/all/below/*``.

They are compared with the path as it was sent, before any decoding: what is written in an unusual
way is not exempt, and so never less protected than the route that it leads to. Nor is what climbs
(``/below/../elsewhere``): a mounted application may well go where that leads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import attrs

HEALTH = ("/health", "/ready")
"""Where orchestrators look, without TLS and under whatever name."""
_SLASH = r"(?:[/\\]|%2f|%5c)"
_CLIMBS = re.compile(rf"{_SLASH}(?:\.|%2e){{2}}(?:{_SLASH}|\Z)", re.IGNORECASE)


class PathSet:
    """A set of paths.

    Args:
        patterns: Paths, or beginnings of paths that end in ``/*``.
    """

    __slots__ = ("_beginnings", "_exact")

    def __init__(self, patterns: Sequence[str]) -> None:
        """Sort the patterns."""
        beginnings = [pattern[:-1] for pattern in patterns if pattern.endswith("/*")]
        self._beginnings = tuple(beginnings)
        self._exact = frozenset(patterns).union(beginning[:-1] for beginning in beginnings)

    def __contains__(self, path: str) -> bool:
        """Return whether a path, as it was sent, is meant."""
        if path in self._exact:
            return True
        return path.startswith(self._beginnings) and _CLIMBS.search(path) is None


def is_paths(instance: object, field: attrs.Attribute[Any], value: Sequence[str]) -> None:
    """Refuse what is no sequence of paths.

    Raises:
        TypeError: It is something else.
        ValueError: One does not begin with a slash, or has a star elsewhere than at its end.
    """
    if isinstance(value, str):
        raise TypeError(f"{field.alias} is a list of paths, not one text")
    for path in value:
        if not path.startswith("/") or "*" in path.removesuffix("/*"):
            raise ValueError(f"a path is like /exact or /all/below/*, not {path!r}")
