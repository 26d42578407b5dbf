from typing import Any

import pytest

from photon_openapi.document._definitions import (
    Definitions,
    definitions_of,
    look_up,
    parts_of,
    tokens_of,
)
from photon_openapi.document._document import Document
from photon_openapi.schema._check import SchemaCheck


def document(**schemas: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {},
        "components": {"schemas": schemas},
    }


def check(schema: Any, data: dict[str, Any]) -> SchemaCheck:
    return SchemaCheck(schema, components=Definitions(data))


def validity(found: SchemaCheck, *values: object) -> list[bool]:
    """Return the validity of values; the lists of errors must agree."""
    results = [found.is_valid(value) for value in values]
    assert [not found.errors(value) for value in values] == results
    return results


def test_a_schema_gets_what_it_refers_to_and_no_more() -> None:
    data = document(
        A={"$ref": "#/components/schemas/B"},
        B={"type": "array", "items": {"$ref": "#/components/schemas/A"}},
        C={"type": "string"},
    )
    rooted = Definitions(data).rooted({"$ref": "#/components/schemas/A"})
    assert set(rooted["components"]["schemas"]) == {"A", "B"}
    assert Definitions(data).rooted({"type": "string"}) == {"type": "string"}
    assert Definitions(data).rooted(True) is True


def test_a_pointer_may_lead_anywhere_in_the_document() -> None:
    data = document(A={"properties": {"x/y~z": {"type": "integer"}}})
    media = {"application/json": {"schema": {"type": "string"}}}
    parameter = {"name": "a", "in": "query", "schema": {"type": "boolean"}}
    data["paths"] = {"/x": {"get": {"parameters": [parameter], "requestBody": {"content": media}}}}
    for pointer, good, bad in (
        ("#/components/schemas/A/properties/x~1y~0z", 1, "1"),
        ("#/paths/~1x/get/requestBody/content/application~1json/schema", "a", 1),
        ("#/paths/%2F~1x/get/parameters/0/schema".replace("%2F", ""), True, 1),
    ):
        assert validity(check({"$ref": pointer}, data), good, bad) == [True, False]


def test_a_pointer_into_a_part_that_is_there_already_is_kept() -> None:
    data = document(A={"properties": {"b": {"type": "integer"}}})
    schema = {
        "properties": {
            "a": {"$ref": "#/components/schemas/A"},
            "b": {"$ref": "#/components/schemas/A/properties/b"},
        }
    }
    found = check(schema, data)
    assert validity(found, {"a": {"b": 1}, "b": 1}, {"a": {"b": "1"}}, {"b": "1"}) == [
        True,
        False,
        False,
    ]


TREE = {
    "$id": "https://example.com/tree",
    "$dynamicAnchor": "node",
    "type": "object",
    "properties": {
        "data": True,
        "children": {"type": "array", "items": {"$dynamicRef": "#node"}},
    },
}
STRICT = {
    "$id": "https://example.com/strict",
    "$dynamicAnchor": "node",
    "$ref": "tree",
    "unevaluatedProperties": False,
}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/Strict"},
        {"$ref": "https://example.com/strict"},
        STRICT,
    ],
    ids=["pointer", "uri", "inline"],
)
def test_references_may_depend_on_the_way_to_them(schema: Any) -> None:
    data = document(Tree=TREE, Strict=STRICT)
    wrong = {"children": [{"daat": 1}]}
    assert validity(check(schema, data), {"children": [{"data": 1}]}, wrong) == [True, False]
    loose = check({"$ref": "#/components/schemas/Tree"}, data)
    assert validity(loose, wrong) == [True]
    many = {"children": [{"data": 1}] * 60 + [{"daat": 1}]}
    [error] = check(schema, data).errors(many)
    assert error.pointer == "/children/60"


