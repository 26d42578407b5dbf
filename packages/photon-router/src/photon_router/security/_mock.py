"""A verifier for mock servers: accepts any credential, and refuses requests without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from photon_runtime.http import Request

from ._api_key import key_check, key_field
from ._authorization import authorization, bearer_token, user_and_password
from ._identity import Identity
from ._verifier import Binding, Challenge, Verified, Verifier

_READERS: Final[Mapping[str, Callable[[Request], object]]] = {
    "bearer": bearer_token,
    "basic": user_and_password,
}


class _EveryScope(frozenset[str]):
    """Contains every scope."""

    def __ge__(self, other: object) -> bool:
        return True


@attrs.frozen(eq=False)
class AcceptAnyCredential(Verifier):
    """Accepts every well-formed credential, and refuses a request without a credential.

    For mock servers only. They do not see certificates, so ``mutualTLS`` is always met.
    """

    name: str = attrs.field(default="any", kw_only=True)

    def definition(self) -> dict[str, Any]:
        """Refuse: this verifier has no scheme of its own.

        Raises:
            ValueError: Always.
        """
        raise ValueError("AcceptAnyCredential is for the schemes of a loaded document")

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return a check that accepts any credential of the scheme."""
        type_ = str(definition.get("type"))
        if type_ == "apiKey":
            location, name = str(definition.get("in")), str(definition.get("name"))
            check = key_check(_anybody, location, name)
            challenge = Challenge("ApiKey", (("in", location), ("name", name)))
            return Binding(_with_every_scope(check), challenge, field=key_field(location, name))
        if type_ == "mutualTLS":
            return Binding(_with_every_scope(lambda request: None), Challenge("MutualTLS"))
        scheme = str(definition.get("scheme", "bearer")).lower() if type_ == "http" else "bearer"
        challenge = Challenge(scheme)
        read: Callable[[Request], object] = _reader(scheme)
        if scheme in _READERS:
            read, challenge = _READERS[scheme], Challenge(scheme.capitalize(), (("realm", "api"),))
        return Binding(_with_every_scope(read), challenge, field="Authorization")


def _reader(scheme: str) -> Callable[[Request], object]:
    return lambda request: authorization(request, scheme)


def _anybody(key: str) -> Identity:
    return Identity("anybody")


def _with_every_scope(read: Callable[[Request], object]) -> Callable[[Request], Verified]:
    """Return a check that refuses requests as ``read`` does, and grants the rest every scope."""

    def check(request: Request) -> Verified:
        read(request)
        return Verified(Identity("anybody", _EveryScope()), _EveryScope())

    return check
