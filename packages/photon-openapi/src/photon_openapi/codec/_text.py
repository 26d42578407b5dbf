"""Strings to values: parameters and the fields of forms.

For each type a closure is built once, at start-up. It turns a string into a value or raises
``ValueError`` with a message for the client; requests do no look-ups by type. Strings are read
strictly: notation that Python's own constructors accept beyond the plain one (``1_000``,
surrounding blanks, digits of other scripts, ``nan``) is rejected.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import math
import operator
import re
import typing
import uuid
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal, TypeAlias

import msgspec

from ..annotations import origin_of, plain_type, union_members, value_type
from ..messages import choices
from ..schema import (
    DECIMAL_PATTERN,
    is_list_like,
    is_named_tuple,
    plain_choice,
    read_duration,
)

TextConverter: TypeAlias = Callable[[str], object]
StringsConverter: TypeAlias = Callable[[list[str]], object]

# The default limit of int(), enforced even if an application has raised it.
_MAX_DIGITS = 4300
_TRUTH = {"true": True, "1": True, "on": True, "yes": True}
_TRUTH |= {"false": False, "0": False, "off": False, "no": False}
_NUMBER = re.compile(DECIMAL_PATTERN)
# Browsers send <input type="datetime-local"> and <input type="time"> without seconds.
_MINUTES = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ])?[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})?"
)
# What is left of `+02:00` in a query where the client has not encoded the `+`.
_BLANK_OFFSET = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)? [0-9]{2}(:?[0-9]{2})?")
_BLANK_HINT = "; the + of an offset is sent as %2B in a query or a form, where + is a blank"


def text_converter(type_: object) -> TextConverter:
    """Build the function that reads one string as a value of a type.

    Args:
        type_: A scalar type (``str int float bool bytes datetime date time timedelta UUID
            Decimal``), an enumeration, ``Literal``, ``object``, or a union, ``NewType`` or
            ``Annotated`` of these.

    Returns:
        A function that raises ``ValueError`` with the expected notation if the string is invalid.
        It does not check constraints: see :func:`constraint_checker`.

    Raises:
        TypeError: A single string cannot represent such a value.
    """
    plain = plain_type(type_)
    if isinstance(plain, typing.Hashable) and plain in SCALARS:
        return SCALARS[plain]
    members = union_members(plain)
    if members is not None:
        return _union_converter(members)
    if origin_of(plain) is Literal:
        options = typing.get_args(plain)
        return _choice_converter([plain_choice(option) for option in options], options)
    if isinstance(plain, type) and issubclass(plain, enum.Flag):
        return flag_converter(plain)
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return _choice_converter([plain_choice(member) for member in plain], list(plain))
    raise TypeError(f"{type_!r} cannot be read from one string: use a scalar, an Enum or a Literal")


def strings_converter(type_: object) -> StringsConverter:
    """Build the function that reads a list of strings as a list, set or tuple.

    Raises:
        TypeError: The type is not one of these, or its items cannot be read from text.
    """
    plain = value_type(type_)
    if not takes_strings(plain):
        raise TypeError(f"{type_!r} does not take several values: use a list, set or tuple")
    arguments = typing.get_args(plain)
    if origin_of(plain) is tuple and arguments[-1] is not Ellipsis:
        return _tuple_converter(arguments)
    return _items_converter(text_converter(arguments[0] if arguments else str), maker_of(plain))


def takes_strings(type_: object) -> bool:
    """Return true if a parameter of this type has several values: a list, set or tuple."""
    plain = value_type(type_)
    return is_list_like(plain) and not is_named_tuple(origin_of(plain) or plain)


def _read_int(text: str) -> int:
    if text.isdecimal() and text.isascii() and len(text) <= _MAX_DIGITS:
        return int(text)
    if text[:1] in ("-", "+") and text[1:2] not in ("-", "+"):
        value = _read_int(text[1:])
        return -value if text[0] == "-" else value
    raise ValueError("expected an integer")


def _read_float(text: str) -> float:
    if len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value
    raise ValueError("expected a number")


def _read_decimal(text: str) -> decimal.Decimal:
    if len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text):
        return decimal.Decimal(text)
    raise ValueError("expected a decimal number")


def _read_bool(text: str) -> bool:
    value = _TRUTH.get(text)
    if value is None:
        value = _TRUTH.get(text.lower()) if len(text) <= len("false") else None
        if value is None:
            raise ValueError("expected true or false")
    return value


def _read_none(text: str) -> None:
    if text not in ("", "null"):
        raise ValueError("expected nothing")


def _by_msgspec(type_: Any, message: str) -> TextConverter:
    """Return a converter by msgspec, which reads ISO 8601 as in JSON bodies."""

    def read(text: str) -> object:
        try:
            return msgspec.convert(text, type_)
        except (msgspec.MsgspecError, ValueError, OverflowError):
            raise ValueError(message) from None

    return read


def _clock_reader(type_: Any, message: str) -> TextConverter:
    """Return a converter like :func:`_by_msgspec` with optional seconds."""
    convert = _by_msgspec(type_, message)

    def read(text: str) -> object:
        try:
            return convert(text)
        except ValueError:
            if _BLANK_OFFSET.search(text) is None:
                raise
            raise ValueError(message + _BLANK_HINT) from None

    def read_clock(text: str) -> object:
        if _MINUTES.fullmatch(text):
            minutes = text.rindex(":", 0, text.index(":") + 1) + 3
            text = f"{text[:minutes]}:00{text[minutes:]}"
        return read(text)

    return read_clock


def same(value: object, _: object = None) -> object:
    return value


SCALARS: dict[Any, TextConverter] = {
    str: str,
    int: _read_int,
    float: _read_float,
    bool: _read_bool,
    bytes: str.encode,
    decimal.Decimal: _read_decimal,
    datetime.datetime: _clock_reader(
        datetime.datetime, "expected a date and time, such as 2024-05-31T12:00:00Z"
    ),
    datetime.date: _by_msgspec(datetime.date, "expected a date, such as 2024-05-31"),
    datetime.time: _clock_reader(datetime.time, "expected a time, such as 12:30:00"),
    datetime.timedelta: read_duration,
    uuid.UUID: _by_msgspec(uuid.UUID, "expected a UUID"),
    type(None): _read_none,
    None: _read_none,
    object: str,
    Any: str,
}


def _text_of(value: object) -> str:
    """Return an allowed value as it is written in a parameter."""
    plain = msgspec.to_builtins(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return str(plain)


def _choice_converter(values: Sequence[object], results: Sequence[object]) -> TextConverter:
    results_by_text = {
        _text_of(value): result for value, result in zip(values, results, strict=True)
    }
    message = f"expected one of {choices(results_by_text)}"

    def read(text: str) -> object:
        try:
            return results_by_text[text]
        except KeyError:
            raise ValueError(message) from None

    return read


def flag_converter(cls: type[enum.Flag]) -> Callable[[Any], object]:
    """Return the function that makes a flag of an integer, or of the text of one.

    A value with other bits than those of the members is refused, whatever the boundary of the class
    does with it.
    """
    every = functools.reduce(operator.or_, (member.value for member in cls), 0)
    message = f"expected the sum of any of {choices(member.value for member in cls)}"

    def read(value: Any) -> object:
        number = _read_int(value) if isinstance(value, str) else value
        if type(number) is float and number.is_integer():
            number = int(number)
        if type(number) is not int or number < 0 or number & ~every:
            raise ValueError(message)
        return cls(number)

    return read


def _union_converter(members: Sequence[object]) -> TextConverter:
    """Return a converter to the first matching member; a parameter that is sent is not ``None``."""
    present = [member for member in members if member not in (type(None), msgspec.UnsetType)]
    # A string matches always, so it is tried last, whatever the order of the annotation.
    present.sort(key=lambda member: plain_type(member) is str)
    readers = [text_converter(member) for member in present]
    if len(readers) == 1:
        return readers[0]

    def read(text: str) -> object:
        messages = []
        for reader in readers:
            try:
                return reader(text)
            except ValueError as error:
                messages.append(str(error).removeprefix("expected "))
        raise ValueError(f"expected {', or '.join(messages)}")

    return read


def _items_converter(
    read: TextConverter, make: Callable[[list[object]], object]
) -> StringsConverter:
    if read is str and make is list:
        return list

    def read_all(strings: list[str]) -> object:
        try:
            return make([read(text) for text in strings])
        except ValueError:
            raise ValueError(_first_error([read] * len(strings), strings)) from None

    return read_all


def maker_of(type_: Any) -> Callable[[list[object]], object]:
    """Return the function that makes a value of a list-like type from its items."""
    origin = origin_of(type_) or type_
    if issubclass(origin, tuple):
        return tuple
    if issubclass(origin, AbstractSet):
        return frozenset if origin is frozenset else set
    return list


def _tuple_converter(arguments: Sequence[object]) -> StringsConverter:
    readers = [] if arguments == ((),) else [text_converter(argument) for argument in arguments]
    count = len(readers)

    def read_all(strings: list[str]) -> object:
        if len(strings) != count:
            raise ValueError(
                f"expected {count} value{'' if count == 1 else 's'}, got {len(strings)}"
            )
        try:
            return tuple(read(text) for read, text in zip(readers, strings, strict=True))
        except ValueError:
            raise ValueError(_first_error(readers, strings)) from None

    return read_all


def _first_error(readers: Sequence[TextConverter], strings: Sequence[str]) -> str:
    for number, (read, text) in enumerate(zip(readers, strings, strict=True), 1):
        try:
            read(text)
        except ValueError as error:
            return str(error) if len(strings) == 1 else f"item {number}: {error}"
    return "is not allowed"
