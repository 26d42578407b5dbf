"""The property: spec first, the document and the classes of handlers are compared at start.

What is known not to fit is refused with its place, and members that are only spelled otherwise are
received and sent by the names of the document.
"""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Annotated, Any, Never, NoReturn, TypedDict
from uuid import UUID

import attrs
import msgspec
import pytest

from photon_router import (
    Application,
    Created,
    CurrentUser,
    Depends,
    DocumentError,
    Form,
    Json,
    Query,
    Status,
)
from photon_router.security import ANONYMOUS, BearerToken
from photon_runtime.testing import make_request

TEXT = {"type": "string"}
ARTICLE = {
    "type": "object",
    "required": ["title"],
    "additionalProperties": False,
    "properties": {
        "title": TEXT,
        "tagList": {"type": "array", "items": TEXT},
        "author": {"$ref": "#/components/schemas/Author"},
    },
}
AUTHOR = {"type": "object", "required": ["fullName"], "properties": {"fullName": TEXT}}


@attrs.frozen
class Author:
    full_name: str


@attrs.frozen
class Article:
    title: str
    tag_list: list[str] = attrs.field(factory=list)
    author: Author | None = None


@dataclasses.dataclass
class DataAuthor:
    full_name: str


@dataclasses.dataclass
class Data:
    title: str
    tag_list: list[str] = dataclasses.field(default_factory=list)
    author: DataAuthor | None = None


class StructAuthor(msgspec.Struct):
    full_name: str


class Struct(msgspec.Struct):
    title: str
    tag_list: list[str] = []
    author: StructAuthor | None = None


class KeysAuthor(TypedDict):
    full_name: str


class Keys(TypedDict, total=False):
    title: str
    tag_list: list[str]
    author: KeysAuthor


PAGE = {"200": {"description": "A page.", "content": {"text/html": {"schema": TEXT}}}}


class Plain:
    """A class without a form in JSON."""

    title: str


def spec_first(
    handler: Any,
    *,
    schema: Any = None,
    media: str = "application/json",
    status: str = "200",
    response: Any = None,
    **operation: Any,
) -> Application:
    schema = {"$ref": "#/components/schemas/Article"} if schema is None else schema
    content = {media: {"schema": schema}}
    sent = {"application/json": {"schema": schema if response is None else response}}
    declared = {
        "operationId": "save",
        "requestBody": {"required": True, "content": content},
        "responses": {status: {"description": "It.", "content": sent}},
    }
    app = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {"/articles": {"post": {**declared, **operation}}},
            "components": {"schemas": {"Article": ARTICLE, "Author": AUTHOR}},
        },
        validate_responses=True,
    )
    app.operation("save")(handler)
    return app


def problems(app: Application) -> list[str]:
    with pytest.raises(DocumentError) as caught, app.start():
        pass
    return list(caught.value.problems)


def post(app: Application, value: Any, target: str = "/articles") -> tuple[int, Any]:
    body = msgspec.json.encode(value)
    request = make_request("POST", target, headers={"content-type": "application/json"}, body=body)
    with app.start() as handle:
        response = handle(request)
    assert isinstance(response.body, bytes)
    return response.status, msgspec.json.decode(response.body)


SENT = {"title": "a", "tagList": ["x"], "author": {"fullName": "Ada"}}


@pytest.mark.parametrize("cls", [Article, Data, Struct, Keys])
def test_members_have_the_names_of_the_document_in_and_out(cls: Any) -> None:
    received = []

    def save(article: Any) -> Any:
        received.append(article)
        return article

    save.__annotations__ |= {"article": cls, "return": cls}
    if cls is Keys:  # it need not have the member that the document requires
        save.__annotations__["return"] = dict[str, Any]
        app = spec_first(save, response={"type": "object"})
        assert post(app, SENT)[0] == 200
        assert received == [{"title": "a", "tag_list": ["x"], "author": {"full_name": "Ada"}}]
        return
    assert post(spec_first(save), SENT) == (200, SENT)
    assert received[0].tag_list == ["x"]
    assert received[0].author.full_name == "Ada"


def test_errors_and_unknown_members_have_the_names_of_the_document() -> None:
    @attrs.frozen
    class Marked:
        first_id: UUID

    def save(marked: Json[Marked]) -> str:
        return str(marked.first_id)

    ids = {"type": "string", "pattern": "."}
    schema = {"type": "object", "required": ["firstId"], "properties": {"firstId": ids}}
    app = spec_first(save, schema=schema, response=TEXT)
    status, problem = post(app, {"firstId": "b"})
    assert status == 422
    assert [each["pointer"] for each in problem["errors"]] == ["/firstId"]
    # What the document does not have cannot take the place of what it has.
    one, other = str(UUID(int=1)), str(UUID(int=2))
    assert post(app, {"firstId": one, "first_id": other}) == (200, one)


def test_a_union_and_a_list_have_the_names_of_the_document() -> None:
    def save(articles: Json[list[Article | Author]]) -> list[Article | Author]:
        return articles

    either = [{"$ref": "#/components/schemas/Article"}, {"$ref": "#/components/schemas/Author"}]
    app = spec_first(save, schema={"type": "array", "items": {"anyOf": either}})
    values = [{"title": "a", "tagList": ["b"]}, {"fullName": "c"}]
    assert post(app, values) == (200, values)


