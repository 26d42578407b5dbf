from __future__ import annotations

import copy
from typing import Any

import pytest

from photon_router import DocumentError
from photon_router.openapi import diff


def document(operation: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    operation = {"responses": {"200": {"description": "Good."}}, **(operation or {})}
    data: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "A", "version": "1"},
        "paths": {"/a": {"post": operation}},
        **others,
    }
    return copy.deepcopy(data)


def body(schema: Any, **others: Any) -> dict[str, Any]:
    return document(
        {"requestBody": {"content": {"application/json": {"schema": schema}}}}, **others
    )


def answer(schema: Any, **others: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return document({"responses": {"200": {"description": "", "content": content}}}, **others)


def query(*parameters: dict[str, Any]) -> dict[str, Any]:
    return document(
        {"parameters": [{"in": "query", "schema": True, **each} for each in parameters]}
    )


def told(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each.id, each.severity) for each in diff(old, new)]


def responses(**codes: Any) -> dict[str, Any]:
    return document({"responses": {code.strip("_"): answer for code, answer in codes.items()}})


BREAKS, FINE, INFO = "breaking", "non-breaking", "info"
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
DONE = {"description": "Done."}


def obj(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def test_equal_documents_have_no_changes() -> None:
    assert diff(body(obj("a", a=TEXT)), body(obj("a", a=TEXT))) == []


@pytest.mark.parametrize(
    ("old", "new", "changes", "in_request", "in_response"),
    [
        (obj(a=TEXT), obj("b", a=TEXT, b=TEXT), "required-property-added", BREAKS, FINE),
        (obj(a=TEXT), obj(a=TEXT, b=TEXT), "property-added", FINE, FINE),
        (obj(a=TEXT, b=TEXT), obj(a=TEXT), "property-removed", FINE, BREAKS),
        (obj(a=TEXT), obj("a", a=TEXT), "property-required", BREAKS, FINE),
        (obj("a", a=TEXT), obj(a=TEXT), "property-optional", FINE, BREAKS),
        (TEXT, NUMBER, "type-changed", BREAKS, BREAKS),
        ({"type": "number"}, NUMBER, "type-narrowed", BREAKS, FINE),
        (NUMBER, {"type": "number"}, "type-widened", FINE, BREAKS),
        (NUMBER, {}, "type-widened", FINE, BREAKS),
        ({}, NUMBER, "type-narrowed", BREAKS, FINE),
        (NUMBER, {"type": ["integer", "null"]}, "schema-branch-added", FINE, BREAKS),
        ({"enum": [1, 2]}, {"enum": [1]}, "enum-value-removed", BREAKS, FINE),
        ({"enum": [1]}, {"enum": [1, 2]}, "enum-value-added", FINE, BREAKS),
        (TEXT, {**TEXT, "enum": ["a"]}, "enum-added", BREAKS, FINE),
        ({**TEXT, "const": "a"}, TEXT, "enum-removed", FINE, BREAKS),
        (TEXT, {**TEXT, "maxLength": 5}, "limit-narrowed", BREAKS, FINE),
        ({**TEXT, "maxLength": 5}, {**TEXT, "maxLength": 6}, "limit-widened", FINE, BREAKS),
        ({**NUMBER, "minimum": 5}, {**NUMBER, "minimum": 6}, "limit-narrowed", BREAKS, FINE),
        ({"uniqueItems": True}, {}, "limit-widened", FINE, BREAKS),
        (TEXT, {**TEXT, "pattern": "^a"}, "pattern-added", BREAKS, FINE),
        ({**TEXT, "pattern": "^a"}, {**TEXT, "pattern": "^b"}, "pattern-changed", BREAKS, BREAKS),
        ({**TEXT, "format": "uuid"}, TEXT, "format-removed", FINE, BREAKS),
        (obj(), {**obj(), "additionalProperties": False}, "object-closed", BREAKS, FINE),
        ({**obj(), "additionalProperties": False}, obj(), "object-opened", FINE, FINE),
        ({"items": TEXT}, {"items": NUMBER}, "type-changed", BREAKS, BREAKS),
        ({"prefixItems": [TEXT]}, {"prefixItems": [NUMBER]}, "type-changed", BREAKS, BREAKS),
        ({"anyOf": [TEXT, NUMBER]}, TEXT, "schema-branch-removed", BREAKS, FINE),
        (TEXT, {"oneOf": [TEXT, NUMBER]}, "schema-branch-added", FINE, BREAKS),
        ({"not": TEXT}, {"not": NUMBER}, "not-changed", BREAKS, BREAKS),
        (TEXT, {**TEXT, "default": "a"}, "default-changed", INFO, INFO),
        (TEXT, {**TEXT, "deprecated": True}, "deprecated", INFO, INFO),
        (TEXT, {**TEXT, "writeOnly": True}, "write-only-changed", INFO, INFO),
    ],
)  # fmt: skip
def test_what_breaks_depends_on_the_direction(
    old: Any, new: Any, changes: str, in_request: str, in_response: str
) -> None:
    assert (changes, in_request) in told(body(old), body(new))
    assert (changes, in_response) in told(answer(old), answer(new))


def test_a_member_that_a_closed_object_no_longer_has_breaks_requests() -> None:
    new = {**obj(a=TEXT), "additionalProperties": False}
    old = {**obj(a=TEXT, b=TEXT), "additionalProperties": False}
    assert told(body(old), body(new)) == [("property-removed", BREAKS)]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        (query(), query({"name": "q", "schema": TEXT}), [("parameter-added", FINE)]),
        (query(), query({"name": "q", "required": True}), [("required-parameter-added", BREAKS)]),
        (query({"name": "q"}), query(), [("parameter-removed", BREAKS)]),
        (
            query({"name": "q"}),
            query({"name": "q", "required": True}),
            [("parameter-required", BREAKS)],
        ),
        (
            query({"name": "q", "required": True}),
            query({"name": "q"}),
            [("parameter-optional", FINE)],
        ),
        (
            query({"name": "q", "schema": {"type": "array"}}),
            query({"name": "q", "schema": {"type": "array"}, "style": "pipeDelimited"}),
            [("parameter-style-changed", BREAKS)],
        ),
        (
            query({"name": "q", "schema": TEXT}),
            query({"name": "q", "schema": {**TEXT, "maxLength": 1}}),
            [("limit-narrowed", BREAKS)],
        ),
        (document(), body(TEXT), [("body-added", FINE)]),
        (body(TEXT), document(), [("body-removed", BREAKS)]),
        (responses(_200=DONE), responses(_200=DONE, _404=DONE), [("response-added", FINE)]),
        (responses(_200=DONE, _404=DONE), responses(_200=DONE), [("response-removed", BREAKS)]),
        (
            responses(_200=DONE, _404=DONE),
            responses(_200=DONE, _4XX=DONE),
            [("response-added", FINE)],
        ),
        (document(), document(paths={}), [("operation-removed", BREAKS)]),
        (document(paths={}), document(), [("operation-added", FINE)]),
        (document(), document({"deprecated": True}), [("operation-deprecated", INFO)]),
        (document(), document({"operationId": "a"}), [("operation-id-changed", INFO)]),
        (
            document(servers=[{"url": "/v1"}]),
            document(servers=[{"url": "/v2"}]),
            [("base-path-removed", BREAKS)],
        ),
        (document(), document(webhooks={"a": {}}), [("webhook-added", FINE)]),
        (document(webhooks={"a": {}}), document(), [("webhook-removed", BREAKS)]),
        (document(), document(info={"title": "A", "version": "2"}), [("version-changed", INFO)]),
    ],
)
def test_operations_are_compared(
    old: dict[str, Any], new: dict[str, Any], changes: list[tuple[str, str]]
) -> None:
    assert told(old, new) == changes


