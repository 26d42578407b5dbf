"""The constraints of single values: parameters and fields of forms."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..document import Definitions, definitions_of
from ..errors import ErrorDetail
from ._check import SchemaCheck
from ._keywords import Schema
from ._schema import DECIMAL_PATTERN

_ANNOTATIONS = frozenset(
    ("type", "format", "description", "title", "default", "example", "examples", "deprecated")
)
# A set has no duplicates, and bytes are already decoded.
_ASSURED = _ANNOTATIONS | {"uniqueItems", "contentEncoding"}
_ASSURED_BUT_FORMAT = _ASSURED - {"format"}


def constraint_checker(
    schema: Schema, *, components: Mapping[str, Any] | None = None
) -> Callable[[object], list[str]] | None:
    """Build the function that checks a parameter's value against its schema.

    Args:
        schema: Schema of the parameter.
        components: Schemas that its references point to. Without them references are ignored: the
            converter has already read the value as the type of the target.

    Returns:
        A function from a value to messages, empty when the value is valid; ``None`` when the schema
        has no constraints beyond the type.

    Raises:
        ValueError: The schema is invalid.
    """
    asserted = isinstance(components, Definitions) and components.assert_formats
    assured = _ASSURED_BUT_FORMAT if asserted else _ASSURED
    if isinstance(schema, dict) and assured.issuperset(schema):
        return None  # the usual case, and it has no references
    if components is None:
        schema = _without_references(schema)
    if not _is_constrained(schema, assured):
        return None
    definitions = definitions_of(components)
    check = SchemaCheck(schema, components=definitions, assert_formats=asserted)
    is_valid = check.is_valid

    def messages(value: object) -> list[str]:
        if type(value) not in _PLAIN or (type(value) is list and not _is_plain(value)):
            value = _wire_form(value)
        if is_valid(value):
            return []
        return [_with_item(error) for error in check.errors(value)] or ["is not allowed"]

    return messages


_PLAIN = frozenset((str, int, float, bool, decimal.Decimal, list, type(None)))


def _is_plain(values: list[object]) -> bool:
    """Whether a list has JSON values only, and no dates or the like."""
    return _PLAIN.issuperset(map(type, values))


def _wire_form(value: object) -> object:
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return msgspec.to_builtins(value)


def _is_constrained(schema: Any, assured: frozenset[str]) -> bool:
    """Whether a schema has constraints that the converter has not checked."""
    if isinstance(schema, bool):
        return not schema
    return any(_is_demand(keyword, value, assured) for keyword, value in schema.items())


def _is_demand(keyword: str, value: Any, assured: frozenset[str]) -> bool:
    if keyword == "items":
        return _is_constrained(value, assured)
    if keyword == "anyOf":
        return any(_is_constrained(branch, assured) for branch in value)
    return keyword not in assured and (keyword, value) != ("pattern", DECIMAL_PATTERN)


def _without_references(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_references(item) for key, item in schema.items() if key != "$ref"}


def _with_item(error: ErrorDetail) -> str:
    """Return the message, with the number of the item of a list that it concerns."""
    step, _, _ = (error.pointer or "").removeprefix("/").partition("/")
    return f"item {int(step) + 1}: {error.message}" if step.isdecimal() else error.message
