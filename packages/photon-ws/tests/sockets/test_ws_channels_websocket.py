from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, assert_type

import attrs
import pytest

import photon_runtime as rt
from photon_runtime.testing import in_hub, in_virtual_time, make_request
from photon_ws import InvalidMessage, WebSocket, WebSocketClosed
from photon_ws.channels import OnInvalid, channel_of

if TYPE_CHECKING:
    from .conftest import Connected, Peer


@attrs.frozen
class Say:
    text: str
    kind: Literal["say"] = "say"


@attrs.frozen
class Leave:
    kind: Literal["leave"] = "leave"


@attrs.frozen
class Said:
    text: str = attrs.field(validator=attrs.validators.max_len(20))
    kind: Literal["said"] = "said"


Chat = WebSocket[Say | Leave, Said]
HELLO = '{"kind":"say","text":"hello"}'
WRONG = '{"kind":"say"}'
Opened = Callable[..., AbstractContextManager[tuple[Any, "Peer"]]]


@pytest.fixture
def opened(connected: Connected) -> Opened:
    """Return a function that yields a WebSocket with types, and its peer."""

    @contextmanager
    def open_one(
        annotation: Any = Chat, on_invalid: OnInvalid = "answer", *, is_checked: bool = True
    ) -> Iterator[tuple[Any, Peer]]:
        channel = channel_of(annotation, on_invalid)
        assert channel is not None
        with connected() as (connection, peer):
            request = make_request("GET", "/chat")
            yield (
                channel.open(connection, request, subprotocol=None, is_checked=is_checked),
                peer,
            )

    return open_one


def answer(peer: Peer) -> Any:
    message = peer.receive()
    assert isinstance(message, str)
    return json.loads(message)


@in_hub
def test_received_messages_are_values(opened: Opened) -> None:
    with opened() as (ws, peer):
        for text in (HELLO, HELLO, '{"kind":"leave"}'):
            peer.send(text)
        assert ws.receive() == Say("hello")
        assert ws.read_message() == Say("hello")
        assert ws.receive(timeout=1) == Leave()


@in_hub
def test_iteration_ends_when_the_peer_closes(opened: Opened) -> None:
    with opened() as (ws, peer):
        peer.send(HELLO)
        peer.close()
        assert list(ws) == [Say("hello")]
        assert ws.read_message() is None
        with pytest.raises(WebSocketClosed):
            ws.receive()


@in_hub
def test_invalid_messages_are_answered_and_the_loop_goes_on(opened: Opened) -> None:
    with opened() as (ws, peer):
        for message in (HELLO, WRONG, b"\0", "{", HELLO):
            peer.send(message)
        peer.close()
        assert list(ws) == [Say("hello"), Say("hello")]
        answers = [answer(peer) for _ in range(3)]
    assert [each["number"] for each in answers] == [2, 3, 4]
    assert [each["status"] for each in answers] == [422, 415, 400]
    assert {each["kind"] for each in answers} == {"problem"}
    assert answers[0]["errors"] == [
        {"pointer": "/text", "message": 'missing required member "text"'}
    ]


@in_hub
def test_an_invalid_message_closes_where_that_is_set(opened: Opened) -> None:
    with opened(on_invalid="close") as (ws, peer):
        peer.send(HELLO)
        peer.send(WRONG)
        peer.send(HELLO)
        assert list(ws) == [Say("hello")]
        assert ws.read_message() is None
        assert (ws.close_code, peer.close_code()) == (1007, 1007)
        assert ws.close_reason.startswith("message validation failed at /text: missing")


@in_hub
def test_a_binary_message_closes_with_1003_where_that_is_set(opened: Opened) -> None:
    with opened(on_invalid="close") as (ws, peer):
        peer.send(b"x" * 200)
        assert ws.read_message() is None
        assert peer.close_code() == 1003


@in_hub
def test_a_peer_that_leaves_before_the_answer_ends_the_loop(opened: Opened) -> None:
    with opened() as (ws, peer):
        peer.send(WRONG)
        peer.stream.close()
        assert list(ws) == []


