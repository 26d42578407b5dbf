"""The bare WSGI application of the WSGI peers: no routing, a canned body."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

_BODY = b'{"message":"Hello, World!"}'
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_BODY)))]


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer the constant object, whatever was asked."""
    start_response("200 OK", _HEADERS)
    return [_BODY]
