"""The sender of a request: the peer itself, or the client that a trusted proxy names.

Theory of operation. A request has a *peer*: usually the plain address of the socket, and then
nothing in this module is used. Other connections (TLS, a Unix socket, a trusted proxy) give their
requests a `Peer` instead, made once. The forwarding fields of a trusted peer are read only when a
handler uses ``client``, ``scheme`` or ``host``.

Fields are evaluated from right to left: the rightmost entry was written by the peer itself, so it
is true if the peer is trusted; the next one was written by the host named there, and so on until a
host that is not trusted: this is the client. Entries further left were under the client's control:
they are not read, so that they can neither cost time nor invalidate the rest.

Only one kind of fields is read, either ``X-Forwarded-*`` or ``Forwarded`` (RFC 7239): a proxy that
sets one kind usually forwards the other one as the client sent it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, Protocol, TypeAlias

import attrs

ProxyFields: TypeAlias = Literal["x-forwarded", "forwarded"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_UNIX = "unix"
_MAX_HOPS = 64  # proxies in a chain; real chains have a few
_SCHEMES = frozenset({"http", "https"})
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
# "name=" and a token or a quoted string, up to the next pair (RFC 7239, section 4).
_PAIR = re.compile(r'([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))\s*(?:;[;\s]*|\Z)')


class Fields(Protocol):
    """The header fields of a request, as far as they are needed here."""

    def getlist(self, name: str) -> list[str]:
        """Return every value of ``name`` in order."""


class TrustedProxies:
    """Peers that are trusted to name the client.

    Args:
        names: Addresses, networks in CIDR notation, or ``unix`` for peers on Unix sockets.
        fields: Header fields in which they name the client.

    Raises:
        ValueError: A name is none of these.
    """

    __slots__ = ("_networks", "_trusts_unix", "fields")

    def __init__(self, names: Iterable[str] = (), fields: ProxyFields = "x-forwarded") -> None:
        """Read the names."""
        self.fields = fields
        self._networks = []
        self._trusts_unix = False
        for name in names:
            if name == _UNIX:
                self._trusts_unix = True
                continue
            try:
                self._networks.append(ipaddress.ip_network(name))
            except ValueError as error:
                raise ValueError(
                    f"{name!r} is neither an address, nor a network such as 10.0.0.0/8, nor "
                    f"`unix`: {error}"
                ) from None

    def __bool__(self) -> bool:
        """Return whether any peer is trusted."""
        return self._trusts_unix or bool(self._networks)

    def trusts(self, address: object) -> bool:
        """Return whether the socket address ``address`` is trusted."""
        if not isinstance(address, tuple):
            return self._trusts_unix
        return self.trusts_host(address[0])

    def trusts_host(self, host: str) -> bool:
        """Return whether the numeric address ``host`` is trusted; a name never is."""
        found = parse_address(host)
        if found is None:
            return False
        return any(found in network for network in self._networks)


def parse_address(host: str) -> _Address | None:
    """Parse a numeric address; an IPv4-mapped IPv6 address becomes IPv4."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


@attrs.frozen
class Peer:
    """The sender of the requests of a connection, or of a request through a proxy.

    Attributes:
        address: Address, as for `Request.client`.
        scheme: ``http`` or ``https``.
        host: Host that the client requested, if a proxy states it.
        prefix: Path that precedes those of requests for the client, if a proxy states it.
        proxies: The trusted proxies if this peer is one of them; else ``None``.
        certificate: Verified certificate of the peer, in DER; ``None`` without one.
        is_forwarded: True if a trusted proxy forwarded the request.
    """

    address: object
    scheme: str = "http"
    host: str | None = None
    proxies: TrustedProxies | None = None
    certificate: bytes | None = None
    is_forwarded: bool = False
    prefix: str | None = None

    def behind(self, fields: Fields) -> Peer:
        """Return the original sender of a request with these fields."""
        if self.proxies is None:
            return self
        is_standard = self.proxies.fields == "forwarded"
        hops = _forwarded(fields.getlist("forwarded")) if is_standard else _x_forwarded(fields)
        return self._walk(hops, self.proxies)

    def _walk(self, hops: Iterator[_Hop], proxies: TrustedProxies) -> Peer:
        address, scheme, host, prefix = self.address, self.scheme, None, None
        for hop in islice(hops, _MAX_HOPS):
            scheme = hop.scheme if hop.scheme is not None else scheme
            host = hop.host if hop.host is not None else host
            prefix = hop.prefix if hop.prefix is not None else prefix
            if hop.client is None:
                break  # the sender of this hop is unknown, so earlier entries cannot be trusted
            address = hop.client
            if not proxies.trusts(address):
                break
        own = self.certificate if address == self.address else None  # else it is the proxy's
        return Peer(address, scheme, host, certificate=own, is_forwarded=True, prefix=prefix)


