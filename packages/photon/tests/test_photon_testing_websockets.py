from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import attrs
import pytest

from photon import (
    Depends,
    HttpError,
    Param,
    Photon,
    PhotonWebSocket,
    Request,
    Response,
    WebSocket,
    sleep,
)
from photon.testing import Client, LiveClient, live_client
from photon_router.security import BearerToken
from photon_runtime.http import Handler
from photon_ws.errors import HandshakeRefused, MessageRefused, WebSocketClosed

pytest_plugins = ["pytester"]

AnyClient = Client | LiveClient


@attrs.frozen
class Line:
    user: str
    text: str


def held(request: Request) -> Iterator[list[str]]:
    log: list[str] = request.state["log"]  # type: ignore[assignment]
    log.append("opened")
    yield log
    log.append("released")


def member() -> str:
    raise HttpError(403, "members only")


def chat(log: list[str] | None = None) -> Photon:
    lines = log if log is not None else []
    app = Photon(title="Chat", version="1.0.0")

    @app.middleware
    def noting(request: Request, call_next: Handler) -> Response:
        request.state["log"] = lines
        if "broken" in request.query:
            1 / 0  # noqa: B018
        response = call_next(request)
        response.set_cookie("seen", "yes")
        return response

    add_talk(app, lines)
    add_others(app)
    add_deaf(app)
    return app


def add_talk(app: Photon, log: list[str]) -> None:
    @app.websocket("/chat/{room}", subprotocols=["lines"])
    def talk(ws: PhotonWebSocket, room: int, greeting: str = "") -> None:
        if greeting:
            ws.send_text(f"{greeting} {room}")
        for message in ws:
            react(ws, message)
        log.append(f"left with {ws.close_code}")


def react(ws: PhotonWebSocket, message: str | bytes) -> None:
    if message == "fail":
        1 / 0  # noqa: B018
    elif message == "refuse":
        raise HttpError(403, "not for you")
    elif message == "leave":
        ws.close(4001, "as you wish")
    else:
        ws.send(message)


def add_others(app: Photon) -> None:
    @app.websocket("/fields")
    def fields(ws: PhotonWebSocket) -> None:
        names = ("cookie", "x-tea", "origin", "host", "authorization")
        ws.send_json({name: ws.headers.get(name) for name in names})

    @app.websocket("/held")
    def holding(ws: PhotonWebSocket, log: Annotated[list[str], Depends(held)]) -> None:
        log.append("begun")
        ws.read_message()
        log.append("ended")

    verifier = BearerToken(lambda token: token if token == "ada" else None)

    @app.websocket("/private", security=[verifier])
    def private(ws: PhotonWebSocket) -> None:
        ws.send_text("welcome")

    @app.websocket("/members")
    def members(ws: PhotonWebSocket, name: Annotated[str, Depends(member)]) -> None:
        ws.send_text(name)

    @app.get("/page")
    def page() -> str:
        return "page"


def add_deaf(app: Photon) -> None:
    released = threading.Event()

    @app.websocket("/deaf")
    def deaf(ws: PhotonWebSocket) -> None:
        while not released.is_set():
            sleep(0.01)

    @app.get("/release")
    def release() -> None:
        released.set()


@pytest.fixture(params=["in process", "live"])
def client(request: pytest.FixtureRequest) -> Iterator[AnyClient]:
    if request.param == "live":
        with live_client(chat()) as live:
            yield live
    else:
        with Client(chat()) as client:
            yield client


# -- messages ---------------------------------------------------------------------------------


def test_messages_go_both_ways(client: AnyClient) -> None:
    with client.websocket("/chat/1", params={"greeting": "hi"}) as ws:
        assert ws.receive_text() == "hi 1"
        ws.send_text("tea")
        assert ws.receive_text() == "tea"
        ws.send_bytes(b"\x00")
        assert ws.receive_bytes() == b"\x00"
        ws.send_json(Line("ada", "tea"))
        assert ws.receive_json(Line) == Line("ada", "tea")
        ws.send_json([1])
        assert ws.receive_json() == [1]
        assert ws.ping() >= 0
        assert ws.close_code is None
    assert ws.close_code == 1000


def test_two_clients_talk_at_once(client: AnyClient) -> None:
    with client.websocket("/chat/1") as one, client.websocket("/chat/2") as two:
        for number in range(20):
            one.send(f"one {number}")
            two.send(f"two {number}")
        assert [two.receive() for _ in range(20)] == [f"two {number}" for number in range(20)]
        assert [one.receive() for _ in range(20)] == [f"one {number}" for number in range(20)]
        assert client.get("/page").json() == "page"


