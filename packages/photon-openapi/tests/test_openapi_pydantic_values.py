import datetime
import decimal
import enum
import types
import uuid
from typing import Annotated, Any, Generic, Literal, TypeVar

import attrs
import pydantic
import pydantic.dataclasses
import pytest
from pydantic import AliasPath, BaseModel, ConfigDict, Field

from photon_openapi.codec import (
    JsonDecoder,
    NullPolicy,
    SchemaDecoder,
    encode,
    json_converter,
    projection_of,
)
from photon_openapi.document import definitions_of
from photon_openapi.errors import ValidationError
from photon_openapi.schema import SchemaBuilder

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


class Item(BaseModel):
    name: str = Field(min_length=1)
    price: decimal.Decimal = Field(default=decimal.Decimal(1), gt=0)
    tags: set[str] = set()
    made: datetime.date | None = None

    @pydantic.field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if "x" in value:
            raise ValueError("must not contain an x")
        return value


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    items: list[Item] = []
    low: int = 0
    high: int = 9

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> "Order":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Names(pydantic.RootModel[list[str]]):
    pass


class Page(BaseModel, Generic[T]):
    items: list[T]


@pydantic.dataclasses.dataclass
class Size:
    width: int = Field(gt=0)


@attrs.define
class Shelf:
    order: Order
    items: dict[str, Item]
    size: Size | None = None


def decoder(type_: Any) -> JsonDecoder:
    builder = SchemaBuilder()
    return JsonDecoder(type_, schema=builder.schema(type_), components=builder.components)


def refused(body: JsonDecoder | SchemaDecoder, data: bytes) -> list[tuple[str | None, str]]:
    with pytest.raises(ValidationError) as caught:
        body.decode(data)
    return [(each.pointer, each.message) for each in caught.value.errors]


def sent(type_: Any, value: object) -> bytes:
    projection = projection_of(type_)
    return encode(value if projection is None else projection(value))


PET = b'"pet": {"kind": "cat", "lives": 9}'


@pytest.mark.parametrize(
    ("type_", "data", "expected"),
    [
        (Item, b'{"name": "a", "price": "1.5", "tags": ["b"], "made": "2026-01-02"}', Item),
        (list[Item], b'[{"name": "a"}]', list),
        (Item | None, b"null", type(None)),
        (Cat | Dog, b'{"kind": "dog", "tricks": []}', Dog),
        (Names, b'["a"]', Names),
        (Page[Item], b'{"items": [{"name": "a"}]}', Page[Item]),
        (Size, b'{"width": 1}', Size),
        (Shelf, b'{"order": {' + PET + b'}, "items": {"a": {"name": "a"}}}', Shelf),
    ],
)
def test_values_become_objects_of_their_classes(type_: Any, data: bytes, expected: type) -> None:
    assert type(decoder(type_).decode(data)) is expected


def test_the_parts_of_a_value_are_converted() -> None:
    item = decoder(Item).decode(b'{"name": "a", "price": "1.50", "made": "2026-01-02"}')
    assert item == Item(name="a", price=decimal.Decimal("1.50"), made=datetime.date(2026, 1, 2))
    assert item.model_fields_set == {"name", "price", "made"}


def test_nothing_is_coerced_that_the_schema_refuses() -> None:
    assert refused(decoder(Cat), b'{"kind": "cat", "lives": "9"}') == [
        ("/lives", "expected integer, got string")
    ]
    assert decoder(Cat).decode(b'{"kind": "cat", "lives": 9.0}') == Cat(kind="cat", lives=9)


def test_errors_of_validators_are_listed_beside_those_of_the_schema() -> None:
    data = b'{"items": [{"name": "x"}, {"name": "", "price": 0}], "pet": {"kind": "cow"}, "a": 1}'
    assert refused(decoder(Order), data) == [
        ("/items/1/name", "must have at least 1 character"),
        ("/items/1/price", "must be > 0.0"),
        ("/pet/kind", 'must be one of "cat", "dog"'),
        ("/a", "unknown member"),
        ("/items/0/name", "must not contain an x"),
    ]


def test_errors_within_other_classes_have_their_whole_pointer() -> None:
    data = b'{"order": {' + PET + b', "low": 10}, "items": {"a/b": {"name": "x"}}}'
    assert refused(decoder(Shelf), data) == [
        ("/order", "low is above high"),
        ("/items/a~1b/name", "must not contain an x"),
    ]


def test_a_document_decides_before_the_class() -> None:
    schema = {"type": "object", "properties": {"name": {"maxLength": 2}}, "required": ["made"]}
    body = SchemaDecoder(schema, type_=Item)
    assert refused(body, b'{"name": "axe"}') == [
        ("/name", "must have at most 2 characters"),
        ("/made", 'missing required member "made"'),
    ]
    assert refused(body, b'{"made": "2026-01-02", "name": "x", "price": -1}') == [
        ("/name", "must not contain an x"),
        ("/price", "must be greater than 0"),
    ]


def test_strict_models_read_texts_of_dates_and_the_like() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(strict=True)
        day: datetime.date
        key: uuid.UUID
        color: Color
        pair: tuple[int, str]

    @attrs.define
    class Outer:
        strict: Strict

    text = f'{{"day": "2026-01-02", "key": "{uuid.UUID(int=1)}", "color": "red", "pair": [1, "a"]}}'
    strict: Any = decoder(Strict).decode(text.encode())
    assert (strict.day, strict.pair) == (datetime.date(2026, 1, 2), (1, "a"))
    outer: Any = decoder(Outer).decode(f'{{"strict": {text}}}'.encode())
    assert outer.strict == strict


