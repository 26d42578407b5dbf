"""The identities that the guard of an operation has verified, and how handlers get them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast, overload

import attrs

from photon_runtime.http import Request

from ..annotations import Dependency

T = TypeVar("T")
_T = TypeVar("_T")
_KEY = "photon.identities"


@attrs.frozen
class Identity:
    """The bearer of a credential, as the verifiers of this package return it.

    Attributes:
        subject: The user's name or number, or the name of a key.
        scopes: The scopes of the credential.
        claims: All claims of a token; not shown by ``repr``.
    """

    subject: str
    scopes: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)


def set_identities(request: Request, identities: Mapping[str, object]) -> None:
    """Store the identities of a request, by the names of schemes, in the requirement's order."""
    request.state[_KEY] = identities


def identities_of(request: Request) -> Mapping[str, object]:
    """Return the identities of a request, by the names of their security schemes.

    There are several if the operation requires several credentials together, and the mapping is
    empty if the operation does not require any.
    """
    return cast("Mapping[str, object]", request.state.get(_KEY, {}))


@overload
def identity_of(request: Request) -> object | None: ...
@overload
def identity_of(request: Request, cls: type[T]) -> T | None: ...
def identity_of(request: Request, cls: type[object] = object) -> object | None:
    """Return the identity of the sender of a request; ``None`` for an anonymous request.

    For middleware of a router, which runs after authentication; handlers use an argument
    ``user: CurrentUser[User]`` instead. If several credentials are required together, it is the
    identity of the first one in the requirement.

    Args:
        request: The request.
        cls: The class of the identity.

    Raises:
        TypeError: The identity is of another class.
    """
    identity = next(iter(identities_of(request).values()), None)
    if identity is not None and not isinstance(identity, cls):
        raise TypeError(f"the identity is a {type(identity).__name__}, not a {cls.__name__}")
    return identity


def current_identity(request: Request) -> object | None:
    """Return the identity of the sender; the provider of `CurrentUser`."""
    return identity_of(request)


CurrentUser = Annotated[_T, Dependency(current_identity)]
"""The argument is the identity of the sender, as the verifier of the operation returned it.

``user: CurrentUser[User]`` is a ``User`` to every type-checker. Where authentication is optional,
write ``CurrentUser[User | None]``.
"""
