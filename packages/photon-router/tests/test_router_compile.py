import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photon_openapi import lint
from photon_router import (
    Application,
    Body,
    Cookie,
    Depends,
    DocumentError,
    Header,
    HttpError,
    Json,
    Param,
    Query,
)
from photon_runtime.http import Handler, Request, Response

JSON = {"content-type": "application/json"}


def request(
    method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    made = Request(method, target, raw)
    made._parts = [body] if body else []
    return made


def ask(
    router: Application,
    method: str,
    target: str,
    *,
    body: bytes | object = b"",
    headers: Mapping[str, str] | None = None,
) -> Response:
    if not isinstance(body, bytes):
        body, headers = json.dumps(body).encode(), JSON | dict(headers or {})
    with router.start() as handler:
        return handler(request(method, target, body, headers))


def failure(router: Application, target: str) -> BaseException | None:
    """Send a request that fails; return the error that the 500 response does not show."""
    asked = request("GET", target)
    with router.start() as handler:
        response = handler(asked)
    hidden = {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert json_of(response) == hidden
    return asked.failure


def json_of(response: Response) -> Any:
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Size:
    width: float
    unit: Literal["cm", "in"] = "cm"


@attrs.frozen
class Cat:
    lives: int
    kind: Literal["cat"] = "cat"


@attrs.frozen
class Dog:
    tricks: list[str]
    kind: Literal["dog"] = "dog"


@attrs.frozen
class Item:
    name: str = attrs.field(validator=attrs.validators.min_len(1))
    price: decimal.Decimal
    size: Size
    made: datetime.datetime
    key: uuid.UUID
    colour: Colour = Colour.RED
    tags: list[str] = attrs.Factory(list)
    note: str | None = None
    parts: dict[str, int] = attrs.Factory(dict)


WIRE = {
    "name": "Chair",
    "price": "12.50",
    "size": {"width": 40.5, "unit": "in"},
    "made": "2024-05-31T12:00:00Z",
    "key": "00000000-0000-0000-0000-000000000001",
    "colour": "blue",
    "tags": ["a", "b"],
    "note": None,
    "parts": {"leg": 4},
}
VALUE = Item(
    name="Chair",
    price=decimal.Decimal("12.50"),
    size=Size(40.5, "in"),
    made=datetime.datetime(2024, 5, 31, 12, tzinfo=datetime.UTC),
    key=uuid.UUID(int=1),
    colour=Colour.BLUE,
    tags=["a", "b"],
    parts={"leg": 4},
)


# Which operation


def shop() -> Application:
    router = Application()

    @router.get("/items/{id}")
    def read(id: int) -> dict[str, int]:
        return {"id": id}

    @router.delete("/items/{id}")
    def remove(id: int) -> None: ...

    @router.post("/items")
    def make() -> str:
        return "made"

    return router


def test_an_unknown_path_is_a_404_with_a_problem_document() -> None:
    response = ask(shop(), "GET", "/nowhere/%C3%A4?q=1")
    assert (response.status, response.content_type) == (404, "application/problem+json")
    assert json_of(response) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no route matches /nowhere/ä",
    }


def test_a_method_that_a_path_does_not_have_is_a_405_that_allows_the_others() -> None:
    response = ask(shop(), "PATCH", "/items/1")
    assert (response.status, response.content_type) == (405, "application/problem+json")
    assert response.header("allow") == "DELETE, GET, HEAD, OPTIONS"
    assert json_of(response) == {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "method PATCH is not allowed for /items/1",
    }
    assert ask(shop(), "HEAD", "/items").header("allow") == "OPTIONS, POST"


def test_a_405_goes_before_errors_and_bodies() -> None:
    assert ask(shop(), "PUT", "/items/x", body=b"{").status == 405


def test_methods_are_case_sensitive() -> None:
    assert ask(shop(), "get", "/items/1").status == 405


def test_head_gets_a_response_as_get() -> None:
    router = shop()
    head, get = (ask(router, method, "/items/7") for method in ("HEAD", "GET"))
    assert (head.status, head.content_type, head.headers) == (
        get.status,
        get.content_type,
        get.headers,
    )
    assert ask(router, "HEAD", "/items/x").status == 422
    assert ask(router, "HEAD", "/items").status == 405


def test_options_lists_the_methods() -> None:
    response = ask(shop(), "OPTIONS", "/items/x")
    assert (response.status, response.body) == (204, b"")
    assert response.header("allow") == "DELETE, GET, HEAD, OPTIONS"
    assert ask(shop(), "OPTIONS", "/nowhere").status == 404


def test_options_of_an_asterisk_is_about_the_server() -> None:
    response = ask(shop(), "OPTIONS", "*")
    assert (response.status, response.body) == (204, b"")


def test_declared_head_and_options_go_before_the_automatic_ones() -> None:
    router = shop()

    @router.route("/items/{id}", method="head")
    def head(id: int) -> Response:
        return Response(200, headers={"x-head": "mine"})

    @router.route("/items/{id}", method="OPTIONS")
    def options(id: int) -> str:
        return "mine"

    assert ask(router, "HEAD", "/items/7").header("x-head") == "mine"
    assert json_of(ask(router, "OPTIONS", "/items/7")) == "mine"
    assert ask(router, "PUT", "/items/7").header("allow") == "DELETE, GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "servers", [["/api/v1"], ["https://example.com/api/v1/"], ["/api/v1", "/other"]]
)
def test_the_paths_of_servers_are_base_paths(servers: list[str]) -> None:
    router = Application(servers=servers)

    @router.get("/items/{id}")
    def read(id: int) -> int:
        return id

    assert json_of(ask(router, "GET", "/api/v1/items/7")) == 7
    assert ask(router, "GET", "/other/items/7").status == (200 if "/other" in servers else 404)
    for wrong in ("/items/7", "/api/v1"):
        assert ask(router, "GET", wrong).status == 404


