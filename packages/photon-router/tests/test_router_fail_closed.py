"""A check that cannot decide refuses: what would be truthy without having run is never a value."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import attrs
import pytest

from photon_router import (
    Application,
    BackgroundTasks,
    Depends,
    DocumentError,
    HttpError,
    Json,
    Param,
    Request,
    RouterSettings,
    SignatureError,
    Wsgi,
)
from photon_router.middleware import RateLimit
from photon_router.observability.health import ready_page
from photon_router.security import (
    ApiKey,
    BasicAuth,
    BearerToken,
    Binding,
    Challenge,
    JwtBearer,
    MutualTls,
    TokenVerifier,
    Verified,
    Verifier,
)
from photon_runtime import run
from photon_runtime.settings import load_settings
from photon_runtime.testing import send_request

BODY = b'{"values":[1]}'
BEARER = {"authorization": "Bearer forged"}
BASIC = {"authorization": "Basic YTpi"}


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def hidden(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function such that nothing shows what it is."""
    return lambda *args: function(*args)


async def coroutine(*args: object) -> object:
    return object()


def generator(*args: object) -> Iterator[object]:
    yield object()


@contextlib.contextmanager
def manager(*args: object) -> Iterator[object]:
    yield object()


async def async_generator(*args: object) -> AsyncIterator[object]:
    yield object()


PUT_OFF = [coroutine, generator, manager, async_generator]
FORMS: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
    lambda function: function,
    decorated,
    functools.partial,
]


