from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router import Application, Request, Response
from photon_router.middleware import Csrf, Sessions, csrf_token
from photon_router.middleware._csrf import _is_token_of
from photon_runtime.http import UpgradedStream, upgrade
from photon_runtime.testing import LiveServer, live_server

KEY = "k" * 32
FORM = "application/x-www-form-urlencoded"


def shop(csrf: Csrf) -> Application:
    app = Application(middleware=[Sessions(secret=KEY), csrf])

    def token(request: Request) -> Response:
        return Response(body=csrf_token(request))

    app.mount("/token", token)

    @app.post("/buy", operation_id="buy")
    def buy(request: Request) -> int:
        return len(request.body)

    @app.post("/api/buy")
    def api_buy() -> str:
        return "bought"

    return app


class Client:
    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.origin = f"http://{server.host}:{server.port}"
        self.cookie = ""
        self.token = self.ask("GET", "/token")[1].decode()

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: Any
    ) -> tuple[int, bytes]:
        named: dict[str, str] = {n.replace("_", "-"): value for n, value in headers.items()}
        if self.cookie:
            named["cookie"] = self.cookie
        answer = self.server.request(method, path, body=body, headers=named)
        if sent := answer.headers.get("set-cookie"):
            self.cookie = sent.partition(";")[0]
        return answer.status, answer.body

    def refusal(self, *arguments: Any, **headers: Any) -> str:
        status, body = self.ask(*arguments, **headers)
        assert status == 403
        detail: str = json.loads(body)["detail"]
        return detail


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    csrf = Csrf(exempt_paths=["/api/*"], trusted_origins=["https://desk.example"])
    with live_server(shop(csrf)) as server:
        yield server


@pytest.fixture
def client(server: LiveServer) -> Client:
    return Client(server)


def test_a_page_of_the_application_may_change_things(client: Client) -> None:
    fetch: dict[str, Any] = {"Origin": client.origin, "Sec_Fetch_Site": "same-origin"}
    assert client.ask("POST", "/buy", X_CSRF_Token=client.token, **fetch)[0] == 200
    assert (
        client.ask("POST", "/buy", X_CSRF_Token=client.token, Referer=f"{client.origin}/a")[0]
        == 200
    )
    assert client.ask("POST", "/buy", X_CSRF_Token=client.token)[0] == 200


def test_every_page_has_another_token_and_all_count(client: Client) -> None:
    second = client.ask("GET", "/token")[1].decode()
    assert second != client.token
    for token in (client.token, second):
        assert client.ask("POST", "/buy", X_CSRF_Token=token)[0] == 200


def test_without_a_token_nothing_is_changed(client: Client) -> None:
    assert "the CSRF token is missing" in client.refusal("POST", "/buy")
    assert "belongs to another session" in client.refusal("POST", "/buy", X_CSRF_Token="guess")
    assert "belongs to another session" in client.refusal("POST", "/buy", X_CSRF_Token="\xe9")


def test_a_token_belongs_to_its_session(server: LiveServer, client: Client) -> None:
    other = Client(server)
    assert "belongs to another session" in client.refusal("POST", "/buy", X_CSRF_Token=other.token)
    client.cookie = ""
    assert "session has no CSRF token" in client.refusal("POST", "/buy", X_CSRF_Token=client.token)


def test_a_token_belongs_to_the_cookie_of_its_session(client: Client) -> None:
    value = client.cookie.partition("=")[2]
    named = Application(middleware=[Sessions(secret=KEY, cookie="other"), Csrf()])
    named.post("/buy")(lambda: None)
    with live_server(named) as server:
        headers = {"cookie": f"other={value}", "x-csrf-token": client.token}
        assert (
            "the session has no CSRF token" in server.request("POST", "/buy", headers=headers).text
        )


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/x"},
        {"Referer": "nonsense"},
        {"Referer": "http://[/"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "OWN", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "OWN.evil.example"},
        {"Origin": "HTTPS"},
    ],
)
def test_other_sites_are_refused_even_with_a_token(client: Client, headers: dict[str, str]) -> None:
    own = {"OWN": client.origin, "HTTPS": client.origin.replace("http:", "https:")}
    named: dict[str, Any] = {
        name: own.get(value, value.replace("OWN", client.origin)) for name, value in headers.items()
    }
    detail = client.refusal("POST", "/buy", X_CSRF_Token=client.token, **named)
    assert "another" in detail


def test_a_page_whose_referrer_policy_hides_its_origin_may_change_things(client: Client) -> None:
    hidden = {"Origin": "null", "X-CSRF-Token": client.token}
    assert client.ask("POST", "/buy", b"", Sec_Fetch_Site="same-origin", **hidden)[0] == 200
    assert client.ask("POST", "/buy", b"", Sec_Fetch_Site="same-origin", Origin="null")[0] == 403
    assert client.ask("POST", "/buy", b"", Sec_Fetch_Site="cross-site", **hidden)[0] == 403
    assert client.ask("POST", "/buy", b"", **hidden)[0] == 403


def test_origins_that_are_trusted_still_need_the_token(client: Client) -> None:
    fetch: dict[str, Any] = {"Origin": "https://desk.example", "Sec_Fetch_Site": "cross-site"}
    assert client.ask("POST", "/buy", X_CSRF_Token=client.token, **fetch)[0] == 200
    assert "missing" in client.refusal("POST", "/buy", **fetch)


def test_a_form_brings_the_token_in_a_field_and_reaches_its_handler_whole(client: Client) -> None:
    body = urlencode({"item": "tea", "csrf_token": client.token}).encode()
    assert client.ask("POST", "/buy", body, Content_Type=FORM) == (200, b"%d" % len(body))
    assert "missing" in client.refusal("POST", "/buy", b"item=tea", Content_Type=FORM)