def test_methods_of_one_path_may_name_its_parameters_each_in_its_way() -> None:
    router = Application()

    @router.get("/a/{x}/{y}")
    def read(x: str, y: int) -> list[object]:
        return [x, y]

    @router.put("/a/{y}/{x}")
    def write(x: int, y: str) -> list[object]:
        return [y, x]

    assert json_of(ask(router, "GET", "/a/one/2")) == ["one", 2]
    assert json_of(ask(router, "PUT", "/a/one/2")) == ["one", 2]


# Arguments


def test_arguments_are_bound_by_name_whatever_their_kind_and_order() -> None:
    router = Application()

    @router.post("/{c}/{a}")
    def handler(
        a: int, request: Request, /, b: Json[dict[str, int]], c: str, *, d: int = 4, e: Header[str]
    ) -> list[object]:
        return [a, request.method, b, c, d, e]

    response = ask(router, "POST", "/x/1?d=5", body={"k": 2}, headers={"e": "h"})
    assert json_of(response) == [1, "POST", {"k": 2}, "x", 5, "h"]


def test_a_body_is_read_into_classes_and_written_back() -> None:
    got: list[Item] = []
    router = Application()

    @router.put("/items/{id}")
    def handler(id: int, item: Json[Item]) -> Item:
        got.append(item)
        return item

    response = ask(router, "PUT", "/items/7", body=WIRE)
    assert got == [VALUE]
    assert (response.status, response.content_type) == (200, "application/json")
    assert json_of(response) == WIRE


def test_what_a_body_does_not_say_has_its_default() -> None:
    router = Application()

    @router.post("/x")
    def handler(item: Item) -> Item:
        return item

    short = {key: WIRE[key] for key in ("name", "price", "made", "key")}
    response = json_of(ask(router, "POST", "/x", body=short | {"size": {"width": 1}}))
    assert response["size"] == {"width": 1.0, "unit": "cm"}
    assert (response["colour"], response["tags"], response["note"]) == ("red", [], None)


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        ({"kind": "cat", "lives": 9}, Cat(9)),
        ({"kind": "dog", "tricks": ["sit"]}, Dog(["sit"])),
    ],
    ids=["cat", "dog"],
)
def test_a_union_is_distinguished_by_its_tag(sent: object, got: object) -> None:
    seen: list[object] = []
    router = Application()

    @router.post("/x")
    def handler(pet: Json[Cat | Dog]) -> Cat | Dog:
        seen.append(pet)
        return pet

    assert json_of(ask(router, "POST", "/x", body=sent)) == sent
    assert seen == [got]


def test_the_body_may_be_any_json() -> None:
    router = Application()

    @router.post("/x")
    def handler(value: Json[object]) -> object:
        return value

    values: list[object] = [None, 1, "x", [1, {"a": None}], {"a": []}]
    for value in values:
        assert json_of(ask(router, "POST", "/x", body=value)) == value


def test_a_raw_body_comes_as_it_is() -> None:
    router = Application()

    @router.post("/bytes")
    def as_bytes(data: Body[bytes]) -> str:
        return data.hex()

    @router.post("/text")
    def as_text(data: Body[str]) -> str:
        return data

    assert json_of(ask(router, "POST", "/bytes", body=b"\x00\xff")) == "00ff"
    assert json_of(ask(router, "POST", "/text", body="größe".encode())) == "größe"
    response = ask(router, "POST", "/text", body=b"\xff")
    assert (response.status, response.content_type) == (400, "application/problem+json")


# Refusals


def demanding(**options: Any) -> tuple[Application, list[object]]:
    called: list[object] = []
    router = Application(**options)

    @router.post("/items/{id}/{name}")
    def handler(
        id: int,
        name: Annotated[str, Param(max_length=3)],
        item: Json[Item],
        page: Query[Annotated[int, Param(ge=1)]],
        token: Header[uuid.UUID],
        theme: Cookie[Literal["dark", "light"]],
        missing: str,
    ) -> None:
        called.append(item)

    return router, called


FAULTS = [
    {"in": "path", "name": "id", "message": "expected an integer"},
    {"in": "path", "name": "name", "message": "must have at most 3 characters"},
    {"in": "body", "pointer": "/name", "message": "must have at least 1 character"},
    {"in": "body", "pointer": "/size/width", "message": "expected number, got string"},
    {"in": "body", "pointer": "/tags/1", "message": "expected string, got integer"},
    {"in": "query", "name": "page", "message": "must be >= 1"},
    {"in": "header", "name": "token", "message": "expected a UUID"},
    {"in": "cookie", "name": "theme", "message": 'expected one of "dark", "light"'},
    {"in": "query", "name": "missing", "message": "is required"},
]


