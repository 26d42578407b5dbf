import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import attrs
import pytest

from photon_router import (
    Application,
    Cookie,
    Depends,
    Header,
    HttpError,
    Json,
    Query,
    SignatureError,
)
from photon_runtime.http import Request, Response


def ask(
    router: Application,
    target: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Response:
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    request = Request(method, target, raw)
    request._parts = [body] if body else []
    with router.start() as handler:
        return handler(request)


def failure(router: Application, target: str) -> BaseException | None:
    """Send a request that fails; return the error that the response does not show."""
    request = Request("GET", target, [])
    with router.start() as handler:
        assert handler(request).status == 500
    return request.failure


def json_of(response: Response) -> Any:
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


@attrs.frozen
class Item:
    name: str


@attrs.define
class Log:
    """What happened, in order."""

    lines: list[str] = attrs.field(factory=list)

    def scoped(self, name: str) -> Callable[[], Iterator[str]]:
        def provide() -> Iterator[str]:
            self.lines.append(f"open {name}")
            try:
                yield name
            except Exception as error:
                self.lines.append(f"{name} saw {type(error).__name__}")
                raise
            finally:
                self.lines.append(f"close {name}")

        return provide


def test_a_dependency_gives_its_result_as_default_and_in_the_annotation() -> None:
    def page(number: int = 1) -> int:
        return number * 10

    router = Application()

    @router.get("/default")
    def by_default(start: int = Depends(page)) -> int:
        return start

    @router.get("/noted")
    def noted(start: Annotated[int, Depends(page)]) -> int:
        return start

    assert json_of(ask(router, "/default?number=4")) == 40
    assert json_of(ask(router, "/noted?number=5")) == 50
    assert json_of(ask(router, "/noted")) == 10


def test_a_dependency_has_arguments_from_every_part_of_the_request() -> None:
    def gather(
        request: Request,
        item_id: int,
        item: Json[Item],
        token: Header[str],
        theme: Cookie[str],
        q: str,
    ) -> list[object]:
        return [request.method, item_id, item.name, token, theme, q]

    router = Application()

    @router.post("/items/{item_id}")
    def handler(parts: Annotated[list[object], Depends(gather)]) -> list[object]:
        return parts

    response = ask(
        router,
        "/items/7?q=x",
        method="POST",
        headers={"token": "t", "cookie": "theme=dark", "content-type": "application/json"},
        body=b'{"name":"n"}',
    )
    assert json_of(response) == ["POST", 7, "n", "t", "dark", "x"]


def test_dependencies_of_dependencies_are_made_first_and_each_once_per_request() -> None:
    log = Log()

    def base(q: str) -> str:
        log.lines.append(f"base {q}")
        return q

    def left(value: Annotated[str, Depends(base)]) -> str:
        log.lines.append("left")
        return f"l{value}"

    def right(value: str = Depends(base), *, other: Annotated[str, Depends(left)]) -> str:
        log.lines.append("right")
        return f"r{value}{other}"

    router = Application()

    @router.get("/x")
    def handler(
        b: Annotated[str, Depends(right)],
        a: Annotated[str, Depends(left)],
        *,
        again: Annotated[str, Depends(base)],
    ) -> list[str]:
        log.lines.append("handler")
        return [a, b, again]

    with router.start() as response:
        for q in ("1", "2"):
            assert json_of(response(Request("GET", f"/x?q={q}", []))) == [f"l{q}", f"r{q}l{q}", q]
    one = ["left", "right", "handler"]
    assert log.lines == ["base 1", *one, "base 2", *one]


class Paging:
    def __init__(self, page: int = 1, *, size: int = 20) -> None:
        self.page, self.size = page, size


class Multiply:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, number: int) -> int:
        return number * self.factor

    def scoped(self, number: int) -> Iterator[int]:
        yield number + self.factor


def test_a_class_an_object_and_a_method_are_dependencies() -> None:
    router = Application()

    @router.get("/x")
    def handler(
        paging: Annotated[Paging, Depends(Paging)],
        product: Annotated[int, Depends(Multiply(3))],
        total: Annotated[int, Depends(Multiply(4).scoped)],
    ) -> list[int]:
        return [paging.page, paging.size, product, total]

    assert json_of(ask(router, "/x?size=5&number=2")) == [1, 5, 6, 6]


class Session:
    def __call__(self) -> Iterator[str]:
        yield "session"


def test_an_object_whose_call_is_a_generator_gives_what_it_yields() -> None:
    router = Application()

    @router.get("/x")
    def handler(session: Annotated[str, Depends(Session())]) -> str:
        return session

    assert json_of(ask(router, "/x")) == "session"


def test_generators_are_closed_in_reverse_order_after_the_response_was_made() -> None:
    log = Log()
    inner = log.scoped("inner")

    def outer(value: Annotated[str, Depends(inner)]) -> Iterator[str]:
        yield from log.scoped(f"outer of {value}")()

    router = Application()

    @router.get("/x")
    def handler(
        a: Annotated[str, Depends(outer)],
        b: Annotated[str, Depends(log.scoped("last"))],
        c: Annotated[str, Depends(inner)],
    ) -> list[str]:
        log.lines.append("handler")
        return [a, b, c]

    assert json_of(ask(router, "/x")) == ["outer of inner", "last", "inner"]
    assert log.lines == [
        "open inner",
        "open outer of inner",
        "open last",
        "handler",
        "close last",
        "close outer of inner",
        "close inner",
    ]


