"""Reads the credentials of a request, without verifying them.

Anything that a client sends is either a credential or raises `BadCredential`; no input may fail in
another way. Strings are of bounded length and contain no control characters (RFC 7617, section 2,
for passwords; databases reject NUL, too).
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
        NoCredential: The field is missing, or is for another scheme.
        BadCredential: There are several fields, or the credentials are empty or too long.
    """
    values = request.headers.getlist("authorization")
    if not values:
        raise NoCredential
    if len(values) > 1:
        raise BadCredential("several Authorization fields")
    sent_scheme, _, credentials = values[0].strip().partition(" ")
    if sent_scheme.lower() != scheme:
        raise NoCredential
    credentials = credentials.strip(" ")
    if not credentials:
        raise BadCredential("no credentials after the scheme")
    if len(credentials) > MAX_LENGTH:
        raise BadCredential("too long")
    return credentials


def bearer_token(request: Request) -> str:
    """Return the bearer token of a request (RFC 6750, section 2.1).

    Raises:
        NoCredential: The request has no bearer token.
        BadCredential: It is malformed.
    """
    token = authorization(request, "bearer")
    if _TOKEN68.fullmatch(token) is None:
        raise BadCredential("malformed token")
    return token


def user_and_password(request: Request) -> tuple[str, str]:
    """Return the user and the password of ``Basic`` credentials (RFC 7617), decoded as UTF-8.

    Raises:
        NoCredential: The request has no such credentials.
        BadCredential: They are malformed.
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
    """Return a key from a query as text.

    Raises:
        BadCredential: It is empty, too long, or contains control characters.
    """
    if not value or len(value) > MAX_LENGTH or _CONTROL.search(value):
        raise BadCredential("empty, too long, or control characters")
    return value


def field_text(value: str) -> str:
    """Return a key from a header field or a cookie as text: its bytes are UTF-8.

    Raises:
        BadCredential: It is not UTF-8, or invalid as `plain_text` says.
    """
    try:
        return plain_text(value.encode("latin-1").decode())
    except UnicodeError:
        raise BadCredential("not UTF-8") from None