def refused(router: Application) -> Response:
    return ask(
        router,
        "POST",
        "/items/x/long?page=0",
        body=WIRE | {"name": "", "size": {"width": "w"}, "tags": ["a", 1]},
        headers={"token": "t", "cookie": "theme=pink"},
    )


def test_every_error_of_a_request_is_reported_at_once() -> None:
    router, called = demanding()
    response = refused(router)
    assert response.status == 422
    assert response.content_type == "application/problem+json"
    assert json_of(response) == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "request validation failed: 9 errors",
        "errors": FAULTS,
    }
    assert called == []


def test_the_status_of_refusals_can_be_400() -> None:
    router, called = demanding(validation_status=400)
    response = refused(router)
    document = json_of(response)
    assert (response.status, document["status"], document["title"]) == (400, 400, "Bad Request")
    assert document["errors"] == FAULTS
    assert document["detail"] == "request validation failed: 9 errors"
    assert called == []


def test_a_value_is_not_repeated_in_a_refusal() -> None:
    router, _ = demanding()
    response = ask(
        router,
        "POST",
        "/items/secret1/secret2?page=secret3",
        body={"name": ["secret4"], "secret": 1},
        headers={"token": "secret5", "cookie": "theme=secret6"},
    )
    assert isinstance(response.body, bytes)
    for number in range(1, 7):
        assert f"secret{number}".encode() not in response.body


@pytest.mark.parametrize(
    "body", [b"{", b"nothing", b'{"a":1}x', b"\xff\xfe", b'"\xff"', b"[" * 100_000, b" "]
)
def test_a_body_that_is_no_json_is_a_400(body: bytes) -> None:
    router, called = demanding()
    response = ask(router, "POST", "/items/1/a", body=body, headers=JSON)
    document = json_of(response)
    assert (response.status, document["title"]) == (400, "Bad Request")
    assert response.content_type == "application/problem+json"
    assert [(each["in"], each["pointer"]) for each in document["errors"]] == [("body", "")]
    assert called == []


def test_a_body_that_is_missing_is_one_error_among_others() -> None:
    router, _ = demanding()
    errors = json_of(ask(router, "POST", "/items/x/a"))["errors"]
    assert {"in": "body", "pointer": "", "message": "a body is required"} in errors
    assert {"in": "path", "name": "id", "message": "expected an integer"} in errors


def test_a_body_that_is_missing_may_have_a_default() -> None:
    router = Application()

    @router.post("/x")
    def handler(value: Json[list[int] | None] = None) -> object:
        return value

    assert json_of(ask(router, "POST", "/x")) is None
    assert json_of(ask(router, "POST", "/x", headers=JSON)) is None
    assert json_of(ask(router, "POST", "/x", body=[1])) == [1]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/x-json", "json", "multipart/form-data"]
)
def test_a_body_of_another_type_is_a_415_that_says_what_is_accepted(kind: str) -> None:
    router, called = demanding()
    response = ask(router, "POST", "/items/1/a", body=b"{}", headers={"content-type": kind})
    assert (response.status, response.content_type) == (415, "application/problem+json")
    assert response.header("accept-post") == "application/json"
    assert json_of(response)["detail"] == "the body must be of type application/json"
    assert called == []


@pytest.mark.parametrize(
    "kind",
    ["application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"],
)
def test_json_by_any_of_its_names_is_read(kind: str) -> None:
    router = Application()

    @router.post("/x")
    def handler(value: Json[int]) -> int:
        return value

    assert json_of(ask(router, "POST", "/x", body=b"7", headers={"content-type": kind})) == 7


# Answers


@attrs.frozen
class Answer:
    a: int = 1
    b: tuple[datetime.date, ...] = (datetime.date(2024, 5, 31),)


@pytest.mark.parametrize(
    ("result", "body"),
    [
        (Answer(), b'{"a":1,"b":["2024-05-31"]}'),
        ({"a": [Answer()]}, b'{"a":[{"a":1,"b":["2024-05-31"]}]}'),
        ([1, "x", None], b'[1,"x",null]'),
        ("text", b'"text"'),
        (None, b"null"),
        (False, b"false"),
        ({}, b"{}"),
    ],
    ids=str,
)
def test_what_a_handler_returns_is_sent_as_json(result: object, body: bytes) -> None:
    router = Application()

    @router.get("/x")
    def handler() -> object:
        return result

    response = ask(router, "GET", "/x")
    assert (response.status, response.content_type, response.body) == (
        200,
        "application/json",
        body,
    )


def test_a_handler_that_returns_none_by_annotation_has_no_content() -> None:
    router = Application()

    @router.get("/annotated")
    def annotated() -> None: ...

    @router.get("/status", status=204)
    def by_status(): ...  # type: ignore[no-untyped-def]  # that is what is tested

    @router.get("/silent")
    def silent(): ...  # type: ignore[no-untyped-def]  # that is what is tested

    for path in ("/annotated", "/status"):
        response = ask(router, "GET", path)
        assert (response.status, response.body, response.content_type) == (204, b"", None)
    response = ask(router, "GET", "/silent")
    assert (response.status, response.body) == (200, b"null")


