import contextlib
import json
import types
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import attrs
import pytest

from photon_router import (
    Application,
    Depends,
    DocumentError,
    HttpError,
    Json,
    SignatureError,
    photon_route,
)
from photon_router.security import ApiKey
from photon_runtime.http import Handler, Request, Response
from photon_runtime.testing import send_request


def unmarked() -> None:
    """Handle nothing: no decorator marks it."""


@attrs.frozen
class Item:
    name: str


def one() -> str:
    return "one"


def another() -> str:
    return "another"


# Decorators


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_there_is_a_decorator_for_each_method(method: str) -> None:
    router = Application()

    def handler() -> str:
        return method

    assert getattr(router, method)("/x")(handler) is handler
    assert send_request(router, method.upper(), "/x").json() == method
    assert list(router.document()["paths"]["/x"]) == [method]


@pytest.mark.parametrize("method", ["TRACE", "options", "Head", "GET"])
def test_route_takes_any_method_in_any_case(method: str) -> None:
    router = Application()

    @router.route("/x", method=method)
    def handler() -> Response:
        return Response(202)

    assert send_request(router, method.upper(), "/x").status == 202


def test_a_method_that_a_document_cannot_say_is_refused() -> None:
    with pytest.raises(SignatureError, match=r"one method of GET, PUT, .*, not 'PURGE'"):
        Application().route("/x", method="PURGE")


def test_a_path_begins_with_a_slash() -> None:
    with pytest.raises(SignatureError, match="a path must begin with a slash, not 'x'") as caught:
        Application().get("x")(unmarked)
    assert f"unmarked ({__file__}:" in str(caught.value)


def test_an_empty_path_is_the_prefix_itself() -> None:
    router = Application(prefix="/items")

    @router.get("")
    def list_items() -> str:
        return "all"

    assert send_request(router, "GET", "/items").json() == "all"
    with pytest.raises(SignatureError, match="a path must begin with a slash, not ''"):
        Application().get("")(unmarked)


@pytest.mark.parametrize("prefix", ["/", "api", "/api/"])
def test_a_prefix_begins_with_a_slash_and_ends_without_one(prefix: str) -> None:
    with pytest.raises(ValueError, match="a prefix must begin with a slash"):
        Application(prefix=prefix)


def test_one_function_may_handle_several_routes() -> None:
    router = Application()

    @router.get("/a")
    @router.get("/b", operation_id="other")
    def handler() -> str:
        return "x"

    assert (
        send_request(router, "GET", "/a").json() == send_request(router, "GET", "/b").json() == "x"
    )


@attrs.frozen
class Greeter:
    greeting: str

    def __call__(self, name: str) -> str:
        return f"{self.greeting}, {name}"

    def greet(self, name: str) -> str:
        return self(name)


def test_methods_and_objects_are_handlers() -> None:
    router = Application()
    router.get("/method/{name}")(Greeter("Hello").greet)
    router.get("/object/{name}", operation_id="object")(Greeter("Goodbye"))
    assert send_request(router, "GET", "/method/Ada").json() == "Hello, Ada"
    assert send_request(router, "GET", "/object/Ada").json() == "Goodbye, Ada"


def document_with(router: Application, handler: Callable[..., object]) -> None:
    router.get("/x/{name}")(handler)
    router.document()


def test_an_object_without_a_name_needs_an_operation_id() -> None:
    router = Application()
    with pytest.raises(SignatureError, match="operation_id"):
        document_with(router, Greeter("Hello"))


def test_a_second_handler_of_an_operation_is_refused_with_both_places() -> None:
    router = Application(spec={"openapi": "3.1.0"})
    router.operation("read")(one)
    with pytest.raises(SignatureError) as caught:
        router.operation("read")(another)
    assert str(caught.value).startswith(f"another ({__file__}:")
    assert f"one ({__file__}:" in str(caught.value)
    assert "handles 'read' already" in str(caught.value)


# Marks and includes


