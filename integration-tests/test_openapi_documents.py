"""Whole documents, written as people write them, served spec first and exported code first."""

import datetime
import decimal
import enum
import importlib
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import pytest
import yaml

from photon import Body, Cookie, Depends, Header, Json, Param, Photon, Query, Response
from photon_runtime.testing import send_request


def ask(
    app: Photon, method: str, target: str, body: object = None, **headers: str
) -> tuple[int, Any]:
    """Return status and content of an answer; a body is sent as JSON."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    sent: dict[str, Any] = {} if body is None else {"json": body}
    response = send_request(app, method, target, headers=named, **sent)
    return response.status, response.json() if response.body else None


def faults(answer: tuple[int, Any]) -> list[tuple[str, str]]:
    """Return place and name of every fault of a refusal."""
    status, document = answer
    assert status == 422
    return [(each["in"], each.get("name", each.get("pointer"))) for each in document["errors"]]


LIBRARY = """\
# A library as somebody would describe it, in the plain style.
openapi: 3.1.0
info:
  title: Library
  version: 1.10.0
  description: Books, loans, and opening hours since 2024-01-01.
servers:
  - url: https://{host}/{stage}/library/
    variables:
      host: {default: api.example.org}
      stage: {default: v2, enum: [v1, v2]}
tags: [{name: books}, {name: loans}]
paths:
  /books:
    get:
      operationId: listBooks
      tags: [books]
      parameters:
        - $ref: '#/components/parameters/PageSize'
        - name: genre
          in: query
          schema: {type: array, items: {$ref: '#/components/schemas/Genre'}}
        - name: publishedAfter
          in: query
          schema: {type: string, format: date}
        - name: shelves
          in: query
          explode: false
          schema: {type: array, items: {type: integer, minimum: 1}, maxItems: 3}
      responses:
        200: {$ref: '#/components/responses/Books'}
    post:
      operationId: addBook
      requestBody: {$ref: '#/components/requestBodies/Book'}
      responses:
        default: {description: The book.}
  /books/{isbn}:
    parameters:
      - {name: isbn, in: path, required: true, schema: {type: string, pattern: '^[0-9]{13}$'}}
      - {name: If-None-Match, in: header, schema: {type: string}}
    get:
      operationId: getBook
      responses:
        200: {description: The book.}
        404: {description: There is none.}
    delete:
      operationId: removeBook
      parameters:
        - {name: If-None-Match, in: header, required: true, schema: {type: integer}}
      responses:
        204: {description: Done.}
  /books/latest:
    get:
      operationId: getLatest
      responses: {200: {description: The newest book.}}
  /books/{isbn}/pages/{from}-{to}:
    get:
      operationId: readPages
      parameters:
        - {name: isbn, in: path, required: true, schema: {type: string}}
        - {name: from, in: path, required: true, schema: {type: integer}}
        - {name: to, in: path, required: true, schema: {type: integer}}
      responses: {200: {description: The pages.}}
  /loans: {$ref: '#/components/pathItems/Loans'}
components:
  pathItems:
    Loans:
      put:
        operationId: lend
        parameters:
          - {name: sessionId, in: cookie, required: true, schema: {type: string, format: uuid}}
          - {name: X-Request-ID, in: header, schema: {type: string}}
        requestBody:
          required: true
          content:
            application/json:
              schema:
                type: object
                required: [book, on]
                properties:
                  book: {$ref: '#/components/schemas/Book'}
                  on: {type: string, format: date, examples: [2024-05-31]}
                  no: {type: [integer, 'null']}
        responses: {200: {description: The loan.}}
  parameters:
    PageSize:
      {name: page-size, in: query, schema: {type: integer, minimum: 1, maximum: 100, default: 20}}
  requestBodies:
    Book:
      required: true
      content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}}
  responses:
    Books:
      description: Some books.
      content:
        application/json:
          schema: {type: array, items: {$ref: '#/components/schemas/Book'}}
  schemas:
    Genre: {type: string, enum: [novel, poetry, on, no]}
    Author:
      type: object
      required: [name]
      properties:
        name: {type: string, minLength: 1}
        pupils: {type: array, items: {$ref: '#/components/schemas/Author'}}
    Book:
      type: object
      required: [isbn, author]
      properties:
        isbn: {type: string, pattern: '^[0-9]{13}$'}
        author: {$ref: '#/components/schemas/Author'}
        price: {type: string, pattern: '^[0-9]+\\.[0-9]{2}$'}
        genre: {$ref: '#/components/schemas/Genre'}
      additionalProperties: false
