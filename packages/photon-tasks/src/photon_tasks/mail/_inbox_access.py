"""Whether a request may see the mails of development.

They have links that sign people in and reset passwords, and a page on the internet can let its own
name resolve to the address of this machine (DNS rebinding): then its scripts could read them. The
browser sends the name of that page, so a request has to name this machine, or an address, which a
page cannot choose as its name. Scripts of pages with another origin are refused as well, because
the application may allow them to read its responses (CORS).
"""

from __future__ import annotations

import ipaddress
import re

from photon_runtime.http import Request

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::[0-9]+)?")


def refusal(request: Request) -> str | None:
    """Return why a request may not see the mails; ``None`` if it may."""
    if not _is_this_machine(request.host):
        return f"mails are not shown to pages of the host {request.host!r}: use localhost"
    site = request.headers.get("sec-fetch-site")
    if site in ("none", "same-origin"):
        return None
    is_followed_link = request.headers.get("sec-fetch-mode") == "navigate"
    if (site is None and not request.headers.getlist("origin")) or is_followed_link:
        return None
    return "mails are shown to pages of this server only: origin not allowed"


def _is_this_machine(host: str) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
