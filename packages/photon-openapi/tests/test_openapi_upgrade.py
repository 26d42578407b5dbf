import copy
import json
import logging
from typing import Any

import pytest

from photon_openapi.document._load import load_document
from photon_openapi.document._schema_errors import schema_errors
from photon_openapi.document._upgrade import VERSION, is_old, upgraded
from photon_openapi.schema._check import SchemaCheck


def document(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "openapi": "3.0.3",
        "info": {"title": "T", "version": "1"},
        "paths": {},
        "components": {"schemas": {"A": schema}} | more,
    }


def schema_of(schema: dict[str, Any]) -> Any:
    result, _ = upgraded(document(schema))
    assert schema_errors(result) == []
    return result["components"]["schemas"]["A"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string"}, {"type": "string"}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"nullable": True}, {}),
        (
            {"type": "string", "nullable": True, "enum": ["a"]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"nullable": True, "allOf": [{"$ref": "#/components/schemas/A"}]},
            {"anyOf": [{"allOf": [{"$ref": "#/components/schemas/A"}]}, {"type": "null"}]},
        ),
        (
            {"type": "integer", "minimum": 3, "exclusiveMinimum": True},
            {"type": "integer", "exclusiveMinimum": 3},
        ),
        (
            {"type": "integer", "maximum": 3, "exclusiveMaximum": False},
            {"type": "integer", "maximum": 3},
        ),
        ({"type": "integer", "exclusiveMaximum": True}, {"type": "integer"}),
        ({"type": "string", "example": "x"}, {"type": "string", "examples": ["x"]}),
        (
            {"required": ["id", "a"], "properties": {"id": {"readOnly": True}, "a": {}}},
            {"required": ["a"], "properties": {"id": {"readOnly": True}, "a": {}}},
        ),
        (
            {"required": ["id"], "properties": {"id": {"readOnly": True}}},
            {"properties": {"id": {"readOnly": True}}},
        ),
        ({"type": "string", "format": "byte"}, {"type": "string", "contentEncoding": "base64"}),
        (
            {"type": "string", "format": "binary"},
            {"type": "string", "contentMediaType": "application/octet-stream"},
        ),
        ({"type": "array", "items": {"type": "string", "nullable": True}},
         {"type": "array", "items": {"type": ["string", "null"]}}),
        ({"properties": {"nullable": {"type": "string", "nullable": True}}},
         {"properties": {"nullable": {"type": ["string", "null"]}}}),
        ({"oneOf": [{"nullable": True, "type": "string"}], "not": {"example": 1}},
         {"oneOf": [{"type": ["string", "null"]}], "not": {"examples": [1]}}),
        ({"additionalProperties": {"type": "string", "nullable": True}},
         {"additionalProperties": {"type": ["string", "null"]}}),
        ({"example": {"nullable": True}}, {"examples": [{"nullable": True}]}),
    ],
    ids=str,
)  # fmt: skip
def test_a_schema_of_3_0_is_written_as_3_1(old: Any, new: Any) -> None:
    assert schema_of(old) == new


def test_schemas_are_found_at_any_location() -> None:
    old = {"type": "string", "nullable": True}
    media = {"application/json": {"schema": old, "example": {"nullable": True}}}
    parameter = {"name": "q", "in": "query", "schema": old}
    answer = {"description": "x", "content": media, "headers": {"X": {"schema": old}}}
    operation = {
        "parameters": [parameter],
        "requestBody": {"content": media},
        "responses": {"200": answer},
        "callbacks": {"on": {"{$request.body#/u}": {"post": {"responses": {"200": answer}}}}},
    }
    spec = document(
        old, parameters={"P": parameter}, responses={"R": answer}, headers={"H": {"schema": old}}
    )
    spec["paths"] = {"/x": {"post": operation}}
    result, warnings = upgraded(json.loads(json.dumps(spec)))
    assert "nullable': True, 'type" not in str(result)
    assert str(result).count("['string', 'null']") == 11
    assert len(warnings) == 12  # and the version
    assert schema_errors(result) == []
    assert "/paths/~1x/post/parameters/0/schema" in {each.pointer for each in warnings}


def test_members_beside_a_reference_are_ignored() -> None:
    spec = document({"type": "string"}, schemas={"A": {}, "B": {}})
    reference = {"$ref": "#/components/schemas/A", "description": "Passed over."}
    spec["components"]["schemas"]["B"] = {"properties": {"a": reference}}
    result, warnings = upgraded(spec)
    found = result["components"]["schemas"]["B"]["properties"]["a"]
    assert found == {"$ref": "#/components/schemas/A"}
    assert "description beside $ref" in warnings[-1].message


def test_a_document_is_not_changed_and_others_are_left_alone() -> None:
    old = document({"type": "string", "nullable": True})
    before = copy.deepcopy(old)
    upgraded(old)
    assert old == before
    for version in ("3.1.0", "3.2.0"):
        new = old | {"openapi": version}
        assert upgraded(new) == (new, [])
    assert [is_old(each) for each in ({}, None, {"openapi": 3}, {"openapi": "3.01"}, old)] == [
        False,
        False,
        False,
        False,
        True,
    ]


def test_rewritten_parts_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "photon.openapi"):
        result = load_document(document({"type": "string", "nullable": True}))
    assert result["openapi"] == VERSION
    assert [record.message for record in caplog.records] == [
        f"/openapi: 3.0.3 is read as {VERSION}",
        "/components/schemas/A: nullable: true is the type null in 3.1",
    ]


def test_values_are_validated_as_in_3_0() -> None:
    schema = schema_of(
        {"type": "integer", "minimum": 3, "exclusiveMinimum": True, "nullable": True}
    )
    check = SchemaCheck(schema)
    assert [check.is_valid(value) for value in (3, 4, None, "4")] == [False, True, True, False]
