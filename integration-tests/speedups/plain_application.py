"""A handler without a router, with an answer of every kind that a server has to deal with."""

from __future__ import annotations

import contextvars
import json
import logging
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from photon_runtime import current_task, deadline, scope, sleep, spawn, yield_now
from photon_runtime.http import HttpError, Request, Response

log = logging.getLogger("application")
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Unusual(BaseException):
    """An exception that is not an `Exception`."""


class Derived(Response):
    """A response class of an application."""

    __slots__ = ()


class Text(str):
    """Text of a class of its own."""

    __slots__ = ()


class Unhashable(str):
    """Text that fails when it is looked up in a cache."""

    __slots__ = ("error",)

    def __init__(self, text: str, error: Callable[[str], Exception]) -> None:
        """Keep what makes the error."""
        self.error = error

    def __new__(cls, text: str, error: Callable[[str], Exception]) -> Unhashable:
        """Make the text."""
        return super().__new__(cls, text)

    def __hash__(self) -> int:
        """Fail."""
        raise self.error(f"{self!r} has no hash")


class Broken(HttpError):
    """An error that cannot be shown."""

    def document(self) -> dict[str, object]:
        """Fail."""
        raise LookupError("it has no document")


class Body:
    """A streamed body that notes how it is used."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        """Give the parts, or raise them."""
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            yield part

    def close(self) -> None:
        """Note the end."""
        log.info("closed")


def seen(request: Request) -> Response:
    """Return everything that the handler sees of a request."""
    return as_json(
        {
            "method": request.method,
            "target": request.target,
            "path": [request.path, request.raw_path, request.raw_query],
            "query": request.query.pairs(),
            "headers": request.headers.pairs(),
            "cookies": request.cookies,
            "version": request.version,
            "length": request.content_length,
            "body": request.body.decode("latin-1"),
            "scheme": request.scheme,
            "upgrades": list(request.upgrades),
            "variable": variable.get(),
            "handled": repr(sys.exc_info()[1]),
            "task": current_task().state,
        }
    )


def as_json(value: object) -> Response:
    """Return a value as JSON."""
    return Response(body=json.dumps(value).encode(), content_type="application/json")


def raising(error: BaseException) -> Callable[[Request], Response]:
    """Return a handler that raises, below another function."""

    def inner() -> Response:
        raise error

    def handle(request: Request) -> Response:
        return inner()

    return handle


def chained(request: Request) -> Response:
    """Fail while another error is handled."""
    try:
        return {"a": Response()}["b"]
    except KeyError as error:
        raise RuntimeError("second") from error


def with_slot(name: str, value: object) -> Callable[[Request], Response]:
    """Return a handler whose response has an unusual value in a slot."""

    def handle(request: Request) -> Response:
        response = Response(body=b"content", content_type="text/plain")
        setattr(response, name, value)
        return response

    return handle


def without_slot(name: str) -> Callable[[Request], Response]:
    """Return a handler whose response has no value in a slot."""

    def handle(request: Request) -> Response:
        response = Response(body=b"content", headers={"x-a": "b"})
        delattr(response, name)
        return response

    return handle


def returning(value: Any) -> Callable[[Request], Response]:
    """Return a handler that returns something."""
    return lambda request: value


def of_size(size: int, *, fields: int = 0) -> Callable[[Request], Response]:
    """Return a handler with a body of a size, and that many bytes of other fields."""
    headers = [(f"x-{number}", "v" * 1000) for number in range(fields // 1000)]
    return lambda request: Response(body=b"0123456789abcdef" * (size // 16 + 1), headers=headers)


def exactly(size: int) -> Callable[[Request], Response]:
    """Return a handler with a body of exactly this size."""
    return lambda request: Response(body=b"x" * size, content_type="text/plain")


def after(*calls: Callable[[], object]) -> Callable[[Request], Response]:
    """Return a handler with calls after the response."""

    def handle(request: Request) -> Response:
        for call in calls:
            request.after_response(call)
        return Response(body=b"before")

    return handle


def fail() -> None:
    """Fail."""
    raise OSError("after the response")


def note_variable() -> None:
    """Log the context variable."""
    log.info("the variable is %s", variable.get())


def set_variable(request: Request) -> Response:
    """Set the context variable, which the next request must not see."""
    before = variable.get()
    variable.set(request.target)
    request.after_response(note_variable)
    return Response(body=f"{before} {variable.get()}")


def set_variable_only(request: Request) -> Response:
    """Set the context variable, and wait in between."""
    before = variable.get()
    variable.set(request.target)
    sleep(0.0)
    return Response(body=f"{before} {variable.get()}")


def log_something(request: Request) -> Response:
    """Log in the middle of a request."""
    log.warning("something of %s", request.path)
    return Response(204)


def wait_and_return(number: int) -> int:
    """Wait for one turn."""
    sleep(0.0)
    return number


def wait(request: Request) -> Response:
    """Wait in several ways."""
    sleep(0.001)
    yield_now()
    with scope() as group:
        tasks = [group.spawn(wait_and_return, number) for number in range(3)]
    other = spawn(variable.get)
    return as_json([*(task.result() for task in tasks), other.result()])


def wait_too_long(request: Request) -> Response:
    """Exceed a time limit of its own."""
    with deadline(0.001):
        sleep(5.0)
    return Response(204)


def cancel_itself(request: Request) -> Response:
    """Be cancelled."""
    current_task().cancel()
    sleep(5.0)
    return Response(204)


def recurse(request: Request) -> Response:
    """Exhaust the stack."""
    return recurse(request)


def read_twice(request: Request) -> Response:
    """Read the body twice."""
    return Response(body=request.body + b"|" + request.body)


def read_parts(request: Request) -> Response:
    """Read the body as it arrives."""
    return Response(body=b"".join(request.stream()))


def limit_body(request: Request) -> Response:
    """Allow a small body only."""
    request.body_limit = 3
    return Response(body=request.body)


def set_cookies(request: Request) -> Response:
    """Set two cookies."""
    response = Response(303, headers={"location": "/seen"})
    response.set_cookie("a", "1", max_age=5)
    response.delete_cookie("b")
    return response


def own_framing(request: Request) -> Response:
    """Set the fields that are the server's."""
    fields = ("content-length", "Transfer-Encoding", "connection", "Date", "Keep-Alive", "Upgrade")
    return Response(body=b"content", headers=[(name, "5") for name in fields])


