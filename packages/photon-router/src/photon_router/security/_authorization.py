"""Credentials as they come in a request: read, and nothing believed.

Whatever a client sends here either is a credential or a `BadCredential`; none of it may fail in
another way. Texts have no control characters (RFC 7617, section 2, for passwords; databases do not
take a NUL either), and an end.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from photon_runtime.http import Request

from ._verifier import BadCredential, NoCredential

MAX_LENGTH: Final = 16 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def authorization(request: Request, scheme: str) -> str:
    """Return the credentials of the ``Authorization`` field (RFC 9110, section 11.6.2).

    Args:
        request: The request.
        scheme: The authentication scheme, in lower case.

    Raises:
        NoCredential: There are none, or they are of another scheme.
        BadCredential: There are several, none behind the scheme, or they are too long.
    """
    values = request.headers.getlist("authorization")
    if not values:
        raise NoCredential
    if len(values) > 1:
        raise BadCredential("several Authorization fields")
    named, _, rest = values[0].strip().partition(" ")
    if named.lower() != scheme:
        raise NoCredential
    rest = rest.strip(" ")
    if not rest:
        raise BadCredential("nothing behind the scheme")
    if len(rest) > MAX_LENGTH:
        raise BadCredential("too long")
    return rest


def bearer_token(request: Request) -> str:
    """Return the bearer token of a request (RFC 6750, section 2.1).

    Raises:
        NoCredential: There is none.
        BadCredential: It has not the form of one.
    """
    token = authorization(request, "bearer")
    if _TOKEN68.fullmatch(token) is None:
        raise BadCredential("not the form of a token")
    return token


def user_and_password(request: Request) -> tuple[str, str]:
    """Return what ``Basic`` credentials say (RFC 7617), read as UTF-8.

    Raises:
        NoCredential: There are none.
        BadCredential: They have not the form.
    """
    encoded = authorization(request, "basic")
    try:
        text = base64.b64decode(encoded.encode("latin-1"), validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise BadCredential("neither base64 nor UTF-8") from None
    user, colon, password = text.partition(":")
    if not colon or _CONTROL.search(text):
        raise BadCredential("no colon, or control characters")
    return user, password


def plain_text(value: str) -> str:
    """Return a key that came in a query as text.

    Raises:
        BadCredential: It is empty, too long, or has control characters.
    """
    if not value or len(value) > MAX_LENGTH or _CONTROL.search(value):
        raise BadCredential("empty, too long, or control characters")
    return value


def field_text(value: str) -> str:
    """Return a key that came in a header field or a cookie as text: its bytes are UTF-8.

    Raises:
        BadCredential: They are not, or see `plain_text`.
    """
    try:
        return plain_text(value.encode("latin-1").decode())
    except UnicodeError:
        raise BadCredential("not UTF-8") from None
