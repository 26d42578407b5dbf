"""The property: a member with a name on the wire has it everywhere, and its own name in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import attrs
import msgspec
import pytest

from photon_router import (
    Application,
    Cookie,
    Created,
    EventStream,
    Form,
    Header,
    Json,
    JsonLines,
    Param,
    Query,
    ServerSentEvent,
    closed,
    rename,
)
from photon_router.errors import DocumentError, SignatureError
from photon_runtime.testing import make_request


@attrs.frozen
class Price:
    in_cents: Annotated[int, Param(name="inCents", ge=0)]


@attrs.frozen
class Item:
    class_: Annotated[str, Param(name="class", min_length=1)]
    price: Price
    first_seen: Annotated[str | None, Param(name="first-seen")] = None
    size: Annotated[int, Param(name="Size")] = attrs.field(
        default=1, validator=attrs.validators.instance_of(int)
    )


class Note(TypedDict):
    reply_to: Annotated[int, Param(name="replyTo")]
    text: NotRequired[str]


@attrs.frozen
class Cat:
    kind_: Annotated[Literal["cat"], Param(name="kind")]
    lives_left: Annotated[int, Param(name="livesLeft")]


@attrs.frozen
class Dog:
    kind_: Annotated[Literal["dog"], Param(name="kind")]
    loud: bool


@attrs.frozen
class Pair:
    of_socks: Annotated[Decimal, Param(name="ofSocks", ge=2)]


@attrs.frozen
class Filters:
    page_size: Annotated[int, Param(name="page-size")]


@attrs.frozen
class Twins:
    one: int
    two: Annotated[int, Param(name="one")]


WIRE = {"class": "a", "price": {"inCents": 5}, "first-seen": "now", "Size": 2}
ITEM = Item("a", Price(5), "now", 2)


def send(app: Application, target: str, body: object) -> Any:
    request = make_request("POST", target, json=body)
    with app.start() as handle:
        response = handle(request)
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body) if response.body else None


def test_bodies_and_results_have_the_names_on_the_wire() -> None:
    app = Application()

    @app.post("/items")
    def add(item: Json[Item]) -> list[Item]:
        assert item == ITEM
        return [item]

    @app.post("/made")
    def make(item: Json[Item]) -> Created[Item]:
        return Created(item)

    @app.post("/notes")
    def note(note: Json[Note]) -> Note:
        assert note == {"reply_to": 1}
        return note

    @app.post("/open")
    def plain() -> Item:
        return {**WIRE, "secret": 1}  # type: ignore[return-value]

    schemas = app.document()["components"]["schemas"]
    assert list(schemas["Item"]["properties"]) == ["class", "price", "first-seen", "Size"]
    assert schemas["Item"]["required"] == ["class", "price"]
    assert send(app, "/items", WIRE) == (200, [WIRE])
    assert send(app, "/made", WIRE) == (201, WIRE)
    assert send(app, "/notes", {"replyTo": 1}) == (200, {"replyTo": 1})
    assert send(app, "/open", None) == (200, WIRE)


def test_errors_name_members_as_on_the_wire() -> None:
    app = Application()

    @app.post("/items")
    def add(item: Json[Item]) -> None: ...

    status, problem = send(app, "/items", {"class": "", "price": {"in_cents": 5}, "Size": "x"})
    assert status == 422
    pointers = {each["pointer"] for each in problem["errors"]}
    assert pointers == {"/class", "/price/inCents", "/Size"}


def test_errors_of_conversions_name_members_as_on_the_wire() -> None:
    app = Application()

    @app.post("/pairs")
    def add(pair: Json[Pair]) -> None: ...

    status, problem = send(app, "/pairs", {"ofSocks": "1.5"})
    assert status == 422
    [error] = problem["errors"]
    assert error == {"in": "body", "message": "must be >= 2", "pointer": "/ofSocks"}


def test_unions_are_told_apart_by_the_names_on_the_wire() -> None:
    app = Application()

    @app.post("/pets")
    def add(pet: Json[Cat | Dog]) -> Cat | Dog:
        assert isinstance(pet, Cat)
        return pet

    body = app.document()["paths"]["/pets"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["discriminator"]["propertyName"] == "kind"
    cat = {"kind": "cat", "livesLeft": 9}
    assert send(app, "/pets", cat) == (200, cat)


def test_a_loaded_document_decides_by_the_names_on_the_wire() -> None:
    schema = {
        "type": "object",
        "required": ["class", "price"],
        "properties": {
            "class": {"type": "string"},
            "price": {
                "type": "object",
                "required": ["inCents"],
                "properties": {"inCents": {"type": "integer"}},
            },
            "first-seen": {"type": "string"},
            "Size": {"type": "integer", "maximum": 9},
        },
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}
    operation = {
        "operationId": "add",
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {"description": "It.", "content": content}},
    }
    app = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "paths": {"/items": {"post": operation}},
            "components": {"schemas": {"Item": schema}},
        }
    )

    @app.operation("add")
    def add(item: Json[Item]) -> Item:
        return attrs.evolve(item, first_seen=None)

    sent = {name: value for name, value in WIRE.items() if name != "first-seen"}
    assert send(app, "/items", WIRE) == (200, sent)
    assert send(app, "/items", {**WIRE, "Size": 10})[0] == 422


def test_forms_and_parameter_models_have_the_names_on_the_wire() -> None:
    app = Application()

    @app.post("/find")
    def find(filters: Query[Filters], more: Form[Filters]) -> int:
        return filters.page_size + more.page_size

    fields = {"content-type": "application/x-www-form-urlencoded"}
    request = make_request("POST", "/find?page-size=2", headers=fields, body=b"page-size=3")
    with app.start() as handle:
        assert handle(request).body == b"5"


def test_two_members_with_one_name_on_the_wire_are_refused() -> None:
    app = Application()

    @app.post("/twins")
    def add(twins: Json[Twins]) -> None: ...

    with pytest.raises((TypeError, DocumentError), match="one name on the wire"):
        app.document()


# -- rules of classes and applications -------------------------------------------------------------


@attrs.frozen
class Author:
    full_name: str
    born_in: int = 1900


@attrs.frozen
class Article:
    zone_id: int
    first_author: Author
    tag_list: list[str] = attrs.field(factory=list)
    other_authors: dict[str, Author] = attrs.field(factory=dict)
    own_name: Annotated[str, Param(name="own")] = ""
    best_author: Author = Author("Ada")
    kind_of: Annotated[Author | None, Param(example=Author("Eve", 1))] = None


@rename("kebab")
@attrs.frozen
class Kebab:
    page_no: int


class Pythonic(msgspec.Struct, rename="pascal"):
    page_no: int
    per_page: int | msgspec.UnsetType = msgspec.UNSET


ARTICLE = Article(1, Author("Bob"), ["a"], {"my_key": Author("Eve", 2)})
SENT = {
    "zoneId": 1,
    "firstAuthor": {"fullName": "Bob", "bornIn": 1900},
    "tagList": ["a"],
    "otherAuthors": {"my_key": {"fullName": "Eve", "bornIn": 2}},
    "own": "",
    "bestAuthor": {"fullName": "Ada", "bornIn": 1900},
    "kindOf": None,
}


def camel() -> Application:
    """Return an application with camelCase, and handlers of each kind."""
    app = Application(rename="camel")

    @app.post("/articles")
    def add(article: Json[Article]) -> Article:
        assert article == ARTICLE
        return article

    @app.get("/any")
    def undescribed() -> Any:
        return {"items": [ARTICLE], "plain_key": ({"a_b": 1},)}

    @app.get("/none")
    def unannotated():  # type: ignore[no-untyped-def]  # as some write it
        return ARTICLE

    @app.get("/open")
    def half_described() -> dict[str, Any] | None:
        return {"article": ARTICLE}

    @app.get("/lines")
    def lines() -> JsonLines[Article]:
        return JsonLines(iter([ARTICLE]))

    @app.get("/generated")
    def generated() -> Iterator[Article]:
        yield ARTICLE

    @app.post("/struct")
    def struct(value: Pythonic) -> Pythonic:
        return value

    return app


def camel_parameters() -> Application:
    """Return an application with camelCase, and handlers with parameter models."""
    app = Application(rename="camel")

    @app.get("/parameters")
    def parameters(
        query: Query[Author],
        kebab: Query[Kebab],
        header: Header[Kebab],
        plain_header: Header[Annotated[Author, Param(style="simple")]],
        cookie: Cookie[Author],
        more: Query[Annotated[Author, Param(style="deepObject")]],
        own_argument: int = 1,
    ) -> list[Any]:
        names = [each.full_name for each in (query, plain_header, cookie, more)]
        return [*names, kebab.page_no, header.page_no, own_argument]

    @app.post("/form")
    def form(author: Form[Author]) -> str:
        return author.full_name

    return app


def body_of(app: Application, target: str, **headers: str) -> Any:
    with app.start() as handle:
        response = handle(make_request("GET", target, headers=headers))
        body = response.body
        return body if isinstance(body, bytes) else b"".join(body)


def test_an_application_names_the_members_of_all_classes() -> None:
    app = camel()
    schemas = app.document()["components"]["schemas"]
    assert list(schemas["Article"]["properties"]) == list(SENT)
    assert schemas["Article"]["required"] == ["zoneId", "firstAuthor"]
    assert schemas["Article"]["properties"]["bestAuthor"]["default"] == SENT["bestAuthor"]
    example = {"fullName": "Eve", "bornIn": 1}
    assert schemas["Article"]["properties"]["kindOf"]["examples"] == [example]
    assert list(schemas["Pythonic"]["properties"]) == ["PageNo", "PerPage"]
    assert send(app, "/articles", SENT) == (200, SENT)
    assert list(send(app, "/articles", SENT)[1]) == list(SENT)
    assert send(app, "/struct", {"PageNo": 1}) == (200, {"PageNo": 1})


@pytest.mark.parametrize("path", ["/any", "/none", "/open", "/lines", "/generated"])
def test_results_have_the_names_also_where_no_annotation_describes_them(path: str) -> None:
    value = json.loads(body_of(camel(), path))
    expected = {
        "/any": {"items": [SENT], "plain_key": [{"a_b": 1}]},
        "/open": {"article": SENT},
    }
    assert value == expected.get(path, SENT)


def test_data_of_events_have_the_names_and_events_without_data_stay() -> None:
    app = Application(rename="camel")

    @app.get("/events")
    def events() -> EventStream[Any]:
        author = Author("Bob")
        return EventStream([ServerSentEvent(author, id="1"), ServerSentEvent(text="x"), author])

    assert body_of(app, "/events").decode().splitlines() == [
        *("id: 1", 'data: {"fullName":"Bob","bornIn":1900}', ""),
        *("data: x", ""),
        *('data: {"fullName":"Bob","bornIn":1900}', ""),
    ]


def test_parameter_models_have_the_names_and_arguments_keep_theirs() -> None:
    query = "fullName=a&bornIn=1&page-no=2&more[fullName]=d&own_argument=7"
    headers = {"page-no": "3", "plain-header": "fullName,b", "cookie": "fullName=c"}
    assert json.loads(body_of(camel_parameters(), f"/parameters?{query}", **headers)) == [
        *("a", "b", "c", "d"),
        *(2, 3, 7),
    ]


def test_fields_of_forms_have_the_names() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    with camel_parameters().start() as handle:
        request = make_request("POST", "/form", headers=headers, body=b"fullName=ada")
        assert handle(request).body == b'"ada"'


def test_errors_have_the_names() -> None:
    wrong = {**SENT, "firstAuthor": {"full_name": "x"}, "otherAuthors": {"k": {"fullName": 1}}}
    status, problem = send(camel(), "/articles", wrong)
    assert (status, [each["pointer"] for each in problem["errors"]]) == (
        422,
        ["/firstAuthor/fullName", "/otherAuthors/k/fullName"],
    )


def test_two_applications_may_name_the_members_of_one_class_differently() -> None:
    first, second = Application(rename="camel"), Application(rename=str.upper)
    for app in (first, second):

        @app.get("/")
        def author() -> Author:
            return Author("ada")

    for _ in range(2):
        assert json.loads(body_of(first, "/")) == {"fullName": "ada", "bornIn": 1900}
        assert json.loads(body_of(second, "/")) == {"FULL_NAME": "ada", "BORN_IN": 1900}


# -- unknown members -------------------------------------------------------------------------------


@closed(False)
@attrs.frozen
class Lenient:
    page_no: int


class Forbidding(msgspec.Struct, forbid_unknown_fields=True):
    page_no: int


@attrs.frozen
class Holder:
    lenient: Lenient
    author: Author


def test_an_application_refuses_unknown_members_of_all_its_classes() -> None:
    app = Application(strict_members=True, rename="camel")

    @app.post("/")
    def take(holder: Json[Holder]) -> None: ...

    schemas = app.document()["components"]["schemas"]
    assert schemas["Author"]["additionalProperties"] is False
    assert schemas["Holder"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Lenient"]
    author = {"fullName": "ada", "born_in": 1}
    status, problem = send(app, "/", {"lenient": {"pageNo": 1, "more": 2}, "author": author})
    assert status == 422
    message = 'unknown member: did you mean "bornIn"?'
    assert problem["errors"] == [{"in": "body", "pointer": "/author/born_in", "message": message}]


def test_the_switch_may_be_in_the_settings_of_a_class_of_msgspec() -> None:
    app = Application()

    @app.post("/")
    def take(value: Forbidding) -> None: ...

    schema = app.document()["components"]["schemas"]["Forbidding"]
    assert schema["additionalProperties"] is False
    status, problem = send(app, "/", {"page_no": 1, "zzz": 2})
    assert (status, problem["errors"][0]["message"]) == (422, "unknown member")


def test_what_is_not_a_rule_is_refused() -> None:
    with pytest.raises(SignatureError, match="rename takes 'camel'"):
        Application(rename="snake")  # type: ignore[arg-type]
