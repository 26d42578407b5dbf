"""Schemas with their references and the parts of ``allOf`` merged, as far as types need it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from photon_openapi.document import Definitions, OpenApi
from photon_openapi.schema import types_of

_ANNOTATIONS: Final = frozenset(
    (
        *("title", "description", "default", "deprecated", "example", "examples", "externalDocs"),
        *("readOnly", "writeOnly", "xml", "$comment", "$id", "$anchor", "$schema", "$defs"),
        *("discriminator", "nullable"),
    )
)
_SUBSTANTIVE: Final = frozenset(
    (
        *("$ref", "$dynamicRef", "type", "properties", "patternProperties", "items"),
        *("prefixItems", "enum", "const", "allOf", "oneOf", "anyOf"),
    )
)
_UNIONS: Final = ("oneOf", "anyOf")


def is_described(schema: Mapping[str, Any], beside: Sequence[str]) -> bool:
    """Return true if a schema has keywords beside some that say more than an annotation."""
    return any(
        key not in _ANNOTATIONS and key not in beside and not key.startswith("x-") for key in schema
    )


def is_substantive(schema: Any) -> bool:
    """Return true if a schema says of which type a value is, and does not merely restrict it."""
    return isinstance(schema, dict) and bool(_SUBSTANTIVE & schema.keys())


def merged(
    schema: OpenApi, definitions: Definitions, within: frozenset[str] = frozenset()
) -> OpenApi:
    """Return a schema with the target of its reference and the parts of its ``allOf``.

    Args:
        schema: The schema.
        definitions: The targets of references.
        within: The references that led to it; they are not followed again.
    """
    result: OpenApi = {}
    for part in _parts(schema, definitions, within):
        _merge_into(result, part)
    return result


def _parts(schema: OpenApi, definitions: Definitions, within: frozenset[str]) -> Iterator[OpenApi]:
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in within:
        target = definitions.find(reference)
        if isinstance(target, dict):
            yield merged(target, definitions, within | {reference})
    for part in schema.get("allOf", ()):
        if isinstance(part, dict):
            yield merged(part, definitions, within)
    yield {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}


def _merge_into(result: OpenApi, part: OpenApi) -> None:
    """Add the keywords of a schema that holds as well."""
    for key, value in part.items():
        known = result.get(key)
        if known is None:
            result[key] = value
        elif value is not None and known != value:
            _combine(result, key, known, value)


def _combine(result: OpenApi, key: str, known: Any, value: Any) -> None:
    if key == "properties":
        result[key] = _members(known, value)
    elif key == "required":
        result[key] = [*known, *(name for name in value if name not in known)]
    elif key == "type":
        result[key] = _common_types({"type": known}, {"type": value})
    elif key == "enum":
        result[key] = [each for each in value if each in known] or value
    elif key in _UNIONS:
        _drop_union(result, key)
    else:
        result[key] = value


def _members(known: OpenApi, more: OpenApi) -> OpenApi:
    return {
        name: {"allOf": [known[name], more[name]]}
        if name in known and name in more and known[name] != more[name]
        else known.get(name, more.get(name))
        for name in {**known, **more}
    }


def _common_types(one: OpenApi, other: OpenApi) -> list[str]:
    names = types_of(other)
    both = [each for each in types_of(one) if each in names]
    if not both and "integer" in {*types_of(one), *names}:
        return ["integer"]
    return both or names


def _drop_union(result: OpenApi, key: str) -> None:
    """Leave the type of a value open that must match two unions at once."""
    del result[key]
    result.pop("properties", None)
    result["patternProperties"] = {".*": True}
