from __future__ import annotations

import copy
from typing import Any

import pytest

from photon_openapi.linting import IDS, RULES, lint

PARAMETER = {
    "name": "petId",
    "in": "path",
    "required": True,
    "description": "Which one.",
    "schema": {"type": "integer", "format": "int32"},
}
HEADER = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "What the request is called.",
    "schema": {"type": "string", "maxLength": 9},
}
REFERENCE = {"$ref": "#/components/schemas/Pet"}
GOOD: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1", "description": "Pets of a shop."},
    "tags": [{"name": "pets"}],
    "security": [{"key": []}],
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-key"}},
        "schemas": {
            "Pet": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 9, "examples": ["Rex"]},
                    "age": {"type": ["integer", "null"], "maximum": 99, "default": 0},
                },
            }
        },
    },
    "paths": {
        "/pets/{petId}": {
            "get": {
                "operationId": "getPet",
                "summary": "Show a pet",
                "tags": ["pets"],
                "parameters": [PARAMETER],
                "responses": {
                    "200": {
                        "description": "The pet.",
                        "content": {"application/json": {"schema": REFERENCE}},
                    },
                    "404": {"description": "There is none."},
                },
            }
        }
    },
}  # fmt: skip
GET = ("paths", "/pets/{petId}", "get")
PET = ("components", "schemas", "Pet")


def changed(*steps: Any, to: Any) -> dict[str, Any]:
    """Return the good document with another value at a location; ``None`` removes it."""
    document = copy.deepcopy(GOOD)
    place: Any = document
    for step in steps[:-1]:
        place = place[step]
    if to is None:
        del place[steps[-1]]
    else:
        place[steps[-1]] = to
    return document


def found(document: dict[str, Any], profile: Any = "strict") -> set[tuple[str, str, str]]:
    return {(each.rule, each.level, each.pointer) for each in lint(document, profile=profile)}


OP = "/paths/~1pets~1{petId}/get"
COMPONENT = "/components/schemas/Pet"
NAME = (*PET, "properties", "name")


def test_a_good_document_has_no_findings_in_any_profile() -> None:
    for profile in ("minimal", "recommended", "strict", "camel"):
        assert lint(GOOD, profile=profile) == []


