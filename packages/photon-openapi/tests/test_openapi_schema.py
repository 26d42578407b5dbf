import dataclasses
import datetime
import enum
from typing import (
    Annotated,
    Any,
    Generic,
    NamedTuple,
    NotRequired,
    TypedDict,
    TypeVar,
)

import attrs
import msgspec
import pytest
from attrs import validators

from photon_openapi.annotations import closed
from photon_openapi.annotations._param import Param
from photon_openapi.schema._schema import SchemaBuilder

T = TypeVar("T")


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
class ItemPage(Page[Item]):
    next: str | None = None


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


def component_of(type_: Any) -> dict[str, Any]:
    builder = SchemaBuilder()
    reference = builder.schema(type_)
    return builder.components[reference["$ref"].rpartition("/")[2]]


def properties_of(type_: Any) -> dict[str, Any]:
    properties: dict[str, Any] = component_of(type_)["properties"]
    return properties


@pytest.mark.parametrize("type_", [complex, type, open])
def test_a_type_without_a_form_in_json_is_refused_by_name(type_: Any) -> None:
    with pytest.raises(TypeError, match="has no form in JSON"):
        schema_of(type_)


def test_a_length_of_a_number_is_refused() -> None:
    with pytest.raises(TypeError, match="has no length"):
        schema_of(Annotated[int, Param(min_length=1)])


def test_a_class_becomes_a_component_with_its_members_in_order() -> None:
    assert component_of(Item) == {
        "description": "A thing for sale.",
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "color": {"$ref": "#/components/schemas/Color", "default": "red"},
        },
        "required": ["name"],
    }
    assert list(properties_of(Tree)) == ["value", "children", "parent"]


def test_enumerations_list_their_values() -> None:
    assert component_of(Color) == {"type": "string", "enum": ["red", "blue"]}
    assert component_of(Level)["type"] == "integer"


def test_a_recursive_class_refers_to_itself() -> None:
    assert properties_of(Tree)["children"]["items"] == {"$ref": "#/components/schemas/Tree"}


def test_dataclasses_typed_dicts_and_named_tuples_are_components() -> None:
    assert component_of(Point)["required"] == ["x"]
    assert "description" not in component_of(Point)
    assert properties_of(Point)["tags"]["default"] == []
    assert component_of(Options)["required"] == ["size"]
    assert properties_of(Options)["note"] == {"type": "string"}
    assert component_of(Pair)["minItems"] == 1
    assert component_of(Pair)["prefixItems"][1] == {"type": "string", "default": "r"}


def test_generic_classes_are_named_after_their_arguments() -> None:
    builder = SchemaBuilder()
    builder.schema(Page[Item])
    builder.schema(Page[list[int]])
    builder.schema(ItemPage)
    assert list(builder.components) == ["Page_Item", "Item", "Color", "Page_list_int", "ItemPage"]
    items = builder.components["ItemPage"]["properties"]["items"]
    assert items["items"] == {"$ref": "#/components/schemas/Item"}
    assert builder.components["Page_list_int"]["properties"]["items"]["items"]["type"] == "array"


def namesake(number: int) -> Any:
    other = type("Item", (), {"__annotations__": {f"n{number}": int}})
    other.__module__ = f"shop{number}"
    return attrs.define(other)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_namesakes_get_the_same_names_in_every_order(order: tuple[int, ...]) -> None:
    page: Any = Page
    classes = [namesake(1), namesake(2), page[namesake(3)]]
    builder = SchemaBuilder()
    references = {index: builder.schema(classes[index]) for index in order}
    prefix = "#/components/schemas/"
    assert references[0]["$ref"] == f"{prefix}shop1.Item"
    assert references[1]["$ref"] == f"{prefix}shop2.Item"
    assert set(builder.components) == {"shop1.Item", "shop2.Item", "shop3.Item", "Page_Item"}
    inner = builder.components["Page_Item"]["properties"]["items"]["items"]
    assert inner == {"$ref": f"{prefix}shop3.Item"}
    assert list(builder.components["shop3.Item"]["properties"]) == ["n3"]


def test_classes_of_one_qualified_name_are_numbered() -> None:
    def make() -> Any:
        @attrs.define
        class Local:
            x: int

        return Local

    builder = SchemaBuilder()
    first, second = builder.schema(make()), builder.schema(make())
    assert first != second
    assert len(builder.components) == 2


