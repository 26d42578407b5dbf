"""Which names the application answers to.

``Host`` is what the client says. Links, redirects and caches that trust it can be turned against
others, so an application in the open should know its own names.
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

    ``None`` where the field is no host.
    """
    found = _HOST.fullmatch(host)
    return None if found is None else found[1].lower().removesuffix(".") or None


def _are_names(layer: TrustedHosts, field: attrs.Attribute[Any], value: Sequence[str]) -> None:
    is_strings(layer, field, value)
    if not value:
        raise ValueError("name at least one host")
    for name in value:
        if not _PATTERN.fullmatch(name):
            raise ValueError(
                "a host is like example.com, *.example.com or [::1], in lower case and without "
                f"scheme and port, not {name!r}"
            )


@attrs.define(kw_only=True, eq=False)
class TrustedHosts(Layer):
    """Refuses requests for other hosts with 400.

    Attributes:
        hosts: Names that count, without ports; ``*.example.com`` is all names below it, itself
            not included; ``*`` is every name. IPv6 addresses stand in brackets.
        exempt_paths: Paths that answer under every name: those that orchestrators ask by address.

    Raises:
        ValueError: A name cannot be meant; says why.

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
        """Sort the names."""
        self._names = frozenset(self.hosts)
        self._endings = tuple(name[1:] for name in self.hosts if name.startswith("*."))
        self._exempt = PathSet(self.exempt_paths)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Let requests for these hosts pass."""
        if not self.trusts(request.host) and request.raw_path not in self._exempt:
            raise HttpError(400, "the Host field names none of the hosts that are served here")
        return call_next(request)

    def trusts(self, host: str) -> bool:
        """Say whether a ``Host`` field names one of these hosts."""
        name = name_of_host(host)
        if name is None:
            return False
        return name in self._names or name.endswith(self._endings) or "*" in self._names
