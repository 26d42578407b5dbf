"""The origins whose pages may connect (RFC 6455, section 10.2).

A browser connects a page of any site to any server, and sends the cookies of that server: the
same-origin policy does not apply to WebSockets, and CORS neither. So the server compares
``Origin``, which scripts cannot change, with its own address. Clients that are not browsers send no
origin; they do not have the cookies of a user either, and may connect.

The origin of the application is the scheme and the host of the request, as trusted proxies state
them. Where a proxy ends TLS and is not trusted, the scheme is ``http`` and no page matches: the
request is refused, and the log says what to set.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

import attrs

from photon_runtime.http import HttpError, Request

_ANY = "*"
_PORTS = {"http": "80", "https": "443"}
# RFC 6454, section 6.2: scheme, host and port; no path, no user information.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^/:\s?#@\[\],*]+)(?::([0-9]{1,5}))?")

_log = logging.getLogger("photon.websocket")


def _allowed(origins: Iterable[str]) -> frozenset[str]:
    if isinstance(origins, str):
        raise TypeError(f"origins are a list of strings, not the string {origins!r}")
    return frozenset(origin if origin == _ANY else _required_origin(origin) for origin in origins)


def _required_origin(text: str) -> str:
    origin = _normal(text)
    if origin is None:
        raise ValueError(f"an origin has the form https://shop.example, or is *, not {text!r}")
    return origin


@attrs.frozen
class Origins:
    """The origin of the application itself, and others whose pages may connect.

    Attributes:
        allowed: Other origins, such as ``https://shop.example``; ``*`` for all.

    Raises:
        ValueError: A value is not an origin.
        TypeError: It is a single string.
    """

    allowed: frozenset[str] = attrs.field(default=(), converter=_allowed)

    def check(self, request: Request) -> None:
        """Check the origin of a request.

        Raises:
            HttpError: 403, the origin is not allowed.
        """
        fields = request.headers.getlist("origin")
        if not fields or _ANY in self.allowed:
            return
        origin = _normal(fields[0]) if len(fields) == 1 else None
        if origin is not None:
            own = _normal(f"{request.scheme}://{request.host}")
            if origin == own or origin in self.allowed:
                return
            _log.info(
                "%r: origin %s is not allowed; if it is the address of this application behind a "
                "proxy, set trusted_proxies in [server], else list it in origins of [websockets]",
                request,
                origin,
            )
        raise HttpError(403, "origin not allowed")


def _normal(text: str) -> str | None:
    """Return an origin in lower case without the default port; ``None`` if it is not an origin."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    if port is None or port == _PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"
