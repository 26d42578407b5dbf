"""Security as a whole: from requirements to responses, spec first and code first."""

import base64
import http.client
import json
import logging
from collections.abc import Mapping
from typing import Annotated, Any

import attrs
import pytest

from photon_router import (
    Application,
    CurrentUser,
    Depends,
    DocumentError,
    HttpError,
    Json,
    Request,
    Response,
    SignatureError,
)
from photon_router.security import (
    ANONYMOUS,
    AcceptAnyCredential,
    ApiKey,
    BasicAuth,
    BearerToken,
    Identity,
    JwtBearer,
    MutualTls,
    OAuth2,
    OpenIdConnect,
    Verifier,
    client_cert_field,
    identities_of,
    identity_of,
    issue_token,
)
from photon_runtime.http import Handler
from photon_runtime.http._peer import Peer, TrustedProxies
from photon_runtime.testing import live_server

SECRET = "a secret of thirty-two bytes, or so"
KEY = "0123456789abcdef"
OTHER_KEY = "fedcba9876543210"


@attrs.frozen
class User:
    name: str
    scopes: tuple[str, ...] = ()


def find_user(name: str, password: str) -> User | None:
    return User(name) if (name, password) == ("ada", "pässword") else None


BASIC = BasicAuth(find_user)
BEARER = JwtBearer(SECRET, algorithms=["HS256"])
HEADER_KEY = ApiKey({"reports": KEY}, header="X-Key")


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(*scopes: str, subject: str = "ada") -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token(subject, SECRET, scopes=scopes)}"}


def asked(
    target: str,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    peer: object = None,
) -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request(method, target, raw, peer=peer)


def status_of(router: Application, target: str, headers: Mapping[str, str] | None = None) -> int:
    with router.start() as handler:
        return handler(asked(target, headers)).status


def challenge_of(response: Response) -> str:
    return str(response.header("www-authenticate"))


def who(request: Request) -> list[str]:
    """Show the identities of a request."""
    return sorted(f"{name}={identity!r}" for name, identity in identities_of(request).items())


def coded(**options: Any) -> Application:
    router = Application(**options)
    router.get("/who")(who)
    return router