def test_so_does_a_form_with_files(client: Client) -> None:
    def form(name: str) -> bytes:
        return (
            b'--xx\r\nContent-Disposition: form-data; name="file"; filename="csrf_token"\r\n\r\n'
            b"data\r\n"
            b'--xx\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n--xx--\r\n'
            % (name.encode(), client.token.encode())
        )

    kind = "multipart/form-data; boundary=xx"
    body = form("csrf_token")
    assert client.ask("POST", "/buy", body, Content_Type=kind) == (200, b"%d" % len(body))
    assert "missing" in client.refusal("POST", "/buy", form("other"), Content_Type=kind)
    for broken in (b"--xx\r\nnonsense", body[:-20]):
        assert client.ask("POST", "/buy", broken, Content_Type=kind)[0] == 400
    assert "missing" in client.refusal("POST", "/buy", b"", Content_Type=kind)


def test_what_changes_nothing_is_not_asked(client: Client) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.ask(method, "/token", Origin="https://evil.example")[0] in (200, 204)


OFFER = {"Connection": "Upgrade", "Upgrade": "echo"}


def shout(stream: UpgradedStream) -> None:
    stream.sendall(stream.recv().upper())


@pytest.fixture(scope="module")
def shouting() -> Iterator[LiveServer]:
    csrf = Csrf(trusted_origins=["https://desk.example"], exempt_paths=["/open"])
    app = Application(middleware=[csrf])

    def handle(request: Request) -> Response:
        return upgrade("echo", shout) if "echo" in request.upgrades else Response(426)

    app.mount("/", handle)
    with live_server(app) as server:
        yield server


def offered(server: LiveServer, path: str = "/live", **headers: str) -> int:
    named = OFFER | {name.replace("_", "-"): value for name, value in headers.items()}
    fields = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    head = f"GET {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n{fields}\r\n"
    with server.connect() as connection:
        connection.sendall(head.encode())
        return int(connection.recv(4096).split(b" ", 2)[1])


def test_pages_of_others_get_no_connection_of_another_protocol(shouting: LiveServer) -> None:
    own = shouting.url
    assert offered(shouting, Origin=own) == 101
    assert offered(shouting, Origin=own, Sec_Fetch_Site="same-origin") == 101
    assert offered(shouting, Origin="https://desk.example", Sec_Fetch_Site="cross-site") == 101
    assert offered(shouting) == 101  # no browser
    assert offered(shouting, Origin="https://evil.example") == 403
    assert offered(shouting, Origin="null") == 403
    assert offered(shouting, Sec_Fetch_Site="cross-site") == 403
    assert offered(shouting, Origin=own, Sec_Fetch_Site="same-site") == 403
    assert offered(shouting, "/open", Origin="https://evil.example") == 101
    assert offered(shouting, Origin="https://evil.example", Authorization="Bearer x") == 101
    assert (
        shouting.request("GET", "/live", headers={"Origin": "https://evil.example"}).status == 426
    )


def test_a_method_that_does_not_exist_is_not_allowed_with_or_without_a_token(
    client: Client,
) -> None:
    assert client.ask("PUT", "/buy", b"")[0] == 405
    assert client.ask("POST", "/nothing", b"")[0] == 403


def test_paths_operations_and_bearers_can_be_exempt(client: Client) -> None:
    assert client.ask("POST", "/api/buy", Origin="https://evil.example")[0] == 200
    assert client.ask("POST", "/%61pi/buy")[0] == 403
    assert client.ask("POST", "/buy", Authorization="Bearer x")[0] == 200
    assert client.ask("POST", "/buy", Authorization="Basic eA==")[0] == 403
    with live_server(shop(Csrf(exempt_operations=["buy"]))) as server:
        assert Client(server).ask("POST", "/buy")[0] == 200
        assert Client(server).ask("POST", "/api/buy")[0] == 403


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_no_text_but_a_token_fits(token: str) -> None:
    assert not _is_token_of(token, "s" * 43)
    assert not _is_token_of(token, "")


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="an origin has the form"):
        Csrf(trusted_origins=["desk.example"])
    with pytest.raises(ValueError, match="not the name of a header field"):
        Csrf(header="X CSRF")
    with pytest.raises(ValueError, match="a path has the form"):
        Csrf(exempt_paths=["api"])


@pytest.mark.parametrize(
    ("method", "kind", "status"),
    [
        ("POST", "application/json", 200),
        ("POST", "Application/Merge-Patch+JSON; charset=utf-8", 200),
        ("POST", FORM, 403),
        ("POST", "Multipart/Form-Data; boundary=b", 403),
        ("POST", "text/plain; a=application/json", 403),
        ("POST", None, 403),
        ("PUT", None, 200),
        ("DELETE", None, 200),
    ],
)
def test_a_token_may_be_limited_to_what_forms_can_send(
    method: str, kind: str | None, status: int
) -> None:
    app = Application(middleware=[Sessions(secret=KEY), Csrf(require_token="forms")])

    def respond(request: Request) -> Response:
        return Response(body=b"done")

    app.mount("/", respond)
    with live_server(app) as server:
        headers = {} if kind is None else {"content-type": kind}
        assert server.request(method, "/x", body=b"", headers=headers).status == status
        foreign = {**headers, "origin": "https://evil.example"}
        assert server.request(method, "/x", body=b"", headers=foreign).status == 403


def test_an_unknown_rule_for_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="require_token"):
        Csrf(require_token="never")  # type: ignore[arg-type]
