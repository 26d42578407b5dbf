import contextlib
import dataclasses
import datetime
import decimal
import enum
import json
import time
import uuid
from typing import Annotated, Any, Literal, TypedDict, cast

import attrs
import msgspec
import pytest
from attrs import validators
from hypothesis import given, settings
from hypothesis import strategies as st

from photon_openapi.annotations import SourceMarker, closed
from photon_openapi.annotations._param import Param
from photon_openapi.codec._json import JsonDecoder, SchemaDecoder, encode
from photon_openapi.codec._text import text_converter
from photon_openapi.errors import MalformedBody, ValidationError
from photon_openapi.schema import MAX_DEPTH
from photon_openapi.schema._schema import SchemaBuilder


class Marker(SourceMarker):
    """A marker of a source, as the router has them."""


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Mixed(enum.Enum):
    TEXT = "text"
    NUMBER = 1


@attrs.define
class Item:
    name: str
    price: float
    qty: int
    tags: list[str]


@attrs.define
class Order:
    id: int
    items: list[Item]
    note: str


@attrs.define
class CheckedItem:
    name: str
    price: Annotated[float, Param(ge=0)]
    qty: int
    tags: list[str]


@attrs.define
class CheckedOrder:
    id: int
    items: list[CheckedItem]
    note: str


@attrs.define
class ConvertedItem:
    name: str
    price: float
    qty: int
    tags: list[str] = attrs.field(converter=sorted)


@attrs.define
class ConvertedOrder:
    id: int
    items: list[ConvertedItem]
    note: str


@attrs.define
class Cat:
    lives: int


@attrs.define
class Dog:
    lives: int
    tricks: list[str]


@attrs.define
class Node:
    children: list["Node"] = attrs.Factory(list)


@attrs.define
class Money:
    amount: decimal.Decimal


@attrs.define
class Guarded:
    number: int = attrs.field()
    made: int = attrs.field(init=False, default=7)
    _secret: int = 1


@attrs.define
class Even:
    number: int = attrs.field()

    @number.validator
    def _check(self, attribute: object, value: int) -> None:
        if value % 2:
            raise ValueError("must be even")


@dataclasses.dataclass
class Point:
    x: float
    when: datetime.datetime


@dataclasses.dataclass
class Stored:
    title: str
    color: str = "red"
    size: int | None = None


class Options(TypedDict, total=False):
    size: int


def body_of(type_: Any) -> JsonDecoder:
    builder = SchemaBuilder()
    return JsonDecoder(type_, schema=builder.schema(type_), components=builder.components)


def faults_of(body: JsonDecoder | SchemaDecoder, data: bytes) -> list[tuple[str | None, str]]:
    with pytest.raises(ValidationError) as caught:
        body.decode(data)
    assert caught.value.status == 422
    return [(detail.pointer, detail.message) for detail in caught.value.errors]


def malformed(body: JsonDecoder | SchemaDecoder, data: bytes) -> str:
    with pytest.raises(MalformedBody) as caught:
        body.decode(data)
    assert caught.value.status == 400
    return caught.value.errors[0].message


ORDERS = {
    "direct": body_of(Order),
    "checked": body_of(CheckedOrder),
    "structured": body_of(ConvertedOrder),
}
EVERY_ROAD = pytest.mark.parametrize("body", ORDERS.values(), ids=ORDERS)
ORDER = {
    "id": 1,
    "items": [{"name": f"n{i}", "price": 1.5, "qty": i, "tags": ["b", "a"]} for i in range(5)],
    "note": "hello",
}


@pytest.mark.parametrize(
    ("type_", "road"),
    [
        (Order, "direct"),
        (Annotated[Order, Marker()], "direct"),
        (list[int], "direct"),
        (dict[str, Any], "direct"),
        (Point, "direct"),
        (Even, "direct"),
        (Annotated[int, msgspec.Meta(ge=1)], "checked"),
        (CheckedOrder, "checked"),
        (Annotated[list[int], Param(min_length=1)], "checked"),
        (Annotated[str, Param(description="only words")], "direct"),
        (Money, "checked"),
        (set[int], "checked"),
        (ConvertedOrder, "structured"),
        (Guarded, "structured"),
        (list[Guarded], "structured"),
        (Cat | Dog, "structured"),
        (Mixed, "structured"),
        (list[Annotated[decimal.Decimal, Param(ge=1)]], "structured"),
    ],
    ids=str,
)
def test_a_type_takes_the_shortest_road_that_keeps_its_schema(type_: Any, road: str) -> None:
    assert body_of(type_).strategy == road