def spec(schemes: dict[str, Any], *required: dict[str, list[str]], **more: Any) -> dict[str, Any]:
    operation = {
        "operationId": "who",
        "security": list(required),
        "responses": {"200": {"description": "Who.", "content": {"application/json": {}}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/who": {"get": operation}},
        "components": {"securitySchemes": schemes},
    } | more


def loaded(document: dict[str, Any], **verifiers: Verifier) -> Application:
    router = Application(spec=document)
    router.operation("who")(who)
    for name, verifier in verifiers.items():
        router.security(name, verifier)
    return router


def problems(router: Application) -> list[str]:
    with pytest.raises(DocumentError) as caught, router.start():
        pass
    return list(caught.value.problems)


# -- over real sockets ------------------------------------------------------------------------


def test_every_kind_of_credential_is_verified_over_a_socket() -> None:
    router = Application(docs_url=None, openapi_url=None)
    kinds: dict[str, tuple[Verifier, dict[str, str], dict[str, str]]] = {
        "basic": (BASIC, basic("ada", "pässword"), basic("ada", "other")),
        "jwt": (BEARER, bearer(), {"Authorization": "Bearer a.b.c"}),
        "opaque": (
            BearerToken(lambda token: User("x") if token == "t0ken" else None, name="opaque"),
            {"authorization": "bearer t0ken"},
            {"Authorization": "Bearer other"},
        ),
        "header": (HEADER_KEY, {"x-key": KEY}, {"x-key": OTHER_KEY}),
        "cookie": (
            ApiKey({"c": KEY}, cookie="key", name="cookieKey"),
            {"Cookie": f"a=b; key={KEY}"},
            {"Cookie": f"key={OTHER_KEY}"},
        ),
    }
    for path, (verifier, _, _) in kinds.items():
        router.get(f"/{path}", security=[verifier], operation_id=path)(who)
    with live_server(router) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)

        def status(path: str, headers: dict[str, str]) -> tuple[int, str | None]:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers["www-authenticate"]

        for path, (_, good, bad) in kinds.items():
            assert status(f"/{path}", good) == (200, None)
            for headers in ({}, bad):
                refused, challenge = status(f"/{path}", headers)
                assert refused == 401
                assert challenge
        connection.close()


def test_a_key_in_the_query_is_verified() -> None:
    router = coded(security=[ApiKey({"q": KEY}, query="key")])
    assert status_of(router, f"/who?key={KEY}") == 200
    assert status_of(router, f"/who?key={OTHER_KEY}") == 401
    assert status_of(router, f"/who?key={KEY}&key={KEY}") == 401
    assert status_of(router, "/who?key=") == 401
    assert status_of(router, "/who") == 401


def test_authentication_comes_before_parameters_and_body() -> None:
    router = Application(security=[HEADER_KEY])

    @router.post("/items/{item_id}")
    def post(item_id: int, item: Json[dict[str, int]]) -> None: ...

    with router.start() as handler:
        refused = handler(asked("/items/x", method="POST"))
        assert refused.status == 401
        assert handler(asked("/items/x", {"X-Key": KEY}, "POST")).status in (400, 422)
        assert handler(asked("/nothing")).status == 404
        assert handler(asked("/items/x")).status == 405


def test_an_application_refuses_all_when_the_verifier_fails() -> None:
    def broken(token: str) -> User:
        raise ZeroDivisionError

    router = coded(security=[BearerToken(broken)])
    with router.start() as handler:
        assert handler(asked("/who", {"Authorization": "Bearer t"})).status == 500


@pytest.mark.parametrize("refusal", [None, False])
def test_none_and_false_of_a_function_are_refusals(refusal: object) -> None:
    for verifier in (
        BasicAuth(lambda name, password: refusal),
        BearerToken(lambda token: refusal),
        ApiKey(lambda key: refusal, header="x-key"),
    ):
        router = coded(security=[verifier])
        headers = {"authorization": "Bearer t", "x-key": "k"}
        if isinstance(verifier, BasicAuth):
            headers = basic("a", "b")
        assert status_of(router, "/who", headers) == 401


# -- alternatives and combinations ------------------------------------------------------------


def test_one_of_several_alternatives_is_enough() -> None:
    router = coded(security=[BEARER, HEADER_KEY])
    assert status_of(router, "/who", bearer()) == 200
    assert status_of(router, "/who", {"X-Key": KEY}) == 200
    assert status_of(router, "/who", bearer() | {"X-Key": "wrong"}) == 200
    assert status_of(router, "/who", {"Authorization": "Bearer x", "X-Key": KEY}) == 200
    assert status_of(router, "/who", {"Authorization": "Bearer x", "X-Key": "wrong"}) == 401


def test_what_is_required_together_must_all_be_there() -> None:
    router = coded(security=[BEARER & HEADER_KEY])
    assert status_of(router, "/who", bearer() | {"X-Key": KEY}) == 200
    assert status_of(router, "/who", bearer()) == 401
    assert status_of(router, "/who", {"X-Key": KEY}) == 401
    assert status_of(router, "/who", bearer() | {"X-Key": "wrong"}) == 401


def test_the_first_of_combined_identities_is_the_user() -> None:
    router = Application(security=[HEADER_KEY & BASIC])

    @router.get("/")
    def show(request: Request, user: CurrentUser[Identity]) -> list[str]:
        return [user.subject, *identities_of(request)]

    with router.start() as handler:
        response = handler(asked("/", basic("ada", "pässword") | {"X-Key": KEY}))
    assert json.loads(bytes(response.body)) == ["reports", "apiKey", "basicAuth"]  # type: ignore[arg-type]


def test_an_operation_can_be_open_where_its_router_is_not() -> None:
    router = coded(security=[BEARER])
    router.get("/open", security=[], operation_id="open")(who)
    assert status_of(router, "/open") == 200
    assert status_of(router, "/open", {"Authorization": "Bearer rubbish"}) == 200
    assert status_of(router, "/who") == 401


def test_anonymous_requests_are_those_without_any_credential() -> None:
    router = Application(security=[BEARER.needs("read"), ANONYMOUS])

    @router.get("/")
    def show(user: CurrentUser[Identity | None]) -> str | None:
        return None if user is None else user.subject

    assert status_of(router, "/") == 200
    assert status_of(router, "/", {"Authorization": "Basic YTpi"}) == 200  # no bearer token
    assert status_of(router, "/", bearer("read")) == 200
    assert status_of(router, "/", {"Authorization": "Bearer expired"}) == 401
    assert status_of(router, "/", bearer()) == 403


def test_security_of_routers_is_that_of_their_handlers() -> None:
    app, inner, open_ = (
        Application(security=[BEARER]),
        coded(security=[HEADER_KEY]),
        Application(security=[]),
    )
    open_.get("/open")(who)
    app.get("/own")(lambda_named("own"))
    app.include(inner, prefix="/inner")
    app.include(open_)
    assert status_of(app, "/own", {"X-Key": KEY}) == 401
    assert status_of(app, "/own", bearer()) == 204
    assert status_of(app, "/inner/who", {"X-Key": KEY}) == 200
    assert status_of(app, "/inner/who", bearer()) == 401
    assert status_of(app, "/open") == 200


def lambda_named(name: str) -> Any:
    def handler() -> None: ...

    handler.__name__ = name
    return handler


def test_a_check_runs_once_however_often_it_is_required() -> None:
    calls: list[str] = []

    def find(token: str) -> User:
        calls.append(token)
        return User("ada", ("b",))

    tokens = BearerToken(find)
    router = coded(security=[tokens.needs("a"), tokens & HEADER_KEY, tokens.needs("b")])
    assert status_of(router, "/who", {"Authorization": "Bearer t"}) == 200
    assert calls == ["t"]


# -- scopes -----------------------------------------------------------------------------------


def test_scopes_are_required_of_tokens() -> None:
    router = coded(security=[BEARER.needs("items:read", "items:write")])
    assert status_of(router, "/who", bearer("items:write", "items:read", "more")) == 200
    with router.start() as handler:
        response = handler(asked("/who", bearer("items:read")))
    assert response.status == 403
    assert challenge_of(response) == (
        'Bearer realm="api", error="insufficient_scope", scope="items:read items:write"'
    )
    assert b"items" not in bytes(response.body)  # type: ignore[arg-type]


def test_scopes_are_required_of_identities_of_any_kind() -> None:
    users = {"good": User("ada", ("admin",)), "weak": User("bob")}
    router = coded(security=[ApiKey(users.get, header="x-key").needs("admin")])
    assert status_of(router, "/who", {"x-key": "good"}) == 200
    assert status_of(router, "/who", {"x-key": "weak"}) == 403


def test_an_identity_without_scopes_where_some_are_required_is_a_mistake_not_a_pass(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = coded(security=[BearerToken(lambda token: 7).needs("admin")])
    assert status_of(router, "/who", {"Authorization": "Bearer t"}) == 500
    assert "the identity (a int) has no `scopes`" in caplog.text


def test_a_better_alternative_counts_where_one_lacks_scopes() -> None:
    router = coded(security=[BEARER.needs("admin"), HEADER_KEY])
    assert status_of(router, "/who", bearer()) == 403
    assert status_of(router, "/who", bearer() | {"X-Key": KEY}) == 200


# -- refusals ---------------------------------------------------------------------------------


def test_a_refusal_asks_for_all_schemes_and_is_a_problem_document() -> None:
    quoting = BasicAuth(find_user, realm='the "inner" \\ one')
    router = coded(security=[BEARER, quoting, HEADER_KEY & quoting])
    with router.start() as handler:
        response = handler(asked("/who"))
    assert response.status == 401
    assert response.header("content-type") == "application/problem+json"
    assert challenge_of(response) == (
        'Bearer realm="api", '
        'Basic realm="the \\"inner\\" \\\\ one", charset="UTF-8", '
        'ApiKey in="header", name="X-Key"'
    )


def test_a_bad_token_is_called_so_and_a_missing_one_is_not() -> None:
    router = coded(security=[BEARER])
    with router.start() as handler:
        missing = handler(asked("/who"))
        bad = handler(asked("/who", {"Authorization": "Bearer a.b.c"}))
    assert challenge_of(missing) == 'Bearer realm="api"'
    assert challenge_of(bad) == 'Bearer realm="api", error="invalid_token"'


def test_all_bad_credentials_are_answered_alike(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="photon.security")
    tokens = [
        issue_token("ada", SECRET, lifetime=1e-9, claims={"nbf": 9e9}),
        issue_token("ada", SECRET, audience="other"),
        issue_token("ada", "another secret with enough bytes in it"),
        "garbage",
        "a.b.c",
    ]
    router = coded(security=[BEARER])
    with router.start() as handler:
        answers = {
            (bytes(answer.body), tuple(answer.headers))  # type: ignore[arg-type]
            for answer in [
                handler(asked("/who", {"Authorization": f"Bearer {token}"})) for token in tokens
            ]
        }
    assert len(answers) == 1
    assert "ImmatureSignatureError" in caplog.text
    assert not any(token in caplog.text for token in tokens)


def test_nothing_secret_is_shown() -> None:
    for verifier in (
        BEARER,
        HEADER_KEY,
        BASIC,
        OAuth2(BEARER),
        BEARER & HEADER_KEY,
        MutualTls(bytes.hex, certificate=client_cert_field()),
    ):
        assert SECRET not in repr(verifier)
        assert KEY not in repr(verifier)
    assert "private" not in repr(Identity("ada", claims={"private": 1}))
    assert KEY not in repr(vars(Application(security=[HEADER_KEY])))


# -- identities -------------------------------------------------------------------------------


def test_handlers_and_dependencies_are_given_the_user() -> None:
    router = Application(security=[BASIC])

    def greeting(user: CurrentUser[User]) -> str:
        return f"Hello, {user.name}"

    @router.get("/")
    def greet(text: Annotated[str, Depends(greeting)], user: CurrentUser[User]) -> dict[str, str]:
        return {"text": text, "name": user.name}

    with router.start() as handler:
        response = handler(asked("/", basic("ada", "pässword")))
    assert json.loads(bytes(response.body)) == {"text": "Hello, ada", "name": "ada"}  # type: ignore[arg-type]


def test_middleware_behind_authentication_can_ask_who_it_is() -> None:
    seen: list[object] = []
    app, router = Application(), coded(security=[BASIC, ANONYMOUS])

    @app.middleware
    def outer(request: Request, call_next: Handler) -> Response:
        seen.append(identity_of(request))
        response = call_next(request)
        seen.append(identity_of(request, User))
        return response

    @router.middleware
    def inner(request: Request, call_next: Handler) -> Response:
        seen.append(identity_of(request, User))
        return call_next(request)

    app.include(router)
    assert status_of(app, "/who", basic("ada", "pässword")) == 200
    assert seen == [None, User("ada"), User("ada")]
    seen.clear()
    assert status_of(app, "/who") == 200
    assert seen == [None, None, None]


def test_an_identity_of_another_class_is_a_mistake() -> None:
    router = coded(security=[HEADER_KEY])
    found: list[BaseException] = []

    @router.middleware
    def layer(request: Request, call_next: Handler) -> Response:
        with pytest.raises(TypeError, match="the identity is a Identity, not a User") as caught:
            identity_of(request, User)
        found.append(caught.value)
        return call_next(request)

    app = Application()
    app.include(router)
    assert status_of(app, "/who", {"X-Key": KEY}) == 200
    assert found


def test_a_user_that_may_be_missing_is_found_at_start() -> None:
    def deep(user: CurrentUser[User]) -> str:
        return user.name

    router = Application()

    @router.get("/a")
    def direct(user: CurrentUser[User]) -> None: ...

    @router.get("/b", security=[BASIC, ANONYMOUS])
    def indirect(name: Annotated[str, Depends(deep)]) -> None: ...

    @router.get("/c", security=[BASIC], dependencies=[deep])
    def fine(user: CurrentUser[User]) -> None: ...

    @router.get("/d", dependencies=[deep])
    def around(user: CurrentUser[User | None]) -> None: ...

    found = problems(router)
    names = [problem.partition(":")[0] for problem in found]
    assert names == ["direct", "indirect", "around", "around"]
    assert all("write CurrentUser[... | None]" in problem for problem in found[:3])
    assert "the user would always be None" in found[3]


# -- spec first -------------------------------------------------------------------------------

SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "Bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "key": {"type": "apiKey", "in": "query", "name": "key"},
    "oauth": {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": "https://i.example/t", "scopes": {"a": "A"}}},
    },
    "tls": {"type": "mutualTLS"},
}


def test_verifiers_are_bound_to_the_schemes_of_a_document() -> None:
    document = spec(
        SCHEMES | {"alias": {"$ref": "#/components/securitySchemes/key"}},
        {"bearer": [], "basic": []},
        {"alias": []},
        {"oauth": ["a"]},
    )
    router = loaded(
        document,
        bearer=BearerToken(lambda token: None),
        basic=BASIC,
        alias=ApiKey({"x": KEY}),
        oauth=OAuth2(BEARER),
    )
    assert status_of(router, "/who") == 401
    assert status_of(router, f"/who?key={KEY}") == 200
    assert status_of(router, "/who", bearer("a")) == 200
    assert status_of(router, "/who", bearer()) == 403


def test_the_security_of_the_document_counts_where_an_operation_has_none() -> None:
    document = spec(SCHEMES, security=[{"basic": []}])
    del document["paths"]["/who"]["get"]["security"]
    router = loaded(document, basic=BASIC)
    assert status_of(router, "/who") == 401
    open_ = spec(SCHEMES, security=[{"basic": []}])
    assert status_of(loaded(open_, basic=BASIC), "/who") == 200


def test_what_does_not_fit_is_told_all_at_once() -> None:
    router = loaded(
        spec(SCHEMES, {"bearer": [], "tls": []}, {"ghost": []}),
        bearer=BASIC,
        basic=ApiKey({"x": KEY}),
        key=ApiKey({"x": KEY}, header="x-key"),
        oauth=OpenIdConnect(audience="me"),
        tls=BEARER,
        phantom=BASIC,
    )
    found = problems(router)
    assert found == [
        "/paths/~1who/get/security/1: 'ghost' is not declared; put it under "
        "components/securitySchemes",
        "/components/securitySchemes/bearer: BasicAuth verifies the type http with the scheme "
        "basic",
        "/components/securitySchemes/basic: ApiKey verifies the type apiKey, not 'http'",
        "/components/securitySchemes/key: the document has the key in query 'key', the verifier "
        "in header 'x-key'; remove it from the verifier",
        "/components/securitySchemes/oauth: the scheme has no openIdConnectUrl: pass url= to "
        "OpenIdConnect",
        "/components/securitySchemes/tls: JwtBearer verifies bearer tokens, not 'mutualTLS' none",
        "/components/securitySchemes: the scheme 'phantom' of a verifier does not exist (existing "
        "schemes: bearer, basic, key, oauth, tls)",
    ]


def test_a_scheme_has_one_verifier() -> None:
    router = loaded(spec(SCHEMES, {"basic": []}), basic=BASIC)
    with pytest.raises(ValueError, match="'basic' has a verifier already"):
        router.security("basic", BASIC)


def test_verifiers_of_an_included_router_come_with_it() -> None:
    part = Application()
    part.operation("who")(who)
    part.security("basic", BASIC)
    app = Application(spec=spec(SCHEMES, {"basic": []}))
    app.include(part)
    assert status_of(app, "/who", basic("ada", "pässword")) == 200


def test_a_list_that_mixes_strengths_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    verifiers: dict[str, Verifier] = {
        "bearer": BEARER,
        "basic": BASIC,
        "key": ApiKey({"x": KEY}),
    }

    def warned(*required: dict[str, list[str]]) -> str:
        caplog.clear()
        status_of(loaded(spec(SCHEMES, *required), **verifiers), "/who")
        return caplog.text

    assert "sufficient: basic or key" in warned({"bearer": []}, {"basic": []}, {"key": []})
    assert warned({"basic": []}, {"key": []}) == ""
    assert warned({"bearer": [], "basic": []}, {"bearer": []}) == ""
    assert warned({"bearer": []}, {}) == ""


# -- code first: the document -----------------------------------------------------------------


def test_schemes_and_requirements_are_written_into_the_document() -> None:
    flows = {"password": {"tokenUrl": "https://i.example/t", "scopes": {"a": "do a"}}}
    oauth = OAuth2(BEARER, flows=flows, description="Ask ada.")
    router = coded(security=[oauth.needs("a"), HEADER_KEY & BASIC, ANONYMOUS])
    router.get("/open", security=[], operation_id="open")(who)
    router.get("/hidden", security=[BEARER], include_in_schema=False, operation_id="h")(who)
    document = router.document()
    assert document["components"]["securitySchemes"] == {
        "oauth2": {"type": "oauth2", "flows": flows, "description": "Ask ada."},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "basicAuth": {"type": "http", "scheme": "basic"},
    }
    operation = document["paths"]["/who"]["get"]
    assert operation["security"] == [{"oauth2": ["a"]}, {"apiKey": [], "basicAuth": []}, {}]
    assert set(operation["responses"]) == {"200", "401", "403"}
    assert document["paths"]["/open"]["get"]["security"] == []
    assert set(document["paths"]["/open"]["get"]["responses"]) == {"200"}


def test_code_can_require_a_scheme_that_the_document_has() -> None:
    named = BasicAuth(find_user, name="basic")
    app = Application(
        spec=spec({"basic": SCHEMES["basic"] | {"description": "Own."}}, {"basic": []})
    )
    app.operation("who")(who)
    app.get("/more", security=[named], operation_id="more")(who)
    assert app.document()["components"]["securitySchemes"]["basic"]["description"] == "Own."
    for path in ("/who", "/more"):
        assert status_of(app, path) == 401
        assert status_of(app, path, basic("ada", "pässword")) == 200


def test_two_verifiers_of_one_name_are_refused() -> None:
    router = coded(security=[BEARER])
    router.get("/x", security=[JwtBearer(SECRET, algorithms=["HS256"])], operation_id="x")(who)
    assert problems(router) == [
        "two verifiers have the name 'bearerAuth': pass another name= to one"
    ]


@pytest.mark.parametrize(
    ("verifier", "missing"),
    [
        (ApiKey({"x": KEY}), "header="),
        (OAuth2(BEARER), "flows="),
        (OpenIdConnect(audience="a"), "url"),
    ],
    ids=["key", "oauth2", "openid"],
)
def test_what_no_document_tells_a_verifier_has_to(verifier: Verifier, missing: str) -> None:
    [problem] = problems(coded(security=[verifier]))
    assert missing in problem


def test_a_requirement_is_made_of_verifiers() -> None:
    router = coded(security=["bearerAuth"])
    with pytest.raises(TypeError, match=r"a list of verifiers, such as JwtBearer\(\.\.\.\)"):
        router.document()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ApiKey({"short": "123"}, header="x"),
        lambda: ApiKey({"a": KEY, "b": KEY}, header="x"),
        lambda: ApiKey({"a": KEY}, header="x", cookie="y"),
        lambda: OAuth2(BEARER, flows={"magic": {}}),
        lambda: OAuth2(BEARER, flows={"implicit": {"scopes": {}}}),
        lambda: BasicAuth(find_user, realm="a\nb").bind({"type": "http", "scheme": "basic"}),
    ],
    ids=["short", "same", "two places", "flow", "address", "realm"],
)
def test_a_verifier_that_cannot_be_meant_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()


