import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from urllib.parse import quote, quote_plus

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.schema import python_name
from photon_openapi.schema._schema_types import type_of_schema
from photon_router import Application, Cookie, Header, Param, Path, Query, SignatureError
from photon_runtime.testing import HandlerResponse, send_request

Headers = Iterable[tuple[str, str]]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


SCALARS = [
    (str, "a b", "a b"),
    (int, "-42", -42),
    (float, "1.5", 1.5),
    (bool, "true", True),
    (decimal.Decimal, "1.10", decimal.Decimal("1.10")),
    (uuid.UUID, "0" * 31 + "1", uuid.UUID(int=1)),
    (datetime.date, "2024-05-31", datetime.date(2024, 5, 31)),
    (datetime.time, "12:30:00", datetime.time(12, 30)),
    (datetime.timedelta, "PT90S", datetime.timedelta(seconds=90)),
    (Colour, "blue", Colour.BLUE),
    (Level, "2", Level.HIGH),
    (Literal["x", 7], "7", 7),
    (int | None, "7", 7),
    (bytes, "raw", b"raw"),
]
TYPES = pytest.mark.parametrize(("type_", "text", "value"), SCALARS, ids=lambda each: str(each))
PLACES = pytest.mark.parametrize("marker", [Path, Query, Header, Cookie], ids=str)


def send(router: Application, marker: object, text: str | None) -> HandlerResponse:
    """Ask for the one parameter ``the_value`` where ``marker`` says."""
    quoted = (text or "").replace(" ", "%20")
    if marker is Path:
        return send_request(router, "GET", f"/x/{quoted}")
    if marker is Query:
        return send_request(router, "GET", "/x" if text is None else f"/x?the_value={quoted}")
    name = "the-value" if marker is Header else "cookie"
    value = text if marker is Header else f"a=b; the_value={text}; c=d"
    return send_request(router, "GET", "/x", headers=[] if text is None else [(name, str(value))])


def one_parameter(marker: Any, type_: object, *default: object) -> tuple[Application, list[object]]:
    """Return a router that notes what its handler gets."""
    got: list[object] = []

    def handler(the_value: object) -> None:
        got.append(the_value)

    handler.__annotations__["the_value"] = marker[type_]
    handler.__defaults__ = default
    router = Application()
    router.get("/x/{the_value}" if marker is Path else "/x")(handler)
    return router, got


@PLACES
@TYPES
def test_a_scalar_comes_from_every_place(
    marker: object, type_: object, text: str, value: object
) -> None:
    router, got = one_parameter(marker, type_)
    assert send(router, marker, text).status == 204
    assert got == [value]
    assert type(got[0]) is type(value)


@PLACES
def test_a_text_that_does_not_fit_is_reported_with_place_and_name(marker: Any) -> None:
    router, got = one_parameter(marker, int)
    response = send(router, marker, "one")
    place = {Path: "path", Query: "query", Header: "header", Cookie: "cookie"}[marker]
    name = "the-value" if marker is Header else "the_value"
    assert response.status == 422
    assert response.content_type == "application/problem+json"
    assert response.json()["errors"] == [
        {"in": place, "name": name, "message": "expected an integer"}
    ]
    assert got == []


@pytest.mark.parametrize("marker", [Query, Header, Cookie], ids=str)
def test_what_is_missing_is_an_error_or_the_default(marker: Any) -> None:
    router, got = one_parameter(marker, int)
    response = send(router, marker, None)
    assert [each["message"] for each in response.json()["errors"]] == ["is required"]
    assert got == []
    for default in (5, None):
        router, got = one_parameter(marker, int | None, default)
        assert send(router, marker, None).status == 204
        assert got == [default]


