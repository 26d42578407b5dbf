"""Which requests may see the mails of development.

Mails have links that sign people in and reset passwords, so they are for a person at this machine,
as the page about jobs is. Three things have to agree:

- The connection comes from this machine, and nothing has forwarded the request; unless the settings
  allow all clients, as for a container.
- The request names this machine, or an address, as its host. A page on the internet can let its own
  name resolve to this machine (DNS rebinding), but the browser sends that name.
- A page of another site has not made it. A link on another page may lead here, because only the
  person sees where it leads.
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


def refusal(request: Request, *, allows_all: bool) -> str | None:
    """Return why a request may not see the mails; ``None`` if it may.

    Args:
        request: The request.
        allows_all: True if clients on other machines may see them.
    """
    if not allows_all and not _is_local(request):
        return (
            'mails are shown on this machine only: set page_clients = "all" in [mail] of the '
            "development environment, if other clients may see them"
        )
    if not _names_this_machine(request.host):
        return f"mails are not shown to pages of the host {request.host!r}: use localhost"
    if not _is_by_person_or_own_page(request):
        return "mails are shown to pages of this server only: origin not allowed"
    return None


def _is_local(request: Request) -> bool:
    if request.is_from_trusted_proxy or any(request.raw_header(name) for name in _FORWARDING):
        return False
    client = request.client
    if not isinstance(client, tuple):
        return True
    found = _address(client[0].partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return found is not None and bool((mapped or found).is_loopback)


def _names_this_machine(host: str) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost") or _address(name) is not None


def _is_by_person_or_own_page(request: Request) -> bool:
    field = request.headers.get
    if field("sec-fetch-mode") == "navigate" and field("sec-fetch-dest") == "document":
        return True
    site = field("sec-fetch-site")
    if site is not None:
        return site in ("none", "same-origin")
    return "origin" not in request.headers


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
