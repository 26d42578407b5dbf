"""Keys that are had from elsewhere: caches, rotation, failures; against real HTTP servers."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from photon_router import Application, HttpError, Request
from photon_router.security import BadCredential, Identity, Jwks, JwtBearer, OpenIdConnect
from photon_router.security._cached_value import CachedValue, CachePolicy
from photon_router.security._fetch import check_address, fetch_object
from photon_runtime import Event, go, run, scope, sleep, spawn
from photon_runtime.testing import live_server

KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("one", "two", "three")}
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(name: str, **more: Any) -> dict[str, Any]:
    found = jwt.algorithms.ECAlgorithm.to_jwk(KEYS[name].public_key(), as_dict=True)
    return {**found, "kid": name, **more}


def token(name: str, *, kid: str | None = "", **claims: Any) -> str:
    told = {"sub": "ada", "exp": time.time() + 60} | claims
    named = name if kid == "" else kid
    headers = {} if named is None else {"kid": named}
    return jwt.encode(told, KEYS[name], algorithm="ES256", headers=headers)


class Issuer:
    """A provider of keys on a port of its own."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.asked: list[str] = []
        self.status = 200
        self.hold = threading.Event()
        self.hold.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                issuer.hold.wait(10)
                page = issuer.pages.get(self.path)
                body = page if isinstance(page, bytes) else json.dumps(page).encode()
                self.send_response(404 if page is None else issuer.status)
                self.send_header("location", "/other")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:
                    pass

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def publish(self, *names: str) -> None:
        self.pages["/keys"] = {"keys": [jwk(name) for name in names]}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.hold.set()
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def subject(verifier: JwtBearer | OpenIdConnect, sent: str) -> str:
    identity = verifier.verify(sent).identity
    assert isinstance(identity, Identity)
    return identity.subject


# -- rotation ---------------------------------------------------------------------------------


def test_an_issuer_changes_its_keys_while_a_server_runs(issuer: Issuer) -> None:
    issuer.publish("one")
    bearer = JwtBearer(Jwks(f"{issuer.url}/keys", interval=0), algorithms=["ES256"])
    router = Application(security=[bearer])

    @router.get("/")
    def read() -> None: ...

    def status(name: str) -> int:
        answer = server.exchange(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer "
            + token(name).encode()
            + b"\r\n\r\n"
        )
        return int(answer.split(b" ", 2)[1])

    with live_server(router) as server:
        assert issuer.asked == []
        assert [status("one"), status("one")] == [204, 204]
        assert issuer.asked == ["/keys"]
        assert status("two") == 401
        issuer.publish("two")
        assert [status("two"), status("two")] == [204, 204]
        assert len(issuer.asked) == 3
        assert status("one") == 401  # its key is gone


def test_tokens_with_unknown_keys_do_not_make_the_server_ask_without_end(issuer: Issuer) -> None:
    issuer.publish("one")
    verifier = JwtBearer(Jwks(f"{issuer.url}/keys", interval=60), algorithms=["ES256"])

    def flood() -> None:
        assert subject(verifier, token("one")) == "ada"
        for number in range(20):
            with pytest.raises(BadCredential):
                verifier.verify(token("two", kid=str(number)))
        assert subject(verifier, token("one")) == "ada"

    run(flood)
    assert issuer.asked == ["/keys"]


def test_however_many_ask_one_loads(issuer: Issuer) -> None:
    issuer.publish("one")
    issuer.hold.clear()
    verifier = JwtBearer(Jwks(f"{issuer.url}/keys"), algorithms=["ES256"])

    def all_at_once() -> list[str]:
        with scope():
            tasks = [spawn(subject, verifier, token("one")) for _ in range(10)]
            sleep(0.05)  # the hub goes on while the keys are fetched
            issuer.hold.set()
        return [task.result() for task in tasks]

    assert run(all_at_once) == ["ada"] * 10
    assert issuer.asked == ["/keys"]


