"""A bare RSGI handler with large bodies: POST reads one, GET /N sends N bytes."""

from typing import Any

_SENT: dict[int, bytes] = {}
_HEADERS = [("content-type", "text/plain")]


async def app(scope: Any, protocol: Any) -> None:
    """Answer with the number of received bytes, or with as many bytes as the path states."""
    if scope.method == "POST":
        body = b"%d" % len(await protocol())
    else:
        size = int(scope.path[1:])
        body = _SENT.setdefault(size, bytes(size))
    protocol.response_bytes(200, _HEADERS, body)