@pytest.mark.parametrize("error", [HttpError(404, "gone"), ZeroDivisionError("x")])
def test_generators_see_the_error_of_the_handler_and_are_closed(error: Exception) -> None:
    log = Log()
    router = Application()

    @router.get("/x")
    def handler(
        a: Annotated[str, Depends(log.scoped("a"))], b: Annotated[str, Depends(log.scoped("b"))]
    ) -> None:
        raise error

    if isinstance(error, HttpError):
        assert json_of(ask(router, "/x"))["detail"] == "gone"
    else:
        assert failure(router, "/x") is error
    name = type(error).__name__
    assert log.lines == [
        "open a",
        "open b",
        f"b saw {name}",
        "close b",
        f"a saw {name}",
        "close a",
    ]


def test_a_result_without_a_form_in_json_is_an_error_that_generators_see() -> None:
    log = Log()
    router = Application()

    @router.get("/x")
    def handler(a: Annotated[str, Depends(log.scoped("a"))]) -> object:
        return object()

    assert "cannot be encoded as JSON" in str(failure(router, "/x"))
    assert log.lines == ["open a", "a saw TypeError", "close a"]


def test_an_error_of_a_later_dependency_closes_the_earlier_ones() -> None:
    log = Log()

    def refuse() -> str:
        raise HttpError(403, "not you", headers={"x-why": "because"})

    router = Application()

    @router.get("/x")
    def handler(
        a: Annotated[str, Depends(log.scoped("a"))],
        b: Annotated[str, Depends(refuse)],
        c: Annotated[str, Depends(log.scoped("c"))],
    ) -> None:
        log.lines.append("handler")

    response = ask(router, "/x")
    assert (response.status, response.header("x-why")) == (403, "because")
    assert log.lines == ["open a", "a saw HttpError", "close a"]


def test_a_generator_may_respond_in_place_of_the_handlers_error() -> None:
    def translate() -> Iterator[None]:
        try:
            yield
        except KeyError as error:
            raise HttpError(404, f"no {error}") from error

    router = Application()

    @router.get("/x")
    def handler(_: Annotated[None, Depends(translate)]) -> None:
        raise KeyError("item")

    assert json_of(ask(router, "/x"))["detail"] == "no 'item'"


def test_a_generator_that_refuses_at_its_end_replaces_the_response() -> None:
    def commit() -> Iterator[None]:
        yield
        raise HttpError(409, "somebody was faster")

    router = Application()

    @router.get("/x")
    def handler(_: Annotated[None, Depends(commit)]) -> str:
        return "done"

    assert ask(router, "/x").status == 409


def test_a_generator_that_swallows_the_handlers_error_is_reported() -> None:
    def swallow() -> Iterator[None]:
        with contextlib.suppress(KeyError):
            yield

    router = Application()

    @router.get("/x")
    def handler(_: Annotated[None, Depends(swallow)]) -> None:
        raise KeyError("item")

    assert "swallowed the handler's error" in str(failure(router, "/x"))


def test_nothing_is_called_when_the_request_is_invalid() -> None:
    log = Log()

    def paged(page: int) -> int:
        log.lines.append("paged")
        return page

    router = Application()

    @router.get("/x")
    def handler(
        a: Annotated[str, Depends(log.scoped("a"))],
        start: Annotated[int, Depends(paged)],
        size: int = 1,
    ) -> None:
        log.lines.append("handler")

    response = ask(router, "/x?page=one&size=two")
    assert response.status == 422
    assert [detail["name"] for detail in json_of(response)["errors"]] == ["page", "size"]
    assert log.lines == []


def test_what_a_dependency_takes_from_the_request_is_documented() -> None:
    def inner(token: Header[str]) -> str:
        return token

    def outer(item: Json[Item], value: Annotated[str, Depends(inner)], page: int = 1) -> int:
        return page

    router = Application()

    @router.post("/x/{page}")
    def handler(start: Annotated[int, Depends(outer)], q: str | None = None) -> None: ...

    operation = router.document()["paths"]["/x/{page}"]["post"]
    found = {(each["in"], each["name"]): each["required"] for each in operation["parameters"]}
    assert found == {("header", "token"): True, ("path", "page"): True, ("query", "q"): False}
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Item"
    }


def test_a_body_in_a_dependency_is_a_second_body() -> None:
    def outer(item: Json[Item]) -> Item:
        return item

    router = Application()

    @router.post("/x")
    def handler(a: Annotated[Item, Depends(outer)], b: Json[Item]) -> None: ...

    with pytest.raises(SignatureError, match="a request has one body"):
        router.document()


def test_equal_names_in_different_places_stay_apart() -> None:
    def visitor(session: Cookie[str] = "no cookie") -> str:
        return session

    router = Application()

    @router.get("/x")
    def handler(user: Annotated[str, Depends(visitor)], session: str = "no query") -> list[str]:
        return [user, session]

    sent = {"cookie": "session=cookie"}
    assert json_of(ask(router, "/x?session=query", headers=sent)) == ["cookie", "query"]
    assert json_of(ask(router, "/x", headers=sent)) == ["cookie", "no query"]


def test_the_same_parameter_may_be_requested_twice() -> None:
    def page_of(page: Query[int] = 1) -> int:
        return page

    router = Application()

    @router.get("/x")
    def handler(a: Annotated[int, Depends(page_of)], page: int = 5) -> list[int]:
        return [a, page]

    assert json_of(ask(router, "/x?page=3")) == [3, 3]
    assert json_of(ask(router, "/x")) == [1, 5]
    assert len(router.document()["paths"]["/x"]["get"]["parameters"]) == 1


def ring(value: "Annotated[int, Depends(ring_back)]") -> int:
    return value


def ring_back(value: Annotated[int, Depends(ring)]) -> int:
    return value


def test_dependencies_in_a_circle_are_refused_with_their_place() -> None:
    router = Application()

    @router.get("/x")
    def handler(value: Annotated[int, Depends(ring)]) -> int:
        return value

    with pytest.raises(SignatureError, match="ring"), router.start():
        pass
