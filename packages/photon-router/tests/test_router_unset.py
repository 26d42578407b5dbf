"""Partial updates: members that were not sent, by `UNSET` and by `TypedDict`."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any, NotRequired, Required, TypedDict

import attrs
import msgspec
import pytest
from msgspec import UNSET, UnsetType

from photon_router import Application, Form, Json, Param, Query, Submitted
from photon_runtime.testing import make_request

FORM = {"content-type": "application/x-www-form-urlencoded"}


def is_even(_: object, __: object, value: int | UnsetType) -> None:
    if value is not UNSET and value % 2:
        raise ValueError("must be even")


@attrs.frozen
class Attrs:
    zip_code: str | UnsetType | None = UNSET
    count: int | UnsetType = UNSET


@dataclasses.dataclass
class Data:
    zip_code: str | UnsetType | None = UNSET
    count: int | UnsetType = UNSET


class Struct(msgspec.Struct):
    zip_code: str | UnsetType | None = UNSET
    count: int | UnsetType = UNSET


class Typed(TypedDict, total=False):
    zip_code: str | None
    count: int


class Mixed(TypedDict, total=False):
    id: Required[int]
    count: int


class Named(TypedDict):
    id: int
    count: NotRequired[int]


@attrs.frozen
class Constrained:
    low: Annotated[int | UnsetType, Param(ge=3, name="lowest")] = UNSET
    high: Annotated[int, Param(le=3)] | UnsetType = UNSET
    even: int | UnsetType = attrs.field(default=UNSET, validator=is_even)
    inner: list[Attrs] | UnsetType = UNSET


@attrs.frozen
class Fields:
    text: str | UnsetType | None = UNSET
    count: Annotated[int | UnsetType, Param(ge=3)] = UNSET
    many: list[int] | UnsetType = UNSET


def application(type_: Any, **options: Any) -> tuple[Application, list[Any]]:
    app = Application(**options)
    taken: list[Any] = []

    def change(changes: Any) -> Any:
        taken.append(changes)
        return changes

    change.__annotations__ = {"changes": Json[type_], "return": type_}  # type: ignore[misc]  # computed
    app.patch("/")(change)
    return app, taken


def send(app: Application, body: object) -> tuple[int, Any]:
    with app.start() as handle:
        response = handle(make_request("PATCH", "/", json=body))
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("cls", [Attrs, Data, Struct, Typed])
@pytest.mark.parametrize("rule", [None, "camel"])
def test_absent_null_and_present_members_are_distinguished(cls: Any, rule: Any) -> None:
    name = "zip_code" if rule is None else "zipCode"
    app, taken = application(cls, rename=rule)
    schema = app.document()["components"]["schemas"][cls.__name__]
    assert schema["properties"] == {
        name: {"type": ["string", "null"]},
        "count": {"type": "integer"},
    }
    assert "required" not in schema
    for body in ({}, {name: None}, {name: "1", "count": 2}, {"count": 2}):
        assert send(app, body) == (200, body)
    expected: list[dict[str, Any]] = [
        {},
        {"zip_code": None},
        {"zip_code": "1", "count": 2},
        {"count": 2},
    ]
    assert taken == (expected if cls is Typed else [cls(**each) for each in expected])
    assert send(app, {"count": None})[0] == 422


@pytest.mark.parametrize("cls", [Mixed, Named])
def test_required_keys_stay_required(cls: Any) -> None:
    app, _ = application(cls)
    assert send(app, {"id": 1}) == (200, {"id": 1})
    assert send(app, {"count": 1})[0] == 422


def test_constraints_and_validators_are_those_of_values_that_are_present() -> None:
    app, taken = application(Constrained)
    assert send(app, {}) == (200, {})
    assert taken == [Constrained()]
    body = {"lowest": 3, "high": 3, "even": 2, "inner": [{"count": 1}, {}]}
    assert send(app, body) == (200, body)
    status, problem = send(app, {"lowest": 2, "high": 4, "even": 1, "inner": [{"count": "x"}]})
    assert status == 422
    pointers = [each["pointer"] for each in problem["errors"]]
    assert pointers == ["/lowest", "/high", "/even", "/inner/0/count"]


def test_a_loaded_document_decides_what_may_be_absent() -> None:
    content = {"application/json": {"schema": {"type": "object", "minProperties": 1}}}
    responses = {"200": {"description": "Done.", "content": content}}
    body = {"required": True, "content": content}
    operation = {"operationId": "change", "requestBody": body, "responses": responses}
    app = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "paths": {"/": {"patch": operation}},
        }
    )

    @app.operation("change")
    def change(changes: Json[Attrs]) -> Attrs:
        return changes

    assert send(app, {"count": 2}) == (200, {"count": 2})
    assert send(app, {})[0] == 422


def test_parameters_and_forms_may_be_unset() -> None:
    app = Application()
    taken: list[Any] = []

    @app.get("/")
    def read(fields: Query[Fields], one: Query[int | UnsetType] = UNSET) -> None:
        taken.append((fields, one))

    @app.post("/form")
    def form(fields: Form[Fields]) -> None:
        taken.append(fields)

    @app.post("/submitted")
    def submitted(fields: Submitted[Fields]) -> None:
        taken.append(fields.value)

    with app.start() as handle:
        assert handle(make_request("GET", "/")).status == 204
        assert handle(make_request("GET", "/?text=a&count=3&many=1&one=2")).status == 204
        assert handle(make_request("GET", "/?count=2")).status == 422
        assert handle(make_request("POST", "/form", headers=FORM, body=b"count=3")).status == 204
        request = make_request("POST", "/submitted", headers=FORM, body=b"text=&count=4&many=1")
        assert handle(request).status == 204
    assert taken == [
        (Fields(), UNSET),
        (Fields("a", 3, [1]), 2),
        Fields(count=3),
        Fields(None, 4, [1]),
    ]
