"""OpenID Connect: from the address of a provider to the issuer and the keys of its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ._bearer import TokenVerifier
from ._cached_value import CachedValue, CachePolicy
from ._fetch import check_address, fetch_object
from ._jwks import Jwks
from ._jwt import Find, TokenRules
from ._keys import checked_algorithms, pyjwt
from ._verifier import Binding, Verified

WELL_KNOWN: Final = "/.well-known/openid-configuration"


@attrs.frozen
class _Configuration:
    """What is used of a provider's configuration."""

    issuer: str
    keys_at: str
    keys: Jwks


class _Provider:
    """What a provider publishes of itself (OpenID Connect Discovery 1.0, section 4)."""

    def __init__(self, url: str, issuer: str | None, policy: CachePolicy) -> None:
        """Ask for nothing yet."""
        self._url = check_address(url)
        self._issuer = issuer
        self._policy = policy
        self._last: _Configuration | None = None
        name = f"the configuration of {url}"
        self._configuration = CachedValue(self._load, name=name, policy=policy)

    def get(self) -> _Configuration:
        """Return the configuration; see `CachedValue.get`."""
        return self._configuration.get()

    def _load(self) -> _Configuration:
        told = fetch_object(self._url, timeout=self._policy.timeout)
        issuer, keys_at = told.get("issuer"), told.get("jwks_uri")
        if not isinstance(issuer, str) or not isinstance(keys_at, str):
            raise ValueError("it has no issuer or no jwks_uri")  # noqa: TRY004 - from outside
        if self._issuer is None and issuer.rstrip("/") + WELL_KNOWN != self._url:
            # Section 4.3: else anybody could tell the keys of anybody.
            raise ValueError(f"it is that of another issuer, {issuer!r}")
        if self._last is None or self._last.keys_at != keys_at:
            keys = Jwks(keys_at, **attrs.asdict(self._policy))
            self._last = _Configuration(self._issuer or issuer, keys_at, keys)
        return self._last


@attrs.frozen(eq=False)
class OpenIdConnect(TokenVerifier):
    """Verifies tokens of an OpenID provider by what it publishes: its issuer and its keys.

    Attributes:
        url: The address of its configuration, which ends in ``/.well-known/openid-configuration``;
            ``None`` takes the ``openIdConnectUrl`` of the loaded document.
        audience: Whom tokens must be for, one of them: the name of this API, or of the client.
        algorithms: The algorithms of signatures that are allowed; none with a shared secret.
        issuer: The issuer, where it is not the one that the address belongs to.
        leeway: Seconds by which clocks may differ.
        required: Claims that must be there.
        find: From what the token says to an identity of the application; ``None`` for nobody.
        lifetime: Seconds until configuration and keys are got again.
        interval: The least number of seconds between two attempts.
        timeout: Seconds that an attempt may take.

    Raises:
        ValueError: The address is not https, or an algorithm cannot be allowed.
        PhotonError: PyJWT is not installed.
    """

    url: str | None = None
    audience: str | Sequence[str] = attrs.field(kw_only=True)
    algorithms: Sequence[str] = attrs.field(
        default=("RS256", "ES256"), kw_only=True, converter=checked_algorithms
    )
    issuer: str | None = attrs.field(default=None, kw_only=True)
    leeway: float = attrs.field(default=30.0, kw_only=True)
    required: Sequence[str] = attrs.field(default=("exp", "sub"), kw_only=True)
    find: Find | None = attrs.field(default=None, kw_only=True, repr=False)
    lifetime: float = attrs.field(default=300.0, kw_only=True)
    interval: float = attrs.field(default=30.0, kw_only=True)
    timeout: float = attrs.field(default=5.0, kw_only=True)
    name: str = attrs.field(default="openIdConnect", kw_only=True)
    _provider: _Provider | None = attrs.field(init=False, repr=False)

    @_provider.default
    def _make_provider(self) -> _Provider | None:
        return None if self.url is None else self._provider_at(self.url)

    def _provider_at(self, url: str) -> _Provider:
        policy = CachePolicy(lifetime=self.lifetime, interval=self.interval, timeout=self.timeout)
        return _Provider(url, self.issuer, policy)

    def __attrs_post_init__(self) -> None:
        """Refuse secrets, which no provider publishes."""
        pyjwt()
        if any(name.startswith("HS") for name in self.algorithms):
            raise ValueError("a provider publishes public keys: no HS algorithms")

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        if self.url is None:
            raise ValueError("an OpenIdConnect that no document describes needs its url")
        return {"type": "openIdConnect", "openIdConnectUrl": self.url}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return what verifies the scheme."""
        told = definition.get("openIdConnectUrl")
        if self.url is None:
            if not isinstance(told, str):
                raise ValueError("there is no openIdConnectUrl: give OpenIdConnect the url")
            return attrs.evolve(self, url=told).bind(definition)
        if told not in (None, self.url):
            raise ValueError(f"the document has the provider at {told!r}, the verifier another")
        return super().bind(definition)

    def verify(self, token: str) -> Verified:
        """Verify a token."""
        if self._provider is None:
            raise TypeError("an OpenIdConnect without url verifies when it is bound")
        found = self._provider.get()
        rules = TokenRules(
            algorithms=tuple(self.algorithms),
            issuer=found.issuer,
            audience=self.audience,
            leeway=self.leeway,
            required=tuple(self.required),
            find=self.find,
        )
        return rules.verify(token, found.keys)
