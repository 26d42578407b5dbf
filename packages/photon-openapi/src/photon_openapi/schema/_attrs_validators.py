"""attrs validators as keywords of JSON Schema: the only module that reads their attributes.

The classes of attrs' validators have no public names, and their attributes are not documented. The
class is therefore that of the object which the public function returns
(``type(validators.lt(0))``); a validator of any other class is ignored. The attributes (``bound``,
``options``, ``pattern``) have been the same since attrs 24.2; the contract tests build one
validator of each kind, so that they fail with a version in which the attributes differ.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import jsonschema_rs
import msgspec
from attrs import validators

from ._keywords import JSON_TYPES, LENGTHS, Schema, all_types_of, limit_length


def apply_validator(validator: Any, schema: Schema) -> None:
    """Add the keywords of a validator, if any, to the schema of its member."""
    apply = _VALIDATORS.get(type(validator))
    if apply is not None:
        apply(validator, schema)


def _apply_number(validator: Any, schema: Schema) -> None:
    keyword = {
        ">=": "minimum",
        ">": "exclusiveMinimum",
        "<=": "maximum",
        "<": "exclusiveMaximum",
    }[validator.compare_op]
    bound = validator.bound
    if isinstance(bound, decimal.Decimal):
        bound = int(bound) if bound == bound.to_integral_value() else float(bound)
    if isinstance(bound, int | float) and not isinstance(bound, bool):
        schema[keyword] = bound


def _apply_shortest(validator: Any, schema: Schema) -> None:
    _limit_if_sized(schema, minimum=validator.min_length, maximum=None)


def _apply_longest(validator: Any, schema: Schema) -> None:
    _limit_if_sized(schema, minimum=None, maximum=validator.max_length)


def _limit_if_sized(schema: Schema, *, minimum: int | None, maximum: int | None) -> None:
    # bytes are counted after decoding: the length of the base64 string is not the same.
    if all_types_of(schema) & set(LENGTHS) and "contentEncoding" not in schema:
        limit_length(schema, minimum=minimum, maximum=maximum)


def _apply_in(validator: Any, schema: Schema) -> None:
    try:
        options = [msgspec.to_builtins(option) for option in validator.options]
        # attrs converts a set to a tuple, whose order changes from run to run.
        if isinstance(getattr(validator, "_original_options", validator.options), AbstractSet):
            options.sort(key=lambda option: (type(option).__name__, option))
    except (TypeError, ValueError):
        return
    if not any(isinstance(option, list | dict) for option in options):
        schema["enum"] = options


def _apply_matches(validator: Any, schema: Schema) -> None:
    pattern = _ecma_pattern(validator.pattern, getattr(validator.match_func, "__name__", ""))
    if pattern is not None:
        schema["pattern"] = pattern


def _ecma_pattern(pattern: re.Pattern[str], how: str) -> str | None:
    """Return the pattern as an ECMA 262 expression, ``None`` if that is not possible."""
    if not isinstance(pattern.pattern, str) or pattern.flags & ~re.UNICODE:
        return None
    text = pattern.pattern.replace("(?P<", "(?<").replace(r"\A", "^").replace(r"\Z", "$")
    if how == "fullmatch":
        text = f"^(?:{text})$"
    elif how == "match":
        text = f"^(?:{text})"
    try:
        jsonschema_rs.Draft202012Validator({"pattern": text})
    except ValueError:
        return None
    return text


def _apply_instance(validator: Any, schema: Schema) -> None:
    if schema:
        return  # the annotation defines the type
    expected = validator.type if isinstance(validator.type, tuple) else (validator.type,)
    if all(item in JSON_TYPES for item in expected):
        names = [JSON_TYPES[item] for item in expected]
        schema["type"] = names[0] if len(names) == 1 else names


def _apply_optional(validator: Any, schema: Schema) -> None:
    inner = validator.validator
    has_type = "type" in schema
    _apply_all(inner if isinstance(inner, list | tuple) else [inner], schema)
    if "type" in schema and not has_type:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = [*names, "null"]
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]


def _apply_and(validator: Any, schema: Schema) -> None:
    _apply_all(validator._validators, schema)


def _apply_all(parts: Sequence[Any], schema: Schema) -> None:
    for validator in parts:
        apply_validator(validator, schema)


def _apply_iterable(validator: Any, schema: Schema) -> None:
    items = schema.setdefault("items", {}) if "array" in all_types_of(schema) else {}
    apply_validator(validator.member_validator, items)
    if items == {}:
        schema.pop("items", None)
    if validator.iterable_validator is not None:
        apply_validator(validator.iterable_validator, schema)


def _apply_mapping(validator: Any, schema: Schema) -> None:
    values = schema.get("additionalProperties")
    if values:
        apply_validator(validator.value_validator, values)


def _apply_not(validator: Any, schema: Schema) -> None:
    refused = _standalone(validator.validator, schema)
    if refused:
        schema["not"] = refused


def _apply_or(validator: Any, schema: Schema) -> None:
    branches = [_standalone(inner, schema) for inner in validator.validators]
    if all(branches) and "anyOf" not in schema:
        schema["anyOf"] = branches


def _standalone(validator: Any, schema: Schema) -> Schema:
    """Return the keywords of one validator alone for values of this schema's types."""
    probe: Schema = {"type": sorted(all_types_of(schema))}
    apply_validator(validator, probe)
    del probe["type"]
    return probe


_VALIDATORS: dict[type, Callable[[Any, Schema], None]] = {
    type(validators.lt(0)): _apply_number,
    type(validators.min_len(0)): _apply_shortest,
    type(validators.max_len(0)): _apply_longest,
    type(validators.in_(())): _apply_in,
    type(validators.matches_re("")): _apply_matches,
    type(validators.instance_of(int)): _apply_instance,
    type(validators.optional(validators.lt(0))): _apply_optional,
    type(validators.and_()): _apply_and,
    type(validators.deep_iterable(validators.lt(0))): _apply_iterable,
    type(validators.deep_mapping(validators.lt(0), validators.lt(0))): _apply_mapping,
    type(validators.not_(validators.lt(0))): _apply_not,
    type(validators.or_(validators.lt(0), validators.gt(0))): _apply_or,
}
