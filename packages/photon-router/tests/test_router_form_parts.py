"""Lists, JSON parts and open forms: the fields of a form and the items of lists, as clients send
them."""

from __future__ import annotations

import json
from typing import Annotated, Any

import attrs
import pytest

from photon_router import (
    Application,
    Cookie,
    Form,
    Header,
    Json,
    Param,
    Query,
    Request,
    Response,
    UploadFile,
)
from photon_router.errors import SignatureError
from photon_runtime.testing import make_request

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"


def send(app: Application, request: Request) -> tuple[int, Any]:
    with app.start() as handler:
        response: Response = handler(request)
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


def get(app: Application, target: str, *fields: tuple[bytes, bytes]) -> tuple[int, Any]:
    return send(app, Request("GET", target, list(fields)))


def post(app: Application, body: bytes, kind: str = FORM) -> tuple[int, Any]:
    return send(app, make_request("POST", "/", headers={"content-type": kind}, body=body))


def multipart(*parts: tuple[str, str, str]) -> bytes:
    lines = []
    for name, head, content in parts:
        lines.append(
            f'--B\r\ncontent-disposition: form-data; name="{name}"{head}\r\n\r\n{content}\r\n'
        )
    return ("".join(lines) + "--B--\r\n").encode()


# -- lists ------------------------------------------------------------------------------------


def lists() -> Application:
    app = Application()

    @app.get("/")
    def read(
        ints: Query[tuple[int, ...]] = (7,),
        names: Query[tuple[str, ...]] = ("x",),
        flat: Query[Annotated[tuple[int, ...], Param(explode=False)]] = (8,),
        piped: Query[Annotated[tuple[int, ...], Param(style="pipeDelimited", explode=False)]] = (),
        spaced: Query[
            Annotated[tuple[str, ...], Param(style="spaceDelimited", explode=False)]
        ] = (),
        x_ids: Header[tuple[int, ...]] = (9,),
        many: Cookie[tuple[int, ...]] = (1,),
        one: Cookie[Annotated[tuple[int, ...], Param(explode=False)]] = (2,),
    ) -> list[Any]:
        return [ints, names, flat, piped, spaced, x_ids, many, one]

    return app


DEFAULTS: list[list[object]] = [[7], ["x"], [8], [], [], [9], [1], [2]]


@pytest.mark.parametrize(
    ("query", "index", "values"),
    [
        ("ints=", 0, [7]),
        ("ints", 0, [7]),
        ("ints=&ints=", 0, [7]),
        ("ints=1&ints=2", 0, [1, 2]),
        ("names=", 1, [""]),
        ("names=&names=a", 1, ["", "a"]),
        ("flat=", 2, []),
        ("flat=1,2&flat=3", 2, [1, 2, 3]),
        ("flat=1%2C2&flat=3", 2, [1, 2, 3]),
        ("piped=1%7C2&piped=3|4", 3, [1, 2, 3, 4]),
        ("piped=", 3, []),
        ("spaced=a%20b&spaced=c+d", 4, ["a", "b", "c", "d"]),
    ],
)
def test_every_value_of_a_list_counts_and_an_empty_one_of_numbers_does_not(
    query: str, index: int, values: list[object]
) -> None:
    expected = [*DEFAULTS]
    expected[index] = values
    assert get(lists(), f"/?{query}") == (200, expected)


def test_lists_in_header_fields_and_cookies_are_read_alike() -> None:
    app = lists()
    status, values = get(app, "/", (b"x-ids", b""), (b"cookie", b"many=; one="))
    assert (status, values[5:]) == (200, [[], [1], []])
    fields = [(b"x-ids", b"1,2"), (b"x-ids", b"3"), (b"cookie", b"one=1,2; one=3; many=4; many=5")]
    status, values = get(app, "/", *fields)
    assert (status, values[5:]) == (200, [[1, 2, 3], [4, 5], [1, 2, 3]])


def test_a_number_among_empty_ones_in_a_query_is_an_error() -> None:
    assert get(lists(), "/?ints=1&ints=")[0] == 422
    required = Application()

    @required.get("/")
    def read(ints: Query[list[int]]) -> list[int]:
        return ints

    status, problem = get(required, "/?ints=")
    assert (status, problem["errors"][0]["message"]) == (422, "is required")


def test_empty_inputs_of_a_form_are_no_items() -> None:
    app = Application()

    @app.post("/")
    def read(ints: Form[tuple[int, ...]] = (7,), names: Form[list[str] | None] = None) -> Any:
        return [ints, names]

    assert post(app, b"ints=&names=") == (200, [[7], [""]])
    assert post(app, b"ints=1&ints=&ints=2") == (200, [[1, 2], None])


def described(schema: dict[str, Any], encoding: dict[str, Any] | None = None) -> Application:
    media = {"schema": schema} | ({} if encoding is None else {"encoding": encoding})
    data = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/": {
                "post": {
                    "operationId": "read",
                    "requestBody": {"content": {FORM: media, "multipart/form-data": media}},
                    "responses": {"200": {"description": "d", "content": {"application/json": {}}}},
                }
            }
        },
    }
    app = Application(spec=data)

    @app.operation("read")
    def read(body: dict[str, Any]) -> dict[str, Any]:
        return body

    return app


def test_a_described_form_is_read_alike() -> None:
    ints = {"type": "array", "items": {"type": "integer"}}
    app = described(
        {"type": "object", "properties": {"a": ints, "b": ints, "c": {"type": "integer"}}},
        {"b": {"style": "form", "explode": False}},
    )
    assert post(app, b"a=&b=&c=") == (200, {"b": []})
    assert post(app, b"a=1&a=2&b=1,2&b=3&c=4") == (200, {"a": [1, 2], "b": [1, 2, 3], "c": 4})