def close_connection(request: Request) -> Response:
    """End the connection as the connection's own code does."""
    request._keep_alive = False
    return Response(body=b"last")


FIELDS: list[object] = [
    [("x-a", "b\r\nx-c: d")],
    [("x a", "b")],
    [("", "b")],
    [("x-a", "b\u20ac")],
    [("x-\u00e9", "b")],
    [("x-a", "\u00e9")],
    [("x-a", "")],
    [("x-a", 5)],
    [("x-a", None)],
    [(b"x-a", b"b")],
    [("x-a",)],
    [("x-a", "b", "c")],
    [5],
    ["ab"],
    [("a", "b"), ("c", "d\n")],
    [("x-a", "b"), ("x-a", "c")],
    [(Text("x-a"), Text("b"))],
    (("x-a", "b"),),
    {"x-a": "b"},
    {"ab": "b"},
    None,
    5,
    "ab",
    iter([("x-a", "b")]),
    [["x-a", "b"]],
    [("x-long", "v" * 30_000)],
    [("x-long", "v" * 50_000)],
    [("x-a", Unhashable("b", LookupError))],
    [("x-a", Unhashable("b", TimeoutError))],
    [("x-a", Unhashable("b", OSError))],
    [("x-a", Unhashable("b", partial(HttpError, 404)))],
]
STATUSES: list[object] = [
    *(200, 201, 202, 203, 204, 205, 206, 299, 301, 304, 400, 404, 418, 429, 451, 499, 500, 503),
    *(599, 600, 199, 101, 100, 0, -1, 10**30, True, 200.0, "200", None, 2**63, -(2**63)),
]
TYPES: list[object] = [
    *(None, "", "text/html", "text/plain\r\nx-a: b", "text/\u00e9", "text/\u20ac", Text("a/b")),
    *(5, b"a/b", "a/b\x00", "a" * 5000, "a" * 50_000, ()),
]
BODIES: list[object] = [
    *(b"", bytearray(b"ab"), memoryview(b"ab"), "text", None, 5, [], [b"a", b"", b"b"], (b"a",)),
    *([b"a", "b"], [5], iter([b"a"]), {b"a": 1}, object(), type("Bytes", (bytes,), {})(b"ab")),
]
ERRORS: list[BaseException] = [
    HttpError(404, "not here"),
    HttpError(400, "bad", headers={"x-a": "b", "retry-after": "1"}),
    HttpError(503),
    HttpError(401, headers={"www-authenticate": 'Basic realm="a"'}),
    Broken(400, "hidden"),
    ValueError("a value"),
    OSError("no such thing"),
    ConnectionResetError("of another connection"),
    BrokenPipeError("of a pipe"),
    TimeoutError("too late"),
    StopIteration(5),
    RecursionError("deep"),
    MemoryError(),
    AssertionError(),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    Unusual("unusual"),
    ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
    BaseExceptionGroup("several", [Unusual("a")]),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
]
SIZES = (
    *(0, 1, 9, 10, 99, 100, 32_700, 32_766, 32_767, 32_768, 32_769, 40_960, 65_535, 65_536, 65_537),
    200_000,
)

