from __future__ import annotations

import copy
from typing import Any

import pytest

from photon_openapi.comparison import diff
from photon_openapi.errors import DocumentError


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


def response(schema: Any, **others: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return document({"responses": {"200": {"description": "", "content": content}}}, **others)


def query(*parameters: dict[str, Any]) -> dict[str, Any]:
    return document(
        {"parameters": [{"in": "query", "schema": True, **each} for each in parameters]}
    )


def changes_between(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each.id, each.severity) for each in diff(old, new)]


def responses(**codes: Any) -> dict[str, Any]:
    return document({"responses": {code.strip("_"): response for code, response in codes.items()}})


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
    assert (changes, in_request) in changes_between(body(old), body(new))
    assert (changes, in_response) in changes_between(response(old), response(new))


def test_a_member_that_a_closed_object_no_longer_has_breaks_requests() -> None:
    new = {**obj(a=TEXT), "additionalProperties": False}
    old = {**obj(a=TEXT, b=TEXT), "additionalProperties": False}
    assert changes_between(body(old), body(new)) == [("property-removed", BREAKS)]


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
    assert changes_between(old, new) == changes


def test_media_types_and_headers_are_compared() -> None:
    old = responses(_200={**DONE, "content": {"a/b": {}}, "headers": {"X-A": {"schema": TEXT}}})
    new = responses(_200={**DONE, "content": {"a/c": {}}, "headers": {"X-B": {"schema": TEXT}}})
    assert sorted(changes_between(old, new)) == [
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
    found = changes_between(document(security=old), document(security=new))
    assert {each for each, _ in found} <= ids
    assert (("security-tightened", BREAKS) in found) == ("security-tightened" in ids)


def test_the_kind_of_a_security_scheme_must_not_change() -> None:
    def scheme(**values: str) -> dict[str, Any]:
        return document(components={"securitySchemes": {"key": values}})

    old = scheme(type="http", scheme="Bearer")
    assert changes_between(old, scheme(type="http", scheme="bearer")) == []
    assert changes_between(old, scheme(type="http", scheme="basic")) == [
        ("security-scheme-changed", BREAKS)
    ]


def test_the_names_of_path_parameters_do_not_matter() -> None:
    def path(name: str) -> dict[str, Any]:
        parameter = {"name": name, "in": "path", "required": True, "schema": TEXT}
        item = {"get": {"parameters": [parameter], "responses": {"200": DONE}}}
        return document(paths={f"/a/{{{name}}}": item})

    assert changes_between(path("id"), path("key")) == [("path-parameter-renamed", INFO)]


def test_the_division_of_a_schema_does_not_matter() -> None:
    whole = body(obj("a", a=TEXT, b=NUMBER))
    cut = body(
        {"allOf": [{"$ref": "#/components/schemas/A"}, obj(b=NUMBER)]},
        components={"schemas": {"A": obj("a", a=TEXT)}},
    )
    assert diff(whole, cut) == []
    assert diff(cut, whole) == []


def test_schemas_with_circular_references_are_compared_once() -> None:
    def tree(value: Any) -> dict[str, Any]:
        reference = {"$ref": "#/components/schemas/Tree"}
        schema = obj("value", value=value, kids={"type": "array", "items": reference})
        return response(reference, components={"schemas": {"Tree": schema}})

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


def hook(operation: dict[str, Any], **others: Any) -> dict[str, Any]:
    operation = {"responses": {"200": DONE}, **operation}
    return document(webhooks={"sold": {"post": operation}}, **others)


def callback(operation: dict[str, Any]) -> dict[str, Any]:
    operation = {"responses": {"200": DONE}, **operation}
    return document({"callbacks": {"sold": {"{$request.body#/url}": {"post": operation}}}})


def sent(schema: Any, media: str = "application/json", **others: Any) -> dict[str, Any]:
    return {"requestBody": {"content": {media: {"schema": schema}}, **others}}


def header(**values: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "X-A", "in": "header", "schema": TEXT, **values}]}


def replied(**values: Any) -> dict[str, Any]:
    return {"responses": {"200": {**DONE, **values}}}


