"""The sockets of the suite as a bare RSGI application."""

from typing import Any, Protocol

_STRING = 2  # granian's kind of a text message


class _Scope(Protocol):
    path: str


_members: dict[Any, None] = {}


async def app(scope: _Scope, protocol: Any) -> None:
    """Serve ``/echo`` and ``/broadcast``."""
    transport = await protocol.accept()
    if scope.path == "/echo":
        while (message := await transport.receive()).kind == _STRING:
            await transport.send_str(message.data)
    else:
        await _broadcast(transport)
    protocol.close()


async def _broadcast(transport: Any) -> None:
    _members[transport] = None
    try:
        await transport.send_str("joined")
        while (message := await transport.receive()).kind == _STRING:
            for member in list(_members):
                await member.send_str(message.data)
    finally:
        del _members[transport]
