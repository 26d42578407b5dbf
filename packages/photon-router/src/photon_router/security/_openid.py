"""OpenID Connect: discovers the issuer and the keys of tokens at the address of a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ._bearer import TokenVerifier
from ._cached_value import CachedValue, CachePolicy
from ._fetch import check_address, fetch_object
from ._identity import Identity
from ._jwks import Jwks
from ._jwt import TokenRules
from ._keys import checked_algorithms, pyjwt
from ._verifier import CREDENTIALS, Binding, Find, Verified, is_function

WELL_KNOWN: Final = "/.well-known/openid-configuration"


@attrs.frozen
class _Configuration:
    """The used members of a provider's configuration."""

    issuer: str
    jwks_uri: str
    keys: Jwks


class _Provider:
    """The published configuration of a provider (OpenID Connect Discovery 1.0, section 4)."""

    def __init__(self, url: str, issuer: str | None, policy: CachePolicy) -> None:
        """Check the address; nothing is requested yet."""
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
        document = fetch_object(self._url, timeout=self._policy.timeout)
        issuer, jwks_uri = document.get("issuer"), document.get("jwks_uri")
        if not isinstance(issuer, str) or not isinstance(jwks_uri, str):
            raise ValueError("issuer or jwks_uri is missing")  # noqa: TRY004 - external data
        if self._issuer is None and issuer.rstrip("/") + WELL_KNOWN != self._url:
            # Section 4.3: otherwise any provider could publish keys for any other.
            raise ValueError(f"it is the configuration of another issuer, {issuer!r}")
        if self._last is None or self._last.jwks_uri != jwks_uri:
            keys = Jwks(jwks_uri, **attrs.asdict(self._policy))
            self._last = _Configuration(self._issuer or issuer, jwks_uri, keys)
        return self._last


@attrs.frozen(eq=False)
class OpenIdConnect(TokenVerifier):
    """Verifies tokens of an OpenID provider with its published issuer and keys.

    Attributes:
        url: The address of its configuration, which ends in ``/.well-known/openid-configuration``;
            ``None`` uses the ``openIdConnectUrl`` of the loaded document.
        audience: The audience that tokens must have, one of them if there are several: the name
            of this API, or of the client.
        algorithms: The allowed signature algorithms; not those with a shared secret.
        issuer: The issuer, if it differs from the one that the address belongs to.
        leeway: Seconds by which clocks may differ.
        required: Claims that a token must have.
        find: A function that takes the identity of the token and returns one of the application,
            or ``None`` to refuse the token.
        lifetime: Seconds until configuration and keys are loaded again.
        interval: Minimum number of seconds between two attempts.
        timeout: Time limit of an attempt in seconds.

    Raises:
        ValueError: The address is not https, or an algorithm is not allowed.
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
    find: Find[Identity] | None = attrs.field(
        default=None,
        kw_only=True,
        repr=False,
        validator=is_function,
        metadata={CREDENTIALS: 1},
    )
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
        """Refuse algorithms with a secret, which providers do not publish."""
        pyjwt()
        if any(name.startswith("HS") for name in self.algorithms):
            raise ValueError("a provider publishes public keys: HS algorithms are not allowed")

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        if self.url is None:
            raise ValueError("an OpenIdConnect without a loaded document requires url=")
        return {"type": "openIdConnect", "openIdConnectUrl": self.url}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return the check of the scheme."""
        url = definition.get("openIdConnectUrl")
        if self.url is None:
            if not isinstance(url, str):
                raise ValueError("the scheme has no openIdConnectUrl: pass url= to OpenIdConnect")
            return attrs.evolve(self, url=url).bind(definition)
        if url not in (None, self.url):
            raise ValueError(
                f"the document has the provider {url!r}, the verifier has {self.url!r}: remove one"
            )
        return super().bind(definition)

    def verify(self, token: str) -> Verified:
        """Verify a token."""
        if self._provider is None:
            raise TypeError("an OpenIdConnect without url must be bound before it verifies")
        configuration = self._provider.get()
        rules = TokenRules(
            algorithms=tuple(self.algorithms),
            issuer=configuration.issuer,
            audience=self.audience,
            leeway=self.leeway,
            required=tuple(self.required),
            find=self.find,
        )
        return rules.verify(token, configuration.keys)
