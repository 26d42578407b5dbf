from __future__ import annotations

import http.client
import json
import logging

import pytest

from photon_router import Application, DocumentError, HttpError, Request, Response
from photon_router.middleware import MemoryStore, RateLimit, Taken, client_address
from photon_runtime.testing import live_server


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def answer(request: Request) -> Response:
    return Response()


def test_what_is_too_much_is_429_and_says_when_to_come_again() -> None:
    clock = Clock()
    app = Application()
    limit = RateLimit(requests=2, window=10, store=MemoryStore(clock=clock))
    app.middleware(limit)

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    with live_server(app) as server:
        answer = server.request("GET", "/hello")
        assert answer.status == 200
        assert answer.headers["ratelimit-policy"] == '"default";q=2;w=10'
        assert answer.headers["ratelimit"] == '"default";r=1;t=5'
        assert server.request("GET", "/none").status == 404  # counts, too
        answer = server.request("GET", "/hello")
        assert answer.status == 429
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["ratelimit"] == '"default";r=0;t=10'
        assert answer.headers["content-type"] == "application/problem+json"
        assert "5 s" in json.loads(answer.body)["detail"]
        clock.now += 5
        assert server.request("GET", "/hello").status == 200


def test_the_questions_of_a_load_balancer_are_not_counted() -> None:
    limit = RateLimit(requests=1, store=MemoryStore(clock=Clock()))
    for _ in range(3):
        assert limit(Request("GET", "/ready", []), answer).header("ratelimit") is None
    limit(Request("GET", "/", []), answer)
    with pytest.raises(HttpError):
        limit(Request("GET", "/", []), answer)


def test_a_burst_may_be_smaller_than_the_window_allows() -> None:
    limit = RateLimit(requests=60, window=60, burst=1, store=MemoryStore(clock=Clock()))
    limit(Request("GET", "/", []), answer)
    with pytest.raises(HttpError) as caught:
        limit(Request("GET", "/", []), answer)
    assert caught.value.headers["retry-after"] == "1"


def test_who_is_counted_can_be_told_and_the_rest_go_by_address() -> None:
    def user(request: Request) -> str | None:
        return request.headers.get("x-user")

    limit = RateLimit(requests=1, key=user, store=MemoryStore(clock=Clock()))

    def status(name: bytes | None, peer: str = "192.0.2.1") -> int:
        headers = [] if name is None else [(b"x-user", name)]
        try:
            return limit(Request("GET", "/", headers, peer=(peer, 1)), answer).status
        except HttpError as error:
            return error.status

    assert [status(b"ada"), status(b"ada"), status(b"bob")] == [200, 429, 200]
    assert [status(None), status(None), status(None, "192.0.2.2")] == [200, 429, 200]
    # a key that looks like an address has a bucket of its own
    assert status(b"192.0.2.1") == 200


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 1), "192.0.2.7"),
        (("fe80::1%eth0", 1), "fe80::/64"),
        (None, "unix"),
        ("", "unix"),
    ],
)
def test_an_address_is_that_of_one_client(peer: object, expected: str) -> None:
    assert client_address(Request("GET", "/", [], peer=peer)) == expected


def test_the_document_states_limits_of_operations() -> None:
    ok = {"responses": {"200": {"description": "x"}}}
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/login": {
                "post": {"operationId": "login", "x-photon-rate-limit": {"requests": 1}, **ok},
                "get": {"operationId": "form", "x-photon-rate-limit": False, **ok},
            },
            "/other": {"post": {"operationId": "other", **ok}},
        },
    }
    app = Application(
        spec=spec, middleware=[RateLimit(requests=2, burst=2, store=MemoryStore(clock=Clock()))]
    )
    for name in ("login", "form", "other"):
        app.operation(name)(_nothing)
    with live_server(app) as server:

        def post(path: str, method: str = "POST") -> tuple[int, str | None]:
            connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
            connection.request(method, path)
            answer = connection.getresponse()
            connection.close()
            return answer.status, answer.headers["ratelimit-policy"]

        assert post("/login") == (200, '"login";q=1;w=60')
        assert post("/login")[0] == 429
        assert [post("/other")[0] for _ in range(3)] == [200, 200, 429]
        assert [post("/login", "GET") for _ in range(3)] == [(200, None)] * 3
        assert post("/login", "HEAD") == (200, None)


def _nothing() -> str:
    return ""