def test_an_empty_text_is_a_text() -> None:
    router, got = one_parameter(Query, str, "default")
    send_request(router, "GET", "/x?the_value=")
    send_request(router, "GET", "/x?the_value")
    send_request(router, "GET", "/x?&&")
    assert got == ["", "", "default"]
    router, got = one_parameter(Query, int, 1)
    assert send_request(router, "GET", "/x?the_value=").status == 422


@pytest.mark.parametrize("broken", ["/x?%", "/x?the_value=%zz", "/x?a=%ff&the_value=1"])
def test_a_broken_query_is_a_bad_request(broken: str) -> None:
    router, got = one_parameter(Query, str)
    response = send_request(router, "GET", broken)
    assert (response.status, response.content_type) == (400, "application/problem+json")
    assert got == []


def test_a_plus_in_a_query_is_a_space() -> None:
    router, got = one_parameter(Query, str)
    send_request(router, "GET", "/x?the_value=1+1%2B1")
    assert got == ["1 1+1"]


def test_of_several_values_a_scalar_is_the_last() -> None:
    router, got = one_parameter(Query, int)
    send_request(router, "GET", "/x?the_value=1&the_value=2")
    assert got == [2]


# Lists


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (list[int], [3, 1, 3]),
        (tuple[int, ...], (3, 1, 3)),
        (set[int], {1, 3}),
        (frozenset[int], frozenset({1, 3})),
        (list[int] | None, [3, 1, 3]),
    ],
    ids=str,
)
def test_a_list_comes_from_every_place(type_: object, value: object) -> None:
    for marker, target, headers in [
        (Query, "/x?the_value=3&the_value=1&the_value=3", []),
        (Path, "/x/3,1,3", []),
        (Header, "/x", [("The-Value", "3, 1 ,3")]),
        (Header, "/x", [("the-value", "3,1"), ("the-value", "3")]),
    ]:
        router, got = one_parameter(marker, type_)
        assert send_request(router, "GET", target, headers=headers).status == 204
        assert got == [value]


def test_a_list_that_is_missing_is_an_error_or_the_default() -> None:
    router, got = one_parameter(Query, list[int])
    assert send_request(router, "GET", "/x").json()["errors"][0]["message"] == "is required"
    router, got = one_parameter(Query, tuple[int, ...], (7,))
    assert send_request(router, "GET", "/x").status == 204
    assert got == [(7,)]


def test_a_list_names_its_wrong_item() -> None:
    router, _ = one_parameter(Query, list[int])
    errors = send_request(router, "GET", "/x?the_value=1&the_value=b").json()["errors"]
    assert [(each["in"], each["name"]) for each in errors] == [("query", "the_value")]
    assert "2" in errors[0]["message"]


def test_a_list_of_enumerations_is_read_by_value() -> None:
    router, got = one_parameter(Query, list[Colour])
    assert send_request(router, "GET", "/x?the_value=red&the_value=blue").status == 204
    assert got == [[Colour.RED, Colour.BLUE]]
    response = send_request(router, "GET", "/x?the_value=green")
    assert "red" in response.json()["errors"][0]["message"]
    assert "green" not in str(response.body)


# Constraints and names


@pytest.mark.parametrize(
    ("type_", "param", "good", "bad"),
    [
        (int, Param(ge=1), "1", "0"),
        (int, Param(le=9), "9", "10"),
        (float, Param(gt=0), "0.1", "0"),
        (int, Param(lt=3), "2", "3"),
        (int, Param(multiple_of=3), "9", "10"),
        (str, Param(min_length=2), "ab", "a"),
        (str, Param(max_length=2), "ab", "abc"),
        (str, Param(pattern="^[ab]+$"), "abba", "abc"),
        (decimal.Decimal, Param(ge=1), "1.0", "0.99"),
        (list[int], Param(max_length=1), "7", None),
    ],
    ids=str,
)
def test_a_constraint_is_kept(type_: object, param: Param, good: str, bad: str | None) -> None:
    router, got = one_parameter(Query, Annotated[type_, param])
    assert send_request(router, "GET", f"/x?the_value={good}").status == 204
    response = send_request(
        router, "GET", f"/x?the_value={bad}" if bad else "/x?the_value=1&the_value=2"
    )
    assert response.status == 422
    assert [each["name"] for each in response.json()["errors"]] == ["the_value"]
    assert len(got) == 1


