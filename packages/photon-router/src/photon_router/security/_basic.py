"""Names and passwords (RFC 7617)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from photon_runtime.http import Request

from ._authorization import user_and_password
from ._verifier import Binding, Challenge, Verified, Verifier, is_function, judged


@attrs.frozen(eq=False)
class BasicAuth(Verifier):
    """Verifies a name and a password, which the client sends with every request.

    Attributes:
        find: From name and password to the identity, ``None`` for nobody; it may wait. Compare
            by `verify_password`, or `hmac.compare_digest`.
        realm: What people are asked the password for.
    """

    find: Callable[[str, str], object] = attrs.field(repr=False, validator=is_function)
    realm: str = attrs.field(default="api", kw_only=True)
    name: str = attrs.field(default="basicAuth", kw_only=True)

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        return {"type": "http", "scheme": "basic"}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return what verifies the scheme."""
        scheme = str(definition.get("scheme")).lower()
        if (definition.get("type"), scheme) != ("http", "basic"):
            raise ValueError("BasicAuth verifies the type http with the scheme basic")
        challenge = Challenge("Basic", (("realm", self.realm), ("charset", "UTF-8")))
        find = self.find

        def check(request: Request) -> Verified:
            return judged(find(*user_and_password(request)), find)

        return Binding(check, challenge, is_weak=True, field="Authorization")
