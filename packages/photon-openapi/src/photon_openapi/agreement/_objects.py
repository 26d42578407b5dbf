"""The comparison of an object of a schema with a class.

What is received must keep every member that the schema describes, and must not require more. What
is sent must have the members that the schema requires, and no others where it allows none. Members
are matched by their names on the wire, or as `match_spelling` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from ..annotations import plain_type, split_annotation, without_none
from ..schema import match_spelling
from ._kinds import Direction, Kind, NamedMember, Node
from ._nearest import hint, nearest, shown_type
from ._type_kinds import TypeNode


@attrs.define
class ObjectComparison:
    """Compares an object of a schema with one of a class.

    Attributes:
        schema: The kind of the schema.
        type_: The kind of the class.
        direction: The direction of the values.
        tags: The names of members whose values a discriminator restricts, which is not compared.
        fills_defaults: True if defaults of the schema replace missing members.
        inner: The parts that must be compared, too: of the schema, and of the class.
        spelling: The names of the schema of members that are spelled otherwise, by attribute.
        matched: The member of the class for each of the schema.
        others: The members of the class without one of the schema.
    """

    schema: Kind
    type_: Kind
    direction: Direction
    tags: frozenset[str] = frozenset()
    fills_defaults: bool = False
    inner: list[tuple[object, object]] = attrs.field(factory=list, init=False)
    spelling: dict[str, str] = attrs.field(factory=dict, init=False)
    matched: Mapping[str, NamedMember] = attrs.field(factory=dict, init=False)
    others: list[NamedMember] = attrs.field(factory=list, init=False)

    def differences(self) -> Iterator[str]:
        """Yield what is known not to fit, except for the inner parts."""
        self._match()
        if self.direction == "received":
            for name, member in self._declared.items():
                yield from self._received(name, member)
            yield from self._never_filled()
            if isinstance(self.schema.others, Node) and not self._keeps_others:
                yield (
                    f"{self._cls} has no place for the other members that the document allows, so "
                    "that they would be lost: annotate a dict"
                )
        else:
            for name, member in self._declared.items():
                yield from self._sent(name, member)
            yield from self._undeclared()

    @property
    def _declared(self) -> Mapping[str, NamedMember]:
        return self.schema.members or {}

    @property
    def _unmatched(self) -> list[str]:
        return [name for name in self._declared if name not in self.matched]

    @property
    def _keeps_others(self) -> bool:
        """Whether the class keeps members that it does not declare."""
        return self.type_.others is not None

    @property
    def _cls(self) -> str:
        return shown_type(self.type_.cls)

    def _attribute(self, member: NamedMember) -> str:
        return f"{self._cls}.{member.attribute or member.name}"

    def _match(self) -> None:
        named, declared = self.type_.members or {}, self._declared
        by_attribute = {
            each.attribute: each
            for each in named.values()
            if each.attribute is not None and each.name not in declared
        }
        same = named.keys() & declared.keys()
        self.spelling = match_spelling(
            by_attribute, [each for each in declared if each not in same]
        )
        by_spelling = {wire: by_attribute[name] for name, wire in self.spelling.items()}
        self.matched = {name: named[name] for name in declared if name in same} | by_spelling
        used = {id(each) for each in self.matched.values()}
        self.others = [each for each in named.values() if id(each) not in used]

    # -- received -----------------------------------------------------------------------------

    def _received(self, name: str, member: NamedMember) -> Iterator[str]:
        own = self.matched.get(name)
        if own is None or not own.is_settable:
            if not (member.is_ignored or self._keeps_others) and _has_values(member):
                free = [each.name for each in self.others]
                yield (
                    f"{self._cls} has no member for {name!r}, so that its values would be lost"
                    f"{hint(name, free, 'it has')}"
                )
            return
        is_filled = member.has_default and self.fills_defaults
        if own.is_required and not (member.is_required or is_filled):
            yield (
                f"{self._attribute(own)} is required, and the document does not require {name!r}: "
                "give the member a default, or require it in the document"
            )
        if name not in self.tags:
            self.inner.append((member.node, own.node))

    def _never_filled(self) -> Iterator[str]:
        for own in self.others:
            nearest_names = hint(own.name, self._unmatched, "the document has")
            if own.is_settable and own.is_required:
                yield (
                    f"{self._attribute(own)} is required, and the document has no such member, so "
                    f"that valid requests would be refused{nearest_names}"
                )
            elif own.is_settable and self.schema.others is False:
                yield (
                    f"{self._attribute(own)} would never be filled: the document has no such "
                    f"member, and allows no others{nearest_names}"
                )

    # -- sent ---------------------------------------------------------------------------------

    def _sent(self, name: str, member: NamedMember) -> Iterator[str]:
        own = self.matched.get(name)
        if own is None:
            if member.is_required and member.is_settable and not self._keeps_others:
                free = [each.name for each in self.others]
                yield (
                    f"{self._cls} has no member for {name!r}, which the document requires"
                    f"{hint(name, free, 'it has')}"
                )
            return
        if member.is_required and not own.is_sent:
            yield f"{self._attribute(own)} may be missing, and the document requires {name!r}"
        if name not in self.tags:
            self.inner.append((member.node, own.node if member.is_required else _present(own)))

    def _undeclared(self) -> Iterator[str]:
        for own in self.others:
            near = nearest(own.name, self._unmatched)
            if self.schema.others is False and not _may_be_left_out(own):
                yield (
                    f"{self._attribute(own)} is not allowed: the document has no such member, and "
                    f"allows no others{hint(own.name, self._unmatched, 'it has')}"
                )
            elif near is not None:
                yield (
                    f"{self._attribute(own)} is not a member of the document, which has {near!r}: "
                    "is that meant?"
                )
            else:
                self.inner.append((self.schema.others, _present(own)))


def _present(member: NamedMember) -> Any:
    """Return the node without ``None``: `NullPolicy` leaves it out where it is not allowed."""
    node = member.node
    if not isinstance(node, TypeNode):
        return node
    return node.within(without_none(plain_type(split_annotation(node.type).type)))


def _may_be_left_out(member: NamedMember) -> bool:
    return not member.is_sent or any(each.type == "null" for each in member.node.kinds)


def _has_values(member: NamedMember) -> bool:
    """Return true if a member can have other values than ``null``."""
    kinds = member.node.kinds
    return not kinds or any(each.type != "null" for each in kinds)