def test_a_constraint_does_not_concern_the_default() -> None:
    router, got = one_parameter(Query, Annotated[int | None, Param(ge=1)], None)
    assert send_request(router, "GET", "/x").status == 204
    assert got == [None]


def test_a_value_equal_to_the_default_is_still_checked() -> None:
    router, _ = one_parameter(Query, Annotated[int, Param(ge=1)], 0)
    assert send_request(router, "GET", "/x?the_value=0").status == 422


def test_a_name_on_the_wire_is_what_param_says() -> None:
    router = Application()

    @router.get("/{item-id}")
    def handler(
        key: Path[Annotated[int, Param(name="item-id")]],
        page: Annotated[int, Param(name="page-no")],
        agent: Header[Annotated[str, Param(name="User-Agent")]],
        theme: Cookie[Annotated[str, Param(name="ui.theme")]],
        select: Query[Annotated[str, Param(name="$select")]],
    ) -> list[object]:
        return [key, page, agent, theme, select]

    headers = [("user-agent", "test"), ("cookie", "ui.theme=dark")]
    response = send_request(router, "GET", "/7?page-no=2&%24select=a", headers=headers)
    assert response.json() == [7, 2, "test", "dark", "a"]
    assert [each["name"] for each in send_request(router, "GET", "/x?page=1").json()["errors"]] == [
        "item-id",
        "page-no",
        "User-Agent",
        "ui.theme",
        "$select",
    ]


def test_a_header_is_found_whatever_its_case_and_with_hyphens() -> None:
    router = Application()

    @router.get("/x")
    def handler(x_request_id: Header[str]) -> str:
        return x_request_id

    assert send_request(router, "GET", "/x", headers=[("X-Request-ID", "7")]).json() == "7"
    assert send_request(router, "GET", "/x", headers=[("X_Request_ID", "7")]).status == 422


def test_a_header_argument_may_have_capitals() -> None:
    router = Application()

    @router.get("/x")
    def handler(X_Token: Header[str]) -> str:  # noqa: N803 - that is what is tested
        return X_Token

    assert send_request(router, "GET", "/x", headers=[("x-token", "7")]).json() == "7"


def test_names_that_differ_in_case_alone_stay_apart_but_in_headers() -> None:
    router = Application()

    @router.get("/x")
    def handler(
        upper: Query[Annotated[str, Param(name="Q")]],
        lower: Query[Annotated[str, Param(name="q")]],
    ) -> list[str]:
        return [upper, lower]

    assert send_request(router, "GET", "/x?Q=upper&q=lower").json() == ["upper", "lower"]


def test_one_name_in_every_place_stays_apart() -> None:
    router = Application()

    @router.get("/{a}")
    def handler(
        d: Cookie[Annotated[int, Param(name="a")]],
        c: Header[Annotated[int, Param(name="a")]],
        b: Query[Annotated[int, Param(name="a")]],
        a: Path[int],
    ) -> list[int]:
        return [a, b, c, d]

    sent = [("a", "3"), ("cookie", "a=4")]
    assert send_request(router, "GET", "/1?a=2", headers=sent).json() == [1, 2, 3, 4]


def test_names_in_two_spellings_stay_apart() -> None:
    router = Application()

    @router.get("/x")
    def handler(itemId: int, item_id: int) -> list[int]:  # noqa: N803 - that is what is tested
        return [itemId, item_id]

    assert send_request(router, "GET", "/x?itemId=1&item_id=2").json() == [1, 2]


