"""A bare ASGI application with large bodies: POST reads one, GET /N sends N bytes."""

from collections.abc import Awaitable, Callable
from typing import Any

_SENT: dict[int, bytes] = {}
Message = dict[str, Any]


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer with the number of received bytes, or with as many bytes as the path states."""
    if scope["method"] == "POST":
        parts: list[bytes] = []
        has_more = True
        while has_more:
            message = await receive()
            parts.append(message.get("body", b""))
            has_more = message.get("more_body", False)
        body = b"%d" % len(b"".join(parts))
    else:
        size = int(scope["path"][1:])
        body = _SENT.setdefault(size, bytes(size))
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})
