from __future__ import annotations

import json

import pytest

from photon_router import Application, DocumentError, HttpError, Request, Response
from photon_router.middleware import Cors
from photon_runtime.testing import live_server

PAGE = "https://shop.example"
OTHER = "https://evil.example"


def shop(cors: Cors) -> Application:
    app = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "Shop", "version": "1"},
            "paths": {
                "/items": {
                    "get": {"operationId": "list", "responses": {"200": {"description": "x"}}},
                    "put": {"operationId": "write", "responses": {"200": {"description": "x"}}},
                },
                "/public": {
                    "get": {
                        "operationId": "public",
                        "x-cors": {"allowOrigins": ["*"], "allowCredentials": False, "maxAge": 5},
                        "responses": {"200": {"description": "x"}},
                    }
                },
                "/inner": {
                    "get": {
                        "operationId": "inner",
                        "x-cors": False,
                        "responses": {"200": {"description": "x"}},
                    }
                },
                "/broken": {
                    "get": {"operationId": "broken", "responses": {"200": {"description": "x"}}}
                },
            },
        }
    )
    for name in ("list", "write", "public", "inner"):
        app.operation(name)(_answer)

    @app.operation("broken")
    def broken() -> str:
        raise RuntimeError("broken")

    app.middleware(cors)
    return app


def _answer() -> str:
    return "ok"


@pytest.mark.filterwarnings("ignore")
def test_pages_of_allowed_origins_may_read_answers_and_errors() -> None:
    app = shop(Cors(allow_origins=[PAGE], expose_headers=["X-Total"], allow_credentials=True))
    with live_server(app) as server:
        for path, status in (("/items", 200), ("/nothing", 404), ("/broken", 500)):
            answer = server.request("GET", path, headers={"Origin": PAGE})
            assert answer.status == status
            assert answer.headers["access-control-allow-origin"] == PAGE
            assert answer.headers["access-control-allow-credentials"] == "true"
            assert answer.headers["access-control-expose-headers"] == "X-Total"
            assert answer.headers["vary"] == "Origin"


def test_answers_to_others_are_unmarked_but_vary() -> None:
    with live_server(shop(Cors(allow_origins=[PAGE]))) as server:
        for origin in ({"Origin": OTHER}, {"Origin": "null"}, {}):
            answer = server.request("GET", "/items", headers=origin)
            assert (answer.status, answer.body) == (200, b'"ok"')
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["vary"] == "Origin"


def test_a_preflight_is_answered_for_the_method_it_asks_about() -> None:
    with live_server(shop(Cors(allow_origins=[PAGE], max_age=60))) as server:
        preflight = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
        answer = server.request("OPTIONS", "/items", headers=preflight)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "PUT" in answer.headers["access-control-allow-methods"].split(", ")
        assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type"
        assert answer.headers["access-control-max-age"] == "60"
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-private-network" not in answer.headers


def test_a_preflight_of_another_origin_is_refused() -> None:
    with live_server(shop(Cors(allow_origins=[PAGE]))) as server:
        preflight = {"Origin": OTHER, "Access-Control-Request-Method": "PUT"}
        answer = server.request("OPTIONS", "/items", headers=preflight)
    assert answer.status == 403
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == 403
    assert "access-control-allow-origin" not in answer.headers


def test_options_without_a_question_is_no_preflight() -> None:
    with live_server(shop(Cors(allow_origins=[PAGE]))) as server:
        answer = server.request("OPTIONS", "/items", headers={"Origin": PAGE})
        assert answer.status == 204
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PUT"
        assert answer.headers["access-control-allow-origin"] == PAGE
        # nor is a question without OPTIONS
        asking = {"Access-Control-Request-Method": "GET"}
        assert server.request("GET", "/items", headers={"Origin": PAGE, **asking}).status == 200


def test_the_document_closes_and_opens_operations() -> None:
    with live_server(shop(Cors(allow_origins=[PAGE]))) as server:
        answer = server.request("GET", "/inner", headers={"Origin": PAGE})
        assert answer.status == 200
        assert "access-control-allow-origin" not in answer.headers
        preflight = {"Access-Control-Request-Method": "GET"}
        assert (
            server.request("OPTIONS", "/inner", headers={"Origin": PAGE, **preflight}).status == 403
        )
        for method in ("GET", "HEAD"):
            answer = server.request(method, "/public", headers={"Origin": OTHER})
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "vary" not in answer.headers
        answer = server.request("OPTIONS", "/public", headers={"Origin": OTHER, **preflight})
        assert (answer.status, answer.headers["access-control-max-age"]) == (204, "5")


@pytest.mark.parametrize(
    "value",
    [
        "yes",
        {"allowOrigin": ["a"]},
        {"allowOrigins": "a"},
        {"allowOrigins": ["*"]},
        {"maxAge": -1},
        7,
    ],
)
def test_a_rule_that_is_none_is_told_with_its_operation(value: object) -> None:
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/a": {
                "get": {
                    "operationId": "a",
                    "x-cors": value,
                    "responses": {"200": {"description": "x"}},
                }
            }
        },
    }
    app = Application(spec=spec)
    app.operation("a")(_answer)
    app.middleware(Cors(allow_origins=[PAGE], allow_credentials=True))
    with pytest.raises(DocumentError, match="GET /a: x-cors"), app.start():
        pass


