"""Parameters of permessage-deflate, and their negotiation by a server (RFC 7692, section 7.1).

The server declares for itself that it does not take over contexts (see `_deflate`), and requires it
from the client, which every client must accept. Other servers may keep their context; then the
`Inflater` of a client holds a window.

The window of the client's messages is not limited by the server: a decompressor exists during a
message only, so there is not any memory to save. A window of 8 bits, which zlib cannot compress
with, is declined; as the window of the peer's messages it is accepted, because a larger one reads
them.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ._deflate import DEFAULT_THRESHOLD, MAX_WINDOW_BITS, MIN_WINDOW_BITS, Deflater, Inflater
from ._extensions import Extension, parse_extensions

_NAME = "permessage-deflate"
_SERVER_ALONE = "server_no_context_takeover"
_CLIENT_ALONE = "client_no_context_takeover"
_SERVER_BITS = "server_max_window_bits"
_CLIENT_BITS = "client_max_window_bits"
_FLAGS = frozenset({_SERVER_ALONE, _CLIENT_ALONE})
_WINDOW_BITS = {str(bits): bits for bits in range(8, MAX_WINDOW_BITS + 1)}


@attrs.frozen(kw_only=True)
class DeflateParameters:
    """What both peers agreed on.

    Equal parameters mean that a message compressed for one connection is right for the other.

    Attributes:
        server_no_context_takeover: True if each message of the server is compressed by itself.
        client_no_context_takeover: True if each message of the client is compressed by itself.
        server_max_window_bits: Size of the server's window, as a power of two.
        client_max_window_bits: Size of the client's window, as a power of two.
    """

    server_no_context_takeover: bool = True
    client_no_context_takeover: bool = True
    server_max_window_bits: int = MAX_WINDOW_BITS
    client_max_window_bits: int = MAX_WINDOW_BITS

    def deflater(self, *, is_client: bool = False, threshold: int = DEFAULT_THRESHOLD) -> Deflater:
        """Return a compressor for the messages of the server, or of the client."""
        bits = self.client_max_window_bits if is_client else self.server_max_window_bits
        return Deflater(bits, threshold=threshold)

    def inflater(self, *, is_client: bool = False) -> Inflater:
        """Return a decompressor for what the server, or the client, receives."""
        if is_client:
            alone, bits = self.server_no_context_takeover, self.server_max_window_bits
        else:
            alone, bits = self.client_no_context_takeover, self.client_max_window_bits
        return Inflater(bits, context_takeover=not alone)


def negotiate_deflate(offers: str | None) -> tuple[DeflateParameters, str] | None:
    """Choose the client's first offer that can be accepted.

    Args:
        offers: Value of ``Sec-WebSocket-Extensions``; several fields are joined by commas.

    Returns:
        The parameters and the value of the response field; ``None`` to go without compression.

    Raises:
        ValueError: The field does not follow the grammar.
    """
    for extension in parse_extensions(offers or ""):
        if extension.name == _NAME:
            parameters = _accept(extension)
            if parameters is not None:
                return parameters, _response(extension, parameters)
    return None


def _accept(offer: Extension) -> DeflateParameters | None:
    """Return the parameters for an offer; ``None`` if it is invalid or not supported."""
    values = _values(offer.parameters)
    if values is None:
        return None
    server_bits = values.get(_SERVER_BITS, MAX_WINDOW_BITS)
    if server_bits is None or server_bits < MIN_WINDOW_BITS:
        return None
    return DeflateParameters(
        server_max_window_bits=server_bits,
        client_max_window_bits=values.get(_CLIENT_BITS) or MAX_WINDOW_BITS,
    )


def _response(offer: Extension, parameters: DeflateParameters) -> str:
    response = f"{_NAME}; {_SERVER_ALONE}; {_CLIENT_ALONE}"
    if any(name == _SERVER_BITS for name, _ in offer.parameters):
        response += f"; {_SERVER_BITS}={parameters.server_max_window_bits}"
    return response


def _values(parameters: Iterable[tuple[str, str | None]]) -> dict[str, int | None] | None:
    """Return the values by name; ``None`` if one is unknown, repeated or invalid."""
    values: dict[str, int | None] = {}
    for name, value in parameters:
        if name in values:
            return None
        if name in _FLAGS:
            if value is not None:
                return None
            values[name] = None
        elif name in (_SERVER_BITS, _CLIENT_BITS):
            if value is not None and value not in _WINDOW_BITS:
                return None
            values[name] = None if value is None else _WINDOW_BITS[value]
        else:
            return None
    return values