def test_anchors_and_identifiers_are_found() -> None:
    data = document(
        Named={"$anchor": "named", "type": "integer", "minimum": 3},
        Inner={"$id": "inner", "$defs": {"a": {"$anchor": "deep", "type": "string"}}},
        Dynamic={"$dynamicAnchor": "open", "type": "boolean"},
    )
    assert Document(data).problems() == []
    for reference, good, bad in (
        ("#named", 3, 2),
        ("inner#deep", "a", 1),
        ("inner#/$defs/a", "a", 1),
        ("#/components/schemas/Inner/$defs/a", "a", 1),
        ("#open", True, 1),
    ):
        assert validity(check({"$ref": reference}, data), good, bad) == [True, False]
        copy = document(**data["components"]["schemas"], X={"$ref": reference})
        assert Document(copy).problems() == []
    assert validity(check({"$dynamicRef": "#open"}, data), True, 1) == [True, False]


def test_a_resource_has_definitions_of_its_own() -> None:
    schema = {
        "$id": "https://example.com/own",
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}, "self": {"$ref": "#"}},
        "$defs": {"A": {"type": "integer"}},
    }
    data = document(Own=schema)
    assert Document(data).problems() == []
    found = check({"$ref": "#/components/schemas/Own"}, data)
    assert validity(found, {"self": {"a": 1}}, {"self": {"a": "1"}}) == [True, False]


@pytest.mark.parametrize(
    ("dialect", "is_known"),
    [
        ("https://json-schema.org/draft/2020-12/schema", True),
        ("https://spec.openapis.org/oas/3.1/dialect/base", True),
        ("https://spec.openapis.org/oas/3.1/dialect/2024-11-10", True),
        ("https://spec.openapis.org/oas/3.2/dialect/2025-09-17", True),
        ("http://json-schema.org/draft-07/schema#", False),
        ("https://json-schema.org/draft/2019-09/schema", False),
        ("https://example.com/dialect", False),
    ],
)
def test_schemas_of_other_dialects_are_refused(dialect: str, is_known: bool) -> None:
    whole = document() | {"jsonSchemaDialect": dialect}
    single = document(A={"$schema": dialect, "type": "string"})
    for data, pointer in ((whole, "/jsonSchemaDialect"), (single, "/components/schemas/A/$schema")):
        found = Document(data).problems()
        assert [each.split(": ")[0] for each in found] == ([] if is_known else [pointer])
    if is_known:
        found_check = check({"$ref": "#/components/schemas/A"}, single)
        assert validity(found_check, "a", 1) == [True, False]


def test_a_reference_without_a_target_is_reported() -> None:
    [problem] = Document(document(A={"$ref": "#nothing"})).problems()
    assert problem == "/components/schemas/A/$ref: '#nothing' does not exist"


def test_definitions_are_a_mapping_of_schemas_by_name() -> None:
    found = definitions_of({"A": {"type": "string"}})
    assert dict(found) == {"A": {"type": "string"}}
    assert definitions_of(found) is found
    assert len(definitions_of(None)) == 0
    assert found.find("#/components/schemas/A") == {"type": "string"}
    assert found.find("#") is None
    assert found.followed({"$ref": "#/components/schemas/A"}) == {"type": "string"}


def test_parts_are_yielded_in_order_without_data() -> None:
    data = {
        "a": [{"example": {"b": {}}}, {"properties": {"example": {"x-y": {}}}}],
        "examples": {"e": {"value": {"c": {}}}},
    }
    assert [part.pointer for part in parts_of(data)] == [
        "",
        "/a/0",
        "/a/1",
        "/a/1/properties/example",
        "/examples/e",
    ]


@pytest.mark.slow
def test_a_walk_is_not_bounded_by_the_depth_of_the_document() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"not": deep}
    assert sum(1 for _ in parts_of(deep)) == 100_001


def test_pointers_are_followed_through_lists_and_escapes() -> None:
    assert tokens_of("/a~1b/~0/0") == ["a/b", "~", "0"]
    assert look_up({"a/b": [{"~": 1}]}, ["a/b", "0", "~"]) == 1
    for steps in (["a/b", "1"], ["a/b", "x"], ["a/b", "0", "~", "z"], ["-1"]):
        assert look_up({"a/b": [{"~": 1}]}, steps) is None
