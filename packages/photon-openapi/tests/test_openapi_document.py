import contextlib
import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from photon_openapi.document._document import Document
from photon_openapi.document._load import load_document
from photon_openapi.errors import DocumentError

OPERATION = {"operationId": "read", "responses": {"200": {"description": "Fine."}}}


def spec(paths: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    head = {"openapi": "3.1.0", "info": {"title": "Things", "version": "1"}}
    return copy.deepcopy(head | {"paths": dict(paths or {})} | more)


def operation(name: str = "read", **more: Any) -> dict[str, Any]:
    return OPERATION | {"operationId": name} | more


def in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def problems(document: dict[str, Any]) -> list[str]:
    return Document(document).problems()


# Loading


def test_yaml_and_json_load_to_the_same_document(tmp_path: Path) -> None:
    document = spec({"/x": {"get": operation(parameters=[{"name": "größe", "in": "query"}])}})
    as_json, as_yaml = tmp_path / "api.json", tmp_path / "api.yaml"
    as_json.write_text(json.dumps(document), encoding="utf-8")
    as_yaml.write_text(
        """
        openapi: 3.1.0
        info: {title: Things, version: "1"}
        paths:
          /x:
            get:
              operationId: read
              parameters:
                - {name: größe, in: query}
              responses:
                200: {description: Fine.}
        """,
        encoding="utf-8",
    )
    assert load_document(as_json) == load_document(str(as_yaml)) == document


def test_json_in_a_file_named_yaml_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(json.dumps(spec(), indent=1))
    assert load_document(file) == spec()


def test_a_document_that_is_loaded_already_is_copied() -> None:
    given = spec({"/x": {"get": operation()}})
    loaded = load_document(given)
    loaded["paths"]["/x"].clear()
    assert given == spec({"/x": {"get": operation()}})


YAML_TRAPS = [
    ("2024-05-31", "2024-05-31"),
    ("2024-05-31T12:00:00Z", "2024-05-31T12:00:00Z"),
    ("on", "on"),
    ("Off", "Off"),
    ("no", "no"),
    ("NO", "NO"),
    ("y", "y"),
    ("yes", "yes"),
    ("12:30", "12:30"),
    ("12:30:45", "12:30:45"),
    ("1_000", "1_000"),
    ("=", "="),
    ("true", True),
    ("false", False),
    ("null", None),
    ("~", None),
    ("12", 12),
    ("-1.5", -1.5),
    ("1e3", 1000.0),
    ('"12"', "12"),
    ("1.2.3", "1.2.3"),
]


@pytest.mark.parametrize(("written", "meant"), YAML_TRAPS, ids=[each for each, _ in YAML_TRAPS])
def test_yaml_values_are_those_of_json(tmp_path: Path, written: str, meant: object) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(f"value: {written}\nlist: [{written}]\n")
    loaded = load_document(file)
    assert loaded == {"value": meant, "list": [meant]}
    assert type(loaded["value"]) is type(meant)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("200", "200"), ("on", "on"), ("no", "no"), ("1.5", "1.5"), ("default", "default")],
)
def test_yaml_keys_are_text(tmp_path: Path, written: str, meant: str) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(f"a:\n  {written}: {{{written}: 1}}\n")
    assert load_document(file) == {"a": {meant: {meant: 1}}}


