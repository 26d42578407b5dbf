import contextlib
import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from photon_router import DocumentError, Router, SignatureError
from photon_router.document._document import Document, load_document
from photon_router.document._export import encode_document
from photon_router.document._load import read_file
from photon_runtime import run
from photon_runtime.http import Request


@attrs.frozen
class Secret:
    depth: int


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
def test_what_is_no_document_is_refused_with_the_name_of_the_file(
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
def test_what_is_no_json_is_refused_with_the_name_of_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "api.json"
    file.write_text(text)
    with pytest.raises(DocumentError, match=r"api\.json: "):
        load_document(file)


def test_a_file_that_cannot_be_read_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"nowhere\.yaml: No such file") as caught:
        load_document("nowhere.yaml")
    assert str(Path.cwd()) in str(caught.value)
    with pytest.raises(DocumentError, match="Is a directory"):
        load_document(tmp_path)
    (tmp_path / "api.yaml").write_bytes(b"a: \xff")
    with pytest.raises(DocumentError, match="not a text in UTF-8"):
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
def test_a_reference_that_leads_to_no_object_gives_none(reference: str) -> None:
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
        ("#/components/responses/Nowhere", "leads nowhere"),
        ("#nowhere", "leads nowhere"),
        ("#/tags/first", "leads nowhere"),
        ("#/openapi/x", "leads nowhere"),
        ("common.yaml#/responses/a", "leads out of the document; nothing is fetched"),
        ("https://example.com/a.json", "leads out of the document; nothing is fetched"),
    ],
)
@pytest.mark.parametrize("status", ["200", "default"])
def test_a_wrong_reference_is_told_with_its_place(reference: str, words: str, status: str) -> None:
    responses = {"200": {"description": "Fine."}} | {status: {"$ref": reference}}
    document = spec({"/a/b": {"get": operation(responses=responses)}}, tags=[{"name": "x"}])
    [problem] = problems(document)
    assert problem.startswith(f"/paths/~1a~1b/get/responses/{status}/$ref: {reference!r} {words}")


def test_a_wrong_reference_in_the_schema_of_an_item_is_told() -> None:
    media = {"application/jsonl": {"x-item-schema": {"$ref": "#/components/schemas/Nobody"}}}
    answer = {"description": "x", "content": media}
    [problem] = problems(spec({"/x": {"get": operation(responses={"200": answer})}}))
    assert "x-item-schema/$ref: '#/components/schemas/Nobody' leads nowhere" in problem


def test_a_reference_in_data_is_no_reference() -> None:
    data = {"$ref": "#/nowhere"}
    media = {"schema": {"default": data, "enum": [data], "const": data}, "example": data}
    answer = {"description": "x", "content": {"application/json": media}}
    assert problems(spec({"/x": {"get": operation(responses={"200": answer})}})) == []


@pytest.mark.parametrize("name", ["default", "example", "examples", "enum", "const"])
def test_a_reference_in_a_member_with_the_name_of_a_keyword_is_one(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"$ref": "#/nowhere"}}}
    [problem] = problems(spec(components={"schemas": {"A": schema}}))
    assert problem.startswith(f"/components/schemas/A/properties/{name}/$ref")


