"""JSON Schema keywords: lengths by type, and attrs validators in the words of JSON Schema.

attrs keeps the classes of its validators private, but not their names and slots. They are therefore
recognised by name, so that an unknown one is passed over and never breaks the start.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

import jsonschema_rs
import msgspec

Schema: TypeAlias = dict[str, Any]

JSON_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    type(None): "null",
}
_LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def types_of(schema: Schema) -> set[str]:
    """The JSON types that a schema names, one level deep."""
    named = schema.get("type", [])
    found = {named} if isinstance(named, str) else set(named)
    for branch in schema.get("anyOf", ()):
        found |= types_of(branch)
    return found


def limit_length(schema: Schema, *, minimum: int | None, maximum: int | None) -> None:
    if minimum is None and maximum is None:
        return
    names = [name for name in _LENGTHS if name in types_of(schema)]
    if not names and "$ref" not in schema and schema:
        raise TypeError(f"min_length and max_length do not apply to {schema}: it has no length")
    for name in names:
        for keyword, value in zip(_LENGTHS[name], (minimum, maximum), strict=True):
            if value is not None:
                schema[keyword] = value


def apply_validator(validator: Any, schema: Schema) -> None:
    """Write a validator into the schema of its member, as far as there are keywords for it."""
    apply = _VALIDATORS.get(type(validator).__name__)
    if apply is not None and type(validator).__module__ in ("attr.validators", "attr._make"):
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
    # bytes are counted after base64: the text's length says nothing.
    if types_of(schema) & set(_LENGTHS) and "contentEncoding" not in schema:
        limit_length(schema, minimum=minimum, maximum=maximum)


def _apply_in(validator: Any, schema: Schema) -> None:
    try:
        options = [msgspec.to_builtins(option) for option in validator.options]
        # attrs makes a tuple of a set, whose order changes from run to run.
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
    """The pattern in the words of ECMA 262, or ``None`` when it has none for it."""
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
        return  # the annotation has said it already
    wanted = validator.type if isinstance(validator.type, tuple) else (validator.type,)
    if all(item in JSON_TYPES for item in wanted):
        names = [JSON_TYPES[item] for item in wanted]
        schema["type"] = names[0] if len(names) == 1 else names


def _apply_optional(validator: Any, schema: Schema) -> None:
    inner = validator.validator
    said = "type" in schema
    _apply_all(inner if isinstance(inner, list | tuple) else [inner], schema)
    if "type" in schema and not said:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = [*names, "null"]
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]


def _apply_and(validator: Any, schema: Schema) -> None:
    _apply_all(validator._validators, schema)


def _apply_all(validators: Sequence[Any], schema: Schema) -> None:
    for validator in validators:
        apply_validator(validator, schema)


def _apply_iterable(validator: Any, schema: Schema) -> None:
    items = schema.setdefault("items", {}) if "array" in types_of(schema) else {}
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
    refused = _alone(validator.validator, schema)
    if refused:
        schema["not"] = refused


def _apply_or(validator: Any, schema: Schema) -> None:
    branches = [_alone(inner, schema) for inner in validator.validators]
    if all(branches) and "anyOf" not in schema:
        schema["anyOf"] = branches


def _alone(validator: Any, schema: Schema) -> Schema:
    """What one validator says by itself about a value of this schema's types."""
    probe: Schema = {"type": sorted(types_of(schema))}
    apply_validator(validator, probe)
    del probe["type"]
    return probe


_VALIDATORS: dict[str, Callable[[Any, Schema], None]] = {
    "_NumberValidator": _apply_number,
    "_MinLengthValidator": _apply_shortest,
    "_MaxLengthValidator": _apply_longest,
    "_InValidator": _apply_in,
    "_MatchesReValidator": _apply_matches,
    "_InstanceOfValidator": _apply_instance,
    "_OptionalValidator": _apply_optional,
    "_AndValidator": _apply_and,
    "_DeepIterable": _apply_iterable,
    "_DeepMapping": _apply_mapping,
    "_NotValidator": _apply_not,
    "_OrValidator": _apply_or,
}
