"""What ``format`` asserts where it does more than describe.

There are two manners. For the schemas of a document, if it is switched on: the formats of JSON
Schema, as jsonschema-rs has them, and the integers of OpenAPI's registry of formats
(https://spec.openapis.org/registry/format/). ``float`` and ``double`` restrict nothing: every
number of JSON is read as a double. For the types of the code: what msgspec takes for them.

jsonschema-rs asks formats about texts alone. So integers are written as the limits that they are
(`with_limits`) before a schema is compiled, and no verdict on a number calls Python.
"""

from __future__ import annotations

import copy
import datetime
import decimal
import functools
import re
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ..document import parts_of
from ._compiled import Verdict, verdict_of
from ._durations import read_duration

_SIGNED: Final = {f"int{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)}
_UNSIGNED: Final = {f"uint{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)}
_SAFE: Final = {"double-int": (1 - (1 << 53), (1 << 53) - 1)}
_INTEGERS: Final = _SIGNED | _UNSIGNED | _SAFE
_DIGITS: Final = re.compile(r"-?[0-9]{1,20}")


def with_limits(schema: Any) -> Any:
    """Return a schema in which the formats of integers stand as limits, too."""
    if not any(_limits_of(part.value) for part in parts_of(schema)):
        return schema
    written = copy.deepcopy(schema)
    for part in parts_of(written):
        limits = _limits_of(part.value)
        if limits is not None:
            low, high = limits
            limit = {"minimum": low, "maximum": high, "multipleOf": 1}
            part.value["allOf"] = [*part.value.get("allOf", ()), limit]
    return written


def _limits_of(schema: dict[str, Any]) -> tuple[int, int] | None:
    name = schema.get("format")
    return _INTEGERS.get(name) if isinstance(name, str) else None


@functools.lru_cache(maxsize=256)
def asserted(name: str) -> Verdict:
    """Return the verdict of a format of the registry; one that is not known accepts everything."""
    limits = _INTEGERS.get(name)
    if limits is None:
        return verdict_of("format", name)
    low, high = limits
    is_text = TEXTS.get(name)

    def is_within(value: Any) -> bool:
        if isinstance(value, str):
            return is_text is None or is_text(value)
        if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
            return True  # a format says nothing of other types
        return low <= value <= high and value == value // 1

    return is_within


def _is_integer(text: str, low: int, high: int) -> bool:
    return _DIGITS.fullmatch(text) is not None and low <= int(text) <= high


TEXTS: Final[dict[str, Callable[[str], bool]]] = {
    name: functools.partial(_is_integer, low=low, high=high)
    for name, (low, high) in _INTEGERS.items()
    if name in ("int64", "uint64")
}
"""The integers that may be written as texts, since many readers of JSON cannot hold them."""


def _converts(text: object, type_: Any) -> bool:
    try:
        msgspec.convert(text, type_)
    except (msgspec.MsgspecError, ValueError):
        return False
    return True


def _is_duration(text: str) -> bool:
    try:
        read_duration(text)
    except ValueError:
        return False
    return True


EXACT: Final[dict[str, Callable[[str], bool]]] = {
    "date-time": functools.partial(_converts, type_=datetime.datetime),
    "date": functools.partial(_converts, type_=datetime.date),
    "time": functools.partial(_converts, type_=datetime.time),
    "duration": _is_duration,
    "uuid": functools.partial(_converts, type_=uuid.UUID),
}
"""What texts are read as the types that have these formats."""


def exact(name: str) -> Verdict:
    """Return the verdict of a format that a type has; others accept everything."""
    return _of_texts(EXACT.get(name))


def exact_encoding(name: str) -> Verdict:
    """Return the verdict of the encoding that bytes have; others accept everything."""
    is_base64 = functools.partial(_converts, type_=bytes)
    return _of_texts(is_base64 if name == "base64" else None)


def _of_texts(accepts: Callable[[str], bool] | None) -> Verdict:
    return lambda value: accepts is None or not isinstance(value, str) or accepts(value)