HANDLERS: dict[str, Callable[[Request], Response]] = {
    "/seen": seen,
    "/json": lambda request: as_json({"message": "Hello, World!"}),
    "/text": lambda request: Response(body="gr\u00fc\u00dfe"),
    "/of": lambda request: Response.of(201, b"made", "a/b"),
    "/empty": lambda request: Response(),
    "/derived": lambda request: Derived(body=b"derived"),
    "/chained": chained,
    "/variable": set_variable,
    "/variable-only": set_variable_only,
    "/log": log_something,
    "/wait": wait,
    "/wait-too-long": wait_too_long,
    "/cancel": cancel_itself,
    "/recurse": recurse,
    "/read-twice": read_twice,
    "/read-parts": read_parts,
    "/limit-body": limit_body,
    "/cookies": set_cookies,
    "/framing": own_framing,
    "/close": close_connection,
    "/after": after(lambda: log.info("after")),
    "/after-several": after(note_variable, fail, lambda: sleep(0.001), note_variable),
    "/stream": lambda request: Response(body=Body(b"one", b"", b"two")),
    "/stream-empty": lambda request: Response(body=Body()),
    "/stream-large": lambda request: Response(body=Body(b"x" * 70_000, b"y" * 70_000)),
    "/stream-fails": lambda request: Response(body=Body(b"one", ValueError("in a stream"))),
    "/stream-fails-at-once": lambda request: Response(body=Body(ValueError("at once"))),
    "/stream-length": lambda request: Response(
        body=Body(b"one", b"two"), headers={"content-length": "6"}
    ),
    "/stream-too-long": lambda request: Response(
        body=Body(b"one", b"two"), headers={"content-length": "4"}
    ),
    "/stream-trailers": lambda request: Response(
        body=Body(b"one"), trailers={"x-sum": lambda: "1"}
    ),
    **{f"/fields-{at}": with_slot("headers", value) for at, value in enumerate(FIELDS)},
    **{f"/status-{at}": with_slot("status", value) for at, value in enumerate(STATUSES)},
    **{f"/type-{at}": with_slot("content_type", value) for at, value in enumerate(TYPES)},
    **{f"/body-{at}": with_slot("body", value) for at, value in enumerate(BODIES)},
    **{f"/error-{at}": raising(error) for at, error in enumerate(ERRORS)},
    **{f"/size-{size}": exactly(size) for size in SIZES},
    **{f"/without-{name}": without_slot(name) for name in Response.__slots__},
    "/trailers-of-bytes": with_slot("trailers", {"x-sum": lambda: "1"}),
    "/large-fields": of_size(32_000, fields=9_000),
    "/larger-fields": of_size(100, fields=60_000),
    "/returns-none": returning(None),
    "/returns-text": returning("text"),
    "/returns-class": returning(Response),
    "/returns-object": returning(object()),
}


def handle(request: Request) -> Response:
    """Answer a request."""
    return HANDLERS.get(request.raw_path, seen)(request)