def test_the_status_of_a_response_is_an_option() -> None:
    router = Application()

    @router.post("/x", status=201)
    def handler() -> dict[str, int]:
        return {"a": 1}

    response = ask(router, "POST", "/x")
    assert (response.status, response.body) == (201, b'{"a":1}')


def test_a_response_is_sent_as_it_is() -> None:
    sent = Response(418, body="short and stout", headers={"x-pot": "tea"})
    router = Application()

    @router.get("/x", status=201)
    def handler() -> Response:
        return sent

    assert ask(router, "GET", "/x") is sent


def test_a_handler_may_return_a_value_or_a_response() -> None:
    router = Application()

    @router.get("/{name}")
    def handler(name: str) -> Size | Response:
        return Size(1) if name == "value" else Response(418)

    assert json_of(ask(router, "GET", "/value")) == {"width": 1.0, "unit": "cm"}
    assert ask(router, "GET", "/response").status == 418


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (object(), "object"),
        ({"a": [lambda: 1]}, "function"),
        (Application(), "photon_router.application.Application"),
        (1j, "complex"),
    ],
    ids=["object", "function", "router", "complex"],
)
def test_a_result_without_a_form_in_json_is_an_error_that_names_its_type(
    result: object, name: str
) -> None:
    router = Application()

    @router.get("/x")
    def handler() -> object:
        return result

    error = failure(router, "/x")
    assert isinstance(error, TypeError)
    assert f"a value of type {name} cannot be encoded as JSON: return" in str(error)


def test_an_http_error_is_a_problem_document_with_all_its_members() -> None:
    router = Application()

    @router.get("/x")
    def handler() -> None:
        raise HttpError(
            409,
            "somebody was faster",
            headers={"retry-after": "3"},
            type="https://example.com/problems/conflict",
            title="Too late",
            extensions={"errors": ["name is taken"], "who": {"id": 7}},
        )

    response = ask(router, "GET", "/x")
    assert (response.status, response.content_type) == (409, "application/problem+json")
    assert response.header("retry-after") == "3"
    assert json_of(response) == {
        "type": "https://example.com/problems/conflict",
        "title": "Too late",
        "status": 409,
        "detail": "somebody was faster",
        "errors": ["name is taken"],
        "who": {"id": 7},
    }


def test_another_error_of_a_handler_is_hidden_and_kept_for_those_who_report_it() -> None:
    error = ZeroDivisionError("x")
    router = Application()

    @router.get("/x")
    def handler() -> None:
        raise error

    assert failure(router, "/x") is error


# Middleware


def noting(log: list[str], name: str) -> Callable[[Request, Handler], Response]:
    def layer(request: Request, call_next: Handler) -> Response:
        log.append(f"{name} in")
        response = call_next(request)
        if request.failure is not None:
            log.append(f"{name} saw {type(request.failure).__name__}")
        log.append(f"{name} out {response.status}")
        response.add_header("x-layer", name)
        return response

    return layer


@pytest.mark.parametrize(
    ("target", "status"), [("/items/7", 200), ("/items/x", 422), ("/nowhere", 404), ("/%zz", 400)]
)
def test_middleware_is_called_in_order_and_sees_every_refusal(target: str, status: int) -> None:
    log: list[str] = []
    router = shop()
    router.middleware(noting(log, "first"))
    router.middleware(noting(log, "second"))
    response = ask(router, "GET", target)
    assert response.status == status
    assert log == ["first in", "second in", f"second out {status}", f"first out {status}"]
    assert [value for _, value in response.headers] == ["second", "first"]