@photon_route(method="post", path="/items/{id}", status=201, tags=["items"])
def make_item(id: int, body: Json[Item]) -> Json[Item]:
    """Make an item."""
    return Item(f"{body.name} {id}")


@photon_route(method="GET", path="/items")
def list_items(q: str = "") -> list[str]:
    return [q]


def test_a_marked_function_stays_what_it_is() -> None:
    assert make_item(1, Item("a")) == Item("a 1")
    assert make_item.__name__ == "make_item"


def test_a_marked_function_is_included() -> None:
    router = Application()
    router.include(make_item)
    response = send_request(router, "POST", "/items/7", json={"name": "x"})
    assert (response.status, response.json()) == (201, {"name": "x 7"})
    operation = router.document()["paths"]["/items/{id}"]["post"]
    assert (operation["operationId"], operation["tags"]) == ("make_item", ["items"])
    assert operation["summary"] == "Make an item."


def module(**names: object) -> types.ModuleType:
    made = types.ModuleType("handlers")
    vars(made).update(names)
    return made


def test_every_marked_function_of_a_module_is_included() -> None:
    router = Application(prefix="/api", tags=["all"])
    router.include(module(a=make_item, b=list_items, c=unmarked, d=3, json=json, e=Item))
    document = router.document()
    assert list(document["paths"]) == ["/api/items/{id}", "/api/items"]
    assert document["paths"]["/api/items/{id}"]["post"]["tags"] == ["all", "items"]
    assert send_request(router, "GET", "/api/items?q=x").json() == ["x"]


def test_a_function_with_two_names_in_a_module_is_included_once() -> None:
    router = Application()
    router.include(module(list_items=list_items, index=list_items))
    assert send_request(router, "GET", "/items?q=x").json() == ["x"]


def test_several_marks_make_several_operations() -> None:
    @photon_route(method="GET", path="/a")
    @photon_route(method="GET", path="/b", tags=["b"])
    def handler() -> str:
        return "x"

    router = Application()
    router.include(handler)
    assert (
        send_request(router, "GET", "/a").json() == send_request(router, "GET", "/b").json() == "x"
    )


def test_one_function_on_several_paths_has_an_operation_id_for_each() -> None:
    def read() -> None: ...

    router = Application(prefix="/v1")
    router.get("/a")(read)
    router.get("/c-d")(read)
    router.put("/a")(read)
    router.post("/a", operation_id="write")(read)
    paths = router.document()["paths"]
    names = [each["operationId"] for item in paths.values() for each in item.values()]
    assert names == ["read", "read_put_v1_a", "write", "read_get_v1_c_d"]


@pytest.mark.parametrize(
    ("source", "name"),
    [(unmarked, "unmarked"), (module(a=unmarked), "handlers")],
    ids=["function", "module"],
)
def test_including_nothing_is_refused(source: Any, name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} has no handlers: mark them with @photon_route"):
        Application().include(source)


def test_a_router_is_included_with_prefix_and_tags() -> None:
    inner = Application(prefix="/items", tags=["items"])

    @inner.get("/{id}", tags=["one"])
    def read(id: int) -> int:
        return id

    middle = Application(prefix="/shop", tags=["shop"])
    middle.include(inner)
    outer = Application(prefix="/v1", tags=["items", "all"])
    outer.include(middle)

    assert send_request(outer, "GET", "/v1/shop/items/7").json() == 7
    assert send_request(inner, "GET", "/items/7").json() == 7
    operation = outer.document()["paths"]["/v1/shop/items/{id}"]["get"]
    assert operation["tags"] == ["items", "all", "shop", "one"]
    assert inner.document()["paths"]["/items/{id}"]["get"]["tags"] == ["items", "one"]