# -- certificates -----------------------------------------------------------------------------


def test_certificates_come_from_the_field_of_a_proxy() -> None:
    def find(certificate: bytes) -> User | None:
        return User("service") if certificate == b"DER of a client" else None

    router = coded(security=[MutualTls(find, certificate=client_cert_field())])
    proxy = Peer(("127.0.0.1", 4), proxies=TrustedProxies(["127.0.0.1"]))

    def field(value: bytes) -> dict[str, str]:
        return {"Client-Cert": f":{base64.b64encode(value).decode()}:"}

    def status(headers: dict[str, str], peer: Peer) -> int:
        with router.start() as handler:
            return handler(asked("/who", headers, peer=peer)).status

    assert status(field(b"DER of a client"), proxy) == 200
    assert status(field(b"DER of a client"), Peer(("127.0.0.1", 4))) == 401  # an untrusted proxy
    assert status(field(b"DER of another"), proxy) == 401
    assert status({}, proxy) == 401
    for rubbish in ("", ":", "::", "abc", ":a:", ":%%%:", "é"):
        assert status({"Client-Cert": rubbish}, proxy) == 401


def test_certificates_come_from_the_connection_where_nothing_else_is_said() -> None:
    router = coded(security=[MutualTls({b"DER of a client": User("service")}.get)])
    with router.start() as handler:
        for certificate, status in (
            (b"DER of a client", 200),
            (b"DER of another", 401),
            (None, 401),
        ):
            peer = Peer(("127.0.0.1", 4), "https", certificate=certificate)
            assert handler(asked("/who", peer=peer)).status == status


