"""What is wrong with a request, as a complete list.

Messages are our own and never repeat the value, which may be large or secret; names of members are
shortened, and a list ends after ``MAX_FAULTS``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
from jsonschema.exceptions import ValidationError

from photon_runtime.errors import PhotonError

from ..handlers._types import Location
from ._compiled import is_panic
from ._durations import CALENDAR_MESSAGE, is_calendar
from ._schema import DECIMAL_PATTERN

MAX_FAULTS = 100
_LONGEST_NAME = 80
_LONGEST_POINTER = 500
_LONGEST_LIST = 300


@attrs.frozen
class Fault:
    """One thing that is wrong with a request.

    Attributes:
        location: Where: ``path``, ``query``, ``header``, ``cookie`` or ``body``.
        message: What is wrong, for the people who sent it. The value is not repeated.
        name: Name of the parameter; ``None`` when a pointer says it.
        pointer: JSON pointer (RFC 6901) into the body; ``""`` is the whole document.
    """

    location: Location
    message: str
    name: str | None = attrs.field(default=None, kw_only=True)
    pointer: str | None = attrs.field(default=None, kw_only=True)

    def as_dict(self) -> dict[str, str]:
        """Return its form in a problem document: ``in``, ``name`` or ``pointer``, ``message``."""
        where = {"pointer": self.pointer or ""} if self.name is None else {"name": self.name}
        return {"in": self.location, **where, "message": self.message}


class ValidationFailed(PhotonError):
    """A request does not fit what the operation declares.

    Attributes:
        faults: Everything that is wrong with it, in order.
        status: The HTTP status that says so.
    """

    status = 422

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Keep the faults."""
        self.faults = tuple(faults)
        super().__init__("; ".join(_as_text(fault) for fault in self.faults))


class MalformedBody(ValidationFailed):
    """A body cannot be read at all: no JSON, no UTF-8, or nested too deeply."""

    status = 400

    def __init__(self, message: str) -> None:
        """Make the one fault of it."""
        super().__init__([Fault("body", message, pointer="")])


def pointer_of(path: Iterable[str | int]) -> str:
    """Write a path as a JSON pointer, shortened when it is absurdly long."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return shorten("".join(f"/{step}" for step in steps), limit=_LONGEST_POINTER)


def shorten(text: str, *, limit: int = _LONGEST_NAME) -> str:
    """Cut a text that somebody else chose to at most ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _as_text(fault: Fault) -> str:
    where = fault.name if fault.name is not None else fault.pointer or "the whole document"
    return f"{fault.location} {where}: {fault.message}"


def choices(values: Iterable[object]) -> str:
    """List allowed values for a message, shortened when there are many."""
    return shorten(
        ", ".join(json.dumps(value, ensure_ascii=False, default=str) for value in values),
        limit=_LONGEST_LIST,
    )


def faults_from_schema(validator: Any, instance: object) -> list[Fault]:
    """List every fault that a jsonschema validator finds, in the order of the instance.

    Args:
        validator: A jsonschema validator.
        instance: A JSON value.

    Returns:
        At most ``MAX_FAULTS`` faults, none twice.
    """
    try:
        errors = list(itertools.islice(validator.iter_errors(instance), MAX_FAULTS))
    except (OverflowError, ValueError):
        return [Fault("body", "holds a number that is out of range", pointer="")]
    except BaseException as failure:
        # The registry of references is in Rust, which panics where the stack ends within it.
        if not isinstance(failure, RecursionError) and not is_panic(failure):
            raise
        return [Fault("body", "nested too deeply to be checked", pointer="")]
    found: dict[tuple[tuple[str | int, ...], str], None] = {}
    for error in errors:
        found.setdefault((tuple(error.path), in_words(error)))
    order = _DocumentOrder(instance)
    ordered = sorted(found, key=lambda fault: order.of(fault[0]))
    return [
        Fault("body", message, pointer=pointer_of(path)) for path, message in ordered[:MAX_FAULTS]
    ]


@attrs.frozen
class _DocumentOrder:
    """Sorts paths as their values stand in the document; what is missing comes last."""

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


# jsonschema's errors in our words


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


def in_words(error: ValidationError) -> str:
    keyword = str(error.validator)
    if keyword in _MESSAGES:
        return _MESSAGES[keyword](error.validator_value, error.instance)
    if keyword in _WORDED:
        return error.message
    # jsonschema's own words repeat the value.
    return "is not allowed" if error.validator is None else f"does not satisfy {keyword!r}"


def _names(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _type_message(wanted: str | Sequence[str], instance: object) -> str:
    return f"expected {' or '.join(_names(wanted))}, got {json_type(instance)}"


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
    return f"is not a valid {name}"


_WORDED = (
    "required",
    "properties",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "items",
)
_MESSAGES: dict[str, Callable[[Any, Any], str]] = {
    "type": _type_message,
    "enum": lambda wanted, _: f"must be one of {choices(wanted)}",
    "const": lambda wanted, _: f"must be {choices([wanted])}",
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
    "oneOf": lambda *_: "fits more than one of the allowed forms, and must fit exactly one",
    "anyOf": lambda *_: "fits none of the allowed forms",
    "dependentRequired": lambda *_: "lacks a member that another member requires",
    "unevaluatedProperties": lambda *_: "has unknown members",
    "unevaluatedItems": lambda *_: "has more items than are allowed",
}
