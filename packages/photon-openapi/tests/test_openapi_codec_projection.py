"""What leaves of a value: the members that the annotation names."""

import collections
import dataclasses
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.codec import NullPolicy
from photon_openapi.codec._projection import Projections, projection_of
from photon_openapi.document import definitions_of

T = TypeVar("T")


@attrs.frozen
class Public:
    name: str
    age: int = 0
    _private: int = attrs.field(default=1, alias="private")


@attrs.frozen
class User(Public):
    password: str = "hush"


@attrs.frozen
class Page(Generic[T]):
    items: list[T]
    total: int = 0


@attrs.frozen
class Team:
    lead: Public
    members: dict[str, Public] = attrs.field(factory=dict)
    above: "Team | None" = None


@attrs.define(slots=False)
class Loose:
    name: str


@dataclasses.dataclass
class Data:
    name: str


@dataclasses.dataclass
class MoreData(Data):
    secret: str = "hush"


class Named(TypedDict):
    name: str


class Pair(NamedTuple):
    left: Public
    right: int


@attrs.frozen
class Cat:
    lives: int
    name: str


@attrs.frozen
class Litter:
    cats: list[Cat]
    father: "Cat | None"
    named: dict[str, Cat]


class Point(msgspec.Struct):
    y: int
    x: int


@attrs.frozen
class Dog:
    name: str
    barks: bool


class Row:
    """As a library of databases has it."""

    def __init__(self, **members: object) -> None:
        self.__dict__.update(members)


def left(type_: Any, value: object) -> Any:
    projection = projection_of(type_)
    return json.loads(msgspec.json.encode(value if projection is None else projection(value)))


USER = User("ada", 36)
SHOWN = {"name": "ada", "age": 36}
Name = NewType("Name", Public)


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (Public, USER, SHOWN),
        (Name, USER, SHOWN),
        (Public, Row(name="ada", age=36, password="hush"), SHOWN),
        (Public, {"name": "ada", "age": 36, "password": "hush"}, SHOWN),
        (Public, {"name": "ada"}, {"name": "ada"}),
        (list[Public], [Public("ada", 36), USER], [SHOWN, SHOWN]),
        (list[Public], (each for each in [USER]), [SHOWN]),
        (set[str] | list[Public], [USER], [SHOWN]),
        (list[Public], {1: Public("ada", 36)}.values(), [SHOWN]),
        (list[Public], collections.deque([Public("ada", 36)]), [SHOWN]),
        (dict[str, Public], MappingProxyType({"a": Public("ada", 36)}), {"a": SHOWN}),
        (dict[str, Public], {"a": USER}, {"a": SHOWN}),
        (Mapping[str, list[Public]], {"a": [USER]}, {"a": [SHOWN]}),
        (tuple[Public, int], (USER, 1), [SHOWN, 1]),
        (tuple[Public, ...], (USER,), [SHOWN]),
        (Pair, Pair(USER, 1), [SHOWN, 1]),
        (Page[Public], Page([USER], 1), {"items": [SHOWN], "total": 1}),
        (Public | None, USER, SHOWN),
        (Public | None, None, None),
        (Public | Literal["nobody"], "nobody", "nobody"),
        (Public | Literal["nobody"], USER, SHOWN),
        (Public | float, 3, 3),
        (Public | Cat, USER, SHOWN),
        (Cat | Dog, {"name": "rex", "barks": True, "chip": 1}, {"name": "rex", "barks": True}),
        (Cat | Dog, Row(name="tom", lives=9, chip=1), {"name": "tom", "lives": 9}),
        (Data, MoreData("ada"), {"name": "ada"}),
        (Named, {"name": "ada", "password": "hush"}, {"name": "ada"}),
        (Named, Row(name="ada", password="hush"), {"name": "ada"}),
        (list[int] | list[Public], [USER], [SHOWN]),
        (list[int] | list[Public], [1], [1]),
        (list[list[Public]] | list[Public], [USER], [SHOWN]),
        (
            Team,
            Team(USER, {"a": USER}, Team(USER)),
            {
                "lead": SHOWN,
                "members": {"a": SHOWN},
                "above": {"lead": SHOWN, "members": {}, "above": None},
            },
        ),
    ],
    ids=str,
)
def test_only_what_the_annotation_names_is_sent(type_: Any, value: object, expected: Any) -> None:
    assert left(type_, value) == expected