@pytest.mark.parametrize("rule", [True, {"request": 1}, {"requests": 0}, {"window": 0}, []])
def test_a_rule_that_is_none_keeps_the_application_from_starting(rule: object) -> None:
    app = Application(middleware=[RateLimit()])
    app.get("/a")(_nothing)
    spec = app.document()
    spec["paths"]["/a"]["get"]["x-photon-rate-limit"] = rule
    app = Application(spec=spec, middleware=[RateLimit()])
    app.operation(spec["paths"]["/a"]["get"]["operationId"])(_nothing)
    with pytest.raises(DocumentError, match="x-photon-rate-limit"), app.start():
        pass


def test_a_router_can_have_a_limit_of_its_own() -> None:
    part = Application(
        prefix="/part", middleware=[RateLimit(requests=1, store=MemoryStore(clock=Clock()))]
    )
    part.get("/a")(_nothing)
    app = Application()
    app.include(part)
    app.get("/b")(_nothing)
    with live_server(app) as server:
        assert [server.request("GET", "/part/a").status for _ in range(2)] == [200, 429]
        assert [server.request("GET", "/b").status for _ in range(2)] == [200, 200]


class Noting:
    def __init__(self) -> None:
        self.keys: list[str] = []

    def take(self, key: str, *, capacity: float, rate: float) -> Taken:
        self.keys.append(key)
        return Taken(True, 1.0)


def test_keys_of_any_length_and_kind_are_short_and_plain_in_the_store() -> None:
    store = Noting()
    texts = ["ada", "a" * 128, "a" * 129, "a" * 1_000_000, "b" * 1_000_000, "é", "\ud800", ""]
    for text in texts:
        limit = RateLimit(store=store, key=lambda request, text=text: text)  # type: ignore[misc]
        limit(Request("GET", "/", []), answer)
    assert store.keys[:2] == ["default:key:ada", "default:key:" + "a" * 128]
    assert all(len(key) <= 140 and key.isascii() for key in store.keys)
    assert len(set(store.keys)) == len(texts)


def test_nobody_gets_into_anothers_bucket_by_calling_himself_like_a_digest() -> None:
    store = Noting()
    limit = RateLimit(store=store, key=lambda request: request.headers["x-user"])
    limit(Request("GET", "/", [(b"x-user", b"a" * 200)]), answer)
    taken = store.keys[0].removeprefix("default:")
    limit(Request("GET", "/", [(b"x-user", taken.encode())]), answer)
    assert taken.startswith("digest:")
    assert store.keys[0] != store.keys[1]


class Broken:
    def take(self, key: str, *, capacity: float, rate: float) -> Taken:
        raise ConnectionError("the store is gone")


def test_while_the_store_fails_requests_are_refused_unless_it_is_said_otherwise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "photon.middleware"), pytest.raises(HttpError) as caught:
        RateLimit(store=Broken())(Request("GET", "/", []), answer)
    assert caught.value.status == 503
    assert "the store is gone" in caplog.text
    passing = RateLimit(store=Broken(), passes_on_failure=True)
    assert passing(Request("GET", "/", []), answer).status == 200


class Flapping:
    """Fails at every other time."""

    calls = 0

    def take(self, key: str, *, capacity: float, rate: float) -> Taken:
        self.calls += 1
        if self.calls % 2:
            raise ConnectionError("the store is gone")
        return Taken(True, capacity)


def test_an_outage_of_the_store_is_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("photon_router.middleware._rate_limit.time.monotonic", lambda: now)
    limit = RateLimit(store=Flapping(), passes_on_failure=True)
    for _ in range(20):
        limit(Request("GET", "/", []), answer)
        now += 50.0  # it fails every 100 seconds: an outage each
    assert len(caplog.records) == 10
    for _ in range(40):
        limit(Request("GET", "/", []), answer)
        now += 20.0  # every 40 seconds: one outage, however long
    assert len(caplog.records) == 11


def test_options_that_cannot_be_meant_are_refused() -> None:
    endless = {"window": float("inf")}
    for options in ({"requests": 0}, {"window": 0.0}, endless, {"burst": 0}, {"name": 'a"b'}):
        with pytest.raises(ValueError, match=r"requests|window|burst|name"):
            RateLimit(**options)
    with pytest.raises(TypeError, match="key is `client`"):
        RateLimit(key="user")
    with pytest.raises(TypeError, match="passed in code"):
        RateLimit(store="redis")  # type: ignore[arg-type]  # as a settings file may say
