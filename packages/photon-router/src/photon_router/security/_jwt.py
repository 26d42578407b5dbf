"""JSON Web Tokens as bearer tokens (RFC 7519, RFC 8725)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from ._bearer import TokenVerifier
from ._identity import Identity
from ._jwks import Jwks
from ._keys import KeySource, OneKey, checked_algorithms, pyjwt
from ._verifier import CREDENTIALS, BadCredential, Find, Verified, as_verified, is_function


@attrs.frozen(kw_only=True)
class TokenRules:
    """Conditions that a valid token meets besides its signature.

    Attributes:
        algorithms: The allowed signature algorithms.
        issuer: The allowed issuer or issuers; ``None`` for any issuer with the key.
        audience: The audience, one of which the token must have; ``None`` for tokens without one.
        leeway: Seconds by which clocks may differ.
        required: Claims that a token must have.
        find: A function that takes the identity of the token and returns the application's own,
            ``None`` to refuse the token.
    """

    algorithms: tuple[str, ...]
    issuer: str | Sequence[str] | None
    audience: str | Sequence[str] | None
    leeway: float
    required: tuple[str, ...]
    find: Find[Identity] | None = attrs.field(repr=False)

    def verify(self, token: str, keys: KeySource) -> Verified:
        """Verify a token with its key from ``keys``.

        Raises:
            BadCredential: The token is not valid.
        """
        claims = self._claims(token, keys)
        scopes = scopes_of(claims)
        identity = Identity(self._subject(claims), scopes, claims)
        if self.find is None:
            return Verified(identity, scopes)
        return Verified(as_verified(self.find(identity), self.find).identity, scopes)

    def _subject(self, claims: Mapping[str, Any]) -> str:
        """Return the subject of a token; an empty one counts as missing (RFC 7519, 4.1.2)."""
        subject = claims.get("sub")
        if subject is None:
            subject = ""
        if not isinstance(subject, str) or (not subject and "sub" in self.required):
            raise BadCredential("the subject is not a string, or empty")
        return subject

    def _claims(self, token: str, keys: KeySource) -> dict[str, Any]:
        # The header only chooses among the allowed algorithms; decode() checks it again.
        header = _read(_header, token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self.algorithms or not isinstance(kid, str | None):
            raise BadCredential("the algorithm is not allowed, or the key id is not a string")
        key = keys.find(str(algorithm), kid)
        if key is None:
            raise BadCredential("unknown key")
        return _read(
            pyjwt().decode,
            token,
            key,
            algorithms=[algorithm],
            audience=self.audience,
            issuer=self.issuer,
            leeway=self.leeway,
            options={"require": list(self.required)},
        )


def _read(function: Callable[..., Any], *arguments: object, **options: object) -> dict[str, Any]:
    """Call the library on a token; any exception means that the token is invalid.

    Times out of range and JSON nested too deeply raise Python's own exceptions.
    """
    try:
        result = function(*arguments, **options)
    except Exception as error:
        raise BadCredential(f"{type(error).__name__}: {error}") from None
    if not isinstance(result, dict):
        raise BadCredential("not an object")
    return result


def _header(token: str) -> object:
    encoded = token.partition(".")[0]
    return msgspec.json.decode(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


def scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes of a token: its ``scope`` (RFC 8693, section 4.2), or its ``scp``."""
    claim = claims.get("scope", claims.get("scp", ()))
    scopes = claim.split() if isinstance(claim, str) else claim
    if not isinstance(scopes, list | tuple):
        return frozenset()
    return frozenset(scope for scope in scopes if isinstance(scope, str))


@attrs.frozen(eq=False)
class JwtBearer(TokenVerifier):
    """Verifies a JSON Web Token: its signature, its times, its issuer and its audience.

    The identity is an `Identity` with the token's subject, scopes and claims.

    Attributes:
        key: The secret (HS256 and the like), the public key in PEM, or `Jwks`.
        algorithms: The allowed signature algorithms: HS256, RS256, PS256, ES256 and the like,
            EdDSA. With a single key, all of them are for one kind of key.
        issuer: The allowed issuer, or several; ``None`` for any issuer with the key.
        audience: The audience that tokens must have, one of them if there are several; ``None``
            accepts only tokens without an audience.
        leeway: Seconds by which clocks may differ.
        required: Claims that a token must have. Without ``exp`` a token would be valid for ever;
            without ``sub`` a token may have an empty subject.
        find: A function that takes the identity of the token and returns one of the application,
            such as a user from its database, or ``None`` to refuse the token. It may block.

    Raises:
        ValueError: The algorithms are for another kind of key, or the key is too short.
        PhotonError: PyJWT is not installed.
    """

    key: str | bytes | Jwks = attrs.field(repr=False)
    algorithms: Sequence[str] = attrs.field(kw_only=True, converter=checked_algorithms)
    issuer: str | Sequence[str] | None = attrs.field(default=None, kw_only=True)
    audience: str | Sequence[str] | None = attrs.field(default=None, kw_only=True)
    leeway: float = attrs.field(default=30.0, kw_only=True)
    required: Sequence[str] = attrs.field(default=("exp", "sub"), kw_only=True)
    find: Find[Identity] | None = attrs.field(
        default=None,
        kw_only=True,
        repr=False,
        validator=is_function,
        metadata={CREDENTIALS: 1},
    )
    _keys: KeySource = attrs.field(init=False, repr=False)
    _rules: TokenRules = attrs.field(init=False, repr=False)

    @_keys.default
    def _make_keys(self) -> KeySource:
        return self.key if isinstance(self.key, Jwks) else OneKey(self.key, self.algorithms)

    @_rules.default
    def _make_rules(self) -> TokenRules:
        return TokenRules(
            algorithms=tuple(self.algorithms),
            issuer=self.issuer,
            audience=self.audience,
            leeway=self.leeway,
            required=tuple(self.required),
            find=self.find,
        )

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

    def verify(self, token: str) -> Verified:
        """Verify a token."""
        return self._rules.verify(token, self._keys)
