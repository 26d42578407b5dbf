"""The opening handshake of a server (RFC 6455, section 4.2).

Requests that do not ask for a WebSocket get 426 with the protocol that is required, and those of
another version of the protocol 426 with the version that is supported. Everything that is wrong in
a request for a WebSocket gets 400, and an origin that is not allowed 403, so that the developer of
the client sees the reason; browsers do not show it to scripts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

import attrs

from photon_runtime.http import HttpError, Request, is_token

from ._origins import Origins
from ._parameters import DeflateParameters, negotiate_deflate

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = "13"


@attrs.frozen
class Handshake:
    """An accepted handshake.

    Attributes:
        headers: Fields of the ``101`` response, besides ``Connection`` and ``Upgrade``.
        subprotocol: Subprotocol that was chosen; ``None`` without one.
        deflate: Parameters of compression; ``None`` without it.
    """

    headers: list[tuple[str, str]]
    subprotocol: str | None
    deflate: DeflateParameters | None


def accept_handshake(
    request: Request,
    *,
    subprotocols: Sequence[str] = (),
    origins: Origins,
    deflate: bool,
) -> Handshake:
    """Check the request for a WebSocket and choose the options of the connection.

    Args:
        request: Request of the client.
        subprotocols: Supported subprotocols, the preferred first. Without a common one the
            connection has none.
        origins: Origins whose pages may connect.
        deflate: True to compress messages if the client offers it.

    Raises:
        HttpError: 426, 405, 400 or 403; the module has the reasons.
    """
    _check_upgrade(request)
    _check_version(request)
    key = _key_of(request)
    origins.check(request)
    headers = [("sec-websocket-accept", _accept_value(key))]
    subprotocol = _choose_subprotocol(request, subprotocols)
    if subprotocol is not None:
        headers.append(("sec-websocket-protocol", subprotocol))
    parameters = None
    negotiated = _negotiate(request)
    if negotiated is not None and deflate:
        parameters, response = negotiated
        headers.append(("sec-websocket-extensions", response))
    return Handshake(headers, subprotocol, parameters)


def _check_upgrade(request: Request) -> None:
    offered = _items(request, "upgrade")
    if request.version != "1.1" or "websocket" not in map(str.lower, offered):
        raise HttpError(
            426,
            "this resource is a WebSocket: send an HTTP/1.1 request with Upgrade: websocket",
            headers={"upgrade": "websocket"},
        )
    if request.method != "GET":
        detail = f"a WebSocket begins with GET, not {request.method}"
        raise HttpError(405, detail, headers={"allow": "GET"})
    if request.content_length or request.raw_header(b"transfer-encoding") is not None:
        raise HttpError(400, "the request for a WebSocket must not have a body")
    if "upgrade" not in map(str.lower, _items(request, "connection")):
        raise HttpError(
            400, "Connection must contain Upgrade; a proxy between must forward both fields"
        )


def _check_version(request: Request) -> None:
    versions = request.headers.getlist("sec-websocket-version")
    if len(versions) > 1:
        raise _repeated("Sec-WebSocket-Version")
    if versions != [_VERSION]:
        raise HttpError(
            426,
            f"the supported version of the WebSocket protocol is {_VERSION}",
            headers={"sec-websocket-version": _VERSION, "upgrade": "websocket"},
        )


def _key_of(request: Request) -> str:
    keys = request.headers.getlist("sec-websocket-key")
    if len(keys) > 1:
        raise _repeated("Sec-WebSocket-Key")
    try:
        is_valid = len(base64.b64decode(keys[0], validate=True)) == 16 if keys else False
    except (binascii.Error, ValueError):
        is_valid = False
    if not is_valid:
        raise HttpError(400, "Sec-WebSocket-Key must be 16 bytes in base64")
    return keys[0]


def _accept_value(key: str) -> str:
    digest = hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def _choose_subprotocol(request: Request, supported: Sequence[str]) -> str | None:
    offered = _items(request, "sec-websocket-protocol")
    if len(set(offered)) < len(offered) or not all(map(is_token, offered)):
        raise HttpError(400, "Sec-WebSocket-Protocol must be a list of different tokens")
    return next((name for name in supported if name in offered), None)


def _negotiate(request: Request) -> tuple[DeflateParameters, str] | None:
    try:
        return negotiate_deflate(", ".join(request.headers.getlist("sec-websocket-extensions")))
    except ValueError as error:
        raise HttpError(400, f"Sec-WebSocket-Extensions is malformed: {error}") from None


def _items(request: Request, name: str) -> list[str]:
    """Return the items of a list field, as they were sent (RFC 9110, section 5.6.1)."""
    items = (item.strip() for value in request.headers.getlist(name) for item in value.split(","))
    return [item for item in items if item]


def _repeated(name: str) -> HttpError:
    return HttpError(400, f"a request for a WebSocket must have one {name} field")
