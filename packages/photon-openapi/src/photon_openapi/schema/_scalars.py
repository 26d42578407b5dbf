"""Types with one plain form in JSON, and the schemas of that form."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any

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
    """Return one of the values of a ``Literal`` or an enumeration as it is in JSON."""
    return value.value if isinstance(value, enum.Enum) else value