def test_media_types_and_headers_are_compared() -> None:
    old = responses(_200={**DONE, "content": {"a/b": {}}, "headers": {"X-A": {"schema": TEXT}}})
    new = responses(_200={**DONE, "content": {"a/c": {}}, "headers": {"X-B": {"schema": TEXT}}})
    assert sorted(told(old, new)) == [
        ("header-added", FINE),
        ("header-removed", BREAKS),
        ("media-type-added", FINE),
        ("media-type-removed", BREAKS),
    ]


@pytest.mark.parametrize(
    ("old", "new", "ids"),
    [
        ([], [{"key": []}], {"security-tightened", "security-loosened"}),
        ([{"key": []}], [], {"security-loosened"}),
        ([{"key": []}], [{"key": []}, {"login": []}], {"security-loosened"}),
        ([{"key": []}, {"login": []}], [{"key": []}], {"security-tightened"}),
        ([{"key": []}], [{"key": [], "login": []}], {"security-tightened"}),
        ([{"login": ["a"]}], [{"login": ["a", "b"]}], {"security-tightened"}),
        ([{"login": ["a", "b"]}], [{"login": ["a"]}], {"security-loosened"}),
        ([{"login": []}, {"key": []}], [{"key": []}, {"login": []}], set()),
    ],
)
def test_security_is_tightened_where_old_credentials_are_not_enough(
    old: Any, new: Any, ids: set[str]
) -> None:
    found = told(document(security=old), document(security=new))
    assert {each for each, _ in found} <= ids
    assert (("security-tightened", BREAKS) in found) == ("security-tightened" in ids)


