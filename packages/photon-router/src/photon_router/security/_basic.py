"""User names and passwords (RFC 7617)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Concatenate

import attrs

from photon_runtime.http import Request

from ._authorization import user_and_password
from ._verifier import CREDENTIALS, Binding, Challenge, Verified, Verifier, as_verified, is_function


@attrs.frozen(eq=False)
class BasicAuth(Verifier):
    """Verifies a user name and a password, which the client sends with every request.

    Attributes:
        find: A function that takes the user name and the password and returns the identity,
            ``None`` if they are wrong; it may block. Compare passwords with `verify_password`, or
            `hmac.compare_digest`.
        realm: The realm that browsers show when they ask for the password.
    """

    find: Callable[[str, str], object] | Callable[Concatenate[str, str, ...], object] = attrs.field(
        repr=False, validator=is_function, metadata={CREDENTIALS: 2}
    )
    realm: str = attrs.field(default="api", kw_only=True)
    name: str = attrs.field(default="basicAuth", kw_only=True)

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        return {"type": "http", "scheme": "basic"}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return the check of the scheme."""
        scheme = str(definition.get("scheme")).lower()
        if (definition.get("type"), scheme) != ("http", "basic"):
            raise ValueError("BasicAuth verifies the type http with the scheme basic")
        challenge = Challenge("Basic", (("realm", self.realm), ("charset", "UTF-8")))
        find = self.find

        def check(request: Request) -> Verified:
            return as_verified(find(*user_and_password(request)), find)

        return Binding(check, challenge, is_weak=True, field="Authorization")
