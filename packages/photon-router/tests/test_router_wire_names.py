"""The property: a member with a name on the wire has it everywhere, and its own name in Python."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import attrs
import pytest

from photon_router import Application, Created, Form, Json, Param, Query
from photon_router.errors import DocumentError
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
            "price": {"type": "object", "properties": {"inCents": {"type": "integer"}}},
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
