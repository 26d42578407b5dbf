# mypy: disable-error-code="import-not-found, import-untyped"
"""The sockets of the suite on aiohttp and uvloop. Argument: the port."""

import sys
from typing import Any

import uvloop
from aiohttp import web

_members: dict[Any, None] = {}


async def echo(request: Any) -> Any:
    """Send each message back."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(message.data)
    return ws


async def broadcast(request: Any) -> Any:
    """Send each message to all members."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    _members[ws] = None
    try:
        await ws.send_str("joined")
        async for message in ws:
            for member in list(_members):
                await member.send_str(message.data)
    finally:
        del _members[ws]
    return ws


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.get("/echo", echo), web.get("/broadcast", broadcast)])
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
