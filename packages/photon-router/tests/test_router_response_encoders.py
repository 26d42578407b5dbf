"""What becomes of results: statuses, media types, tuples, unions, streams, and the document."""

import dataclasses
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypedDict

import attrs
import msgspec
import pytest

from photon_router import (
    Application,
    Created,
    Depends,
    DescribedResponse,
    DocumentError,
    EventStream,
    Html,
    HttpError,
    JsonLines,
    NoContent,
    NotAcceptable,
    Redirect,
    Request,
    Response,
    ServerSentEvent,
    SignatureError,
    Status,
    Stream,
    Text,
)
from photon_runtime.testing import make_request, send_request


def responses(router: Application, path: str = "/x", method: str = "get") -> Any:
    return router.document()["paths"][path][method]["responses"]


@attrs.frozen
class Item:
    name: str


@attrs.frozen
class NotFound:
    """There is none."""

    looked_for: str


@attrs.frozen
class Gone(NotFound):
    since: int = 0


REF = {"$ref": "#/components/schemas/Item"}


# Plain values


@dataclasses.dataclass
class Point:
    x: int


class Named(TypedDict):
    name: str


class Struct(msgspec.Struct):
    name: str
    tags: list[str] = []


class Tagged(msgspec.Struct, tag=True):
    first_name: str


@pytest.mark.parametrize(
    ("type_", "value", "body"),
    [
        (Item, Item("tea"), b'{"name":"tea"}'),
        (Point, Point(1), b'{"x":1}'),
        (Named, {"name": "tea"}, b'{"name":"tea"}'),
        (Struct, Struct("tea"), b'{"name":"tea","tags":[]}'),
        (dict[str, int], {"a": 1}, b'{"a":1}'),
        (list[Item], [Item("tea")], b'[{"name":"tea"}]'),
        (tuple[float, float], (1.0, 2.0), b"[1.0,2.0]"),
        (int, 1, b"1"),
        (str, "a", b'"a"'),
        (Item | None, None, b"null"),
        (Item | None, Item("tea"), b'{"name":"tea"}'),
        (Annotated[tuple[int, int], Status(200)], (3, 404), b"[3,404]"),
    ],
)
def test_values_are_sent_as_json(type_: Any, value: Any, body: bytes) -> None:
    router = Application()

    def handler() -> Any:
        return value

    handler.__annotations__["return"] = type_
    router.get("/x")(handler)
    response = send_request(router, "GET", "/x")
    assert (response.status, response.content_type, response.body) == (
        200,
        "application/json",
        body,
    )


def test_a_struct_has_a_schema_and_shows_no_more_than_itself() -> None:
    class More(Struct):
        secret: str = "hush"

    router = Application()

    @router.get("/x")
    def handler() -> Struct:
        return More("tea")

    assert send_request(router, "GET", "/x").json() == {"name": "tea", "tags": []}
    schema = router.document()["components"]["schemas"]["Struct"]
    assert schema["required"] == ["name"]
    assert schema["properties"]["tags"]["default"] == []


def test_a_struct_with_another_form_in_json_is_refused() -> None:
    router = Application()

    @router.get("/x")
    def handler() -> Tagged:
        return Tagged("ada")

    with pytest.raises(SignatureError, match="Tagged has `tag` or `array_like`"):
        router.document()


# Statuses


def test_a_tuple_gives_its_status_and_headers() -> None:
    router = Application()

    @router.get("/x")
    def handler(status: int) -> tuple[Item, int, dict[str, str]]:
        return Item("tea"), status, {"x-made": "now"}

    response = send_request(router, "GET", "/x?status=202")
    assert (response.status, response.json()) == (202, {"name": "tea"})
    assert response.headers.get("x-made") == "now"


def test_the_statuses_of_a_tuple_are_in_the_document() -> None:
    router = Application()

    @router.get("/x")
    def handler(known: bool) -> tuple[Item, Literal[200, 201]]:
        return Item("tea"), 200 if known else 201

    assert send_request(router, "GET", "/x?known=false").status == 201
    content = {"application/json": {"schema": REF}}
    assert responses(router)["200"] == {"description": "The response.", "content": content}
    assert responses(router)["201"] == {"description": "Created", "content": content}


def test_a_status_of_the_standard_library_is_one_too() -> None:
    router = Application()

    @router.get("/x")
    def handler() -> tuple[str, HTTPStatus]:
        return "wait", HTTPStatus.ACCEPTED

    assert send_request(router, "GET", "/x").status == 202


