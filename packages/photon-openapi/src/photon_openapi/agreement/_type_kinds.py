"""The kinds of a type of Python, by the direction of its values.

Received values are those that the decoder makes the type of; sent values are those that the encoder
writes. They differ for a ``Decimal``, which is received as a number, too, and for members with
defaults, which need not be received and are always sent.

Only what the type itself refuses counts. Constraints and validators do not: they may be narrower
than a document on purpose, and cannot be compared.
"""

from __future__ import annotations

import decimal
import enum
import functools
import typing
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import attrs
import msgspec

from ..annotations import origin_of, plain_type, split_annotation, union_members
from ..document import definitions_of
from ..schema import (
    SCALARS,
    Member,
    PydanticAttribute,
    SchemaBuilder,
    accepts_more,
    is_list_like,
    is_named_tuple,
    is_pydantic,
    mapper_of,
    members_of,
    plain_choice,
    sent_members_of,
    takes_others,
    types_of,
)
from ._kinds import ANY, Direction, Kind, NamedMember
from ._schema_kinds import SCALAR_NAMES, SchemaNode


@attrs.frozen(eq=False)
class TypeNode:
    """A type of Python.

    Attributes:
        type: The annotation.
        direction: ``received`` or ``sent``.
        opaque: Types that take any value: files of forms.
        is_foreign: True within a class whose library reads its members itself, and may read them
            from more than the types of Photon.
        fills_defaults: True if defaults of the schema replace missing members.
    """

    type: Any
    direction: Direction
    opaque: tuple[Any, ...] = ()
    is_foreign: bool = False
    fills_defaults: bool = False

    @property
    def key(self) -> Hashable:
        """What distinguishes it."""
        plain = plain_type(self.type)
        return plain if isinstance(plain, typing.Hashable) else id(plain), self.is_foreign

    @functools.cached_property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of its values.

        Raises:
            TypeError: The type, or a part of it that is not a class, has no form in JSON.
        """
        return list(self._kinds(plain_type(split_annotation(self.type).type)))

    def within(self, type_: Any) -> TypeNode:
        """Return the node of a part of this type."""
        return attrs.evolve(self, type=type_)

    def _kinds(self, plain: Any) -> Iterator[Kind]:
        if isinstance(plain, TypeVar):
            plain = plain.__bound__ or object
        members = union_members(plain)
        if members is not None:
            for each in members:
                if each is not msgspec.UnsetType:  # a member that is not sent
                    yield from self.within(each).kinds
        elif plain in (Any, object) or _is_in(plain, self.opaque):
            yield Kind(ANY, cls=plain)
        elif _is_in(plain, SCALARS):
            is_read = self.is_foreign and "format" in SCALARS[plain]
            yield from [Kind(ANY, cls=plain)] if is_read else self._scalar(plain)
        else:
            yield from self._composed(plain)

    def _composed(self, plain: Any) -> Iterator[Kind]:
        if origin_of(plain) is Literal:
            yield from _choices(plain, typing.get_args(plain))
        elif isinstance(plain, type) and issubclass(plain, enum.Enum):
            yield from _choices(plain, list(plain))
        elif members_of(plain) is not None:
            yield self._class(plain)
        else:
            yield from self._container(plain)

    def _scalar(self, plain: Any) -> Iterator[Kind]:
        schema = SCALARS[plain]
        types = types_of(schema)
        if plain is decimal.Decimal and self.direction == "sent":
            types = ["string"]
        for type_ in types:
            yield Kind(
                type_,
                values=(False, True) if type_ == "boolean" else None,
                format=schema.get("format", schema.get("contentEncoding")),
                cls=plain,
            )

    def _container(self, plain: Any) -> Iterator[Kind]:
        origin, arguments = origin_of(plain) or plain, typing.get_args(plain)
        if isinstance(origin, type) and issubclass(origin, tuple):
            yield self._tuple(plain, arguments)
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            others = self.within(arguments[1]) if len(arguments) > 1 else None
            yield Kind("object", others=others, cls=plain)
        elif is_list_like(plain):
            items = self.within(arguments[0]) if arguments else None
            yield Kind("array", items=items, cls=plain)
        elif self.is_foreign:
            yield Kind(ANY, cls=plain)
        else:
            builder = SchemaBuilder()
            schema = builder.schema(plain)
            for kind in SchemaNode(schema, definitions_of(builder.components)).kinds:
                yield attrs.evolve(kind, cls=plain)

    def _tuple(self, plain: Any, arguments: tuple[Any, ...]) -> Kind:
        if arguments[-1:] == (Ellipsis,):
            return Kind("array", items=self.within(arguments[0]), cls=plain)
        first = [self.within(each) for each in arguments]
        return Kind("array", first=first, length=(len(first), len(first)), cls=plain)

    def _class(self, plain: Any) -> Kind:
        members = self._members_of(plain)
        if is_named_tuple(origin_of(plain) or plain):
            least = len(members)
            if self.direction == "received":
                least = sum(each.required for each in members)
            first = [self.within(each.type) for each in members]
            return Kind("array", first=first, length=(least, len(members)), cls=plain)
        inner = attrs.evolve(self, is_foreign=True) if is_pydantic(plain) else self
        named = [inner._member(plain, each) for each in members if not each.is_private]
        return Kind(
            "object",
            members={each.name: each for each in named},
            others=self.within(object) if is_pydantic(plain) and takes_others(plain) else None,
            cls=plain,
            names=frozenset((_name(plain),)),
        )

    def _members_of(self, plain: Any) -> Sequence[Member]:
        """Return the members of a class, which may have others where it is sent."""
        members = sent_members_of(plain) if self.direction == "sent" else members_of(plain)
        return members or ()

    def _member(self, plain: Any, member: Member) -> NamedMember:
        is_free = typing.is_typeddict(origin_of(plain) or plain) and not member.required
        is_free |= member.may_be_unset
        is_opaque = self.direction == "received" and (member.converts or _reads_more(member))
        return NamedMember(
            member.wire_name,
            self.within(object if is_opaque else member.type),
            is_required=member.required,
            is_sent=not is_free,
            is_settable=member.argument is not None or mapper_of(plain) is not None,
            attribute=None if member.has_own_name else member.name,
        )


def _reads_more(member: Member) -> bool:
    return isinstance(member.attribute, PydanticAttribute) and accepts_more(member.attribute)


def _is_in(plain: Any, types: Any) -> bool:
    return isinstance(plain, typing.Hashable) and plain in types


def _name(plain: Any) -> str:
    return str(getattr(origin_of(plain) or plain, "__name__", plain))


def _choices(plain: Any, options: Sequence[object]) -> Iterator[Kind]:
    """Yield the kinds of a ``Literal`` or an enumeration."""
    values = [plain_choice(each) for each in options]
    names = {name: None for each in values for name in (SCALAR_NAMES.get(type(each)),)}
    for name in names:
        if name is None:  # in JSON it is something else
            yield Kind(ANY, cls=plain)
        else:
            own = tuple(each for each in values if SCALAR_NAMES.get(type(each)) == name)
            yield Kind(name, values=own, cls=plain)
