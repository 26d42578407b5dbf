"""Who asks: what the guard of an operation found out, and how handlers come by it."""

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
    """Whose credential it is, as the verifiers of this package tell it.

    Attributes:
        subject: Who: a user's name or number, the name of a key.
        scopes: What the credential allows.
        claims: What else a token says; not shown by ``repr``.
    """

    subject: str
    scopes: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)


def enter(request: Request, identities: Mapping[str, object]) -> None:
    """Note whom the guard let in; by the names of schemes, in the order of the requirement."""
    request.state[_KEY] = identities


def identities_of(request: Request) -> Mapping[str, object]:
    """Return the identities that a request has, by the names of their security schemes.

    There are several where an operation requires several credentials together, and none where it
    requires none.
    """
    return cast("Mapping[str, object]", request.state.get(_KEY, {}))


@overload
def identity_of(request: Request) -> object | None: ...
@overload
def identity_of(request: Request, cls: type[T]) -> T | None: ...
def identity_of(request: Request, cls: type[object] = object) -> object | None:
    """Return who sent a request, as its verifier told it; ``None`` for nobody in particular.

    For middleware of a router, which runs behind authentication; handlers rather have an
    argument ``user: CurrentUser[User]``. Where several credentials are required together, it is
    the identity of the first one in the requirement.

    Args:
        request: The request.
        cls: The class that the identity has.

    Raises:
        TypeError: It is of another class.
    """
    found = next(iter(identities_of(request).values()), None)
    if found is not None and not isinstance(found, cls):
        raise TypeError(f"the identity is a {type(found).__name__}, not a {cls.__name__}")
    return found


def current_identity(request: Request) -> object | None:
    """Return who sent the request; what `CurrentUser` is made of."""
    return identity_of(request)


CurrentUser = Annotated[_T, Dependency(current_identity)]
"""The argument is who sent the request, as the verifier of the operation told it.

``user: CurrentUser[User]`` is a ``User`` to every type-checker. Where nobody needs to
authenticate, write ``CurrentUser[User | None]``.
"""
