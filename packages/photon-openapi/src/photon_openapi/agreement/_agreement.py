"""The comparison of a schema of a document with a type of the code.

Theory of operation. Received values are those that the schema allows: each must fit in the type,
and none of their members may be lost. Sent values are those of the type: they must be valid. Both
sides are lists of kinds (`_kinds`), and each kind of the side that values come from must have one
on the other side that takes it.

Only a *known* difference is reported. Where a kind could be one of several alternatives, these are
tried; one that cannot match (its tag differs, or another has the name of the schema) does not
count, and if several remain, nothing is reported. Keywords that are not compared never lead to a
report. A type may be wider than its schema: the schema is validated at run time.

A pair of a schema and a type is compared once for all operations, so that the work is linear in the
document and the classes, and each difference is reported once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from ..annotations import (
    origin_of,
    plain_type,
    split_annotation,
    union_members,
    without_none,
)
from ..document import Definitions
from ..schema import types_of
from ._kinds import ANY, Direction, Kind, NamedMember
from ._nearest import shown_type
from ._objects import ObjectComparison
from ._scalars import scalar_difference, shown
from ._schema_kinds import SchemaNode
from ._type_kinds import TypeNode

_NUMBERS: Final = frozenset(("integer", "number"))


@attrs.define(eq=False)
class _Pair:
    """The result of one comparison.

    Attributes:
        pointer: The location of the schema.
        schema: The schema, which is kept as its identity is a key.
        differences: What does not fit at this level.
        spelling: The names of the schema of members that are spelled otherwise, by attribute.
        cls: The class with these members.
        inner: The results for the parts.
    """

    pointer: str
    schema: SchemaNode
    differences: list[str] = attrs.field(factory=list)
    spelling: Mapping[str, str] = attrs.field(factory=dict)
    cls: Any = None
    inner: list[_Pair] = attrs.field(factory=list)

    def all(self) -> Iterator[_Pair]:
        """Yield this result and all inside of it, each once."""
        seen: set[int] = set()
        pending = [self]
        while pending:
            pair = pending.pop()
            if id(pair) not in seen:
                seen.add(id(pair))
                yield pair
                pending += reversed(pair.inner)

    @property
    def fits(self) -> bool:
        """True if nothing is known not to fit."""
        return not any(pair.differences for pair in self.all())


@attrs.define
class Agreement:
    """Compares the schemas of one document with types.

    Attributes:
        definitions: The targets of references in the document.
    """

    definitions: Definitions
    _pairs: dict[object, _Pair] = attrs.field(factory=dict, init=False)
    _reported: set[int] = attrs.field(factory=set, init=False)

    @functools.cached_property
    def _tags(self) -> frozenset[str]:
        """The members whose values discriminators of the document restrict."""
        found = (
            part.value["discriminator"].get("propertyName")
            for part in self.definitions.parts
            if isinstance(part.value.get("discriminator"), dict)
        )
        return frozenset(each for each in found if isinstance(each, str))

    def differences(
        self,
        schema: Any,
        type_: Any,
        direction: Direction,
        pointer: str,
        *,
        opaque: Sequence[Any] = (),
    ) -> list[str]:
        """Return what is known not to fit, but what was returned before.

        Args:
            schema: A schema of the document.
            type_: The annotation.
            direction: ``received`` if values of the schema become the type, ``sent`` otherwise.
            pointer: The location of the schema in the document.
            opaque: Types that take any value.
        """
        return self._new_differences(self._compared(schema, type_, direction, pointer, opaque))

    def _new_differences(self, pair: _Pair) -> list[str]:
        found = []
        for each in pair.all():
            if id(each) not in self._reported:
                self._reported.add(id(each))
                found += [f"{each.pointer}: {text}" for text in each.differences]
        return list(dict.fromkeys(found))

    def parameter_differences(self, schema: Any, type_: Any, pointer: str) -> list[str]:
        """Return what is known not to fit in the type of a parameter, which is sent as text.

        Args:
            schema: The schema of the parameter.
            type_: The annotation; a parameter without a value is not compared.
            pointer: The location of the schema in the document.
        """
        node = SchemaNode(schema, self.definitions, pointer)
        read = TypeNode(without_none(type_), "received", (bytes,))
        if any(each.type == ANY for each in read.kinds):
            return []
        kinds = [each for each in node.kinds if each.type != "null"]  # no text is null
        types = {each.type for each in kinds}
        if types == {"array"} and _is_plain_list(self.definitions.followed(schema)):
            found = [text for each in kinds for text in self._list_differences(node, each, read)]
        elif types == {"object"}:
            is_object = any(each.type == "object" for each in read.kinds)
            filled = TypeNode(read.type, "received", fills_defaults=True)
            found = self._new_differences(self._pair(node, filled)) if is_object else []
        elif types & {ANY, "array", "object"}:  # what the text is depends on the type
            found = []
        else:
            found = [text for each in kinds for text in self._text_differences(node, each, read)]
        return list(dict.fromkeys(found))

    def _list_differences(self, node: SchemaNode, kind: Kind, read: TypeNode) -> list[str]:
        lists = [each for each in read.kinds if each.type == "array"]
        items = kind.items
        # The text of a list or an object in a list is not defined by any style.
        inner = items.kinds if isinstance(items, SchemaNode) else ()
        scalars = [each for each in inner if each.type not in ("array", "object")]
        if not lists:
            if inner and not scalars:
                return []
            return [
                f"{node.target}: the document has a list, and {shown_type(read.type)} takes one "
                "value: the others would be lost; annotate a list"
            ]
        own = lists[0].items
        if not isinstance(items, SchemaNode) or not isinstance(own, TypeNode) or len(lists) > 1:
            return []
        return [text for each in scalars for text in self._text_differences(items, each, own)]

    def _text_differences(self, node: SchemaNode, kind: Kind, read: TypeNode) -> list[str]:
        """Return what keeps text with the value of a schema from being read as a type."""
        options = read.kinds
        # Text is text, and one value is a list of one.
        if kind.type == ANY or any(each.type in (ANY, "array") for each in options):
            return []
        if any(map(_is_text, options)):
            return []
        pair = _Pair(node.target, node)
        self._place(pair, kind, options, functools.partial(self._compared_kinds, node, read))
        return [f"{each.pointer}: {text}" for each in pair.all() for text in each.differences]

    def spellings(
        self,
        schema: Any,
        type_: Any,
        direction: Direction,
        pointer: str,
        *,
        opaque: Sequence[Any] = (),
    ) -> dict[Any, Mapping[str, str]]:
        """Return the names of the document for members that are spelled otherwise.

        Args:
            schema: A schema of the document.
            type_: The annotation.
            direction: The direction of the values.
            pointer: The location of the schema in the document.
            opaque: Types that take any value.

        Returns:
            The names by class and attribute, for `ClassRules.names`.

        Raises:
            TypeError: One class has two schemas with different spellings.
        """
        result: dict[Any, Mapping[str, str]] = {}
        for pair in self._compared(schema, type_, direction, pointer, opaque).all():
            if pair.cls is None:
                continue
            cls = origin_of(pair.cls) or pair.cls
            names = result.setdefault(cls, pair.spelling)
            if any(names.get(name, wire) != wire for name, wire in pair.spelling.items()):
                raise TypeError(
                    f"{pair.pointer}: {shown_type(cls)} is also the class of a schema that spells "
                    "its members otherwise: write a class for each"
                )
            result[cls] = {**names, **pair.spelling}
        return {cls: names for cls, names in result.items() if names}

    # -- pairs --------------------------------------------------------------------------------

    def _compared(
        self,
        schema: Any,
        type_: Any,
        direction: Direction,
        pointer: str,
        opaque: Sequence[Any],
    ) -> _Pair:
        node = SchemaNode(schema, self.definitions, pointer)
        return self._pair(node, TypeNode(type_, direction, tuple(opaque)))

    def _pair(self, schema: SchemaNode, type_: TypeNode) -> _Pair:
        key = schema.key, type_.key, type_.direction, type_.opaque, type_.fills_defaults
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = _Pair(schema.target, schema)
            self._compare(pair, schema, type_)
        return pair

    def _compare(self, pair: _Pair, schema: SchemaNode, type_: TypeNode) -> None:
        try:
            options = type_.kinds
        except TypeError as error:
            pair.differences.append(str(error))
            return

        compare = functools.partial(self._compared_kinds, schema, type_)
        if type_.direction == "received":
            for kind in schema.kinds:
                self._place(pair, kind, options, compare)
        elif schema.kinds:
            for kind in options:
                self._place(pair, kind, schema.kinds, lambda own, other: compare(other, own))

    def _place(
        self,
        pair: _Pair,
        kind: Kind,
        options: Sequence[Kind],
        compare: Callable[[Kind, Kind], _Pair],
    ) -> None:
        """Find the kind of the other side that takes a kind, and note what does not fit.

        Args:
            pair: The result.
            kind: A kind of the side that values come from.
            options: The kinds of the other side.
            compare: Compares both.
        """
        if kind.type == ANY or not options or any(each.type == ANY for each in options):
            return
        possible = [each for each in options if _overlap(kind.type, each.type)]
        if not possible:
            listed = " or ".join(dict.fromkeys(map(shown, options)))
            is_type = kind.cls is not None
            one, other = ("the code has", "the document") if is_type else (
                "the document has", "the code"
            )  # fmt: skip
            where = "" if pair.schema.pointer == pair.pointer else f" (at {pair.schema.pointer})"
            pair.differences.append(f"{one} {shown(kind)}, and {other} {listed}{where}")
            return
        results = [(each, compare(kind, each)) for each in possible]
        fitting = next((result for _, result in results if result.fits), None)
        if fitting is not None:
            pair.inner.append(fitting)
        else:
            self._refuse(pair, kind, results)

    def _refuse(self, pair: _Pair, kind: Kind, results: list[tuple[Kind, _Pair]]) -> None:
        """Note why a kind fits in none of several."""
        if len(results) > 1:
            results = _meant(kind, results)
        if len(results) == 1:
            pair.inner.append(results[0][1])
        elif not results:
            name = " or ".join(sorted(kind.names)) or shown(kind)
            pair.differences.append(
                f"{name} is not one of the alternatives on the other side: they have other tags"
            )
        elif all(each.values is not None for each, _ in results):
            self._enumerations(pair, kind, [each for each, _ in results])

    def _enumerations(self, pair: _Pair, kind: Kind, options: Sequence[Kind]) -> None:
        """Note values that none of several enumerations has."""
        values = tuple(value for each in options for value in each.values or ())
        whole = attrs.evolve(options[0], values=values)
        schema, type_ = (whole, kind) if kind.cls is not None else (kind, whole)
        direction: Direction = "sent" if kind.cls is not None else "received"
        text = scalar_difference(schema, type_, direction)
        if text is not None:
            pair.differences.append(text)

    def _compared_kinds(
        self, node: SchemaNode, type_node: TypeNode, schema: Kind, type_: Kind
    ) -> _Pair:
        """Compare two kinds of the same JSON type."""
        pair = _Pair(node.target, node)
        self._kinds(pair, schema, type_, type_node)
        return pair

    def _kinds(self, pair: _Pair, schema: Kind, type_: Kind, node: TypeNode) -> None:
        if schema.type == "array":
            self._arrays(pair, schema, type_, node)
        elif schema.type == "object":
            self._objects(pair, schema, type_, node)
        else:
            text = scalar_difference(schema, type_, node.direction)
            if text is not None:
                pair.differences.append(f"{shown_type(type_.cls)}: {text}")

    def _inner(self, pair: _Pair, schema: Any, type_: Any) -> None:
        if isinstance(schema, SchemaNode) and isinstance(type_, TypeNode):
            pair.inner.append(self._pair(schema, type_))

    # -- arrays -------------------------------------------------------------------------------

    def _arrays(self, pair: _Pair, schema: Kind, type_: Kind, node: TypeNode) -> None:
        text = _length_difference(schema.length, type_.length, node.direction)
        if text is not None:
            pair.differences.append(f"{shown_type(type_.cls)}: {text}")
            return
        count = max(len(schema.first), len(type_.first))
        for index in range(count):
            one = schema.first[index] if index < len(schema.first) else schema.items
            other = type_.first[index] if index < len(type_.first) else type_.items
            self._inner(pair, one, other)
        if not type_.first:
            self._inner(pair, schema.items, type_.items)

    # -- objects ------------------------------------------------------------------------------

    def _objects(self, pair: _Pair, schema: Kind, type_: Kind, node: TypeNode) -> None:
        if type_.members is None:
            self._mapping(pair, schema, type_, node.direction)
        elif schema.members is not None:
            comparison = ObjectComparison(
                schema, type_, node.direction, self._tags, fills_defaults=node.fills_defaults
            )
            pair.differences += comparison.differences()
            pair.cls, pair.spelling = type_.cls, comparison.spelling
            for one, other in comparison.inner:
                self._inner(pair, one, other)

    def _mapping(self, pair: _Pair, schema: Kind, type_: Kind, direction: Direction) -> None:
        members = (schema.members or {}).values()
        values = type_.others
        if direction == "sent" and members and isinstance(values, TypeNode):
            # The values of one type are for all members: each may have its own.
            for each in members:
                if each.is_required:
                    self._one_of(pair, each.node, values)
            self._one_of(pair, schema.others, values)
            return
        for each in members:
            if direction == "received" or each.is_required:
                self._inner(pair, each.node, values)
        self._inner(pair, schema.others, values)

    def _one_of(self, pair: _Pair, schema: Any, type_: TypeNode) -> None:
        """Compare a schema with a type, of whose alternatives one must fit."""
        if isinstance(schema, SchemaNode):
            parts = union_members(plain_type(split_annotation(type_.type).type)) or ()
            results = [self._pair(schema, type_.within(each)) for each in parts]
            fitting = next((each for each in results if each.fits), None)
            pair.inner.append(self._pair(schema, type_) if fitting is None else fitting)


def _is_plain_list(schema: Any) -> bool:
    return isinstance(schema, dict) and "array" in types_of(schema)


def _is_text(kind: Kind) -> bool:
    return kind.type == "string" and kind.format is None and kind.values is None


def _overlap(one: str, other: str) -> bool:
    return one == other or {one, other} <= _NUMBERS


def _meant(kind: Kind, results: list[tuple[Kind, _Pair]]) -> list[tuple[Kind, _Pair]]:
    """Return the alternatives that can match."""
    named = [each for each in results if not each[0].names.isdisjoint(kind.names)]
    if len(named) == 1:
        return named
    return [each for each in results if not _has_other_tag(kind, each[0])]


def _has_other_tag(one: Kind, other: Kind) -> bool:
    """Return true if a member that the first object always has has no value of the other's."""
    if one.members is None or other.members is None:
        return False
    for name in one.members.keys() & other.members.keys():
        values, taken = _values(one.members[name]), _values(other.members[name])
        if values is None or taken is None or not one.members[name].is_sent:
            continue
        if not any(each in taken for each in values):
            return True
    return False


def _values(member: NamedMember) -> list[Any] | None:
    kinds = member.node.kinds
    if not kinds or any(each.values is None or each.type == "boolean" for each in kinds):
        return None
    return [value for each in kinds for value in each.values or ()]


def _length_difference(
    schema: tuple[int, int | None], type_: tuple[int, int | None], direction: Direction
) -> str | None:
    (least, most), (own_least, own_most) = schema, type_
    if direction == "received":
        if own_least > least or (own_most is not None and (most is None or most > own_most)):
            return f"it takes {_count(type_)} items, and the document allows {_count(schema)}"
    elif own_most is not None and (own_most < least or (most is not None and own_least > most)):
        return f"it has {_count(type_)} items, and the document allows {_count(schema)}"
    return None


def _count(length: tuple[int, int | None]) -> str:
    least, most = length
    if most is None:
        return f"{least} or more" if least else "any number of"
    return str(least) if least == most else f"{least} to {most}"
