"""A bare RSGI handler: no routing, a canned body."""

from typing import Protocol

_BODY = b'{"message":"Hello, World!"}'
_HEADERS = [("content-type", "application/json")]


class _Protocol(Protocol):
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


async def app(scope: object, protocol: _Protocol) -> None:
    """Answer the constant object, whatever was asked."""
    protocol.response_bytes(200, _HEADERS, _BODY)
