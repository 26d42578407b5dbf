"""``Accept-Encoding``: the codings that a client accepts (RFC 9110, section 12.5.3)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

IDENTITY = "identity"
_ITEM = re.compile(
    r"\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*(?:;\s*[qQ]\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?"
)
_ALIASES = {"x-gzip": "gzip"}


class CodingChoice(NamedTuple):
    """What a client gets.

    Attributes:
        coding: The coding, ``None`` for the bytes as they are.
        must_encode: Whether it does not take the bytes as they are. Where there is no coding
            either, it gets them all the same: its wish is passed over (section 12.4.1).
    """

    coding: str | None
    must_encode: bool = False


@lru_cache(maxsize=1024)
def choose_coding(accepted: str, offered: tuple[str, ...]) -> CodingChoice:
    """Choose among codings.

    Args:
        accepted: The value of ``Accept-Encoding``; items that are not well-formed do not count.
        offered: The codings that there are, the best first, which decides among equals.
    """
    weights = _weights(accepted)
    rest = weights.get("*")

    def weight(coding: str) -> float:
        return weights.get(coding, rest if rest is not None else 0.0)

    best = max(offered, key=weight, default=None)
    must_encode = weights.get(IDENTITY, rest) == 0.0
    if best is None or weight(best) == 0.0:
        return CodingChoice(None, must_encode)
    # Who does not speak of identity takes it, but likes what was named better.
    is_identity_liked = weights.get(IDENTITY, 0.0) > weight(best)
    return CodingChoice(None if is_identity_liked else best, must_encode)


def _weights(accepted: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for item in accepted.split(","):
        found = _ITEM.fullmatch(item)
        if found is not None:
            name = found[1].lower()
            weights[_ALIASES.get(name, name)] = 1.0 if found[2] is None else float(found[2])
    return weights