@in_hub
def test_a_client_that_floods_with_invalid_messages_does_not_extend_a_timeout(
    opened: Opened,
) -> None:
    with opened() as (ws, peer):
        for message in (WRONG, WRONG, HELLO):
            peer.send(message)
        while not ws.connection.received:  # until they have arrived
            assert ws.receive(timeout=0) is None
        assert ws.connection.received == 1
        assert ws.receive(timeout=0) is None
        assert ws.receive(timeout=0) == Say("hello")


@in_virtual_time
def test_the_timeout_counts_until_a_valid_message(opened: Opened) -> None:
    with opened() as (ws, peer), rt.scope() as tasks:

        def send_nonsense() -> None:
            while True:
                rt.sleep(0.4)
                peer.send(WRONG)

        tasks.spawn(send_nonsense)
        start = rt.current_task().hub.time()
        with pytest.raises(TimeoutError):
            ws.read_message(timeout=1)
        assert rt.current_task().hub.time() - start == pytest.approx(1)
        assert ws.receive(timeout=1) is None
        tasks.cancel()


@in_hub
def test_values_are_sent_as_described(opened: Opened) -> None:
    with opened() as (ws, peer):
        ws.send(Said("hello"))
        ws.write_message(Said("again"))
        assert answer(peer) == {"kind": "said", "text": "hello"}
        assert answer(peer) == {"kind": "said", "text": "again"}
        with pytest.raises(TypeError, match=r"send\(\) takes Said, not Leave"):
            ws.send(Leave())


@in_hub
def test_messages_are_checked_in_development_only(opened: Opened) -> None:
    long = Said("")
    object.__setattr__(long, "text", "x" * 21)
    with opened() as (ws, peer):
        with pytest.raises(InvalidMessage, match="/text: must have at most 20 characters"):
            ws.send(long)
        assert ws.connected
    with opened(is_checked=False) as (ws, peer):
        ws.send(long)
        assert answer(peer)["text"] == "x" * 21


@pytest.mark.parametrize(
    ("method", "argument", "correct"),
    [
        ("receive_text", None, "receive"),
        ("receive_bytes", None, "receive"),
        ("receive_json", dict, "receive"),
        ("send_text", "x", "send"),
        ("send_bytes", b"x", "send"),
        ("send_json", {}, "send"),
    ],
)
@in_hub
def test_messages_without_types_are_refused(
    opened: Opened, method: str, argument: Any, correct: str
) -> None:
    with (
        opened() as (ws, _),
        pytest.raises(TypeError, match=rf"have types: use {correct}\(\)"),
    ):
        getattr(ws, method)(argument)


@in_hub
def test_a_subclass_keeps_its_types_and_has_methods_of_its_own(opened: Opened) -> None:
    class Loud(WebSocket[Say | Leave, Said]):
        def shout(self, text: str) -> None:
            self.send(Said(text.upper()))

    with opened(Loud) as (ws, peer):
        assert type(ws) is Loud
        ws.shout("hello")
        assert answer(peer)["text"] == "HELLO"


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (WebSocket, r"WebSocket lacks the types of its messages: write WebSocket\[Received, Sent"),
        (WebSocket[Say | Said, Said | str | None], None),
        (WebSocket[Say | None, Said], "a received message cannot be None"),
        (WebSocket[Say, int | float], "int and float cannot be distinguished"),
        (WebSocket[complex, Said], "no form in JSON"),
    ],
    ids=str,
)
def test_what_cannot_be_a_channel_is_refused_at_start(annotation: Any, message: str | None) -> None:
    if message is None:
        assert channel_of(annotation) is not None
        return
    with pytest.raises(TypeError, match=message):
        channel_of(annotation)


def check_types(ws: WebSocket[Say | Leave, Said]) -> None:
    """Show type-checkers the types of messages; it is never called."""
    assert_type(ws.receive(), Say | Leave)
    assert_type(ws.receive(1.0), Say | Leave | None)
    assert_type(ws.read_message(), Say | Leave | None)
    for message in ws:
        assert_type(message, Say | Leave)
    ws.send(Leave())  # type: ignore[arg-type]
    ws.send("hello")  # type: ignore[arg-type]
