"""Verifiers whose functions have dependencies: a session, settings, the request."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import attrs

from photon_runtime.http import Request

from ..dependencies import CURRENT_REQUEST, Providers, with_dependencies
from ._identity import current_identity
from ._verifier import CREDENTIALS, Binding, Check, Verified, Verifier

V = TypeVar("V", bound=Verifier)
_UNAVAILABLE: Final = (current_identity,)


def provided(verifier: V, providers: Providers) -> V:
    """Return a verifier whose functions get their dependencies; itself, if they have none.

    Raises:
        SignatureError: An argument of a function cannot have a value.
    """
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(verifier)):
        value = getattr(verifier, field.name)
        if isinstance(value, Verifier):
            changed: Any = provided(value, providers)
        elif CREDENTIALS in field.metadata and callable(value):
            own = field.metadata[CREDENTIALS]
            changed = with_dependencies(value, own, providers, unavailable=_UNAVAILABLE)
        else:
            continue
        if changed is not value:
            changes[field.alias or field.name] = changed
    return attrs.evolve(verifier, **changes) if changes else verifier


def with_request(binding: Binding) -> Binding:
    """Return a binding whose check has the request for dependencies."""
    check: Check = binding.check

    def check_with_request(request: Request) -> Verified:
        token = CURRENT_REQUEST.set(request)
        try:
            return check(request)
        finally:
            CURRENT_REQUEST.reset(token)

    return attrs.evolve(binding, check=check_with_request)
