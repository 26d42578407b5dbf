import copy
from typing import Any

import pytest

from photon_openapi.document._schema_errors import MAX_PROBLEMS, schema_errors

ANSWERS = {"200": {"description": "Fine."}}


def document(version: str = "3.1.0", **operation: Any) -> dict[str, Any]:
    return {
        "openapi": version,
        "info": {"title": "Things", "version": "1"},
        "paths": {"/x": {"get": {"operationId": "read", "responses": ANSWERS} | operation}},
    }


VERSIONS = pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.1.1", "3.2.0"])


def problems(data: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in schema_errors(data)]


@VERSIONS
def test_a_valid_document_has_no_problems(version: str) -> None:
    assert problems(document(version)) == []


@VERSIONS
def test_a_parameter_is_reported_as_itself_and_not_as_a_reference(
    version: str,
) -> None:
    data = document(version, parameters=[{"in": "query", "schema": {"type": "string"}}])
    assert problems(data) == ["/paths/~1x/get/parameters/0: lacks 'name'"]


@VERSIONS
def test_the_schemas_in_a_document_are_checked_too(version: str) -> None:
    schema = {"properties": {"a": {"minimum": "one"}}}
    data = document(version, parameters=[{"name": "q", "in": "query", "schema": schema}])
    pointer = "/paths/~1x/get/parameters/0/schema/properties/a/minimum"
    assert problems(data) == [f"{pointer}: must be of type number"]


@VERSIONS
def test_unknown_syntax_is_reported_by_name(version: str) -> None:
    data = document(version, operationID="read")
    data["paths"]["y"] = {}
    assert sorted(problems(data)) == [
        "/paths/y: a path begins with a slash",
        "/paths/~1x/get/operationID: is not allowed here",
    ]


def test_choices_are_listed_and_values_are_not_repeated() -> None:
    [problem] = problems(document(parameters=[{"name": "q", "in": "secret", "schema": {}}]))
    assert problem.startswith("/paths/~1x/get/parameters/0/in: must be one of ")
    assert '"cookie"' in problem
    assert "secret" not in problem


def test_the_list_of_problems_is_bounded() -> None:
    data = document(parameters=[{"in": "query", "schema": {}} for _ in range(10 * MAX_PROBLEMS)])
    assert len(problems(data)) == MAX_PROBLEMS


def test_a_document_is_not_changed_by_a_check() -> None:
    data = document(parameters=[3])
    before = copy.deepcopy(data)
    assert problems(data) != []
    assert data == before
