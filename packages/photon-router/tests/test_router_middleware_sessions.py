from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from typing import Annotated, Any

import pytest

from photon_router import Application, Depends, HttpError, Json, Request, Response
from photon_router.middleware import Session, Sessions, session_of
from photon_runtime.http import Headers
from photon_runtime.testing import LiveServer, live_server

KEY = "k" * 32
OLD = "o" * 32
Own = Annotated[Session, Depends(session_of)]


class Browser:
    """Keeps the cookies of one server."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}
        self.headers = Headers()

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        headers = {"content-type": "application/json"} if body else {}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        answer = self.server.request(method, path, body=body, headers=headers)
        self.headers = answer.headers
        for line in answer.headers.getlist("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer.status, answer.body


def shop(sessions: Sessions) -> Application:
    app = Application(middleware=[sessions])

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/cart")
    def cart(session: Own) -> list[str]:
        found: list[str] = session.get("cart", [])
        return found

    @app.post("/cart")
    def add(item: Json[str], session: Own) -> None:
        session.setdefault("cart", []).append(item)
        if item == "refuse":
            raise HttpError(409)

    @app.delete("/cart")
    def leave(session: Own) -> None:
        session.clear()

    return app


@pytest.fixture
def browser() -> Iterator[Browser]:
    with live_server(shop(Sessions(secret=KEY))) as server:
        yield Browser(server)


def test_a_session_lasts_from_request_to_request(browser: Browser) -> None:
    assert browser.ask("GET", "/cart") == (200, b"[]")
    assert "set-cookie" not in browser.headers
    browser.ask("POST", "/cart", '"tea"')
    browser.ask("POST", "/cart", '"cake"')  # a change inside of a value
    assert browser.ask("GET", "/cart") == (200, b'["tea","cake"]')
    assert "set-cookie" not in browser.headers
    assert browser.headers["vary"] == "Cookie"


def test_the_cookie_is_for_this_host_by_https_and_not_for_scripts(browser: Browser) -> None:
    browser.ask("POST", "/cart", '"tea"')
    name, _, rest = browser.headers["set-cookie"].partition("=")
    assert name == "__Host-session"
    assert rest.split("; ")[1:] == [
        "Max-Age=1209600",
        "Path=/",
        "Secure",
        "HttpOnly",
        "SameSite=Lax",
    ]
    assert browser.headers["cache-control"] == "private"


def test_who_does_not_look_at_the_session_does_not_depend_on_it(browser: Browser) -> None:
    browser.ask("POST", "/cart", '"tea"')
    browser.ask("GET", "/plain")
    assert "vary" not in browser.headers
    assert "set-cookie" not in browser.headers


def test_changes_are_kept_when_the_answer_is_an_error(browser: Browser) -> None:
    assert browser.ask("POST", "/cart", '"refuse"')[0] == 409
    assert browser.ask("GET", "/cart")[1] == b'["refuse"]'


def test_an_emptied_session_takes_its_cookie_away(browser: Browser) -> None:
    browser.ask("POST", "/cart", '"tea"')
    browser.ask("DELETE", "/cart")
    assert browser.headers["set-cookie"].startswith("__Host-session=; Max-Age=0; Path=/")
    assert not browser.cookies
    browser.ask("DELETE", "/cart")
    assert "set-cookie" not in browser.headers


def test_what_was_changed_on_the_way_counts_as_none(browser: Browser) -> None:
    browser.ask("POST", "/cart", '"tea"')
    good = browser.cookies["__Host-session"]
    forged = good[:-9] + ("A" if good[-9] != "A" else "B") + good[-8:]  # all bits of it count
    for bad in (forged, "x" + good, "", ".", "a.b.c"):
        browser.cookies["__Host-session"] = bad
        assert browser.ask("GET", "/cart") == (200, b"[]")


def test_a_session_that_does_not_fit_is_a_clear_error(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    import secrets

    with caplog.at_level(logging.ERROR):
        assert browser.ask("POST", "/cart", f'"{secrets.token_hex(4000)}"')[0] == 500
    assert "a cookie may have 4093" in caplog.text
    assert "it holds cart" in caplog.text


def run(sessions: Sessions, cookie: str | None = None, **change: Any) -> tuple[Session, str | None]:
    """Let a handler change a session; return it and the cookie that is sent."""
    name = sessions._cookie.name
    headers = [] if cookie is None else [(b"cookie", f"{name}={cookie}".encode())]
    request = Request("GET", "/", headers)

    def handle(request: Request) -> Response:
        session_of(request).update(change)
        return Response()

    sent = sessions(request, handle).header("set-cookie")
    value = None if sent is None else sent.partition("=")[2].partition(";")[0]
    return session_of(request), value


def test_keys_can_be_changed_without_ending_sessions() -> None:
    _, cookie = run(Sessions(secret=OLD), user=7)
    changed = Sessions(secret=KEY, old_secrets=[OLD])
    session, renewed = run(changed, cookie)
    assert (dict(session), renewed) == ({"user": 7}, None)
    _, renewed = run(changed, cookie, more=True)
    assert dict(run(Sessions(secret=KEY), renewed)[0]) == {"user": 7, "more": True}
    assert dict(run(Sessions(secret=KEY), cookie)[0]) == {}


def test_a_session_counts_in_its_own_cookie_alone() -> None:
    for_all, for_staff = (Sessions(secret=KEY, cookie=name) for name in ("shop", "staff"))
    _, cookie = run(for_all, role="customer")
    assert dict(run(for_all, cookie)[0]) == {"role": "customer"}
    assert dict(run(for_staff, cookie)[0]) == {}


def test_a_session_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    import itsdangerous

    _, cookie = run(Sessions(secret=KEY, max_age=60), user=7)
    signer = itsdangerous.TimestampSigner
    now = signer("x").get_timestamp()
    monkeypatch.setattr(signer, "get_timestamp", lambda self: now + 59)
    assert dict(run(Sessions(secret=KEY, max_age=60), cookie)[0]) == {"user": 7}
    monkeypatch.setattr(signer, "get_timestamp", lambda self: now + 62)
    assert dict(run(Sessions(secret=KEY, max_age=60), cookie)[0]) == {}


def test_a_session_can_be_sent_anew() -> None:
    layer = Sessions(secret=KEY)
    _, cookie = run(layer, user=7)

    def handle(request: Request) -> Response:
        session_of(request).renew()
        return Response()

    request = Request("GET", "/", [(b"cookie", f"__Host-session={cookie}".encode())])
    assert layer(request, handle).header("set-cookie") is not None
    assert layer(Request("GET", "/", []), handle).header("set-cookie") is None


class Clock:
    """The clock of the signatures, which tests set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import itsdangerous

        self.now = 1_700_000_000
        clock = self

        def get_timestamp(signer: object) -> int:
            return clock.now

        monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", get_timestamp)


