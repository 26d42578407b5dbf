"""Classes of pydantic can be used wherever attrs classes can: as bodies, models and results."""

import datetime
import json
from typing import Any

import attrs
import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field

from photon_router import (
    Application,
    Created,
    DocumentError,
    Form,
    Json,
    Query,
    SignatureError,
    Submitted,
)
from photon_runtime.testing import HandlerResponse, send_request

FORM = {"content-type": "application/x-www-form-urlencoded"}


class NewUser(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1)
    email: str

    @pydantic.field_validator("email")
    @classmethod
    def _has_at(cls, value: str) -> str:
        if "@" not in value:
            raise ValueError("must have an @")
        return value


class User(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str


class Filters(BaseModel):
    page: int = Field(default=1, ge=1, description="Which.")
    page_size: int = Field(default=20, alias="page-size", le=100)
    since: datetime.date | None = None
    tags: list[str] = []
    url: pydantic.HttpUrl | None = None
    number: int = 0

    @pydantic.field_validator("number", mode="before")
    @classmethod
    def _thousands(cls, value: Any) -> Any:
        return value.replace("k", "000") if isinstance(value, str) else value

    @pydantic.field_validator("page")
    @classmethod
    def _not_thirteen(cls, value: int) -> int:
        if value == 13:
            raise ValueError("must not be 13")
        return value


def application() -> Application:
    app = Application()

    @app.post("/users")
    def create(user: NewUser) -> Created[User]:
        return Created(User(name=user.name), location="/users/1")

    @app.post("/many")
    def create_many(users: Json[list[NewUser]]) -> tuple[list[User], int]:
        return [User.model_validate(each, from_attributes=True) for each in users], 201

    @app.get("/filters")
    def filters(filters: Query[Filters]) -> Filters:
        return filters

    @app.post("/form")
    def form(filters: Form[Filters]) -> Filters:
        return filters

    @app.post("/submitted")
    def submitted(form: Submitted[NewUser]) -> dict[str, list[str]]:
        return {each.name: [each.message] for each in form.errors}

    return app


def send(method: str, path: str, body: object = None, **headers: str) -> HandlerResponse:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    kind = FORM if isinstance(body, bytes) else {"content-type": "application/json"}
    return send_request(application(), method, path, headers=kind, body=data)


def errors(response: HandlerResponse) -> list[tuple[str, str]]:
    assert response.status == 422
    return [
        (each.get("name", each.get("pointer")), each["message"])
        for each in response.json()["errors"]
    ]


def test_bodies_are_models_and_results_have_the_declared_members() -> None:
    response = send("POST", "/users", {"name": "a", "email": "a@b"})
    assert (response.status, response.json()) == (201, {"name": "a"})
    response = send("POST", "/many", [{"name": "a", "email": "a@b"}])
    assert (response.status, response.json()) == (201, [{"name": "a"}])


def test_all_errors_of_a_body_are_in_one_list() -> None:
    assert errors(send("POST", "/many", [{"name": "", "email": "a", "age": 1}])) == [
        ("/0/name", "must have at least 1 character"),
        ("/0/age", "unknown member"),
        ("/0/email", "must have an @"),
    ]


def test_models_of_parameters_are_read_like_other_classes() -> None:
    path = "/filters?page=2&page-size=5&since=2026-01-02&tags=a&tags=b&url=http://a&number=2k"
    assert send("GET", path).json() == {
        "page": 2,
        "page-size": 5,
        "since": "2026-01-02",
        "tags": ["a", "b"],
        "url": "http://a/",
        "number": 2000,
    }
    assert send("POST", "/form", b"page=2&tags=a&tags=b").json()["tags"] == ["a", "b"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/filters?"), ("POST", "/form")])
def test_errors_of_parameters_name_them(method: str, path: str) -> None:
    def refused(query: str) -> list[tuple[str, str]]:
        if method == "GET":
            return errors(send(method, path + query))
        return errors(send(method, path, query.encode()))

    assert refused("page=0&page-size=200&since=never") == [
        ("page", "must be >= 1"),
        ("page-size", "must be <= 100"),
        ("since", "expected a date, such as 2024-05-31"),
    ]
    assert refused("page=13&url=nowhere&number=many") == [
        ("page", "must not be 13"),
        ("url", "must be a valid URL, relative URL without a base"),
        ("number", "must be a valid integer, unable to parse string as an integer"),
    ]


def test_a_submitted_form_is_shown_again_with_the_errors_of_the_model() -> None:
    assert send("POST", "/submitted", b"name=a&email=a").json() == {"email": ["must have an @"]}
    assert send("POST", "/submitted", b"name=a&email=a@b").json() == {}


def test_the_document_describes_models() -> None:
    document = send("GET", "/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert schemas["NewUser"]["additionalProperties"] is False
    assert "User" in schemas
    parameters = document["paths"]["/filters"]["get"]["parameters"]
    page = next(each for each in parameters if each["name"] == "page")
    assert page["description"] == "Which."
    assert page["schema"] == {"type": "integer", "default": 1, "minimum": 1, "title": "Page"}
    url = next(each for each in parameters if each["name"] == "url")
    assert url["schema"]["type"] == "string"


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Users", "version": "1"},
    "paths": {
        "/users": {
            "post": {
                "operationId": "create",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/NewUser"}}
                    },
                },
                "responses": {
                    "201": {
                        "description": "Made.",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/User"}}
                        },
                    }
                },
            }
        }
    },
    "components": {
        "schemas": {
            "NewUser": {
                "type": "object",
                "required": ["name", "email"],
                "properties": {
                    "name": {"type": "string", "maxLength": 3},
                    "email": {"type": "string"},
                },
            },
            "User": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "bio": {"type": "string"}},
            },
        }
    },
}


