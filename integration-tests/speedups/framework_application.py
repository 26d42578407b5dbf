"""An application with routes, validation, dependencies, middleware and streams."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator
from typing import Annotated

import attrs

from photon import (
    Cookie,
    Created,
    Depends,
    EventStream,
    Form,
    Header,
    Html,
    HttpError,
    Json,
    NoContent,
    Param,
    Photon,
    Query,
    Redirect,
    Request,
    Response,
    Router,
    SetCookie,
    Status,
    Stream,
    Text,
    sleep,
)
from photon_router.middleware import Cors
from photon_runtime.http import Handler

log = logging.getLogger("application")
user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="unknown")
app = Photon(title="Shop", version="1.0.0")
app.middleware(Cors(allow_origins=["https://shop.example"]))


@app.middleware
def note(request: Request, call_next: Handler) -> Response:
    """Log before and after, and add a field."""
    log.info("begins: %s %s, %s", request.method, request.target, user.get())
    user.set(request.target)
    response = call_next(request)
    log.info("ends: %s, %r", response.status, request.failure)
    response.add_header("x-route", "none" if request.route is None else request.route.template)
    return response


@app.middleware
def interfere(request: Request, call_next: Handler) -> Response:
    """Refuse, fail, answer or wait, where the query says so."""
    match request.query.get("middleware"):
        case "refuse":
            raise HttpError(402, "pay first", headers={"x-price": "5"})
        case "fail":
            raise LookupError("in the middleware")
        case "fail-later":
            call_next(request)
            raise LookupError("after the handler")
        case "answer":
            return Response(body="answered early")
        case "replace":
            response = call_next(request)
            return Response(response.status, body=b"replaced", headers=response.headers)
        case "wait":
            sleep(0.001)
        case "twice":
            call_next(request)
    return call_next(request)


@attrs.frozen
class Item:
    """Something to buy."""

    name: str
    price: float = attrs.field(default=1.0, validator=attrs.validators.ge(0))
    tags: list[str] = attrs.field(factory=list)


@attrs.frozen
class Missing:
    """The item does not exist."""

    name: str


@attrs.frozen
class Order:
    """Several items."""

    items: list[Item]
    note: str | None = None


def session(x_user: Header[str] = "ada") -> Iterator[list[str]]:
    """Provide a list, and log the end."""
    log.info("session of %s begins", x_user)
    seen: list[str] = [x_user]
    try:
        yield seen
    except ValueError as error:
        log.info("session saw %r", error)
        raise
    finally:
        log.info("session of %s ends with %s", x_user, seen)


def broken() -> str:
    """Fail before the handler."""
    raise OSError("the dependency failed")


def refused() -> str:
    """Refuse before the handler."""
    raise HttpError(403, "not for you")


Session = Annotated[list[str], Depends(session)]


@app.get("/")
def read_root() -> dict[str, str]:
    """Return a constant."""
    return {"message": "Hello, World!"}


@app.get("/items/{number}")
def read_item(
    number: int, page: int = 1, tags: Query[list[str] | None] = None
) -> dict[str, object]:
    """Return the parameters."""
    return {"number": number, "page": page, "tags": tags}


@app.get("/search/{number}/{kind}")
def search(
    number: int,
    kind: str,
    *,
    text: str = "",
    page: Annotated[int, Param(ge=1, le=100)] = 1,
    price: float | None = None,
    is_new: bool = False,
) -> list[object]:
    """Return parameters of several types."""
    return [number, kind, text, page, price, is_new]


@app.get("/names/{name}")
def read_name(name: str) -> Item | Annotated[Missing, Status(404)]:
    """Return an item, or not."""
    return Missing(name) if name == "none" else Item(name)


@app.post("/orders")
def make_order(order: Json[Order]) -> Created[Order]:
    """Return the order."""
    return Created(order, location="/orders/1")


@app.put("/items/{number}")
def put_item(number: int, item: Json[Item], notes: Session) -> Item:
    """Use a dependency."""
    notes.append(f"put {number}")
    return item


@app.delete("/items/{number}")
def delete_item(number: Annotated[int, Param(ge=1)], notes: Session) -> None:
    """Fail in several ways, with a dependency that must end."""
    notes.append("deleted")
    if number == 2:
        raise ValueError("two")
    if number == 3:
        raise HttpError(409, "three", headers={"x-three": "3"})
    if number == 4:
        raise SystemExit(4)


@app.get("/broken")
def use_broken(value: Annotated[str, Depends(broken)], notes: Session) -> str:
    """Never run."""
    return value


@app.get("/refused")
def use_refused(value: Annotated[str, Depends(refused)]) -> str:
    """Never run."""
    return value


@app.get("/wrong")
def return_wrong() -> Item:
    """Return another class than the annotation says."""
    return 5  # type: ignore[return-value]  # that is what is tried


@app.get("/unencodable")
def return_unencodable() -> dict[str, object]:
    """Return what is not JSON."""
    return {"a": object()}


@app.get("/text")
def read_text() -> Text:
    """Return a text."""
    return Text("gr\u00fc\u00dfe")


@app.get("/html")
def read_html() -> Html:
    """Return a page."""
    return Html("<h1>Shop</h1>")


@app.get("/redirect")
def redirect() -> Redirect:
    """Send the client elsewhere."""
    return Redirect("/items/1?a=b")


@app.get("/nothing")
def read_nothing() -> NoContent:
    """Return nothing."""
    return NoContent()


@app.get("/cookies")
def read_cookies(theme: Cookie[str | None] = None) -> tuple[str | None, int, list[SetCookie]]:
    """Return a cookie and set one."""
    return theme, 200, [SetCookie("theme", "dark"), SetCookie("seen", "1", max_age=5)]


@app.get("/status")
def read_status(code: int) -> tuple[str, int, dict[str, str]]:
    """Return any status."""
    return "content", code, {"x-code": str(code)}


@app.get("/stream")
def read_stream(count: int = 3) -> Stream:
    """Return parts."""

    def parts() -> Iterator[bytes]:
        for number in range(count):
            sleep(0.0)
            yield b"part %d\n" % number

    return Stream(parts())


@app.get("/events")
def read_events() -> EventStream[int]:
    """Return events."""
    return EventStream(iter(range(3)))


@app.post("/form")
def send_form(name: Form[str], age: Form[int | None] = None) -> dict[str, object]:
    """Read a form."""
    return {"name": name, "age": age}


@app.post("/bytes")
def send_bytes(request: Request) -> Response:
    """Return the body."""
    request.after_response(lambda: log.info("after %s", user.get()))
    return Response(body=request.body, headers={"x-length": str(request.content_length)})


@app.get("/large")
def read_large(size: int) -> Text:
    """Return a text of any size."""
    return Text("x" * size)


@app.get("/user")
def read_user() -> str:
    """Return the context variable."""
    return user.get()


part = Router(prefix="/part")


@part.middleware
def note_inside(request: Request, call_next: Handler) -> Response:
    """Add a field."""
    response = call_next(request)
    response.set_header("x-part", request.raw_path)
    return response


@part.get("/{rest:path}")
def read_rest(rest: str) -> str:
    """Return the rest of the path."""
    return rest


app.include(part)

GETS = [
    *("/", "/items/1", "/items/x", "/items/1?page=2&tags=a&tags=b", "/items/1?page=x", "/items/"),
    *("/items/99999999999999999999", "/names/tea", "/names/none", "/names/a%2Fb", "/names/%FF"),
    *("/broken", "/refused", "/wrong", "/unencodable", "/text", "/html", "/redirect", "/nothing"),
    *("/cookies", "/stream", "/stream?count=0", "/stream?count=x", "/events", "/user", "/none"),
    *("/part/a", "/part/a/b%20c", "/part/", "/part", "//", "/large?size=100", "/large?size=32767"),
    *(
        "/large?size=32768",
        "/large?size=65536",
        "/large?size=200000",
        "/status",
        "/status?code=",
        "/status?code=200",
    ),
    *("/status?code=204", "/status?code=304", "/status?code=418", "/status?code=599"),
    *("/status?code=600", "/status?code=100", "/openapi.json", "/docs", "/?middleware=refuse"),
    *("/?middleware=fail", "/?middleware=fail-later", "/?middleware=answer", "/?middleware=wait"),
    *("/items/1?middleware=replace", "/items/1?middleware=twice", "/none?middleware=twice"),
]
NUMBERS = [
    *("0", "1", "7", "007", "-1", "-0", "+1", "1.0", "1e3", "1_0", "", "x", "0x1", "%31", "1%20"),
    *("99", "100", "101", "999999999999999", "1000000000000000", "99999999999999999999", "%D9%A1"),
    *("NaN", "inf", "Infinity", "true", "false", "True", "yes", "null", "a+b", "a%2Bb", "%", "%zz"),
    *("%ff", "%00", "a=b", "=", "a;b", "~", "a'b", "a/b", "a%2Fb", "*", "a,b", "9" * 400),
]
OTHERS = [
    ("PUT", "/items/1", b'{"name": "tea", "price": 2, "tags": ["a"]}'),
    ("PUT", "/items/1", b'{"name": "tea", "price": -2}'),
    ("PUT", "/items/x", b'{"name": 5, "more": 1}'),
    ("PUT", "/items/1", b"not json"),
    ("PUT", "/items/1", b""),
    ("POST", "/orders", b'{"items": [{"name": "a"}, {"name": "b", "price": 0.5}], "note": null}'),
    ("POST", "/orders", b'{"items": [{"name": "a"}, {"price": "b"}, 5]}'),
    ("POST", "/orders", b"\xff"),
    ("POST", "/bytes", b"\x00\xff" * 500),
    ("POST", "/bytes", b""),
    ("POST", "/bytes", b"x" * 70_000),
    ("DELETE", "/items/1", b""),
    ("DELETE", "/items/2", b""),
    ("DELETE", "/items/3", b""),
    ("DELETE", "/items/4", b""),
    ("DELETE", "/items/0", b""),
    ("DELETE", "/", b""),
    ("PATCH", "/items/1", b"{}"),
    ("OPTIONS", "/items/1", b""),
    ("QUERY", "/", b""),
]
