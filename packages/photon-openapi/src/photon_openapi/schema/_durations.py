"""Durations as strings: ISO 8601 in days, hours, minutes and seconds, as msgspec reads them.

Weeks, months and years are refused: months and years do not have a fixed length, which a
``timedelta`` has.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

import msgspec

CALENDAR_MESSAGE: Final = "weeks, months and years are not read: give days"

_CALENDAR = re.compile(
    r"[+-]?P(?=[0-9]+[YMW])([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T[0-9HMS.,]+)?"
)


def read_duration(text: str) -> datetime.timedelta:
    """Return the duration that a string denotes.

    Raises:
        ValueError: The string is not a duration, has weeks, months or years, or is out of range.
    """
    try:
        return msgspec.convert(text, datetime.timedelta)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        message = "expected an ISO 8601 duration, such as PT1H30M"
        raise ValueError(CALENDAR_MESSAGE if is_calendar(text) else message) from None


def is_calendar(text: str) -> bool:
    """Return whether a string is a duration with weeks, months or years."""
    return _CALENDAR.fullmatch(text) is not None