@EVERY_ROAD
def test_a_body_is_decoded_into_its_type(body: JsonDecoder) -> None:
    order: Any = body.decode(json.dumps(ORDER).encode())
    assert isinstance(order, body.type)
    assert (order.items[4].qty, order.items[0].price) == (4, 1.5)
    assert sorted(order.items[0].tags) == ["a", "b"]


def test_attrs_converters_run() -> None:
    order: Any = ORDERS["structured"].decode(json.dumps(ORDER).encode())
    assert order.items[0].tags == ["a", "b"]


@EVERY_ROAD
def test_every_error_of_a_body_is_listed_on_every_road(body: JsonDecoder) -> None:
    wrong = {"items": [{"name": 1, "price": "x", "qty": 1.5}, 3], "note": None, "id": True}
    errors = faults_of(body, json.dumps(wrong).encode())
    expected = [
        ("/items/0/name", "expected string, got integer"),
        ("/items/0/price", "expected number, got string"),
        ("/items/0/qty", "expected integer, got number"),
        ("/items/0/tags", 'missing required member "tags"'),
        ("/items/1", "expected object, got integer"),
        ("/note", "expected string, got null"),
        ("/id", "expected integer, got boolean"),
    ]
    assert errors == expected


@EVERY_ROAD
@pytest.mark.parametrize("value", ["1", True, None, 1.5, [1]], ids=repr)
def test_nothing_is_coerced_to_an_integer(body: JsonDecoder, value: object) -> None:
    errors = faults_of(body, json.dumps({**ORDER, "id": value}).encode())
    assert [pointer for pointer, _ in errors] == ["/id"]


@EVERY_ROAD
@pytest.mark.parametrize("text", ["7.0", "7e0", "0.7e1", "70E-1"])
def test_a_whole_number_is_an_integer_however_it_is_written(body: JsonDecoder, text: str) -> None:
    order: Any = body.decode(json.dumps({**ORDER, "id": "ID"}).replace('"ID"', text).encode())
    assert (order.id, type(order.id)) == (7, int)
    without = [pointer for pointer, _ in faults_of(body, f'{{"id":{text}}}'.encode())]
    assert without == ["/items", "/note"]


@EVERY_ROAD
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not valid JSON: it ends too early"),
        (b'{"id": 1', "is not valid JSON: it ends too early"),
        (b'{\n  "id": x}', "is not valid JSON: invalid character at line 2, column 9"),
        (b'{"id": NaN}', "is not valid JSON: invalid character at line 1, column 8"),
        (b'{"id": -Infinity}', "is not valid JSON: invalid character at line 1, column 9"),
        (b"{} {}", "is not valid JSON: trailing characters at line 1, column 4"),
        (b"\xef\xbb\xbf{}", "is not valid JSON: invalid character at line 1, column 1"),
        (b'{"note": "\xff"}', "is not UTF-8"),
        (
            b'{"note": "\\ud800"}',
            "is not valid JSON: it ends too early, or escapes half of a surrogate pair",
        ),
        (b"[" * 100_000, "is nested more than 200 levels deep"),
        (b'{"a":' * 100_000, "is nested more than 200 levels deep"),
        (b"[" * 300 + b"]" * 300, "is nested more than 200 levels deep"),
    ],
    ids=lambda part: f"{part[:12]!r}{len(part)}",
)
def test_what_is_no_json_is_malformed(body: JsonDecoder, data: bytes, message: str) -> None:
    assert malformed(body, data) == message


