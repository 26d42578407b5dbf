"""The rules of RFC 9110 and 9112 that the parser leaves to the server.

llhttp checks the grammar; this module has the rules for the contents of a well-formed head: which
targets are allowed, one valid Host, one declaration of the length. Everything ambiguous is refused
with 400 and the connection closed, because request smuggling relies on two readings of one message.

So no reader of a request sees a field twice. A repeated field that has one value by its definition
is refused, whether the values are equal or not: one reader would take the first and another the
last. Any other field is a list that was sent on several lines (RFC 9110, sections 5.2 and 5.3): it
becomes one field with all values in order, as proxies and WSGI servers combine it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ._headers import RawHeaders
from .errors import HttpError

# RFC 3986, section 3.2.2 and 3.2.3: a registered name or IPv4 address, or an address in
# brackets, and a port; no user information, no path.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
# Fields whose value is not a list, and Transfer-Encoding and Content-Encoding, whose value may be:
# with several codings of which one is overlooked, a body would be misread.
_SINGLE = frozenset(
    b"host content-length transfer-encoding content-type content-encoding content-location "
    b"content-range content-disposition authorization proxy-authorization date expect from "
    b"if-modified-since if-unmodified-since if-range range max-forwards origin referer user-agent "
    b"last-event-id access-control-request-method access-control-request-private-network "
    b"sec-websocket-key sec-websocket-version sec-fetch-dest sec-fetch-mode sec-fetch-site "
    b"sec-fetch-user idempotency-key x-csrf-token".split()
)


@lru_cache(maxsize=1024)
def is_host(value: bytes) -> bool:
    """Return whether ``value`` is a valid ``Host`` field (RFC 9110, section 7.2)."""
    return _HOST.fullmatch(value) is not None


def check_fields(version: str, headers: RawHeaders, fields: dict[bytes, bytes]) -> bool:
    """Check the fields that frame a message, and combine repeated ones.

    Args:
        version: Version of HTTP.
        headers: All fields; afterwards each name once.
        fields: The values of ``headers`` by name.

    Returns:
        True if the body comes in chunks.

    Raises:
        HttpError: 400 where they are missing, repeated or contradict each other; 501 for a
            transfer coding other than chunked.
    """
    if len(fields) != len(headers):
        _combine_repeated(headers, fields)
    host = fields.get(b"host")
    if host is None:
        if version == "1.1":  # RFC 9112, section 3.2
            raise HttpError(400, "a request must have a Host field")
    elif not is_host(host):
        raise HttpError(400, "the Host field must be a host name or address, with an optional port")
    if b"transfer-encoding" in fields:
        _check_transfer_encoding(version, fields)
        return True
    return False


def _combine_repeated(headers: RawHeaders, fields: dict[bytes, bytes]) -> None:
    """Leave one field of each name in ``headers`` and ``fields``."""
    combined: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in combined:
            combined[name] = value
        elif name in _SINGLE:
            raise HttpError(400, f"a request must have at most one {name.decode('latin-1')} field")
        else:
            # Browsers send one Cookie field, HTTP/2 many (RFC 9113, section 8.2.3).
            separator = b"; " if name == b"cookie" else b", "
            combined[name] += separator + value
    fields |= combined
    headers[:] = combined.items()


def _check_transfer_encoding(version: str, fields: dict[bytes, bytes]) -> None:
    if version == "1.0":  # RFC 9112, section 6.1: treat as faulty framing
        raise HttpError(400, "Transfer-Encoding is not allowed in HTTP/1.0")
    if b"content-length" in fields:
        raise HttpError(400, "a request must not have both Content-Length and Transfer-Encoding")
    if fields[b"transfer-encoding"].lower() != b"chunked":
        raise HttpError(501, "the only supported transfer coding is chunked")


def origin_form(method: str, target: bytes, headers: RawHeaders) -> str:
    """Return the request target as path and query (RFC 9112, section 3.2).

    The absolute form, as sent to proxies, is reduced to its path; its host replaces the Host field
    in ``headers`` (section 3.2.2). ``*`` is allowed with ``OPTIONS`` only.

    Raises:
        HttpError: 400 for anything else.
    """
    try:
        text = target.decode("ascii")
    except UnicodeDecodeError:
        raise HttpError(
            400, "the request target must be ASCII; percent-encode other characters"
        ) from None
    if text[:1] == "/" and "#" not in text:
        return text
    if text == "*" and method == "OPTIONS":
        return text
    absolute = _ABSOLUTE.fullmatch(text)
    if absolute is None or not is_host(host := absolute[1].encode("ascii")):
        raise HttpError(400, "the request target must be a path or an absolute URI")
    headers[:] = [(b"host", host), *(field for field in headers if field[0] != b"host")]
    rest = absolute[2]
    return rest if rest.startswith("/") else "/" + rest