@pytest.mark.parametrize("place", [hook, callback])
@pytest.mark.parametrize(
    ("old", "new", "change", "severity"),
    [
        (sent(obj("a", a=TEXT)), sent(obj(a=TEXT)), "property-optional", BREAKS),
        (sent(obj(a=TEXT)), sent(obj("a", a=TEXT)), "property-required", FINE),
        (sent(obj(a=TEXT)), sent(obj("a", "b", a=TEXT, b=TEXT)), "required-property-added", FINE),
        (sent({"enum": [1]}), sent({"enum": [1, 2]}), "enum-value-added", BREAKS),
        (sent({"enum": [1, 2]}), sent({"enum": [1]}), "enum-value-removed", FINE),
        (sent(TEXT), sent(TEXT, "text/plain"), "media-type-added", BREAKS),
        (sent(TEXT), sent(TEXT, "text/plain"), "media-type-removed", FINE),
        (sent(TEXT), {}, "body-removed", BREAKS),
        ({}, sent(TEXT, required=True), "required-body-added", FINE),
        (sent(TEXT, required=True), sent(TEXT), "body-optional", BREAKS),
        (sent(TEXT), sent(TEXT, required=True), "body-required", FINE),
        ({}, header(required=True), "required-parameter-added", FINE),
        (header(), {}, "parameter-removed", BREAKS),
        (header(required=True), header(), "parameter-optional", BREAKS),
        (header(), header(required=True), "parameter-required", FINE),
        (header(), header(schema={**TEXT, "maxLength": 3}), "limit-narrowed", FINE),
        (header(schema={**TEXT, "maxLength": 3}), header(), "limit-widened", BREAKS),
        (
            replied(content={"application/json": {"schema": NUMBER}}),
            replied(content={"application/json": {"schema": {"type": "number"}}}),
            "type-widened",
            FINE,
        ),
        (
            replied(content={"application/json": {"schema": {"type": "number"}}}),
            replied(content={"application/json": {"schema": NUMBER}}),
            "type-narrowed",
            BREAKS,
        ),
        (replied(headers={"X-B": {"schema": TEXT}}), replied(), "header-removed", FINE),
        (
            replied(),
            replied(headers={"X-B": {"schema": TEXT, "required": True}}),
            "header-added",
            BREAKS,
        ),
        (replied(), replied(headers={"X-B": {"schema": TEXT}}), "header-added", FINE),
        ({"security": [{"key": []}]}, {"security": []}, "security-loosened", BREAKS),
        ({"security": []}, {"security": [{"key": []}]}, "security-tightened", FINE),
    ],
)  # fmt: skip
def test_of_webhooks_and_callbacks_the_server_is_the_sender(
    place: Any, old: dict[str, Any], new: dict[str, Any], change: str, severity: str
) -> None:
    assert (change, severity) in changes_between(place(old), place(new))


def test_webhooks_and_callbacks_are_named_by_their_names_and_location() -> None:
    [change] = diff(hook({}), hook(header()))
    assert change.operation == "POST webhook sold"
    assert change.pointer == "/webhooks/sold/post/parameters"
    [change] = diff(callback({}), callback(header()))
    assert change.operation == "POST {$request.body#/url} (callback sold of POST /a)"
    assert change.pointer == (
        "/paths/~1a/post/callbacks/sold/{$request.body#~1url}/post/parameters"
    )


def test_equal_webhooks_and_callbacks_have_no_changes() -> None:
    assert diff(hook(sent(TEXT)), hook(sent(TEXT))) == []
    assert diff(callback(sent(TEXT)), callback(sent(TEXT))) == []


def test_removed_and_added_callbacks_are_reported() -> None:
    assert changes_between(callback({}), document()) == [("callback-removed", BREAKS)]
    assert changes_between(document(), callback({})) == [("callback-added", FINE)]


def test_a_callback_to_another_address_is_another_one() -> None:
    new = callback({})
    callbacks = new["paths"]["/a"]["post"]["callbacks"]
    callbacks["sold"] = {"{$request.query.url}": callbacks["sold"]["{$request.body#/url}"]}
    found = changes_between(callback({}), new)
    assert found == [("operation-removed", BREAKS), ("operation-added", FINE)]


def test_callbacks_and_webhooks_are_compared_by_reference() -> None:
    def referring(schema: Any) -> dict[str, Any]:
        operation = {"responses": {"200": DONE}, **sent(schema)}
        components = {
            "callbacks": {"Sold": {"{$request.body#/url}": {"$ref": "#/components/pathItems/P"}}},
            "pathItems": {"P": {"post": operation}},
        }
        return document(
            {"callbacks": {"sold": {"$ref": "#/components/callbacks/Sold"}}},
            webhooks={"sold": {"$ref": "#/components/pathItems/P"}},
            components=components,
        )

    changes = diff(referring(NUMBER), referring({"type": "number"}))
    assert [each.severity for each in changes] == [BREAKS, BREAKS]
    assert {each.operation for each in changes} == {
        "POST webhook sold",
        "POST {$request.body#/url} (callback sold of POST /a)",
    }


def test_callbacks_of_webhooks_are_requests_again() -> None:
    def inner(schema: Any) -> dict[str, Any]:
        operation = {"responses": {"200": DONE}, **sent(schema)}
        return hook({"callbacks": {"paid": {"{$request.body#/url}": {"post": operation}}}})

    assert changes_between(inner({"type": "number"}), inner(NUMBER)) == [("type-narrowed", BREAKS)]


