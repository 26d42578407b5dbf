"""A schema of a document and a class of the code: what is known not to fit, and nothing else."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import re
import sys
import time
import types
import uuid
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import attrs
import msgspec
import pytest

from photon_openapi.agreement import Agreement, nearest
from photon_openapi.annotations import Param
from photon_openapi.document import definitions_of

TEXT = {"type": "string"}
COUNT = {"type": "integer"}


def thing(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def closed(*required: str, **properties: Any) -> dict[str, Any]:
    return {**thing(*required, **properties), "additionalProperties": False}


def found(schema: Any, type_: Any, direction: Any, **components: Any) -> list[str]:
    agreement = Agreement(definitions_of(components))
    return agreement.differences(schema, type_, direction, "/s")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Item:
    title: str
    tag_list: list[str] = attrs.field(factory=list)


@dataclasses.dataclass
class Data:
    title: str
    tag_list: list[str] = dataclasses.field(default_factory=list)


class Struct(msgspec.Struct):
    title: str
    tag_list: list[str] = []


class Keys(TypedDict):
    title: str
    tag_list: NotRequired[list[str]]


class Point(NamedTuple):
    x: int
    y: int


@attrs.frozen
class Cat:
    kind: Literal["cat"]
    lives: int


@attrs.frozen
class Dog:
    kind: Literal["dog"]
    loud: bool


@attrs.frozen
class Maybe:
    nick: str | None = None


@attrs.frozen
class Made:
    title: str
    made_at: str = attrs.field(init=False, default="now")


@attrs.frozen
class Named:
    in_cents: Annotated[int, Param(name="cents")]


@attrs.frozen
class Converted:
    size: int = attrs.field(converter=int)


@attrs.frozen
class Node:
    value: int
    following: Node | None = None


TAGS = {"type": "array", "items": TEXT}
ITEM = thing("title", title=TEXT, tagList=TAGS)
PETS = {
    "Cat": thing("kind", "lives", kind={"const": "cat"}, lives=COUNT),
    "Dog": thing("kind", "loud", kind={"const": "dog"}, loud={"type": "boolean"}),
}
ANY_PET = {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]}
NODE = thing("value", value=COUNT, following={"$ref": "#/components/schemas/Node"})


@pytest.mark.parametrize("cls", [Item, Data, Struct, Keys])
@pytest.mark.parametrize("direction", ["received", "sent"])
def test_members_are_matched_in_the_spelling_of_python(cls: Any, direction: Any) -> None:
    agreement = Agreement(definitions_of({}))
    assert agreement.differences(ITEM, cls, direction, "/s") == []
    assert agreement.spellings(ITEM, cls, direction, "/s") == {cls: {"tag_list": "tagList"}}


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        (ITEM, Item),
        (ITEM, dict),
        (ITEM, dict[str, Any]),
        (ITEM, Any),
        ({}, Item),
        ({"type": "object"}, Item),
        (TEXT, str),
        (COUNT, float),
        (COUNT, decimal.Decimal),
        ({"type": "number"}, decimal.Decimal),
        ({"type": "string", "format": "date-time"}, datetime.datetime),
        ({"type": "string", "format": "date-time"}, str),
        ({"type": "string", "format": "email"}, str),
        ({"type": "string", "format": "uuid"}, uuid.UUID),
        ({"type": "string", "pattern": "^[0-9a-f-]{36}$"}, uuid.UUID),
        ({"type": "string", "format": "byte"}, bytes),
        ({"enum": ["red"]}, Color),
        ({"enum": ["red", "blue", None]}, Color | None),
        ({"const": "cat"}, Literal["cat", "dog"]),
        ({"enum": ["a", "b", "c"]}, Literal["a", "b"] | Literal["c"]),
        ({"type": ["string", "null"]}, str | None),
        ({"type": ["string", "integer"]}, str | int),
        ({"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2}, Point),
        ({"type": "array", "prefixItems": [COUNT, COUNT], "minItems": 2, "items": False}, Point),
        ({"type": "array", "items": COUNT}, tuple[int, ...]),
        ({"type": "array", "items": TEXT}, set[str]),
        ({"type": "object", "additionalProperties": COUNT}, dict[str, int]),
        (thing(title=TEXT, id={**COUNT, "readOnly": True}), Maybe | dict[str, Any]),
        (thing("title", title=TEXT, madeAt={**TEXT, "readOnly": True}), Made),
        (thing("cents", cents=COUNT), Named),
        (thing("size", size=TEXT), Converted),
        ({"allOf": [thing("title", title=TEXT), thing(tagList=TAGS)]}, Item),
        ({"anyOf": [thing("nick", nick=TEXT), {"type": "object"}]}, Maybe),
        (ANY_PET, Cat | Dog),
        ({**ANY_PET, "discriminator": {"propertyName": "kind"}}, Dog | Cat),
        (NODE, Node | None),
        (thing("nick", nick={**TEXT, "not": {"const": "x"}}), Maybe),
    ],
    ids=str,
)
def test_what_fits_is_received(schema: Any, type_: Any) -> None:
    assert found(schema, type_, "received", **PETS, Node=NODE) == []


@pytest.mark.parametrize(
    ("schema", "type_", "message"),
    [
        (thing("title", title=TEXT, tags=TAGS), Item, "has no member for 'tags'"),
        (thing("title", title=TEXT, taglst=TAGS), Item, "'taglst', so that .*it has 'tag_list'"),
        (thing("titel", titel=TEXT, tagList=TAGS), Item, "no member for 'titel'.*'title'"),
        (thing("titel", titel=TEXT, tagList=TAGS), Item, "Item.title is required.*'titel'"),
        (thing(title=TEXT, tagList=TAGS), Item, "Item.title is required, and the document does"),
        (closed("title", title=TEXT), Item, "Item.tag_list would never be filled"),
        (thing("title", title=COUNT, tagList=TAGS), Item, "/title: the document has integer"),
        (thing("title", title=TEXT, tagList={"type": "array", "items": COUNT}), Item, "tagList/it"),
        (thing("title", title=TEXT, tagList=TEXT), Item, "document has string, and the code array"),
        ({**ITEM, "additionalProperties": COUNT}, Item, "no place for the other members"),
        (thing(nick={"type": ["string", "integer"]}), Maybe, "integer, and the code string"),
        ({"type": ["string", "null"]}, str, "the document has null, and the code string"),
        ({"type": "number"}, int, "any number"),
        (TEXT, Color, "any string"),
        (TEXT, uuid.UUID, "allows a string"),
        ({"type": "string", "format": "date-time"}, datetime.date, "format date-time"),
        ({"enum": ["red", "green"]}, Color, 'also allows "green"'),
        ({"enum": ["a", "b", "z"]}, Literal["a"] | Literal["b"], 'also allows "z"'),
        ({"type": "boolean"}, Literal[True], "allows false"),
        ({"type": "array", "items": COUNT}, Point, "takes 2 items.* any number"),
        ({"type": "array", "items": TEXT}, list[int], "/items: the document has string"),
        ({"type": "object", "additionalProperties": TEXT}, dict[str, int], "additionalProperties"),
        (thing(title=TEXT), dict[str, int], "/properties/title"),
        (thing("title", title=TEXT, madeAt=TEXT), Made, "no member for 'madeAt'"),
        (thing("in_cents", in_cents=COUNT), Named, "no member for 'in_cents'"),
        (ANY_PET, Cat, "Cat has no member for 'loud'|also allows|allows"),
        (
            {"oneOf": [{"$ref": "#/components/schemas/Cat"}, thing("kind", kind={"const": "cow"})]},
            Cat | Dog,
            "object is not one of the alternatives",
        ),
        (thing("value", value=COUNT, following={"$ref": "#/components/schemas/Bad"}), Node, "Bad"),
        (thing(pets={"type": "array", "items": ANY_PET}), Maybe, "'pets'"),
        (TEXT, object.__class__, "has no form in JSON"),
    ],
    ids=str,
)
def test_what_can_never_be_received_is_named(schema: Any, type_: Any, message: str) -> None:
    differences = found(schema, type_, "received", **PETS, Bad=thing("valu", valu=COUNT))
    assert re.search(message, "\n".join(differences)), differences


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        (ITEM, Item),
        (closed("title", title=TEXT, tagList=TAGS), Item),
        (thing("title", title=TEXT), Item),
        (thing(nick=TEXT), Maybe),
        (closed("a", a=TEXT), dict),
        ({"enum": ["a", "b"]}, str),
        ({"type": "string", "format": "date"}, str),
        ({"type": "string", "maxLength": 3}, str),
        (TEXT, datetime.datetime),
        (TEXT, uuid.UUID),
        (TEXT, decimal.Decimal),
        ({"type": "number"}, int),
        ({"enum": ["red", "blue", "green"]}, Color),
        ({}, Item),
        ({"type": "object"}, Item),
        (COUNT, Any),
        (thing("title", "secret", title=TEXT, secret={**TEXT, "writeOnly": True}), Item),
        (ANY_PET, Cat),
        (ANY_PET, Cat | Dog),
        ({"type": "array", "items": COUNT, "minItems": 2}, Point),
        ({"type": "object", "additionalProperties": TEXT}, Maybe),
        (thing("title", "size", title=TEXT, size=COUNT), dict[str, str | int]),
        ({**thing("title", title=TEXT), "additionalProperties": COUNT}, dict[str, str | int]),
        (NODE, Node),
    ],
    ids=str,
)
def test_what_fits_is_sent(schema: Any, type_: Any) -> None:
    assert found(schema, type_, "sent", **PETS, Node=NODE) == []


@pytest.mark.parametrize(
    ("schema", "type_", "message"),
    [
        (thing("title", "tags", title=TEXT, tags=TAGS), Item, "no member for 'tags', which"),
        (closed("title", title=TEXT), Item, "Item.tag_list is not allowed"),
        (thing("title", title=TEXT, taglst=TAGS), Item, "which has 'taglst': is that meant"),
        (thing("nick", nick=TEXT), Maybe, "the code has null, and the document string"),
        (thing("title", title=COUNT), Item, "the code has string, and the document integer"),
        (thing("title", "tag_list", title=TEXT, tag_list=TAGS), Keys, "may be missing"),
        ({"enum": ["red"]}, Color, 'does not allow "blue"'),
        ({"type": "number"}, decimal.Decimal, "code has string of the format decimal"),
        ({"type": "string", "format": "date-time"}, datetime.date, "format date-time"),
        (TEXT, str | None, "the code has null"),
        ({"type": "array", "items": TEXT}, list[int], "/items: the code has integer"),
        ({"type": "array", "maxItems": 1}, Point, "it has 2 items"),
        ({"type": "array"}, Item, "the code has object, and the document array"),
        (thing("title", title=TEXT), dict[str, int], "/properties/title"),
        ({"$ref": "#/components/schemas/Dog"}, Cat, "'loud', which the document requires"),
    ],
    ids=str,
)
def test_what_can_never_be_sent_is_named(schema: Any, type_: Any, message: str) -> None:
    differences = found(schema, type_, "sent", **PETS)
    assert re.search(message, "\n".join(differences)), differences


@pytest.mark.parametrize(
    ("schema", "type_", "message"),
    [
        (COUNT, int, None),
        (COUNT, str, None),
        (COUNT, float, None),
        ({"type": ["integer", "null"]}, int | None, None),
        (TAGS, list[str], None),
        (TEXT, list[str], None),
        (TAGS, Any, None),
        ({}, int, None),
        ({"enum": ["red"]}, Color, None),
        (TEXT, int, "string, and the code integer"),
        ({"type": "number"}, int, "any number"),
        (TAGS, str, "takes one value"),
        (TAGS, list[int], "/items"),
        (TEXT, Literal["a"], "any string"),
        (thing("x", x=COUNT, y=COUNT), Point, None),
        ({"anyOf": [TAGS, TEXT]}, str, None),
    ],
    ids=str,
)
def test_parameters_are_compared_as_text(schema: Any, type_: Any, message: str | None) -> None:
    agreement = Agreement(definitions_of({}))
    differences = agreement.parameter_differences(schema, type_, "/p")
    assert (message is None) == (not differences)
    assert message is None or message in differences[0]


def test_a_difference_is_returned_once_for_all_operations() -> None:
    schema = {"$ref": "#/components/schemas/Item"}
    agreement = Agreement(definitions_of({"Item": thing("titel", titel=TEXT)}))
    first = agreement.differences(schema, Item, "received", "/a")
    assert len(first) == 2
    assert all(each.startswith("/components/schemas/Item: ") for each in first)
    assert agreement.differences(schema, list[Item], "received", "/b")[0].startswith("/components")
    assert agreement.differences(schema, Item, "received", "/c") == []


def test_a_class_with_two_spellings_is_refused() -> None:
    agreement = Agreement(definitions_of({}))
    schema = thing("a", "b", a=ITEM, b=thing("title", title=TEXT, **{"tag-list": TAGS}))

    @attrs.frozen
    class Both:
        a: Item
        b: Item

    with pytest.raises(TypeError, match="spells its members otherwise"):
        agreement.spellings(schema, Both, "received", "/s")


def test_linked_classes_are_compared_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    components = {
        f"C{at}": thing(
            "x",
            x=COUNT,
            **{f"l{n}": {"$ref": f"#/components/schemas/C{(at + n) % 60}"} for n in range(8)},
        )
        for at in range(60)
    }
    module = types.ModuleType("linked_classes")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for at in range(60):
        links = {
            f"l{n}": attrs.field(type=f"C{(at + n) % 60} | None", default=None)  # type: ignore[call-overload]
            for n in range(8)
        }
        cls = attrs.make_class(f"C{at}", {"x": attrs.field(type=int)} | links)
        cls.__module__ = module.__name__
        setattr(module, f"C{at}", cls)
    agreement = Agreement(definitions_of(components))
    before = time.process_time()
    for name in components:
        reference = {"$ref": f"#/components/schemas/{name}"}
        cls = getattr(module, name)
        assert agreement.differences(reference, cls, "received", "/s") == []
    assert time.process_time() - before < 2


def test_defaults_of_a_document_are_used_for_objects_in_parameters_only() -> None:
    schema = thing(title={**TEXT, "default": "a"})
    agreement = Agreement(definitions_of({}))
    assert agreement.parameter_differences(schema, Item, "/p") == []
    (difference,) = agreement.differences(schema, Item, "received", "/s")
    assert "Item.title is required" in difference


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        ("taglist", ["tag_list", "title"], "tag_list"),
        ("titel", ["title", "body"], "title"),
        ("colour", ["title", "body"], None),
        ("TagList", ["tag-list"], "tag-list"),
        ("x", [], None),
    ],
)
def test_the_nearest_name_is_like_the_other(
    name: str, others: list[str], expected: str | None
) -> None:
    assert nearest(name, others) == expected