def test_yaml_anchors_and_merges_are_followed(tmp_path: Path) -> None:
    file = tmp_path / "api.yaml"
    file.write_text("a: &a {200: x}\nb:\n  <<: *a\n  404: y\nc: *a\n")
    assert load_document(file) == {
        "a": {"200": "x"},
        "b": {"200": "x", "404": "y"},
        "c": {"200": "x"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a list",
        "just text",
        "a: [",
        "a:\n\tb: 1",
        "a: 1\n---\nb: 2",
        "a: &a {b: *a}",
        "? [a, b]\n: 1",
        "a: !!python/object/apply:os.getcwd []",
        "[" * 5000,
    ],
    ids=lambda text: text[:20],
)
def test_data_that_is_not_a_document_is_refused_with_the_name_of_the_file(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(text)
    with pytest.raises(DocumentError, match=r"api\.yaml: "):
        load_document(file)


@pytest.mark.parametrize(
    "written", ["!!timestamp 2024-05-31", "!!binary AAAA", "!!set {a, b}", ".nan", ".inf"]
)
def test_a_yaml_value_that_json_does_not_have_is_refused_or_text(
    tmp_path: Path, written: str
) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(f"info: {written}")
    with contextlib.suppress(DocumentError):
        json.dumps(load_document(file), allow_nan=False)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1', "[" * 100_000], ids=lambda t: t[:9])
def test_text_that_is_not_json_is_refused_with_the_name_of_the_file(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "api.json"
    file.write_text(text)
    with pytest.raises(DocumentError, match=r"api\.json: "):
        load_document(file)


def test_a_file_that_cannot_be_read_is_reported_with_the_working_directory(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"nowhere\.yaml: No such file") as caught:
        load_document("nowhere.yaml")
    assert str(Path.cwd()) in str(caught.value)
    with pytest.raises(DocumentError, match="Is a directory"):
        load_document(tmp_path)
    (tmp_path / "api.yaml").write_bytes(b"a: \xff")
    with pytest.raises(DocumentError, match="not UTF-8"):
        load_document(tmp_path / "api.yaml")


# References


def test_a_reference_is_followed_to_its_end() -> None:
    document = Document(
        spec(
            components={
                "parameters": {"a": {"$ref": "#/components/parameters/b"}, "b": in_path("b")},
                "x/y~z": {"deep": [{"name": "third"}]},
            }
        )
    )
    assert document.resolve({"$ref": "#/components/parameters/a"}) == in_path("b")
    assert document.resolve({"$ref": "#/components/x~1y~0z/deep/0"}) == {"name": "third"}
    assert document.resolve({"name": "plain"}) == {"name": "plain"}


@pytest.mark.parametrize(
    "reference",
    [
        "#/components/parameters/nowhere",
        "#/components/parameters/self",
        "#/components/parameters/ping",
        "#/openapi",
        "#nowhere",
        "other.yaml#/a",
        "https://example.com/a.json",
    ],
)
def test_a_reference_to_something_else_than_an_object_is_none(reference: str) -> None:
    circle = {
        "self": {"$ref": "#/components/parameters/self"},
        "ping": {"$ref": "#/components/parameters/pong"},
        "pong": {"$ref": "#/components/parameters/ping"},
    }
    document = Document(spec(components={"parameters": circle}))
    assert document.resolve({"$ref": reference}) is None


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("#/components/responses/Nowhere", "does not exist"),
        ("#nowhere", "does not exist"),
        ("#/tags/first", "does not exist"),
        ("#/openapi/x", "does not exist"),
        ("common.yaml#/responses/a", "is outside of the document and is not fetched"),
        ("https://example.com/a.json", "is outside of the document and is not fetched"),
    ],
)
@pytest.mark.parametrize("status", ["200", "default"])
def test_a_wrong_reference_is_reported_with_its_location(
    reference: str, words: str, status: str
) -> None:
    responses = {"200": {"description": "Fine."}} | {status: {"$ref": reference}}
    document = spec({"/a/b": {"get": operation(responses=responses)}}, tags=[{"name": "x"}])
    [problem] = problems(document)
    assert problem.startswith(f"/paths/~1a~1b/get/responses/{status}/$ref: {reference!r} {words}")


def test_a_wrong_reference_in_the_schema_of_an_item_is_reported() -> None:
    media = {"application/jsonl": {"x-item-schema": {"$ref": "#/components/schemas/Nobody"}}}
    answer = {"description": "x", "content": media}
    [problem] = problems(spec({"/x": {"get": operation(responses={"200": answer})}}))
    assert "x-item-schema/$ref: '#/components/schemas/Nobody' does not exist" in problem


