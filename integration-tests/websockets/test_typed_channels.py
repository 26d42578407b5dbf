"""Typed channels of an application, behind a real server and with its own arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import attrs
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from photon import (
    Depends,
    Photon,
    PhotonWebSocket,
    Room,
    Router,
    SignatureError,
    WebSocket,
)
from photon.testing import Client
from photon_runtime.testing import live_server
from photon_ws import InvalidMessage


@attrs.frozen
class Say:
    """Say something to everybody."""

    text: str = attrs.field(validator=attrs.validators.max_len(10))
    kind: Literal["say"] = "say"


@attrs.frozen
class Leave:
    kind: Literal["leave"] = "leave"


@attrs.frozen
class Said:
    room: int
    user: str
    text: str
    kind: Literal["said"] = "said"


def ada() -> str:
    return "ada"


def chat(ws: WebSocket[Say | Leave, Said], room: int, user: Annotated[str, Depends(ada)]) -> None:
    """Talk in a room."""
    for message in ws:
        match message:
            case Say(text):
                ws.send(Said(room, user, text))
            case Leave():
                ws.close(4000, "left")


@contextmanager
def talking(on_invalid: Literal["answer", "close"] = "answer") -> Iterator[ClientConnection]:
    app, rooms = Photon(title="Chat", version="1.0.0"), Router(prefix="/rooms")
    rooms.websocket("/{room}", on_invalid=on_invalid)(chat)
    app.include(rooms)
    with live_server(app) as server, connect(f"ws://127.0.0.1:{server.port}/rooms/7") as client:
        yield client


def test_a_handler_exchanges_values_with_its_client() -> None:
    with talking() as client:
        client.send('{"kind": "say", "text": "hello"}')
        assert json.loads(client.recv(timeout=5)) == {
            "kind": "said", "room": 7, "user": "ada", "text": "hello",
        }  # fmt: skip
        client.send('{"kind": "leave"}')
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "left")


def test_an_invalid_message_is_answered_with_every_error() -> None:
    with talking() as client:
        client.send('{"kind": "say", "text": "hello for the first time"}')
        client.send(b'{"kind": "leave"}')
        client.send('{"kind": "say", "text": "hello"}')
        first, second, third = (json.loads(client.recv(timeout=5)) for _ in range(3))
    assert first == {
        "kind": "problem",
        "title": "message validation failed: 1 error",
        "status": 422,
        "number": 1,
        "errors": [{"pointer": "/text", "message": "must have at most 10 characters"}],
    }
    assert (second["status"], second["number"]) == (415, 2)
    assert third["kind"] == "said"


def test_an_invalid_message_closes_the_socket_if_the_route_says_so() -> None:
    with talking("close") as client:
        client.send("{}")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007
    assert closed.value.rcvd.reason.endswith('at /kind: missing required member "kind"')


def test_the_operation_describes_the_messages() -> None:
    app = Photon()
    app.websocket("/rooms/{room}", subprotocols=["chat.v1"])(chat)
    document: Any = app.document()
    operation = document["paths"]["/rooms/{room}"]["get"]
    described = operation["x-websocket"]
    assert described["subprotocols"] == ["chat.v1"]
    assert described["send"]["schema"] == {"$ref": "#/components/schemas/Said"}
    assert described["receive"]["schema"]["required"] == ["kind"]
    assert described["problem"]["schema"]["properties"]["kind"]["enum"] == ["problem"]
    assert {"101", "403", "422", "426"} <= set(operation["responses"])
    assert {"Say", "Leave", "Said"} <= set(document["components"]["schemas"])


@attrs.frozen
class Same:
    kind: Literal["say"] = "say"


def ambiguous(ws: WebSocket[Say | Same, Said]) -> None: ...


def untyped(ws: WebSocket) -> None: ...  # type: ignore[type-arg]


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (
            ambiguous,
            r"argument ws: messages of the types Say and Same cannot be distinguished: make",
        ),
        (untyped, r"argument ws: WebSocket lacks the types of its messages: write WebSocket\["),
    ],
)
def test_a_channel_that_cannot_work_is_refused_with_its_line(handler: Any, message: str) -> None:
    line = handler.__code__.co_firstlineno
    with pytest.raises(SignatureError, match=rf"{__file__}:{line}\), {message}"):
        Photon().websocket("/x")(handler)


@attrs.frozen
class Numbered:
    text: str
    id: str
    kind: Literal["numbered"] = "numbered"


@pytest.mark.parametrize(
    "message",
    [Say("hi"), {"text": "hi"}, "text", b"bytes", 3, {"kind": "numbered", "text": 3}],
)
def test_a_room_does_not_send_what_its_typed_sockets_do_not_send(message: object) -> None:
    room = Room("checked", id_member="id" if isinstance(message, dict) else None)
    app = Photon(title="Chat", version="1")

    @app.websocket("/room")
    def talk(ws: WebSocket[Say, Said | Numbered]) -> None:
        with room.join(ws):
            for _ in ws:
                with pytest.raises(InvalidMessage):
                    room.broadcast(message)
                if room.id_member is None:
                    room.broadcast(Said(1, "ada", "hello"))
                else:  # the room adds the id
                    room.broadcast({"kind": "numbered", "text": "hello"})

    channel = WebSocket[Say, Said | Numbered]
    with Client(app) as client, client.websocket("/room", channel=channel) as ws:
        ws.send(Say("go"))
        assert ws.receive().text == "hello"


def test_a_typed_socket_resumes_in_rooms_whose_gap_message_it_sends() -> None:
    lacking, suitable = Room("lacking", history=1), Room("suitable", history=1, gap=Leave())
    app = Photon(title="Chat", version="1")

    @app.websocket("/room")
    def talk(ws: WebSocket[Say, Said | Leave]) -> None:
        with pytest.raises(InvalidMessage) as caught:
            lacking.join(ws, after="")
        assert "gap message of the room 'lacking'" in caught.value.__notes__[0]
        with suitable.join(ws, after="unknown"):
            pass

    with Client(app) as client, client.websocket("/room") as ws:
        assert ws.receive_json() == {"kind": "leave"}


def test_a_room_in_production_does_not_check_messages() -> None:
    room = Room("unchecked")
    app = Photon(title="Chat", version="1")

    @app.websocket("/room")
    def talk(ws: WebSocket[Say, Said]) -> None:
        with room.join(ws):
            for _ in ws:
                room.broadcast({"text": "hi"})

    with Client(app, development=False) as client, client.websocket("/room") as ws:
        ws.send_json({"kind": "say", "text": "go"})
        assert ws.receive_json() == {"text": "hi"}


def test_messages_without_types_cannot_be_invalid() -> None:
    def echo(ws: PhotonWebSocket) -> None: ...

    with pytest.raises(SignatureError, match="on_invalid is for messages with types"):
        Photon().websocket("/x", on_invalid="close")(echo)


def test_the_choice_for_invalid_messages_must_exist() -> None:
    with pytest.raises(ValueError, match="'on_invalid' must be in"):
        Photon().websocket("/x", on_invalid="ignore")  # type: ignore[arg-type]


def test_invalid_messages_are_counted() -> None:
    app = Photon()
    app.meter.expose()
    app.websocket("/rooms/{room}")(chat)
    with live_server(app) as server, connect(f"ws://127.0.0.1:{server.port}/rooms/7") as client:
        for message in ("{}", "[]", '{"kind": "say", "text": "hello"}'):
            client.send(message)
            client.recv(timeout=5)
        page = app.meter.page()[0].decode()
    assert "photon_websocket_messages_invalid_total 2.0" in page
    assert "photon_websocket_messages_received_total 3.0" in page