def test_spec_first_the_document_decides_and_the_class_validates() -> None:
    class User(BaseModel):
        name: str
        bio: str | None = None

    app = Application(spec=DOCUMENT, validate_responses=True)

    @app.operation("create")
    def create(user: NewUser) -> User:
        return User(name=user.name)

    def post(body: object) -> HandlerResponse:
        return send_request(
            app,
            "POST",
            "/users",
            headers={"content-type": "application/json"},
            body=json.dumps(body).encode(),
        )

    response = post({"name": "a", "email": "a@b"})
    assert (response.status, response.json()) == (201, {"name": "a"})
    assert errors(post({"name": "long", "email": "a"})) == [
        ("/name", "must have at most 3 characters"),
        ("/email", "must have an @"),
    ]


def test_what_cannot_be_described_is_refused_at_registration_or_start() -> None:
    app = Application()

    @app.get("/")
    def handler() -> BaseModel:
        return BaseModel()

    with pytest.raises((SignatureError, DocumentError), match="name the model itself"):
        send_request(app, "GET", "/")


@attrs.frozen
class Public:
    name: str


@attrs.frozen
class Private:
    name: str
    secret: str


@pytest.mark.parametrize("value", [Private("a", "s"), {"name": "a", "secret": "s"}], ids=str)
@pytest.mark.parametrize("public", [Public, User])
def test_results_with_their_status_are_narrowed_too(public: Any, value: object) -> None:
    app = Application()

    def handler() -> Any:
        return value, 202

    handler.__annotations__["return"] = tuple[public, int]
    app.get("/")(handler)
    response = send_request(app, "GET", "/")
    assert (response.status, response.json()) == (202, {"name": "a"})


def test_converted_members_of_attrs_classes_are_checked_after_the_conversion() -> None:
    @attrs.frozen
    class Limits:
        limit: int = attrs.field(converter=int, validator=attrs.validators.ge(1))

    app = Application()

    @app.get("/")
    def limited(limits: Query[Limits]) -> int:
        return limits.limit

    assert send_request(app, "GET", "/?limit=5").json() == 5
    assert send_request(app, "GET", "/?limit=0").status == 422


def _object(required: str = "", **properties: object) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required.split()}


TEXT, NUMBER, TEXTS = {"type": "string"}, {"type": "integer"}, {"type": "array"}


class Computed(BaseModel):
    net: int

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def gross(self) -> int:
        return self.net * 2


class Directed(BaseModel):
    tag_list: list[str] = Field(validation_alias="tags", serialization_alias="tagList")


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Reading(BaseModel):
    number: int

    @pydantic.field_validator("number", mode="before")
    @classmethod
    def _read(cls, value: Any) -> int:
        return int(value)


class Missing(BaseModel):
    other: str


class Spelled(BaseModel):
    tag_list: list[str]


def served(cls: Any, received: object, sent: object) -> Application:
    """Return an application whose document has these schemas, spec first."""
    contents = [{"application/json": {"schema": each}} for each in (received, sent)]
    operation = {
        "operationId": "echo",
        "requestBody": {"required": True, "content": contents[0]},
        "responses": {"200": {"description": "The same.", "content": contents[1]}},
    }
    info = {"title": "Echo", "version": "1"}
    document = {"openapi": "3.1.0", "info": info, "paths": {"/": {"post": operation}}}
    app = Application(spec=document, validate_responses=True)

    def echo(value: Any) -> Any:
        return value

    echo.__annotations__ |= {"value": cls, "return": cls}
    app.operation("echo")(echo)
    return app


@pytest.mark.parametrize(
    ("cls", "received", "sent", "body", "result"),
    [
        (
            Computed,
            _object("net", net=NUMBER),
            _object("net gross", net=NUMBER, gross=NUMBER),
            {"net": 1},
            {"net": 1, "gross": 2},
        ),
        (
            Directed,
            _object("tags", tags=TEXTS),
            _object("tagList", tagList=TEXTS),
            {"tags": ["a"]},
            {"tagList": ["a"]},
        ),
        (
            Loose,
            {**_object("name bio", name=TEXT, bio=TEXT), "additionalProperties": NUMBER},
            _object("name bio", name=TEXT),
            {"name": "a", "bio": "b", "more": 1},
            {"name": "a", "bio": "b", "more": 1},
        ),
        (
            Reading,
            _object("number", number=TEXT),
            _object("number", number=NUMBER),
            {"number": "3"},
            {"number": 3},
        ),
    ],
)
def test_classes_fit_a_document_by_what_they_receive_and_send(
    cls: Any, received: object, sent: object, body: object, result: object
) -> None:
    response = send_request(
        served(cls, received, sent),
        "POST",
        "/",
        headers={"content-type": "application/json"},
        body=json.dumps(body).encode(),
    )
    assert (response.status, response.json()) == (200, result)


@pytest.mark.parametrize(
    ("cls", "schema", "text"),
    [
        (Missing, _object("name", name=TEXT), "Missing has no member for 'name'"),
        (Spelled, _object("tagList", tagList=TEXTS), "it has 'tag_list'"),
        (Computed, _object("net", net=TEXT), "the document has string, and the code integer"),
    ],
)
def test_classes_that_cannot_fit_a_document_are_refused_at_start(
    cls: Any, schema: object, text: str
) -> None:
    with pytest.raises(DocumentError, match=text):
        send_request(served(cls, schema, schema), "POST", "/")