def use(
    sessions: Sessions, cookie: str | None, handle: Callable[[Session], object]
) -> tuple[str, str, dict[str, Any]]:
    """Return the cookie that the client has afterwards, its attributes, and the data."""
    name = sessions._cookie.name
    fields = [] if cookie is None else [(b"cookie", f"{name}={cookie}".encode())]
    request = Request("GET", "/", fields)

    def run_handler(request: Request) -> Response:
        handle(session_of(request))
        return Response()

    sent = sessions(request, run_handler).header("set-cookie")
    data = dict(session_of(request))
    if sent is None:
        return cookie or "", "", data
    value, _, attributes = sent.partition("=")[2].partition("; ")
    return value, attributes, data


def begin(session: Session) -> None:
    session["user"] = 7


def test_a_sliding_session_lives_while_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sessions = Clock(monkeypatch), Sessions(secret=KEY, max_age=100, sliding=True)
    cookie, _, _ = use(sessions, None, begin)
    for _ in range(10):
        clock.now += 90
        cookie, attributes, data = use(sessions, cookie, len)
        assert data == {"user": 7}
        assert attributes.startswith("Max-Age=100;")
    clock.now += 9  # too early to be sent again
    assert use(sessions, cookie, len)[1] == ""
    clock.now += 50  # a request that does not look at the session does not extend it
    assert use(sessions, cookie, id)[1] == ""
    clock.now += 50
    assert use(sessions, cookie, len)[2] == {}


def test_without_sliding_use_does_not_extend_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sessions = Clock(monkeypatch), Sessions(secret=KEY, max_age=100)
    cookie, _, _ = use(sessions, None, begin)
    clock.now += 90
    assert use(sessions, cookie, len) == (cookie, "", {"user": 7})
    clock.now += 20
    assert use(sessions, cookie, len)[2] == {}


@pytest.mark.parametrize("sliding", [True, False])
def test_a_session_ends_with_its_lifetime_however_it_is_used(
    monkeypatch: pytest.MonkeyPatch, sliding: bool
) -> None:
    clock = Clock(monkeypatch)
    sessions = Sessions(secret=KEY, max_age=100, max_lifetime=250, sliding=sliding)
    cookie, _, _ = use(sessions, None, begin)
    for number in range(3):
        clock.now += 80

        def change(session: Session, number: int = number) -> None:
            session["number"] = number
            session.renew()

        cookie, attributes, data = use(sessions, cookie, change)
        assert data == {"user": 7, "number": number}
    assert attributes.startswith("Max-Age=10;")
    clock.now += 9
    cookie, _, data = use(sessions, cookie, len)
    assert data == {"user": 7, "number": 2}
    clock.now += 1
    assert use(sessions, cookie, len)[2] == {}


