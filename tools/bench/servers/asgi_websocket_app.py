"""The sockets of the suite as a bare ASGI application, for uvicorn."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

_Event = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Event]]
_Send = Callable[[_Event], Awaitable[None]]

_members: dict[_Send, None] = {}


async def app(scope: _Event, receive: _Receive, send: _Send) -> None:
    """Serve ``/echo`` and ``/broadcast``."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/echo":
        await _echo(receive, send)
        return
    _members[send] = None
    try:
        await send({"type": "websocket.send", "text": "joined"})
        await _broadcast(receive)
    finally:
        del _members[send]


async def _echo(receive: _Receive, send: _Send) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


async def _broadcast(receive: _Receive) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        message = {"type": "websocket.send", "text": event["text"]}
        for member in list(_members):
            await member(message)
