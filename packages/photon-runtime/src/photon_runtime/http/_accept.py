"""``Accept``: which media types a client accepts, and how preferred (RFC 9110, section 12.5.1).

Of the ranges that include a media type, the most specific one decides: ``text/html;level=1``
precedes ``text/html``, which precedes ``text/*``, which precedes ``*/*``. Malformed ranges are
ignored, and so is ``charset``, because it does not distinguish representations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

_MAX_RANGES = 100  # browsers send ten; each is compared with each available media type
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class _Range(NamedTuple):
    """A media type, or a range of them.

    Attributes:
        kind: The type, ``*`` for any.
        subtype: The subtype, ``*`` for any.
        parameters: Its parameters, as ``name=value`` in lower case.
        quality: Preference of the client, from 0 (not acceptable) to 1.
    """

    kind: str
    subtype: str
    parameters: frozenset[str] = frozenset()
    quality: float = 1.0

    def includes(self, media: _Range) -> bool:
        """Return whether the range includes ``media``, or overlaps it if ``media`` is a range."""
        return (
            _matches(self.kind, media.kind)
            and _matches(self.subtype, media.subtype)
            and self.parameters <= media.parameters
        )

    def specificity(self, media: _Range) -> tuple[int, int]:
        """Return how closely it describes ``media``; more is closer."""
        exact = (self.kind == media.kind != "*") + (self.subtype == media.subtype != "*")
        return exact, len(self.parameters)


def choose_media_type(accept: str | None, offered: Sequence[str]) -> str | None:
    """Choose among media types.

    Args:
        accept: The value of ``Accept``; several fields are joined by commas. ``None`` and the empty
            string accept anything. Only the first 100 ranges are considered.
        offered: The available media types, the best first. Among equally preferred ones, the one
            that the client names most specifically is chosen, then the first. A range among them,
            such as ``image/*``, is acceptable if the client accepts a media type in it.

    Returns:
        One of ``offered``; ``None`` if the client accepts none of them.
    """
    if not accept or not accept.strip():
        return offered[0] if offered else None
    ranges = list(islice(_ranges(accept), _MAX_RANGES))
    best, best_preference = None, (0.0, (0, 0))
    for media in offered:
        preference = _preference(media, ranges)
        if preference[0] and preference > best_preference:
            best, best_preference = media, preference
    return best


def names_media_type(accept: str, media_type: str) -> bool:
    """Return whether ``Accept`` names a media type, not only a range of which it is a part.

    Browsers do so for ``text/html`` when they navigate. A quality of 0 does not count.
    """
    kind, _, subtype = media_type.partition("/")
    named = (each for each in islice(_ranges(accept), _MAX_RANGES) if each[:2] == (kind, subtype))
    return any(each.quality > 0 for each in islice(named, 1))


def _preference(text: str, ranges: Sequence[_Range]) -> tuple[float, tuple[int, int]]:
    """Return the client's preference for a media type, and how specifically it is named."""
    media = next(_ranges(text), None)
    if media is None:
        return 0.0, (0, 0)
    matching = [(each.specificity(media), each.quality) for each in ranges if each.includes(media)]
    closeness, quality = max(matching, default=((0, 0), 0.0))
    return quality, closeness


def _ranges(text: str) -> Iterator[_Range]:
    for item in text.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        kind, slash, subtype = name.partition("/")
        own_parameters, quality = _parameters(parameters)
        if slash and _QUALITY.fullmatch(quality):
            yield _Range(kind, subtype, own_parameters, float(quality))


def _parameters(parameters: Sequence[str]) -> tuple[frozenset[str], str]:
    """Return the parameters of a range, and its quality as text."""
    own, quality = set(), "1"
    for parameter in parameters:
        name, _, value = (part.strip() for part in parameter.partition("="))
        if name == "q":
            quality = value
            break  # what follows does not belong to the media type
        if name and name != "charset":
            own.add(f"{name}={value.strip(chr(34))}")
    return frozenset(own), quality


def _matches(one: str, other: str) -> bool:
    return one == other or "*" in (one, other)
