"""The PROXY protocol, versions 1 and 2: a load balancer states the client of a connection.

The header precedes everything else, including TLS. It is peeked at until its length is known,
and then exactly that many bytes are consumed, so the bytes that follow are not touched.
"""

from __future__ import annotations

import ipaddress
import struct

import attrs

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
MAX_HEADER_SIZE = 4096
"""Maximum size of a header in bytes; real ones have a few hundred."""

_MAX_LINE = 107
_HEAD = struct.Struct("!12sBBH")
_TLV = struct.Struct("!BH")
_ENDPOINTS = {0x11: (4, "!HH"), 0x21: (16, "!HH")}  # TCP over IPv4 and IPv6
_TLS_TLV = 0x20
_CLIENT_USED_TLS = 0x01


class NotProxyHeader(ValueError):
    """The connection does not begin with a valid PROXY header."""


@attrs.frozen
class ProxyHeader:
    """The contents of a PROXY header.

    Attributes:
        size: Size of the header in bytes.
        client: Address of the client; ``None`` if the proxy itself is the client, or it is unknown.
        is_secure: True if the client used TLS to the proxy.
    """

    size: int
    client: tuple[str, int] | None = None
    is_secure: bool = False


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Parse the header at the beginning of ``data``; return ``None`` while it is incomplete.

    Raises:
        NotProxyHeader: The data cannot become a valid header.
    """
    if data[: len(SIGNATURE)] == SIGNATURE[: len(data)] and data[:1] == b"\r":
        return _parse_binary(data)
    if data[:6] == b"PROXY "[: len(data)]:
        return _parse_line(data)
    raise NotProxyHeader(
        "the connection does not begin with a PROXY header; enable it in the proxy"
    )


def _parse_line(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, _MAX_LINE)
    if end < 0:
        if len(data) >= _MAX_LINE:
            raise NotProxyHeader("the line of the PROXY header is too long")
        return None
    try:
        words = data[:end].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise NotProxyHeader("the PROXY header is not ASCII") from None
    if words[1:2] == ["UNKNOWN"]:
        return ProxyHeader(end + 2)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise NotProxyHeader(
            "the PROXY header must be TCP4 or TCP6 with addresses and ports, or UNKNOWN"
        )
    kind = ipaddress.IPv4Address if words[1] == "TCP4" else ipaddress.IPv6Address
    try:
        source, _ = kind(words[2]), kind(words[3])
    except ValueError as error:
        raise NotProxyHeader(f"the PROXY header has an invalid address: {error}") from None
    port, _ = _port(words[4]), _port(words[5])
    return ProxyHeader(end + 2, (str(source), port))


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise NotProxyHeader(f"the PROXY header has an invalid port: {text!r}")
    return int(text)


def _parse_binary(data: bytes) -> ProxyHeader | None:
    if len(data) < _HEAD.size:
        return None
    _, command, family, length = _HEAD.unpack_from(data)
    size = _HEAD.size + length
    if command not in (0x20, 0x21) or size > MAX_HEADER_SIZE:
        raise NotProxyHeader("the PROXY header has an unknown command or is too long")
    if len(data) < size:
        return None
    if command == 0x20 or family not in _ENDPOINTS:  # LOCAL, or something without a TCP address
        return ProxyHeader(size)
    return _parse_endpoints(data, family, size)


def _parse_endpoints(data: bytes, family: int, size: int) -> ProxyHeader:
    width, ports = _ENDPOINTS[family]
    start = _HEAD.size
    rest = start + 2 * width + 4
    if rest > size:
        raise NotProxyHeader("the PROXY header is too short for its addresses")
    source = ipaddress.ip_address(data[start : start + width])
    port, _ = struct.unpack_from(ports, data, start + 2 * width)
    return ProxyHeader(size, (str(source), port), _has_tls(data[rest:size]))


def _has_tls(extensions: bytes) -> bool:
    position = 0
    while position + _TLV.size <= len(extensions):
        kind, length = _TLV.unpack_from(extensions, position)
        position += _TLV.size
        if kind == _TLS_TLV and 0 < length <= len(extensions) - position:
            return bool(extensions[position] & _CLIENT_USED_TLS)
        position += length
    return False
