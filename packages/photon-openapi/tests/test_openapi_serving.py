"""One list decides what is an error of a document, and what it concerns."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema_rs
import pytest

from photon_openapi import lint
from photon_openapi.document import Document, load_document
from photon_openapi.errors import DocumentError
from photon_openapi.schema import SchemaCheck
from photon_openapi.serving import serving_errors

JSON = "application/json"
TEXT = {"type": "string"}


def to(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def operation(name: str, **more: Any) -> dict[str, Any]:
    return {"operationId": name, "responses": {"200": {"description": "Fine."}}} | more


def taking(name: str, schema: Any) -> dict[str, Any]:
    return operation(name, requestBody={"content": {JSON: {"schema": schema}}})


def in_query(schema: Any, **more: Any) -> dict[str, Any]:
    return {"name": "q", "in": "query", "schema": schema} | more


def spec(paths: dict[str, Any], schemas: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas or {}},
    }


def concerned(document: dict[str, Any]) -> set[str]:
    """Return the names of the operations that cannot be served."""
    loaded = Document(document)
    pointers = serving_errors(loaded).by_operation()
    return {each.name for each in loaded.operations() if each.pointer in pointers}


MISTAKES: dict[str, Any] = {
    "a list of objects in the query": operation(
        "bad", parameters=[in_query({"type": "array", "items": {"type": "object"}})]
    ),
    "a list of lists": operation(
        "bad", parameters=[in_query({"type": "array", "items": {"type": "array"}})]
    ),
    "a parameter twice": operation("bad", parameters=[in_query(TEXT), in_query(TEXT)]),
    "a missing reference": taking("bad", to("Nope")),
    "a broken component": taking("bad", to("Broken")),
    "a component with a broken one": taking("bad", {"type": "array", "items": to("Outer")}),
    "an unknown scheme": operation("bad", security=[{"ghost": []}]),
    "a parameter that the path lacks": operation(
        "bad", parameters=[{"name": "x", "in": "path", "required": True, "schema": TEXT}]
    ),
    "a wrong member": operation("bad", requestBody={"contents": {}}),
    "a limit": operation("bad", **{"x-photon-deadline-ms": -1}),
    "another dialect": taking("bad", {"$schema": "http://json-schema.org/draft-04/schema#"}),
}
SCHEMAS: dict[str, Any] = {
    "Broken": {"type": "string", "pattern": "("},
    "Outer": {"type": "object", "properties": {"a": to("Broken"), "again": to("Outer")}},
    "Good": {"type": "object", "properties": {"a": TEXT, "again": to("Good")}},
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_an_error_concerns_the_operations_that_need_what_is_wrong(mistake: Any) -> None:
    document = spec({"/bad": {"get": mistake}, "/good": {"post": taking("good", to("Good"))}})
    document["components"]["schemas"] = copy.deepcopy(SCHEMAS)
    assert concerned(document) == {"bad"}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_the_errors_of_lint_are_those_that_prevent_a_start(mistake: Any) -> None:
    document = spec({"/bad": {"get": mistake}}, SCHEMAS)
    found = {
        f"{each.pointer}: {each.message}"
        for each in lint(document, profile="minimal")
        if each.level == "error"
    }
    assert found == set(serving_errors(Document(document)).texts)
    assert found


def test_paths_that_no_request_matches_are_errors() -> None:
    document = spec({path: {"get": operation(path)} for path in ("/a?b=1", "/a#b", "/a/{b", "/c")})
    assert concerned(document) == {"/a?b=1", "/a#b", "/a/{b"}


def test_templates_that_differ_in_names_may_have_other_methods() -> None:
    def by(name: str, parameter: str) -> dict[str, Any]:
        path = {"name": parameter, "in": "path", "required": True, "schema": TEXT}
        return operation(name, parameters=[path])

    document = spec(
        {
            "/a/{x}": {"get": by("first", "x"), "put": by("second", "x")},
            "/a/{y}": {"post": by("third", "y"), "get": by("fourth", "y")},
        }
    )
    assert concerned(document) == {"fourth"}


def test_an_error_without_an_operation_concerns_none() -> None:
    document = spec({"/a": {"get": operation("a")}}, SCHEMAS)
    del document["info"]["version"]
    assert len(serving_errors(Document(document)).listed) == 2
    assert concerned(document) == set()


def test_a_default_that_is_invalid_is_an_error_of_handlers_only() -> None:
    parameters = [in_query({"type": "integer", "default": "many"})]
    document = spec({"/a": {"get": operation("a", parameters=parameters)}})
    [error] = serving_errors(Document(document)).listed
    assert error.rule.id == "parameter-default"
    assert concerned(document) == set()


def test_a_default_of_another_branch_of_a_union_is_valid() -> None:
    union = {"anyOf": [{"type": "integer"}, {"type": "object"}], "default": 1}
    document = spec({"/a": {"get": operation("a", parameters=[in_query(union)])}})
    assert serving_errors(Document(document)).listed == ()


@pytest.mark.parametrize("keyword", ["unknown", "example", "default", "x-more"])
def test_identifiers_and_references_in_data_are_data(keyword: str) -> None:
    data = {"$id": "urn:same", "$ref": "#/nowhere", "$schema": "urn:other", "pattern": "("}
    schema = {"type": "object", keyword: data}
    paths = {"/a": {"post": taking("a", {"properties": {"a": schema, "b": schema}})}}
    assert serving_errors(Document(spec(paths, {"A": schema, "B": schema}))).listed == ()


@pytest.mark.parametrize("keyword", ["enum", "examples"])
def test_identifiers_in_listed_values_are_data(keyword: str) -> None:
    schema = {keyword: [{"$id": "urn:same", "$ref": "#/nowhere"}]}
    document = spec({"/a": {"post": taking("a", schema)}}, {"A": schema, "B": schema})
    assert serving_errors(Document(document)).listed == ()


def test_what_a_reference_makes_a_schema_is_checked() -> None:
    document = spec({"/a": {"post": taking("a", {"$ref": "#/x-types/A"})}})
    document["x-types"] = {"A": {"properties": {"b": {"$ref": "#/x-types/Nope"}}}}
    assert concerned(document) == {"a"}


def test_a_body_without_a_media_type_describes_no_body() -> None:
    document = spec({"/a": {"post": operation("a", requestBody={"content": {}})}})
    [loaded] = Document(document).operations()
    assert loaded.body is None
    assert serving_errors(Document(document)).listed == ()


# -- size ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_nested_branches_that_multiply_are_refused(keyword: str) -> None:
    schemas: dict[str, Any] = {
        f"A{number}": {keyword: [to(f"A{number + 1}")] * 2} for number in range(40)
    }
    schemas["A40"] = {"type": "object"}
    document = spec({"/a": {"post": taking("a", to("A0"))}, "/b": {"get": operation("b")}}, schemas)
    [error] = serving_errors(Document(document)).listed
    assert "schemas apply to one value" in error.problem.message
    assert concerned(document) == {"a"}


def test_a_subclass_that_refers_to_its_union_is_allowed() -> None:
    union = {"oneOf": [to("Dog"), to("Cat")], "discriminator": {"propertyName": "kind"}}
    schemas = {"Pet": union} | {
        name: {"allOf": [to("Pet"), {"properties": {"kind": TEXT}}]} for name in ("Dog", "Cat")
    }
    document = spec({"/a": {"post": taking("a", to("Pet"))}}, schemas)
    assert serving_errors(Document(document)).listed == ()


def test_schemas_that_refer_to_each_other_are_compiled_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = 300
    schemas = {
        f"C{number}": {
            "type": "object",
            "properties": {f"m{at}": to(f"C{(number * 7 + at * 13) % count}") for at in range(10)}
            | {"id": {"type": "integer"}},
        }
        for number in range(count)
    }
    document = Document(
        spec({f"/{name}": {"post": taking(name, to(name))} for name in schemas}, schemas)
    )
    sizes: list[int] = []
    compile_alone = jsonschema_rs.Draft202012Validator

    def counted(schema: Any, **options: Any) -> Any:
        sizes.append(len(schema.get("components", {}).get("schemas", {})))
        return compile_alone(schema, **options)

    monkeypatch.setattr(jsonschema_rs, "Draft202012Validator", counted)
    checks = [
        SchemaCheck(each.body["content"][JSON]["schema"], components=document.definitions)
        for each in document.operations()
        if each.body is not None
    ]
    assert sum(sizes) < 20 * count
    for check in (checks[0], checks[-1]):
        assert check.is_valid({"m1": {"m2": {"id": 1}}})
        assert not check.is_valid({"m1": {"m2": {"id": "1"}}})
        assert [each.pointer for each in check.errors({"m1": {"id": "1"}})] == ["/m1/id"]


def test_a_document_that_is_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(300):
        schema = {"type": "array", "items": schema}
    with pytest.raises(DocumentError, match=r"/items…: the document is nested more than 200"):
        load_document(spec({}, {"A": schema}))
