"""The schemas that stand in a document."""

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
# Where a schema need not say of what type its values are: something beside it does.
_WITHIN: Final = frozenset(
    ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "propertyNames")
)


class SchemaLocation(NamedTuple):
    """A schema and where it stands.

    Attributes:
        pointer: Where.
        schema: The schema.
        name: The name of the property, or of the component, that it is for; ``None`` for others.
        is_partial: Whether it is a part of a schema for the same value.
    """

    pointer: str
    schema: OpenApi
    name: str | None
    is_partial: bool


def components_of(data: OpenApi, kind: str) -> OpenApi:
    """Return the components of one kind by name; none where the document has none of it."""
    components = data.get("components")
    found = components.get(kind) if isinstance(components, dict) else None
    return found if isinstance(found, dict) else {}


def schemas_in(data: OpenApi) -> Iterator[SchemaLocation]:
    """Yield the schemas of a document, outer before inner; booleans are left out."""
    for name, schema in components_of(data, "schemas").items():
        yield from _with_inner(schema, pointer_of(["components", "schemas", name]), name)
    # Within a schema "schema" is no keyword, so nothing is found twice.
    components = data.get("components")
    components = components if isinstance(components, dict) else {}
    others = {key: value for key, value in components.items() if key != "schemas"}
    for part in parts_of({**data, "components": others}):
        for key in ("schema", "itemSchema"):
            if isinstance(part.value.get(key), dict):
                yield from _with_inner(part.value[key], f"{part.pointer}/{key}", None)


def _with_inner(schema: Any, pointer: str, name: str | None) -> Iterator[SchemaLocation]:
    waiting = [(schema, pointer, name, False)]
    while waiting:
        schema, pointer, name, is_partial = waiting.pop()
        if isinstance(schema, dict):
            yield SchemaLocation(pointer, schema, name, is_partial)
            waiting += reversed(list(_inner(schema, pointer, is_partial=is_partial)))


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
            # The type of a member may stand in another part of the whole.
            partial = key in _WITHIN or (is_partial and key == "properties")
            shown = name if key == "properties" else None
            yield each, pointer + pointer_of([key, name]), shown, partial
