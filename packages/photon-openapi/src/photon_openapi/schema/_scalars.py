"""Types with one plain form in JSON, and the schemas of that form."""

from __future__ import annotations

import datetime
import decimal
import enum
import itertools
import uuid
from typing import Any

import msgspec

from ._keywords import Schema

# Exponents stay below five digits: int(Decimal("1e999999999")) would exhaust the memory.
DECIMAL_PATTERN = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$"

SCALARS: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    bytearray: {"type": "string", "contentEncoding": "base64"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    datetime.timedelta: {"type": "string", "format": "duration"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    decimal.Decimal: {
        "type": ["string", "number"],
        "format": "decimal",
        "pattern": DECIMAL_PATTERN,
    },
    Any: {},
    object: {},
    list: {"type": "array"},
    tuple: {"type": "array"},
    set: {"type": "array", "uniqueItems": True},
    frozenset: {"type": "array", "uniqueItems": True},
    dict: {"type": "object"},
}
_MOST_BITS = 6
"""Flags with more have too many values to list them."""

KEYS: dict[Any, Schema] = {
    int: {"pattern": "^-?[0-9]+$"},
    float: {"pattern": DECIMAL_PATTERN},
    datetime.datetime: {"format": "date-time"},
    datetime.date: {"format": "date"},
    datetime.time: {"format": "time"},
    datetime.timedelta: {"format": "duration"},
    uuid.UUID: {"format": "uuid"},
    decimal.Decimal: {"pattern": DECIMAL_PATTERN},
}


def plain_choice(value: object) -> object:
    """Return one of the values of a ``Literal`` or an enumeration as it is in JSON.

    Raises:
        TypeError: The value has no form in JSON.
    """
    plain = value.value if isinstance(value, enum.Enum) else value
    return msgspec.json.decode(msgspec.json.encode(plain, order="deterministic"))


def flag_values(cls: type[enum.Flag]) -> list[int]:
    """Return all sums of the bits of a flag, in ascending order; empty if there are very many."""
    bits = [member.value for member in cls]
    if len(bits) > _MOST_BITS:
        return []
    return sorted(
        {
            sum(chosen)
            for count in range(len(bits) + 1)
            for chosen in itertools.combinations(bits, count)
        }
    )
