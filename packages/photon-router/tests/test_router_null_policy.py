"""Members that are ``None``: ``null``, or not there, as the document has it."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Annotated, Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

import attrs
import msgspec
import pytest

from photon_router import (
    Application,
    Created,
    DocumentError,
    JsonLines,
    ServerSentEvent,
    SignatureError,
    Status,
)
from photon_runtime.testing import send_request

T = TypeVar("T")


@attrs.frozen
class Pet:
    name: str
    nick: str | None = None
    owner: "Owner | None" = None
    tags: dict[str, "Owner"] = attrs.field(factory=dict)


@attrs.frozen
class Owner:
    name: str | None = None
    pets: list[Pet] = attrs.field(factory=list)


@attrs.frozen
class Error:
    code: int
    hint: str | None = None


@attrs.frozen
class Cat:
    kind: str = "cat"
    nick: str | None = None


@attrs.frozen
class Dog:
    kind: str = "dog"
    nick: str | None = None


@dataclasses.dataclass
class Data:
    name: str
    nick: str | None = None


class Struct(msgspec.Struct):
    name: str
    nick: str | None = None


class Typed(TypedDict):
    name: str
    nick: NotRequired[str | None]


class Pair(NamedTuple):
    left: Data
    right: str | None = None


@attrs.frozen
class Page(Generic[T]):
    items: list[T]
    next: str | None = None


@attrs.frozen
class Strict:
    name: str
    nick: str | None


@attrs.frozen
class Cage:
    pet: Data


@attrs.frozen
class Open:
    name: str
    nick: Any = None


def reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def members(required: str = "name", **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


TEXT = {"type": "string"}
NICKED = members(name=TEXT, nick=TEXT)
SCHEMAS = {
    "Pet": members(
        name=TEXT,
        nick=TEXT,
        owner=reference("Owner"),
        tags={"type": "object", "additionalProperties": reference("Owner")},
    ),
    "Owner": members(required="pets", name=TEXT, pets={"type": "array", "items": reference("Pet")}),
    "Error": members(required="code", code={"type": "integer"}, hint=TEXT),
    "Cat": members(required="kind", kind={"const": "cat"}, nick=TEXT),
    "Dog": members(required="kind", kind={"const": "dog"}, nick={"type": ["string", "null"]}),
    "Animal": {"oneOf": [reference("Cat"), reference("Dog")]},
    "Base": NICKED,
    "Required": {"allOf": [reference("Base"), {"required": ["nick"]}]},
}


def specified(schema: Any, *, media: str = "application/json", status: str = "200") -> Application:
    response = {"description": "It.", "content": {media: {"schema": schema}}}
    return Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "Pets", "version": "1"},
            "components": {"schemas": SCHEMAS},
            "paths": {"/x": {"get": {"operationId": "it", "responses": {status: response}}}},
        }
    )


def answer(router: Application, type_: Any, result: object) -> Any:
    def it() -> Any:
        return result

    it.__annotations__["return"] = type_
    router.operation("it")(it)
    response = send_request(router, "GET", "/x", development=True)
    assert response.status in (200, 201, 404), response.body
    return response.json()


@pytest.mark.parametrize(
    ("schema", "type_", "result", "expected"),
    [
        (reference("Pet"), Pet, Pet("Rex"), {"name": "Rex", "tags": {}}),
        (reference("Pet"), Pet, Pet("Rex", "R"), {"name": "Rex", "nick": "R", "tags": {}}),
        (
            reference("Pet"),
            Pet,
            Pet("Rex", owner=Owner(pets=[Pet("Tim")]), tags={"a": Owner("Ann"), "b": Owner()}),
            {
                "name": "Rex",
                "owner": {"pets": [{"name": "Tim", "tags": {}}]},
                "tags": {"a": {"name": "Ann", "pets": []}, "b": {"pets": []}},
            },
        ),
        (reference("Pet"), Pet, {"name": "Rex", "nick": None}, {"name": "Rex"}),
        (
            {"type": "array", "items": reference("Base")},
            list[Data],
            [Data("a"), Data("b", "c")],
            [{"name": "a"}, {"name": "b", "nick": "c"}],
        ),
        (NICKED, Struct, Struct("a"), {"name": "a"}),
        (NICKED, Typed, {"name": "a", "nick": None}, {"name": "a"}),
        (NICKED, Typed, {"name": "a"}, {"name": "a"}),
        (NICKED, Strict, Strict("a", None), {"name": "a"}),
        (NICKED, Open, Open("a"), {"name": "a"}),
        (
            {"type": "object", "patternProperties": {"^x": NICKED}},
            dict[str, Data],
            {"x": Data("a")},
            {"x": {"name": "a"}},
        ),
        (
            {"type": "array", "prefixItems": [NICKED, {"type": ["string", "null"]}]},
            Pair,
            Pair(Data("a")),
            [{"name": "a"}, None],
        ),
        (
            {"type": "array", "prefixItems": [{"type": "integer"}], "items": NICKED},
            tuple[int, Data],
            (1, Data("a")),
            [1, {"name": "a"}],
        ),
        (
            members(required="items", items={"type": "array", "items": NICKED}, next=TEXT),
            Page[Data],
            Page([Data("a")]),
            {"items": [{"name": "a"}]},
        ),
        ({"anyOf": [NICKED, {"type": "null"}]}, Data | None, Data("a"), {"name": "a"}),
        ({"anyOf": [NICKED, {"type": "null"}]}, Data | None, None, None),
        (
            {"allOf": [reference("Base"), members("", nick={"description": "Pet name."})]},
            Data,
            Data("a"),
            {"name": "a"},
        ),
        *(
            (
                {**members("", name=TEXT, nick=TEXT), keyword: requirements},
                Data,
                Data("a"),
                {"name": "a"},
            )
            for requirements in [[{"required": ["name"]}, {"required": ["nick"]}]]
            for keyword in ("anyOf", "oneOf")
        ),
        (members("", nick={"enum": ["a", "b"]}), Cat, Cat(), {"kind": "cat"}),
        (members("", nick=False), Cat, Cat(), {"kind": "cat"}),
        ({**members("", kind=TEXT), "additionalProperties": False}, Cat, Cat(), {"kind": "cat"}),
        ({"type": "object", "additionalProperties": TEXT}, Cat, Cat(), {"kind": "cat"}),
    ],
)
def test_none_is_left_out_where_the_document_has_no_place_for_it(
    schema: Any, type_: Any, result: object, expected: object
) -> None:
    assert answer(specified(schema), type_, result) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        members(name=TEXT, nick={"type": ["string", "null"]}),
        members(name=TEXT, nick={"anyOf": [TEXT, {"type": "null"}]}),
        members(name=TEXT, nick={}),
        members(name=TEXT, nick=True),
        {**members(name=TEXT), "additionalProperties": True},
        {**members(name=TEXT), "additionalProperties": {"type": ["string", "null"]}},
        members("name nick", name=TEXT, nick={"type": ["string", "null"]}),
        {"allOf": [members("nick"), members(name=TEXT, nick={"enum": ["a", None]})]},
    ],
)
def test_none_is_null_where_the_document_allows_or_requires_it(schema: Any) -> None:
    assert answer(specified(schema), Data, Data("a")) == {"name": "a", "nick": None}


def test_what_the_document_requires_is_not_left_out_even_if_it_must_not_be_null() -> None:
    refused = specified(reference("Required"))

    @refused.operation("it")
    def wrong() -> Data:
        return Data("a")

    with pytest.raises(DocumentError, match="nick: the code has null, and the document string"):
        send_request(refused, "GET", "/x")
    router = specified(reference("Required"))

    @router.operation("it")
    def it() -> Open:
        return Open("a")

    assert send_request(router, "GET", "/x", development=True).status == 500
    assert send_request(router, "GET", "/x", development=False).body == b'{"name":"a","nick":null}'


def test_a_document_of_3_0_is_read_by_its_nullable() -> None:
    router = Application(
        spec={
            "openapi": "3.0.3",
            "info": {"title": "Pets", "version": "1"},
            "paths": {
                "/x": {
                    "get": {
                        "operationId": "it",
                        "responses": {
                            "200": {
                                "description": "It.",
                                "content": {
                                    "application/json": {
                                        "schema": members(
                                            required="pets",
                                            name={"type": "string", "nullable": True},
                                            pets={"type": "array", "items": NICKED},
                                        )
                                    }
                                },
                            }
                        },
                    }
                }
            },
        }
    )
    assert answer(router, Owner, Owner(pets=[Pet("Rex")]))["pets"] == [
        {"name": "Rex", "owner": None, "tags": {}}
    ]


def test_of_a_union_the_schema_that_is_called_like_the_class_counts() -> None:
    for type_, result, expected in (
        (Cat | Dog, Cat(), {"kind": "cat"}),
        (Cat | Dog, Dog(), {"kind": "dog", "nick": None}),
        (list[Cat | Dog], [Dog(), Cat()], [{"kind": "dog", "nick": None}, {"kind": "cat"}]),
    ):
        schema: Any = reference("Animal")
        if isinstance(expected, list):
            schema = {"type": "array", "items": schema}
        assert answer(specified(schema), type_, result) == expected


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
def test_of_branches_that_are_called_otherwise_only_one_must_hold(
    keyword: str, is_closed: bool
) -> None:
    closed = {"additionalProperties": False} if is_closed else {}
    named = {**members("name", name=TEXT), **closed}
    nicked = {**members("nick", nick=TEXT, name=TEXT), **closed}
    schema = {keyword: [nicked, named]}
    assert answer(specified(schema), Data, Data("a")) == {"name": "a"}
    other = members("", pet=nicked, other=TEXT)
    by_name = {"anyOf": [other, members("", pet=named)]}
    inside = answer(specified(by_name), Cage, Cage(Data("a")))
    assert inside == {"pet": {"name": "a"}}
    listed = {"type": "array", "items": schema}
    assert answer(specified(listed), list[Data], [Data("a")]) == [{"name": "a"}]


def test_null_is_sent_if_a_branch_that_requires_the_member_takes_it() -> None:
    schema = {
        "anyOf": [
            members("name nick", name=TEXT, nick={"type": ["string", "null"]}),
            members("name nick other", name=TEXT, nick=TEXT, other=TEXT),
        ]
    }
    assert answer(specified(schema), Data, Data("a")) == {"name": "a", "nick": None}


def test_each_status_has_a_schema_of_its_own() -> None:
    document = specified(reference("Pet")).document()
    nullable = members("code", code={}, hint={"type": ["string", "null"]})
    for schema, expected in (
        (reference("Error"), {"code": 1}),
        (nullable, {"code": 1, "hint": None}),
    ):
        document["paths"]["/x"]["get"]["responses"]["404"] = {
            "description": "None.",
            "content": {"application/json": {"schema": schema}},
        }
        type_ = Pet | Annotated[Error, Status(404)]
        assert answer(Application(spec=document), type_, Error(1)) == expected
        assert answer(Application(spec=document), type_, Pet("Rex")) == {"name": "Rex", "tags": {}}
        assert answer(Application(spec=document), tuple[Pet, int], (Pet("Rex"), 200)) == {
            "name": "Rex",
            "tags": {},
        }


def test_what_is_in_a_response_or_a_stream_goes_by_the_document_too() -> None:
    made = specified(reference("Base"), status="201")
    assert answer(made, Created[Data], Created(Data("a"))) == {"name": "a"}
    lines = specified({"type": "array", "items": reference("Base")}, media="application/jsonl")

    @lines.operation("it")
    def it() -> Iterator[Data]:
        yield Data("a")
        yield Data("b", "c")

    body = send_request(lines, "GET", "/x", development=True).body
    assert body == b'{"name":"a"}\n{"name":"b","nick":"c"}\n'


@pytest.mark.parametrize(
    ("media", "key", "sent"),
    [
        ("application/jsonl", "itemSchema", b'{"name":"a"}\n'),
        ("application/jsonl", "x-item-schema", b'{"name":"a"}\n'),
        ("text/event-stream", "x-item-schema", b'data: {"name":"a"}\n\n'),
        # The schema of an event, which says nothing of what is in it.
        ("text/event-stream", "itemSchema", b'data: {"name":"a","nick":null}\n\n'),
    ],
)
def test_the_schema_of_an_item_counts_for_the_items_of_a_stream(
    media: str, key: str, sent: bytes
) -> None:
    document = specified({}, media=media).document() | {"openapi": "3.2.0"}
    document["paths"]["/x"]["get"]["responses"]["200"]["content"][media] = {key: NICKED}
    router = Application(spec=document)

    @router.operation("it")
    def it() -> Iterator[Data]:
        yield Data("a")

    body = send_request(router, "GET", "/x", development=True).body
    assert body == sent


def test_a_wrong_schema_of_a_member_is_reported_at_start() -> None:
    router = specified(members(name=TEXT, nick={"pattern": "("}))

    @router.operation("it")
    def it() -> Data:
        return Data("a")

    with pytest.raises(DocumentError, match="cannot be compiled"):
        send_request(router, "GET", "/x", development=False)


# -- code first ---------------------------------------------------------------------------------


def test_the_decorator_leaves_out_none_at_every_depth() -> None:
    router = Application()

    @router.get("/x", omit_none=True)
    def it() -> list[Pet]:
        return [Pet("Rex", owner=Owner(pets=[Pet("Tim")]), tags={"a": Owner()})]

    body = send_request(router, "GET", "/x", development=True).body
    assert json.loads(body) == [
        {
            "name": "Rex",
            "owner": {"pets": [{"name": "Tim", "tags": {}}]},
            "tags": {"a": {"pets": []}},
        }
    ]


def test_none_is_null_by_default_and_for_the_operations_beside() -> None:
    router = Application()

    @router.get("/other", omit_none=True)
    def other() -> Data:
        return Data("a")

    @router.get("/x")
    def it() -> Data:
        return Data("a")

    assert send_request(router, "GET", "/x", development=True).body == b'{"name":"a","nick":null}'


def test_what_the_exported_schema_requires_is_sent_as_null() -> None:
    router = Application()

    @router.get("/x", omit_none=True)
    def it() -> Strict:
        return Strict("a", None)

    assert router.document()["components"]["schemas"]["Strict"]["required"] == ["name", "nick"]
    assert send_request(router, "GET", "/x", development=True).body == b'{"name":"a","nick":null}'


def test_kinds_of_responses_and_streams_leave_out_none_too() -> None:
    router = Application()

    @router.get("/x", omit_none=True)
    def it() -> JsonLines[Data]:
        return JsonLines([Data("a")])

    @router.post("/x", omit_none=True)
    def make() -> Created[Data]:
        return Created(Data("a"))

    @router.get("/events", omit_none=True)
    def events() -> Iterator[ServerSentEvent]:
        yield ServerSentEvent(text="a")

    body = send_request(router, "GET", "/x", development=True).body
    assert body == b'{"name":"a"}\n'
    with router.start() as handler:
        assert send_request(handler, "POST", "/x").body == b'{"name":"a"}'
        assert send_request(handler, "GET", "/events").status == 200


def test_the_name_in_another_framework_leads_to_this_one() -> None:
    with pytest.raises(SignatureError, match="write `omit_none`"):
        Application().get("/x", response_model_exclude_none=True)  # type: ignore[call-arg]