def test_handlers_of_operations_and_lifespans_come_with_an_included_router() -> None:
    log: list[str] = []

    @contextlib.contextmanager
    def lifespan() -> Iterator[None]:
        log.append("in")
        yield
        log.append("out")

    inner = Application(lifespan=lifespan)
    inner.operation("read")(lambda: "x")
    response = {"operationId": "read", "responses": {"200": {"description": "Fine."}}}
    outer = Application(spec={"openapi": "3.1.0", "paths": {"/x": {"get": response}}})
    outer.include(inner)
    assert send_request(outer, "GET", "/x").json() == "x"
    assert log == ["in", "out"]


def test_an_included_router_does_not_take_an_operation_over() -> None:
    inner, outer = Application(), Application(spec={"openapi": "3.1.0"})
    outer.operation("read")(one)
    inner.operation("read")(another)
    with pytest.raises(SignatureError, match="handles 'read' already"):
        outer.include(inner)


def test_a_router_does_not_include_itself_nor_what_belongs_to_the_application() -> None:
    router = Application()
    with pytest.raises(ValueError, match="cannot include itself"):
        router.include(router)
    with pytest.raises(ValueError, match="only the application itself can have a spec"):
        router.include(Application(spec={"openapi": "3.1.0"}))


# The document


def test_the_document_says_what_the_application_is() -> None:
    router = Application(
        title="Shop", version="2", description="All.", servers=["https://a.example/v1", "/b"]
    )
    assert router.document() == {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "2", "description": "All."},
        "paths": {},
        "servers": [{"url": "https://a.example/v1"}, {"url": "/b"}],
    }
    assert Application().document()["info"] == {"title": "Photon", "version": "0.1.0"}


def test_what_the_application_says_goes_before_what_the_document_says() -> None:
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "Old", "version": "1", "contact": {"name": "Ada"}},
        "servers": [{"url": "/old"}],
    }
    document = Application(spec=spec, title="New", servers=["/new"]).document()
    assert document["info"] == {"title": "New", "version": "1", "contact": {"name": "Ada"}}
    assert document["servers"] == [{"url": "/new"}]
    assert Application(spec=spec).document()["info"] == spec["info"]
    assert Application(spec=spec).document()["servers"] == spec["servers"]


# Starting and ending


def lifespan_of(log: list[str], name: str) -> Callable[[], contextlib.AbstractContextManager[None]]:
    @contextlib.contextmanager
    def lifespan() -> Iterator[None]:
        log.append(f"{name} in")
        try:
            yield
        finally:
            log.append(f"{name} out")

    return lifespan


def test_lifespans_are_entered_in_order_and_left_in_reverse() -> None:
    log: list[str] = []
    inner = Application(lifespan=lifespan_of(log, "inner"))
    router = Application(lifespan=lifespan_of(log, "outer"))
    router.include(inner)

    @router.get("/x")
    def handler() -> None:
        log.append("handler")

    assert log == []
    send_request(router, "GET", "/x")
    assert log == ["outer in", "inner in", "handler", "inner out", "outer out"]


def test_lifespans_are_left_when_the_application_fails() -> None:
    log: list[str] = []
    router = Application(lifespan=lifespan_of(log, "it"))
    with pytest.raises(ZeroDivisionError), router.start():
        raise ZeroDivisionError
    assert log == ["it in", "it out"]


def test_a_lifespan_is_not_entered_when_the_application_is_not_in_order() -> None:
    log: list[str] = []
    router = Application(lifespan=lifespan_of(log, "it"))
    router.operation("ghost")(one)
    with pytest.raises(DocumentError), router.start():
        pass
    assert log == []


def test_an_application_can_be_started_again() -> None:
    router = Application()
    router.include(list_items)
    assert [send_request(router, "GET", f"/items?q={number}").json() for number in (1, 2)] == [
        ["1"],
        ["2"],
    ]


