"""The policy of a document for ``None`` in values: ``null``, or a missing member.

A member without a value is ``None`` in Python. A document represents it in one of two ways: by
``null``, or by a missing member. If a member is neither required nor nullable, or is not in a
closed schema (``additionalProperties: false``), ``null`` would be invalid, and ``None`` is left
out. Required members are always sent, unless only some of several branches require them and a value
with ``None`` cannot match these.

Theory of operation. A value may be described by several schemas at once, through references, in
``allOf``, as a branch of ``anyOf`` or ``oneOf``. A `NullPolicy` combines them: its policy of a
member or an item is that of all of them. Among branches, those named after the class of the value
count; without any, all of them count, as *alternatives* of which one must hold. Leaving out a
member that no schema requires is never wrong, so one schema that rejects ``null`` is sufficient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import attrs

from ..document import Definitions, definitions_of
from ..schema import SchemaCheck, composed_of

_Candidate: TypeAlias = tuple[Any, bool]
"""A schema, with true for an alternative."""


@attrs.frozen(eq=False)
class NullPolicy:
    """The policy for ``None`` in a value: ``null``, or a missing member.

    Attributes:
        schemas: The schemas of the document that describe the value.
        definitions: The targets of their references.
        omit_none: True to leave out ``None`` even if ``null`` would be valid.
        alternatives: The ids of the schemas that need not hold, since others may.
    """

    schemas: tuple[Any, ...]
    definitions: Definitions
    omit_none: bool = False
    alternatives: frozenset[int] = frozenset()

    @property
    def key(self) -> tuple[frozenset[int], frozenset[int]]:
        """Its key among the policies of the same document."""
        return frozenset(map(id, self.schemas)), self.alternatives

    def of_class(self, name: str) -> NullPolicy:
        """Return the policy of a value whose class has the name of a schema."""
        return self._with(self._parts(name))

    def leaves_out(self, name: str) -> bool:
        """Return true if a member that is ``None`` must be left out; see `of_class`."""
        members = list(self._members(name))
        certain = [schema for schema, is_alternative in members if not is_alternative]
        if any(self._requires_null(part, name, certain) for part in self.schemas):
            return False
        schemas = [schema for schema, _ in members]
        return bool(schemas) and (self.omit_none or any(map(self._rejects_null, schemas)))

    def member(self, name: str) -> NullPolicy:
        """Return the policy of a member; see `of_class`."""
        return self._with(self._members(name))

    def item(self, index: int | None = None) -> NullPolicy:
        """Return the policy of the items of a list, or of the item at ``index`` of a tuple."""
        return self._with(self._items(index))

    def value(self) -> NullPolicy:
        """Return the policy of the values of a mapping."""
        return self._with(self._values())

    def _with(self, candidates: Iterable[_Candidate]) -> NullPolicy:
        if not self.schemas:
            return self
        parts = list(candidates)
        alternatives = frozenset(id(schema) for schema, is_alternative in parts if is_alternative)
        schemas = tuple(schema for schema, _ in parts)
        return attrs.evolve(self, schemas=schemas, alternatives=alternatives)

    def _members(self, name: str) -> Iterator[_Candidate]:
        for part in self.schemas:
            for schema in _of_member(part, name):
                yield schema, id(part) in self.alternatives

    def _items(self, index: int | None) -> Iterator[_Candidate]:
        for part, is_alternative in self._parts():
            first = part.get("prefixItems", ())
            if index is not None and index < len(first):
                yield first[index], is_alternative
            elif "items" in part:
                yield part["items"], is_alternative

    def _values(self) -> Iterator[_Candidate]:
        for part, is_alternative in self._parts():
            for keyword in ("additionalProperties", "unevaluatedProperties"):
                if keyword in part:
                    yield part[keyword], is_alternative
            for each in part.get("patternProperties", {}).values():
                yield each, is_alternative

    def _parts(self, name: str | None = None) -> Iterator[tuple[dict[str, Any], bool]]:
        """Yield the schemas and their parts, those of a class if it has a name."""
        schemas = [(schema, id(schema) in self.alternatives) for schema in self.schemas]
        return composed_of(
            schemas, self.definitions, choose=lambda branches: _matching_branches(branches, name)
        )

    def _requires_null(self, part: dict[str, Any], name: str, certain: Sequence[Any]) -> bool:
        """Return true if a schema requires a member, so that ``None`` must be sent as ``null``.

        Args:
            part: The schema of the object.
            name: The name of the member.
            certain: The schemas of the member that are not alternatives.
        """
        if name not in part.get("required", ()):
            return False
        if id(part) not in self.alternatives:
            return True
        return not any(map(self._rejects_null, [*_of_member(part, name), *certain]))

    def _rejects_null(self, schema: Any) -> bool:
        plain = self.definitions.followed(schema)
        if isinstance(plain, dict) and "null" not in plain.get("type", "null"):
            return True  # the usual case, without compiling a schema
        return not SchemaCheck(schema, components=self.definitions).is_valid(None)


SEND_NULL: Final = NullPolicy((), definitions_of(None))
"""The policy without a document: ``None`` is sent as ``null``."""


def _of_member(part: dict[str, Any], name: str) -> Sequence[Any]:
    """Return the schema of a member in the schema of an object, if it has one."""
    if name in part.get("properties", ()):
        return [part["properties"][name]]
    return [part["additionalProperties"]] if "additionalProperties" in part else []


def _matching_branches(branches: Sequence[Any], name: str | None) -> Sequence[Any]:
    """Return the alternative schemas with the name ``name``, else all but ``null``."""
    named = [
        branch
        for branch in branches
        if isinstance(branch, dict) and str(branch.get("$ref", "")).rpartition("/")[2] == name
    ]
    return named or [branch for branch in branches if branch != {"type": "null"}]
