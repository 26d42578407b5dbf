"""OAuth 2 (RFC 6749): tokens with scopes, and the flows by which clients get them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ._bearer import TokenVerifier
from ._verifier import Binding, Verified

_FLOWS: Mapping[str, tuple[str, ...]] = {
    "authorizationCode": ("authorizationUrl", "tokenUrl"),
    "clientCredentials": ("tokenUrl",),
    "password": ("tokenUrl",),
    "implicit": ("authorizationUrl",),
}


@attrs.frozen(eq=False)
class OAuth2(TokenVerifier):
    """Verifies the access tokens of OAuth 2, and documents how clients get them.

    Attributes:
        tokens: Verifier of the tokens: a `JwtBearer`, or a `BearerToken` that queries the issuer.
        flows: The flows object of OpenAPI: ``{"clientCredentials": {"tokenUrl": ..., "scopes":
            {"items:read": "see items"}}}``. Not for a loaded document, which has its own.

    Raises:
        ValueError: A flow is unknown or lacks a member.
    """

    tokens: TokenVerifier
    flows: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, kw_only=True)
    name: str = attrs.field(default="oauth2", kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check the flows."""
        for name, flow in self.flows.items():
            if name not in _FLOWS:
                raise ValueError(f"unknown flow {name!r}; the flows are {', '.join(_FLOWS)}")
            for member in (*_FLOWS[name], "scopes"):
                if member not in flow:
                    raise ValueError(f"the flow {name} requires {member!r}")

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        if not self.flows:
            raise ValueError("an OAuth2 without a loaded document requires flows=")
        return {"type": "oauth2", "flows": {name: dict(flow) for name, flow in self.flows.items()}}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return the check of the scheme."""
        if definition.get("type") != "oauth2":
            raise ValueError(f"OAuth2 verifies the type oauth2, not {definition.get('type')!r}")
        return super().bind(definition)

    def verify(self, token: str) -> Verified:
        """Verify a token."""
        return self.tokens.verify(token)