def test_two_applications_in_one_process_do_not_meet() -> None:
    log: list[str] = []

    def noting(name: str) -> Callable[[Request, Handler], Response]:
        def middleware(request: Request, call_next: Handler) -> Response:
            log.append(name)
            return call_next(request)

        return middleware

    def whose() -> str:
        return "shared"

    def application(name: str, status: int) -> Application:
        router = Application(title=name, validation_status=status, tags=[name])
        router.middleware(noting(name))
        router.include(list_items)

        @router.get(f"/{name}")
        def own(number: int, shared: Annotated[str, Depends(whose)]) -> list[object]:
            return [name, number, shared]

        return router

    one, other = application("one", 422), application("other", 400)
    with one.start() as first, other.start() as second:
        for _ in range(2):
            assert send_request(first, "GET", "/one?number=1").json() == ["one", 1, "shared"]
            assert send_request(second, "GET", "/other?number=2").json() == ["other", 2, "shared"]
        assert first(Request("GET", "/other?number=1", [])).status == 404
        assert first(Request("GET", "/one?number=x", [])).status == 422
        assert second(Request("GET", "/other?number=x", [])).status == 400
    assert log == ["one", "other"] * 2 + ["one", "one", "other"]
    assert one.document()["paths"]["/items"]["get"]["tags"] == ["one"]
    assert other.document()["paths"]["/items"]["get"]["tags"] == ["other"]
    assert "/other" not in one.document()["paths"]


def test_routes_of_later_declarations_do_not_change_a_started_application() -> None:
    router = Application()
    with router.start() as handler:
        router.include(list_items)
        assert handler(Request("GET", "/items", [])).status == 404
    assert send_request(router, "GET", "/items").status == 200


def test_an_error_fails_only_its_own_request() -> None:
    router = Application()

    @router.get("/{name}")
    def handler(name: str) -> str:
        if name == "bad":
            raise HttpError(418)
        return name

    with router.start() as response:
        statuses = [response(Request("GET", f"/{name}", [])).status for name in ("a", "bad", "c")]
    assert statuses == [200, 418, 200]


def refuse(request: Request, call_next: Handler) -> Response:
    raise HttpError(403, "not for you")


def test_what_a_router_mounts_is_below_its_prefix_and_within_its_middleware() -> None:
    inner = Application(prefix="/files", middleware=[lambda request, call_next: call_next(request)])
    inner.mount("/raw", lambda request: Response(body=request.path_values[-1]))
    admin = Application(prefix="/admin", middleware=[refuse])
    admin.mount("/own", lambda request: Response(body="secret"))
    admin.include(inner)
    app = Application()
    app.include(admin, prefix="/v1")
    app.mount("/open", lambda request: Response(body="open"))
    for path in ("/v1/admin/own", "/v1/admin/own/a", "/v1/admin/files/raw/a"):
        assert send_request(app, "GET", path).status == 403
    for path in ("/raw/a", "/own", "/v1/own"):
        assert send_request(app, "GET", path).status == 404
    assert send_request(app, "GET", "/open").status == 200


def test_errors_of_a_mount_are_responded_to_by_its_router() -> None:
    inner = Application()

    @inner.error_handler(ZeroDivisionError)
    def tell(request: Request, error: BaseException) -> Response:
        return Response(400, body="divided")

    inner.mount("/half", lambda request: Response(body=str(1 / 0)))
    app = Application()
    app.include(inner)
    assert send_request(app, "GET", "/half").status == 400


def test_a_mount_that_its_router_would_seem_to_guard_is_refused() -> None:
    key = ApiKey({"ada": "k" * 20}, header="X-Key")
    guarded = [
        Application(security=[key]),
        Application(dependencies=[lambda: None]),
        Application(),
        Application(),
    ]
    for inner in guarded:
        inner.mount("/files", lambda request: Response())
    app = Application()
    for inner, options in zip(
        guarded, [{}, {}, {"security": [key]}, {"dependencies": [lambda: None]}], strict=True
    ):
        with pytest.raises(ValueError, match="the mount at /files is not an operation"):
            app.include(inner, **options)  # type: ignore[arg-type]  # of two kinds
    public = Application(security=[])
    public.mount("/files", lambda request: Response())
    app.include(public)