@pytest.mark.parametrize(
    ("document", "rule", "level", "pointer"),
    [
        (changed("info", "title", to=None), "structure", "error", "/info"),
        (changed(*GET, "operationId", to=None), "operation-id", "warning", OP),
        (changed(*GET, "summary", to=None), "operation-summary", "warning", OP),
        (changed(*GET, "tags", to=None), "operation-tags", "warning", OP),
        (changed(*GET, "tags", to=["zoo"]), "tag-undeclared", "warning", f"{OP}/tags/0"),
        (changed("tags", to=[{"name": "pets"}, {"name": "a"}]), "tag-unused", "info", "/tags/1"),
        (changed("tags", to=[{"name": "pets"}] * 2), "tag-duplicate", "warning", "/tags/1"),
        (changed("info", "description", to=None), "info-description", "info", "/info"),
        (changed("security", to=None), "security-missing", "info", OP),
        (changed("security", to=[{"no": []}]), "security-undeclared", "error", "/security/0"),
        (
            changed("servers", to=[{"url": "https://a.example/"}]),
            "server-trailing-slash",
            "info",
            "/servers/0/url",
        ),
        (
            changed(*GET, "responses", to={"404": {"description": ""}}),
            "operation-success",
            "warning",
            f"{OP}/responses",
        ),
        (changed(*GET, "responses", "404", to=None), "operation-4xx", "warning", f"{OP}/responses"),
        (
            changed(*GET, "responses", "404", "content", to={"application/json": {}}),
            "response-schema",
            "warning",
            f"{OP}/responses/404/content/application~1json",
        ),
        (
            changed(*GET, "responses", "204", to={"description": "", "content": {"a/b": {}}}),
            "response-body-forbidden",
            "warning",
            f"{OP}/responses/204/content",
        ),
        (
            changed(*GET, "requestBody", to={"content": {"text/plain": {}}}),
            "body-on-get",
            "warning",
            f"{OP}/requestBody",
        ),
        (
            changed(*GET, "parameters", 0, "description", to=None),
            "parameter-description",
            "info",
            OP,
        ),
        (
            changed(*GET, "parameters", to=[PARAMETER] * 2),
            "parameter-duplicate",
            "error",
            f"{OP}/parameters/1",
        ),
        (
            changed(*GET, "parameters", to=[HEADER, {**HEADER, "name": "x-REQUEST-id"}]),
            "parameter-duplicate",
            "error",
            f"{OP}/parameters/1",
        ),
        (changed(*GET, "x-stack-size", to=1), "extension-ignored", "info", f"{OP}/x-stack-size"),
        (changed("paths", "/a/", to={}), "path-trailing-slash", "warning", "/paths/~1a~1"),
        (changed("paths", "/a?b", to={}), "path-query", "error", "/paths/~1a?b"),
        (changed("paths", "/A_b", to={}), "path-casing", "info", "/paths/~1A_b"),
        (changed("paths", "/{a}/x", to={}), "path-ambiguous", "warning", "/paths/~1{a}~1x"),
        (
            changed("components", "parameters", to={"P": {"name": "a", "in": "query", "schema": {
                "type": "string", "maxLength": 1}}}),
            "component-unused",
            "warning",
            "/components/parameters/P",
        ),
        (changed(*NAME, "type", to=None), "schema-type", "warning", f"{COMPONENT}/properties/name"),
        (
            changed(*NAME, to={"type": "array", "maxItems": 1}),
            "array-items",
            "warning",
            f"{COMPONENT}/properties/name",
        ),
        (
            changed(*NAME, "examples", to=["long enough"]),
            "example-mismatch",
            "warning",
            f"{COMPONENT}/properties/name/examples/0",
        ),
        (
            changed(*NAME, "default", to=5),
            "default-mismatch",
            "warning",
            f"{COMPONENT}/properties/name/default",
        ),
        (
            changed(*NAME, to={"type": "string", "enum": ["a", 1]}),
            "enum-mismatch",
            "warning",
            f"{COMPONENT}/properties/name/enum/1",
        ),
        (
            changed(*NAME, "minLength", to=10),
            "limits-impossible",
            "warning",
            f"{COMPONENT}/properties/name",
        ),
        (
            changed(*NAME, "nullable", to=True),
            "nullable",
            "warning",
            f"{COMPONENT}/properties/name/nullable",
        ),
        (
            changed(*NAME, "minimum", to=1),
            "keyword-misplaced",
            "warning",
            f"{COMPONENT}/properties/name/minimum",
        ),
        (
            changed(*NAME, "maxlength", to=1),
            "keyword-unknown",
            "warning",
            f"{COMPONENT}/properties/name/maxlength",
        ),
        (
            changed(*NAME, "format", to="emial"),
            "format-unknown",
            "info",
            f"{COMPONENT}/properties/name/format",
        ),
        (
            changed(*NAME, "format", to="int32"),
            "format-type",
            "warning",
            f"{COMPONENT}/properties/name/format",
        ),
        (
            changed(*PET, "required", to=["name", "owner"]),
            "required-undefined",
            "warning",
            f"{COMPONENT}/required",
        ),
        (
            changed(*NAME, "discriminator", to={"propertyName": "a", "mapping": {"b": "#/nope"}}),
            "discriminator",
            "warning",
            f"{COMPONENT}/properties/name/discriminator/mapping/b",
        ),
        (
            changed(*NAME, "pattern", to="("),
            "schema-invalid",
            "error",
            f"{COMPONENT}/properties/name/pattern",
        ),
        (
            changed(*NAME, "maxLength", to=None),
            "bounds-missing",
            "info",
            f"{COMPONENT}/properties/name",
        ),
        (changed(*PET, "additionalProperties", to=None), "object-open", "info", COMPONENT),
        (
            changed(*PET, "properties", "Xx_y", to={"const": 1}),
            "property-casing",
            "info",
            f"{COMPONENT}/properties/Xx_y",
        ),
        (
            changed("components", "schemas", "pet_list", to={"const": 1}),
            "schema-name-casing",
            "info",
            "/components/schemas/pet_list",
        ),
        (
            changed("components", "responses", to={"R": {"description": "", "content": {"a/b": {
                "schema": {"type": "object", "properties": {"a": {"const": 1}}}}}}}),
            "schema-inline",
            "info",
            "/components/responses/R/content/a~1b/schema",
        ),
    ],
)  # fmt: skip
def test_a_rule_finds_its_violation(
    document: dict[str, Any], rule: str, level: str, pointer: str
) -> None:
    assert (rule, level, pointer) in found(document)


