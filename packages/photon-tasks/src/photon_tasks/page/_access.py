"""Which requests may see the page about jobs, and which may change something.

Theory of operation. The page shows the arguments of jobs and can remove them, so it is for a person
at this machine. Four things have to agree:

- The connection comes from this machine, and nothing has forwarded the request; unless the settings
  allow all clients.
- The request names this machine, or an address, as its host. A page on the internet can let its own
  name resolve to this machine (DNS rebinding), but the browser sends that name.
- A page of another site has not made it. Browsers say so in ``Sec-Fetch-Site``; a link on another
  page may lead here, because only the person sees where it leads.
- A request that changes something comes from a page of the same origin, and proves it by
  ``Sec-Fetch-Site`` or ``Origin``, which a browser always sends with a form.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from photon_runtime.http import Request

_FORWARDING: Final = (
    b"forwarded",
    b"via",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-real-ip",
)
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::[0-9]+)?")


def refusal(request: Request, *, allows_all: bool, changes: bool) -> str | None:
    """Return why a request may not use the page; ``None`` if it may.

    Args:
        request: The request.
        allows_all: True if clients on other machines may use the page.
        changes: True for a request that changes something.
    """
    if not allows_all and not _is_local(request):
        return (
            "the page about jobs is for this machine only: set page_clients = 'all' in [tasks] of "
            "the development environment, if other clients may see and change jobs"
        )
    if not _is_address_or_local(request.host):
        return f"the page about jobs does not serve the host {request.host!r}: use localhost"
    if changes:
        if not _proves_same_origin(request):
            return "the request does not come from the page about jobs"
    elif not _is_by_person_or_own_page(request):
        return "the page about jobs is not for pages of other sites"
    return None


def _is_local(request: Request) -> bool:
    if request.is_from_trusted_proxy or any(request.raw_header(name) for name in _FORWARDING):
        return False
    client = request.client
    return not isinstance(client, tuple) or _is_loopback(client[0])


def _is_address_or_local(host: str) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").rstrip(".").lower()
    return name in ("", "localhost") or name.endswith(".localhost") or _address(name) is not None


def _proves_same_origin(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origins = request.headers.getlist("origin")
    return bool(origins) and all(
        each.lower() in (f"http://{request.host}".lower(), f"https://{request.host}".lower())
        for each in origins
    )


def _is_by_person_or_own_page(request: Request) -> bool:
    field = request.headers.get
    if field("sec-fetch-site") in (None, "none", "same-origin"):
        return "origin" not in request.headers or _proves_same_origin(request)
    return field("sec-fetch-mode") == "navigate" and field("sec-fetch-dest") == "document"


def _is_loopback(address: str) -> bool:
    found = _address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return found is not None and bool((mapped or found).is_loopback)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