def test_forms_have_the_names_of_the_document() -> None:
    def save(author: Form[Author]) -> Author:
        return author

    media = "application/x-www-form-urlencoded"
    app = spec_first(
        save, schema={"$ref": "#/components/schemas/Author"}, media=media, response=AUTHOR
    )
    headers = {"content-type": media}
    with app.start() as handle:
        response = handle(make_request("POST", "/articles", headers=headers, body=b"fullName=A"))
    assert response.body == b'{"fullName":"A"}'


@pytest.mark.parametrize(
    ("field", "annotation", "expected"),
    [
        ({"type": "integer", "default": 3}, "Form[int]", (200, 3)),
        ({"type": "integer", "default": 3}, "Form[int | None]", (200, 3)),
        (
            {**TEXT, "format": "date", "default": "2020-01-31"},
            "Form[datetime.date]",
            (200, [2020, 1, 31]),
        ),
        (TEXT, "Form[str | None]", (200, None)),
        (TEXT, "Form[str]", (422, None)),
    ],
)
def test_a_missing_field_of_a_form_has_the_default_of_the_document(
    field: Any, annotation: str, expected: tuple[int, Any]
) -> None:
    def save(title: Form[str], size: Any) -> dict[str, Any]:
        if isinstance(size, datetime.date):
            return {"size": [size.year, size.month, size.day]}
        return {"size": size}

    save.__annotations__["size"] = annotation
    media = "application/x-www-form-urlencoded"
    schema = {"type": "object", "properties": {"title": TEXT, "size": field}}
    app = spec_first(save, schema=schema, media=media, response={"type": "object"})
    headers = {"content-type": media}
    with app.start() as handle:
        response = handle(make_request("POST", "/articles", headers=headers, body=b"title=a"))
    assert isinstance(response.body, bytes)
    answer = msgspec.json.decode(response.body)
    assert (response.status, answer.get("size")) == expected


def test_a_result_that_is_an_object_is_json_in_a_range_of_media_types() -> None:
    def save(article: Json[Article]) -> Article:
        return article

    def plain(article: Json[Article]) -> dict[str, Any]:
        return {"title": article.title}

    def text(article: Json[Article]) -> str:
        return article.title

    content = {"*/*": {"schema": {"$ref": "#/components/schemas/Article"}}}
    responses = {"200": {"description": "It.", "content": content}}
    assert post(spec_first(save, responses=responses), SENT) == (200, SENT)
    assert post(spec_first(plain, responses=responses), SENT) == (200, {"title": "a"})
    responses = {"200": {"description": "It.", "content": {"*/*": {}}}}
    request = make_request(
        "POST",
        "/articles",
        headers={"content-type": "application/json"},
        body=msgspec.json.encode(SENT),
    )
    with spec_first(text, responses=responses).start() as handle:
        response = handle(request)
    assert response.content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("annotation", "media", "message"),
    [
        (Article, "text/csv", "the result must be str or bytes to be sent as text/csv"),
        (dict[str, Any], "application/pdf", "the result must be str or bytes"),
        (list[str] | int | None, "text/html", "the result must be str or bytes"),
        (Iterator[Article], "application/json", "the items of the stream must be str or bytes"),
        (str | Article, "text/csv", None),
        (Iterator[bytes], "application/json", None),
        (bytes, "image/*", "image/* does not say which type a bytes is sent as"),
        (Any, "image/*", None),
        (bytes, "application/*", None),
        (str, "text/*", None),
        (bytes, "application/pdf", None),
        (Never, "application/json", None),
        (NoReturn, "text/csv", None),
        (Any, "text/csv", None),
    ],
)
def test_a_result_that_cannot_have_its_media_type_is_refused(
    annotation: Any, media: str, message: str | None
) -> None:
    def save(article: Json[Article]) -> Any:
        raise AssertionError

    save.__annotations__["return"] = annotation
    responses = {"200": {"description": "It.", "content": {media: {}}}}
    app = spec_first(save, responses=responses)
    if message is None:
        with app.start():
            pass
    else:
        (problem,) = problems(app)
        assert message in problem


def test_all_problems_are_listed_with_their_places() -> None:
    @attrs.frozen
    class Wrong:
        titel: str
        tag_list: list[int] = attrs.field(factory=list)
        author: str = ""

    def save(article: Json[Wrong]) -> Wrong:
        return article

    found = problems(spec_first(save))
    assert all(each.startswith("save: ") for each in found)
    received = [each for each in found if "argument 'article' of" in each]
    text = "\n".join(received)
    assert "/components/schemas/Article: " in text
    assert "test_router_both_sides.py" in text
    assert "Wrong has no member for 'title'" in text
    assert "it has 'titel'" in text
    assert "Wrong.titel is required" in text
    assert "/components/schemas/Article/properties/tagList/items: " in text
    assert "(at /components/schemas/Article/properties/author)" in text
    assert any("the result of" in each and "'title', which the doc" in each for each in found)


