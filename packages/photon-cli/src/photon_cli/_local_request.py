"""Whether a request may see details of errors: it comes from a person at this machine.

Four things have to agree. The connection comes from a loopback address, or through a Unix socket.
Nothing has forwarded the request: behind a proxy or a tunnel all clients have the address of this
machine. The host that it names is this machine: a page on the internet can let its own name
resolve to 127.0.0.1 (DNS rebinding) and then read what a local server responds, but the browser
sends the name of that page. And the script of a page on the internet has not made it: an
application that allows requests of all origins (CORS) would let the page read the response. Pages
of other servers of this machine may, and so may links to it, whose target only a person sees.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photon_runtime.http import Request

_FORWARDING = (
    b"forwarded",
    b"via",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-real-ip",
    b"cf-connecting-ip",
    b"true-client-ip",
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::[0-9]+)?")


def is_local(request: Request) -> bool:
    """Return whether a request comes from a person at this machine."""
    if request.is_from_trusted_proxy or any(request.raw_header(name) for name in _FORWARDING):
        return False
    client = request.client
    if isinstance(client, tuple) and not _is_loopback(client[0]):
        return False
    return is_local_host(request.host) and not _is_by_remote_page(request)


def _is_by_remote_page(request: Request) -> bool:
    """Return whether a page of another machine made the request, and could read the response."""
    field = request.headers.get
    if field("sec-fetch-mode") == "navigate" and field("sec-fetch-dest") == "document":
        return False
    origins = request.headers.getlist("origin")
    if not origins:
        return field("sec-fetch-site") == "cross-site"
    return not all(is_local_host(each.partition("://")[2] or "null") for each in origins)


def is_local_host(host: str) -> bool:
    """Return whether the host of a request, with or without a port, is this machine.

    An empty one is: a request without the field does not come from a browser.
    """
    name = name_of_host(host)
    if name is None:
        return False
    return name in ("", "localhost") or name.endswith(".localhost") or _is_loopback(name)


def name_of_host(host: str) -> str | None:
    """Return the name or address in a ``Host`` field, in lower case, without port and final dot.

    ``None`` if the field is not a valid host.
    """
    found = _HOST.fullmatch(host)
    return None if found is None else found[1].strip("[]").rstrip(".").lower()


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