# -- caching -----------------------------------------------------------------------------------


def told_to_caches(
    router: Application, target: str, headers: Mapping[str, str]
) -> list[str | None]:
    """Return the status of a response, its Cache-Control and its Vary."""
    with router.start() as handler:
        response = handler(asked(target, headers))
    return [str(response.status), response.header("cache-control"), response.header("vary")]


COOKIE_KEY = ApiKey({"c": KEY}, cookie="key", name="cookieKey")
QUERY_KEY = ApiKey({"q": KEY}, query="key", name="queryKey")
CERTIFICATE = MutualTls(bytes.hex, certificate=lambda request: b"DER")
AUTHORIZATION_KEY = ApiKey({"a": KEY}, header="authorization", name="ownKey")


@pytest.mark.parametrize(
    ("security", "target", "headers", "expected"),
    [
        ([HEADER_KEY], "/who", {"X-Key": KEY}, ["private", "X-Key"]),
        ([COOKIE_KEY], "/who", {"Cookie": f"key={KEY}"}, ["private", "Cookie"]),
        ([QUERY_KEY], f"/who?key={KEY}", {}, ["private", None]),
        ([CERTIFICATE], "/who", {}, ["private", None]),
        ([HEADER_KEY & COOKIE_KEY], "/who", {"X-Key": KEY, "Cookie": f"key={KEY}"},
         ["private", "X-Key, Cookie"]),
        # Caches know Authorization themselves (RFC 9111, section 3.5), whatever is in it.
        ([BEARER], "/who", bearer(), [None, None]),
        ([BASIC], "/who", basic("ada", "pässword"), [None, None]),
        ([AUTHORIZATION_KEY], "/who", {"Authorization": KEY}, [None, None]),
        ([BEARER, HEADER_KEY], "/who", bearer(), ["private", "Authorization, X-Key"]),
        # A response to an anonymous request must not be reused for an authenticated one.
        ([BEARER, ANONYMOUS], "/who", {}, [None, "Authorization"]),
        ([HEADER_KEY, ANONYMOUS], "/who", {}, ["private", "X-Key"]),
        ([], "/who", {"X-Key": KEY}, [None, None]),
    ],
)  # fmt: skip
def test_caches_are_told_what_they_cannot_know(
    security: list[Any], target: str, headers: dict[str, str], expected: list[str | None]
) -> None:
    router = coded(security=security)
    assert told_to_caches(router, target, headers) == ["200", *expected]