# -- JSON parts --------------------------------------------------------------------------------


@attrs.frozen
class Address:
    """Where it goes."""

    city: str
    number: int


@attrs.frozen
class Parcel:
    """A form with a class, a list of classes and a file."""

    address: Address
    file: UploadFile
    copies: list[Address] = attrs.field(factory=list)


def with_json() -> Application:
    app = Application()

    @app.post("/")
    def read(meta: Json[Address], file: UploadFile, note: Form[str] = "") -> list[str]:
        return [meta.city, str(meta.number), file.read().decode(), note]

    return app


FILE = ("file", '; filename="f"', "content")


@pytest.mark.parametrize("head", ["", "\r\ncontent-type: application/json", '; filename="blob"'])
def test_a_json_part_beside_a_file(head: str) -> None:
    body = multipart(("meta", head, '{"city":"Ulm","number":3}'), FILE, ("note", "", "hi"))
    assert post(with_json(), body, MULTIPART) == (200, ["Ulm", "3", "content", "hi"])


def test_json_parts_are_in_the_document() -> None:
    app = with_json()
    content = app.document()["paths"]["/"]["post"]["requestBody"]["content"]
    assert list(content) == ["multipart/form-data"]
    media = content["multipart/form-data"]
    assert media["encoding"] == {"meta": {"contentType": "application/json"}}
    assert media["schema"]["properties"]["meta"] == {"$ref": "#/components/schemas/Address"}
    assert media["schema"]["required"] == ["meta", "file"]


@pytest.mark.parametrize(
    ("part", "errors"),
    [
        (("meta", "", '{"city":"Ulm","number":"x"}'), [("meta.number", "expected an integer")]),
        (("meta", "", '{"city":"Ulm"}'), [("meta.number", "is required")]),
        (("meta", "", "{"), None),
        (("meta", "", ""), [("meta", "is required")]),
        (("other", "", "{}"), [("meta", "is required")]),
        (("meta", "\r\ncontent-type: text/xml", "{}"), None),
    ],
)
def test_errors_of_a_json_part_name_its_members(
    part: tuple[str, str, str], errors: list[tuple[str, str]] | None
) -> None:
    status, problem = post(with_json(), multipart(part, FILE), MULTIPART)
    assert status == 422
    found = [(each["name"], each["message"]) for each in problem["errors"]]
    if errors is not None:
        assert [name for name, _ in found] == [name for name, _ in errors]
    assert found[0][0].startswith("meta")


def test_a_form_has_members_that_are_json() -> None:
    app = Application()

    @app.post("/")
    def read(parcel: Form[Parcel]) -> list[Any]:
        return [parcel.address.city, len(parcel.copies), parcel.file.read().decode()]

    part = '{"city":"Ulm","number":3}'
    assert post(app, multipart(("address", "", part), FILE), MULTIPART) == (
        200,
        ["Ulm", 0, "content"],
    )
    body = multipart(("address", "", part), ("copies", "", f"[{part},{part}]"), FILE)
    assert post(app, body, MULTIPART) == (200, ["Ulm", 2, "content"])


def test_two_bodies_without_a_file_are_refused() -> None:
    app = Application()

    def read(meta: Json[Address], name: Form[str]) -> None: ...

    app.post("/")(read)
    with pytest.raises(SignatureError, match="one body"):
        app.document()


# -- open forms --------------------------------------------------------------------------------


def test_a_mapping_takes_the_fields_of_no_other_argument() -> None:
    app = Application()

    @app.post("/")
    def read(name: Form[str], rest: Form[dict[str, int]]) -> dict[str, Any]:
        return {"name": name, "rest": rest}

    assert post(app, b"name=a&x=1&y=2&y=3") == (200, {"name": "a", "rest": {"x": 1, "y": 3}})
    assert post(app, b"name=a") == (200, {"name": "a", "rest": {}})
    status, problem = post(app, b"name=a&x=b")
    assert (status, problem["errors"][0]["name"]) == (422, "x")
    media = app.document()["paths"]["/"]["post"]["requestBody"]["content"][FORM]
    assert media["schema"]["additionalProperties"] == {"type": "integer"}
    assert list(media["schema"]["properties"]) == ["name"]


def test_a_mapping_may_have_every_value() -> None:
    app = Application()

    @app.post("/")
    def read(rest: Form[dict[str, list[str]]]) -> dict[str, list[str]]:
        return rest

    assert post(app, b"x=1&x=2&y=") == (200, {"x": ["1", "2"], "y": [""]})
    body = multipart(("x", "", "1"))
    assert post(app, body, MULTIPART) == (200, {"x": ["1"]})


def test_further_fields_of_a_described_form_have_its_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    app = described({**schema, "additionalProperties": {"type": "integer"}})
    assert post(app, b"a=1&b=2") == (200, {"a": "1", "b": 2})
    assert post(app, b"a=1&b=x")[0] == 422
    app = described(
        {**schema, "additionalProperties": {"type": "array", "items": {"type": "integer"}}}
    )
    assert post(app, b"b=2&b=3") == (200, {"b": [2, 3]})
    assert post(described(schema), b"b=2&c=1&c=2") == (200, {"b": "2", "c": ["1", "2"]})
    assert post(described({**schema, "additionalProperties": False}), b"b=2")[0] == 422