@EVERY_ROAD
@pytest.mark.parametrize("data", [b"9" * 10_000_000, b'{"id":' + b"9" * 10_000_000 + b"}"])
def test_ten_million_digits_are_refused_quickly(body: JsonDecoder, data: bytes) -> None:
    started = time.process_time()
    assert [message for _, message in faults_of(body, data)] == ["Integer value out of range"]
    assert time.process_time() - started < 1.0


def test_a_recursive_type_is_decoded_down_to_the_limit() -> None:
    @attrs.define
    class Deep:
        size: Annotated[int, Param(ge=0)] = 0
        children: "list[Deep] | None" = None

    globals()["Deep"] = Deep
    body = body_of(Deep)
    assert body.strategy == "checked"
    levels = MAX_DEPTH // 2 - 1
    body.decode(b'{"children":[' * levels + b"{}" + b"]}" * levels)
    deeper = MAX_DEPTH
    assert "nested" in malformed(body, b'{"children":[' * deeper + b"{}" + b"]}" * deeper)


@pytest.mark.parametrize("type_", [Any, list, dict[str, Any], list[Node], Any | None], ids=str)
def test_the_limit_of_depth_holds_where_the_type_sets_none(type_: Any) -> None:
    body = body_of(type_)
    for text in ("[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300):
        assert "nested" in malformed(body, text.encode())
    flat: list[dict[str, list[int]]] = [{"children": []}] * 300
    if type_ != dict[str, Any]:
        assert len(cast("list[object]", body.decode(json.dumps(flat).encode()))) == 300


def test_a_deep_wrong_value_of_a_recursive_type_is_listed() -> None:
    levels = 40
    data = b'{"children":[' * levels + b'{"children":3}' + b"]}" * levels
    [(pointer, message)] = faults_of(body_of(Node), data)
    assert pointer == "/children/0" * levels + "/children"
    assert message == "expected array, got integer"


def test_a_validator_without_a_keyword_is_reported_with_its_place() -> None:
    body = body_of(list[Even])
    assert body.decode(b'[{"number":2}]') == [Even(2)]
    assert faults_of(body, b'[{"number":2},{"number":3}]') == [("/1/number", "must be even")]


def test_the_words_of_attrs_do_not_repeat_the_attribute() -> None:
    @attrs.define
    class Flagged:
        code: str = attrs.field(validator=validators.matches_re("(?i)abc"))

    [(_, message)] = faults_of(body_of(Flagged), b'{"code":"x"}')
    assert message.startswith("'code' must match regex")
    assert "Attribute(" not in message


def test_neither_private_nor_computed_members_can_be_set() -> None:
    guarded: Any = body_of(Guarded).decode(b'{"number":1,"_secret":5,"secret":5,"made":9}')
    assert guarded == Guarded(1)
    assert encode(guarded) == b'{"made":7,"number":1}'


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1_0", " 1", "1e99999", "x", ""])
def test_a_decimal_is_a_plain_finite_number(text: str) -> None:
    assert faults_of(body_of(Money), json.dumps({"amount": text}).encode()) == [
        ("/amount", "is not a decimal number")
    ]


def test_a_decimal_keeps_its_digits() -> None:
    body = body_of(Money)
    for data in (b'{"amount":"1.10"}', b'{"amount":1.10}'):
        assert encode(body.decode(data)) == b'{"amount":"1.10"}'


def test_bounds_of_a_decimal_hold_for_text() -> None:
    body = body_of(list[Annotated[decimal.Decimal, Param(ge=1)]])
    assert body.decode(b'["1.5", 2]') == [decimal.Decimal("1.5"), decimal.Decimal(2)]
    assert faults_of(body, b'["1.5", "0.5"]') == [("/1", "must be >= 1")]


def test_a_set_takes_no_item_twice() -> None:
    assert body_of(set[int]).decode(b"[1,2]") == {1, 2}
    assert faults_of(body_of(set[int]), b"[1,1]") == [("", "must not contain the same item twice")]


def test_unions_of_classes_are_distinguished() -> None:
    body = body_of(list[Cat | Dog | None])
    assert body.decode(b'[{"lives":9},{"lives":1,"tricks":["sit"]},null]') == [
        Cat(9),
        Dog(1, ["sit"]),
        None,
    ]
    assert faults_of(body, b'[{"lives":"9"},3]') == [
        ("/0/lives", "expected integer, got string"),
        ("/1", "expected object or null, got integer"),
    ]


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        (
            datetime.datetime,
            datetime.datetime(2024, 5, 31, tzinfo=datetime.UTC),
            '"2024-05-31T00:00:00Z"',
        ),
        (uuid.UUID, uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Color, Color.RED, '"red"'),
        (Mixed, Mixed.NUMBER, "1"),
        (bytes, b"hi", '"aGk="'),
        (dict[int, Color], {1: Color.BLUE}, '{"1":"blue"}'),
        (
            Point,
            Point(1.0, datetime.datetime(2024, 5, 31)),
            '{"x":1.0,"when":"2024-05-31T00:00:00"}',
        ),
        (Options, {"size": 1}, '{"size":1}'),
        (tuple[int, str], (1, "a"), '[1,"a"]'),
    ],
    ids=str,
)
def test_values_travel_both_ways(type_: Any, value: object, text: str) -> None:
    assert encode(value).decode() == text
    assert body_of(type_).decode(text.encode()) == value