def test_refusals_and_errors_are_for_one_client_alone_too() -> None:
    router = Application(security=[HEADER_KEY])

    @router.get("/none")
    def none() -> None:
        raise HttpError(404)

    @router.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError

    own = {"X-Key": KEY}
    assert told_to_caches(router, "/none", own) == ["404", "private", "X-Key"]
    assert told_to_caches(router, "/broken", own) == ["500", "private", "X-Key"]
    assert told_to_caches(router, "/none", {}) == ["401", "private", "X-Key"]
    assert told_to_caches(router, "/other", own) == ["404", None, None]  # no operation


def test_errors_of_guarded_operations_reach_the_handlers_of_the_application() -> None:
    router = coded(security=[HEADER_KEY])

    @router.error_handler(HttpError)
    def tell(request: Request, error: BaseException) -> Response:
        return Response(418, body=str(error))

    assert told_to_caches(router, "/who", {}) == ["418", "private", "X-Key"]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("public, max-age=60", "public, max-age=60"),
        ("s-maxage=60", "s-maxage=60"),
        ("no-store", "no-store"),
        ("private, max-age=5", "private, max-age=5"),
        ("max-age=60", "max-age=60, private"),
        ("no-cache", "no-cache, private"),
        ('private="set-cookie"', 'private="set-cookie", private'),
    ],
)
def test_what_a_handler_says_to_caches_counts_where_it_speaks_of_all(
    own: str, expected: str
) -> None:
    router = Application(security=[HEADER_KEY])

    @router.get("/who")
    def show() -> Response:
        return Response(headers={"Cache-Control": own, "Vary": "Accept"})

    found = told_to_caches(router, "/who", {"X-Key": KEY})
    assert found == ["200", expected, "Accept, X-Key"]