def test_preflights_come_before_authentication() -> None:
    app = Application()

    @app.middleware
    def refuse(request: Request, call_next: object) -> Response:
        raise HttpError(401)

    guarded = Application(middleware=[Cors(allow_origins=[PAGE])])
    guarded.middleware(refuse)
    with live_server(guarded) as server:
        preflight = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
        assert server.request("OPTIONS", "/", headers=preflight).status == 204
        answer = server.request("GET", "/", headers={"Origin": PAGE})
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, PAGE)


def preflight(cors: Cors, *extra: tuple[bytes, bytes], origin: bytes = PAGE.encode()) -> Response:
    fields = [(b"origin", origin), (b"access-control-request-method", b"GET"), *extra]
    return cors(Request("OPTIONS", "/", fields), lambda request: Response(599))


def test_private_networks_are_opened_only_if_that_is_said() -> None:
    asked = (b"access-control-request-private-network", b"true")
    field = "access-control-allow-private-network"
    opened = Cors(allow_origins=[PAGE], allow_private_network=True)
    assert preflight(opened, asked).header(field) == "true"
    assert preflight(opened).header(field) is None
    assert preflight(Cors(allow_origins=[PAGE]), asked).header(field) is None


def test_what_is_open_to_all_does_not_vary() -> None:
    cors = Cors(allow_origins=["*"])
    answer = preflight(cors, origin=OTHER.encode())
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("vary") is None
    plain = cors(Request("GET", "/", []), lambda request: Response())
    assert plain.header("access-control-allow-origin") == "*"


def test_a_pattern_counts_for_whole_origins() -> None:
    cors = Cors(allow_origin_regex=r"https://[a-z]+\.example")
    assert cors.allows("https://a.example")
    assert not cors.allows("https://a.example.evil.example")
    assert not cors.allows("http://https://a.example")
    assert not cors.allows("https://a.example\n")


def test_what_a_handler_varies_with_stays() -> None:
    def handle(request: Request) -> Response:
        return Response(headers={"Vary": "Accept"})

    answer = Cors(allow_origins=[PAGE])(Request("GET", "/", []), handle)
    assert answer.header("vary") == "Accept, Origin"
    response = Response(headers={"Vary": "*"})
    Cors(allow_origins=[PAGE])(Request("GET", "/", []), lambda request: response)
    assert response.headers == [("Vary", "*")]


@pytest.mark.parametrize(
    "name", ["allow_origins", "allow_methods", "allow_headers", "expose_headers"]
)
def test_credentials_and_a_star_do_not_go_together(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must not contain `\\*` with allow_credentials"):
        Cors(allow_credentials=True, **{name: ["*"]})  # type: ignore[arg-type]  # any of the four


@pytest.mark.parametrize(
    "origin",
    [
        "shop.example",
        "https://shop.example/",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://Shop.example",
        "null",
        "",
        "https://a b",
        "https://user@shop.example",
    ],
)
def test_what_no_browser_sends_is_refused_as_an_origin(origin: str) -> None:
    with pytest.raises(ValueError, match=r"an origin has the form|omit the default port"):
        Cors(allow_origins=[origin])


def test_options_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(TypeError, match="allow_origins is a list of strings"):
        Cors(allow_origins=PAGE)
    with pytest.raises(ValueError, match="not a regular expression"):
        Cors(allow_origin_regex="(")
    with pytest.raises(ValueError, match="not the name of a method"):
        Cors(allow_headers=["X: y"])


def test_a_preflight_finds_its_operation_whatever_servers_its_siblings_have() -> None:
    ok = {"responses": {"200": {"description": "x"}}}
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/a": {
                "get": {"operationId": "a", "servers": [{"url": "/v1"}, {"url": "/"}], **ok},
                "put": {"operationId": "b", "x-cors": False, **ok},
            }
        },
    }
    app = Application(spec=spec, middleware=[Cors(allow_origins=[PAGE])])
    app.operation("a")(_answer)
    app.operation("b")(_answer)
    with live_server(app) as server:
        for method, status in (("GET", 204), ("PUT", 403)):
            question = {"Origin": PAGE, "Access-Control-Request-Method": method}
            assert server.request("OPTIONS", "/a", headers=question).status == status


@pytest.mark.parametrize(
    "pattern", [".*", "https?://.*", r"https://[^/]+", "null|https://a\\.example"]
)
def test_with_credentials_a_pattern_that_everybody_matches_is_refused(pattern: str) -> None:
    Cors(allow_origin_regex=pattern)
    with pytest.raises(ValueError, match="allow_origin_regex must not match"):
        Cors(allow_origin_regex=pattern, allow_credentials=True)
    Cors(allow_origin_regex=r"https://[a-z]+\.shop\.example", allow_credentials=True)
