"""Cron expressions: five fields, or six with the seconds first, as patterns of times.

cronsim computes the times. What it accepts and people do not expect is refused here, with the name
of the field: a step that is greater than its field (``*/90`` minutes would fire once an hour),
ranges that run backwards, and expressions that never fire, such as the 30th of February.

Days are those of Debian's cron: if day-of-month and day-of-week both name days, a day that is one
of them counts; if one begins with ``*``, it must be both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import attrs
from cronsim import CronSim, CronSimError

from ._ticks import ElapsedTicks, Ticks, WallTicks

ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EARLY: Final = datetime(2000, 1, 1)
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_STEP: Final = re.compile(r"(?P<base>[^/]*)/(?P<step>[^/]*)")


@attrs.frozen
class _Field:
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()
    special: str = "(?!)"

    @property
    def wanted(self) -> str:
        """Describe its values for people."""
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.first} to {self.last}{names}"

    def values(self, text: str) -> Iterator[int]:
        """Yield its values, without those of ``L`` and ``#``, which depend on the month.

        Raises:
            ValueError: It is invalid.
        """
        for term in text.split(","):
            if not re.fullmatch(self.special, term):
                yield from self._values_of_term(term)

    def _values_of_term(self, term: str) -> range:
        step = 1
        if stepped := _STEP.fullmatch(term):
            term = stepped["base"]
            step = self._step(stepped["step"])
        low, separator, high = term.partition("-")
        if term == "*":
            return range(self.first, self.last + 1, step)
        if not separator:
            end = self.last if stepped else self._value(low)
            return range(self._value(low), end + 1, step)
        begin, end = self._value(low), self._value(high)
        if end < begin:
            raise ValueError(
                f"{self.name}: the range {term} runs backwards; "
                f"write it as two, such as {low}-{self.last},{self.first}-{high}"
            )
        return range(begin, end + 1, step)

    def _value(self, text: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.first
        if re.fullmatch("[0-9]{1,2}", text) and self.first <= int(text) <= self.last:
            return int(text)
        raise ValueError(f"{self.name}: {text!r} is not one of {self.wanted}")

    def _step(self, text: str) -> int:
        largest = self.last - self.first
        if re.fullmatch("[0-9]{1,2}", text) and 1 <= int(text) <= largest:
            return int(text)
        raise ValueError(
            f"{self.name}: the step {text!r} is not one of 1 to {largest}; for longer intervals, "
            "write a text such as 'every 90 minutes'"
        )


_FIELDS: Final = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day-of-month", 1, 31, special="lw?"),
    _Field("month", 1, 12, names=_MONTHS),
    _Field(
        "day-of-week", 0, 7, names=_DAYS, special="[0-7]l|([0-7]|" + "|".join(_DAYS) + ")#[1-5]"
    ),
)


@attrs.frozen
class CronPattern:
    """The times of a cron expression, on a clock that is never changed.

    Attributes:
        expression: The expression, with six fields.
    """

    expression: str

    def after(self, time: datetime) -> datetime:
        """Return the first time after a naive one.

        Raises:
            ValueError: The expression never fires.
        """
        try:
            return next(CronSim(self.expression, time))
        except CronSimError as error:
            raise ValueError(str(error).removeprefix("Bad ") + ": cannot be read") from error
        except StopIteration:
            raise ValueError(
                "day-of-month, month and day-of-week: no date has all of them"
            ) from None


def cron_ticks(text: str, zone: ZoneInfo) -> Ticks:
    """Return the ticks of a cron expression, or of an alias such as ``@daily``.

    Raises:
        ValueError: It is invalid, or never fires; the message names the field.
    """
    lowered = text.strip().lower()
    if lowered.startswith("@") and lowered not in ALIASES:
        raise ValueError(f"{lowered.split()[0]} is not one of {', '.join(ALIASES)}")
    parts = ALIASES.get(lowered, lowered).split()
    if len(parts) == 7:
        raise ValueError("has 7 fields; the last one, the year, is not supported")
    if len(parts) not in (5, 6):
        raise ValueError(
            f"has {len(parts)} field{'' if len(parts) == 1 else 's'}: a cron expression has 5 "
            "(minute hour day-of-month month day-of-week), or 6 with the second first"
        )
    if len(parts) == 5:
        parts.insert(0, "0")
    for place in (3, 5):  # Quartz's way to name no day
        parts[place] = "*" if parts[place] == "?" else parts[place]
    values = [set(field.values(part)) for field, part in zip(_FIELDS, parts, strict=True)]
    _refuse_absent_days(values, parts)
    pattern = CronPattern(" ".join(parts))
    pattern.after(_EARLY)
    return ElapsedTicks(pattern, zone) if len(values[2]) == 24 else WallTicks(pattern, zone)


def _refuse_absent_days(values: list[set[int]], parts: list[str]) -> None:
    """Refuse a month that does not have one of its days, which cronsim names with less words."""
    longest = max(29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in values[4])
    days = values[3]
    if parts[5] == "*" and days and min(days) > longest and "l" not in parts[3]:
        raise ValueError(f"day-of-month: the months do not have a day {min(days)}")