def test_certificates_and_keys_of_a_mock_are_told_of_too() -> None:
    schemes = {name: {"type": "mutualTLS"} for name in ("tls",)}
    router = loaded(spec(schemes, {"tls": []}), tls=AcceptAnyCredential())
    assert told_to_caches(router, "/who", {}) == ["200", "private", None]
    router = loaded(spec(SCHEMES, {"bearer": []}), bearer=AcceptAnyCredential())
    assert told_to_caches(router, "/who", {"Authorization": "Bearer x"}) == ["200", None, None]


def test_a_key_is_in_a_field_that_a_request_can_have() -> None:
    for name in ("X Key", "X-Key:", ""):
        [problem] = problems(coded(security=[ApiKey({"a": KEY}, header=name)]))
        assert "not the name of a header field" in problem


# -- any credential ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "good", "bad"),
    [
        ("bearer", {"authorization": "Bearer anything"}, {"authorization": "Bearer"}),
        ("basic", basic("who", "ever"), {"authorization": "Basic !!!"}),
        ("oauth", {"authorization": "Bearer anything"}, {"authorization": "Basic YTpi"}),
        ("digest", {"authorization": 'Digest username="a"'}, {}),
    ],
)
def test_a_mock_takes_any_credential_and_refuses_none(
    scheme: str, good: dict[str, str], bad: dict[str, str]
) -> None:
    schemes = SCHEMES | {"digest": {"type": "http", "scheme": "Digest"}}
    router = loaded(spec(schemes, {scheme: ["any", "scope"]}), **{scheme: AcceptAnyCredential()})
    assert status_of(router, "/who", good) == 200
    assert status_of(router, "/who", bad) == 401
    assert status_of(router, "/who") == 401


def test_a_mock_takes_any_key_and_does_without_certificates() -> None:
    any_ = AcceptAnyCredential()
    router = loaded(spec(SCHEMES, {"key": [], "tls": ["x"]}), key=any_, tls=any_)
    assert status_of(router, "/who?key=1") == 200
    assert status_of(router, "/who") == 401


def test_a_user_is_never_taken_from_what_the_client_sends() -> None:
    router = Application(security=[BASIC, ANONYMOUS])

    @router.get("/")
    def show(user: CurrentUser[User] | None) -> str | None:
        return None if user is None else user.name

    assert "parameters" not in router.document()["paths"]["/"]["get"]
    with router.start() as handler:
        answer = handler(asked("/?user=eve&name=eve"))
        assert bytes(answer.body) == b"null"  # type: ignore[arg-type]

    with pytest.raises(SignatureError, match="a dependency must apply to the whole"):

        @router.get("/wrong")
        def wrong(user: CurrentUser[User] | Identity) -> None: ...
