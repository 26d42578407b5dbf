"""Dependencies of the application, and their overrides in tests."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any

import attrs
import pytest

from photon_router import Application, Depends, DocumentError, Header, HttpError, SignatureError
from photon_router.dispatch import compile_routes
from photon_runtime.http import Handler, Request, Response


def get(handler: Handler, target: str = "/x") -> Any:
    response = handler(Request("GET", target, []))
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


@attrs.define
class Pool:
    """Something that lives as long as the application."""

    log: list[str]
    name: str = "pool"
    given: int = 0

    def made(self) -> Iterator["Pool"]:
        self.log.append(f"open {self.name}")
        yield self
        self.log.append(f"close {self.name}")


# Values of the application


def test_a_value_of_the_application_is_made_once_and_ended_at_the_stop() -> None:
    log: list[str] = []
    pool = Pool(log)

    def address() -> str:
        log.append("address")
        return "db:5432"

    def connected(
        to: Annotated[str, Depends(address, scope="application")], size: int = 5
    ) -> Iterator[str]:
        log.append("connect")
        yield f"{to} x {size}"
        log.append("disconnect")

    def session(to: Annotated[str, Depends(connected, scope="application")]) -> Iterator[str]:
        log.append("session")
        yield to
        log.append("end")

    router = Application()

    @router.get("/x")
    def handler(
        db: Annotated[str, Depends(session)],
        shared: Annotated[Pool, Depends(pool.made, scope="application")],
    ) -> str:
        shared.given += 1
        return db

    @router.get("/y")
    def other(
        shared: Pool = Depends(pool.made, scope="application"),  # noqa: B008 - the marker
    ) -> int:
        return shared.given

    with router.start() as running:
        assert log == ["address", "connect", "open pool"]
        assert get(running) == get(running) == "db:5432 x 5"
        assert get(running, "/y") == 2
        assert log[3:] == ["session", "end", "session", "end"]
        del log[:]
    assert log == ["close pool", "disconnect"]
    parameters = [item["get"].get("parameters") for item in router.document()["paths"].values()]
    assert parameters == [None, None]


def test_values_of_the_application_live_within_its_lifespans() -> None:
    log: list[str] = []

    @contextmanager
    def lifespan() -> Iterator[None]:
        log.append("begin")
        yield
        log.append("end")

    router = Application(lifespan=lifespan)
    pool = Pool(log)

    @router.get("/x")
    def handler(pool: Annotated[Pool, Depends(pool.made, scope="application")]) -> None: ...

    with router.start():
        pass
    assert log == ["begin", "open pool", "close pool", "end"]


def test_each_start_has_values_of_its_own() -> None:
    router = Application()

    @router.get("/x")
    def handler(things: Annotated[list[int], Depends(list, scope="application")]) -> int:
        things.append(1)
        return len(things)

    with router.start() as one, router.start() as another:
        assert (get(one), get(one), get(another)) == (1, 2, 1)


def test_a_value_of_the_application_that_cannot_be_made_ends_the_start() -> None:
    log: list[str] = []
    pool = Pool(log)

    def broken(first: Annotated[Pool, Depends(pool.made, scope="application")]) -> int:
        raise OSError("no database")

    router = Application(dependencies=[Depends(broken, scope="application")])

    @router.get("/x")
    def handler() -> None: ...

    with pytest.raises(OSError, match="no database"), router.start():
        pass
    assert log == ["open pool"]  # its generator got the error


def per_request() -> int:
    return 1


def needs_a_request(value: Annotated[int, Depends(per_request)]) -> int:
    return value


def wants_a_parameter(q: str) -> str:
    return q


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (needs_a_request, r"needs_a_request .* lives as long as .* per_request .* each request"),
        (wants_a_parameter, "argument q: a dependency of the application is made before any"),
    ],
)
def test_the_application_cannot_need_what_a_request_has(provider: Any, message: str) -> None:
    router = Application()

    def handler(value: Annotated[Any, Depends(provider, scope="application")]) -> None: ...

    router.get("/x")(handler)
    with pytest.raises(DocumentError, match=message), router.start():
        pass


def test_scopes_and_sharing_are_what_they_say() -> None:
    with pytest.raises(SignatureError, match="'request' or 'application', not 'session'"):
        Depends(per_request, scope="session")  # type: ignore[call-overload]
    with pytest.raises(SignatureError, match="made once and always shared"):
        Depends(per_request, scope="application", use_cache=False)
    with pytest.raises(SignatureError, match="takes a function or a class, not 3"):
        Depends(3)  # type: ignore[call-overload]


def test_a_dependency_may_be_made_for_each_who_asks() -> None:
    made: list[int] = []

    def number() -> int:
        made.append(len(made))
        return made[-1]

    def inner(own: Annotated[int, Depends(number, use_cache=False)]) -> int:
        return own

    router = Application()

    @router.get("/x")
    def handler(
        a: Annotated[int, Depends(number)],
        b: Annotated[int, Depends(number)],
        c: Annotated[int, Depends(number, use_cache=False)],
        d: Annotated[int, Depends(inner)],
    ) -> list[int]:
        return [a, b, c, d]

    with router.start() as running:
        a, b, c, d = get(running)
    assert a == b
    assert len({a, c, d}) == 3


# Stand-ins


def real() -> str:
    raise AssertionError("the real one was called")


def of_header(x_user: Header[str] = "nobody") -> str:
    return x_user


def application() -> Application:
    router = Application()

    def through(name: Annotated[str, Depends(real)]) -> str:
        return f"through {name}"

    @router.get("/x")
    def handler(name: Annotated[str, Depends(through)]) -> str:
        return name

    return router


def test_a_replacement_is_called_in_place_of_a_dependency() -> None:
    router = application()
    with router.overrides({real: lambda: "fake"}), router.start() as running:
        assert get(running) == "through fake"
    with router.start() as running:
        assert running(Request("GET", "/x", [])).status == 500


def test_an_application_that_runs_may_get_replacements() -> None:
    router, another = application(), application()
    with router.start() as running, another.start() as untouched:
        with router.overrides({real: lambda: "one"}):
            with router.overrides({real: of_header}):
                assert get(running) == "through nobody"
            assert get(running) == "through one"
            assert untouched(Request("GET", "/x", [])).status == 500
        assert running(Request("GET", "/x", [])).status == 500


def test_an_application_that_starts_with_replacements_loses_them_at_their_end() -> None:
    router = application()
    with ExitStack() as stack:
        with router.overrides({real: lambda: "fake"}):
            running = stack.enter_context(router.start())
            with router.overrides({real: lambda: "other"}):
                assert get(running) == "through other"
            assert get(running) == "through fake"
        assert running(Request("GET", "/x", [])).status == 500


def test_the_end_of_replacements_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    compilations: list[str] = []

    def compiled(*arguments: Any, **options: Any) -> Any:
        compilations.append("all endpoints")
        return compile_routes(*arguments, **options)

    router = application()
    monkeypatch.setattr("photon_router.application.compile_routes", compiled)
    with router.start():
        with router.overrides({real: lambda: "fake"}):
            assert len(compilations) == 2
        assert len(compilations) == 2
    with router.overrides({real: lambda: "fake"}), router.start():
        pass
    assert len(compilations) == 3


def test_a_replacement_may_be_a_generator_and_have_parameters() -> None:
    log: list[str] = []

    def fake(x_user: Header[str]) -> Iterator[str]:
        yield x_user
        log.append("ended")

    router = application()
    with router.overrides({real: fake}), router.start() as running:
        response = running(Request("GET", "/x", [(b"x-user", b"ada")]))
        assert response.body == b'"through ada"'
        assert running(Request("GET", "/x", [])).status == 422
    assert log == ["ended"]
    assert "parameters" not in router.document()["paths"]["/x"]["get"]


def test_values_of_the_application_have_replacements_too() -> None:
    log: list[str] = []
    pool = Pool(log)
    router = Application()

    @router.get("/x")
    def handler(pool: Annotated[Pool, Depends(pool.made, scope="application")]) -> str:
        return pool.name

    with router.start() as running:
        with router.overrides({pool.made: lambda: Pool(log, "fake")}):
            assert get(running) == "fake"
        assert get(running) == "pool"
    assert log == ["open pool", "close pool"]


def test_a_dependency_of_a_router_has_a_replacement() -> None:
    def forbid() -> None:
        raise HttpError(403)

    router = Application(dependencies=[forbid])

    @router.get("/x")
    def handler() -> str:
        return "x"

    with router.start() as running:
        assert running(Request("GET", "/x", [])).status == 403
        with router.overrides({forbid: lambda: None}):
            assert get(running) == "x"


def test_a_replacement_that_cannot_be_one_leaves_all_as_it_was() -> None:
    router = application()

    async def never() -> str:
        return "x"

    def response() -> Response:
        with router.start() as running:
            return running(Request("GET", "/x", []))

    with (
        router.start(),
        pytest.raises((SignatureError, DocumentError), match="async"),
        router.overrides({real: never}),
    ):
        pass
    assert response().status == 500