def test_middleware_sees_the_errors_of_handlers() -> None:
    log: list[str] = []
    router = Application()
    router.middleware(noting(log, "outer"))

    @router.middleware
    def catch(request: Request, call_next: Handler) -> Response:
        response = call_next(request)
        if isinstance(request.failure, KeyError):
            return Response(503, body=str(request.failure))
        return response

    @router.get("/{name}")
    def handler(name: str) -> int:
        return {"a": 1 // (name != "zero")}[name]

    assert ask(router, "GET", "/b").body == b"'b'"
    assert ask(router, "GET", "/zero").status == 500
    saw_one = ["outer in", "outer saw KeyError", "outer out 503"]
    saw_other = ["outer in", "outer saw ZeroDivisionError", "outer out 500"]
    assert log == saw_one + saw_other


def test_middleware_may_respond_in_place_of_the_handler() -> None:
    log: list[str] = []
    router = shop()
    router.middleware(noting(log, "outer"))

    @router.middleware
    def refuse(request: Request, call_next: Handler) -> Response:
        return Response(401)

    router.middleware(noting(log, "inner"))
    assert ask(router, "GET", "/items/7").status == 401
    assert log == ["outer in", "outer out 401"]


def test_an_error_of_middleware_gets_a_response_inside_of_the_next_outer_middleware() -> None:
    log: list[str] = []
    router = shop()
    router.middleware(noting(log, "outer"))

    @router.middleware
    def refuse(request: Request, call_next: Handler) -> Response:
        raise HttpError(401, "who are you?")

    response = ask(router, "GET", "/items/7")
    assert json_of(response)["detail"] == "who are you?"
    assert response.header("x-layer") == "outer"
    assert log == ["outer in", "outer out 401"]


def test_middleware_passes_values_to_handlers_in_the_state_of_the_request() -> None:
    router = Application()

    @router.middleware
    def name(request: Request, call_next: Handler) -> Response:
        request.state["user"] = request.headers.get("user", "nobody")
        return call_next(request)

    @router.get("/x")
    def handler(request: Request) -> object:
        return request.state["user"]

    assert json_of(ask(router, "GET", "/x", headers={"user": "ada"})) == "ada"
    assert json_of(ask(router, "GET", "/x")) == "nobody"


# Spec first


def operation(name: str | None, **more: Any) -> dict[str, Any]:
    named = {} if name is None else {"operationId": name}
    return named | {"responses": {"200": {"description": "Fine."}}} | more


def spec_first(
    paths: Mapping[str, Any], handlers: Mapping[str, Callable[..., object]], **more: Any
) -> Application:
    head = {"openapi": "3.1.0", "info": {"title": "Things", "version": "1"}, "paths": dict(paths)}
    router = Application(spec=head | more)
    for name, handler in handlers.items():
        router.operation(name)(handler)
    return router


def problems(router: Application) -> list[str]:
    with pytest.raises(DocumentError) as caught, router.start():
        pass
    return list(caught.value.problems)


def nothing() -> None: ...


def test_operations_without_handler_and_handlers_without_operation_are_reported_together() -> None:
    paths = {
        "/a": {"get": operation("a"), "post": operation("b")},
        "/c": {"put": operation(None)},
    }
    found = problems(spec_first(paths, {"a": nothing, "ghost": nothing, "phantom": nothing}))
    assert len(found) == 4
    assert found[0] == "b: the operation has no handler"
    assert found[1] == "PUT /c: the operation needs an operationId or x-handler"
    assert found[2].startswith(f"nothing ({__file__}:")
    assert found[2].endswith("the document has no operation 'ghost'")
    assert found[3].endswith("the document has no operation 'phantom'")


def test_problems_of_the_document_and_of_the_handlers_are_reported_together() -> None:
    paths = {
        "/a": {"get": operation("a", responses={"200": {"$ref": "#/components/responses/A"}})},
        "/b": {"get": operation("b", responses={"200": {"$ref": "other.yaml#/b"}})},
        "/c": {"get": operation("same"), "put": operation("same")},
        "/d/{id}": {"get": operation("d")},
        "/e": {"get": operation("unhandled")},
        "/f": {"get": operation("f", security=[{"key": []}])},
        "/g": {"get": operation("g")},
    }

    def wanting(limit: int) -> None: ...

    handlers = dict.fromkeys(["a", "b", "same", "d", "f"], nothing)
    text = "\n".join(problems(spec_first(paths, handlers | {"ghost": nothing, "g": wanting})))
    for part in (
        "#/components/responses/A",
        "other.yaml#/b",
        "'same' is already used",
        "'id' is not declared",
        "unhandled: the operation has no handler",
        "/paths/~1f/get/security/0: 'key' is not declared",
        "no operation 'ghost'",
        "'limit'",
    ):
        assert part in text


def test_duplicate_operation_ids_are_refused_with_both_places() -> None:
    [problem] = problems(
        spec_first({"/a": {"get": operation("x")}, "/b": {"put": operation("x")}}, {"x": nothing})
    )
    assert problem == "/paths/~1b/put/operationId: 'x' is already used by /paths/~1a/get"


def test_two_functions_of_one_name_are_refused() -> None:
    router = Application()
    for path in ("/a", "/b"):

        @router.get(path)
        def handler() -> None: ...

    [problem] = problems(router)
    assert problem == "/paths/~1b/get/operationId: 'handler' is already used by /paths/~1a/get"


def test_two_functions_of_one_name_with_other_parameters_are_refused() -> None:
    router = Application()

    @router.get("/a/{x}")
    def handler(x: int) -> None: ...

    def other(y: int) -> None: ...

    other.__name__ = "handler"
    router.get("/b/{y}")(other)
    reported = "/paths/~1b~1{y}/get/operationId: 'handler' is already used by /paths/~1a~1{x}/get"
    assert reported in problems(router)


@pytest.mark.parametrize(
    ("of_operation", "of_document", "refused"),
    [
        ([{"key": []}], None, ["key"]),
        ([{"key": [], "token": ["read"]}, {"other": []}], None, ["key, other, token"]),
        (None, [{"key": []}], ["key"]),
        ([], [{"key": []}], []),
        ([{"key": []}, {}], None, ["key"]),
        (None, None, []),
    ],
    ids=str,
)
def test_security_that_nothing_verifies_is_refused(
    of_operation: object, of_document: object, refused: list[str]
) -> None:
    read = operation("read") | ({} if of_operation is None else {"security": of_operation})
    schemes = {key: {"type": "http", "scheme": "bearer"} for key in ("key", "token", "other")}
    more: dict[str, object] = {} if of_document is None else {"security": of_document}
    more["components"] = {"securitySchemes": schemes}
    router = spec_first({"/x": {"get": read}}, {"read": nothing}, **more)
    if refused:
        assert problems(router) == [
            f"read: requires {names}, which nothing verifies" for names in refused
        ]
    else:
        assert ask(router, "GET", "/x").status == 200


def test_an_argument_that_the_operation_does_not_provide_is_refused() -> None:
    def handler(limit: int, offset: int = 0) -> None: ...

    parameter = {"name": "size", "in": "query", "schema": {"type": "integer"}}
    problem, other = problems(
        spec_first({"/x": {"get": operation("read", parameters=[parameter])}}, {"read": handler})
    )
    assert "argument 'offset' of " in other
    assert "it would always have its default" in other
    assert problem.startswith("read: argument 'limit' of ")
    assert f"handler ({__file__}:" in problem
    assert problem.endswith("the operation has no such parameter (it has: size)")


PET = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "age": {"type": "integer", "minimum": 0},
        "friend": {"$ref": "#/components/schemas/Pet"},
    },
    "additionalProperties": False,
}


