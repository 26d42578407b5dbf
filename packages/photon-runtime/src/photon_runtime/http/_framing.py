"""The rules of RFC 9110 and 9112 that the parser leaves to the server.

llhttp checks the grammar; here stand the rules about what a well-formed head may say: which
targets, one valid Host, one way of telling the length. Everything doubtful is refused with 400
and the connection closed, because two readings of one message are how requests are smuggled.
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
_SINGLE = (b"host", b"content-length", b"transfer-encoding")


@lru_cache(maxsize=1024)
def is_host(value: bytes) -> bool:
    """Say whether ``value`` is a valid ``Host`` field (RFC 9110, section 7.2)."""
    return _HOST.fullmatch(value) is not None


def check_fields(version: str, headers: RawHeaders, fields: dict[bytes, bytes]) -> None:
    """Check the fields that frame a message.

    Args:
        version: Of HTTP.
        headers: All fields.
        fields: The same by name, the last of each.

    Raises:
        HttpError: 400 where they are missing, repeated or contradict each other; 501 for a
            transfer coding other than chunked.
    """
    if len(fields) != len(headers):
        _refuse_repetition(headers)
    host = fields.get(b"host")
    if host is None:
        if version == "1.1":  # RFC 9112, section 3.2
            raise HttpError(400, "a request needs a Host field")
    elif not is_host(host):
        raise HttpError(400, "the Host field is not a valid host")
    if b"transfer-encoding" in fields:
        _check_transfer_encoding(version, fields)


def _refuse_repetition(headers: RawHeaders) -> None:
    names = [name for name, _ in headers]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise HttpError(400, f"a request has one {name.decode()} field at the most")


def _check_transfer_encoding(version: str, fields: dict[bytes, bytes]) -> None:
    if version == "1.0":  # RFC 9112, section 6.1: treat as faulty framing
        raise HttpError(400, "HTTP/1.0 has no Transfer-Encoding")
    if b"content-length" in fields:
        raise HttpError(400, "Content-Length and Transfer-Encoding exclude each other")
    if fields[b"transfer-encoding"].lower() != b"chunked":
        raise HttpError(501, "the only transfer coding understood is chunked")


def origin_form(method: str, target: bytes, headers: RawHeaders) -> str:
    """Return the request target as path and query (RFC 9112, section 3.2).

    The absolute form, as sent to proxies, is reduced to its path; the host that it names takes the
    place of the Host field in ``headers`` (section 3.2.2). ``*`` is for ``OPTIONS``.

    Raises:
        HttpError: 400 for anything else.
    """
    try:
        text = target.decode("ascii")
    except UnicodeDecodeError:
        raise HttpError(400, "the request target has characters outside of ASCII") from None
    if text[:1] == "/" and "#" not in text:
        return text
    if text == "*" and method == "OPTIONS":
        return text
    absolute = _ABSOLUTE.fullmatch(text)
    if absolute is None or not is_host(host := absolute[1].encode("ascii")):
        raise HttpError(400, "the request target is neither a path nor an absolute URI")
    headers[:] = [(b"host", host), *(field for field in headers if field[0] != b"host")]
    rest = absolute[2]
    return rest if rest.startswith("/") else "/" + rest
