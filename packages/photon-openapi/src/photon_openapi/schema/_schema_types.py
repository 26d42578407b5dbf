"""The types of the values of a schema: for parameters, which are sent as text.

A parameter of a document has a schema, but perhaps no annotation: the schema then determines how
its text is read. A schema without a type has values of type ``str``.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from ..document import Definitions, definitions_of
from ._composition import composed_of

_TYPES: dict[str, type] = {"integer": int, "number": float, "boolean": bool, "string": str}
_DEEPEST = 32


def types_of(schema: Mapping[str, Any]) -> list[str]:
    """Return the names of the types that a schema allows; empty if it names none."""
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else list(named) if isinstance(named, list) else []


def type_of_schema(schema: Any, components: Mapping[str, Any] | None = None) -> Any:
    """Return the Python type of the values of a schema, ``str`` if it names none.

    Args:
        schema: The schema.
        components: The schemas that it may refer to.

    Returns:
        ``int float bool str dict``, a list, or a union of these.
    """
    result = _stated(schema, definitions_of(components), 0)
    return str if result is None else result


def properties_of(schema: Any, definitions: Definitions) -> dict[str, Any]:
    """Return the schemas of the properties of a schema and of the schemas it is composed of."""
    result: dict[str, Any] = {}
    for part, _ in composed_of([(schema, False)], definitions):
        for name, inner in (part.get("properties") or {}).items():
            result.setdefault(name, inner)
    return result


def others_of(schema: Any, definitions: Definitions) -> Any:
    """Return the schema of additional members; ``None`` if it is not declared."""
    for part, _ in composed_of([(schema, False)], definitions):
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            if keyword in part:
                return part[keyword]
    return None


def default_of(schema: Any, definitions: Definitions) -> object:
    """Return the default of a schema, ``None`` if it has none."""
    for part, _ in composed_of([(schema, False)], definitions):
        if "default" in part:
            return part["default"]
    return None


def _stated(schema: Any, definitions: Definitions, depth: int) -> Any:
    """Return the type that a schema names, ``None`` if it names none."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    kinds = [kind for kind in types_of(schema) if kind != "null"]
    if kinds:
        return _union([_of_kind(kind, schema, definitions, depth) for kind in kinds])
    if "$ref" in schema:
        result = _stated(definitions.find(schema["$ref"]), definitions, depth + 1)
        if result is not None:
            return result
    if "properties" in schema:
        return dict
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    types = [type(value) for value in values if value is not None]
    inner = [*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    types += [_stated(each, definitions, depth + 1) for each in inner]
    return _union([each for each in types if each is not None])


def _of_kind(kind: str, schema: Mapping[str, Any], definitions: Definitions, depth: int) -> Any:
    if kind == "array":
        item = _stated(schema.get("items"), definitions, depth + 1)
        return list[str if item is None else item]  # type: ignore[misc]  # computed
    return dict if kind == "object" else _TYPES.get(kind)


def _union(types: list[Any]) -> Any:
    """Return one type, or a union of scalars: a text does not distinguish other types."""
    distinct = list(dict.fromkeys(types))
    if len(distinct) < 2:
        return distinct[0] if distinct else None
    if all(each in (str, int, float, bool) for each in distinct):
        return typing.Union[tuple(sorted(distinct, key=_RANKS.index))]  # noqa: UP007 - computed
    return next(
        (each for each in distinct if typing.get_origin(each) is list or each is dict), None
    )


_RANKS = [bool, int, float, str]
