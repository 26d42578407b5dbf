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
from ._verifier import BadCredential, Verified, is_function, judged

Find = Callable[[Identity], object]


@attrs.frozen(kw_only=True)
class TokenRules:
    """What a token must be to be believed, besides being signed.

    Attributes:
        algorithms: The algorithms of signatures that are allowed.
        issuer: Who issues tokens; ``None`` for whoever has the key.
        audience: Whom tokens are for, one of them; ``None`` for tokens that say nothing of it.
        leeway: Seconds by which clocks may differ.
        required: Claims that must be there.
        find: From what the token says to the application's own identity, ``None`` for nobody.
    """

    algorithms: tuple[str, ...]
    issuer: str | Sequence[str] | None
    audience: str | Sequence[str] | None
    leeway: float
    required: tuple[str, ...]
    find: Find | None = attrs.field(repr=False)

    def verify(self, token: str, keys: KeySource) -> Verified:
        """Verify a token by the key that ``keys`` has for it.

        Raises:
            BadCredential: It is not good.
        """
        claims = self._claims(token, keys)
        scopes = scopes_of(claims)
        identity = Identity(self._subject(claims), scopes, claims)
        if self.find is None:
            return Verified(identity, scopes)
        return Verified(judged(self.find(identity), self.find).identity, scopes)

    def _subject(self, claims: Mapping[str, Any]) -> str:
        """Return whom a token speaks of; who is called nothing is nobody (RFC 7519, 4.1.2)."""
        subject = claims.get("sub")
        if subject is None:
            subject = ""
        if not isinstance(subject, str) or (not subject and "sub" in self.required):
            raise BadCredential("a subject that is no text, or empty")
        return subject

    def _claims(self, token: str, keys: KeySource) -> dict[str, Any]:
        # What the head says only chooses among what is allowed; decode() looks at it again.
        header = _read(_header, token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self.algorithms or not isinstance(kid, str | None):
            raise BadCredential("an algorithm that is not allowed, or no name of a key")
        key = keys.find(str(algorithm), kid)
        if key is None:
            raise BadCredential("no key for it")
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


def _read(function: Callable[..., Any], *arguments: object, **named: object) -> dict[str, Any]:
    """Call the library on a token; whatever it makes of foreign bytes, they are refused.

    Numbers beyond all clocks and JSON nested without end are told by errors of Python's own.
    """
    try:
        found = function(*arguments, **named)
    except Exception as error:
        raise BadCredential(f"{type(error).__name__}: {error}") from None
    if not isinstance(found, dict):
        raise BadCredential("no object")
    return found


def _header(token: str) -> object:
    encoded = token.partition(".")[0]
    return msgspec.json.decode(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


def scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return what a token allows: its ``scope`` (RFC 8693, section 4.2), or its ``scp``."""
    told = claims.get("scope", claims.get("scp", ()))
    listed = told.split() if isinstance(told, str) else told
    if not isinstance(listed, list | tuple):
        return frozenset()
    return frozenset(scope for scope in listed if isinstance(scope, str))


@attrs.frozen(eq=False)
class JwtBearer(TokenVerifier):
    """Verifies a JSON Web Token: its signature, its times, its issuer and whom it is for.

    The identity is an `Identity` with the token's subject, scopes and claims.

    Attributes:
        key: The secret (HS256 and so on), the public key in PEM, or `Jwks`.
        algorithms: The algorithms of signatures that are allowed: HS256, RS256, PS256, ES256 and
            their kin, EdDSA. All are for one kind of key where there is one key.
        issuer: The only issuer, or several; ``None`` for whoever has the key.
        audience: Whom tokens must be for, one of them if there are several; ``None`` takes only
            tokens that say nothing of it.
        leeway: Seconds by which clocks may differ.
        required: Claims that must be there. Without ``exp`` a token would be good for ever;
            without ``sub`` there are tokens of nobody, whose subject is empty.
        find: From what the token says to an identity of the application, such as a user from its
            database; ``None`` for nobody. It may wait.

    Raises:
        ValueError: Key and algorithms do not fit, or the key is too short.
        PhotonError: PyJWT is not installed.
    """

    key: str | bytes | Jwks = attrs.field(repr=False)
    algorithms: Sequence[str] = attrs.field(kw_only=True, converter=checked_algorithms)
    issuer: str | Sequence[str] | None = attrs.field(default=None, kw_only=True)
    audience: str | Sequence[str] | None = attrs.field(default=None, kw_only=True)
    leeway: float = attrs.field(default=30.0, kw_only=True)
    required: Sequence[str] = attrs.field(default=("exp", "sub"), kw_only=True)
    find: Find | None = attrs.field(default=None, kw_only=True, repr=False, validator=is_function)
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