def test_several_wrong_formats_are_listed_together() -> None:
    body = body_of(list[datetime.date | uuid.UUID] | dict[str, datetime.date])
    assert faults_of(body, b'{"a":"x","b":"2024-13-01"}') == [
        ("/a", "is not a valid date"),
        ("/b", "is not a valid date"),
    ]


def test_a_value_without_a_form_in_json_is_named() -> None:
    with pytest.raises(TypeError, match="a value of type complex cannot be encoded as JSON"):
        encode({"a": [complex(1)]})


PET = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "born": {"type": "string", "format": "date"},
        "next": {"$ref": "#/components/schemas/Pet"},
    },
    "required": ["id"],
}


@attrs.define
class Pet:
    id: int
    born: datetime.date | None = None


def pet_body(**options: Any) -> SchemaDecoder:
    return SchemaDecoder({"$ref": "#/components/schemas/Pet"}, components={"Pet": PET}, **options)


def test_a_schema_body_without_a_type_gives_plain_json() -> None:
    assert pet_body().decode(b'{"id":1.0,"more":[]}') == {"id": 1.0, "more": []}


def test_a_schema_body_is_converted_to_the_type_of_the_handler() -> None:
    assert pet_body(type_=Annotated[Pet, Marker()]).decode(b'{"id":1,"born":"2024-05-31"}') == Pet(
        1, datetime.date(2024, 5, 31)
    )
    assert pet_body(type_=Cat | Pet).decode(b'{"id":1}') == Pet(1)


def test_a_schema_body_lists_every_error_of_its_schema() -> None:
    assert faults_of(pet_body(type_=Pet), b'{"next":{"id":0}}') == [
        ("/next/id", "must be >= 1"),
        ("/id", 'missing required member "id"'),
    ]
    assert "valid JSON" in malformed(pet_body(), b"{")


def test_what_fits_the_schema_and_not_the_type_is_refused_in_words() -> None:
    assert faults_of(pet_body(type_=Pet), b'{"id":1,"born":"x"}') == [
        ("/born", "Invalid RFC3339 encoded date")
    ]