def test_a_header_that_is_no_ascii_is_read_as_latin_1() -> None:
    router = Application()

    @router.get("/x")
    def handler(name: Header[str]) -> str:
        return name

    assert send_request(router, "GET", "/x", headers=[("name", "größe")]).json() == "größe"


def test_cookies_are_read_with_quotes_and_from_several_fields() -> None:
    router = Application()

    @router.get("/x")
    def handler(a: Cookie[str], b: Cookie[int], c: Cookie[list[str]]) -> list[object]:
        return [a, b, c]

    sent = [("cookie", 'a="x y"; b=7'), ("cookie", "c=1,2; a=second")]
    assert send_request(router, "GET", "/x", headers=sent).json() == ["x y", 7, ["1", "2"]]


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_comes_through_path_and_query(text: str) -> None:
    router, got = one_parameter(Path, str)
    send_request(router, "GET", f"/x/{quote(text, safe='')}")
    other, also = one_parameter(Query, str)
    send_request(other, "GET", f"/x?the_value={quote_plus(text)}")
    assert got == also == [text]


def test_a_catch_all_is_converted_and_checked_like_any_parameter() -> None:
    router = Application()

    @router.get("/files/{rest:path}")
    def handler(rest: Annotated[str, Param(max_length=5)]) -> str:
        return rest

    assert send_request(router, "GET", "/files/a/b%2F").json() == "a/b/"
    assert send_request(router, "GET", "/files/a/b/c/d").status == 422


@pytest.mark.parametrize("path", ["/files/v{rest:path}", "/v{rest:path}"])
def test_text_before_a_catch_all_is_refused(path: str) -> None:
    def handler(rest: str) -> str:
        return rest

    with pytest.raises(SignatureError, match="is the whole last segment"):
        Application().get(path)(handler)


# From a document


def spec_first(
    parameter: dict[str, Any], handler: Any, path: str = "/x", **more: Any
) -> Application:
    responses = {"200": {"description": "Fine."}}
    read = {"operationId": "read", "parameters": [parameter], "responses": responses}
    router = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {path: {"get": read}},
        }
        | more
    )
    router.operation("read")(handler)
    return router


def echo(item):  # type: ignore[no-untyped-def]  # without annotation: the document says the type
    return item


def query(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "item", "in": "query", "schema": schema} | more


@pytest.mark.parametrize(
    ("schema", "target", "value"),
    [
        ({"type": "string"}, "?item=5", "5"),
        ({"type": "integer"}, "?item=5", 5),
        ({"type": "number"}, "?item=5.5", 5.5),
        ({"type": "boolean"}, "?item=true", True),
        ({"type": ["integer", "null"]}, "?item=5", 5),
        ({"type": ["null", "string"]}, "?item=5", "5"),
        ({"type": "array", "items": {"type": "integer"}}, "?item=5&item=6", [5, 6]),
        ({"type": "array"}, "?item=5&item=6", ["5", "6"]),
        ({}, "?item=5", "5"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "?item=5", 5),
        ({"allOf": [{"type": "integer"}]}, "?item=5", 5),
        ({"$ref": "#/components/schemas/Number"}, "?item=5", 5),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Number"}}, "?item=5", [5]),
        ({"type": "integer", "default": 3}, "", 3),
        ({"$ref": "#/components/schemas/Number"}, "", 9),
        ({"enum": [1, 2]}, "?item=2", 2),
    ],
    ids=str,
)
def test_without_annotation_the_schema_says_the_type(
    schema: dict[str, Any], target: str, value: object
) -> None:
    components = {"schemas": {"Number": {"type": "integer", "default": 9}}}
    response = send_request(
        spec_first(query(schema), echo, components=components), "GET", f"/x{target}"
    )
    assert (response.status, response.json()) == (200, value)


def test_a_default_of_the_document_is_given_in_the_type_of_the_argument() -> None:
    def handler(item: datetime.date) -> str:
        return f"{item:%d.%m.%Y}"

    schema = {"type": "string", "format": "date", "default": "2024-05-31"}
    assert send_request(spec_first(query(schema), handler), "GET", "/x").json() == "31.05.2024"


