"""JSON Schema keywords: the types of a schema, and lengths by type."""

from __future__ import annotations

from typing import Any, TypeAlias

from ._schema_types import types_of

Schema: TypeAlias = dict[str, Any]

JSON_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    type(None): "null",
}
LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def _base64_length(size: int | None) -> int | None:
    return None if size is None else 4 * -(-size // 3)


def all_types_of(schema: Schema) -> set[str]:
    """Return the types that a schema and its branches name."""
    types = set(types_of(schema))
    for branch in schema.get("anyOf", ()):
        types |= all_types_of(branch)
    return types


def limit_length(schema: Schema, *, minimum: int | None, maximum: int | None) -> None:
    """Limit the length of strings, arrays and objects, and the number of bytes in base64.

    Four characters of base64 have three bytes, so the limit of bytes is that of the next multiple
    of three.

    Raises:
        TypeError: The schema is that of a type without a length.
    """
    if schema.get("contentEncoding") == "base64":
        minimum, maximum = _base64_length(minimum), _base64_length(maximum)
    if minimum is None and maximum is None:
        return
    names = [name for name in LENGTHS if name in all_types_of(schema)]
    if not names and "$ref" not in schema and schema:
        raise TypeError(f"min_length and max_length do not apply to {schema}: it has no length")
    for name in names:
        for keyword, value in zip(LENGTHS[name], (minimum, maximum), strict=True):
            if value is not None:
                schema[keyword] = value
