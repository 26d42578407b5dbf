"""What a client would like: ``Prefer`` (RFC 7240) and ``Accept`` (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

# A token or quoted text behind "=", and what separates preferences and their parameters.
_PREFERENCE = re.compile(r'([^\s=;,"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')
_QUALITY = re.compile(r";\s*q\s*=\s*([^\s;,]+)", re.IGNORECASE)


def preferences(values: Iterable[str]) -> Mapping[str, str]:
    """Return what ``Prefer`` fields ask for, names in lower case; the first of a name counts.

    Args:
        values: The fields' values.
    """
    found: dict[str, str] = {}
    for value in values:
        for match in _PREFERENCE.finditer(value):
            name, quoted, plain = match.groups()
            text = plain or "" if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found.setdefault(name.lower(), text)
    return found


def accepted(value: str | None, offered: Sequence[str]) -> str | None:
    """Return which of the media types that are offered a client likes best.

    Args:
        value: The ``Accept`` field; ``None`` takes anything.
        offered: Media types, the preferred one first; ranges among them fit what lies in them.

    Returns:
        One of ``offered``, ``None`` where none is acceptable.
    """
    ranges = [("*", "*", 1.0)] if not value or not value.strip() else list(_ranges(value))
    rated = [(_quality(kind, ranges), -index, kind) for index, kind in enumerate(offered)]
    best = max(rated, default=(0.0, 0, ""))
    return best[2] if best[0] > 0 else None


def _ranges(value: str) -> Iterator[tuple[str, str, float]]:
    for part in value.split(","):
        kind, slash, subtype = part.partition(";")[0].strip().lower().partition("/")
        if slash:
            quality = _QUALITY.search(part)
            yield kind, subtype, _number(quality[1]) if quality else 1.0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _quality(media: str, ranges: Sequence[tuple[str, str, float]]) -> float:
    """Return the quality of a media type; of the ranges that fit it the most specific counts."""
    kind, _, subtype = media.partition(";")[0].strip().lower().partition("/")
    fitting = [
        (
            (wanted_kind == kind) + (wanted_subtype == subtype),
            quality,
        )
        for wanted_kind, wanted_subtype, quality in ranges
        if _fits(kind, wanted_kind) and _fits(subtype, wanted_subtype)
    ]
    return max(fitting, default=(0, 0.0))[1]


def _fits(offered: str, wanted: str) -> bool:
    return offered == wanted or "*" in (offered, wanted)
