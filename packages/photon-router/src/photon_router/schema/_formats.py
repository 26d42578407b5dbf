"""What ``format`` asserts where it does more than describe.

There are two manners. For the schemas of a document, if it is switched on: the formats of JSON
Schema, as jsonschema-rs has them, and the integers of OpenAPI's registry of formats
(https://spec.openapis.org/registry/format/). ``float`` and ``double`` restrict nothing: every
number of JSON is read as a double. For the types of the code: what msgspec takes for them.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import re
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ._compiled import Verdict, verdict_of
from ._durations import read_duration

_SIGNED: Final = {f"int{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)}
_UNSIGNED: Final = {f"uint{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)}
_SAFE: Final = {"double-int": (1 - (1 << 53), (1 << 53) - 1)}
_INTEGERS: Final = _SIGNED | _UNSIGNED | _SAFE
# Those that many readers of JSON cannot hold in a number may be written as texts.
_IN_TEXTS: Final = ("int64", "uint64")
_DIGITS: Final = re.compile(r"-?[0-9]{1,20}")


class AssertedFormat:
    """The keyword ``format`` for jsonschema-rs, which knows the formats of JSON Schema alone."""

    def __init__(self, schema: Any, name: Any, path: Any) -> None:
        """Settle what the format asserts.

        Args:
            schema: The schema that it stands in.
            name: The format.
            path: Where it stands.
        """
        self._accepts = asserted(name)

    def validate(self, instance: object) -> None:
        """Judge a value.

        Raises:
            ValueError: It is not of that format.
        """
        if not self._accepts(instance):
            raise ValueError("format")


@functools.lru_cache(maxsize=256)
def asserted(name: str) -> Verdict:
    """Return the verdict of a format of the registry; one that is not known accepts everything."""
    limits = _INTEGERS.get(name)
    if limits is None:
        return verdict_of("format", name)
    low, high = limits
    is_text_judged = name in _IN_TEXTS

    def is_within(value: Any) -> bool:
        if is_text_judged and isinstance(value, str):
            return _DIGITS.fullmatch(value) is not None and low <= int(value) <= high
        if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
            return True  # a format says nothing of other types
        return low <= value <= high and value == value // 1

    return is_within


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
