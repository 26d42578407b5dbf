"""Tokens that the application issues itself, as `JwtBearer` verifies them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ._keys import checked_algorithms, prepare, pyjwt


def issue_token(
    subject: str,
    key: str | bytes,
    *,
    algorithm: str = "HS256",
    lifetime: float = 3600.0,
    scopes: Sequence[str] = (),
    issuer: str | None = None,
    audience: str | None = None,
    claims: Mapping[str, Any] | None = None,
    kid: str | None = None,
) -> str:
    """Return a signed token that says who its bearer is.

    It has an ``exp``, and a ``jti`` by which the application can revoke it.

    Args:
        subject: Who it is for; not empty.
        key: The secret, or the private key in PEM.
        algorithm: How it is signed.
        lifetime: Seconds for which it is good.
        scopes: What it allows.
        issuer: Who issues it; `JwtBearer` compares it where it was given one.
        audience: Whom it is for; the same.
        claims: What else it says. It is signed, not encrypted: everybody can read it.
        kid: The name of the key, for those who have several.

    Raises:
        ValueError: The key is none for the algorithm, or too short; there is no subject; a
            lifetime is not above zero; a claim is one of those that have an argument.
        PhotonError: PyJWT is not installed.

    Example:
        >>> from photon_router.security import issue_token
        >>> issue_token("ada", "s" * 32).count(".")
        2
    """
    [algorithm] = checked_algorithms([algorithm])
    if not subject:
        raise ValueError("a token is for somebody: its subject is not empty")
    if lifetime <= 0:
        raise ValueError(f"a token is good for more than {lifetime} seconds")
    prepared = prepare(key, algorithm)
    now = int(time.time())
    told = {
        "sub": subject,
        "iat": now,
        "exp": int(time.time() + lifetime),
        "jti": secrets.token_urlsafe(16),
        "iss": issuer,
        "aud": audience,
        "scope": " ".join(scopes) or None,
    }
    more = dict(claims or {})
    taken = sorted(told.keys() & more.keys())
    if taken:
        raise ValueError(f"these claims have an argument of their own: {', '.join(taken)}")
    payload = {name: value for name, value in told.items() if value is not None} | more
    headers = None if kid is None else {"kid": kid}
    token: str = pyjwt().encode(payload, prepared, algorithm=algorithm, headers=headers)
    return token