def pets(handler: Callable[..., object], **more: Any) -> Application:
    schema = {"$ref": "#/components/schemas/Pet"}
    body = {"content": {"application/json": {"schema": schema}}, "required": True} | more
    make = operation("makePet", requestBody=body)
    components = {"schemas": {"Pet": PET}}
    return spec_first({"/pets": {"post": make}}, {"makePet": handler}, components=components)


@attrs.frozen
class Pet:
    name: str
    age: int = 3
    friend: "Pet | None" = None


def test_a_body_is_validated_by_the_schema_of_the_document() -> None:
    def make(pet: Json[Pet]) -> Pet:
        return pet

    router = pets(make)
    sent = {"name": "Rex", "friend": {"name": "Tom", "age": 1}}
    assert json_of(ask(router, "POST", "/pets", body=sent)) == {
        "name": "Rex",
        "age": 3,
        "friend": {"name": "Tom", "age": 1, "friend": None},
    }
    wrong = {"name": "R", "age": -1, "friend": {"age": "x", "tail": 1}}
    response = ask(router, "POST", "/pets", body=wrong)
    assert response.status == 422
    assert {(each["pointer"], each["message"]) for each in json_of(response)["errors"]} >= {
        ("/name", "must have at least 2 characters"),
        ("/age", "must be >= 0"),
        ("/friend/age", "expected integer, got string"),
    }
    assert len(json_of(response)["errors"]) == 5


def test_without_annotation_a_body_is_plain_json() -> None:
    def make(pet):  # type: ignore[no-untyped-def]  # that is what is tested
        return pet

    sent = {"name": "Rex", "age": 7}
    assert json_of(ask(pets(make), "POST", "/pets", body=sent)) == sent
    assert ask(pets(make), "POST", "/pets", body={"name": "R"}).status == 422
    assert ask(pets(make), "POST", "/pets").status == 422
    assert ask(pets(make), "POST", "/pets", body=b"{", headers=JSON).status == 400
    refused = ask(pets(make), "POST", "/pets", body=b"a", headers={"content-type": "text/plain"})
    assert refused.status == 415


def test_a_body_that_the_document_does_not_require_may_be_missing() -> None:
    def make(pet: Pet | None = None) -> bool:
        return pet is None

    assert json_of(ask(pets(make, required=False), "POST", "/pets")) is True
    assert json_of(ask(pets(lambda pet: [pet], required=False), "POST", "/pets")) == [None]


def test_two_arguments_for_the_one_body_of_the_document_are_refused() -> None:
    def make(pet: Json[Pet], naem: str) -> None: ...

    [problem] = problems(pets(make))
    assert "'naem'" in problem


@pytest.mark.parametrize(
    ("declared", "sent", "status"),
    [
        (["application/xml", "application/json"], "application/json", 200),
        (["application/vnd.pet+json"], "application/vnd.pet+json", 200),
        (["application/vnd.pet+json"], "text/plain", 415),
        (["application/*"], "application/json", 200),
        (["text/plain"], "text/plain; charset=utf-8", 200),
        (["image/*"], "image/png", 200),
        (["image/*"], "text/plain", 415),
        (["*/*"], "whatever/this", 200),
    ],
    ids=str,
)
def test_a_body_has_one_of_the_declared_types(declared: list[str], sent: str, status: int) -> None:
    def handler(data: bytes) -> None: ...

    body: dict[str, Any] = {"content": {media: {} for media in declared}}
    router = spec_first({"/x": {"post": operation("make", requestBody=body)}}, {"make": handler})
    response = ask(router, "POST", "/x", body=b"{}", headers={"content-type": sent})
    assert response.status == status
    if status == 415:
        assert response.header("accept-post") == ", ".join(declared)


def test_parameters_of_the_path_are_replaced_by_those_of_the_operation() -> None:
    def path_level(limit: int, kind: str) -> list[object]:
        return [limit, kind]

    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 1}}
    paths = {
        "/{kind}": {
            "parameters": [
                {"$ref": "#/components/parameters/Kind"},
                limit,
                {"name": "kind", "in": "query", "schema": {"type": "integer"}},
            ],
            "get": operation("one"),
            "put": operation(
                "two", parameters=[limit | {"schema": {"type": "integer", "maximum": 5}}]
            ),
        }
    }
    kind = {"name": "kind", "in": "path", "required": True, "schema": {"enum": ["a", "b"]}}
    router = spec_first(
        paths,
        {"one": path_level, "two": lambda kind, limit=9: [limit, kind]},
        components={"parameters": {"Kind": kind}},
    )
    assert json_of(ask(router, "GET", "/a?limit=7")) == [7, "a"]
    assert json_of(ask(router, "GET", "/a")) == [1, "a"]
    assert json_of(ask(router, "PUT", "/a")) == [9, "a"]
    assert ask(router, "PUT", "/a?limit=7").status == 422
    assert ask(router, "GET", "/c").status == 422