@pytest.fixture(params=[form(function) for function in PUT_OFF for form in FORMS], ids=str)
def put_off(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """A callable whose call does not run its body."""
    function: Callable[..., Any] = request.param
    return function


@pytest.mark.parametrize(
    "register",
    [
        BearerToken,
        BasicAuth,
        functools.partial(ApiKey, header="key"),
        MutualTls,
        lambda find: JwtBearer("k" * 32, algorithms=["HS256"], find=find),
        lambda find: MutualTls(lambda certificate: None, certificate=find),
        lambda key: RateLimit(requests=1, window=1, key=key),
        lambda check: Application().readiness.add("check", check),
        lambda call: BackgroundTasks().add(call),
        lambda call: Request("GET", "/", []).after_response(call),
        lambda layer: Application().middleware(layer),
        lambda layer: Application(middleware=[layer]),
        lambda layer: Application().get("/x", middleware=[layer])(lambda: None),
        lambda handler: Application().error_handler(HttpError)(handler),
        lambda handler: Application().get("/x", error_handlers={HttpError: handler})(lambda: None),
        lambda handler: Application().mount("/x", handler),
        lambda name: Application(generate_operation_id=name),
        lambda factory: Param(default_factory=factory),
    ],
    ids=itertools.count(),
)
def test_what_cannot_decide_is_refused_at_registration(
    register: Callable[[Any], object], put_off: Callable[..., Any]
) -> None:
    with pytest.raises(SignatureError, match=__file__):
        register(put_off)


@pytest.mark.parametrize(
    "function", [coroutine, async_generator, decorated(coroutine)], ids=itertools.count()
)
def test_asynchronous_providers_are_refused_at_registration(function: Callable[..., Any]) -> None:
    router = Application()
    for register in (
        lambda: Depends(function),
        lambda: Application(dependencies=[function]),
        lambda: router.overrides({generator: function}).__enter__(),
        lambda: Application(lifespan=function),
        lambda: router.get("/x")(function),
        lambda: Wsgi(function),
    ):
        with pytest.raises(SignatureError, match=__file__):
            register()


def test_a_lifespan_or_a_handler_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(SignatureError, match="contextmanager"):
        Application(lifespan=generator)  # type: ignore[arg-type]
    with pytest.raises(SignatureError, match="context manager"):
        Application().get("/x")(manager)


@pytest.mark.parametrize("function", PUT_OFF)
@pytest.mark.parametrize(
    ("verifier", "headers"),
    [
        (BearerToken, BEARER),
        (BasicAuth, BASIC),
        (functools.partial(ApiKey, header="key"), {"key": "forged"}),
    ],
    ids=["bearer", "basic", "key"],
)
def test_credentials_that_nothing_has_checked_let_nobody_in(
    verifier: Callable[[Any], Verifier], headers: dict[str, str], function: Callable[..., Any]
) -> None:
    router = Application(security=[verifier(hidden(function))])

    @router.get("/x")
    def handler() -> str:
        return "secret"

    response = send_request(router, "GET", "/x", headers=headers)
    assert response.status == 500
    assert b"secret" not in response.body


def test_a_context_manager_is_no_identity() -> None:
    router = Application(security=[BearerToken(lambda token: contextlib.nullcontext(token))])
    router.get("/x")(lambda: "secret")
    assert send_request(router, "GET", "/x", headers=BEARER).status == 500


def test_own_verifiers_are_held_to_it() -> None:
    class Late(TokenVerifier):
        async def verify(self, token: str) -> Verified:  # type: ignore[override]
            return Verified(token)

    class Bad(Verifier):
        def definition(self) -> dict[str, Any]:
            return {"type": "http", "scheme": "bearer"}

        def bind(self, definition: object) -> Binding:
            return Binding(coroutine, Challenge("Bearer"))  # type: ignore[arg-type]

    late = Application(security=[Late()])
    late.get("/x")(lambda: "secret")
    assert send_request(late, "GET", "/x", headers=BEARER).status == 500
    bad = Application(security=[Bad()])
    bad.get("/x")(lambda: "secret")
    with pytest.raises(DocumentError, match="the check of a verifier"):
        send_request(bad, "GET", "/x")


ADMITTED: list[str] = []


def refusing() -> Iterator[None]:
    if not ADMITTED:
        raise HttpError(403, "not you")
    yield


refusing_manager = contextlib.contextmanager(refusing)


@pytest.mark.parametrize(
    "guard",
    [
        refusing,
        decorated(refusing),
        decorated(decorated(refusing)),
        functools.partial(decorated(refusing)),
        refusing_manager,
        decorated(refusing_manager),
    ],
    ids=itertools.count(),
)
def test_a_guard_that_yields_runs_however_it_is_wrapped(guard: Callable[..., Any]) -> None:
    router = Application(dependencies=[guard])
    router.get("/x")(lambda: "secret")
    assert send_request(router, "GET", "/x").status == 403


@pytest.mark.parametrize("function", PUT_OFF)
def test_a_guard_that_is_hidden_is_an_error(function: Callable[..., Any]) -> None:
    router = Application(dependencies=[Depends(lambda: function())])
    router.get("/x")(lambda: "secret")
    assert send_request(router, "GET", "/x").status == 500


@pytest.mark.parametrize("scope", ["request", "application"])
@pytest.mark.parametrize("form", [lambda function: function, decorated], ids=["plain", "wrapped"])
@pytest.mark.parametrize("is_manager", [False, True])
def test_dependencies_that_yield_are_entered_and_left(
    scope: Any, form: Callable[[Any], Any], is_manager: bool
) -> None:
    events = []

    def resource() -> Iterator[str]:
        events.append("begun")
        yield "value"
        events.append("ended")

    provider = form(contextlib.contextmanager(resource) if is_manager else resource)
    router = Application()

    @router.get("/x")
    def handler(value: str = Depends(provider, scope=scope)) -> str:
        events.append(value)
        return value

    assert send_request(router, "GET", "/x").status == 200
    assert events == ["begun", "value", "ended"]


def test_a_wrapper_that_consumes_its_generator_gives_the_value() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    @functools.wraps(numbers)
    def collect() -> list[int]:
        return list(numbers())

    provided: Any = Depends(collect)
    router = Application()

    @router.get("/x")
    def handler(found: list[int] = provided) -> int:
        return len(found)

    assert send_request(router, "GET", "/x").body == b"1"


@pytest.mark.parametrize("function", PUT_OFF)
def test_what_slips_through_at_run_time_is_an_error(function: Callable[..., Any]) -> None:
    late: Any = hidden(function)

    def answering() -> None:
        return late()  # type: ignore[no-any-return]

    simple = Application()
    simple.get("/x")(answering)
    assert send_request(simple, "GET", "/x").status == 500

    layered = Application()
    layered.middleware(late)
    layered.get("/x")(lambda: "secret")
    assert send_request(layered, "GET", "/x").status == 500

    handled = Application()
    handled.error_handler(ValueError)(late)

    @handled.get("/x")
    def failing() -> None:
        raise ValueError

    assert send_request(handled, "GET", "/x").status == 500

    limited = Application(middleware=[RateLimit(requests=1, window=1, key=late)])
    limited.get("/x")(lambda: "secret")
    assert send_request(limited, "GET", "/x").status == 500


def test_work_after_the_response_that_has_not_run_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = Application()

    @router.get("/x")
    def handler(tasks: BackgroundTasks) -> None:
        tasks.add(lambda: coroutine())

    assert send_request(router, "GET", "/x").status == 204
    assert "its body has not run" in caplog.text


def test_readiness_that_nothing_has_decided_is_not_ok() -> None:
    router = Application()
    router.readiness.add("late", lambda: coroutine())
    router.readiness.add("open", lambda: contextlib.nullcontext())
    response = run(ready_page(router.readiness), Request("GET", "/ready", []))
    assert response.status == 503
    assert isinstance(response.body, bytes)
    assert response.body.count(b'"failed"') == 2


async def check(instance: object, attribute: object, value: object) -> None: ...


@attrs.define
class Item:
    name: str = attrs.field(validator=attrs.validators.optional(check))  # type: ignore[assignment]


@attrs.define
class Numbers:
    values: list[int]


def test_validators_of_models_have_to_run() -> None:
    router = Application()

    @router.post("/x")
    def handler(item: Json[Item]) -> None: ...

    with pytest.raises(SignatureError, match=r"a validator of .*Item\.name"):
        router.document()


async def convert(value: object) -> object:
    return value


@attrs.define
class Converted:
    name: str = attrs.field(converter=attrs.Converter(convert))  # type: ignore[misc]


def test_converters_of_models_have_to_run() -> None:
    router = Application()

    @router.post("/x")
    def handler(item: Json[Converted]) -> None: ...

    with pytest.raises(SignatureError, match=r"a converter of .*Converted\.name"):
        router.document()


# JSON that a page of another site can send


def taking(**options: Any) -> Application:
    router = Application(**options)

    @router.post("/x")
    def handler(value: Json[Numbers]) -> list[int]:
        return value.values

    return router


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "text/plain; charset=utf-8"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
    ],
)
@pytest.mark.parametrize("media", ["application/json", "*/*", "application/*"])
def test_json_that_any_page_can_send_is_refused(headers: dict[str, str], media: str) -> None:
    def serve(**options: Any) -> Application:
        router = Application(
            spec={
                "openapi": "3.1.0",
                "info": {"title": "T", "version": "1"},
                "paths": {
                    "/x": {
                        "post": {
                            "operationId": "add",
                            "requestBody": {"content": {media: {"schema": {"type": "object"}}}},
                            "responses": {"200": {"description": "Added."}},
                        }
                    }
                },
            },
            **options,
        )

        @router.operation("add")
        def add(body: Json[Numbers]) -> list[int]:
            return body.values

        return router

    for router in (serve(), taking()):
        response = send_request(router, "POST", "/x", headers=headers, body=BODY)
        assert response.status == 415, response.body
        assert response.headers.get("accept-post") in (media, "application/json")
    fine = {"content-type": "application/json"}
    assert send_request(serve(), "POST", "/x", headers=fine, body=BODY).status == 200


def test_the_lenient_way_is_a_setting(tmp_path: Any) -> None:
    assert send_request(taking(strict_content_type=False), "POST", "/x", body=BODY).body == b"[1]"
    assert RouterSettings().strict_content_type is True
    (tmp_path / "photon.toml").write_text("[router]\nstrict_content_type = false\n")
    router = taking()
    router.use_settings(load_settings(tmp_path, environment="test"))
    assert send_request(router, "POST", "/x", body=BODY).body == b"[1]"


def test_an_empty_body_needs_no_type() -> None:
    router = Application()

    @router.post("/x")
    def handler(value: Json[list[int]] | None = None) -> None: ...

    assert send_request(router, "POST", "/x").status == 204
