"""Equivalence of schemas: two schemas that accept the same values.

The schema of a document and that of the class of a handler's argument are often equivalent, since
one was written from the other. In that case the decoder of the class is enough, and validation by
the schema is omitted, which would make a request with a nested body of 300 bytes 1.6 times as
expensive. The keywords that restrict a value are compared, with references followed; those that
only describe it are ignored. In doubt two schemas are not equivalent, which costs only time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..document import Definitions, definitions_of
from ._schema import SchemaBuilder

_PREFIX: Final = "#/components/schemas/"
_DESCRIBING: Final = frozenset(
    (
        "title",
        "description",
        "default",
        "deprecated",
        "example",
        "examples",
        "externalDocs",
        "readOnly",
        "writeOnly",
        "xml",
        "$comment",
    )
)
# Keywords whose values are sets: their order has no meaning.
_SETS: Final = frozenset(("required", "enum", "type"))
_NAMED: Final = frozenset(("properties", "patternProperties", "dependentSchemas"))


def is_equivalent(schema: Mapping[str, Any], components: Mapping[str, Any], type_: object) -> bool:
    """Return whether a schema of a document is equivalent to that of a type.

    Args:
        schema: The schema.
        components: The components that the schema refers to.
        type_: The type, with its constraints.
    """
    builder = SchemaBuilder()
    try:
        own = builder.schema(type_)
    except TypeError:
        return False
    return Equivalence(builder.components, components).holds(own, schema)


class Equivalence:
    """Compares the schemas of two documents.

    Args:
        ours: The components that schemas of the first document refer to.
        theirs: The components that schemas of the second document refer to.
    """

    def __init__(self, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
        """Store the components."""
        self._ours = definitions_of(ours)
        self._theirs = definitions_of(theirs)
        self._assumed: set[tuple[str, str]] = set()

    def holds(self, one: object, other: object) -> bool:
        """Return whether two schemas restrict values in the same way."""
        if not isinstance(one, dict) or not isinstance(other, dict):
            return type(one) is type(other) and one == other
        ours, theirs = _restricting(one), _restricting(other)
        if "$ref" in ours or "$ref" in theirs:
            return self._holds_behind(ours, theirs)
        return ours.keys() == theirs.keys() and all(
            self._holds_for(name, ours[name], theirs[name]) for name in ours
        )

    def _holds_behind(self, one: dict[str, Any], other: dict[str, Any]) -> bool:
        """Follow references; a pair that recurs within itself is assumed to be equivalent."""
        pair = str(one.get("$ref")), str(other.get("$ref"))
        if all(reference.startswith(_PREFIX) for reference in pair):
            if pair in self._assumed:
                return True
            self._assumed.add(pair)
        resolved = _followed(one, self._ours), _followed(other, self._theirs)
        return None not in resolved and self.holds(*resolved)

    def _holds_for(self, name: str, one: Any, other: Any) -> bool:
        if name in _SETS:
            return _as_set(one) == _as_set(other)
        if name in _NAMED and isinstance(one, dict) and isinstance(other, dict):
            return one.keys() == other.keys() and all(
                self.holds(one[member], other[member]) for member in one
            )
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(self.holds, one, other))
        return self.holds(one, other)


def _followed(schema: dict[str, Any], definitions: Definitions) -> object:
    """Return the target of a bare reference, ``None`` where it cannot be determined."""
    resolved: object = schema
    for reference, target in definitions.chain(schema):
        is_bare = isinstance(resolved, dict) and len(_restricting(resolved)) == 1
        if not is_bare or not reference.startswith(_PREFIX):
            return None
        resolved = target
    return resolved


def _restricting(schema: dict[str, Any]) -> dict[str, Any]:
    keywords = {
        name: value
        for name, value in schema.items()
        if name not in _DESCRIBING and not name.startswith("x-")
    }
    if keywords.get("required") == []:
        del keywords["required"]
    return keywords


def _as_set(value: Any) -> frozenset[tuple[str, str]] | object:
    """Return names or values without their order; values of different types (1, true) differ."""
    values = value if isinstance(value, list) else [value]
    return frozenset((type(each).__name__, repr(each)) for each in values)