def test_what_is_put_on_an_instance_is_not_sent() -> None:
    loose, data = Loose("ada"), Data("ada")
    loose.password = data.password = "hush"  # type: ignore[attr-defined]
    assert left(Loose, loose) == left(Data, data) == {"name": "ada"}


def test_a_class_that_was_not_decorated_is_sent_as_its_base() -> None:
    class Derived(Public):
        pass

    assert left(Public, Derived("ada", 36)) == SHOWN


@pytest.mark.parametrize(
    "type_",
    [
        int,
        str,
        Any,
        object,
        None,
        dict,
        list,
        dict[str, object],
        list[int],
        tuple[int, str],
        Public | Any,
        Row,
        Iterator[int],
        T,
    ],
    ids=str,
)
def test_what_the_annotation_leaves_open_is_not_looked_at(type_: Any) -> None:
    assert projection_of(type_) is None


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Cat, Cat(9, "tom")),
        (Litter, Litter([Cat(9, "tom")], None, {"a": Cat(9, "kit")})),
        (list[Cat], [Cat(9, "tom")]),
        (Page[Cat], Page([Cat(9, "tom")])),
        (Named, {"name": "ada"}),
        (Public | None, None),
        (Point, Point(1, 2)),
    ],
    ids=str,
)
def test_what_is_exact_stays_itself(type_: Any, value: object) -> None:
    projection = projection_of(type_)
    assert projection is not None
    assert projection(value) is value


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (Public, Row(age=1), "a result of type Row has no 'name', a required member of Public"),
        (Public, 1, "a result of type int has no 'name'"),
        (list[Public], {"a": 1}, "a result of type dict does not match the handler's return type"),
        (list[Public], "ada", "a result of type str"),
        (list[Public], 1, "a result of type int"),
        (dict[str, Public], [1], "a result of type list"),
        (tuple[Public, int], 1, "a result of type int"),
        (Cat | Dog, {"name": "x"}, "a result of type dict"),
        (Public | None, 1, "a result of type int"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_an_error_that_names_no_values(
    type_: Any, value: object, message: str
) -> None:
    projection = projection_of(type_)
    assert projection is not None
    with pytest.raises(TypeError, match=message):
        projection(value)


SECRETS = st.recursive(
    st.just(User("ada", 36)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@given(SECRETS)
def test_no_nesting_lets_a_member_through(value: object) -> None:
    def type_of(value: object) -> Any:
        if isinstance(value, list):
            return list[int] if not value else list[_union([type_of(each) for each in value])]  # type: ignore[misc]
        if isinstance(value, dict):
            return dict[str, _union([type_of(each) for each in value.values()] or [int])]  # type: ignore[misc]
        return Public

    projection = projection_of(type_of(value))
    encoded = msgspec.json.encode(value if projection is None else projection(value))
    assert b"hush" not in encoded


def _union(types: list[Any]) -> Any:
    joined = types[0]
    for each in types[1:]:
        joined = joined | each
    return joined


@attrs.frozen
class Place:
    a: int
    b: str | None = None


def test_annotations_share_the_projections_of_their_classes() -> None:
    known = Projections()
    first = projection_of(Place, known=known)
    assert projection_of(Place, known=known) is first
    assert (
        projection_of(Place, NullPolicy((), definitions_of(None), True), known=known) is not first
    )


def test_an_error_in_a_class_is_raised_for_each_annotation_with_it() -> None:
    schema = {"properties": {"b": {"pattern": "("}}}
    policy = NullPolicy((schema,), definitions_of({"Place": schema}))
    known = Projections()
    for _ in range(2):
        with pytest.raises(ValueError, match="pattern"):
            projection_of(Place, policy, known=known)
