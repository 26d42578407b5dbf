"""For servers that stand in for another: any credential will do, and none will not."""

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
    """Has every scope that is asked for."""

    def __ge__(self, other: object) -> bool:
        return True


@attrs.frozen(eq=False)
class AcceptAnyCredential(Verifier):
    """Takes every credential that has the form of one, and refuses a request without any.

    For mock servers only. Certificates are not seen by them, so ``mutualTLS`` is always met.
    """

    name: str = attrs.field(default="any", kw_only=True)

    def definition(self) -> dict[str, Any]:
        """Refuse: it fits every scheme and is none.

        Raises:
            ValueError: Always.
        """
        raise ValueError("AcceptAnyCredential is for the schemes of a loaded document")

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return what takes any credential of the scheme."""
        type_ = str(definition.get("type"))
        if type_ == "apiKey":
            place, name = str(definition.get("in")), str(definition.get("name"))
            check = key_check(_anybody, place, name)
            challenge = Challenge("ApiKey", (("in", place), ("name", name)))
            return Binding(_allowing(check), challenge, field=key_field(place, name))
        if type_ == "mutualTLS":
            return Binding(_allowing(lambda request: None), Challenge("MutualTLS"))
        scheme = str(definition.get("scheme", "bearer")).lower() if type_ == "http" else "bearer"
        challenge = Challenge(scheme)
        read: Callable[[Request], object] = _any_of(scheme)
        if scheme in _READERS:
            read, challenge = _READERS[scheme], Challenge(scheme.capitalize(), (("realm", "api"),))
        return Binding(_allowing(read), challenge, field="Authorization")


def _any_of(scheme: str) -> Callable[[Request], object]:
    return lambda request: authorization(request, scheme)


def _anybody(key: str) -> Identity:
    return Identity("anybody")


def _allowing(read: Callable[[Request], object]) -> Callable[[Request], Verified]:
    """Return a check that refuses what ``read`` refuses, and allows all to the rest."""

    def check(request: Request) -> Verified:
        read(request)
        return Verified(Identity("anybody", _EveryScope()), _EveryScope())

    return check
