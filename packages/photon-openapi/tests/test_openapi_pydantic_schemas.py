import dataclasses
import datetime
import decimal
import enum
from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar

import attrs
import pydantic
import pydantic.dataclasses
import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from typing_extensions import TypeAliasType

from photon_openapi.annotations import ClassRules, using_class_rules
from photon_openapi.schema import SchemaBuilder, members_of

T = TypeVar("T")
Tree = TypeAliasType("Tree", "list[Tree] | int")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    """A thing that is sold.

    With more about it.
    """

    name: str = Field(min_length=1)
    color: Color = Color.RED


class Priced(BaseModel):
    net: int

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def gross(self) -> int:
        return self.net * 2


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog", "hound"]


class Owner(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    best_pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    all_items: list[Item] = []


class Node(BaseModel):
    value: int
    children: list["Node"] = []


class Left(BaseModel):
    right: Optional["Right"] = None


class Right(BaseModel):
    left: Left | None = None


class Page(BaseModel, Generic[T]):
    items: list[T]


class Names(pydantic.RootModel[list[str]]):
    pass


@pydantic.dataclasses.dataclass
class Size:
    width: int = Field(gt=0)


@attrs.define
class Shelf:
    items: list[Item]
    prices: dict[str, Priced]
    size: Size | None = None


def components(*types: Any, sent: tuple[Any, ...] = ()) -> dict[str, Any]:
    builder = SchemaBuilder()
    for each in types:
        builder.schema(each)
    for each in sent:
        builder.sent_schema(each)
    return builder.components


def test_a_model_is_a_component_with_its_own_schema() -> None:
    written = components(Item)
    assert list(written) == ["Item", "Color"]
    assert written["Item"]["description"].startswith("A thing that is sold.")
    assert written["Item"]["required"] == ["name"]
    name, color = written["Item"]["properties"].values()
    assert name == {"type": "string", "minLength": 1, "title": "Name"}
    assert color == {"$ref": "#/components/schemas/Color", "default": "red"}


def test_a_class_is_one_component_wherever_it_is_used() -> None:
    written = components(Item, Shelf, list[Item], Page[Item], Owner | None)
    assert [name for name in written if "Item" in name] == ["Item", "Page_Item"]
    assert sum("Color" in name for name in written) == 1
    reference = {"$ref": "#/components/schemas/Item"}
    assert written["Page_Item"]["properties"]["items"]["items"] == reference
    assert written["Shelf"]["properties"]["items"]["items"] == reference
    assert written["Owner"]["properties"]["allItems"]["items"] == reference


def test_names_are_those_of_aliases_and_forbidden_members_are_declared() -> None:
    written = components(Owner)["Owner"]
    assert list(written["properties"]) == ["bestPet", "allItems"]
    assert written["additionalProperties"] is False


def test_a_discriminator_maps_to_components() -> None:
    pet = components(Owner)["Owner"]["properties"]["bestPet"]
    assert pet["discriminator"] == {
        "propertyName": "kind",
        "mapping": {
            "cat": "#/components/schemas/Cat",
            "dog": "#/components/schemas/Dog",
            "hound": "#/components/schemas/Dog",
        },
    }
    builder = SchemaBuilder()
    assert builder.schema(Cat | Dog)["discriminator"]["mapping"] == pet["discriminator"]["mapping"]


@pytest.mark.parametrize("cls", [Node, Left, Right])
def test_classes_may_refer_to_themselves_and_to_each_other(cls: Any) -> None:
    written = components(cls)
    assert set(written) in ({"Node"}, {"Left", "Right"})
    assert all(each["type"] == "object" for each in written.values())


def test_a_root_model_is_its_root() -> None:
    assert components(Names)["Names"]["type"] == "array"
    assert members_of(Names) is None


def test_what_is_sent_differs_only_where_the_class_differs() -> None:
    written = components(Item, Priced, sent=(Item, Priced))
    assert list(written) == ["Item", "Color", "Priced-Input", "Priced-Output"]
    assert "gross" not in written["Priced-Input"]["properties"]
    assert written["Priced-Output"]["properties"]["gross"]["readOnly"] is True
    assert list(components(Priced)) == ["Priced"]
    assert list(components(sent=(Priced,))) == ["Priced"]


def test_a_class_that_contains_one_with_two_forms_has_two_forms() -> None:
    written = components(Shelf, sent=(Shelf, list[Shelf]))
    assert {"Shelf-Input", "Shelf-Output", "Priced-Input", "Priced-Output"} < set(written)
    for form in ("Input", "Output"):
        prices = written[f"Shelf-{form}"]["properties"]["prices"]["additionalProperties"]
        assert prices == {"$ref": f"#/components/schemas/Priced-{form}"}


def test_two_classes_with_one_name_get_their_qualified_names() -> None:
    def make() -> Any:
        class Item(BaseModel):
            other: int

        return Item

    written = components(Item, make(), Page[Item])
    assert f"{__name__}.Item" in written
    assert "Item" not in written
    page = written["Page_Item"]["properties"]["items"]["items"]
    assert page == {"$ref": f"#/components/schemas/{__name__}.Item"}


def test_a_dataclass_inside_is_described_as_pydantic_reads_it() -> None:
    @dataclasses.dataclass
    class Inner:
        url: pydantic.HttpUrl

    class Outer(BaseModel):
        inner: Inner
        inners: list[Inner]

    written = components(Outer)
    assert written["Inner"]["properties"]["url"]["format"] == "uri"
    assert written["Outer"]["properties"]["inner"] == {"$ref": "#/components/schemas/Inner"}


def test_definitions_that_are_no_classes_become_components() -> None:
    class Outer(BaseModel):
        tree: Tree

    class Other(BaseModel):
        trees: dict[str, Tree]

    written = components(Outer)
    assert written["Outer"]["properties"]["tree"] == {"$ref": "#/components/schemas/Tree"}
    assert written["Tree"]["anyOf"][0]["items"] == {"$ref": "#/components/schemas/Tree"}
    assert "$defs" not in str(components(Outer, Other))


def test_a_field_may_be_described_in_its_own_way() -> None:
    class Outer(BaseModel):
        item: Annotated[Item, Field(description="The best.")]
        text: Annotated[Item, pydantic.WithJsonSchema({"type": "string"})]
        sent: Annotated[Item, pydantic.PlainSerializer(str, return_type=str)]

    written = components(Outer, sent=(Outer,))
    received = written["Outer-Input"]["properties"]
    assert received["item"] == {
        "$ref": "#/components/schemas/Item",
        "description": "The best.",
    }
    assert received["text"]["type"] == "string"
    assert received["sent"] == {"$ref": "#/components/schemas/Item"}
    assert written["Outer-Output"]["properties"]["sent"]["type"] == "string"


def test_an_expression_whose_flags_a_schema_cannot_have_is_left_out() -> None:
    import re

    class Outer(BaseModel):
        model_config = ConfigDict(regex_engine="python-re")
        code: str = Field(pattern=re.compile("^a$", re.IGNORECASE))

    assert "pattern" not in components(Outer)["Outer"]["properties"]["code"]


def test_what_is_enforced_is_open_where_the_class_accepts_more() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
        full_name: str = Field(alias="fullName")
        tags: set[str]
        declared: int

        @pydantic.field_validator("tags", mode="before")
        @classmethod
        def split(cls, value: Any) -> Any:
            return value.split(",") if isinstance(value, str) else value

        @pydantic.field_validator("declared", mode="before", json_schema_input_type=int | str)
        @classmethod
        def read(cls, value: Any) -> Any:
            return int(value)

    builder = SchemaBuilder(is_enforced=True)
    builder.schema(Open)
    enforced = builder.components["Open"]
    assert "required" not in enforced
    assert enforced["properties"]["tags"].keys() <= {"title"}
    assert len(enforced["properties"]["declared"]["anyOf"]) == 2
    assert components(Open)["Open"]["required"] == ["fullName", "tags", "declared"]


def test_the_rule_of_an_application_closes_classes_that_do_not_say_otherwise() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="ignore")
        name: str

    with using_class_rules(ClassRules(closed=True)):
        written = components(Item, Open, sent=(Item,))
    assert written["Item"]["additionalProperties"] is False
    assert "additionalProperties" not in written["Open"]


class Undefined(BaseModel):
    other: "Missing"  # type: ignore[name-defined]  # noqa: F821


class Called(BaseModel):
    function: Callable[[], int]


class Arbitrary(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    shelf: Shelf


@pytest.mark.parametrize(
    ("cls", "text"),
    [
        (BaseModel, "name the model itself"),
        (Undefined, "cannot resolve the annotations of Undefined: name 'Missing'"),
        (Called, "Called has no form in JSON"),
        (Arbitrary, "Arbitrary has no form in JSON"),
    ],
)
def test_what_cannot_be_described_is_refused_with_its_name(cls: Any, text: str) -> None:
    for type_ in (cls, list[cls]):
        with pytest.raises(TypeError, match=text):
            SchemaBuilder().schema(type_)


def test_numbers_and_dates_have_the_forms_of_pydantic() -> None:
    class Outer(BaseModel):
        price: decimal.Decimal
        when: datetime.datetime | None = None

    written = components(Outer, sent=(Outer,))
    assert written["Outer-Output"]["properties"]["price"]["type"] == "string"
    assert len(written["Outer-Input"]["properties"]["price"]["anyOf"]) == 2