@attrs.define
class Rules:
    name: str = attrs.field(
        validator=[validators.min_len(1), validators.max_len(9)],
        metadata={"description": "what it is called", "example": "Lamp"},
    )
    price: float = attrs.field(validator=[validators.ge(0), validators.lt(100)])
    code: str = attrs.field(validator=validators.matches_re(r"[A-Z]{3}"))
    size: str | None = attrs.field(
        default=None, validator=validators.optional(validators.in_(["S", "L"]))
    )
    tags: list[str] = attrs.field(
        factory=list,
        validator=validators.deep_iterable(validators.min_len(2), validators.max_len(3)),
    )
    odd: int = attrs.field(default=1, validator=validators.not_(validators.in_([2, 4])))
    either: int = attrs.field(
        default=0, validator=validators.or_(validators.lt(1), validators.gt(9))
    )
    loose: Any = attrs.field(default="", validator=validators.instance_of(str))


def test_attrs_validators_are_written_into_the_schema() -> None:
    assert properties_of(Rules) == {
        "name": {
            "type": "string",
            "minLength": 1,
            "maxLength": 9,
            "description": "what it is called",
            "examples": ["Lamp"],
        },
        "price": {"type": "number", "minimum": 0, "exclusiveMaximum": 100},
        "code": {"type": "string", "pattern": "^(?:[A-Z]{3})$"},
        "size": {"type": ["string", "null"], "enum": ["S", "L", None], "default": None},
        "tags": {
            "type": "array",
            "items": {"type": "string", "minLength": 2},
            "maxItems": 3,
            "default": [],
        },
        "odd": {"type": "integer", "not": {"enum": [2, 4]}, "default": 1},
        "either": {
            "type": "integer",
            "anyOf": [{"exclusiveMaximum": 1}, {"exclusiveMinimum": 9}],
            "default": 0,
        },
        "loose": {"type": "string", "default": ""},
    }


def test_what_json_schema_cannot_say_is_left_to_attrs() -> None:
    @attrs.define
    class Odd:
        flags: str = attrs.field(validator=validators.matches_re("(?i)abc"))
        own: int = attrs.field(validator=lambda *_: None)
        when: datetime.date = attrs.field(validator=validators.ge(datetime.date.min))

    assert properties_of(Odd) == {
        "flags": {"type": "string"},
        "own": {"type": "integer"},
        "when": {"type": "string", "format": "date"},
    }


def test_names_on_the_wire_are_those_of_the_attributes_or_their_aliases() -> None:
    @attrs.define
    class Aliased:
        kind: str = attrs.field(alias="type")
        _secret: int = 0
        made: int = attrs.field(init=False, default=1)

    schema = component_of(Aliased)
    assert list(schema["properties"]) == ["type", "made"]
    assert schema["properties"]["made"]["readOnly"] is True
    assert schema["required"] == ["type"]


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    @attrs.define
    class Lost:
        x: "Nowhere"  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TypeError, match=r"Lost.*Nowhere"):
        schema_of(Lost)


def test_components_agree_with_those_of_msgspec_on_what_is_required() -> None:
    _, theirs = msgspec.json.schema_components([Item, Tree, Point, Options])
    builder = SchemaBuilder()
    for type_ in (Item, Tree, Point, Options):
        builder.schema(type_)
    for name in ("Item", "Tree", "Point", "Options"):
        assert set(theirs[name]["properties"]) == set(builder.components[name]["properties"])
        assert theirs[name].get("required") == builder.components[name].get("required")


def test_an_optional_validator_leaves_null_to_a_member_without_a_type() -> None:
    @attrs.define
    class Loose:
        a: Any = attrs.field(
            default=None, validator=attrs.validators.optional(attrs.validators.instance_of(int))
        )

    builder = SchemaBuilder()
    builder.schema(Loose)
    assert builder.components["Loose"]["properties"]["a"]["type"] == ["integer", "null"]


def test_a_closed_class_has_no_other_members_and_a_plain_one_may() -> None:
    @closed
    @attrs.define
    class Shut:
        a: int

    @closed
    class Changes(TypedDict, total=False):
        a: int

    builder = SchemaBuilder()
    for type_ in (Shut, Changes, Item):
        builder.schema(type_)
    assert builder.components["Shut"]["additionalProperties"] is False
    assert builder.components["Changes"]["additionalProperties"] is False
    assert "additionalProperties" not in builder.components["Item"]


def test_limits_of_bytes_are_those_of_their_base64() -> None:
    schema = schema_of(Annotated[bytes, Param(min_length=1, max_length=16)])
    assert (schema["minLength"], schema["maxLength"]) == (4, 24)


def test_times_without_a_time_zone_have_the_formats_of_local_times() -> None:
    assert schema_of(Annotated[datetime.time, Param(tz=False)])["format"] == "time-local"
    assert schema_of(Annotated[datetime.datetime, Param(tz=False)])["format"] == "date-time-local"
    assert schema_of(Annotated[datetime.time, Param(tz=True)])["format"] == "time"
