import dataclasses
import datetime
import decimal
import enum
import json
import sys
import types
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    TypedDict,
    TypeVar,
)

import attrs
import jsonschema
import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photon_openapi.annotations import SourceMarker
from photon_openapi.annotations._param import Param
from photon_openapi.codec._convert import make_converter
from photon_openapi.codec._json import JsonDecoder, encode
from photon_openapi.schema._schema import DECIMAL_PATTERN, SchemaBuilder

T = TypeVar("T")


class Marker(SourceMarker):
    """A marker of a source, as the router has them."""


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@attrs.define
class Item:
    """A thing for sale.

    This line is not the description.
    """

    name: str
    color: Color = Color.RED


@attrs.define
class Page(Generic[T]):
    items: list[T]
    total: Annotated[int, Param(ge=0)] = 0


@attrs.define
class Tree:
    value: int
    children: list["Tree"] = attrs.Factory(list)
    parent: "Tree | None" = None


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)


class Options(TypedDict):
    size: int
    note: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str = "r"


def schema_of(type_: Any) -> dict[str, Any]:
    return SchemaBuilder().schema(type_)


@pytest.mark.parametrize(
    ("type_", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (bytes, {"type": "string", "contentEncoding": "base64"}),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (datetime.date, {"type": "string", "format": "date"}),
        (datetime.time, {"type": "string", "format": "time"}),
        (datetime.timedelta, {"type": "string", "format": "duration"}),
        (uuid.UUID, {"type": "string", "format": "uuid"}),
        (
            decimal.Decimal,
            {"type": ["string", "number"], "format": "decimal", "pattern": DECIMAL_PATTERN},
        ),
        (Any, {}),
        (object, {}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[int], {"type": "array", "items": {"type": "integer"}}),
        (Iterable[int], {"type": "array", "items": {"type": "integer"}}),
        (list, {"type": "array"}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
            },
        ),
        (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Mapping[str, Any], {"type": "object"}),
        (
            dict[uuid.UUID, Any],
            {"type": "object", "propertyNames": {"format": "uuid"}},
        ),
        (int | None, {"type": ["integer", "null"]}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1, None], {"type": ["string", "integer", "null"], "enum": ["a", 1, None]}),
        (NewType("UserId", int), {"type": "integer"}),
        (Annotated[int, Marker()], {"type": "integer"}),
        (
            Annotated[int, Param(ge=1, lt=9)],
            {"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
        ),
        (
            Annotated[list[int], Param(min_length=1)],
            {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        ),
        (Annotated[str | None, Param(max_length=3)], {"type": ["string", "null"], "maxLength": 3}),
        (Annotated[str, msgspec.Meta(pattern="^a")], {"type": "string", "pattern": "^a"}),
        (
            Annotated[int, Param(example=4, deprecated=True)],
            {"type": "integer", "examples": [4], "deprecated": True},
        ),
    ],
    ids=str,
)
def test_a_type_has_the_schema_that_people_expect(type_: Any, schema: dict[str, Any]) -> None:
    assert schema_of(type_) == schema


@attrs.define
class Everything:
    text: str
    number: float
    count: int
    truth: bool
    raw: bytes
    when: datetime.datetime
    day: datetime.date
    clock: datetime.time
    span: datetime.timedelta
    key: uuid.UUID
    money: decimal.Decimal
    color: Color
    level: Level
    choice: Literal["x", 2, None]
    maybe: int | None
    either: int | str
    numbers: list[int]
    unique: frozenset[int]
    pair: tuple[int, str]
    by_number: dict[int, str]
    by_day: dict[datetime.date, int]
    by_color: dict[Color, int]
    named: Pair
    point: Point
    options: Options
    tree: Tree
    page: Page[Item]


finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
zones = st.sampled_from([None, datetime.UTC])
trees = st.recursive(
    st.builds(Tree, st.integers(-9, 9), st.just([]), st.none()),
    lambda inner: st.builds(Tree, st.integers(-9, 9), st.lists(inner, max_size=2), inner),
    max_leaves=4,
)
everything = st.builds(
    Everything,
    text=texts,
    number=finite,
    count=st.integers(-(2**63), 2**64 - 1),
    truth=st.booleans(),
    raw=st.binary(max_size=8),
    when=st.datetimes(timezones=zones),
    day=st.dates(),
    clock=st.times(),
    span=st.timedeltas(datetime.timedelta(days=-9999), datetime.timedelta(days=9999)),
    key=st.uuids(),
    money=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9),
    color=st.sampled_from(Color),
    level=st.sampled_from(Level),
    choice=st.sampled_from(["x", 2, None]),
    maybe=st.none() | st.integers(0, 9),
    either=st.integers(0, 9) | texts,
    numbers=st.lists(st.integers(0, 99), max_size=3),
    unique=st.frozensets(st.integers(0, 99), max_size=3),
    pair=st.tuples(st.integers(0, 9), texts),
    by_number=st.dictionaries(st.integers(-9, 9), texts, max_size=2),
    by_day=st.dictionaries(st.dates(), st.integers(0, 9), max_size=2),
    by_color=st.dictionaries(st.sampled_from(Color), st.integers(0, 9)),
    named=st.builds(Pair, st.integers(0, 9), texts),
    point=st.builds(Point, finite, finite, st.lists(texts, max_size=2)),
    options=st.fixed_dictionaries({"size": st.integers(0, 9)}, optional={"note": texts}),
    tree=trees,
    page=st.builds(Page, st.lists(st.builds(Item, texts, st.sampled_from(Color)), max_size=2)),
)
BUILDER = SchemaBuilder()
REFERENCE = BUILDER.schema(Everything)
ROOT = {**REFERENCE, "components": {"schemas": BUILDER.components}}
REFERENCE_VALIDATOR = jsonschema.Draft202012Validator(ROOT)
VERDICT = jsonschema_rs.Draft202012Validator(ROOT)
BODY = JsonDecoder(Everything, schema=REFERENCE, components=BUILDER.components)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(everything)
def test_what_is_encoded_fits_the_schema_and_comes_back(value: Everything) -> None:
    data = encode(value)
    plain = json.loads(data)
    REFERENCE_VALIDATOR.validate(plain)
    assert VERDICT.is_valid(plain)
    assert BODY.decode(data) == value


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(everything, st.data())
def test_both_validators_give_one_check_on_damaged_values(
    value: Everything, data: st.DataObject
) -> None:
    plain = json.loads(encode(value))
    name = data.draw(st.sampled_from(sorted(plain)))
    plain[name] = data.draw(
        st.none() | st.booleans() | st.integers(-5, 5) | texts | st.lists(st.integers(0, 3))
    )
    assert VERDICT.is_valid(plain) == REFERENCE_VALIDATOR.is_valid(plain)


POSTPONED = """
from __future__ import annotations
from typing import NotRequired, Required, TypedDict

class Half(TypedDict):
    a: Required[int]
    b: NotRequired[str]

class Loose(TypedDict, total=False):
    a: Required[int]
    b: str
"""


@pytest.mark.parametrize("name", ["Half", "Loose"])
def test_members_of_a_typed_dict_are_required_as_their_annotations_say(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # Where annotations are texts Python itself mistakes which keys are required.
    module = types.ModuleType("postponed_of_tests")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(POSTPONED, module.__dict__)
    type_ = getattr(module, name)
    builder = SchemaBuilder()
    schema = builder.schema(type_)
    assert builder.components[name]["required"] == ["a"]
    body = JsonDecoder(type_, schema=schema, components=builder.components)
    for decode in (body.decode, lambda data: make_converter().structure(json.loads(data), type_)):
        assert decode(b'{"a":1}') == {"a": 1}
        with pytest.raises(Exception, match=r"missing|structuring"):
            decode(b'{"b":"x"}')
