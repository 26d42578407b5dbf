"""What type-checkers know about the sockets of tests."""

from typing import Literal, assert_type

import attrs

from photon import Photon, WebSocket
from photon.testing import Client, live_client
from photon_ws.testing import TypedWebSocketTestSession, WebSocketTestSession


@attrs.frozen
class Say:
    """A message to the application."""

    text: str
    kind: Literal["say"] = "say"


@attrs.frozen
class Leave:
    """Another one."""

    kind: Literal["leave"] = "leave"


class Chat(WebSocket[Say | Leave, int]):
    """A channel with a name."""


def sessions(app: Photon) -> None:
    """Open sessions of both clients."""
    with Client(app) as client, client.websocket("/") as ws:
        assert_type(ws, WebSocketTestSession)
        assert_type(ws.receive(), str | bytes)
        assert_type(ws.receive_json(Say), Say)
    with live_client(app) as live, live.websocket("/", channel=WebSocket[Say, int]) as typed:
        assert_type(typed, TypedWebSocketTestSession[Say, int])
        assert_type(typed.receive(), int)
        typed.send(Leave())  # type: ignore[arg-type]
    with Client(app) as client, client.websocket("/", channel=Chat) as named:
        assert_type(named, TypedWebSocketTestSession[Say | Leave, int])
        for value in named:
            assert_type(value, int)
