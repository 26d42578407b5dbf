"""Schemas in the dialect of AsyncAPI, and back.

A schema of AsyncAPI 3 is one of JSON Schema draft 07, with few additions; schemas of this project
are of 2020-12. The keywords that differ are rewritten, so that tools of either dialect read them:

==================================  ============================================================
2020-12                             draft 07
==================================  ============================================================
``prefixItems``, ``items``          ``items`` as an array, ``additionalItems``
``$ref`` with other members         ``allOf`` with the reference
``dependentRequired``, ``...``      ``dependencies``
``discriminator`` (an object)       removed: the tag is a ``const`` or an ``enum`` in each branch
==================================  ============================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

COMPONENT_PREFIX: Final = "#/components/schemas/"
_DATA: Final = ("default", "examples", "example", "enum", "const")
_NAMED: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def lowered(schema: Any) -> Any:
    """Return a schema of 2020-12 as one of AsyncAPI; nothing of the original is shared."""
    return _rewritten(schema, _lower)


def lifted(schema: Any) -> Any:
    """Return a schema of AsyncAPI as one of 2020-12."""
    return _rewritten(schema, _lift)


def reached_components(schemas: Iterable[Any], components: Mapping[str, Any]) -> list[str]:
    """Return the names of the components that schemas refer to, at any depth."""
    reached: dict[str, None] = {}
    pending = list(schemas)
    while pending:
        for name in _names_in(pending.pop()):
            if name in components and name not in reached:
                reached[name] = None
                pending.append(components[name])
    return [name for name in components if name in reached]


def _names_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith(COMPONENT_PREFIX):
            yield reference.removeprefix(COMPONENT_PREFIX).partition("/")[0]
        for inner in value.values():
            yield from _names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names_in(inner)


def _rewritten(schema: Any, rewrite: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(schema, list):
        return [_rewritten(each, rewrite) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {}
    for key, value in schema.items():
        if key in _DATA or key.startswith("x-"):
            result[key] = value
        elif key in _NAMED and isinstance(value, dict):
            result[key] = {name: _rewritten(each, rewrite) for name, each in value.items()}
        else:
            result[key] = _rewritten(value, rewrite)
    return rewrite(result)


def _lower(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("discriminator"), dict):
        del schema["discriminator"]
    if "prefixItems" in schema:
        rest = schema.pop("items", None)
        schema["items"] = schema.pop("prefixItems")
        if rest is not None:
            schema["additionalItems"] = rest
    dependencies = schema.pop("dependentRequired", {}) | schema.pop("dependentSchemas", {})
    if dependencies:
        schema["dependencies"] = dependencies
    if "$ref" in schema and len(schema) > 1:
        reference = {"$ref": schema.pop("$ref")}
        schema = {"allOf": [reference, *schema.pop("allOf", [])], **schema}
    return schema


def _lift(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("items"), list):
        schema["prefixItems"] = schema.pop("items")
        if "additionalItems" in schema:
            schema["items"] = schema.pop("additionalItems")
    if isinstance(schema.get("discriminator"), str):
        del schema["discriminator"]
    for name, value in schema.pop("dependencies", {}).items():
        key = "dependentRequired" if isinstance(value, list) else "dependentSchemas"
        schema.setdefault(key, {})[name] = value
    return schema