@pytest.mark.parametrize("deflate", [False, True])
def test_a_message_of_1_mib_is_echoed(client: AnyClient, deflate: bool) -> None:
    text, data = "x" * 2**20, bytes(range(256)) * 4096
    with client.websocket("/chat/1", deflate=deflate) as ws:
        ws.send(text)
        assert ws.receive_text() == text
        ws.send(data)
        assert ws.receive_bytes() == data


def test_iteration_ends_when_the_handler_closes(client: AnyClient) -> None:
    with client.websocket("/chat/1") as ws:
        for message in ("a", "b", "leave"):
            ws.send(message)
        assert list(ws) == ["a", "b"]
        assert (ws.close_code, ws.close_reason) == (4001, "as you wish")
        with pytest.raises(WebSocketClosed, match="4001"):
            ws.send("more")
        with pytest.raises(WebSocketClosed, match="4001") as caught:
            ws.receive()
    assert (caught.value.code, caught.value.reason) == (4001, "as you wish")
    assert any("the test waited for a message" in note for note in caught.value.__notes__)


def test_the_end_is_waited_for(client: AnyClient) -> None:
    with client.websocket("/chat/1") as ws:
        ws.send("leave")
        assert ws.wait_closed() == 4001
    with client.websocket("/chat/1") as ws:
        ws.send("stay")
        with pytest.raises(AssertionError, match="a message has arrived: 'stay'"):
            ws.wait_closed()
        with pytest.raises(TimeoutError, match="for the end of the connection"):
            ws.wait_closed(timeout=0.05)


def test_the_test_closes_with_a_code() -> None:
    log: list[str] = []
    with Client(chat(log)) as client:
        with client.websocket("/chat/1") as ws:
            ws.close(4002, "enough")
            ws.close()
            assert ws.closed
        assert log == ["left with 4002"]
        with client.websocket("/chat/1") as ws, pytest.raises(ValueError, match="1006"):
            ws.close(1006)


def test_a_message_that_does_not_come_says_what_was_expected(client: AnyClient) -> None:
    with client.websocket("/chat/7") as ws:
        for number in range(7):
            ws.send(f"message {number}")
            ws.receive()
        with pytest.raises(TimeoutError) as caught:
            ws.receive_text(timeout=0.05)
    message = str(caught.value)
    assert "/chat/7: the test waited 0.05 seconds for a text message" in message
    assert "received so far: …, 'message 2'" in message
    if isinstance(client, Client):
        assert "for message in ws" in message
        assert "photon_router" not in message


def test_a_message_of_another_kind_is_shown(client: AnyClient) -> None:
    with client.websocket("/chat/1") as ws:
        ws.send("tea")
        with pytest.raises(AssertionError, match="the message is a text: 'tea'"):
            ws.receive_bytes()
        ws.send(b"tea")
        with pytest.raises(AssertionError, match="the message is binary: b'tea'"):
            ws.receive_text()
        ws.send('{"user": 1}' + " " * 200)
        with pytest.raises(AssertionError, match=r"/user: expected string.*211 characters"):
            ws.receive_json(Line)


def test_a_handler_that_does_not_read_is_an_error() -> None:
    with Client(chat()) as client, client.websocket("/deaf", deflate=False, timeout=1) as ws:
        with pytest.raises(TimeoutError, match="did not read a message within"):
            ws.send(bytes(5_000_000), timeout=0.1)
        client.get("/release")


# -- typed channels ---------------------------------------------------------------------------


@attrs.frozen
class Say:
    text: Annotated[str, Param(max_length=5)]
    kind: Literal["say"] = "say"


@attrs.frozen
class Leave:
    kind: Literal["leave"] = "leave"


@attrs.frozen
class Said:
    text: str
    kind: Literal["said"] = "said"


Chat = WebSocket[Say | Leave, Said]


def typed_chat() -> Photon:
    app = Photon()

    @app.websocket("/typed")
    def talk(ws: WebSocket[Say | Leave, Said]) -> None:
        for message in ws:
            match message:
                case Say("wrong"):
                    ws.connection.send('{"kind": "said"}')
                case Say(text):
                    ws.send(Said(text))
                case Leave():
                    return

    return app


def test_a_typed_session_is_the_other_end_of_the_channel() -> None:
    with Client(typed_chat()) as client, client.websocket("/typed", channel=Chat) as ws:
        ws.send(Say("tea"))
        assert ws.receive() == Said("tea")
        ws.send(Say("one"))
        ws.send(Say("two"))
        ws.send(Leave())
        assert [message.text for message in ws] == ["one", "two"]
        assert ws.close_code == 1000
    with live_client(typed_chat()) as live, live.websocket("/typed", channel=Chat) as ws:
        ws.send(Say("tea"))
        assert ws.receive() == Said("tea")