def test_a_schema_body_asserts_formats_on_demand() -> None:
    data = b'{"id":1,"born":"x"}'
    assert pet_body().decode(data)
    assert faults_of(pet_body(assert_formats=True), data) == [("/born", "is not a valid date")]


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([1.0, 1.5, "", "a", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "items", "note", "name", "price", "qty", "tags"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(plain | st.fixed_dictionaries({"id": plain, "items": st.lists(plain), "note": plain}))
def test_all_roads_accept_the_same_bodies(value: object) -> None:
    data = json.dumps(value).encode()
    outcomes = []
    for body in ORDERS.values():
        try:
            body.decode(data)
        except ValidationError as error:
            outcomes.append([(detail.pointer, detail.message) for detail in error.errors])
        else:
            outcomes.append([])
    negative = "must be >= 0"  # the one rule that only the second road has
    without = [[detail for detail in found if detail[1] != negative] for found in outcomes]
    assert without[0] == without[1] == without[2]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    for decode in (*[body.decode for body in ORDERS.values()], pet_body().decode):
        with contextlib.suppress(ValidationError):
            decode(data)


@attrs.define
class Keywords:
    default: decimal.Decimal = decimal.Decimal(1)
    examples: set[int] = attrs.field(factory=set)
    enum: list[decimal.Decimal] = attrs.field(factory=list)


@pytest.mark.parametrize(
    "data", [b'{"default":"NaN"}', b'{"examples":[1,1]}', b'{"enum":["Infinity"]}']
)
def test_members_with_the_name_of_a_keyword_are_checked_as_well(data: bytes) -> None:
    builder = SchemaBuilder()
    body = JsonDecoder(Keywords, schema=builder.schema(Keywords), components=builder.components)
    with pytest.raises(ValidationError):
        body.decode(data)


@pytest.mark.parametrize("tz", [Param(tz=True), msgspec.Meta(tz=True)])
def test_a_time_must_have_a_zone_whatever_decodes_it(tz: object) -> None:
    @attrs.define
    class Plain:
        at: Annotated[datetime.datetime, tz]

    @attrs.define
    class Structured:
        at: Annotated[datetime.datetime, tz] | None
        price: Annotated[decimal.Decimal, Param(gt=0)] = decimal.Decimal(1)

    for body in (body_of(Plain), body_of(Structured)):
        assert body.decode(b'{"at": "2027-05-01T12:30:00Z"}')
        with pytest.raises(
            ValidationError, match=r"/at: (must have a time|expected .* with a time)"
        ):
            body.decode(b'{"at": "2027-05-01T12:30:00"}')


def test_a_closed_class_refuses_unknown_members() -> None:
    @closed
    @attrs.define
    class Shut:
        a: int

    assert body_of(Shut).strategy == "checked"
    assert faults_of(body_of(Shut), b'{"a": 1, "b": 2}') == [("/b", "unknown member")]
    assert faults_of(body_of(list[Shut]), b'[{"a": 1, "b": 2}]') == [("/0/b", "unknown member")]


class Paint(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class RedThing:
    kind: Literal[Paint.RED]
    size: int


@attrs.frozen
class BlueThing:
    kind: Literal[Paint.BLUE]
    size: int


def test_literal_members_of_an_enumeration_have_their_values_in_json() -> None:
    body = body_of(RedThing)
    assert body.decode(b'{"kind": "red", "size": 1}') == RedThing(Paint.RED, 1)
    assert faults_of(body, b'{"kind": "blue", "size": 1}') == [("/kind", 'must be one of "red"')]
    union = body_of(RedThing | BlueThing)
    assert union.decode(b'{"kind": "blue", "size": 2}') == BlueThing(Paint.BLUE, 2)
    assert text_converter(Literal[Paint.RED, 3])("red") is Paint.RED


@attrs.frozen
class WithPrivate:
    _token: str
    name: str = ""


@dataclasses.dataclass
class WithPrivateField:
    _token: str


@pytest.mark.parametrize("cls", [WithPrivate, WithPrivateField, list[WithPrivate]])
def test_a_class_with_a_private_member_without_a_default_cannot_be_received(cls: Any) -> None:
    with pytest.raises(TypeError, match=r"_token is private, so it is not received, and has no"):
        body_of(cls)


@pytest.mark.parametrize("type_", [Stored, list[Stored], dict[str, Stored]])
def test_defaults_of_a_received_dataclass_are_its_own(type_: Any) -> None:
    builder = SchemaBuilder()
    schema = builder.schema(type_)
    decode = JsonDecoder(type_, schema=schema, components=builder.components).decode
    value, inside = {"title": "a"}, type_ is not Stored
    body = [value] if type_ == list[Stored] else {"k": value} if inside else value
    received: Any = decode(json.dumps(body).encode())
    stored = received[0 if type_ == list[Stored] else "k"] if inside else received
    assert vars(stored) == {"title": "a", "color": "red", "size": None}
    assert json.loads(encode(stored)) == vars(stored)
