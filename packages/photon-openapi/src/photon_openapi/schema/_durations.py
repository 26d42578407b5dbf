"""Durations as text: ISO 8601, as RFC 3339 has it in appendix A.

msgspec reads days, hours, minutes and seconds. Weeks stand alone and are just seven days each.
Months and years have no fixed length, and a ``timedelta`` is one: they are refused.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

import msgspec

CALENDAR_MESSAGE: Final = "months and years have no fixed length: give days or weeks"

_WEEKS = re.compile(r"([+-]?)P([0-9]{1,9})W")
_CALENDAR = re.compile(
    r"[+-]?P(?=[0-9]+[YM])([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T[0-9HMS.,]+)?"
)


def read_duration(text: str) -> datetime.timedelta:
    """Return what a text says.

    Raises:
        ValueError: It is no duration, has months or years, or is out of range.
    """
    weeks = _WEEKS.fullmatch(text)
    try:
        if weeks is not None:
            return datetime.timedelta(weeks=int(f"{weeks[1]}{weeks[2]}"))
        return msgspec.convert(text, datetime.timedelta)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        message = "expected an ISO 8601 duration, such as PT1H30M"
        raise ValueError(CALENDAR_MESSAGE if is_calendar(text) else message) from None


def is_calendar(text: str) -> bool:
    """Say whether it is a duration with months or years."""
    return _CALENDAR.fullmatch(text) is not None
