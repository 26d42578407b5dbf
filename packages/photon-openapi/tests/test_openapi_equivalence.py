from __future__ import annotations

from typing import Annotated, Any

import attrs
import pytest

from photon_openapi.annotations import Param
from photon_openapi.schema._equivalence import Equivalence, is_equivalent
from photon_openapi.schema._schema import SchemaBuilder


@attrs.frozen
class Item:
    name: Annotated[str, Param(min_length=1)]
    count: int = 1


@attrs.frozen
class Node:
    value: int | None
    children: list[Node]


def test_a_schema_that_was_written_after_the_class_is_the_same_under_any_names() -> None:
    components = {
        "Thing": {
            "type": "object",
            "title": "A thing",
            "required": ["name"],
            "properties": {
                "count": {"type": "integer", "description": "How many.", "default": 3},
                "name": {"type": "string", "minLength": 1, "example": "a"},
            },
        }
    }
    assert is_equivalent({"$ref": "#/components/schemas/Thing"}, components, Item)
    assert is_equivalent(components["Thing"], {}, Item)


def test_schemas_that_refer_to_themselves_are_compared_to_their_end() -> None:
    def tree(items: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["children", "value"],
            "properties": {
                "value": {"type": ["null", "integer"]},
                "children": {"type": "array", "items": items},
            },
        }

    itself = {"$ref": "#/components/schemas/Tree"}
    assert is_equivalent(itself, {"Tree": tree(itself)}, Node)
    assert not is_equivalent(itself, {"Tree": tree({"type": "string"})}, Node)


@pytest.mark.parametrize(
    "change",
    [
        {"required": ["name", "count"]},
        {"required": []},
        {"additionalProperties": False},
        {"type": ["object", "null"]},
        {"minProperties": 1},
        {"properties": {"name": {"type": "string"}, "count": {"type": "integer"}}},
        {"properties": {"name": {"type": "string", "minLength": 1}}},
        {"allOf": [{"required": ["x"]}]},
    ],
)
def test_a_schema_that_restricts_more_or_less_is_another(change: dict[str, Any]) -> None:
    builder = SchemaBuilder()
    builder.schema(Item)
    schema = builder.components["Item"]
    assert is_equivalent(schema, {}, Item)
    assert not is_equivalent(schema | change, {}, Item)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"enum": [1]}, {"enum": [True]}),
        ({"const": 1}, {"const": True}),
        ({"const": 1}, {"const": 1.0}),
        (True, {}),
        ({"$ref": "#/components/schemas/Gone"}, {"$ref": "#/components/schemas/Gone"}),
        ({"$ref": "#/components/schemas/A", "minimum": 1}, {"$ref": "#/components/schemas/A"}),
        ({"anyOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    ],
)
def test_in_doubt_they_are_not_the_same(one: object, other: object) -> None:
    components = {"A": {"type": "integer"}}
    assert not Equivalence(components, components).holds(one, other)
    assert not Equivalence(components, components).holds(other, one)


@attrs.frozen
class Order:
    item: Item = attrs.field(metadata={"description": "What is ordered."})


def test_what_a_described_reference_leads_to_is_compared() -> None:
    def order(name: dict[str, Any]) -> dict[str, Any]:
        item = {"$ref": "#/components/schemas/Item", "description": "What."}
        count = {"type": "integer"}
        properties = {"name": {"type": "string", **name}, "count": count}
        return {
            "Order": {"type": "object", "required": ["item"], "properties": {"item": item}},
            "Item": {"type": "object", "required": ["name"], "properties": properties},
        }

    schema = {"$ref": "#/components/schemas/Order"}
    assert is_equivalent(schema, order({"minLength": 1}), Order)
    assert not is_equivalent(schema, order({"minLength": 5}), Order)