@attrs.frozen
class _Hop:
    """What one proxy states about its client; ``None`` for missing values."""

    client: tuple[str, int] | None
    scheme: str | None = None
    host: str | None = None
    prefix: str | None = None


def _forwarded(values: Sequence[str]) -> Iterator[_Hop]:
    """Parse ``Forwarded`` from its end, up to the first malformed element."""
    for value in reversed(values):
        for element in _elements_from_the_end(value):
            pairs = _pairs(element)
            if pairs is None:
                return
            yield _Hop(
                _node(pairs.get("for", "")),
                _scheme(pairs.get("proto")),
                _host(pairs.get("host")),
            )


def _elements_from_the_end(text: str) -> Iterator[str]:
    """Split at commas outside of quoted strings.

    From the end, which the trusted proxy has written: a quote that the client left open before it
    must not hide it.
    """
    end, is_quoted = len(text), False
    for position in range(len(text) - 1, -1, -1):
        character = text[position]
        if character == '"' and not _is_escaped(text, position):
            is_quoted = not is_quoted
        elif character == "," and not is_quoted:
            yield text[position + 1 : end]
            end = position
    yield text[:end]


def _is_escaped(text: str, position: int) -> bool:
    """Return whether an odd number of backslashes precedes ``position``."""
    start = position
    while start and text[start - 1] == "\\":
        start -= 1
    return (position - start) % 2 == 1


def _pairs(element: str) -> dict[str, str] | None:
    """Parse ``name=value; name="value"``; return ``None`` if it is malformed."""
    pairs: dict[str, str] = {}
    rest = element.strip().lstrip("; \t")
    position = 0
    while position < len(rest):
        found = _PAIR.match(rest, position)
        if found is None:
            return None
        name, quoted, token = found.groups()
        pairs[name.lower()] = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        position = found.end()
    return pairs


def _x_forwarded(fields: Fields) -> Iterator[_Hop]:
    """Parse ``X-Forwarded-For``, ``-Proto``, ``-Host`` and ``-Prefix``.

    Their entries correspond by position.

    From the end. If a list is shorter than that of the addresses, its entries belong to the
    rightmost addresses, and a single entry to all: most proxies that overwrite a field write one
    value.
    """
    nodes = _listed(fields, "x-forwarded-for")
    schemes = _listed(fields, "x-forwarded-proto")
    hosts = _listed(fields, "x-forwarded-host")
    prefixes = _listed(fields, "x-forwarded-prefix")
    if not nodes and (schemes or hosts or prefixes):
        yield _Hop(None, _scheme(_last(schemes)), _host(_last(hosts)), _last(prefixes))
    for place in range(-1, -len(nodes) - 1, -1):
        yield _Hop(
            _node(nodes[place]),
            _scheme(_at(schemes, place)),
            _host(_at(hosts, place)),
            _at(prefixes, place),
        )


def _listed(fields: Fields, name: str) -> list[str]:
    values = fields.getlist(name)
    return [item.strip() for item in ",".join(values).split(",")] if values else []


def _last(values: Sequence[str]) -> str | None:
    return values[-1] if values else None


def _at(values: Sequence[str], place: int) -> str | None:
    if len(values) == 1:
        return values[0]
    return values[place] if len(values) >= -place else None


def _node(text: str) -> tuple[str, int] | None:
    """Parse ``address``, ``address:port``, ``[address]`` or ``[address]:port``."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return None
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    if parse_address(host) is None:
        return None
    return host, int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0


def _scheme(text: str | None) -> str | None:
    return text.lower() if text is not None and text.lower() in _SCHEMES else None


def _host(text: str | None) -> str | None:
    return text if text is not None and _HOST.fullmatch(text) else None