def test_what_a_class_accepts_beyond_its_schema_is_accepted() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, extra="forbid")
        full_name: str = Field(alias="fullName")
        first: int = Field(default=0, validation_alias=AliasPath("all", 0))
        color: Color = Color.RED
        number: int = 0

        @pydantic.field_validator("color", mode="before")
        @classmethod
        def _lower(cls, value: Any) -> Any:
            return value.lower() if isinstance(value, str) else value

    body: Any = decoder(Open)
    assert body.decode(b'{"full_name": "a", "color": "RED"}').color is Color.RED
    assert body.decode(b'{"fullName": "a"}').full_name == "a"
    assert refused(body, b'{"number": "1"}') == [
        ("/number", "expected integer, got string"),
        ("/fullName", "is required"),
    ]
    assert refused(body, b'{"fullName": "a", "other": 1}') == [("/other", "unknown member")]


def test_a_mistake_in_a_validator_is_not_an_error_of_the_value() -> None:
    class Broken(BaseModel):
        name: str

        @pydantic.field_validator("name")
        @classmethod
        def _look_up(cls, value: str) -> str:
            return {"a": "b"}[value]

    with pytest.raises(RuntimeError, match=r"a validator of .*Broken failed: KeyError"):
        decoder(Broken).decode(b'{"name": "z"}')


def test_messages_do_not_repeat_the_value() -> None:
    class Keyed(BaseModel):
        key: uuid.UUID
        pet: Annotated[Cat | Dog, Field(discriminator="kind")]

    body = SchemaDecoder({}, type_=Keyed)
    errors = refused(body, b'{"key": "secret", "pet": {"kind": "secret"}}')
    assert [pointer for pointer, _ in errors] == ["/key", "/pet"]
    assert "secret" not in str(errors)


def test_the_shared_converter_reads_classes_of_pydantic() -> None:
    assert json_converter().structure({"name": "a"}, Item) == Item(name="a")


# -- results ------------------------------------------------------------------------------------


class PublicItem(BaseModel):
    name: str


class SecretItem(PublicItem):
    secret: str


class Renamed(BaseModel):
    full_name: str = Field(alias="fullName")


ALICE = {"name": "alice", "secret": "s"}


@pytest.mark.parametrize(
    "value",
    [
        PublicItem(name="alice"),
        SecretItem(**ALICE),
        ALICE,
        types.SimpleNamespace(**ALICE),
        attrs.make_class("Row", ["name", "secret"])(**ALICE),
    ],
    ids=["exact", "subclass", "mapping", "object", "attrs"],
)
@pytest.mark.parametrize("wrap", [False, True])
def test_only_declared_members_are_sent(value: object, wrap: bool) -> None:
    if wrap:
        assert sent(list[PublicItem], [value]) == b'[{"name":"alice"}]'
    else:
        assert sent(PublicItem, value) == b'{"name":"alice"}'


def test_generic_pages_are_narrowed_at_every_depth() -> None:
    page = Page[SecretItem](items=[SecretItem(**ALICE)])
    assert sent(Page[PublicItem], page) == b'{"items":[{"name":"alice"}]}'


@pytest.mark.parametrize(
    "value", [Renamed(fullName="a"), {"fullName": "a"}, {"full_name": "a"}], ids=str
)
def test_names_are_those_of_aliases(value: object) -> None:
    assert sent(Renamed, value) == b'{"fullName":"a"}'
    assert sent(dict[str, Renamed], {"x": value}) == b'{"x":{"fullName":"a"}}'


def test_serializers_and_dataclasses_are_encoded_by_pydantic() -> None:
    @pydantic.dataclasses.dataclass
    class Temperature:
        degrees: float = Field(serialization_alias="celsius")

        @pydantic.field_serializer("degrees")
        def _rounded(self, value: float) -> int:
            return round(value)

    assert sent(Temperature, Temperature(20.6)) == b'{"celsius":21}'
    assert sent(Names, Names(["a"])) == b'["a"]'
    assert sent(object, {"item": PublicItem(name="a")}) == b'{"item":{"name":"a"}}'


def test_members_of_a_union_are_distinguished() -> None:
    assert sent(Cat | Dog, Dog(kind="dog", tricks=[])) == b'{"kind":"dog","tricks":[]}'
    assert sent(Cat | Dog, {"kind": "dog", "tricks": []}) == b'{"kind":"dog","tricks":[]}'
    assert sent(Cat | None, None) == b"null"


def test_a_result_that_does_not_fit_is_refused_without_its_values() -> None:
    with pytest.raises(TypeError, match="type dict does not fit PublicItem: name: is required"):
        sent(PublicItem, {"secret": "hidden"})
    with pytest.raises(TypeError, match="does not fit") as caught:
        sent(Cat, {"kind": "hidden", "lives": "hidden"})
    assert "hidden" not in str(caught.value)


def test_a_document_leaves_out_members_that_must_not_be_null() -> None:
    class Person(BaseModel):
        name: str | None = None
        bio: str | None = None
        friends: list["Person"] = []

    person: dict[str, Any] = {"type": "object"}
    person["properties"] = {
        "name": {"type": ["string", "null"]},
        "bio": {"type": "string"},
        "friends": {"type": "array", "items": {"$ref": "#/components/schemas/Person"}},
    }
    policy = NullPolicy((person,), definitions_of({"Person": person}))
    projection = projection_of(Person, policy)
    assert projection is not None
    text = encode(projection(Person(friends=[Person(name="a")])))
    assert text == b'{"name":null,"friends":[{"name":"a","friends":[]}]}'
