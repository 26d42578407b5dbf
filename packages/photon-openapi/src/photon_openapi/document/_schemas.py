"""The schemas in a document, with their locations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ..messages import pointer_of
from ._definitions import parts_of
from ._document import OpenApi

_ONE: Final = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
)
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS: Final = ("properties", "patternProperties", "$defs", "dependentSchemas")
# Keywords whose schemas need not name a type: the outer schema does.
_WITHIN: Final = frozenset(
    ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "propertyNames")
)


class SchemaLocation(NamedTuple):
    """A schema and its location.

    Attributes:
        pointer: The location as a JSON pointer.
        schema: The schema.
        name: The name of the property or component that has the schema; ``None`` for others.
        is_partial: Whether the schema is a part of another schema for the same value.
    """

    pointer: str
    schema: OpenApi
    name: str | None
    is_partial: bool


def components_of(data: OpenApi, kind: str) -> OpenApi:
    """Return the components of one kind by name; empty if the document has none."""
    components = data.get("components")
    result = components.get(kind) if isinstance(components, dict) else None
    return result if isinstance(result, dict) else {}


def schemas_in(data: OpenApi, *, outermost: bool = False) -> Iterator[SchemaLocation]:
    """Yield the schemas of a document, outer before inner; booleans are omitted.

    Args:
        data: The document.
        outermost: Omits the schemas within other ones.
    """
    for location in _outermost(data):
        if outermost:
            yield location
        else:
            yield from _with_inner(location)


def _outermost(data: OpenApi) -> Iterator[SchemaLocation]:
    for name, schema in components_of(data, "schemas").items():
        if isinstance(schema, dict):
            yield SchemaLocation(pointer_of(["components", "schemas", name]), schema, name, False)
    # Within a schema "schema" is not a keyword, so no schema is yielded twice.
    components = data.get("components")
    components = components if isinstance(components, dict) else {}
    others = {key: value for key, value in components.items() if key != "schemas"}
    for part in parts_of({**data, "components": others}):
        for key in () if part.is_schema else ("schema", "itemSchema"):
            if isinstance(part.value.get(key), dict):
                yield SchemaLocation(f"{part.pointer}/{key}", part.value[key], None, False)


def _with_inner(outermost: SchemaLocation) -> Iterator[SchemaLocation]:
    pending: list[tuple[Any, str, str | None, bool]] = [
        (outermost.schema, outermost.pointer, outermost.name, False)
    ]
    while pending:
        schema, pointer, name, is_partial = pending.pop()
        if isinstance(schema, dict):
            yield SchemaLocation(pointer, schema, name, is_partial)
            pending += reversed(list(_inner(schema, pointer, is_partial=is_partial)))


def _inner(
    schema: OpenApi, pointer: str, *, is_partial: bool
) -> Iterator[tuple[Any, str, str | None, bool]]:
    for key in _ONE:
        yield schema.get(key), f"{pointer}/{key}", None, key in _WITHIN
    for key in _LISTS:
        listed = schema.get(key)
        for index, each in enumerate(listed if isinstance(listed, list) else ()):
            yield each, f"{pointer}/{key}/{index}", None, key in _WITHIN
    for key in _MAPS:
        named = schema.get(key)
        for name, each in named.items() if isinstance(named, dict) else ():
            # The type of a member may be declared in another part of the schema.
            partial = key in _WITHIN or (is_partial and key == "properties")
            shown = name if key == "properties" else None
            yield each, pointer + pointer_of([key, name]), shown, partial
