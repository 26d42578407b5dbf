"""The kinds of a schema.

``allOf`` and references are merged, alternatives are kinds of their own (`_alternatives`).
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from ..document import Definitions
from ..messages import pointer_of
from ..schema import FlatSchema, default_of, types_of
from ._alternatives import Undecided, alternatives_of
from ._kinds import ANY, Kind, NamedMember, Node

_JSON_TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
_OBJECT: Final = frozenset(
    ("properties", "required", "additionalProperties", "patternProperties", "unevaluatedProperties")
)
_ARRAY: Final = frozenset(("items", "prefixItems", "minItems", "maxItems"))
_RESTRICTING: Final = frozenset(("not", "pattern", "contentEncoding", "contentMediaType"))
SCALAR_NAMES: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
}
"""The JSON types of values of Python; a subclass of one is not listed."""

_TYPE_NAMES: Final[Mapping[type, str]] = {**SCALAR_NAMES, list: "array", dict: "object"}


@attrs.frozen(eq=False)
class SchemaNode:
    """A schema of a document.

    Attributes:
        schema: The schema.
        definitions: The targets of its references.
        pointer: Its location in the document.
    """

    schema: Any
    definitions: Definitions
    pointer: str = ""

    @property
    def key(self) -> Hashable:
        """What distinguishes it: its reference, or the object itself, which the document keeps."""
        return _identity(self.schema)

    @functools.cached_property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of its values; none if its composition is not understood."""
        try:
            flat = alternatives_of(self.schema, self.definitions)
        except Undecided:
            return ()
        kinds = [list(self._kinds_of(each)) for each in flat]
        return [each for kind in kinds for each in kind] if all(kinds) else ()

    @functools.cached_property
    def target(self) -> str:
        """The location of the schema itself, or of what it refers to."""
        reference = self.schema.get("$ref") if isinstance(self.schema, dict) else None
        if isinstance(reference, str) and reference.startswith("#/"):
            return reference[1:]
        return self.pointer

    def _within(self, schema: Any, *tokens: str | int) -> SchemaNode:
        return SchemaNode(schema, self.definitions, self.target + pointer_of(tokens))

    def _kinds_of(self, flat: FlatSchema) -> Iterator[Kind]:
        schema = flat.schema
        values = _values(schema)
        names = frozenset(each.rpartition("/")[2] for each in flat.within)
        types = types_of(schema) or _implied(schema, values)
        if not types:
            yield Kind(ANY, is_restricted=True, names=names)
        for type_ in types:
            own = None if values is None else tuple(each for each in values if _is(each, type_))
            if own == ():
                continue
            yield Kind(
                type_,
                values=(False, True) if type_ == "boolean" and own is None else own,
                format=_format(schema),
                is_restricted=not _RESTRICTING.isdisjoint(schema),
                names=names,
                **(self._array(schema) if type_ == "array" else {}),
                **(self._object(schema) if type_ == "object" else {}),
            )

    def _array(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        first = [
            self._within(each, "prefixItems", index)
            for index, each in enumerate(schema.get("prefixItems", ()))
        ]
        items = schema.get("items")
        most = schema.get("maxItems")
        if items is False:
            most = len(first) if most is None else min(most, len(first))
        return {
            "items": self._within(items, "items") if isinstance(items, dict) else None,
            "first": first,
            "length": (schema.get("minItems", 0), most),
        }

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if _OBJECT.isdisjoint(schema):
            return {}
        properties = dict(schema.get("properties") or {})
        required = schema.get("required", ())
        properties |= {name: True for name in required if name not in properties}
        members = {
            name: self._member(name, inner, is_required=name in required)
            for name, inner in properties.items()
            if inner is not False
        }
        return {"members": members, "others": self._others(schema)}

    def _member(self, name: str, schema: Any, *, is_required: bool) -> NamedMember:
        return NamedMember(
            name,
            self._within(schema, "properties", name),
            is_required=is_required,
            is_sent=is_required,
            is_ignored=_has_flag(schema, self.definitions, "readOnly"),
            is_settable=not _has_flag(schema, self.definitions, "writeOnly"),
            has_default=default_of(schema, self.definitions) is not None,
        )

    def _others(self, schema: Mapping[str, Any]) -> Node | bool | None:
        patterns = schema.get("patternProperties")
        if patterns:
            return self._within(next(iter(patterns.values())), "patternProperties")
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            others = schema.get(keyword)
            if others is False:
                return False
            if isinstance(others, dict) and others:
                return self._within(others, keyword)
        return None


def _identity(schema: Any) -> Hashable:
    if not isinstance(schema, dict):
        return repr(schema)
    if schema.keys() == {"$ref"}:
        return str(schema["$ref"])
    if schema.keys() == {"allOf"}:  # made anew at each merge
        return tuple(map(_identity, schema["allOf"]))
    return id(schema)


def _values(schema: Mapping[str, Any]) -> tuple[Any, ...] | None:
    if "const" in schema:
        return (schema["const"],)
    values = schema.get("enum")
    return tuple(values) if isinstance(values, list) else None


def _implied(schema: Mapping[str, Any], values: tuple[Any, ...] | None) -> list[str]:
    """Return the types of a schema that names none."""
    if values is not None:
        return list(dict.fromkeys(_TYPE_NAMES.get(type(each), ANY) for each in values))
    if not _OBJECT.isdisjoint(schema):
        return ["object"]
    return [] if _ARRAY.isdisjoint(schema) else ["array"]


def _is(value: object, type_: str) -> bool:
    name = _TYPE_NAMES.get(type(value), ANY)
    return name == type_ or (name == "integer" and type_ == "number")


def _format(schema: Mapping[str, Any]) -> str | None:
    named = schema.get("format", schema.get("contentEncoding"))
    return named if isinstance(named, str) else None


def _has_flag(schema: Any, definitions: Definitions, flag: str) -> bool:
    """Return true if a schema, or one that it refers to, has a flag."""
    if not isinstance(schema, dict):
        return False
    if schema.get(flag) is True:
        return True
    parts = schema.get("allOf", ())
    if any(_has_flag(each, definitions, flag) for each in parts):
        return True
    followed = definitions.followed(schema)
    return isinstance(followed, dict) and followed is not schema and followed.get(flag) is True
