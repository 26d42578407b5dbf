"""Refuses requests for unknown hosts.

The client chooses the value of ``Host``. An attacker can abuse links, redirects and caches that
trust it, so a public application should list its own host names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import attrs

from photon_runtime.http import Handler, HttpError, Request, Response

from ._checks import is_strings
from ._layer import Layer
from ._paths import HEALTH, PathSet, is_paths

# RFC 3986, section 3.2.2: a registered name, an IPv4 address, or one in brackets; then the port.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?")
_PATTERN = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]|\*")


@lru_cache(maxsize=1024)
def name_of_host(host: str) -> str | None:
    """Return the name in a ``Host`` field, in lower case, without port and final dot.

    ``None`` if the field is not a valid host.
    """
    match = _HOST.fullmatch(host)
    return None if match is None else match[1].lower().removesuffix(".") or None


def _are_names(layer: TrustedHosts, field: attrs.Attribute[Any], value: Sequence[str]) -> None:
    is_strings(layer, field, value)
    if not value:
        raise ValueError("name at least one host")
    for name in value:
        if not _PATTERN.fullmatch(name):
            raise ValueError(
                "a host has the form example.com, *.example.com or [::1], in lower case and "
                f"without scheme and port, not {name!r}"
            )


@attrs.define(kw_only=True, eq=False)
class TrustedHosts(Layer):
    """Rejects requests for unknown hosts with 400.

    Attributes:
        hosts: Trusted host names, without ports; ``*.example.com`` matches all subdomains, but not
            ``example.com`` itself; ``*`` matches every name. IPv6 addresses are in brackets.
        exempt_paths: Paths that are served under every name, such as those that orchestrators
            request by address.

    Raises:
        ValueError: A name is invalid; the message gives the reason.

    Example:
        >>> from photon_router import Request, Response
        >>> from photon_router.middleware import TrustedHosts
        >>> layer = TrustedHosts(hosts=["example.com", "*.example.com"])
        >>> request = Request("GET", "/", [(b"host", b"API.example.com:8000")])
        >>> layer(request, lambda request: Response())
        <Response 200 None>
    """

    hosts: Sequence[str] = attrs.field(validator=_are_names)
    exempt_paths: Sequence[str] = attrs.field(default=HEALTH, validator=is_paths)
    _names: frozenset[str] = attrs.field(init=False, repr=False)
    _endings: tuple[str, ...] = attrs.field(init=False, repr=False)
    _exempt: PathSet = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Separate names from wildcards."""
        self._names = frozenset(self.hosts)
        self._endings = tuple(name[1:] for name in self.hosts if name.startswith("*."))
        self._exempt = PathSet(self.exempt_paths)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Pass requests for trusted hosts on."""
        if not self.trusts(request.host) and request.raw_path not in self._exempt:
            raise HttpError(400, "the host in the Host field is not served here")
        return call_next(request)

    def trusts(self, host: str) -> bool:
        """Return whether a ``Host`` field names a trusted host."""
        name = name_of_host(host)
        if name is None:
            return False
        return name in self._names or name.endswith(self._endings) or "*" in self._names
