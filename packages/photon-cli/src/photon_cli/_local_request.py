"""Whether a request may see details of errors: it comes from a person at this machine.

Three things have to agree. The connection comes from a loopback address, or through a Unix socket.
Nothing has forwarded the request: behind a proxy or a tunnel all clients have the address of this
machine. And the host that it names is this machine: a page on the internet can let its own name
resolve to 127.0.0.1 (DNS rebinding) and then read what a local server responds, but the browser
sends the name of that page.
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
    return is_local_host(request.host)


def is_local_host(host: str) -> bool:
    """Return whether the host of a request, with or without a port, is this machine.

    An empty one is: a request without the field does not come from a browser.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").rstrip(".").lower()
    return name in ("", "localhost") or name.endswith(".localhost") or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
