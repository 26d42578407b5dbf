"""Exempt paths of middleware, written as ``/exact`` or ``/all/below/*``.

They are compared with the path as it was sent, before any decoding: a path in an unusual spelling
is not exempt, and so never less protected than the route that it matches. Nor is a path with
``..`` (``/below/../elsewhere``): a mounted application may resolve it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import attrs

HEALTH = ("/health", "/ready")
"""Paths that orchestrators request, without TLS and under any host name."""
_SLASH = r"(?:[/\\]|%2f|%5c)"
_DOT_DOT = re.compile(rf"{_SLASH}(?:\.|%2e){{2}}(?:{_SLASH}|\Z)", re.IGNORECASE)


class PathSet:
    """A set of paths.

    Args:
        patterns: Exact paths, or prefixes that end in ``/*``.
    """

    __slots__ = ("_exact", "_prefixes")

    def __init__(self, patterns: Sequence[str]) -> None:
        """Separate exact paths from prefixes."""
        prefixes = [pattern[:-1] for pattern in patterns if pattern.endswith("/*")]
        self._prefixes = tuple(prefixes)
        self._exact = frozenset(patterns).union(prefix[:-1] for prefix in prefixes)

    def __contains__(self, path: str) -> bool:
        """Return whether the set contains a path, as it was sent."""
        if path in self._exact:
            return True
        return path.startswith(self._prefixes) and _DOT_DOT.search(path) is None


def is_paths(instance: object, field: attrs.Attribute[Any], value: Sequence[str]) -> None:
    """Require a sequence of paths.

    Raises:
        TypeError: The value is a single string.
        ValueError: A path does not begin with a slash, or has a star that is not at its end.
    """
    if isinstance(value, str):
        raise TypeError(f"{field.alias} is a list of paths, not a single string")
    for path in value:
        if not path.startswith("/") or "*" in path.removesuffix("/*"):
            raise ValueError(f"a path has the form /exact or /all/below/*, not {path!r}")