@pytest.mark.parametrize(
    ("annotations", "operation", "message"),
    [
        ({"article": Json[Plain]}, {}, "has no form in JSON"),
        ({"article": Plain}, {}, "has no form in JSON"),
        ({"return": Plain}, {}, "has no form in JSON"),
        ({"return": None}, {}, "the code has null, and the document object"),
        ({"return": None}, {"responses": PAGE}, "the handler returns None"),
        ({"return": None}, {"responses": {"204": {"description": "Done."}}}, None),
        ({"return": None}, {"response": {}}, None),
        ({"return": Author}, {}, "Author has no member for 'title', which the document requires"),
        ({"return": list[Article]}, {}, "the code has array, and the document object"),
        ({"return": Article | None}, {}, "the code has null"),
        ({"return": tuple[str, int]}, {}, None),
        ({"return": Created[Author]}, {"status": "201"}, "no member for 'title'"),
        (
            {"return": Article | Any},
            {},
            None,
        ),
    ],
    ids=str,
)
def test_what_can_never_work_is_refused_at_start(
    annotations: dict[str, Any], operation: dict[str, Any], message: str | None
) -> None:
    def save(article: Any) -> Any:
        return article

    save.__annotations__ |= annotations
    app = spec_first(save, **operation)
    if message is None:
        with app.start():
            return
    assert message in "\n".join(problems(app))


def test_results_with_statuses_and_streams_are_compared() -> None:

    def save(article: Any) -> Annotated[Author, Status(409)] | Article:
        return Article(str(article))

    conflict = {"application/json": {"schema": {"$ref": "#/components/schemas/Article"}}}
    responses = {"200": {"description": "It.", "content": conflict}}
    responses |= {"409": {"description": "No.", "content": conflict}}
    [problem, _] = problems(spec_first(save, responses=responses))
    assert "Author has no member for 'title'" in problem

    def stream(article: Any) -> Iterator[Author]:
        yield article

    lines = {"application/jsonl": {"x-item-schema": {"$ref": "#/components/schemas/Article"}}}
    responses = {"200": {"description": "It.", "content": lines}}
    [problem, _] = problems(spec_first(stream, responses=responses))
    assert "Author has no member for 'title'" in problem


@pytest.mark.parametrize(
    ("schema", "annotation", "message"),
    [
        ({"type": "integer"}, int, None),
        ({"type": "integer"}, str, None),
        (TEXT, int, "the document has string, and the code integer"),
        ({"type": "array", "items": TEXT}, str, "takes one value"),
        ({"enum": ["a", "b"]}, str, None),
    ],
)
def test_parameters_are_compared(schema: Any, annotation: Any, message: str | None) -> None:
    def save(article: Any, limit: Any = None) -> Any:
        return limit

    save.__annotations__ |= {"limit": annotation | None}
    parameter = {"name": "limit", "in": "query", "schema": schema}
    app = spec_first(save, parameters=[parameter])
    if message is None:
        with app.start():
            return
    [problem] = problems(app)
    assert problem.startswith("save: argument 'limit' of ")
    assert message in problem


def test_the_members_of_a_parameter_model_are_compared() -> None:
    @attrs.frozen
    class Page:
        page_size: int = 10

    def save(article: Any, page: Query[Page]) -> Any:
        return page.page_size

    parameter = {"name": "pageSize", "in": "query", "schema": TEXT}
    [problem] = problems(spec_first(save, parameters=[parameter]))
    assert problem.startswith("save: argument 'page.page_size' of ")


def test_an_argument_that_no_operation_fills_is_refused() -> None:
    def page(limt: int = 3, size: int = 4) -> int:
        return limt + size

    def save(article: Any, page: int = Depends(page)) -> Any:
        return page

    schema = {"type": "integer"}
    names = ("limit", "size")
    parameters = [{"name": name, "in": "query", "schema": schema} for name in names]
    [problem] = problems(spec_first(save, parameters=parameters))
    assert "argument 'limt' of" in problem
    assert "it would always have its default" in problem
    assert "the nearest is 'limit'" in problem


def test_security_is_added_in_code_and_shown_by_the_document() -> None:
    def save(article: Any, user: CurrentUser[str | None]) -> Any:
        return user

    [problem] = problems(spec_first(save))
    assert "the user would always be None" in problem
    app = spec_first(lambda article: None)
    app = Application(spec={**app.document(), "components": SCHEMES}, validate_responses=False)
    app.security("token", BearerToken(lambda token: token if token == "t" else None))
    app.operation("save", security=["token", ANONYMOUS])(save)
    operation = app.document()["paths"]["/articles"]["post"]
    assert operation["security"] == [{"token": []}, {}]
    headers = {"content-type": "application/json", "authorization": "Bearer t"}
    body = b'{"title": "a"}'
    with app.start() as handle:
        assert handle(make_request("POST", "/articles", headers=headers, body=body)).body == b'"t"'
        del headers["authorization"]
        assert handle(make_request("POST", "/articles", headers=headers, body=body)).body == b"null"


SCHEMES = {
    "schemas": {"Article": ARTICLE, "Author": AUTHOR},
    "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
}