def test_the_answer_to_an_invalid_message_is_an_error_or_expected() -> None:
    with Client(typed_chat()) as client, client.websocket("/typed", channel=Chat) as ws:
        ws.send(Say("too long"))
        with pytest.raises(MessageRefused, match="message 1 was refused: /text: must have at most"):
            ws.receive()
        ws.send_json({"kind": "sing"})
        problem = ws.receive_problem()
        assert (problem["status"], problem["number"]) == (422, 2)
        assert [error["pointer"] for error in problem["errors"]] == ["/kind"]
        ws.send(Say("tea"))
        with pytest.raises(AssertionError, match=r"not the answer to an invalid one: .*tea"):
            ws.receive_problem()


def test_a_message_that_is_not_of_the_channel_is_an_error() -> None:
    with Client(typed_chat()) as client, client.websocket("/typed", channel=Chat) as ws:
        ws.send(Say("wrong"))
        with pytest.raises(AssertionError, match=r"not of the channel: body /text: missing"):
            ws.receive()
        ws.send(5)  # type: ignore[arg-type]  # type-checkers see it, and so does the handler
        with pytest.raises(MessageRefused, match="message 2 was refused"):
            ws.receive()


def test_a_channel_has_types() -> None:
    with Client(typed_chat()) as client, pytest.raises(TypeError, match="lacks the types"):
        client.websocket("/typed", channel=WebSocket)


# -- the handler ------------------------------------------------------------------------------


def test_an_unexpected_error_of_the_handler_is_raised_by_the_next_call() -> None:
    calls: list[Callable[[Any], object]] = [
        lambda ws: ws.receive(),
        lambda ws: ws.wait_closed(),
        lambda ws: list(ws),
        send_until_the_end,
    ]
    with Client(chat()) as client:
        for call in calls:
            with client.websocket("/chat/1") as ws:
                ws.send("fail")
                with pytest.raises(ZeroDivisionError):
                    call(ws)


def send_until_the_end(ws: Any) -> None:
    for _ in range(500):
        ws.send("x")
        time.sleep(0.01)


def fail_in_a_block(client: Client, error: Exception | None = None) -> None:
    with client.websocket("/chat/1") as ws:
        ws.send("fail")
        if error is not None:
            raise error


def test_an_unexpected_error_is_raised_at_the_end_of_the_block() -> None:
    with Client(chat()) as client, pytest.raises(ZeroDivisionError):
        fail_in_a_block(client)


def test_an_error_of_the_test_is_not_hidden_by_one_of_the_handler() -> None:
    with Client(chat()) as client, pytest.raises(KeyError) as caught:
        fail_in_a_block(client, KeyError("of the test"))
    assert any("ZeroDivisionError" in note for note in caught.value.__notes__)


def test_without_raise_errors_it_is_the_close_code() -> None:
    with Client(chat(), raise_errors=False) as client, client.websocket("/chat/1") as ws:
        ws.send("fail")
        assert ws.wait_closed() == 1011
    with live_client(chat()) as live, live.websocket("/chat/1") as ws:
        ws.send("fail")
        assert ws.wait_closed() == 1011


def test_an_http_error_of_the_handler_closes_with_its_reason(client: AnyClient) -> None:
    with client.websocket("/chat/1") as ws:
        ws.send("refuse")
        assert ws.wait_closed() == 1008
        assert ws.close_reason == "not for you"


def test_a_handler_that_does_not_end_is_named() -> None:
    with Client(chat()) as client, pytest.raises(TimeoutError) as caught:
        client.websocket("/deaf", timeout=0.2).__exit__(None, None, None)
    message = str(caught.value)
    assert "the handler has not ended within 0.2 seconds" in message
    assert "in deaf\n    sleep(0.01)" in message


def test_a_handler_that_blocks_the_scheduler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photon_ws.testing._session.MARGIN", 0.1)
    app = Photon()

    @app.websocket("/blocking")
    def block(ws: PhotonWebSocket) -> None:
        ws.receive()
        time.sleep(0.8)  # the standard library is not patched here

    with Client(app) as client, client.websocket("/blocking") as ws:
        ws.send("tea")
        with pytest.raises(TimeoutError, match="blocks the scheduler"):
            ws.receive(timeout=0.1)


def test_dependencies_are_released_when_the_socket_has_ended() -> None:
    log: list[str] = []
    with Client(chat(log)) as client:
        with client.websocket("/held") as ws:
            assert ws.ping() >= 0
            assert log == ["opened", "begun"]
        assert log == ["opened", "begun", "ended", "released"]
        with client.websocket("/held") as ws:
            ws.send("now")
            ws.wait_closed()
        assert log[4:] == ["opened", "begun", "ended", "released"]