def test_a_path_item_may_be_a_reference() -> None:
    query = {"name": "q", "in": "query", "schema": {"type": "string"}}
    item = {"get": operation("read", parameters=[query])}
    router = spec_first(
        {"/x": {"$ref": "#/components/pathItems/X"}},
        {"read": lambda q: q},
        components={"pathItems": {"X": item}},
    )
    assert json_of(ask(router, "GET", "/x?q=1")) == "1"


def test_a_request_body_may_be_a_reference() -> None:
    body = {"content": {"application/json": {"schema": {"type": "integer"}}}, "required": True}
    router = spec_first(
        {"/x": {"post": operation("make", requestBody={"$ref": "#/components/requestBodies/B"})}},
        {"make": lambda number: number + 1},
        components={"requestBodies": {"B": body}},
    )
    assert json_of(ask(router, "POST", "/x", body=1)) == 2
    assert ask(router, "POST", "/x", body="x").status == 422


def test_a_response_has_the_first_status_of_success_that_the_document_declares() -> None:
    some = {"description": "Something."}
    declared = {"202": some, "404": some, "201": some, "default": some}
    paths = {
        "/made": {"post": operation("make", responses=declared)},
        "/gone": {"post": operation("remove", responses={"204": {"description": "Gone."}})},
        "/open": {"post": operation("open", responses={"default": some, "2XX": some})},
    }
    router = spec_first(
        paths, {"make": lambda: {"id": 1}, "remove": lambda: None, "open": lambda: None}
    )
    responses = [ask(router, "POST", path) for path in paths]
    assert [(each.status, each.body) for each in responses] == [
        (201, b'{"id":1}'),
        (204, b""),
        (200, b""),
    ]


def test_the_documents_operations_and_decorated_ones_live_together() -> None:
    router = spec_first({"/x": {"get": operation("x")}}, {"x": lambda: "x"})

    @router.post("/x")
    def y(item: Pet) -> str:
        return item.name

    assert json_of(ask(router, "GET", "/x")) == "x"
    assert json_of(ask(router, "POST", "/x", body={"name": "Rex"})) == "Rex"
    assert list(router.document()["paths"]["/x"]) == ["get", "post"]


def test_a_class_and_a_schema_of_one_name_are_refused() -> None:
    router = spec_first({}, {}, components={"schemas": {"Pet": PET}})

    @router.post("/x")
    def y(item: Pet) -> None: ...

    assert problems(router) == [
        "/components/schemas/Pet: the document and a class of the code share the name; rename "
        "one of them"
    ]


def test_a_document_may_have_a_problem_document_of_its_own() -> None:
    own = {"type": "object", "properties": {"code": {"type": "integer"}}}
    router = spec_first(
        {"/x": {"get": operation("x")}},
        {"x": lambda: "x"},
        components={"schemas": {"ProblemDocument": own}},
    )
    assert json_of(ask(router, "GET", "/x")) == "x"


def test_an_operation_may_have_the_name_of_a_page() -> None:
    for name in ("docs_page", "docs_asset", "docs_document", "openapi_json", "openapi_yaml"):
        router = spec_first({"/x": {"get": operation(name)}}, {name: lambda: "x"})
        assert json_of(ask(router, "GET", "/x")) == "x"


# Bad input is never an error of the server


def varied() -> Application:  # noqa: C901 - many small handlers
    router = Application(servers=["/v1"])

    def who(token: Header[str | None] = None, session: Cookie[int] = 0) -> object:
        return [token, session]

    @router.get("/items/{id}")
    def read(id: int, who: Annotated[object, Depends(who)], q: str | None = None) -> object:
        return [id, q]

    @router.get("/items/{id}/v{major}.{minor}")
    def version(id: uuid.UUID, major: int, minor: decimal.Decimal) -> object:
        return [id, major, minor]

    @router.get("/search")
    def search(
        tags: Annotated[list[Colour], Param(default_factory=list)],
        since: datetime.datetime | None = None,
        price: Annotated[float, Param(gt=0, multiple_of=0.01)] = 1,
        flags: Query[set[bool]] = frozenset(),  # type: ignore[assignment]  # a constant
        lasting: datetime.timedelta | None = None,
        name: Annotated[str, Param(pattern=r"^(\w+\s?)*$", max_length=50)] = "",
    ) -> object:
        return [tags, since, price, sorted(flags), lasting, name]

    @router.post("/items")
    def make(item: Json[Item], dry: bool = False) -> Item:
        return item

    @router.put("/pets")
    def pet(pet: Json[list[Cat | Dog] | dict[str, Size] | None] = None) -> object:
        return pet

    @router.put("/raw")
    def raw(data: Body[str]) -> int:
        return len(data)

    @router.delete("/files/{rest:path}")
    def remove(rest: str) -> None: ...

    return router