def test_every_problem_of_a_document_is_told_at_once() -> None:
    document = spec(
        {
            "/a/{id}": {
                "get": operation("same"),
                "put": operation("same", parameters=[in_path("id"), in_path("other")]),
            },
            "/a/{key}": {"post": operation("post", parameters=[in_path("key")])},
            "b": {"get": operation("get")},
            "/e": {"get": operation("e", parameters=[{"in": "query"}])},
            "/{c}/{c}": {"get": operation("twice", parameters=[in_path("c")])},
            "/d": {"get": operation("d", requestBody={"$ref": "#/components/requestBodies/D"})},
        }
    )
    told = sorted(problem.partition(": ")[0] for problem in problems(document))
    assert told == [
        "/paths/b",
        "/paths/~1a~1{id}/get/parameters",
        "/paths/~1a~1{id}/put/operationId",
        "/paths/~1a~1{id}/put/parameters",
        "/paths/~1a~1{key}",
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


def test_extensions_may_stand_among_the_paths() -> None:
    assert problems(spec({"/x": {"get": operation()}, "x-owner": "a team"})) == []


# A document of the wrong shape

WHOLE = spec(
    {
        "/x": {
            "parameters": [{"name": "n", "in": "query", "schema": {"type": "string"}}],
            "get": operation(
                requestBody={
                    "content": {
                        "application/json": {
                            "schema": {"type": "object", "properties": {"a": {"type": "string"}}}
                        }
                    }
                }
            ),
        }
    },
    components={"schemas": {"A": {"type": "object"}}},
    servers=[{"url": "/v1", "variables": {"a": {"default": "x"}}}],
    security=[{}],
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = enumerate(value)
    for key, item in inner:
        yield (*place, key)
        yield from places(item, (*place, key))


@pytest.mark.parametrize("place", list(places(WHOLE)), ids=lambda p: "/".join(map(str, p)))
def test_a_document_of_the_wrong_shape_is_refused_in_order(place: tuple[Any, ...]) -> None:
    def read(n: str = "", body: object = None) -> object:
        return [n, body]

    crashed = []
    for wrong in (None, [], "x", 3, {}, [None], [3], {"a": None}, True):
        document = copy.deepcopy(WHOLE)
        holder: Any = document
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = wrong
        try:
            router = Router(spec=document)
            router.operation("read")(read)
            with router.start() as handler:
                handler(Request("GET", "/v1/x", []))
        except (DocumentError, SignatureError):
            continue
        except Exception as error:
            crashed.append((wrong, error))
    assert crashed == []


# What is published


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


def test_hidden_operations_and_private_marks_are_not_published() -> None:
    router = Router()

    @router.get("/a", include_in_schema=False)
    def a() -> None: ...

    @router.post("/a")
    def b() -> None: ...

    @router.get("/c/{id}", include_in_schema=False)
    def c(id: int) -> None: ...

    @router.get("/d/{id}")
    def d(id: int) -> None: ...

    @router.put("/d/{other}")
    def e(other: int) -> None: ...

    document = router.document()
    assert {path: list(item) for path, item in document["paths"].items()} == {
        "/a": ["post"],
        "/d/{id}": ["get", "put"],
    }
    text = json.dumps(document)
    assert "x-photon-hidden" not in text
    assert "x-photon-argument" not in text


def test_a_schema_of_hidden_operations_alone_is_not_published() -> None:
    router = Router()

    @router.get("/x", include_in_schema=False)
    def handler() -> Secret:
        return Secret(1)

    assert "Secret" not in json.dumps(router.document())


def test_the_document_is_a_copy_of_its_own() -> None:
    router = Router()

    @router.get("/x")
    def handler(q: int) -> None: ...

    before = json.dumps(router.document())
    first = router.document()
    first["paths"].clear()
    first["components"]["schemas"]["ProblemDocument"].clear()
    assert json.dumps(router.document()) == before


def test_an_exported_document_loads_and_serves_the_same() -> None:
    router = Router(title="Things", version="2", servers=["/v1"])

    @router.get("/files/{rest:path}")
    def read(rest: str, q: int = 3) -> list[object]:
        return [rest, q]

    loaded = Router(spec=json.loads(json.dumps(router.document())))
    loaded.operation("read")(read)
    assert loaded.document() == router.document()
    for each in (router, loaded):
        with each.start() as handler:
            response = handler(Request("GET", "/v1/files/a/b?q=4", []))
            assert response.body == b'["a/b",4]'


MANY_FEATURES = """
import datetime, decimal, enum, sys, uuid
from typing import Annotated, Literal
import attrs
from photon_router import Cookie, Depends, Header, Json, Param, Query, Router
from photon_router.document._export import encode_document

class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

@attrs.frozen
class Leaf:
    key: uuid.UUID
    colours: set[Colour]
    kind: Literal["a", "b", "c"] = "a"

@attrs.frozen
class Tree:
    name: str = attrs.field(validator=attrs.validators.in_(CHOICES))
    leaves: list[Leaf]
    either: Leaf | int | None = None
    price: decimal.Decimal = decimal.Decimal("1.5")

router = Router(title="Größe", version="1", tags=["all"], servers=["https://example.com/v1"])

def user(token: Header[str], session: Cookie[str] = "") -> str: return token

@router.post("/trees/{tree_id}", status=201, responses={409: "taken", 404: "gone"})
def plant(tree_id: int, tree: Json[Tree], who: Annotated[str, Depends(user)],
          since: datetime.date | None = None) -> Tree: ...

@router.get("/trees")
def trees(kinds: Query[set[str]] = DEFAULT,
          page: Annotated[int, Param(ge=1)] = 1) -> list[Tree]: ...

sys.stdout.buffer.write(encode_document(router.document(), form="FORM"))
"""


NAMES = '{"oak", "elm", "ash", "fir"}'


def exports(form: str, *, default: str = "frozenset()", choices: str = "['elm']") -> set[bytes]:
    """Export the document in processes with different seeds of hashes."""
    script = MANY_FEATURES.replace("FORM", form)
    script = script.replace("DEFAULT", default).replace("CHOICES", choices)
    return {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_an_export_is_the_same_to_the_byte_whatever_the_seed_of_hashes(form: str) -> None:
    [text] = exports(form)
    assert "Größe".encode() in text
    assert text.endswith(b"\n")
    assert not text.endswith(b"\n\n")


@pytest.mark.slow
def test_a_set_as_default_value_is_exported_in_one_order() -> None:
    assert len(exports("json", default=f"frozenset({NAMES})")) == 1


@pytest.mark.slow
def test_a_set_of_choices_is_exported_in_one_order() -> None:
    assert len(exports("json", choices=NAMES)) == 1


def test_an_export_repeated_in_one_process_is_the_same_to_the_byte() -> None:
    router = Router()

    @router.get("/x/{id}")
    def handler(id: int, q: str = "") -> dict[str, list[int]]:
        return {}

    first = json.dumps(router.document())
    with router.start() as handle:
        handle(Request("GET", "/x/1", []))
    assert json.dumps(router.document()) == first


# Versions and places


def request(method: str, target: str) -> Request:
    return Request(method, target, [(b"content-type", b"application/json")])


def test_what_3_2_adds_is_read_as_far_as_3_1_goes() -> None:
    answers = {"200": {"$ref": "#/components/responses/Many"}}
    stream = {"application/jsonl": {"itemSchema": {"$ref": "#/components/schemas/A"}}}
    body = {"content": {"application/json": {"$ref": "#/components/mediaTypes/A"}}}
    document = spec(
        {
            "/x": {
                "query": operation("search", requestBody=body),
                "additionalOperations": {
                    "COPY": {"operationId": "copy", "responses": answers},
                },
            }
        },
        components={
            "schemas": {"A": {"type": "integer"}},
            "mediaTypes": {"A": {"schema": {"$ref": "#/components/schemas/A"}}},
            "responses": {"Many": {"summary": "Many.", "content": stream}},
        },
        tags=[{"name": "a", "kind": "nav"}, {"name": "b", "parent": "a", "summary": "B"}],
    )
    document |= {"openapi": "3.2.0", "$self": "https://example.com/api"}
    assert problems(document) == []
    router = Router(spec=document)
    router.operation("search")(lambda body: body)
    router.operation("copy")(lambda: "7")
    assert router.document() == document
    with router.start() as handler:
        searched = request("QUERY", "/x")
        searched.parts.append(b"5")
        assert handler(searched).body == b"5"
        refused = request("QUERY", "/x")
        refused.parts.append(b'"a"')
        assert handler(refused).status == 422
        assert handler(request("COPY", "/x")).body == b"7"
        assert handler(request("GET", "/x")).status == 405


@pytest.mark.parametrize("key", ["x-photon-query", "x-brrtrouter-query"])
def test_a_document_of_3_1_may_have_queries_too(key: str) -> None:
    router = Router(spec=spec({"/x": {key: operation()}}))
    router.operation("read")(lambda: 1)
    with router.start() as handler:
        assert handler(request("QUERY", "/x")).status == 200


def test_path_items_are_found_where_they_stand() -> None:
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
    assert found["a"].is_sound
    [problem] = problems(document)
    assert problem.startswith("/components/pathItems/B/get/parameters/0/$ref: ")
    document["components"]["pathItems"]["B"]["get"]["parameters"] = []
    [merged] = [each for each in Document(document).operations() if each.name == "b"]
    assert [each["name"] for each in merged.parameters] == ["b"]


@pytest.mark.parametrize(
    ("status", "key"),
    [(404, "404"), (409, "4XX"), (500, "default"), (200, "default")],
)
def test_an_answer_is_described_by_its_status_its_range_or_the_default(
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
    assert problem.startswith("/components/schemas/B/$id: 'https://example.com/a' is taken")


EVERYTHING = """
openapi: 3.1.0
info: {title: Everything, version: "1", summary: S, license: {name: MIT, identifier: MIT}, x-a: 1}
jsonSchemaDialect: https://spec.openapis.org/oas/3.1/dialect/base
servers: [{url: /v1, description: One, x-b: [1]}]
tags: [{name: a, externalDocs: {url: https://example.com}}]
webhooks:
  news:
    post: {requestBody: {content: {application/json: {}}}, responses: {"200": {description: x}}}
paths:
  x-paths: kept
  /subscribe:
    summary: S
    servers: [{url: /v2}]
    parameters: [{$ref: "#/components/parameters/Trace"}]
    post:
      operationId: subscribe
      x-photon-deadline-ms: 1000
      security: []
      callbacks:
        event:
          "{$request.body#/url}":
            post:
              responses:
                2XX: {description: Heard., headers: {X-Id: {schema: {type: integer}}}}
        shared: {$ref: "#/components/callbacks/Shared"}
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Subscription"}
            examples: {one: {summary: One, value: {url: "https://example.com"}}}
      responses:
        "201":
          description: Made.
          headers: {Location: {required: true, schema: {type: string}, x-c: 2}}
          links:
            again: {operationId: subscribe, parameters: {x: $response.body#/id}, x-d: 3}
            shared: {$ref: "#/components/links/Shared"}
        4XX: {description: Refused.}
        default: {description: Else.}
components:
  callbacks:
    Shared: {"{$url}": {$ref: "#/components/pathItems/Event"}}
  links:
    Shared: {operationRef: "#/paths/~1subscribe/post"}
  pathItems:
    Event: {post: {responses: {"200": {description: x}}}}
  parameters:
    Trace: {name: X-Trace, in: header, schema: {type: string}, example: abc, x-e: null}
  schemas:
    Subscription:
      type: object
      properties:
        url: {type: string, format: uri, x-f: {deep: [1, 2.5, null]}}
        self: {$ref: "#/components/schemas/Subscription"}
      required: [url]
      discriminator: {propertyName: kind, mapping: {a: "#/components/schemas/Subscription"}, x-g: 1}
      xml: {name: s}
x-top: {a: [true]}
"""


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_nothing_of_a_document_is_lost_when_it_is_exported(
    tmp_path: Path, form: Literal["json", "yaml"]
) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(EVERYTHING)
    router = Router(spec=file)
    router.operation("subscribe")(lambda body: None)
    with router.start() as handler:
        assert run(handler, request("POST", "/v2/subscribe")).status == 422
    exported = tmp_path / f"exported.{form}"
    exported.write_bytes(encode_document(router.document(), form=form))
    assert load_document(exported) == load_document(file) == read_file(file)


def test_a_document_without_paths_stays_without_them() -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "components": {"schemas": {"A": {}}},
    }
    router = Router(spec=document)
    assert router.document() == document
    with router.start() as handler:
        assert handler(request("GET", "/x")).status == 404
        assert handler(request("GET", "/docs")).status == 200


def large(count: int) -> dict[str, Any]:
    """A document of ``count`` operations, each with a schema of its own."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for number in range(count):
        schemas[f"Item{number}"] = {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                "name": {"type": "string", "maxLength": 50},
                "parent": {"$ref": f"#/components/schemas/Item{number}"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        }
        schema = {"$ref": f"#/components/schemas/Item{number}"}
        body = {"content": {"application/json": {"schema": schema}}}
        limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 9}}
        described = operation(f"put{number}", requestBody=body, parameters=[in_path("id"), limit])
        paths[f"/things{number}/{{id}}"] = {"put": described}
    return spec(paths, components={"schemas": schemas})


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_thousand_operations_start_within_two_seconds(
    tmp_path: Path, form: Literal["json", "yaml"]
) -> None:
    file = tmp_path / f"api.{form}"
    file.write_bytes(encode_document(large(1000), form=form))
    begun = time.process_time()
    router = Router(spec=file)
    for number in range(1000):
        router.operation(f"put{number}")(lambda id, limit, body: None)
    with router.start() as handler:
        took = time.process_time() - begun
        assert handler(request("PUT", "/things999/a?limit=3")).status == 200
    assert took < 2


def test_a_long_chain_of_schemas_is_followed_to_its_fault() -> None:
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
    assert [operation.is_sound for operation in document.operations()] == [False]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "paths:\n  /a:\n    get: {}\n    get: {}\n"),
        ("a.json", '{"paths": {"/a": {"get": {}, "get": {}}}}'),
    ],
)
def test_a_key_that_stands_twice_is_told(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DocumentError, match="the key 'get' stands twice"):
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


# Operations elsewhere than below a path


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
    assert (found.path, found.method, found.is_sound) == ("sold", "post", True)
    assert found.pointer == "/components/pathItems/Sold/post"
    assert found.parameters == [in_path("a")]
    lost = {"$ref": "#/components/pathItems/Gone"}
    assert list(document.operations_of("sold", lost, "/webhooks/sold")) == []