def test_the_kind_of_a_security_scheme_must_not_change() -> None:
    def scheme(**values: str) -> dict[str, Any]:
        return document(components={"securitySchemes": {"key": values}})

    old = scheme(type="http", scheme="Bearer")
    assert told(old, scheme(type="http", scheme="bearer")) == []
    assert told(old, scheme(type="http", scheme="basic")) == [("security-scheme-changed", BREAKS)]


def test_the_names_of_path_parameters_do_not_matter() -> None:
    def path(name: str) -> dict[str, Any]:
        parameter = {"name": name, "in": "path", "required": True, "schema": TEXT}
        item = {"get": {"parameters": [parameter], "responses": {"200": DONE}}}
        return document(paths={f"/a/{{{name}}}": item})

    assert told(path("id"), path("key")) == [("path-parameter-renamed", INFO)]


def test_it_does_not_matter_how_a_schema_is_cut() -> None:
    whole = body(obj("a", a=TEXT, b=NUMBER))
    cut = body(
        {"allOf": [{"$ref": "#/components/schemas/A"}, obj(b=NUMBER)]},
        components={"schemas": {"A": obj("a", a=TEXT)}},
    )
    assert diff(whole, cut) == []
    assert diff(cut, whole) == []


def test_schemas_in_circles_are_compared_once() -> None:
    def tree(value: Any) -> dict[str, Any]:
        reference = {"$ref": "#/components/schemas/Tree"}
        schema = obj("value", value=value, kids={"type": "array", "items": reference})
        return answer(reference, components={"schemas": {"Tree": schema}})

    assert diff(tree(TEXT), tree(TEXT)) == []
    [change] = diff(tree(TEXT), tree(NUMBER))
    assert change.operation == "POST /a"
    assert change.pointer.endswith("/schema/properties/value")


def test_circles_through_all_of_end() -> None:
    def knot(limit: int) -> dict[str, Any]:
        reference = {"$ref": "#/components/schemas/A"}
        parts = [obj(x=reference), obj(x={"allOf": [reference, {"minProperties": limit}]})]
        return body(reference, components={"schemas": {"A": {"allOf": parts}}})

    assert {each.id for each in diff(knot(1), knot(2))} == {"limit-narrowed"}


def test_the_gravest_changes_come_first() -> None:
    new, old = query({"name": "q"}), query({"name": "r"})
    new["paths"]["/a"]["post"]["deprecated"] = True
    assert [severity for _, severity in told(old, new)] == [BREAKS, FINE, INFO]


def test_an_old_document_is_compared_in_the_words_of_3_1() -> None:
    old = body({"type": "string", "nullable": True})
    old["openapi"] = "3.0.3"
    assert diff(old, body({"type": ["string", "null"]})) == []


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(DocumentError, match="not a version 3"):
        diff({"openapi": "2.0"}, document())
