"""``Accept-Language``: which of the available locales a client prefers.

RFC 9110, section 12.5.4, leaves the matching to the server. It is the lookup of RFC 4647, section
3.4: each range, the preferred one first, is shortened from its end until a locale has that tag, so
``de-CH`` finds ``de``. If nothing is found, the first locale that a range is the beginning of is
taken, so ``en`` finds ``en-GB``. A range with the quality 0 excludes its locales; ``*`` accepts any
and prefers none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

_ITEM: Final = re.compile(
    r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*"
    r"(?:;\s*[qQ]\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?"
)
_MAX_RANGES: Final = 50


def choose_locale(accepted: str, available: Sequence[str]) -> str | None:
    """Return the available locale that a client prefers, ``None`` if it names none of them.

    Args:
        accepted: The value of ``Accept-Language``; malformed ranges are ignored, and only the first
            50 are considered.
        available: The available locales.

    Example:
        >>> from photon_templates.translation import choose_locale
        >>> choose_locale("fr, de-CH;q=0.9, en;q=0.8", ["en", "de"])
        'de'
    """
    ranges = _ranges(accepted)
    refused = [tag for tag, quality in ranges if quality == 0]
    locales = {each.lower(): each for each in available if not _is_refused(each.lower(), refused)}
    wanted = [tag for tag, quality in ranges if quality > 0 and tag != "*"]
    for tag in wanted:
        for shorter in _shortened(tag):
            if shorter in locales:
                return locales[shorter]
    for tag in wanted:
        for lower, locale in locales.items():
            if lower.startswith(f"{tag}-"):
                return locale
    return None


def _ranges(accepted: str) -> list[tuple[str, float]]:
    """Return the ranges in lower case with their qualities, the preferred ones first."""
    found = []
    for item in accepted.split(",")[:_MAX_RANGES]:
        match = _ITEM.fullmatch(item)
        if match is not None:
            found.append((match[1].lower(), 1.0 if match[2] is None else float(match[2])))
    return sorted(found, key=lambda each: -each[1])


def _is_refused(locale: str, refused: Sequence[str]) -> bool:
    return any(locale == tag or locale.startswith(f"{tag}-") for tag in refused)


def _shortened(tag: str) -> Iterator[str]:
    """Yield a tag and its beginnings; a single letter does not stand at the end."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
        if len(tag) > 1 and tag[-2] == "-":
            tag = tag[:-2]


def parents_of(locale: str) -> Iterator[str]:
    """Yield a locale and those that it inherits texts from, in lower case."""
    yield from _shortened(locale.lower())
