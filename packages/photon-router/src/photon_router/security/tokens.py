"""Issues the application's own tokens, which `JwtBearer` verifies."""

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
    """Return a signed token that identifies its bearer.

    It has an ``exp``, and a ``jti`` by which the application can revoke it.

    Args:
        subject: The user or client that the token identifies; not empty.
        key: The secret, or the private key in PEM.
        algorithm: The signature algorithm.
        lifetime: Seconds for which the token is valid.
        scopes: The scopes of the token.
        issuer: The issuer; `JwtBearer` compares it if it has one.
        audience: The audience; `JwtBearer` compares it likewise.
        claims: Further claims. The token is signed, not encrypted: every bearer can read them.
        kid: The id of the key, if there are several.

    Raises:
        ValueError: The key cannot be used with the algorithm, or is too short; the subject is
            empty; the lifetime is not above zero; a claim has an argument of its own.
        PhotonError: PyJWT is not installed.

    Example:
        >>> from photon_router.security import issue_token
        >>> issue_token("ada", "s" * 32).count(".")
        2
    """
    [algorithm] = checked_algorithms([algorithm])
    if not subject:
        raise ValueError("the subject of a token must not be empty")
    if lifetime <= 0:
        raise ValueError(f"the lifetime of a token must be above zero, not {lifetime}")
    prepared = prepare(key, algorithm)
    now = int(time.time())
    own = {
        "sub": subject,
        "iat": now,
        "exp": int(time.time() + lifetime),
        "jti": secrets.token_urlsafe(16),
        "iss": issuer,
        "aud": audience,
        "scope": " ".join(scopes) or None,
    }
    more = dict(claims or {})
    duplicates = sorted(own.keys() & more.keys())
    if duplicates:
        raise ValueError(f"these claims have an argument of their own: {', '.join(duplicates)}")
    payload = {name: value for name, value in own.items() if value is not None} | more
    headers = None if kid is None else {"kid": kid}
    token: str = pyjwt().encode(payload, prepared, algorithm=algorithm, headers=headers)
    return token
