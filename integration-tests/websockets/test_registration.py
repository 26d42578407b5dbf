"""Mistakes in handlers of WebSockets, and habits from other frameworks: what the errors say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest

from photon import Depends, Photon, PhotonWebSocket, WebSocket
from photon.testing import Client
from photon_router import SignatureError


def start_with(register: Callable[[Photon], object]) -> None:
    """Register a handler and start; some mistakes are found by the one, some by the other."""
    app = Photon()
    register(app)
    with Client(app):
        pass


def without_socket(name: str) -> None: ...


def without_annotation(ws) -> None: ...  # type: ignore[no-untyped-def]


def with_two(one: PhotonWebSocket, other: PhotonWebSocket) -> None: ...


def that_yields(ws: PhotonWebSocket) -> Iterator[str]:
    yield "hello"


async def asynchronous(ws: PhotonWebSocket) -> None: ...


def untyped_channel(ws: WebSocket) -> None: ...  # type: ignore[type-arg]


def user_of(ws: PhotonWebSocket) -> str:
    return str(ws.client)


def with_dependency(ws: PhotonWebSocket, user: Annotated[str, Depends(user_of)]) -> None: ...


@pytest.mark.parametrize(
    ("handler", "remedy"),
    [
        (without_socket, "write `ws: PhotonWebSocket`"),
        (without_annotation, "write `ws: PhotonWebSocket`"),
        (with_two, "one argument of the class PhotonWebSocket, not 2"),
        (that_yields, "must not yield"),
        (asynchronous, "write `def`"),
        (untyped_channel, "or PhotonWebSocket for messages without types"),
        (with_dependency, "a dependency takes the Request"),
    ],
)
def test_a_handler_that_cannot_work_stops_the_start(
    handler: Callable[..., object], remedy: str
) -> None:
    with pytest.raises(SignatureError, match=remedy):
        start_with(lambda app: app.websocket("/x")(handler))


def in_a_get(ws: PhotonWebSocket) -> None: ...


def typed_in_a_get(ws: WebSocket[str, str]) -> None: ...


@pytest.mark.parametrize("handler", [in_a_get, typed_in_a_get])
def test_a_socket_in_the_handler_of_a_request_stops_the_start(
    handler: Callable[..., object],
) -> None:
    with pytest.raises(SignatureError, match=r"handlers of `app.websocket\(path\)` only"):
        start_with(lambda app: app.get("/x")(handler))


def test_a_decorator_that_is_not_called_is_an_error() -> None:
    app: Any = Photon()
    for decorator in (app.websocket, app.get, app.post):
        with pytest.raises(SignatureError, match="call the decorator"):
            decorator(without_socket)


@pytest.mark.parametrize(
    ("name", "hint"), [("accept", "is open"), ("iter_text", "for message in ws"), ("spam", "spam")]
)
def test_methods_of_other_frameworks_have_an_equivalent(name: str, hint: str) -> None:
    app = Photon()
    messages: list[str] = []

    @app.websocket("/x")
    def handle(ws: PhotonWebSocket) -> None:
        assert not hasattr(ws, name)
        with pytest.raises(AttributeError, match=hint) as caught:
            getattr(ws, name)
        messages.append(str(caught.value))

    with Client(app) as client, client.websocket("/x"):
        pass
    assert messages[0].startswith("'PhotonWebSocket'")


def test_a_refused_upstream_is_an_error_of_the_test() -> None:
    app = Photon()

    @app.websocket("/x")
    def handle(ws: PhotonWebSocket) -> None:
        raise ConnectionRefusedError("the upstream is down")

    def receive(client: Client) -> None:
        with client.websocket("/x") as ws:
            ws.receive_text()

    with Client(app) as client, pytest.raises(ConnectionRefusedError, match="upstream"):
        receive(client)
