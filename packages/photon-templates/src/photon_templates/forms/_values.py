"""Values as the texts of inputs, in the notation that browsers require and the router reads."""

from __future__ import annotations

import datetime
import decimal
import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final


def text_of(value: object) -> str:
    """Return the text of one value; that of ``None`` is empty."""
    if isinstance(value, enum.Enum):
        return text_of(value.value)
    write = next((write for type_, write in _WRITERS if isinstance(value, type_)), str)
    return write(value)


def texts_of(value: object) -> list[str]:
    """Return the texts of a value: several for a list or a set."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return [text_of(each) for each in value]
    return [] if value is None else [text_of(value)]


def _moment(value: datetime.datetime) -> str:
    """Return the notation of ``datetime-local``, which has no time zone: UTC if there is one."""
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value.isoformat(timespec="minutes" if not value.second else "seconds")


def _duration(value: datetime.timedelta) -> str:
    """Return the notation of ISO 8601."""
    sign = "-" if value < datetime.timedelta() else ""
    value = abs(value)
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    days = f"{value.days}D" if value.days else ""
    parts = [(hours, "H"), (minutes, "M")]
    clock = "".join(f"{count}{unit}" for count, unit in parts if count)
    clock += f"{seconds}{fraction}S" if seconds or fraction else ""
    return f"{sign}P{days}T{clock}" if clock else f"{sign}P{days or '0D'}"


_WRITERS: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (type(None), lambda value: ""),
    (bool, lambda value: "true" if value else "false"),
    (datetime.datetime, _moment),
    (datetime.time, lambda value: value.isoformat("seconds" if value.second else "minutes")),
    (datetime.timedelta, _duration),
    (decimal.Decimal, lambda value: format(value, "f")),
    (bytes, bytes.decode),
)


def value_in(values: object, name: str) -> Any:
    """Return the value of a field in a mapping or an object; ``None`` if it has none."""
    return values.get(name) if isinstance(values, Mapping) else getattr(values, name, None)
