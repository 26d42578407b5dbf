"""Schedules in English: intervals, and days with times.

The forms, in capital or small letters; a leading ``run`` is left out::

    every N seconds | minutes | hours          every second, every minute, every hour
    every N days | weeks [on DAYS] [at TIMES]  every day, every other day, every week
    [every | on] DAYS [at TIMES]               monday, mondays, mon · monday, tuesday and friday ·
                                               monday to friday · weekday · weekend
    every month [on DATES] [at TIMES]          on the 1st and 15th of the month · on the last day
    every year [at TIMES]                      the 1st of January
    at TIMES                                   every day
    TIMES                                      9:30 · 9:30:15 · 9:30 pm · 9 am · noon · midnight ·
                                               9:00, 12:00 and 17:30

The time may also come first: ``at 10:00 am every monday``. Without one, it is midnight. A week
without a day begins on Monday. Days and weeks are counted by the dates of the time zone: every
second day from 1 January 1970, every second week from Monday, 5 January 1970.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import attrs

from ._ticks import IntervalTicks, Ticks, WallTicks

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}
_MOST: Final = {
    "second": 315_360_000,
    "minute": 5_256_000,
    "hour": 87_600,
    "day": 3_650,
    "week": 520,
    "month": 1,
    "year": 1,
}
_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FIRST_MONDAY: Final = date(1970, 1, 5).toordinal()
_LAST_DAY: Final = 0
_DAYS_AHEAD: Final = 3_660  # no form has a longer pause

_WORDS: Final = re.compile(r"(?<![@a-z])[a-z]{4,}|\b(?:at|on|run)\b|\d ?[ap]m\b|\d:\d")
_TIME: Final = r"(?:\d{1,2}:\d{2}(?::\d{2})?(?: ?[ap]m)?|\d{1,2} ?[ap]m|noon|midnight)"
_AND: Final = r"(?:, ?and |, ?| and )"
_TIMES: Final = re.compile(rf"(?:^|(?<= ))(?:at )?({_TIME}(?:{_AND}{_TIME})*)(?= |$)")
_DAY: Final = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?"
    r"|sat(?:urday)?|sun(?:day)?)s?"
)
_DAYS_ITEM: Final = rf"(?:weekdays?|weekends?|{_DAY}(?: (?:to|through) {_DAY})?)"
_DAYS: Final = rf"(?P<days>{_DAYS_ITEM}(?:{_AND}{_DAYS_ITEM})*)"
_DATE: Final = r"(?:\d{1,2}(?:st|nd|rd|th)?|last(?: day)?)"
_DATES: Final = rf"on (?:the )?(?P<dates>{_DATE}(?:{_AND}(?:the )?{_DATE})*)"
_UNITS: Final = r"(?P<unit>second|minute|hour|day|week|month|year)s?"
_EVERY: Final = re.compile(rf"(?:every|each) (?:(?P<number>\d+|other) )?{_UNITS}(?: on {_DAYS})?")
_ON_DAYS: Final = re.compile(rf"(?:(?:every|each|on) )?{_DAYS}")
_ON_DATES: Final = re.compile(
    rf"(?:every month {_DATES}|{_DATES.replace('dates', 'more')}(?: of (?:the|every|each) month)?)"
)


@attrs.frozen
class CalendarPattern:
    """Times of some days, on a clock that is never changed.

    Attributes:
        times: The times of a day, in their order.
        days: Every how many days, from 1 January 1970.
        weeks: Every how many weeks, from Monday, 5 January 1970.
        weekdays: Days of the week, Monday is 0; ``None`` for all.
        dates: Days of the month, 0 is the last one; ``None`` for all.
        months: Months; ``None`` for all.
    """

    times: tuple[time, ...]
    days: int = 1
    weeks: int = 1
    weekdays: frozenset[int] | None = None
    dates: frozenset[int] | None = None
    months: frozenset[int] | None = None

    def after(self, time: datetime) -> datetime:
        """Return the first time after a naive one."""
        day = time.date()
        for ahead in range(_DAYS_AHEAD):
            if self._has(today := day + timedelta(days=ahead)):
                for clock in self.times:
                    if (found := datetime.combine(today, clock)) > time:
                        return found
        raise ValueError("names days that do not exist")

    def _has(self, day: date) -> bool:
        number = day.toordinal()
        return (
            (number - _EPOCH) % self.days == 0
            and (number - _FIRST_MONDAY) // 7 % self.weeks == 0
            and (self.weekdays is None or day.weekday() in self.weekdays)
            and (self.months is None or day.month in self.months)
            and (
                self.dates is None
                or day.day in self.dates
                or (_LAST_DAY in self.dates and (day + timedelta(days=1)).day == 1)
            )
        )


def is_english(text: str) -> bool:
    """Return whether a text is meant as English, and not as a cron expression."""
    return _WORDS.search(_plain(text)) is not None


def english_ticks(text: str, zone: ZoneInfo) -> Ticks:
    """Return the ticks of a schedule in English; see the module for its forms.

    Raises:
        ValueError: It has another form, or names times or dates that do not exist.
    """
    plain = _plain(text)
    subject, times = _split_times(plain)
    if every := _EVERY.fullmatch(subject):
        unit = every["unit"]
        number = _number(every["number"], unit)
        if unit in _SECONDS:
            if times or every["days"]:
                raise ValueError(f"an interval in {unit}s has neither days nor a time of the day")
            return IntervalTicks(number * _SECONDS[unit])
        pattern = _every(unit, number, every["days"])
    elif match := _ON_DAYS.fullmatch(subject):
        pattern = CalendarPattern((), weekdays=_weekdays(match["days"]))
    elif match := _ON_DATES.fullmatch(subject):
        pattern = CalendarPattern((), dates=_dates(match["dates"] or match["more"]))
    elif not subject and times:
        pattern = CalendarPattern(())
    else:
        raise ValueError(
            f"cannot be understood at {subject!r}; write it as 'every 15 minutes', "
            "'every day at 9:30', 'on monday and friday at 5 pm', 'on the 1st of the month at "
            "noon', or as a cron expression such as '30 9 * * mon-fri'"
        )
    return WallTicks(attrs.evolve(pattern, times=times or (time(),)), zone)


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).removeprefix("run ").removesuffix(".")


def _split_times(plain: str) -> tuple[str, tuple[time, ...]]:
    found = list(_TIMES.finditer(plain))
    if len(found) > 1:
        raise ValueError("has times at two places; write 'at 9:00 and 17:30'")
    if not found:
        return plain, ()
    match = found[0]
    rest = " ".join((plain[: match.start()] + plain[match.end() :]).split())
    times = {_time(each) for each in re.split(_AND, match[1])}
    return rest, tuple(sorted(times))


def _time(text: str) -> time:
    if text in ("noon", "midnight"):
        return time(12 if text == "noon" else 0)
    half = text[-2:] if text.endswith("m") else ""
    numbers = [int(each) for each in text.removesuffix(half).strip().split(":")]
    hour = numbers[0]
    if half and not 1 <= hour <= 12:
        raise ValueError(f"the time {text!r} does not exist: hours before am and pm are 1 to 12")
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        return time.fromisoformat(":".join(f"{each:02}" for each in (hour, *numbers[1:], 0)[:3]))
    except ValueError:
        raise ValueError(f"the time {text!r} does not exist") from None


def _number(text: str | None, unit: str) -> int:
    number = 1 if text is None else 2 if text == "other" else int(text[:12])
    if not 1 <= number <= _MOST[unit]:
        hint = "; write a cron expression" if _MOST[unit] == 1 else ""
        raise ValueError(f"every {text} {unit}s: the number is not one of 1 to {_MOST[unit]}{hint}")
    return number


def _every(unit: str, number: int, days: str | None) -> CalendarPattern:
    if days and unit != "week":
        raise ValueError(f"every {unit} has no days of the week; write 'every week on ...'")
    if unit == "day":
        return CalendarPattern((), days=number)
    if unit == "week":
        return CalendarPattern((), weeks=number, weekdays=_weekdays(days or "monday"))
    months = frozenset({1}) if unit == "year" else None
    return CalendarPattern((), dates=frozenset({1}), months=months)


def _weekdays(text: str) -> frozenset[int]:
    return frozenset(day for item in re.split(_AND, text) for day in _weekdays_of(item))


def _weekdays_of(item: str) -> Iterator[int]:
    if item.startswith("weekday"):
        yield from range(5)
    elif item.startswith("weekend"):
        yield from (5, 6)
    else:
        first, *last = (_weekday(name) for name in re.split(" (?:to|through) ", item))
        for ahead in range((last[0] - first) % 7 + 1 if last else 1):
            yield (first + ahead) % 7


def _weekday(name: str) -> int:
    return next(number for number, day in enumerate(_NAMES) if day.startswith(name[:3]))


def _dates(text: str) -> frozenset[int]:
    items = [item.removeprefix("the ") for item in re.split(_AND, text)]
    return frozenset(_date(item) for item in items)


def _date(item: str) -> int:
    if item.startswith("last"):
        return _LAST_DAY
    number = int(item.rstrip("stndrh"))
    if not 1 <= number <= 31:
        raise ValueError(f"the day {item} of a month does not exist")
    return number
