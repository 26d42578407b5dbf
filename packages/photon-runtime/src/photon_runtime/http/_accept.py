"""``Accept``: which media types a client takes, and how gladly (RFC 9110, section 12.5.1).

Of the ranges that a media type lies in the most specific one counts: ``text/html;level=1`` goes
before ``text/html``, that before ``text/*``, and that before ``*/*``. What is not well-formed does
not count, neither does a ``charset``: that is not what tells representations apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

_MOST_RANGES = 100  # browsers send ten; each is compared with each media type that there is
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class _Range(NamedTuple):
    """A media type, or a range of them.

    Attributes:
        kind: The type, ``*`` for any.
        subtype: The subtype, ``*`` for any.
        parameters: Its parameters, as ``name=value`` in lower case.
        quality: How gladly it is taken, from 0, not at all, to 1.
    """

    kind: str
    subtype: str
    parameters: frozenset[str] = frozenset()
    quality: float = 1.0

    def holds(self, media: _Range) -> bool:
        """Say whether ``media`` lies in it, or in a range that both have a part of."""
        return (
            _fits(self.kind, media.kind)
            and _fits(self.subtype, media.subtype)
            and self.parameters <= media.parameters
        )

    def specificity(self, media: _Range) -> tuple[int, int]:
        """Return how closely it describes ``media``; more is closer."""
        exact = (self.kind == media.kind != "*") + (self.subtype == media.subtype != "*")
        return exact, len(self.parameters)


def choose_media_type(accept: str | None, offered: Sequence[str]) -> str | None:
    """Choose among media types.

    Args:
        accept: The value of ``Accept``; several fields are one, joined by commas. ``None`` and the
            empty text take anything. Of its ranges the first 100 count.
        offered: The media types that there are, the best first. Of those that are taken equally
            gladly, the one that the client names most closely counts, then the first. Of a range
            among them, such as ``image/*``, the client takes what it takes in there.

    Returns:
        One of ``offered``; ``None`` where the client takes none of them.
    """
    if not accept or not accept.strip():
        return offered[0] if offered else None
    ranges = list(islice(_ranges(accept), _MOST_RANGES))
    best, most = None, (0.0, (0, 0))
    for media in offered:
        liking = _liking(media, ranges)
        if liking[0] and liking > most:
            best, most = media, liking
    return best


def names_media_type(accept: str, media_type: str) -> bool:
    """Return whether ``Accept`` names a media type, not only a range of which it is a part.

    Browsers do so for ``text/html`` when they navigate. A quality of 0 does not count.
    """
    kind, _, subtype = media_type.partition("/")
    named = (each for each in islice(_ranges(accept), _MOST_RANGES) if each[:2] == (kind, subtype))
    return any(each.quality > 0 for each in islice(named, 1))


def _liking(text: str, ranges: Sequence[_Range]) -> tuple[float, tuple[int, int]]:
    """Return how gladly a media type is taken, and how closely it is named."""
    media = next(_ranges(text), None)
    if media is None:
        return 0.0, (0, 0)
    fitting = [(each.specificity(media), each.quality) for each in ranges if each.holds(media)]
    closeness, quality = max(fitting, default=((0, 0), 0.0))
    return quality, closeness


def _ranges(text: str) -> Iterator[_Range]:
    for item in text.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        kind, slash, subtype = name.partition("/")
        told, quality = _parameters(parameters)
        if slash and _QUALITY.fullmatch(quality):
            yield _Range(kind, subtype, told, float(quality))


def _parameters(parameters: Sequence[str]) -> tuple[frozenset[str], str]:
    """Return the parameters of a range, and its quality as it was written."""
    told, quality = set(), "1"
    for parameter in parameters:
        name, _, value = (part.strip() for part in parameter.partition("="))
        if name == "q":
            quality = value
            break  # what follows are no parameters of the media type
        if name and name != "charset":
            told.add(f"{name}={value.strip(chr(34))}")
    return frozenset(told), quality


def _fits(one: str, other: str) -> bool:
    return one == other or "*" in (one, other)