def test_a_callback_that_leads_back_to_itself_is_allowed() -> None:
    def circle(limit: int) -> dict[str, Any]:
        operation = {
            "responses": {"200": DONE},
            "callbacks": {"again": {"$ref": "#/components/callbacks/Again"}},
            **sent({**TEXT, "maxLength": limit}),
        }
        components = {"callbacks": {"Again": {"{$url}": {"post": operation}}}}
        return document(
            {"callbacks": {"again": {"$ref": "#/components/callbacks/Again"}}},
            components=components,
        )

    assert changes_between(circle(1), circle(2)) == [("limit-widened", BREAKS)]


def test_what_the_whole_document_requires_is_not_required_of_receivers_of_webhooks() -> None:
    new = hook({}, security=[{"key": []}])
    assert {each.operation for each in diff(hook({}), new)} == {"POST /a"}


def test_the_most_severe_changes_come_first() -> None:
    new, old = query({"name": "q"}), query({"name": "r"})
    new["paths"]["/a"]["post"]["deprecated"] = True
    assert [severity for _, severity in changes_between(old, new)] == [BREAKS, FINE, INFO]


def test_an_old_document_is_compared_as_3_1() -> None:
    old = body({"type": "string", "nullable": True})
    old["openapi"] = "3.0.3"
    assert diff(old, body({"type": ["string", "null"]})) == []


def test_data_that_is_not_a_document_is_refused() -> None:
    with pytest.raises(DocumentError, match="not a version 3"):
        diff({"openapi": "2.0"}, document())


# -- shared components --------------------------------------------------------------------------


def _shop(count: int, **schemas: Any) -> dict[str, Any]:
    def listing(number: int) -> dict[str, Any]:
        schema = {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}
        content = {"application/json": {"schema": schema}}
        responses = {"200": {"description": "Pets.", "content": content}}
        return {"get": {"operationId": f"list{number}", "responses": responses}}

    return {
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "1"},
        "paths": {f"/pets{number}": listing(number) for number in range(count)},
        "components": {"schemas": schemas},
    }


def _members(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_a_change_of_a_shared_component_is_one_change_with_all_operations() -> None:
    text, number = {"type": "string"}, {"type": "integer"}
    [change] = diff(_shop(5, Pet=_members(name=text)), _shop(5, Pet=_members(name=number)))
    assert change.id == "type-changed"
    assert change.component == "/components/schemas/Pet/properties/name"
    assert change.operations == tuple(f"GET /pets{each}" for each in range(5))
    assert change.operation == "GET /pets0"


def test_a_change_beside_that_of_a_component_is_not_lost() -> None:
    text, number = {"type": "string"}, {"type": "integer"}
    old, new = _shop(2, Pet=_members(name=text)), _shop(2, Pet=_members(name=number))
    schema = new["paths"]["/pets1"]["get"]["responses"]["200"]["content"]["application/json"]
    schema["schema"]["maxItems"] = 3
    changes = {(each.id, each.operation, len(each.operations)) for each in diff(old, new)}
    assert changes == {("type-changed", "GET /pets0", 2), ("limit-narrowed", "GET /pets1", 0)}


def test_the_same_change_of_two_members_is_two_changes() -> None:
    text, number = {"type": "string"}, {"type": "integer"}
    old = _shop(1, Pet=_members(name=text, nick=text, tags={"type": "array", "items": text}))
    new = _shop(1, Pet=_members(name=number, nick=number, tags={"type": "array", "items": number}))
    assert [each.component.rpartition("properties")[2] for each in diff(old, new)] == [
        "/name",
        "/nick",
        "/tags/items",
    ]


def test_a_change_of_a_base_is_one_change_for_all_that_extend_it() -> None:
    def pets(base: dict[str, Any]) -> dict[str, Any]:
        inherited = {"$ref": "#/components/schemas/Base"}
        kinds = {name: {"allOf": [inherited, _members(a={"const": name})]} for name in ("A", "B")}
        return _shop(2, Base=base, Pet={"oneOf": [{"$ref": f"#/components/schemas/{name}"}
                                                  for name in kinds]}, **kinds)  # fmt: skip

    old, new = pets(_members(id={"type": "string"})), pets(_members(id={"type": "integer"}))
    [change] = diff(old, new)
    assert change.component == "/components/schemas/Base/properties/id"


def test_components_that_refer_to_each_other_are_each_compared_once() -> None:
    def linked(kind: str) -> dict[str, Any]:
        names = [f"C{number}" for number in range(60)]
        schemas = {
            name: _members(
                id={"type": kind},
                **{each: {"$ref": f"#/components/schemas/{each}"} for each in names},
            )
            for name in names
        }
        return _shop(3, Pet={"$ref": "#/components/schemas/C0"}, **schemas)

    changes = diff(linked("string"), linked("integer"))
    assert len(changes) == 60
    assert all(len(each.operations) == 3 for each in changes)
