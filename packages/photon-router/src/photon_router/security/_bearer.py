"""Bearer tokens (RFC 6750), whatever they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from photon_runtime.http import Request

from ._authorization import bearer_token
from ._verifier import Binding, Challenge, Verified, Verifier, is_function, judged


@attrs.frozen(eq=False)
class TokenVerifier(Verifier):
    """Verifies a token that comes as ``Authorization: Bearer``.

    It fits every scheme of a document whose credential is such a token: ``http`` with ``bearer``,
    ``oauth2`` and ``openIdConnect``.

    Attributes:
        realm: What the token is for, as refusals name it.
    """

    realm: str = attrs.field(default="api", kw_only=True)
    name: str = attrs.field(default="bearerAuth", kw_only=True)

    @abstractmethod
    def verify(self, token: str) -> Verified:
        """Verify a token that has the form of one.

        Raises:
            BadCredential: It is not good.
            HttpError: It cannot be verified now.
        """

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        return {"type": "http", "scheme": "bearer"}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return what verifies the scheme."""
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
    """Verifies a token that only the application understands: one from its database, say.

    Attributes:
        find: From a token to the identity of its bearer, ``None`` for nobody; it may wait. Where
            operations require scopes, the identity has them as ``scopes``. Look tokens up by a
            digest of theirs rather than by themselves.
    """

    find: Callable[[str], object] = attrs.field(repr=False, validator=is_function)

    def verify(self, token: str) -> Verified:
        """Ask the function."""
        return judged(self.find(token), self.find)
