"""The property: members are sent in their declared order, whatever the class is made of."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.annotations import Param, rename
from photon_openapi.codec import encode, projection_of
from photon_openapi.codec._objects import is_native
from photon_openapi.schema import SchemaBuilder, members_of

NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True)


def sent(type_: Any, value: object) -> Any:
    projection = projection_of(type_)
    return json.loads(encode(value if projection is None else projection(value)))


@st.composite
def classes(draw: st.DrawFn) -> Any:
    """A class of two levels, with members in any order, with and without slots."""
    names = draw(NAMES)
    middle = draw(st.integers(0, len(names)))
    kind = draw(st.sampled_from(["attrs", "dataclass", "struct"]))
    cls: Any = object if kind != "struct" else msgspec.Struct
    for part in (names[:middle], names[middle:]):
        if kind == "attrs":
            fields = {name: attrs.field(type=int, init=draw(st.booleans())) for name in part}
            cls = attrs.make_class("C", fields, bases=(cls,), slots=draw(st.booleans()))
        elif kind == "dataclass":
            pairs = [(name, int) for name in part]
            cls = dataclasses.make_dataclass("C", pairs, bases=(cls,), slots=draw(st.booleans()))
        else:
            cls = msgspec.defstruct("C", [(name, int) for name in part], bases=(cls,))
    return cls


@given(classes(), st.data())
def test_members_are_sent_in_their_declared_order(cls: Any, data: st.DataObject) -> None:
    members = members_of(cls) or ()
    values = {member.name: index for index, member in enumerate(members)}
    value = cls(**{member.name: values[member.name] for member in members if member.argument})
    for member in data.draw(st.permutations(members)):
        if member.argument is None:
            object.__setattr__(value, member.name, values[member.name])
    assert list(sent(cls, value)) == list(values)
    assert list(SchemaBuilder()._component(cls)["properties"]) == list(values)
    assert sent(list[cls], [value, value]) == [values, values]


@attrs.frozen
class Base:
    zone: int
    age_years: Annotated[int, Param(name="ageYears")]


@attrs.frozen
class Derived(Base):
    mid: str | msgspec.UnsetType = msgspec.UNSET
    base: Base | msgspec.UnsetType | None = None


class Typed(TypedDict, total=False):
    z: int
    m: int
    a: int


@rename("camel")
@attrs.frozen
class Holder:
    first_one: Derived
    all_of: list[Base]


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        (Derived, Derived(1, 2), '{"zone":1,"ageYears":2,"base":null}'),
        (
            Derived,
            Derived(1, 2, "m", Base(3, 4)),
            '{"zone":1,"ageYears":2,"mid":"m","base":{"zone":3,"ageYears":4}}',
        ),
        (Derived, Derived(1, 2, base=msgspec.UNSET), '{"zone":1,"ageYears":2}'),
        (
            Holder,
            Holder(Derived(1, 2, base=msgspec.UNSET), [Derived(3, 4)]),
            '{"firstOne":{"zone":1,"ageYears":2},"allOf":[{"zone":3,"ageYears":4}]}',
        ),
        (Base | None, Derived(1, 2), '{"zone":1,"ageYears":2}'),
        (dict[str, Base], {"a": Base(1, 2)}, '{"a":{"zone":1,"ageYears":2}}'),
        (tuple[Base, int], (Base(1, 2), 3), '[{"zone":1,"ageYears":2},3]'),
    ],
)
def test_order_names_and_absent_values_hold_at_every_depth(
    type_: Any, value: object, text: str
) -> None:
    projection = projection_of(type_)
    assert projection is not None
    assert encode(projection(value)).decode() == text


def test_only_objects_with_another_form_are_made_mappings() -> None:
    def is_sent_by_msgspec(cls: type, names: Sequence[str]) -> bool:
        members = members_of(cls)
        assert members is not None
        assert [member.name for member in members] == names
        return is_native(cls, members)

    ordered_fields = {"a": attrs.field(type=int), "b": attrs.field(type=int)}
    ordered = attrs.make_class("ordered", ordered_fields, slots=True)
    fields = {"b": attrs.field(type=int), "a": attrs.field(type=int)}
    other = attrs.make_class("other", fields, slots=True)
    assert is_sent_by_msgspec(ordered, ["a", "b"])
    assert not is_sent_by_msgspec(other, ["b", "a"])
    loose = attrs.make_class("loose", {"b": attrs.field(), "a": attrs.field()}, slots=False)
    assert not is_sent_by_msgspec(loose, ["b", "a"])
    single = attrs.make_class("single", {"a": attrs.field()}, slots=False)
    assert is_sent_by_msgspec(single, ["a"])


def test_the_order_of_a_body_is_not_that_of_a_result() -> None:
    @attrs.define(slots=False)
    class Loose:
        b: int
        a: int = 1

    received = msgspec.json.decode(b'{"a": 2, "b": 1}', type=Loose)
    assert list(sent(Loose, received)) == ["b", "a"]


def test_keyword_only_members_of_a_struct_keep_their_place() -> None:
    class Parent(msgspec.Struct, kw_only=True):
        zone: int
        name: str

    class Child(Parent):
        age: int

    value = Child(3, zone=1, name="a")
    assert [member.name for member in members_of(Child) or ()] == ["zone", "name", "age"]
    assert list(sent(Child, value)) == ["zone", "name", "age"]


def test_members_of_a_mapping_are_sent_in_the_order_of_its_class() -> None:
    assert list(sent(Typed, {"a": 1, "z": 2, "m": 3})) == ["z", "m", "a"]
    assert list(sent(Typed, {"a": 1, "m": 3})) == ["m", "a"]
    ordered = {"z": 1, "a": 2}
    projection = projection_of(Typed)
    assert projection is not None
    assert projection(ordered) is ordered


def test_private_members_of_a_struct_are_not_sent() -> None:
    class Account(msgspec.Struct):
        name: str
        _secret: str = "hush"

    assert sent(Account, Account("ada")) == {"name": "ada"}