def test_the_default_of_the_argument_goes_before_the_documents() -> None:
    def handler(item: int = 4) -> int:
        return item

    assert (
        send_request(
            spec_first(query({"type": "integer", "default": 3}), handler), "GET", "/x"
        ).json()
        == 4
    )


def test_an_optional_parameter_without_default_is_none() -> None:
    router = spec_first(query({"type": "integer"}), lambda item: [item])
    assert send_request(router, "GET", "/x").json() == [None]


def test_a_required_parameter_is_required() -> None:
    router = spec_first(query({"type": "integer"}, required=True), echo)
    assert send_request(router, "GET", "/x").json()["errors"] == [
        {"in": "query", "name": "item", "message": "is required"}
    ]


@pytest.mark.parametrize(
    ("schema", "bad"),
    [
        ({"type": "integer", "minimum": 3}, "2"),
        ({"type": "string", "enum": ["a", "b"]}, "c"),
        ({"type": "string", "pattern": "^a"}, "b"),
        ({"$ref": "#/components/schemas/Big"}, "b"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, "1"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Big"}}, "b"),
    ],
    ids=str,
)
def test_the_schema_of_the_document_is_kept(schema: dict[str, Any], bad: str) -> None:
    components = {"schemas": {"Big": {"type": "string", "minLength": 3}}}
    response = send_request(
        spec_first(query(schema), echo, components=components), "GET", f"/x?item={bad}"
    )
    assert response.status == 422
    assert [(each["in"], each["name"]) for each in response.json()["errors"]] == [("query", "item")]


@pytest.mark.parametrize(
    ("more", "target"),
    [
        ({"style": "form", "explode": False}, "?item=3,4"),
        ({"explode": False}, "?item=3,4"),
        ({"style": "spaceDelimited", "explode": False}, "?item=3%204"),
        ({"style": "spaceDelimited"}, "?item=3+4"),
        ({"style": "pipeDelimited"}, "?item=3%7C4"),
        ({"style": "pipeDelimited", "explode": True}, "?item=3&item=4"),
        ({"in": "path", "required": True}, "/3,4"),
        ({"in": "path", "required": True, "explode": True}, "/3,4"),
    ],
    ids=str,
)
def test_a_list_is_read_in_the_style_of_the_document(more: dict[str, Any], target: str) -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    path = "/x/{item}" if more.get("in") == "path" else "/x"
    assert send_request(
        spec_first(query(schema, **more), echo, path), "GET", f"/x{target}"
    ).json() == [3, 4]


def test_an_empty_list_that_is_not_exploded_is_a_list() -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    assert (
        send_request(spec_first(query(schema, explode=False), echo), "GET", "/x?item=").json() == []
    )


# Objects


@attrs.frozen
class Point:
    x: int
    y: int = 7
    tags: list[str] = attrs.Factory(list)


@dataclasses.dataclass
class Spot:
    x: int
    y: int = 7
    tags: list[str] = dataclasses.field(default_factory=list)


class Place(TypedDict):
    x: int
    y: NotRequired[int]
    tags: NotRequired[list[str]]


POINT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "x": {"type": "integer", "minimum": 0},
        "y": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["x"],
    "additionalProperties": False,
}
DEEP = {"style": "deepObject", "explode": True}


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Point, Point(1)),
        (Spot, Spot(1)),
        (Place, {"x": 1}),
        (dict, {"x": 1}),
        (dict[str, int | list[str]], {"x": 1}),
        (Any, {"x": 1}),
        (Point | None, Point(1)),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("more", "target"),
    [
        (DEEP, "?item[x]=1"),
        ({}, "?x=1&page=9"),
        ({"explode": False}, "?item=x,1"),
        ({"in": "path", "required": True}, "/x,1"),
    ],
    ids=str,
)
def test_an_object_becomes_what_the_handler_asks_for(
    type_: Any, value: object, more: dict[str, Any], target: str
) -> None:
    got = []

    def handler(item: object) -> None:
        got.append(item)

    handler.__annotations__["item"] = type_
    path = "/x/{item}" if "in" in more else "/x"
    assert (
        send_request(spec_first(query(POINT, **more), handler, path), "GET", f"/x{target}").status
        == 200
    )
    assert got == [value]
    assert type(got[0]) is type(value)


