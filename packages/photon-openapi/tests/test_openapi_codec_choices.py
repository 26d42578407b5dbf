"""Enumerations, flags, literals of their members, and classes that contain themselves."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
from typing import Any, Generic, Literal, Self, TypeVar

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.annotations import rename
from photon_openapi.codec import JsonDecoder, SchemaDecoder, encode, projection_of, text_converter
from photon_openapi.errors import ValidationError
from photon_openapi.schema import SchemaBuilder

T = TypeVar("T")


class Day(enum.Enum):
    FIRST = datetime.date(2020, 1, 2)
    SECOND = datetime.date(2021, 1, 2)


class Share(enum.Enum):
    HALF = 0.5
    ONE = 1.0


class Price(enum.Enum):
    LOW = decimal.Decimal("0.50")


class Pair(enum.Enum):
    A = (1, 2)


class Truth(enum.Enum):
    YES = True
    NOTHING = None


class Level(enum.IntEnum):
    LOW = 1


class Name(enum.StrEnum):
    ADA = "ada"


class Right(enum.Flag):
    READ = 1
    WRITE = 2
    OWN = 8


class Mask(enum.IntFlag):
    A = 1
    B = 2


class Wide(enum.Flag):
    A = 1
    B = 2
    C = 4
    D = 8
    E = 16
    F = 32
    G = 64
    H = 128
    I = 256  # noqa: E741


def decoders(type_: Any) -> list[Any]:
    builder = SchemaBuilder()
    schema = json.loads(json.dumps(builder.schema(type_)))
    components = json.loads(json.dumps(builder.components))
    return [
        JsonDecoder(type_, schema=schema, components=components),
        SchemaDecoder(schema, components=components, type_=type_),
    ]


def round_trip(type_: Any, value: object, plain: object) -> None:
    for decoder in decoders(type_):
        assert decoder.decode(json.dumps(plain).encode()) == value
    projection = projection_of(type_)
    assert json.loads(encode(value if projection is None else projection(value))) == plain


@pytest.mark.parametrize(
    ("member", "plain"),
    [
        (Day.SECOND, "2021-01-02"),
        (Share.HALF, 0.5),
        (Share.ONE, 1),
        (Share.ONE, 1.0),
        (Price.LOW, "0.50"),
        (Pair.A, [1, 2]),
        (Truth.YES, True),
        (Truth.NOTHING, None),
        (Level.LOW, 1),
        (Name.ADA, "ada"),
        (Right.WRITE, 2),
    ],
)
def test_members_and_literals_of_them_have_the_form_of_their_values(
    member: enum.Enum, plain: object
) -> None:
    literal = Literal[member]  # type: ignore[valid-type]  # computed
    holder = attrs.make_class("Holder", {"a": attrs.field(type=type(member))})
    choice = attrs.make_class("Choice", {"a": attrs.field(type=literal)})
    round_trip(type(member), member, plain)
    round_trip(literal, member, plain)
    round_trip(list[literal], [member], [plain])
    round_trip(holder, holder(member), {"a": plain})
    round_trip(choice, choice(member), {"a": plain})


@pytest.mark.parametrize("cls", [Day, Share, Price, Pair, Truth, Level, Name])
def test_other_values_are_refused(cls: type[enum.Enum]) -> None:
    for decoder in decoders(cls):
        with pytest.raises(ValidationError):
            decoder.decode(b'"other"')


@given(st.integers(-20, 600) | st.sampled_from([1.0, 0.5, "1", True]))
def test_a_flag_is_a_sum_of_its_members(value: Any) -> None:
    for cls, mask in ((Right, 11), (Mask, 3), (Wide, 511)):
        is_number = type(value) is int or (value == 1.0 and type(value) is float)
        is_valid = is_number and value >= 0 and not int(value) & ~mask
        for decoder in decoders(cls):
            try:
                assert decoder.decode(json.dumps(value).encode()) == cls(int(value))
            except ValidationError:
                assert not is_valid
            else:
                assert is_valid
        if is_valid:
            assert text_converter(cls)(str(int(value))) == cls(int(value))


def test_the_schema_of_a_flag_names_its_members() -> None:
    builder = SchemaBuilder()
    builder.schema(Right)
    builder.schema(Wide)
    assert builder.components["Right"] == {
        "description": "The sum of any of 1 (READ), 2 (WRITE), 8 (OWN).",
        "type": "integer",
        "enum": [0, 1, 2, 3, 8, 9, 10, 11],
    }
    assert builder.components["Wide"]["maximum"] == 511


@attrs.frozen
class Node:
    name: str
    kids: list[Self] = attrs.field(factory=list)
    parent: Self | None = None


@attrs.frozen
class Leaf(Node):
    size: int = 0


@dataclasses.dataclass
class Link:
    value: int
    next: Self | None = None


class Chain(msgspec.Struct):
    value: int
    by_name: dict[str, Self] = {}


@rename("camel")
@attrs.frozen
class Tree(Generic[T]):
    own_value: T
    sub_trees: tuple[Self, ...] = ()


@pytest.mark.parametrize(
    ("type_", "value", "plain"),
    [
        (
            Node,
            Node("a", [Node("b")], Node("c")),  # type: ignore[list-item, arg-type]
            {
                "name": "a",
                "kids": [{"name": "b", "kids": [], "parent": None}],
                "parent": {"name": "c", "kids": [], "parent": None},
            },
        ),
        (
            Leaf,
            Leaf("a", [Leaf("b", size=2)]),  # type: ignore[list-item]
            {
                "name": "a",
                "kids": [{"name": "b", "kids": [], "parent": None, "size": 2}],
                "parent": None,
                "size": 0,
            },
        ),
        (Link, Link(1, Link(2)), {"value": 1, "next": {"value": 2, "next": None}}),
        (
            Chain,
            Chain(1, {"a": Chain(2)}),
            {"value": 1, "by_name": {"a": {"value": 2, "by_name": {}}}},
        ),
        (
            Tree[int],
            Tree(1, (Tree(2),)),  # type: ignore[arg-type]
            {"ownValue": 1, "subTrees": [{"ownValue": 2, "subTrees": []}]},
        ),
    ],
    ids=["attrs", "inherited", "dataclass", "struct", "generic"],
)
def test_self_is_the_class_itself(type_: Any, value: object, plain: object) -> None:
    round_trip(type_, value, plain)


def test_self_of_a_generic_class_has_its_type() -> None:
    for decoder in decoders(Tree[int]):
        with pytest.raises(ValidationError, match="/subTrees/0/ownValue"):
            decoder.decode(b'{"ownValue": 1, "subTrees": [{"ownValue": "a"}]}')