def test_an_issuer_that_cannot_be_reached_is_503_and_asked_again_later(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.status = 500
    issuer.publish("one")
    verifier = JwtBearer(Jwks(f"{issuer.url}/keys", interval=60), algorithms=["ES256"])

    def ask() -> HttpError:
        with pytest.raises(HttpError) as caught:
            verifier.verify(token("one"))
        return caught.value

    found = run(lambda: [ask(), ask()])
    assert [error.status for error in found] == [503, 503]
    assert found[0].headers["retry-after"] == "60"
    assert issuer.asked == ["/keys"]
    assert f"cannot load the keys of {issuer.url}/keys: HTTPError" in caplog.text


def test_a_slow_issuer_is_given_up(issuer: Issuer) -> None:
    issuer.publish("one")
    issuer.hold.clear()
    verifier = JwtBearer(Jwks(f"{issuer.url}/keys", timeout=0.05), algorithms=["ES256"])

    def ask() -> int:
        with pytest.raises(HttpError) as caught:
            verifier.verify(token("one"))
        issuer.hold.set()
        return caught.value.status

    assert run(ask) == 503


@pytest.mark.parametrize(
    "page",
    [
        b"no json",
        b"[]",
        b'{"keys": 7}',
        b'{"keys": [{"kty": "EC"}]}',
        b"[" * 200_000,
        b" " * 1_100_000,
    ],
    ids=["text", "list", "number", "broken", "deep", "large"],
)
def test_what_is_no_set_of_keys_is_refused(issuer: Issuer, page: bytes) -> None:
    issuer.pages["/keys"] = page
    verifier = JwtBearer(Jwks(f"{issuer.url}/keys"), algorithms=["ES256"])

    def ask() -> int:
        with pytest.raises(HttpError) as caught:
            verifier.verify(token("one"))
        return caught.value.status

    assert run(ask) == 503


def test_redirections_are_not_followed(issuer: Issuer) -> None:
    issuer.pages["/keys"] = {}
    issuer.status = 302
    with pytest.raises(OSError, match="302"):
        fetch_object(f"{issuer.url}/keys", timeout=5)
    assert issuer.asked == ["/keys"]


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/",
        "file:///etc/passwd",
        "ftp://a/b",
        "https://",
        "keys.json",
        "http://10.0.0.1/",
    ],
)
def test_keys_come_over_https(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        Jwks(url)


def test_this_machine_may_be_asked_without_tls() -> None:
    for url in (
        "https://a.example/k",
        "http://localhost:1/",
        "http://127.0.0.1/",
        "http://[::1]:5/",
    ):
        assert check_address(url) == url


# -- which key --------------------------------------------------------------------------------


def test_a_token_without_kid_is_verified_if_only_one_key_can() -> None:
    one = JwtBearer(Jwks({"keys": [jwk("one")]}), algorithms=["ES256"])
    assert subject(one, token("one", kid=None)) == "ada"
    two = JwtBearer(Jwks({"keys": [jwk("one"), jwk("two")]}), algorithms=["ES256"])
    with pytest.raises(BadCredential, match="unknown key"):
        two.verify(token("one", kid=None))
    with pytest.raises(BadCredential, match="Signature"):
        two.verify(token("one", kid="two"))


def test_keys_are_for_what_they_say() -> None:
    rsa_key = jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    keys = {
        "keys": [
            jwk("one", use="enc"),
            jwk("two", key_ops=["sign"]),
            {**rsa_key, "kid": "rsa", "alg": "RS512"},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
            {"kty": "what", "kid": "x"},
            "rubbish",
        ]
    }
    found = Jwks(keys)
    assert found.find("RS512", "rsa") is not None
    assert found.find("RS256", "rsa") is None
    for algorithm, kid in (("ES256", "one"), ("ES256", "two"), ("HS256", "secret"), ("RS512", "x")):
        assert found.find(algorithm, kid) is None


def test_a_private_key_in_a_set_verifies_and_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    private = jwt.algorithms.ECAlgorithm.to_jwk(KEYS["one"], as_dict=True)
    broken = {**private, "x": "AAAA", "kid": "broken"}
    keys = Jwks({"keys": [{**private, "kid": "one"}, broken]})
    assert subject(JwtBearer(keys, algorithms=["ES256"]), token("one")) == "ada"
    assert "is ignored: it is malformed" in caplog.text
    assert private["d"] not in caplog.text + repr(keys)


def test_a_set_in_a_file_is_read_at_once_and_again(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(FileNotFoundError):
        Jwks(path)
    path.write_text('{"keys": []}')
    with pytest.raises(ValueError, match="does not contain a key"):
        Jwks(path)
    path.write_text(json.dumps({"keys": [jwk("one")]}))
    verifier = JwtBearer(Jwks(path, interval=0), algorithms=["ES256"])

    def rotate() -> None:
        assert subject(verifier, token("one")) == "ada"
        path.write_text(json.dumps({"keys": [jwk("two")]}))
        assert subject(verifier, token("two")) == "ada"

    run(rotate)


# -- caching ----------------------------------------------------------------------------------


class Source:
    """Something that is loaded, at times that the test sets."""

    def __init__(self, **policy: float) -> None:
        self.now = 1000.0
        self.loads = 0
        self.fails = False
        told = CachePolicy(**policy)
        self.kept = CachedValue(self.load, name="it", policy=told, now=lambda: self.now)

    def load(self) -> int:
        self.loads += 1
        if self.fails:
            raise OSError("gone")
        return self.loads


def test_what_is_kept_is_loaded_again_when_it_is_old() -> None:
    source = Source(lifetime=300, interval=30)

    def check() -> None:
        assert [source.kept.get(), source.kept.get()] == [1, 1]
        source.now += 299
        assert source.kept.get() == 1
        source.now += 1
        assert source.kept.get() == 2

    run(check)


def test_what_is_old_is_used_while_nothing_newer_is_to_be_had() -> None:
    source = Source(lifetime=300, interval=30, stale=1000)

    def check() -> None:
        assert source.kept.get() == 1
        source.fails = True
        source.now += 400
        assert [source.kept.get(), source.kept.get()] == [1, 1]
        assert source.loads == 2
        source.now += 30
        assert source.kept.get() == 1
        assert source.loads == 3
        source.now += 900
        with pytest.raises(HttpError) as caught:
            source.kept.get()
        assert caught.value.status == 503
        source.fails = False
        source.now += 30
        assert source.kept.get() == 5

    run(check)


def test_renewing_gives_what_is_newer_than_what_was_seen() -> None:
    source = Source(lifetime=300, interval=30)

    def check() -> None:
        seen = source.kept.get()
        assert source.kept.renew(seen) == 1  # too early
        source.now += 30
        assert source.kept.renew(seen) == 2
        assert source.kept.renew(seen) == 2  # newer already
        assert source.loads == 2

    run(check)


def test_others_go_on_with_what_is_old_while_one_loads() -> None:
    started, release = threading.Event(), threading.Event()
    loads = 0

    def load() -> int:
        nonlocal loads
        loads += 1
        if loads == 2:
            started.set()
            release.wait(10)
        return loads

    now = [0.0]
    kept = CachedValue(
        load, name="it", policy=CachePolicy(lifetime=10, interval=1), now=lambda: now[0]
    )

    def check() -> None:
        assert kept.get() == 1
        now[0] = 20.0
        loader = go(kept.get)
        while not started.is_set():
            sleep(0.001)
        assert [kept.get(), kept.get()] == [1, 1]
        release.set()
        assert loader.result() == 2
        assert kept.get() == 2

    run(check)


def test_a_cancelled_load_is_no_attempt() -> None:
    held, release = Event(), threading.Event()
    loads = 0

    def load() -> int:
        nonlocal loads
        loads += 1
        if loads == 1:
            release.wait(10)
        return loads

    kept = CachedValue(load, name="it", policy=CachePolicy(interval=1000))

    def check() -> None:
        with scope() as surrounding:
            surrounding.spawn(kept.get)
            held.wait(0.02)
            surrounding.cancel()
        release.set()
        assert kept.get() == 2

    run(check)


# -- OpenID Connect ---------------------------------------------------------------------------

WELL_KNOWN = "/.well-known/openid-configuration"


def test_a_provider_tells_its_issuer_and_its_keys(issuer: Issuer) -> None:
    issuer.publish("one")
    issuer.pages[WELL_KNOWN] = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
    verifier = OpenIdConnect(issuer.url + WELL_KNOWN, audience="api", interval=0)

    def check() -> None:
        good = token("one", iss=issuer.url, aud="api")
        assert [subject(verifier, good), subject(verifier, good)] == ["ada", "ada"]
        for wrong in ({"aud": "api"}, {"iss": issuer.url}, {"iss": "x", "aud": "api"}):
            with pytest.raises(BadCredential):
                verifier.verify(token("one", **wrong))
        issuer.publish("two")
        assert subject(verifier, token("two", iss=issuer.url, aud="api")) == "ada"

    run(check)
    assert issuer.asked == [WELL_KNOWN, "/keys", "/keys"]


def test_the_document_tells_where_the_provider_is(issuer: Issuer) -> None:
    issuer.publish("one")
    issuer.pages[WELL_KNOWN] = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
    operation = {
        "operationId": "read",
        "security": [{"oidc": ["items"]}],
        "responses": {"204": {"description": "Done."}},
    }
    scheme = {"type": "openIdConnect", "openIdConnectUrl": issuer.url + WELL_KNOWN}
    router = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {"/": {"get": operation}},
            "components": {"securitySchemes": {"oidc": scheme}},
        }
    )
    router.operation("read")(lambda: None)
    router.security("oidc", OpenIdConnect(audience="api"))

    def status(**claims: Any) -> int:
        sent = token("one", iss=issuer.url, aud="api", **claims)
        with router.start() as handler:
            return handler(
                Request("GET", "/", [(b"authorization", b"Bearer " + sent.encode())])
            ).status

    assert run(lambda: [status(scope="items"), status()]) == [204, 403]


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://other.example", "jwks_uri": "{url}/keys"},
        {"issuer": "{url}", "jwks_uri": "http://keys.example/"},
        {"issuer": "{url}"},
        {},
    ],
    ids=["other issuer", "no https", "no keys", "nothing"],
)
def test_a_provider_that_tells_something_else_is_not_believed(
    issuer: Issuer, told: dict[str, str]
) -> None:
    issuer.publish("one")
    issuer.pages[WELL_KNOWN] = {
        name: value.replace("{url}", issuer.url) for name, value in told.items()
    }
    verifier = OpenIdConnect(issuer.url + WELL_KNOWN, audience="api")

    def check() -> int:
        with pytest.raises(HttpError) as caught:
            verifier.verify(token("one", iss="https://other.example", aud="api"))
        return caught.value.status

    assert run(check) == 503


def test_a_provider_has_no_secrets() -> None:
    with pytest.raises(ValueError, match="HS algorithms are not allowed"):
        OpenIdConnect("https://a.example" + WELL_KNOWN, audience="a", algorithms=["HS256"])


@pytest.mark.parametrize("wrong", [None, 5, "verify", {"verify": 1}])
def test_operations_of_a_key_that_are_no_list_leave_the_key_out(wrong: object) -> None:
    good = jwk("one")
    wrong_one = {**good, "key_ops": wrong}
    Jwks({"keys": [good, wrong_one]})
    with pytest.raises(ValueError, match="does not contain a key"):
        Jwks({"keys": [wrong_one]})