def test_every_error_of_an_object_is_reported_by_the_name_of_the_member() -> None:
    router = spec_first(query(POINT, **DEEP), echo)
    response = send_request(router, "GET", "/x?item[x]=a&item[y]=b")
    assert response.json()["errors"] == [
        {"in": "query", "name": "item.x", "message": "expected an integer"},
        {"in": "query", "name": "item.y", "message": "expected an integer"},
    ]
    assert send_request(router, "GET", "/x?item[x]=-1&item[z]=2").json()["errors"] == [
        {"in": "query", "name": "item.x", "message": "must be >= 0"},
        {"in": "query", "name": "item.z", "message": "unknown member"},
    ]
    assert send_request(router, "GET", "/x?item[y]=1").json()["errors"] == [
        {"in": "query", "name": "item.x", "message": "is required"},
    ]


def test_a_rule_of_the_class_is_reported_by_the_name_of_the_member() -> None:
    @attrs.frozen
    class Even:
        x: int = attrs.field()
        y: int = 7
        tags: list[str] = attrs.Factory(list)

        @x.validator
        def _check(self, attribute: object, value: int) -> None:
            if value % 2:
                raise ValueError("must be even")

    def handler(item: Even) -> int:
        return item.x

    router = spec_first(query(POINT, **DEEP), handler)
    assert send_request(router, "GET", "/x?item[x]=3").json()["errors"] == [
        {"in": "query", "name": "item.x", "message": "must be even"}
    ]
    assert send_request(router, "GET", "/x?item[x]=4").json() == 4


def test_members_may_be_lists_and_objects() -> None:
    schema = {
        "type": "object",
        "properties": {
            "price": {"type": "object", "properties": {"gte": {"type": "number"}}},
            "tags": {"type": "array", "items": {"type": "integer"}},
        },
    }
    router = spec_first(query(schema, **DEEP), echo)
    value = send_request(router, "GET", "/x?item[price][gte]=1.5&item[tags]=1&item[tags]=2").json()
    assert value == {"price": {"gte": 1.5}, "tags": [1, 2]}
    assert send_request(router, "GET", "/x?item[tags][]=1&item[tags][]=2").json() == {
        "tags": [1, 2]
    }
    assert (
        send_request(router, "GET", "/x?item[price]=1").json()["errors"][0]["name"] == "item.price"
    )
    assert (
        send_request(router, "GET", "/x?item[tags][a]=1").json()["errors"][0]["name"] == "item.tags"
    )


def test_defaults_count_within_objects_too() -> None:
    inner = {"type": "object", "properties": {"y": {"type": "integer", "default": 5}}}
    schema = inner | {"default": {"y": 1}}
    assert send_request(spec_first(query(inner, **DEEP), echo), "GET", "/x?item[z]=1").json() == {
        "z": "1",
        "y": 5,
    }
    assert send_request(spec_first(query(schema, **DEEP), echo), "GET", "/x").json() == {"y": 1}