def test_a_login_begins_another_lifetime(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sessions = Clock(monkeypatch), Sessions(secret=KEY, max_age=100, max_lifetime=150)
    cookie, _, _ = use(sessions, None, begin)
    clock.now += 90

    def log_in(session: Session) -> None:
        session.clear()
        begin(session)
        session.renew()

    cookie, attributes, _ = use(sessions, cookie, log_in)
    assert attributes.startswith("Max-Age=100;")
    clock.now += 99
    assert use(sessions, cookie, len)[2] == {"user": 7}


def test_a_lifetime_counts_for_sessions_from_before_it_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    cookie, _, _ = use(Sessions(secret=KEY, max_age=100), None, begin)
    limited = Sessions(secret=KEY, max_age=100, max_lifetime=50)
    clock.now += 49
    assert use(limited, cookie, len)[2] == {"user": 7}
    clock.now += 1
    assert use(limited, cookie, len)[2] == {}


def test_a_partitioned_session_is_for_frames() -> None:
    sessions = Sessions(secret=KEY, same_site="None", partitioned=True)
    assert use(sessions, None, begin)[1].endswith("Secure; HttpOnly; SameSite=None; Partitioned")


def test_a_cookie_of_enormous_size_is_not_even_looked_at() -> None:
    _, cookie = run(Sessions(secret=KEY, max_size=200), user="a" * 40)
    assert dict(run(Sessions(secret=KEY, max_size=200), cookie)[0]) != {}
    assert dict(run(Sessions(secret=KEY, max_size=64), cookie)[0]) == {}


def test_the_body_of_an_answer_that_cannot_be_sent_is_closed() -> None:
    closed = []

    def parts() -> Iterator[bytes]:
        try:
            yield b"x"
        finally:
            closed.append(True)

    def handle(request: Request) -> Response:
        session_of(request)["big"] = "x" * 100
        body = parts()
        next(body)
        return Response(body=body)

    with pytest.raises(ValueError, match="a cookie may have 64"):
        Sessions(secret=KEY, max_size=64)(Request("GET", "/", []), handle)
    assert closed == [True]


def test_what_json_has_not_is_told() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        run(Sessions(secret=KEY), user=object())


def test_a_name_that_would_be_lost_is_refused() -> None:
    with pytest.raises(ValueError, match="the name _begun is taken"):
        run(Sessions(secret=KEY), _begun="today")


def test_no_listing_shows_the_keys() -> None:
    assert KEY not in repr(Sessions(secret=KEY, old_secrets=[OLD]))
    session, _ = run(Sessions(secret=KEY), password="hidden")
    assert repr(session) == "<Session ['password']>"


def test_without_the_layer_the_code_says_what_to_add() -> None:
    with pytest.raises(RuntimeError, match=r"add app.middleware\(Sessions"):
        session_of(Request("GET", "/", []))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"secret": "short"}, "at least 32 characters"),
        ({"old_secrets": ["short"]}, "at least 32 characters"),
        ({"cookie": "a b"}, "not a valid cookie name"),
        ({"cookie": "__Host-s", "path": "/shop"}, "needs secure, the path / and no domain"),
        ({"cookie": "__Host-s", "domain": "a.example"}, "needs secure, the path / and no domain"),
        ({"cookie": "__Secure-s", "secure": False}, "needs secure"),
        ({"same_site": "None", "secure": False}, "only with secure"),
        ({"path": "/; Domain=evil.example"}, "valid path or domain"),
        ({"partitioned": True, "secure": False}, "partitioned only with secure"),
        ({"max_lifetime": 0}, "max_lifetime"),
        ({"same_site": "lax"}, "same_site"),
        ({"max_age": 0}, "max_age"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sessions(**{"secret": KEY, **options})


def test_a_cookie_that_is_not_for_this_host_alone_has_a_plain_name() -> None:
    assert Sessions(secret=KEY, secure=False)._cookie.name == "session"
    assert Sessions(secret=KEY, domain="a.example")._cookie.name == "session"


def test_a_cookie_of_one_client_is_not_kept_for_all() -> None:
    app = Application()
    app.middleware(Sessions(secret=KEY))
    told = {
        "/public": "public, max-age=60, immutable",
        "/shared": "max-age=5, S-MaxAge=60",
        "/private": "private, max-age=60",
        "/never": "no-store",
    }

    def handle(request: Request) -> Response:
        session_of(request)["place"] = request.path
        return Response(headers={"cache-control": told[request.path]})

    app.mount("/", handle)
    with live_server(app) as server:
        browser = Browser(server)
        found = {}
        for path in told:
            browser.ask("GET", path)
            found[path] = browser.headers["cache-control"]
    assert found == {
        "/public": "max-age=60, immutable, private",
        "/shared": "max-age=5, private",
        "/private": "private, max-age=60",
        "/never": "no-store",
    }


def test_a_response_that_a_handler_keeps_has_the_cookie_of_nobody() -> None:
    kept = Response(body="always the same")
    app = Application()
    app.middleware(Sessions(secret=KEY))

    def handle(request: Request) -> Response:
        if request.path == "/in":
            session_of(request)["name"] = "ada"
        return kept

    app.mount("/", handle)
    with live_server(app) as server:
        browser, other = Browser(server), Browser(server)
        assert browser.ask("GET", "/in") == (200, b"always the same")
        assert "set-cookie" in browser.headers
        other.ask("GET", "/")
    assert "set-cookie" not in other.headers
