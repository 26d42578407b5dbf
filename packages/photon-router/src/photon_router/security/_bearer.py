"""Bearer tokens of any format (RFC 6750)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import attrs

from photon_runtime.http import Request

from ._authorization import bearer_token
from ._verifier import (
    CREDENTIALS,
    Binding,
    Challenge,
    Find,
    Verified,
    Verifier,
    as_verified,
    is_function,
)


@attrs.frozen(eq=False)
class TokenVerifier(Verifier):
    """Verifies a token that the client sends as ``Authorization: Bearer``.

    It can be bound to every scheme of a document whose credential is such a token: ``http`` with
    ``bearer``, ``oauth2`` and ``openIdConnect``.

    Attributes:
        realm: The realm that a refusal names.
    """

    realm: str = attrs.field(default="api", kw_only=True)
    name: str = attrs.field(default="bearerAuth", kw_only=True)

    @abstractmethod
    def verify(self, token: str) -> Verified:
        """Verify a well-formed token.

        Raises:
            BadCredential: The token is not valid.
            HttpError: The token cannot be verified now.
        """

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        return {"type": "http", "scheme": "bearer"}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return the check of the scheme."""
        type_ = definition.get("type")
        scheme = str(definition.get("scheme")).lower()
        if type_ not in ("oauth2", "openIdConnect") and (type_, scheme) != ("http", "bearer"):
            raise ValueError(
                f"{type(self).__name__} verifies bearer tokens, not {type_!r} {scheme}"
            )
        verify = self.verify

        def check(request: Request) -> Verified:
            return verify(bearer_token(request))

        challenge = Challenge("Bearer", (("realm", self.realm),))
        return Binding(check, challenge, field="Authorization")


@attrs.frozen(eq=False)
class BearerToken(TokenVerifier):
    """Verifies a token that only the application understands, for example one from its database.

    Attributes:
        find: A function that takes a token and returns the identity of its bearer, ``None`` for
            an unknown token; it may block. Where operations require scopes, the identity has them
            as ``scopes``. Look up a digest of the token rather than the token itself.
    """

    find: Find[str] = attrs.field(repr=False, validator=is_function, metadata={CREDENTIALS: 1})

    def verify(self, token: str) -> Verified:
        """Call the function of the application."""
        return as_verified(self.find(token), self.find)