def test_a_free_object_takes_all_names_but_those_of_other_parameters() -> None:
    free = {"type": "object", "additionalProperties": {"type": "integer"}}
    document = spec_first(query(free), echo).document()
    operation = document["paths"]["/x"]["get"]
    operation["parameters"].append({"name": "page", "in": "query", "schema": {"type": "integer"}})
    router = Application(spec=document)
    router.operation("read")(echo)
    assert send_request(router, "GET", "/x?a=1&page=2&b=3").json() == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("more", "target", "value"),
    [
        ({"allowEmptyValue": True}, "?item=", None),
        ({"allowEmptyValue": True}, "?item", None),
        ({"allowEmptyValue": True}, "?item=5", 5),
        ({"allowEmptyValue": True, "schema": {"type": "integer", "default": 3}}, "?item=", 3),
        ({"allowEmptyValue": True, "schema": {"type": "string"}}, "?item=", ""),
        ({"allowReserved": True, "schema": {"type": "string"}}, "?item=/a:b@c?d", "/a:b@c?d"),
    ],
    ids=str,
)
def test_an_empty_value_may_be_allowed_and_reserved_characters_too(
    more: dict[str, Any], target: str, value: object
) -> None:
    router = spec_first(query({"type": "integer"}) | more, lambda item: [item])
    assert send_request(router, "GET", f"/x{target}").json() == [value]


@pytest.mark.parametrize(
    ("more", "send"),
    [
        ({}, lambda text: ("/x?item=" + quote(text), [])),
        ({"in": "path", "required": True}, lambda text: ("/x/" + quote(text), [])),
        ({"in": "header"}, lambda text: ("/x", [("item", text)])),
        ({"in": "cookie"}, lambda text: ("/x", [("cookie", f"item={text}")])),
    ],
    ids=["query", "path", "header", "cookie"],
)
def test_a_parameter_may_be_json(more: dict[str, Any], send: Any) -> None:
    parameter = {"name": "item", "in": "query"} | more
    parameter["content"] = {"application/json": {"schema": POINT}}
    place = parameter["in"]

    def handler(item: Point) -> list[object]:
        return [item.x, item.y, item.tags]

    path = "/x/{item}" if place == "path" else "/x"
    router = spec_first(parameter, handler, path)

    def response(text: str) -> HandlerResponse:
        target, headers = send(text)
        return send_request(router, "GET", target, headers=headers)

    assert response('{"x":1,"tags":["a"]}').json() == [1, 7, ["a"]]
    assert response('{"x":"1","tags":[2]}').json()["errors"] == [
        {"in": place, "name": "item.x", "message": "expected integer, got string"},
        {"in": place, "name": "item.tags.0", "message": "expected string, got integer"},
    ]
    [detail] = response("{").json()["errors"]
    assert (detail["in"], detail["name"]) == (place, "item")
    assert "is not valid JSON" in detail["message"]


def test_a_parameter_may_be_text_of_another_media_type() -> None:
    content = {"text/plain": {"schema": {"type": "string", "maxLength": 3}}}
    router = spec_first({"name": "item", "in": "query", "content": content}, echo)
    assert send_request(router, "GET", "/x?item=abc").json() == "abc"
    assert send_request(router, "GET", "/x?item=abcd").status == 422
    assert send_request(router, "GET", "/x").status == 200


def test_a_format_is_asserted_when_it_is_requested() -> None:
    parameter = query({"type": "string", "format": "email"})
    document = spec_first(parameter, echo).document()
    for asserted, status in ((False, 200), (True, 422)):
        router = Application(spec=document, assert_formats=asserted)
        router.operation("read")(echo)
        assert send_request(router, "GET", "/x?item=nobody").status == status


def test_code_says_style_and_explode_by_param() -> None:
    router = Application()

    @router.get("/x/{ids}")
    def handler(
        ids: Annotated[list[int], Param(style="matrix", explode=True)],
        near: Query[Annotated[Point, Param(style="deepObject")]],
        tags: Annotated[list[str], Param(explode=False)],
    ) -> list[object]:
        return [ids, near.x, near.tags, tags]

    target = "/x/;ids=1;ids=2?near[x]=1&near[tags]=a&near[tags]=b&tags=c,d"
    assert send_request(router, "GET", target).json() == [[1, 2], 1, ["a", "b"], ["c", "d"]]
    assert send_request(router, "GET", "/x/;ids=a?near[x]=b&tags=c").json()["errors"] == [
        {"in": "path", "name": "ids", "message": "expected an integer"},
        {"in": "query", "name": "near.x", "message": "expected an integer"},
    ]
    parameters = router.document()["paths"]["/x/{ids}"]["get"]["parameters"]
    assert [(each.get("style"), each.get("explode")) for each in parameters] == [
        ("matrix", True),
        ("deepObject", None),
        (None, False),
    ]