def test_names_are_to_be_in_the_case_of_the_profile() -> None:
    rules = {(each.rule, each.level) for each in lint(GOOD, profile="snake")}
    assert rules == {("operation-id-casing", "warning"), ("parameter-casing", "warning")}


def test_scopes_that_no_flow_has_are_found() -> None:
    document = changed("security", to=[{"login": ["write"]}])
    flow = {"tokenUrl": "https://a.example/", "scopes": {"read": "Read."}}
    document["components"]["securitySchemes"]["login"] = {
        "type": "oauth2",
        "flows": {"clientCredentials": flow},
    }
    assert ("scope-undeclared", "warning", "/security/0") in found(document)


def test_a_document_of_openapi_3_0_is_read_as_one_of_3_1() -> None:
    document = changed(*NAME, "nullable", to=True)
    document["openapi"] = "3.0.3"
    document["components"]["schemas"]["Pet"]["properties"].pop("age")
    del document["components"]["schemas"]["Pet"]["properties"]["name"]["examples"]
    assert {each.rule for each in lint(document)} == {"version-3.0"}


@pytest.mark.parametrize("document", [{}, {"openapi": "2.0"}, {"openapi": 3}, {"openapi": "3.1.0"}])
def test_data_that_is_not_a_document_is_reported_once(document: dict[str, Any]) -> None:
    assert {each.rule for each in lint(document, profile="minimal")} == {"structure"}


def test_rules_can_be_left_out_and_unknown_ones_are_refused() -> None:
    document = changed(*GET, "operationId", to=None)
    assert lint(document, ignore=["operation-id"]) == []
    with pytest.raises(ValueError, match="the rule operation-ids does not exist"):
        lint(document, ignore=["operation-ids"])


def test_the_most_severe_comes_first() -> None:
    document = changed("info", "description", to=None)
    del document["paths"]["/pets/{petId}"]["get"]["operationId"]
    document["paths"]["/a?b"] = {}
    assert [each.level for each in lint(document)] == ["error", "warning", "info"]


def test_the_ids_of_rules_are_unique() -> None:
    for rules in RULES.values():
        assert len({rule.id for rule in rules}) == len(rules)
        assert {rule.id for rule in rules} < IDS


@pytest.mark.parametrize("step", [None, 5, "x", [], [None], {"a": None}])
@pytest.mark.parametrize(
    "place",
    [
        ("paths",), ("components",), ("tags",), ("security",), ("servers",), GET, PET, NAME,
        (*GET, "responses"), (*GET, "parameters"), (*GET, "tags"), (*GET, "security"),
        (*PET, "properties"), (*PET, "required"), ("components", "securitySchemes"),
    ],
)  # fmt: skip
def test_a_broken_document_is_linted_without_a_crash(place: tuple[str, ...], step: Any) -> None:
    document = GOOD if step is None and place[-1] in ("servers", "security") else None
    lint(document or changed(*place, to=step), profile="strict")  # fmt: skip
