"""Messages for the client about the errors that jsonschema reports.

The errors are listed in the order of the instance, without duplicates; for a union, only those of
the intended branch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from jsonschema.exceptions import ValidationError

from ..errors import MAX_ERRORS, ErrorDetail
from ..messages import choices, pointer_of, shorten
from ._durations import CALENDAR_MESSAGE, is_calendar
from ._rust_panics import is_panic
from ._schema import DECIMAL_PATTERN


def errors_from_schema(validator: Any, instance: object) -> list[ErrorDetail]:
    """List every error that a jsonschema validator finds, in the order of the instance.

    Args:
        validator: A jsonschema validator.
        instance: A JSON value.

    Returns:
        At most ``MAX_ERRORS`` errors, without duplicates.
    """
    try:
        errors = list(itertools.islice(validator.iter_errors(instance), MAX_ERRORS))
    except (OverflowError, ValueError):
        return [ErrorDetail("body", "contains a number that is out of range", pointer="")]
    except BaseException as failure:
        # The registry of references is written in Rust and panics where the stack is exhausted.
        if not isinstance(failure, RecursionError) and not is_panic(failure):
            raise
        return [ErrorDetail("body", "nested too deeply to be checked", pointer="")]
    unique: dict[tuple[tuple[str | int, ...], str], None] = {}
    for error in errors:
        unique.setdefault((tuple(error.path), message_of(error)))
    order = _DocumentOrder(instance)
    ordered = sorted(unique, key=lambda error: order.of(error[0]))
    return [
        ErrorDetail("body", message, pointer=pointer_of(path))
        for path, message in ordered[:MAX_ERRORS]
    ]


def in_order(instance: object, errors: Sequence[ErrorDetail]) -> list[ErrorDetail]:
    """Return errors in the order of the values that their pointers lead to."""
    order = _DocumentOrder(instance)

    def key(error: ErrorDetail) -> tuple[int, ...]:
        path: list[str | int] = []
        value = instance
        for token in (error.pointer or "").split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                path.append(int(name))
                value = value[int(name)]
            else:
                path.append(name)
                value = value.get(name) if isinstance(value, dict) else None
        return order.of(path)

    return sorted(errors, key=key)


@attrs.frozen
class _DocumentOrder:
    """Sorts paths by the position of their values in the document; missing members come last."""

    instance: object
    _positions: dict[int, dict[str, int]] = attrs.field(factory=dict, init=False)

    def of(self, path: Sequence[str | int]) -> tuple[int, ...]:
        """Return a sort key."""
        key, value = [], self.instance
        for step in path:
            if isinstance(value, list) and isinstance(step, int) and step < len(value):
                key.append(step)
                value = value[step]
            elif isinstance(value, dict):
                positions = self._positions.setdefault(id(value), {})
                if not positions:
                    positions.update({name: index for index, name in enumerate(value)})
                key.append(positions.get(str(step), len(value)))
                value = value.get(step)
        return tuple(key)


# Messages by keyword


def json_type(value: object) -> str:
    """Name the JSON type of a value."""
    for types, name in _TYPE_NAMES:
        if isinstance(value, types):
            return name
    return type(value).__name__


_TYPE_NAMES: tuple[tuple[Any, str], ...] = (
    (bool, "boolean"),
    (type(None), "null"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


def message_of(error: ValidationError) -> str:
    keyword = str(error.validator)
    if keyword in _MESSAGES:
        return _MESSAGES[keyword](error.validator_value, error.instance)
    if keyword in _OWN_MESSAGES:
        return error.message
    # jsonschema's own message repeats the value.
    return "is not allowed" if error.validator is None else f"does not satisfy {keyword!r}"


def _names(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _type_message(expected: str | Sequence[str], instance: object) -> str:
    return f"expected {' or '.join(_names(expected))}, got {json_type(instance)}"


def at_most(limit: int, noun: str) -> str:
    return f"must have at most {limit} {noun}{'' if limit == 1 else 's'}"


def _at_least(limit: int, noun: str) -> str:
    return f"must have at least {limit} {noun}{'' if limit == 1 else 's'}"


def _pattern_message(pattern: str) -> str:
    if pattern == DECIMAL_PATTERN:
        return "is not a decimal number"
    return f"must match the pattern {shorten(pattern)}"


def _format_message(name: str, instance: object) -> str:
    if name == "duration" and isinstance(instance, str) and is_calendar(instance):
        return CALENDAR_MESSAGE
    return f"is not a valid {name.removesuffix('-local')}"


# Keywords whose errors are created in `_check`, together with the message.
_OWN_MESSAGES = (
    "required",
    "properties",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "items",
)
_MESSAGES: dict[str, Callable[[Any, Any], str]] = {
    "type": _type_message,
    "enum": lambda expected, _: f"must be one of {choices(expected)}",
    "const": lambda expected, _: f"must be {choices([expected])}",
    "minimum": lambda limit, _: f"must be >= {limit}",
    "exclusiveMinimum": lambda limit, _: f"must be > {limit}",
    "maximum": lambda limit, _: f"must be <= {limit}",
    "exclusiveMaximum": lambda limit, _: f"must be < {limit}",
    "multipleOf": lambda factor, _: f"must be a multiple of {factor}",
    "minLength": lambda limit, _: _at_least(limit, "character"),
    "maxLength": lambda limit, _: at_most(limit, "character"),
    "minItems": lambda limit, _: _at_least(limit, "item"),
    "maxItems": lambda limit, _: at_most(limit, "item"),
    "minProperties": lambda limit, _: _at_least(limit, "member"),
    "maxProperties": lambda limit, _: at_most(limit, "member"),
    "uniqueItems": lambda *_: "must not contain the same item twice",
    "pattern": lambda pattern, _: _pattern_message(pattern),
    "format": _format_message,
    "contentEncoding": lambda name, _: f"is not valid {name}",
    "contains": lambda *_: "lacks an item that it must contain",
    "not": lambda *_: "has a value that is not allowed",
    "oneOf": lambda *_: "matches more than one of the allowed schemas, and must match exactly one",
    "anyOf": lambda *_: "matches none of the allowed schemas",
    "dependentRequired": lambda *_: "lacks a member that another member requires",
    "unevaluatedProperties": lambda *_: "has unknown members",
    "unevaluatedItems": lambda *_: "has more items than are allowed",
}