def test_a_reference_in_data_is_not_a_reference() -> None:
    data = {"$ref": "#/nowhere"}
    media = {"schema": {"default": data, "enum": [data], "const": data}, "example": data}
    answer = {"description": "x", "content": {"application/json": media}}
    assert problems(spec({"/x": {"get": operation(responses={"200": answer})}})) == []


@pytest.mark.parametrize("name", ["default", "example", "examples", "enum", "const"])
def test_a_reference_in_a_member_with_the_name_of_a_keyword_is_one(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"$ref": "#/nowhere"}}}
    [problem] = problems(spec(components={"schemas": {"A": schema}}))
    assert problem.startswith(f"/components/schemas/A/properties/{name}/$ref")


def test_every_problem_of_a_document_is_reported_at_once() -> None:
    document = spec(
        {
            "/a/{id}": {
                "get": operation("same"),
                "put": operation("same", parameters=[in_path("id"), in_path("other")]),
            },
            "/a/{key}": {"get": operation("other", parameters=[in_path("key")])},
            "b": {"get": operation("get")},
            "/e": {"get": operation("e", parameters=[{"in": "query"}])},
            "/{c}/{c}": {"get": operation("twice", parameters=[in_path("c")])},
            "/d": {"get": operation("d", requestBody={"$ref": "#/components/requestBodies/D"})},
        }
    )
    pointers = sorted(problem.partition(": ")[0] for problem in problems(document))
    assert pointers == [
        "/paths/b",
        "/paths/~1a~1{id}/get/parameters",
        "/paths/~1a~1{id}/put/operationId",
        "/paths/~1a~1{id}/put/parameters",
        "/paths/~1a~1{key}/get",
        "/paths/~1d/get/requestBody/$ref",
        "/paths/~1e/get/parameters/0",
        "/paths/~1e/get/parameters/0",
        "/paths/~1{c}~1{c}/get",
    ]


@pytest.mark.parametrize("version", ["2.0", "4.0.0", "", 3, "3.1.0"])
def test_only_versions_3_are_understood(version: object) -> None:
    found = problems(spec() | {"openapi": version})
    assert bool(found) is (version != "3.1.0")
    assert all(problem.startswith("/openapi: ") for problem in found)


def test_extensions_are_allowed_among_the_paths() -> None:
    assert problems(spec({"/x": {"get": operation()}, "x-owner": "a team"})) == []


# Base paths, operations and problems


@pytest.mark.parametrize(
    ("servers", "base"),
    [
        (None, ""),
        ([], ""),
        ([{"url": "/"}], ""),
        ([{"url": "/v1"}, {"url": "/v2"}], "/v1"),
        ([{"url": "https://example.com"}], ""),
        ([{"url": "https://example.com/"}], ""),
        ([{"url": "https://example.com:8443/api/v1/"}], "/api/v1"),
        (
            [
                {
                    "url": "https://{host}/{base}/x",
                    "variables": {"host": {"default": "a.b"}, "base": {"default": "v3"}},
                }
            ],
            "/v3/x",
        ),
    ],
)
def test_the_base_path_is_the_path_of_the_first_server(servers: object, base: str) -> None:
    document = spec() if servers is None else spec(servers=servers)
    assert Document(document).base_path == base


def test_path_items_are_found_location() -> None:
    wrong = operation("b", parameters=[{"$ref": "#/components/parameters/gone"}])
    document = spec(
        {
            "/a": {"$ref": "#/components/pathItems/A"},
            "/b/{b}": {"$ref": "#/components/pathItems/B", "summary": "Another B."},
        },
        components={
            "pathItems": {
                "A": {"$ref": "#/components/pathItems/A-"},
                "A-": {"get": operation("a")},
                "B": {"get": wrong, "summary": "B", "parameters": [in_path("b")]},
            }
        },
    )
    found = {each.name: each for each in Document(document).operations()}
    assert found["a"].pointer == "/components/pathItems/A-/get"
    assert found["a"].is_well_formed
    [problem] = problems(document)
    assert problem.startswith("/components/pathItems/B/get/parameters/0/$ref: ")
    document["components"]["pathItems"]["B"]["get"]["parameters"] = []
    [merged] = [each for each in Document(document).operations() if each.name == "b"]
    assert [each["name"] for each in merged.parameters] == ["b"]