def test_a_client_that_is_closed_ends_its_sockets() -> None:
    log: list[str] = []
    with Client(chat(log)) as client:
        ws = client.websocket("/chat/1")
        ws.send("tea")
        assert ws.receive() == "tea"
    assert ws.close_code == 1000
    assert log == ["left with 1000"]


# -- the handshake ----------------------------------------------------------------------------


def test_a_refusal_has_the_response(client: AnyClient) -> None:
    cases: list[tuple[str, dict[str, Any], int, str]] = [
        ("/nowhere", {}, 404, "no route matches /nowhere"),
        ("/chat/one", {}, 422, "request validation failed"),
        ("/chat/1", {"origin": "https://evil.example"}, 403, "origin"),
        ("/chat/1", {"origin": "null"}, 403, "origin"),
        ("/members", {}, 403, "members only"),
        ("/private", {}, 401, ""),
        ("/private", {"headers": {"authorization": "Bearer bob"}}, 401, ""),
    ]
    for url, options, status, detail in cases:
        with pytest.raises(HandshakeRefused, match=f"status {status}") as caught:
            client.websocket(url, **options)
        error = caught.value
        assert error.status == status
        assert error.headers["content-type"] == "application/problem+json"
        assert error.json()["status"] == status
        assert detail in error.json().get("detail", "")
    with client.websocket("/private", headers={"authorization": "Bearer ada"}) as ws:
        assert ws.receive_text() == "welcome"


def test_a_page_without_an_upgrade_is_a_refusal(client: AnyClient) -> None:
    with pytest.raises(HandshakeRefused) as caught:
        client.websocket("/page")
    assert caught.value.status == 200
    assert caught.value.json() == "page"


def test_an_unexpected_error_before_the_upgrade_is_raised() -> None:
    with Client(chat()) as client, pytest.raises(ZeroDivisionError):
        client.websocket("/chat/1?broken")
    with Client(chat(), raise_errors=False) as client, pytest.raises(HandshakeRefused) as caught:
        client.websocket("/chat/1?broken")
    assert caught.value.status == 500


def test_headers_cookies_and_authentication_of_the_client_apply(client: AnyClient) -> None:
    client.headers["x-tea"] = "green"
    client.cookies.set("flavour", "mint")
    client.auth = ("ada", "secret")
    with client.websocket("/fields") as ws:
        fields = ws.receive_json()
    assert fields["x-tea"] == "green"
    assert fields["cookie"] == "flavour=mint"
    assert fields["authorization"].startswith("Basic ")
    assert client.cookies["seen"] == "yes"


def test_the_origin_is_that_of_the_application(client: AnyClient) -> None:
    with client.websocket("/fields") as ws:
        fields = ws.receive_json()
    assert fields["origin"] == f"http://{fields['host']}"
    with client.websocket("/fields", origin=None) as ws:
        assert ws.receive_json()["origin"] is None


def test_the_scheme_and_the_host_are_those_of_the_base_url() -> None:
    with Client(chat(), base_url="https://chat.example") as client:
        with client.websocket("/fields") as ws:
            fields = ws.receive_json()
            assert ws.url == "wss://chat.example/fields"
        assert fields["origin"] == "https://chat.example"
        with client.websocket(
            "wss://chat.example/fields", headers={"host": "x.example"}, origin=None
        ) as ws:
            assert ws.receive_json()["host"] == "x.example"


def test_a_subprotocol_is_chosen(client: AnyClient) -> None:
    with client.websocket("/chat/1", subprotocols=["other", "lines"]) as ws:
        assert ws.subprotocol == "lines"
    with client.websocket("/chat/1") as ws:
        assert ws.subprotocol is None


def test_a_bare_handler_has_no_websocket() -> None:
    def answer(request: Request) -> Response:
        return Response(body="plain")

    with Client(answer) as client, pytest.raises(HandshakeRefused, match="plain"):
        client.websocket("/")

    def fail(request: Request) -> Response:
        raise KeyError("of the handler")

    with Client(fail) as client, pytest.raises(KeyError, match="of the handler"):
        client.websocket("/")


def test_an_application_that_does_not_answer_is_named() -> None:
    def wait(request: Request) -> Response:
        sleep(10)
        return Response()

    with Client(wait) as client, pytest.raises(TimeoutError, match=r"was not answered(.|\n)*sleep"):
        client.websocket("/", timeout=0.1)


def test_fixtures_have_sockets(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from photon import Photon, PhotonWebSocket

        @pytest.fixture
        def app():
            app = Photon()

            @app.websocket("/echo")
            def echo(ws: PhotonWebSocket) -> None:
                for message in ws:
                    ws.send(message)

            return app

        def test_both(client, live_client):
            for each in (client, live_client):
                with each.websocket("/echo") as ws:
                    ws.send_text("tea")
                    assert ws.receive_text() == "tea"
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