@pytest.mark.parametrize("is_declared", [True, False])
def test_the_class_of_a_result_chooses_its_status(is_declared: bool) -> None:
    router = Application()

    def by_option(name: str) -> Item | NotFound:
        return Item(name) if name else NotFound("nothing")

    def by_marker(name: str) -> Item | Annotated[NotFound, Status(404)]:
        return by_option(name)

    if is_declared:
        router.get("/x", responses={404: NotFound})(by_option)
    else:
        router.get("/x")(by_marker)
    assert (
        send_request(router, "GET", "/x?name=tea").status,
        send_request(router, "GET", "/x?name=").status,
    ) == (200, 404)
    assert send_request(router, "GET", "/x?name=").json() == {"looked_for": "nothing"}
    found = responses(router)
    assert found["200"]["content"]["application/json"]["schema"] == REF
    assert found["404"] == {
        "description": "Not Found",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NotFound"}}},
    }


def test_a_derived_class_has_the_status_of_its_base_and_shows_no_more() -> None:
    router = Application()

    @router.get("/x", responses={404: NotFound})
    def handler() -> Item | NotFound:
        return Gone("tea", 1999)

    assert send_request(router, "GET", "/x").status == 404
    assert send_request(router, "GET", "/x").json() == {"looked_for": "tea"}


def test_a_class_that_is_not_returned_is_documented() -> None:
    router = Application()

    @router.get("/x", responses={409: NotFound})
    def handler() -> Item:
        raise HttpError(409)

    content = responses(router)["409"]["content"]["application/json"]
    assert content == {"schema": {"$ref": "#/components/schemas/NotFound"}}


def test_none_is_204_where_that_is_declared() -> None:
    router = Application()

    @router.get("/x")
    def handler(is_there: bool) -> Item | Annotated[None, Status(204)]:
        return Item("tea") if is_there else None

    assert send_request(router, "GET", "/x?is_there=true").status == 200
    response = send_request(router, "GET", "/x?is_there=false")
    assert (response.status, response.body, response.content_type) == (204, b"", None)
    assert responses(router)["204"] == {"description": "No Content"}


def test_one_class_with_two_statuses_is_refused() -> None:
    router = Application()

    @router.get("/x")
    def handler() -> list[Item] | Annotated[list[NotFound], Status(404)]:
        return []

    with pytest.raises(SignatureError, match="results of the class list have two statuses") as info:
        router.document()
    assert __file__ in str(info.value)


@pytest.mark.parametrize(
    "result",
    [
        tuple[Html, int],
        tuple[Created[Item], Literal[200, 201]],
        tuple[Html | Redirect, int, dict[str, str]],
    ],
    ids=str,
)
def test_a_response_in_a_tuple_is_refused(result: Any) -> None:
    def give():  # type: ignore[no-untyped-def]
        return Html("given"), 201

    give.__annotations__ = {"return": result}
    app = Application(title="Shop", version="1")
    app.get("/")(give)
    with pytest.raises(SignatureError, match="so it cannot be in a tuple: write -> "), app.start():
        pass


def test_a_status_is_one_of_http() -> None:
    with pytest.raises(ValueError, match="from 200 to 599"):
        Status(101)


# Kinds of responses


