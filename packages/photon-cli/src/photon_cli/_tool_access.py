"""Access to the tools of development: the events, scripts and styles below ``/_photon/dev/``.

They are for the pages of the server itself. A page of another site can request them, too, from
the browser of the developer, and two things keep it out:

- The host is a name of the server. A page on the internet can let its own name resolve to the
  address of this machine (DNS rebinding), which makes it a page of the same origin, but the browser
  sends that name. So a request has to name this machine (``localhost``, a loopback address), an
  address that the server listens on, or a host of the settings. A page cannot choose an address as
  its name, so every address is a name of a server that listens on all of them.
- The request comes from a page of the same origin, or from a person who has typed the address.
  Browsers say so in ``Sec-Fetch-Site``; those that do not send it name the origin of requests to
  other origins.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import attrs

from photon_runtime.http import Request

from ._local_request import is_local_host, name_of_host

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@attrs.frozen
class AllowedHosts:
    """The names of a server beside those of this machine.

    Attributes:
        names: Names and addresses, in lower case and without ports; ``*.example.com`` matches all
            subdomains.
        has_all_addresses: True if the server listens on all addresses of the machine.
    """

    names: frozenset[str] = frozenset()
    has_all_addresses: bool = False

    @classmethod
    def of(cls, addresses: Iterable[object], names: Iterable[str] = ()) -> AllowedHosts:
        """Return the names of a server.

        Args:
            addresses: The addresses of its listening sockets, as ``getsockname`` returns them.
            names: Further names, of the settings.
        """
        found = {address[0] for address in addresses if isinstance(address, tuple)}
        unspecified = {name for name in found if _is_unspecified(name)}
        known = {name_of_host(name) for name in names} | (found - unspecified)
        return cls(frozenset(filter(None, known)), bool(unspecified))

    def allows(self, host: str) -> bool:
        """Return whether a ``Host`` field names the server."""
        name = name_of_host(host)
        if name is None:
            return False
        return (
            is_local_host(host)
            or name in self.names
            or any(name.endswith(each[1:]) for each in self.names if each.startswith("*."))
            or (self.has_all_addresses and _is_address(name))
        )


def refusal(request: Request, hosts: AllowedHosts) -> str | None:
    """Return why a request may not use the tools; ``None`` if it may."""
    if not hosts.allows(request.host):
        return (
            f"the tools of `photon dev` do not serve the host {request.host!r}: use localhost, or"
            " add the host to `allowed_hosts` in [dev]"
        )
    if not is_same_origin(request):
        return "the tools of `photon dev` serve pages of their own origin only: origin not allowed"
    return None


def is_same_origin(request: Request) -> bool:
    """Return whether a page of the same origin, or a person, has made a request."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return all(_is_origin_of(each, request.host) for each in request.headers.getlist("origin"))


def _is_origin_of(origin: str, host: str) -> bool:
    """Return whether an origin is that of a host, whose scheme a proxy may have changed."""
    scheme, _, authority = origin.lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    if port is None:
        return False
    return authority.removesuffix(port) == host.lower().removesuffix(port)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_unspecified(address: str) -> bool:
    return not address or (_is_address(address) and ipaddress.ip_address(address).is_unspecified)