"""


class Genre(enum.Enum):
    NOVEL = "novel"
    POETRY = "poetry"
    ON = "on"
    NO = "no"


@attrs.frozen
class Author:
    name: str
    pupils: "list[Author]" = attrs.Factory(list)


@attrs.frozen
class Book:
    isbn: str
    author: Author
    price: decimal.Decimal = decimal.Decimal(0)
    genre: Genre = Genre.NOVEL


@attrs.frozen
class Loan:
    book: Book
    on: datetime.date
    no: int | None = None


ISBN = "9780000000001"
BOOK = {"isbn": ISBN, "author": {"name": "Ada", "pupils": [{"name": "Bo"}]}, "price": "12.50"}


def library(spec: Path) -> Photon:
    app = Photon(spec=spec)

    @app.operation("listBooks")
    def list_books(
        genre: list[Genre] | None = None,
        published_after: datetime.date | None = None,
        shelves: tuple[int, ...] = (),
        *,
        page_size: int,
    ) -> list[object]:
        return [genre, published_after, shelves, page_size]

    @app.operation("addBook")
    def add_book(book: Book) -> Book:
        return book

    @app.operation("getBook")
    def get_book(isbn: str, if_none_match: str = "none") -> list[str]:
        return [isbn, if_none_match]

    @app.operation("removeBook")
    def remove_book(isbn: str, if_none_match: int) -> None:
        assert isinstance(if_none_match, int)

    @app.operation("getLatest")
    def get_latest() -> str:
        return "latest"

    @app.operation("readPages")
    def read_pages(isbn: str, begin: Annotated[int, Param(name="from")], to: int) -> list[object]:
        return [isbn, begin, to]

    @app.operation("lend")
    def lend(loan: Loan, session_id: uuid.UUID, x_request_id: str = "") -> list[object]:
        return [loan, session_id, x_request_id]

    return app


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "library.yaml"
    file.write_text(LIBRARY, encoding="utf-8")
    return file


# Spec first


def test_a_document_is_loaded_as_it_was_meant(spec: Path) -> None:
    document = library(spec).document()
    assert document["info"]["version"] == "1.10.0"
    assert document["components"]["schemas"]["Genre"]["enum"] == ["novel", "poetry", "on", "no"]
    loan = document["components"]["pathItems"]["Loans"]["put"]["requestBody"]
    members = loan["content"]["application/json"]["schema"]["properties"]
    assert list(members) == ["book", "on", "no"]
    assert members["on"]["examples"] == ["2024-05-31"]
    assert list(document["paths"]["/books"]["get"]["responses"]) == ["200"]


def test_parameters_have_their_types_and_names_in_python(spec: Path) -> None:
    app = library(spec)
    target = "/v2/library/books?genre=on&genre=no&publishedAfter=2024-05-31&shelves=3,1"
    assert ask(app, "GET", target) == (200, [["on", "no"], "2024-05-31", [3, 1], 20])
    assert ask(app, "GET", "/v2/library/books?page-size=5") == (200, [None, None, [], 5])
    wrong = "/v2/library/books?genre=on&genre=yes&publishedAfter=x&shelves=1,2,3,0&page-size=101"
    assert sorted(set(faults(ask(app, "GET", wrong)))) == [
        ("query", "genre"),
        ("query", "page-size"),
        ("query", "publishedAfter"),
        ("query", "shelves"),
    ]


def test_paths_are_told_apart(spec: Path) -> None:
    app = library(spec)
    assert ask(app, "GET", "/v2/library/books/latest") == (200, "latest")
    assert ask(app, "GET", f"/v2/library/books/{ISBN}") == (200, [ISBN, "none"])
    assert ask(app, "GET", "/v2/library/books/x/pages/3-14") == (200, ["x", 3, 14])
    assert faults(ask(app, "GET", "/v2/library/books/x/pages/3-b")) == [("path", "to")]
    assert ask(app, "GET", f"/books/{ISBN}")[0] == 404
    status, _ = ask(app, "PATCH", f"/v2/library/books/{ISBN}")
    assert status == 405


def test_an_operations_parameter_replaces_its_paths(spec: Path) -> None:
    app, target = library(spec), f"/v2/library/books/{ISBN}"
    assert ask(app, "GET", target, if_none_match="tag") == (200, [ISBN, "tag"])
    assert ask(app, "DELETE", target, if_none_match="7") == (204, None)
    assert faults(ask(app, "DELETE", target, if_none_match="tag")) == [("header", "If-None-Match")]
    assert faults(ask(app, "DELETE", "/v2/library/books/7")) == [
        ("path", "isbn"),
        ("header", "If-None-Match"),
    ]


def test_a_body_keeps_to_the_document_at_every_depth(spec: Path) -> None:
    app = library(spec)
    status, answer = ask(app, "POST", "/v2/library/books", BOOK)
    assert (status, answer["author"]["pupils"][0]["name"], answer["price"]) == (200, "Bo", "12.50")
    wrong = {
        "isbn": "7",
        "author": {"name": "", "pupils": [{"name": "ok"}, {"pupils": []}]},
        "price": "12.5",
        "genre": True,
        "colour": "red",
    }
    found = {pointer for _, pointer in faults(ask(app, "POST", "/v2/library/books", wrong))}
    assert found == {
        "/isbn",
        "/author/name",
        "/author/pupils/1/name",
        "/price",
        "/genre",
        "/colour",
    }


def test_a_path_item_by_reference_has_a_body_a_cookie_and_a_header(spec: Path) -> None:
    app, key = library(spec), str(uuid.UUID(int=7))
    body = {"book": BOOK, "on": "2024-05-31", "no": None}
    sent = {"cookie": f"sessionId={key}", "x_request_id": "r1"}
    status, [loan, session, request_id] = ask(app, "PUT", "/v2/library/loans", body, **sent)
    assert (status, loan["on"], session, request_id) == (200, "2024-05-31", key, "r1")
    assert faults(ask(app, "PUT", "/v2/library/loans")) == [
        ("body", ""),
        ("cookie", "sessionId"),
    ]


def test_the_same_document_in_json_serves_the_same(spec: Path, tmp_path: Path) -> None:
    as_json = tmp_path / "library.json"
    as_json.write_text(json.dumps(library(spec).document()), encoding="utf-8")
    assert library(as_json).document() == library(spec).document()
    target = "/v2/library/books?genre=on"
    assert ask(library(as_json), "GET", target) == ask(library(spec), "GET", target)


def changed(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert text.count(old) == 1, old
        return text.replace(old, new)

    return change


def both(first: Callable[[str], str], second: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: second(first(text))


KEY = "{type: apiKey, in: header, name: X-Key}"

MISTAKES = {
    "lost handler": (
        changed("operationId: getBook", "operationId: readBook"),
        ["readBook: the operation has no handler", "the document has no operation 'getBook'"],
    ),
    "dangling reference": (
        changed("responses/Books'}", "responses/Boooks'}"),
        ["/paths/~1books/get/responses/200/$ref: '#/components/responses/Boooks' does not exist"],
    ),
    "remote reference": (
        changed("'#/components/requestBodies/Book'", "'common.yaml#/Book'"),
        ["/paths/~1books/post/requestBody/$ref: 'common.yaml#/Book' is outside of the document"],
    ),
    "duplicate operationId": (
        changed("operationId: getLatest", "operationId: listBooks"),
        [
            "/paths/~1books~1latest/get/operationId: 'listBooks' is already used by"
            " /paths/~1books/get"
        ],
    ),
    "undeclared parameter": (
        changed("        - {name: to, in: path, required: true, schema: {type: integer}}\n", ""),
        ["/paths/~1books~1{isbn}~1pages~1{from}-{to}/get/parameters: the path parameter 'to'"],
    ),
    "undeclared scheme": (
        changed("tags: [{name: books}", "security: [{apiKey: []}]\ntags: [{name: books}"),
        ["/security/0: 'apiKey' is not declared"],
    ),
    "unverified scheme": (
        both(
            changed("listBooks\n      tags", "listBooks\n      security: [{key: []}]\n      tags"),
            changed("components:\n", f"components:\n  securitySchemes: {{key: {KEY}}}\n"),
        ),
        ["listBooks: requires key, which nothing verifies"],
    ),
    "wrong schema": (
        changed("type: integer, minimum: 1, maximum: 100", "type: integer, minimum: one"),
        ["/components/parameters/PageSize/schema/minimum: must be of type number"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_document_is_told_with_its_place(spec: Path, mistake: str) -> None:
    change, told = MISTAKES[mistake]
    spec.write_text(change(LIBRARY), encoding="utf-8")
    with pytest.raises(Exception, match="the application cannot start") as caught:
        ask(library(spec), "GET", "/")
    for part in told:
        assert part in str(caught.value)


def test_all_mistakes_in_a_document_are_told_at_once(spec: Path) -> None:
    text = LIBRARY
    wanted: list[str] = []
    for name, (change, told) in MISTAKES.items():
        if name != "wrong schema":
            text = change(text)
            wanted += told
    spec.write_text(text, encoding="utf-8")
    with pytest.raises(Exception, match="the application cannot start") as caught:
        ask(library(spec), "GET", "/")
    assert [part for part in wanted if part not in str(caught.value)] == []


# Code first


@attrs.frozen
class Leaf:
    """A leaf."""

    key: uuid.UUID
    grown: datetime.timedelta = datetime.timedelta()
    kind: Literal["round", "long"] = "round"


@attrs.frozen
class Tree:
    """A tree, which may hold trees."""

    name: Annotated[str, Param(pattern="^[A-Z]", description="What it is called.")]
    planted: datetime.datetime
    price: decimal.Decimal
    height: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    leaves: list[Leaf] = attrs.Factory(list)
    either: Leaf | Genre | None = None
    above: "Tree | None" = None
    labels: dict[str, int] = attrs.Factory(dict)


def forest() -> Photon:  # noqa: C901 - many small handlers
    """An application that uses everything that can be written into a document."""
    app = Photon(
        title="Forest: größer",
        version="2",
        description="*Everything*.",
        servers=["https://example.com/v1", "/v1"],
        tags=["forest"],
    )

    def connection() -> Iterator[str]:
        yield "connection"

    def visitor(
        token: Header[str], db: Annotated[str, Depends(connection)], seen: Cookie[int] = 0
    ) -> str:
        return f"{token} {db} {seen}"

    @app.get("/trees", tags=["trees"], deprecated=True, responses={404: "no such forest"})
    def list_trees(
        page: Query[Annotated[int, Param(ge=1, name="page-no", description="Which.")]] = 1,
        kinds: tuple[Genre, ...] = (),
        since: datetime.date | None = None,
        until: datetime.time = datetime.time(12),
        price: Annotated[decimal.Decimal, Param(gt=0)] = decimal.Decimal("1.5"),
        old: Annotated[str | None, Param(deprecated=True, example="x")] = None,
    ) -> list[Tree]:
        """List trees.

        The tallest first.
        """
        return []

    @app.post("/trees", status=201, operation_id="plantTree", summary="Plant")
    def plant(tree: Json[Tree], who: Annotated[str, Depends(visitor)]) -> Tree:
        return tree

    @app.put("/trees/{id}")
    def replace(id: uuid.UUID, trees: dict[str, Tree] | list[Leaf] | None = None) -> object:
        return trees

    @app.delete("/trees/{key}")
    def fell(key: uuid.UUID) -> None: ...

    @app.get("/versions/v{major}.{minor}")
    def version(major: int, minor: int) -> Response:
        return Response(200)

    @app.get("/files/{rest:path}")
    def file(rest: str) -> dict[str, list[tuple[int, str]]]:
        return {}

    @app.patch("/raw", responses={409: {"description": "taken"}})
    def raw(data: Body[bytes]) -> Annotated[str, Param(max_length=9)]:
        return data.hex()

    @app.post("/text")
    def text(data: Body[str] = "") -> bool:
        return bool(data)

    @app.get("/hidden", include_in_schema=False)
    def hidden(q: str) -> Leaf:
        return Leaf(uuid.UUID(int=1))

    return app


def validated(document: dict[str, Any]) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(document)


@pytest.mark.slow
def test_a_document_of_every_feature_is_valid() -> None:
    validated(forest().document())


def test_a_served_document_is_valid_in_both_forms() -> None:
    with forest().start() as handler:
        for form, load in (("json", json.loads), ("yaml", yaml.safe_load)):
            response = send_request(handler, "GET", f"/openapi.{form}")
            assert load(response.body) == forest().document()
            validated(load(response.body))


def test_a_loaded_document_is_valid(spec: Path) -> None:
    validated(library(spec).document())


def test_the_document_of_every_feature_serves_spec_first_too() -> None:
    exported = json.loads(json.dumps(forest().document()))
    loaded = Photon(spec=exported)

    @loaded.operation("version")
    def version(major: int, minor: int) -> list[int]:
        return [major, minor]

    @loaded.operation("plantTree")
    def plant(tree, token, seen):  # type: ignore[no-untyped-def]  # plain JSON
        return [tree["name"], token, seen]

    for name in ("list_trees", "replace", "fell", "file", "raw", "text"):
        loaded.operation(name)(lambda: None)
    assert ask(loaded, "GET", "/v1/versions/v3.14") == (200, [3, 14])
    tree = {"name": "Oak", "planted": "2024-05-31T12:00:00Z", "price": "1"}
    assert ask(loaded, "POST", "/v1/trees", tree, token="t")[1] == ["Oak", "t", 0]
    assert faults(ask(loaded, "POST", "/v1/trees", tree | {"name": "oak"}, token="t")) == [
        ("body", "/name")
    ]


def test_hidden_operations_are_served_but_not_published() -> None:
    assert "/hidden" not in forest().document()["paths"]
    assert ask(forest(), "GET", "/v1/hidden?q=1")[0] == 200


def test_the_document_names_nothing_of_the_machinery() -> None:
    text = json.dumps(forest().document())
    assert importlib.import_module("photon_router").__name__ not in text
    assert "x-photon-hidden" not in text
    assert "x-photon-argument" not in text
