"""What the document says of the values of an answer: whether ``None`` is ``null``, or nothing.

A member without a value is ``None`` in Python. A document says it in one of two ways: by ``null``,
or by a member that is not there. Where it has the member neither required nor nullable, or does not
have it and is closed (``additionalProperties: false``), ``null`` would be wrong, and ``None`` is
left out. What the document requires is always sent, unless only some of several branches require
it, of which a value with ``None`` can be none.

Theory of operation. A value may be described by several schemas at once, behind references, within
``allOf``, as a branch of ``anyOf`` or ``oneOf``. A `NullPolicy` holds them together: a step into
the value, to a member or an item, is a step into all of them. Of branches those count that are
called like the class that is sent; where none is, all do, as *alternatives* of which one must hold.
To leave out what no schema requires is never wrong, so one schema that refuses ``null`` is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from photon_openapi.document import ITEM_SCHEMA, Definitions, OpenApi, definitions_of
from photon_openapi.schema import SchemaCheck, composed_of
from photon_runtime.media_types import EVENT_STREAM, is_json

from ._cases import form_of_stream

_Found: TypeAlias = tuple[Any, bool]
"""A schema, and whether it is an alternative."""


@attrs.frozen(eq=False)
class NullPolicy:
    """What the document says of ``None`` in a value: whether it is ``null`` or left out.

    Attributes:
        schemas: The schemas of the document that describe it.
        definitions: What they refer to.
        omit_none: Whether ``None`` is left out though it might be sent as ``null``.
        alternatives: The ids of those schemas that need not hold, since others may.
    """

    schemas: tuple[Any, ...]
    definitions: Definitions
    omit_none: bool = False
    alternatives: frozenset[int] = frozenset()

    @property
    def key(self) -> tuple[frozenset[int], frozenset[int]]:
        """What tells it from others of the same document."""
        return frozenset(map(id, self.schemas)), self.alternatives

    def of_class(self, name: str) -> NullPolicy:
        """Return what it says of a value whose class a schema is called like: ``name``."""
        return self._with(self._parts(name))

    def leaves_out(self, name: str) -> bool:
        """Say whether a member that is ``None`` must not be sent; see `of_class`."""
        if any(self._needs_null(part, name) for part in self.schemas):
            return False
        found = [schema for schema, _ in self._members(name)]
        return bool(found) and (self.omit_none or any(map(self._refuses_none, found)))

    def member(self, name: str) -> NullPolicy:
        """Return what it says of a member; see `of_class`."""
        return self._with(self._members(name))

    def item(self, index: int | None = None) -> NullPolicy:
        """Return what it says of the items of a list, or of that at ``index`` of a tuple."""
        return self._with(self._items(index))

    def value(self) -> NullPolicy:
        """Return what it says of the values of a mapping."""
        return self._with(self._values())

    def _with(self, found: Iterable[_Found]) -> NullPolicy:
        if not self.schemas:
            return self
        parts = list(found)
        alternatives = frozenset(id(schema) for schema, is_alternative in parts if is_alternative)
        schemas = tuple(schema for schema, _ in parts)
        return attrs.evolve(self, schemas=schemas, alternatives=alternatives)

    def _members(self, name: str) -> Iterator[_Found]:
        for part in self.schemas:
            for schema in _of_member(part, name):
                yield schema, id(part) in self.alternatives

    def _items(self, index: int | None) -> Iterator[_Found]:
        for part, is_alternative in self._parts():
            first = part.get("prefixItems", ())
            if index is not None and index < len(first):
                yield first[index], is_alternative
            elif "items" in part:
                yield part["items"], is_alternative

    def _values(self) -> Iterator[_Found]:
        for part, is_alternative in self._parts():
            for keyword in ("additionalProperties", "unevaluatedProperties"):
                if keyword in part:
                    yield part[keyword], is_alternative
            for each in part.get("patternProperties", {}).values():
                yield each, is_alternative

    def _parts(self, name: str | None = None) -> Iterator[tuple[dict[str, Any], bool]]:
        """Yield the schemas and those that they consist of, for a class if there is a name."""
        schemas = [(schema, id(schema) in self.alternatives) for schema in self.schemas]
        return composed_of(schemas, self.definitions, choose=lambda found: _meant(found, name))

    def _needs_null(self, part: dict[str, Any], name: str) -> bool:
        """Say whether a schema requires a member, so that its ``None`` must be sent as ``null``."""
        if name not in part.get("required", ()):
            return False
        is_lost = any(map(self._refuses_none, _of_member(part, name)))
        return not (is_lost and id(part) in self.alternatives)

    def _refuses_none(self, schema: Any) -> bool:
        plain = self.definitions.followed(schema)
        if isinstance(plain, dict) and "null" not in plain.get("type", "null"):
            return True  # most say it so; no schema must be compiled
        return not SchemaCheck(schema, components=self.definitions).is_valid(None)


SEND_NULL: Final = NullPolicy((), definitions_of(None))
"""The policy without a document: ``None`` is sent as ``null``."""


def null_policy_of(
    content: Mapping[str, OpenApi], media: str, definitions: Definitions, *, omit_none: bool
) -> NullPolicy:
    """Return what a document says of what is sent as a media type; of a stream, of its items.

    Args:
        content: The bodies that an answer may have, by media type.
        media: The media type.
        definitions: What their schemas refer to.
        omit_none: Whether ``None`` is left out though it might be sent as ``null``.
    """
    found = content.get(media)
    if found is None and is_json(media):
        found = next((content[each] for each in content if is_json(each)), None)
    found = found or {}
    item = found.get(ITEM_SCHEMA)
    if item is None and not media.startswith(EVENT_STREAM):  # there it is the schema of an event
        item = found.get("itemSchema")
    if item is not None:
        return NullPolicy((item,), definitions, omit_none)
    whole = NullPolicy((found.get("schema", {}),), definitions, omit_none)
    return whole.item() if form_of_stream(media) == "lines" else whole


def _of_member(part: dict[str, Any], name: str) -> Sequence[Any]:
    """Return the schema that one of an object has for a member; none where it says nothing."""
    if name in part.get("properties", ()):
        return [part["properties"][name]]
    return [part["additionalProperties"]] if "additionalProperties" in part else []


def _meant(branches: Sequence[Any], name: str | None) -> Sequence[Any]:
    """Return those of alternative schemas that are called ``name``, else all but ``null``."""
    named = [
        branch
        for branch in branches
        if isinstance(branch, dict) and str(branch.get("$ref", "")).rpartition("/")[2] == name
    ]
    return named or [branch for branch in branches if branch != {"type": "null"}]
