"""`parse`: the ticks of a text and a time zone."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ._cron import cron_ticks
from ._english import english_ticks, is_english
from ._ticks import Ticks

LONGEST_TEXT: Final = 200


def parse(text: str, timezone: str = "UTC") -> Ticks:
    """Return the ticks of a schedule.

    Args:
        text: An English text or a cron expression.
        timezone: An IANA name.

    Raises:
        ValueError: One of them is invalid, or the text never fires.
    """
    zone = find_zone(timezone)
    if not text.strip():
        raise ValueError("is empty")
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"has {len(text)} characters, more than {LONGEST_TEXT}")
    return english_ticks(text, zone) if is_english(text) else cron_ticks(text, zone)


def find_zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises:
        ValueError: It is unknown.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"the time zone {name!r} is unknown: use an IANA name such as 'Europe/Berlin'; "
            "systems without time zones need the package tzdata"
        ) from None