def test_kinds_of_responses_are_in_the_document() -> None:
    router = Application()

    @router.get("/page")
    def page() -> Html:
        return Html("<p>")

    @router.get("/go")
    def go() -> Redirect | Text:
        return Redirect("/page")

    @router.post("/things")
    def make() -> Created[Item]:
        return Created(Item("tea"), location="/things/1")

    @router.delete("/things")
    def drop() -> NoContent:
        return NoContent()

    html = {
        "description": "The response.",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    assert responses(router, "/page") == {"200": html}
    location = {
        "Location": {"description": "Target of the redirect.", "schema": {"type": "string"}}
    }
    assert responses(router, "/go")["303"] == {"description": "See Other", "headers": location}
    assert responses(router, "/go")["200"]["content"] == {
        "text/plain": {"schema": {"type": "string"}}
    }
    made = responses(router, "/things", "post")
    assert made == {
        "201": {"description": "Created", "content": {"application/json": {"schema": REF}}}
    }
    assert list(responses(router, "/things", "delete")) == ["204"]
    assert send_request(router, "POST", "/things").headers.get("location") == "/things/1"
    assert send_request(router, "GET", "/go").status == 303


class Csv(DescribedResponse):
    __slots__ = ()
    media_type = "text/csv"

    def __init__(self, rows: Iterable[str]) -> None:
        super().__init__(body="\n".join(rows), content_type="text/csv; charset=utf-8")


def test_a_kind_of_response_may_be_ones_own() -> None:
    router = Application()

    @router.get("/x")
    def handler() -> Csv:
        return Csv(["a,b"])

    assert list(responses(router)["200"]["content"]) == ["text/csv"]
    assert send_request(router, "GET", "/x").body == b"a,b"


def test_a_bare_response_says_nothing_in_the_document() -> None:
    router = Application()

    @router.get("/x")
    def handler() -> Response:
        return Response(299)

    @router.get("/y")
    def other() -> Item | Response:
        return Response(299)

    assert responses(router) == {"200": {"description": "The response."}}
    assert responses(router, "/y")["200"]["content"] == {"application/json": {"schema": REF}}
    assert (send_request(router, "GET", "/x").status, send_request(router, "GET", "/y").status) == (
        299,
        299,
    )


def test_what_is_in_a_response_shows_no_more_than_the_annotation() -> None:
    router = Application()

    @router.get("/one")
    def one() -> Created[NotFound]:
        return Created(Gone("tea", 7))

    @router.get("/lines")
    def lines() -> JsonLines[NotFound]:
        return JsonLines([Gone("tea", 7)])

    @router.get("/events")
    def events() -> EventStream[NotFound]:
        return EventStream([Gone("tea", 7)])

    assert send_request(router, "GET", "/one").json() == {"looked_for": "tea"}
    assert send_request(router, "GET", "/lines").body == b'{"looked_for":"tea"}\n'
    assert send_request(router, "GET", "/events").body == b'data: {"looked_for":"tea"}\n\n'


# Media types


def test_text_of_another_type_is_sent_as_it_is() -> None:
    router = Application()

    @router.get("/x", media_type="text/csv", examples={"two": "a,b"})
    def handler() -> str:
        return "a,b\n"

    response = send_request(router, "GET", "/x")
    assert (response.content_type, response.body) == ("text/csv; charset=utf-8", b"a,b\n")
    assert responses(router)["200"]["content"] == {
        "text/csv": {"schema": {"type": "string"}, "examples": {"two": {"value": "a,b"}}}
    }


def test_bytes_of_another_type_are_sent_as_they_are() -> None:
    router = Application()

    @router.get("/x", media_type="image/png")
    def handler(is_right: bool) -> bytes:
        return b"\x89PNG" if is_right else 1  # type: ignore[return-value]

    response = send_request(router, "GET", "/x?is_right=true")
    assert (response.content_type, response.body) == ("image/png", b"\x89PNG")
    assert send_request(router, "GET", "/x?is_right=false").status == 500


def test_json_may_have_another_name() -> None:
    router = Application()

    @router.get("/x", media_type="application/vnd.shop+json")
    def handler() -> Item:
        return Item("tea")

    assert send_request(router, "GET", "/x").content_type == "application/vnd.shop+json"
    assert responses(router)["200"]["content"] == {"application/vnd.shop+json": {"schema": REF}}


# Streams


def test_items_of_an_iterator_are_sent_as_lines() -> None:
    router = Application()

    @router.get("/x")
    def handler() -> Iterator[Item]:
        yield Item("tea")
        yield Item("cup")

    response = send_request(router, "GET", "/x")
    assert response.content_type == "application/jsonl"
    assert response.body == b'{"name":"tea"}\n{"name":"cup"}\n'
    assert responses(router)["200"]["content"] == {"application/jsonl": {"x-item-schema": REF}}


@pytest.mark.parametrize("part", ["tea", b"tea"], ids=["text", "bytes"])
def test_text_and_bytes_of_an_iterator_are_sent_as_they_are(part: str | bytes) -> None:
    router = Application()

    def handler() -> Any:
        yield part
        yield part

    handler.__annotations__["return"] = Iterator[type(part)]  # type: ignore[misc]
    router.get("/x")(handler)
    response = send_request(router, "GET", "/x")
    kind = "text/plain; charset=utf-8" if isinstance(part, str) else "application/octet-stream"
    assert (response.content_type, response.body) == (kind, b"teatea")


def test_events_of_an_iterator_are_a_stream_of_events() -> None:
    router = Application()

    @router.get("/x")
    def handler() -> Iterator[ServerSentEvent]:
        yield ServerSentEvent({"a": 1}, id="1")

    @router.get("/typed", media_type="text/event-stream")
    def typed() -> Iterator[Item]:
        yield Item("tea")

    response = send_request(router, "GET", "/x")
    assert response.content_type == "text/event-stream"
    assert response.headers.get("cache-control") == "no-cache"
    assert response.headers.get("x-accel-buffering") == "no"
    assert response.body == b'id: 1\ndata: {"a":1}\n\n'
    assert send_request(router, "GET", "/typed").body == b'data: {"name":"tea"}\n\n'
    content = responses(router, "/typed")["200"]["content"]["text/event-stream"]
    assert content == {"x-item-schema": REF}


def test_an_iterator_that_a_function_returns_is_streamed_too() -> None:
    router = Application()

    @router.get("/x")
    def handler(is_there: bool) -> Iterator[int] | Annotated[NotFound, Status(404)]:
        return iter([1, 2]) if is_there else NotFound("numbers")

    assert send_request(router, "GET", "/x?is_there=true").body == b"1\n2\n"
    assert send_request(router, "GET", "/x?is_there=false").status == 404


def test_a_stream_takes_text_and_bytes() -> None:
    assert b"".join(Stream(["a", b"b"], content_type="text/plain").body) == b"ab"  # type: ignore[arg-type]


# The document first


def spec(**answers: Any) -> dict[str, Any]:
    members = {"type": "object", "properties": {"name": {"type": "string"}}}
    operation = {"operationId": "read", "responses": answers}
    return {
        "openapi": "3.1.0",
        "info": {"title": "a", "version": "1"},
        "paths": {"/x": {"get": operation}},
        "components": {"schemas": {"Item": members, "NotFound": members}},
    }


def declared(name: str, media: str = "application/json") -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": "x", "content": {media: {"schema": schema}}}


def test_the_name_of_the_class_finds_the_response_of_the_document() -> None:
    router = Application(
        spec=spec(
            **{"201": declared("Item"), "404": declared("NotFound", "application/problem+json")}
        )
    )
    made: list[Item | NotFound] = [Item("tea"), NotFound("tea")]

    @router.operation("read")
    def read() -> Item | NotFound:
        return made.pop(0)

    first, second = send_request(router, "GET", "/x"), send_request(router, "GET", "/x")
    assert (first.status, first.content_type) == (201, "application/json")
    assert (second.status, second.content_type) == (404, "application/problem+json")


def test_a_list_is_found_by_the_name_of_its_items() -> None:
    listed = {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}
    many = {"description": "x", "content": {"application/json": {"schema": listed}}}
    router = Application(spec=spec(**{"200": declared("NotFound"), "207": many}))

    @router.operation("read")
    def read() -> list[Item]:
        return [Item("tea")]

    assert send_request(router, "GET", "/x").status == 207


@pytest.mark.parametrize("code", ["4XX", "default"])
def test_a_class_under_a_range_needs_its_status(code: str) -> None:
    document = spec(**{"200": declared("Item"), code: declared("NotFound")})

    def unsaid() -> Item | NotFound:
        return NotFound("tea")

    def said() -> Item | Annotated[NotFound, Status(410)]:
        return NotFound("tea")

    def paired() -> Item | tuple[NotFound, int]:
        return NotFound("tea"), 410

    router = Application(spec=document)
    router.operation("read")(unsaid)
    with pytest.raises(DocumentError, match=f"NotFound under {code}: choose a status"):
        send_request(router, "GET", "/x")
    for handler in (said, paired):
        router = Application(spec=document)
        router.operation("read")(handler)
        response = send_request(router, "GET", "/x")
        assert (response.status, response.content_type) == (410, "application/json")


def test_none_takes_the_response_without_content() -> None:
    router = Application(spec=spec(**{"200": declared("Item"), "204": {"description": "none"}}))

    @router.operation("read")
    def read() -> Item | Annotated[None, Status(204)]:
        return None

    assert send_request(router, "GET", "/x").status == 204


def test_text_is_sent_as_the_document_says() -> None:
    text = {"description": "x", "content": {"text/html": {}}}
    router = Application(spec=spec(**{"200": text}))

    @router.operation("read")
    def read() -> str:
        return "<p>"

    response = send_request(router, "GET", "/x")
    assert (response.content_type, response.body) == ("text/html; charset=utf-8", b"<p>")


@pytest.mark.parametrize("is_marked", [True, False])
def test_a_generator_sends_what_the_document_says(is_marked: bool) -> None:
    document = spec(**{"200": {"description": "x", "content": {"text/event-stream": {}}}})
    if is_marked:
        document["paths"]["/x"]["get"]["x-sse"] = True
        document["paths"]["/x"]["get"]["responses"]["200"].pop("content")
    router = Application(spec=document)

    @router.operation("read")
    def read() -> Any:
        yield {"a": 1}

    response = send_request(router, "GET", "/x")
    assert response.content_type == "text/event-stream"
    assert response.body == b'data: {"a":1}\n\n'


# Options


def test_options_say_more_of_the_usual_response() -> None:
    router = Application()

    @router.get(
        "/x",
        response_description="The thing.",
        response_headers={"x-rate": "How often."},
        examples={"tea": Item("tea")},
        external_docs="https://docs.example/x",
        openapi_extra={"x-cost": 3, "responses": {"200": {"links": {}}}},
    )
    def handler() -> Item:
        return Item("tea")

    operation = router.document()["paths"]["/x"]["get"]
    assert operation["externalDocs"] == {"url": "https://docs.example/x"}
    assert operation["x-cost"] == 3
    assert operation["responses"]["200"] == {
        "description": "The thing.",
        "headers": {"x-rate": {"description": "How often.", "schema": {"type": "string"}}},
        "content": {
            "application/json": {"schema": REF, "examples": {"tea": {"value": {"name": "tea"}}}}
        },
        "links": {},
    }


def test_a_header_field_is_described_once_however_it_is_spelt() -> None:
    router = Application()

    @router.get("/x", status=303, response_headers={"location": "The new place."})
    def handler() -> Redirect:
        return Redirect("/y", status=303)

    response = router.document()["paths"]["/x"]["get"]["responses"]["303"]
    assert response["headers"] == {
        "location": {"description": "The new place.", "schema": {"type": "string"}}
    }


def test_a_router_shares_options_with_its_handlers() -> None:
    inner = Application(responses={401: "who are you"}, deprecated=True)

    @inner.get("/a", responses={404: "none"})
    def a() -> int:
        return 1

    @inner.get("/b", include_in_schema=False)
    def b() -> int:
        return 1

    hidden = Application()

    @hidden.get("/c")
    def c() -> int:
        return 1

    outer = Application()
    outer.include(inner, prefix="/v1", responses={503: "busy"})
    outer.include(hidden, include_in_schema=False)
    paths = outer.document()["paths"]
    assert list(paths) == ["/v1/a"]
    assert list(paths["/v1/a"]["get"]["responses"]) == ["200", "401", "404", "503"]
    assert paths["/v1/a"]["get"]["deprecated"] is True
    assert (
        send_request(outer, "GET", "/v1/b").json() == send_request(outer, "GET", "/c").json() == 1
    )


def test_operations_are_named_by_a_function() -> None:
    router = Application(
        prefix="/v1",
        generate_operation_id=lambda function, method, path: f"{method}:{path}",
    )

    @router.get("/x")
    def handler() -> int:
        return 1

    @router.get("/y", operation_id="y")
    def other() -> int:
        return 1

    def names(router: Application) -> list[str]:
        return [item["get"]["operationId"] for item in router.document()["paths"].values()]

    assert names(router) == ["GET:/v1/x", "y"]
    outer = Application()
    outer.include(router, prefix="/api")
    assert names(outer) == ["GET:/v1/x", "y"]


def test_a_handler_has_middleware_dependencies_and_error_handlers_of_its_own() -> None:
    log: list[str] = []

    def layer(request: Request, call_next: Any) -> Response:
        log.append("layer")
        response: Response = call_next(request)
        response.set_header("x-layer", "1")
        return response

    def check() -> None:
        log.append("check")

    def forgive(request: Request, error: BaseException) -> Response:
        return Response(418)

    router = Application(dependencies=[lambda: log.append("router")])

    @router.get("/x", middleware=[layer], dependencies=[check], error_handlers={KeyError: forgive})
    def handler() -> None:
        raise KeyError("x")

    @router.get("/y")
    def other() -> None:
        log.append("other")

    outer = Application()
    outer.include(router)
    answer = send_request(outer, "GET", "/x")
    assert (answer.status, answer.headers.get("x-layer")) == (418, "1")
    assert log == ["layer", "router", "check"]
    log.clear()
    assert send_request(outer, "GET", "/y").headers.get("x-layer") is None
    assert log == ["router", "other"]


def test_a_handler_that_streams_keeps_its_dependencies() -> None:
    log: list[str] = []

    def opened() -> Iterator[str]:
        log.append("open")
        try:
            yield "s"
        except Exception as error:
            log.append(f"saw {error}")
            raise
        finally:
            log.append("close")

    router = Application()

    @router.get("/x")
    def handler(fails: bool, db: Annotated[str, Depends(opened)]) -> Iterator[str]:
        yield db
        log.append("between")
        if fails:
            raise ValueError("broken")
        yield db

    with router.start() as handle:
        response = handle(make_request("GET", "/x?fails=false"))
        assert log == ["open"]
        assert b"".join(response.body) == b"ss"  # type: ignore[arg-type]
    assert log == ["open", "between", "close"]
    log.clear()
    with pytest.raises(ValueError, match="broken"):
        send_request(router, "GET", "/x?fails=true")
    assert log == ["open", "between", "saw broken", "close"]
    log.clear()
    with router.start() as handle:
        body = handle(make_request("GET", "/x?fails=false")).body
        next(iter(body))
        body.close()  # type: ignore[union-attr]
        assert log == ["open", "close"]
        log.clear()
        handle(make_request("GET", "/x?fails=false")).body.close()  # type: ignore[union-attr]
    assert log == ["open", "close"]


# -- Accept -------------------------------------------------------------------------------------


def test_responses_do_not_depend_on_accept_by_themselves() -> None:
    router = Application()

    @router.get("/x")
    def it() -> Item:
        return Item("tea")

    with router.start() as handler:
        response = handler(Request("GET", "/x", [(b"accept", b"image/png")]))
    assert (response.status, response.body) == (200, b'{"name":"tea"}')


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        (b"application/json, text/html;q=0.9", 200, "application/json"),
        (b"text/html, */*;q=0.1", 200, "text/html; charset=utf-8"),
        (b"*/*", 200, "application/json"),
        (b"image/png", 406, "application/problem+json"),
    ],
)
def test_a_handler_may_choose_by_what_the_client_accepts(
    accept: bytes, status: int, kind: str
) -> None:
    router = Application()

    @router.get("/x", responses={406: "There is no such representation."})
    def it(request: Request) -> Item | Html:
        match request.accepts("application/json", "text/html"):
            case "application/json":
                return Item("tea")
            case "text/html":
                return Html("tea")
        raise NotAcceptable("application/json", "text/html")

    assert sorted(responses(router)["200"]["content"]) == ["application/json", "text/html"]
    with router.start(development=True) as handler:
        response = send_request(handler, "GET", "/x", headers={"accept": accept.decode()})
    assert (response.status, response.content_type) == (status, kind)
    assert (response.headers.get("vary") == "Accept") == (status == 406)


# Statuses without a body


def application_with(status: int, result: Any) -> Application:
    def handler() -> Any:
        return None

    handler.__annotations__["return"] = result
    app = Application()
    app.get("/x", status=status)(handler)
    return app


@pytest.mark.parametrize(
    ("status", "result", "name"),
    [(204, Item, "Item"), (304, list[int], r"list\[int\]"), (204, str, "str")],
)
def test_a_status_without_a_body_is_refused_for_results_that_have_one(
    status: int, result: Any, name: str
) -> None:
    message = f"the status {status} has no body, and the handler returns {name}: choose"
    with (
        pytest.raises(DocumentError, match=message),
        application_with(status, result).start(),
    ):
        pass


@pytest.mark.parametrize("result", [None, Any, object, Item | None])
def test_a_status_without_a_body_is_accepted_for_results_that_may_be_none(result: Any) -> None:
    with application_with(204, result).start() as running:
        response = running(make_request("GET", "/x"))
    assert (response.status, response.body) == (204, b"")


@pytest.mark.parametrize("result", [Response, NoContent, tuple[Item, int]])
def test_a_status_without_a_body_is_accepted_for_results_with_a_status(result: Any) -> None:
    with application_with(204, result).start():
        pass
