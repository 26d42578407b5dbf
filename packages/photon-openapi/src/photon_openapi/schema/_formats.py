"""The assertions of ``format``, where formats are checked.

There are two kinds. For the schemas of a document, if enabled: the formats of JSON Schema, as
jsonschema-rs implements them, and the integers of OpenAPI's registry of formats
(https://spec.openapis.org/registry/format/). ``float`` and ``double`` do not restrict values: every
number of JSON is read as a double. For the types of the code: the strings that msgspec accepts.

jsonschema-rs checks formats for strings only. So the formats of integers are written as limits
(`with_limits`) before a schema is compiled, and the validation of a number does not call Python.
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
from ._compiled import Predicate, keyword_predicate
from ._durations import read_duration

_SIGNED: Final = {f"int{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)}
_UNSIGNED: Final = {f"uint{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)}
_SAFE: Final = {"double-int": (1 - (1 << 53), (1 << 53) - 1)}
_INTEGERS: Final = _SIGNED | _UNSIGNED | _SAFE
_DIGITS: Final = re.compile(r"-?[0-9]{1,20}")


def with_limits(schema: Any) -> Any:
    """Return a schema in which the formats of integers are also written as limits."""
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
def asserted(name: str) -> Predicate:
    """Return the predicate of a format of the registry; unknown formats accept everything."""
    limits = _INTEGERS.get(name)
    if limits is None:
        return keyword_predicate("format", name)
    low, high = limits
    accepts_string = STRINGS.get(name)

    def is_within(value: Any) -> bool:
        if isinstance(value, str):
            return accepts_string is None or accepts_string(value)
        if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
            return True  # a format does not apply to other types
        return low <= value <= high and value == value // 1

    return is_within


def _is_integer(text: str, low: int, high: int) -> bool:
    return _DIGITS.fullmatch(text) is not None and low <= int(text) <= high


STRINGS: Final[dict[str, Callable[[str], bool]]] = {
    name: functools.partial(_is_integer, low=low, high=high)
    for name, (low, high) in _INTEGERS.items()
    if name in ("int64", "uint64")
}
"""The integers that may be written as strings, since many JSON decoders cannot represent them."""


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
    "date-time-local": functools.partial(_converts, type_=datetime.datetime),
    "time-local": functools.partial(_converts, type_=datetime.time),
    "duration": _is_duration,
    "uuid": functools.partial(_converts, type_=uuid.UUID),
}
"""The formats of Python types; each accepts the strings that msgspec reads as the type."""


def exact(name: str) -> Predicate:
    """Return the predicate of the format of a Python type; others accept everything."""
    return _of_strings(EXACT.get(name))


def exact_encoding(name: str) -> Predicate:
    """Return the predicate of the encoding of bytes; others accept everything."""
    is_base64 = functools.partial(_converts, type_=bytes)
    return _of_strings(is_base64 if name == "base64" else None)


def _of_strings(accepts: Callable[[str], bool] | None) -> Predicate:
    return lambda value: accepts is None or not isinstance(value, str) or accepts(value)