@pytest.mark.parametrize(
    ("wire", "python"),
    [
        ("petId", "pet_id"),
        ("pet-id", "pet_id"),
        ("Pet-ID", "pet_id"),
        ("X-Request-ID", "x_request_id"),
        ("userID", "user_id"),
        ("ui.theme", "ui_theme"),
        ("page2Size", "page2_size"),
        ("plain", "plain"),
        ("snake_case", "snake_case"),
    ],
)
def test_names_of_the_wire_are_spelt_as_in_python(wire: str, python: str) -> None:
    assert python_name(wire) == python

    namespace: dict[str, Any] = {}
    exec(f"def handler({python}): return {python}", namespace)
    parameter = {"name": wire, "in": "query", "schema": {"type": "integer"}}
    assert (
        send_request(spec_first(parameter, namespace["handler"]), "GET", f"/x?{wire}=7").json() == 7
    )


def test_the_type_of_a_schema_is_read_at_any_depth() -> None:
    inner = {"type": "array", "items": {"type": ["null", "integer"]}}
    assert type_of_schema({"type": "array", "items": inner}) == list[list[int]]
    assert type_of_schema({"type": ["null"]}) is str


@given(
    st.sampled_from([each[0] for each in SCALARS]),
    st.sampled_from([Path, Query, Header, Cookie]),
    st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S", "Zs"]), min_size=1)
    | st.from_regex(r"[-+]?[0-9.e:TZ]{1,30}", fullmatch=True),
)
def test_no_text_is_an_error_of_the_server(type_: object, marker: object, text: str) -> None:
    router, _ = one_parameter(marker, type_)
    sent = quote(text, safe="") if marker in (Path, Query) else text
    assert send(router, marker, sent).status in (204, 422)


def test_the_query_as_a_whole_may_be_a_parameter() -> None:
    parameter = {"name": "item", "in": "querystring"}
    parameter |= {"content": {"application/json": {"schema": POINT}}}  # type: ignore[dict-item]  # of any kind
    router = spec_first(parameter, echo, openapi="3.2.0")
    assert send_request(router, "GET", "/x?" + quote('{"x":1}')).json() == {"x": 1}
    assert send_request(router, "GET", "/x?" + quote('{"x":-1}')).json()["errors"] == [
        {"in": "query", "name": "item.x", "message": "must be >= 0"}
    ]


@pytest.mark.parametrize("type_", [datetime.datetime, datetime.time, datetime.datetime | int])
def test_an_offset_whose_plus_was_not_encoded_is_explained(type_: Any) -> None:
    router = Application()

    def read(at: Any) -> str:
        return repr(at.utcoffset())

    read.__annotations__["at"] = Query[type_]  # type: ignore[misc]  # an alias at run time
    router.get("/")(read)
    is_time = type_ is datetime.time
    for text in ("12:00:00+02:00", "12:00+02:00", "12:00:00.5+02:00"):
        value = text if is_time else f"2024-05-31T{text}"
        response = send_request(router, "GET", f"/?at={value}")
        assert response.status == 422
        assert "%2B" in response.json()["errors"][0]["message"]
        encoded = send_request(router, "GET", f"/?at={quote(value)}")
        assert encoded.json() == "datetime.timedelta(seconds=7200)"
    assert "%2B" not in send_request(router, "GET", "/?at=12:x").text