@pytest.mark.parametrize(
    ("status", "key"),
    [(404, "404"), (409, "4XX"), (500, "default"), (200, "default")],
)
def test_a_response_is_declared_by_its_status_its_range_or_the_default(
    status: int, key: str
) -> None:
    responses = {each: {"description": each} for each in ("404", "default")}
    responses["4XX"] = {"$ref": "#/components/responses/Range"}
    described = {"responses": {"Range": {"description": "4XX"}}}
    document = Document(spec({"/x": {"get": operation(responses=responses)}}, components=described))
    [each] = document.operations()
    found = document.response(each, status)
    assert found is not None
    assert found["description"] == key


def test_an_answer_that_is_not_declared_has_no_description() -> None:
    document = Document(spec({"/x": {"get": operation()}}))
    [each] = document.operations()
    assert document.response(each, 500) is None


def test_two_schemas_of_one_uri_are_a_problem() -> None:
    schema = {"$id": "https://example.com/a"}
    [problem] = problems(spec(components={"schemas": {"A": schema, "B": dict(schema)}}))
    assert problem.startswith("/components/schemas/B/$id: 'https://example.com/a' is already used")


def test_a_long_chain_of_schemas_is_followed_to_its_error() -> None:
    count = 3000
    schemas: dict[str, Any] = {
        f"S{at}": {"properties": {"next": {"$ref": f"#/components/schemas/S{at + 1}"}}}
        for at in range(count)
    }
    schemas[f"S{count}"] = {"$ref": "#/nowhere"}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}
    operation = {"responses": {"200": {"description": "It.", "content": content}}}
    document = Document(
        {
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "components": {"schemas": schemas},
            "paths": {"/a": {"get": operation}},
        }
    )
    assert [problem.split(":")[0] for problem in document.problems()] == [
        f"/components/schemas/S{count}/$ref"
    ]
    assert [operation.is_well_formed for operation in document.operations()] == [False]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "paths:\n  /a:\n    get: {}\n    get: {}\n"),
        ("a.json", '{"paths": {"/a": {"get": {}, "get": {}}}}'),
    ],
)
def test_a_key_that_is_duplicated_is_reported(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DocumentError, match="the key 'get' is duplicated"):
        load_document(tmp_path / name)


def test_a_key_may_stand_beside_the_same_one_of_a_merge(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a {x: 1, y: 1}\nb: {x: 2, <<: *a}\n")
    assert load_document(tmp_path / "a.yaml")["b"] == {"x": 2, "y": 1}


# Parameters


def test_a_header_of_an_operation_replaces_that_of_its_path_however_it_is_spelt() -> None:
    shared = {"name": "X-Request-ID", "in": "header", "schema": {"type": "string"}}
    own = {"name": "x-request-id", "in": "header", "schema": {"type": "integer"}}
    item = {"parameters": [shared], "get": operation(parameters=[own])}
    [found] = Document(spec({"/x": item})).operations()
    assert found.parameters == [own]


# Operations outside of paths


def test_the_operations_of_a_webhook_are_found_through_references() -> None:
    item = {"parameters": [in_path("a")], "post": operation()}
    document = Document(
        spec(
            webhooks={"sold": {"$ref": "#/components/pathItems/Sold"}},
            components={"pathItems": {"Sold": item}},
        )
    )
    hook = document.data["webhooks"]["sold"]
    [found] = document.operations_of("sold", hook, "/webhooks/sold")
    assert (found.path, found.method, found.is_well_formed) == ("sold", "post", True)
    assert found.pointer == "/components/pathItems/Sold/post"
    assert found.parameters == [in_path("a")]
    lost = {"$ref": "#/components/pathItems/Gone"}
    assert list(document.operations_of("sold", lost, "/webhooks/sold")) == []