TARGET_PARTS = [
    "/v1",
    "/items",
    "/search",
    "/pets",
    "/raw",
    "/files",
    "/docs",
    "/openapi.json",
    "/1",
    "/v1.2",
    "/",
    "?",
    "&",
    "=",
    "q=",
    "tags=red",
    "since=2024-05-31T12:00",
    "price=",
    "1e400",
    "name=aaaaaaaaaaaaaaaaaaaaaaaa!",
    "flags=on",
    "lasting=P1D",
    "%",
    "%20",
    "%ff",
    "%00",
    "+",
    "..",
    "99999999999999999999",
    "-0",
    "00000000-0000-0000-0000-000000000001",
    "{id}",
    "*",
]
targets = st.lists(
    st.sampled_from(TARGET_PARTS)
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=5),
    max_size=10,
).map("".join)
known = st.sampled_from(
    ["/v1/items/1", "/v1/search?", "/v1/items", "/v1/pets", "/v1/raw", "/v1/files/"]
)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["2024-05-31T12:00:00Z", "1.5", "cat", "red", "x" * 100]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*WIRE, "kind", "lives", "tricks", "width", "\ud800x"[1:]]), inner
        )
    ),
    max_leaves=12,
)
near = st.fixed_dictionaries({key: plain | st.just(value) for key, value in WIRE.items()})
bodies = (
    st.binary(max_size=30)
    | (plain | near | st.just(WIRE)).map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"", b"{", b'{"a":\xff}', b'"\\ud800"', b"1e999", b"[" * 2000, b"NaN"])
)
header_names = st.sampled_from(
    [b"content-type", b"cookie", b"token", b"host", b"content-type", b"x-any"]
)
header_values = st.sampled_from(
    [b"application/json", b"text/plain", b"session=1", b"session=x; a", b"", b"\xff;=", b","]
) | st.binary(max_size=10)


@pytest.mark.slow
@settings(max_examples=500)
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"]),
    targets | st.tuples(known, targets).map("".join),
    st.lists(st.tuples(header_names, header_values), max_size=4),
    bodies,
)
def test_bad_input_never_is_an_error_of_the_server(
    method: str, target: str, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> None:
    made = Request(method, target, list(headers))
    made._parts = [body] if body else []
    response = VARIED(made)
    assert response.status < 500
    if response.status >= 400:
        assert response.content_type == "application/problem+json"
        document = json_of(response)
        assert document["status"] == response.status
        assert {"type", "title", "detail"} <= document.keys()
        for detail in document.get("errors", ()):
            assert detail.keys() in ({"in", "name", "message"}, {"in", "pointer", "message"})
            assert detail["message"]
    if response.status == 405:
        assert method not in str(response.header("allow")).split(", ")


def started(router: Application) -> Handler:
    """Start an application that needs no end."""
    return router.start().__enter__()


VARIED = started(varied())


def test_the_varied_application_responds_when_the_input_is_good() -> None:
    for method, target, body in [
        ("GET", "/v1/items/1?q=x", b""),
        ("GET", f"/v1/items/{uuid.UUID(int=1)}/v1.2", b""),
        ("GET", "/v1/search?tags=red&since=2024-05-31T12:00&price=0.07&flags=on&lasting=P1D", b""),
        ("POST", "/v1/items?dry=1", json.dumps(WIRE).encode()),
        ("PUT", "/v1/pets", b'[{"kind":"cat","lives":9}]'),
        ("PUT", "/v1/raw", b"x"),
        ("DELETE", "/v1/files/a/b", b""),
    ]:
        headers = {} if target == "/v1/raw" else JSON
        response = VARIED(request(method, target, body, headers))
        assert response.status in (200, 204), (target, response.body)


# -- errors of the document ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "mistaken",
    [
        operation("a", parameters=[{"name": "q", "in": "query", "schema": {
            "type": "array", "items": {"type": "object"}}}]),
        operation("a", parameters=[{"name": "q", "in": "query", "schema": {"pattern": "["}}]),
        operation("a", parameters=[{"name": "q", "in": "query", "schema": {
            "type": "integer", "default": "x"}}]),
        operation("a", requestBody={"content": {"a/b": {"schema": {"$ref": "#/nowhere"}}}}),
        operation("a", security=[{"ghost": []}]),
        operation("a", responses={"200": {"description": "", "content": {
            "application/json": {"schema": {"type": "string", "pattern": "("}}}}}),
        operation("a", **{"x-photon-body-limit": "1 MB"}),
    ],
    ids=["list", "pattern", "default", "reference", "security", "response", "limit"],
)  # fmt: skip
def test_a_start_refuses_what_lint_calls_an_error_and_nothing_else(mistaken: Any) -> None:
    router = spec_first({"/a": {"get": mistaken}}, {"a": nothing})
    document = {
        "openapi": "3.1.0",
        "info": {"title": "A", "version": "1"},
        "paths": {"/a": {"get": mistaken}},
    }
    errors = [each for each in lint(document, profile="minimal") if each.level == "error"]
    assert problems(router) == [f"{each.pointer}: {each.message}" for each in errors]
