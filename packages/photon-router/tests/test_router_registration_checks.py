"""What can never work is refused where it is registered, with the place and the remedy."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from photon_router import (
    Application,
    Depends,
    HttpError,
    Request,
    Response,
    Router,
    SignatureError,
    StaticFiles,
    Wsgi,
    photon_route,
)
from photon_router.middleware import Cors
from photon_router.security import JwtBearer
from photon_runtime.http import Handler
from photon_runtime.testing import send_request

Register = Callable[[Any], object]
# What type-checkers would refuse is what is tested.
AnyApplication: Any = Application
AnyRouter: Any = Router
any_depends: Any = Depends
any_mark: Any = photon_route


class Session: ...


class AsyncLife:
    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *error: object) -> None: ...


class Life:
    entered = 0

    def __enter__(self) -> None:
        Life.entered += 1

    def __exit__(self, *error: object) -> None: ...


class AsgiMiddleware:
    def __init__(self, app: Any, options: int = 1) -> None: ...
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class ItemView:
    def get(self) -> str:
        return ""

    def find(self, item_id: int) -> str:
        return str(item_id)


@contextlib.contextmanager
def life() -> Iterator[None]:
    yield


@contextlib.contextmanager
def life_of_application(app: Application) -> Iterator[None]:
    yield


def bare_life() -> Iterator[None]:
    yield


async def async_life() -> Any:
    yield


def no_life() -> None: ...


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


def no_arguments() -> Response:
    return Response()


def one_argument(request: Request) -> Response:
    return Response()


def three_arguments(a: Any, b: Any, c: Any) -> Response:
    return Response()


def keyword_arguments(*, request: Request, call_next: Handler) -> Response:
    return call_next(request)


def pair(request: Request, second: Any) -> Response:
    return Response()


def identity(value: object) -> object:
    return value


REFUSED: list[tuple[str, Register, str]] = [
    # middleware
    ("class", lambda app: app.middleware(Cors), r"write `app.middleware\(Cors\(\.\.\.\)\)`"),
    ("asgi class", lambda app: app.middleware(AsgiMiddleware), "AsgiMiddleware is a class"),
    ("asgi", lambda app: app.middleware(AsgiMiddleware(0)), "is an async function"),
    ("wsgi middleware", lambda app: app.middleware(wsgi), r"mount it, as in .*Wsgi\("),
    ("none", lambda app: app.middleware(no_arguments), r"def no_arguments\(request, call_next\)"),
    ("one", lambda app: app.middleware(one_argument), r"takes \(request\), but middleware is"),
    ("three", lambda app: app.middleware(three_arguments), r"takes \(a, b, c\)"),
    ("keywords", lambda app: app.middleware(keyword_arguments), r"def keyword_arguments\("),
    ("http", lambda app: app.middleware("http"), "@app.middleware without brackets"),
    ("instance", lambda _: AnyApplication(middleware=Cors()), "middleware=... is a list"),
    ("list of classes", lambda _: AnyApplication(middleware=[Cors]), "Cors is a class"),
    ("route", lambda app: app.get("/", middleware=[Cors])(no_arguments), "Cors is a class"),
    # error handlers
    ("handler of one", lambda app: app.error_handler(HttpError)(one_argument), "takes"),
    ("handler of three", lambda app: app.error_handler(HttpError)(three_arguments), "takes"),
    ("class of errors", lambda app: app.error_handler(HttpError)(Session), "Session is a class"),
    ("no class", lambda app: app.error_handler(), r"@app.error_handler\(Exception\)"),
    ("status", lambda app: app.error_handler(404), "classes of errors, not for 404"),
    ("exit", lambda app: app.error_handler(SystemExit), "never called for SystemExit"),
    (
        "pairs",
        lambda app: app.get("/", error_handlers=[(HttpError, pair)])(no_arguments),
        "has functions by classes",
    ),
    # lifespans
    ("generator function", lambda app: app.lifespan(bare_life), "contextlib.contextmanager"),
    ("generator", lambda app: app.lifespan(bare_life()), "without calling it"),
    ("context manager", lambda app: app.lifespan(life()), "without calling it"),
    ("entered instance", lambda app: app.lifespan(Life()), "without calling it"),
    ("async", lambda app: app.lifespan(async_life), "is an async function"),
    (
        "async context manager",
        lambda app: app.lifespan(contextlib.asynccontextmanager(async_life)),
        "is an async function",
    ),
    ("async class", lambda app: app.lifespan(AsyncLife), "asynchronous context manager"),
    ("class without", lambda app: app.lifespan(Session), "not context managers"),
    ("argument", lambda app: app.lifespan(life_of_application), "called with no arguments"),
    ("nothing", lambda app: app.lifespan(no_life), "does not return a context manager"),
    ("text", lambda app: app.lifespan("startup"), "@app.lifespan above a function"),
    ("option", lambda _: AnyApplication(lifespan=bare_life), "contextlib.contextmanager"),
    # mounts
    ("application", lambda app: app.mount("/a", Application()), r"include\(router, prefix='/a'\)"),
    ("router", lambda app: app.mount("/", Router()), r"write `app.include\(router\)`"),
    ("bare wsgi", lambda app: app.mount("/a", wsgi), r"app.mount\('/a', Wsgi\(application\)\)"),
    ("asgi mount", lambda app: app.mount("/a", AsgiMiddleware(0)), "is an async function"),
    ("class mount", lambda app: app.mount("/a", StaticFiles), r"StaticFiles\(\.\.\.\)"),
    ("arguments", lambda app: app.mount("/a", no_arguments), r"no_arguments\(request\)"),
    ("module", lambda app: app.mount("/a", contextlib), "a function of a request"),
    # handlers
    ("method", lambda app: app.get("/{item_id}")(ItemView.find), "without its 'self'"),
    ("view", lambda app: app.get("/")(ItemView), r"write @app.view\(path\)"),
    ("view function", lambda app: app.view("/")(no_arguments), r"write @app.get\(path\)"),
    ("bare get", lambda app: app.get(no_arguments), "call the decorator"),
    ("bare view", lambda app: app.view(ItemView), "call the decorator"),
    ("bare operation", lambda app: app.operation(no_arguments), "call the decorator"),
    ("methods", lambda app: app.route("/", methods=["GET"]), "once for each method"),
    ("no method", lambda app: app.route("/"), 'method="GET"'),
    ("two methods", lambda app: app.route("/", method=["GET", "POST"]), "once for each method"),
    ("tags", lambda app: app.get("/", tags="items"), "tags=... is a list"),
    ("tags of a router", lambda _: AnyRouter(tags="items"), "tags=... is a list"),
    ("status text", lambda app: app.get("/", status="201"), "a number from 100 to 599"),
    ("responses", lambda app: app.get("/", responses=[404]), "responses=... is a mapping"),
    ("dependencies", lambda _: AnyRouter(dependencies=no_arguments), "dependencies=... is a list"),
    ("servers", lambda _: AnyApplication(servers="https://x.example"), "servers=... is a list"),
    ("security", lambda _: AnyRouter(security=JwtBearer), "security=... is a list"),
    ("switch", lambda app: app.get("/", include_in_schema="no"), "is true or false, not 'no'"),
    ("mark", lambda _: any_mark(method="GETS", path="/"), "not 'GETS'"),
    # dependencies and providers
    ("marker", lambda _: AnyRouter(dependencies=[Depends]), "Depends must be called"),
    ("called", lambda _: any_depends(identity(1)), "without calling it"),
    ("instance provided", lambda app: app.provide(Session, Session()), "`lambda: value`"),
    (
        "finish",
        lambda app: app.provide(Session, Session, finish=no_arguments),
        r"no_arguments\(value\)",
    ),
    (
        "release",
        lambda app: app.provide(Session, Session, release="late"),
        "'before_response' or 'after_response'",
    ),
    ("verifier", lambda app: app.security("token", JwtBearer), "has a verifier"),
    ("drain", lambda app: app.on_drain(one_argument), "called with no arguments"),
    ("readiness", lambda app: app.readiness.add("db", one_argument), "called with no arguments"),
    (
        "names",
        lambda _: AnyRouter(generate_operation_id=one_argument),
        r"\(function, method, path\)",
    ),
]


@pytest.mark.parametrize(
    ("register", "message"), [pytest.param(*each[1:], id=each[0]) for each in REFUSED]
)
def test_what_can_never_work_is_refused_where_it_is_registered(
    register: Register, message: str
) -> None:
    with pytest.raises(SignatureError, match=message):
        register(Application())


@pytest.mark.parametrize(
    ("source", "message"),
    [("shop.items", "import the module"), (Router, "Router is a class"), (contextlib, "@photon_")],
)
def test_what_has_no_handlers_is_not_included(source: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Application().include(source)


def test_a_class_of_parts_is_not_a_part() -> None:
    class Part:
        settings = object

        def install(self, host: Any, settings: Any) -> None: ...

    with pytest.raises(TypeError, match=r"Part is a class: write app.add\(Part\(\.\.\.\)\)"):
        Application().add(Part)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("add_middleware", "app.middleware("),
        ("include_router", "app.include("),
        ("on_event", "@app.lifespan"),
        ("exception_handler", "@app.error_handler("),
        ("register_blueprint", "app.include("),
        ("add_url_rule", "@app.get("),
    ],
)
def test_calls_of_other_frameworks_have_the_remedy(name: str, remedy: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(Application(), name)
    assert remedy in str(caught.value)
    assert getattr(Router(), "unknown", None) is None


def test_an_unknown_attribute_has_the_usual_message() -> None:
    with pytest.raises(AttributeError, match=r"^'Router' object has no attribute 'unknown'$"):
        Router().unknown  # type: ignore[attr-defined]  # noqa: B018


def logged(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Service:
    def audit(self, request: Request, call_next: Handler) -> Response:
        return call_next(request)

    def respond(self, request: Request, error: BaseException, status: int = 418) -> Response:
        return Response(status)


def test_what_works_is_registered() -> None:
    app, service = Application(), Service()
    app.middleware(Cors(allow_origins=["https://x.example"]))
    app.middleware(service.audit)
    app.middleware(logged(service.audit))
    app.middleware(functools.partial(lambda options, request, call_next: call_next(request), {}))
    app.middleware(lambda *args: args[1](args[0]))
    app.error_handler(HttpError)(logged(service.respond))
    app.error_handler(BaseException)(service.respond)
    for each in (life, Life, logged(life), lambda: Life(), functools.partial(Life)):
        app.lifespan(each)
    app.mount("/static/", lambda request: Response(body=b"static"))
    app.mount("/wsgi", Wsgi(wsgi))
    app.get("/service")(logged(lambda: "fine"))
    app.on_drain(logged(lambda: None))
    before = Life.entered
    assert send_request(app, "GET", "/service").json() == "fine"
    assert send_request(app, "GET", "/none").status == 418
    assert Life.entered > before


def test_a_lifespan_that_returns_something_else_stops_the_start() -> None:
    app = Application()
    app.lifespan(lambda: SimpleNamespace())
    with (
        pytest.raises(SignatureError, match=r"does not return a context manager.*namespace\(\)"),
        app.start(),
    ):
        pytest.fail("it has started")


# -- an application in another one


def test_an_included_application_brings_its_checks_and_calls() -> None:
    drained: list[str] = []
    inner = Application()
    inner.readiness.add("inner", lambda: None)
    inner.on_drain(lambda: drained.append("inner"))
    inner.get("/items")(lambda: "items")
    app = Application()
    app.include(inner, prefix="/shop")
    assert send_request(app, "GET", "/shop/items").json() == "items"
    assert "inner" in app.readiness._all_checks()
    with app.start() as handler:
        handler.drain()  # type: ignore[attr-defined]
    assert drained == ["inner"]


@pytest.mark.parametrize(
    "options", [{"strict_query": True}, {"servers": ["/v1"]}, {"validate_responses": False}]
)
def test_options_that_an_inclusion_would_lose_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} of an application"):
        Application().include(Application(**options))
    with pytest.raises(ValueError, match="not in a router"):
        Router().include(Application())


# -- decorated handlers


def test_a_decorator_may_look_for_an_argument_by_its_name() -> None:
    seen: list[str] = []

    def noting(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            seen.append(kwargs["request"].path)
            return function(*args, **kwargs)

        return wrapper

    app = Application()

    @app.get("/items/{item_id}")
    @noting
    def read(item_id: int, request: Request) -> int:
        return item_id

    assert send_request(app, "GET", "/items/3").json() == 3
    assert seen == ["/items/3"]


def test_what_partial_has_bound_is_not_a_parameter_of_the_request() -> None:
    def read(name: str, *, is_admin: bool = False, session: Any = None) -> dict[str, object]:
        return {"name": name, "admin": is_admin, "session": session}

    app = Application()
    handler = functools.partial(read, is_admin=True, session=Depends(lambda: "session"))
    app.get("/", operation_id="read")(handler)
    (parameter,) = app.document()["paths"]["/"]["get"]["parameters"]
    assert parameter["name"] == "name"
    got = send_request(app, "GET", "/?name=x&is_admin=false").json()
    assert got == {"name": "x", "admin": True, "session": "session"}
