"""The comparison of two kinds of strings, numbers, booleans or ``null``.

A type that is wider than its schema is right where values are received, and cannot be decided where
they are sent: a ``str`` may always have one of the values of an enumeration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..messages import choices
from ._kinds import Direction, Kind

_SAME_FORMAT: Final[Mapping[str, frozenset[str]]] = {
    "date-time": frozenset(("date-time", "date-time-local")),
    "date": frozenset(("date",)),
    "time": frozenset(("time", "time-local")),
    "duration": frozenset(("duration",)),
    "uuid": frozenset(("uuid",)),
    "base64": frozenset(("base64", "byte", "binary")),
}
"""The formats of a schema that a type with a format takes; a decimal takes them all."""


def shown(kind: Kind) -> str:
    """Return a kind for a message."""
    if kind.type == "null":
        return "null"
    if kind.values is not None and kind.type != "boolean":
        return f"{kind.type} ({choices(kind.values)})"
    return kind.type if kind.format is None else f"{kind.type} of the format {kind.format}"


def scalar_difference(schema: Kind, type_: Kind, direction: Direction) -> str | None:
    """Return what keeps values of a schema and of a type from fitting, ``None`` if nothing does.

    Args:
        schema: A kind of the schema.
        type_: A kind of the type with the same JSON type, but for integers and numbers.
        direction: The direction of the values.
    """
    if direction == "received":
        return _refused_by_type(schema, type_)
    return _refused_by_schema(schema, type_)


def _refused_by_type(schema: Kind, type_: Kind) -> str | None:
    if type_.values is not None:
        if schema.values is None:
            return None if schema.is_restricted else f"the document allows any {schema.type}"
        missing = [each for each in schema.values if each not in type_.values]
        return f"the document also allows {choices(missing)}" if missing else None
    if schema.values is not None:
        return None  # whether each of them has the format of the type is not compared
    if schema.type == "number" and type_.type == "integer":
        return "the document allows any number"
    formats = _SAME_FORMAT.get(type_.format or "")
    is_taken = formats is None or schema.format in formats or schema.is_restricted
    return None if is_taken else f"the document allows a {shown(schema)}"


def _refused_by_schema(schema: Kind, type_: Kind) -> str | None:
    if type_.values is not None:
        if schema.values is None:
            return None
        missing = [each for each in type_.values if each not in schema.values]
        return f"the document does not allow {choices(missing)}" if missing else None
    if schema.values is not None or (schema.type == "integer" and type_.type == "number"):
        return None  # the value may be right: an int is a float to type checkers
    formats = _SAME_FORMAT.get(type_.format or "")
    is_other = formats is not None and schema.format not in formats
    if is_other and any(schema.format in each for each in _SAME_FORMAT.values()):
        return f"the document has the format {schema.format}"
    return None
