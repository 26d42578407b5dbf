"""Dependencies: values that are made for a handler by other functions.

`Depends` marks an argument; its function is called like a handler, with arguments of its own from
the request or from further dependencies. Within one request a function is called once, however
many ask for it. A generator function gives the value it yields and goes on at the end, in the
reverse order of the beginnings: the place for clean-up.

When that end is depends on the answer. A whole one is sent after it, so that a transaction that
cannot be committed is a failure the client sees. What is streamed keeps its dependencies until the
last part was sent or the client has left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeAlias, TypeVar, cast, overload

import attrs

from photon_openapi.annotations import SignatureError, SourceMarker
from photon_runtime.callables import kind_of
from photon_runtime.parts import Release, Scope

T = TypeVar("T")
Provider: TypeAlias = Callable[..., Any]
Overrides: TypeAlias = Mapping[Provider, Provider]
"""What stands in for providers."""


@attrs.frozen
class Dependency(SourceMarker):
    """The marker that `Depends` leaves in a signature.

    Attributes:
        provider: Makes the value.
        scope: How long the value lives.
        use_cache: Whether all who ask for it in one request get the same.
        release: When a generator resumes; see `photon_runtime.parts.Release`.
    """

    is_whole: ClassVar[bool] = True

    provider: Callable[..., object]
    scope: Scope = "request"
    use_cache: bool = True
    release: Release = "before_response"

    def __attrs_post_init__(self) -> None:
        """Refuse what nobody can call, and a value that is made once and yet anew each time."""
        if self.provider is None:
            raise SignatureError(
                "Depends() needs what makes the value: write Depends(function), or Depends(Class)"
            )
        if not callable(self.provider):
            raise SignatureError(f"Depends(...) takes a function or a class, not {self.provider!r}")
        kind_of(self.provider)
        if self.scope not in ("request", "application"):
            raise SignatureError(
                f"Depends(scope=...) is 'request' or 'application', not {self.scope!r}"
            )
        if self.scope == "application" and not self.use_cache:
            raise SignatureError(
                "a dependency of the application is made once: it is always shared"
            )


@overload
def Depends(
    provider: Callable[..., Iterator[T]], *, scope: Scope = "request", use_cache: bool = True
) -> T: ...
@overload
def Depends(
    provider: Callable[..., T], *, scope: Scope = "request", use_cache: bool = True
) -> T: ...
def Depends(  # noqa: N802 - a marker
    provider: Callable[..., T] | Callable[..., Iterator[T]] | None = None,
    *,
    scope: Scope = "request",
    use_cache: bool = True,
) -> T:
    """Give an argument the result of ``provider``.

    Write it as default value, ``user: User = Depends(current_user)``, or in the annotation,
    ``user: Annotated[User, Depends(current_user)]``.

    Args:
        provider: A function, or a class, whose arguments are bound like a handler's. If it is a
            generator function, the argument gets what it yields, and it goes on at the end.
        scope: ``request`` makes a value for each request. ``application`` makes one when the
            application starts, and ends it when the application stops; it has no arguments from
            requests, and needs only dependencies that live as long.
        use_cache: Whether a value is made once per request and shared; else for each argument.

    Raises:
        SignatureError: The provider cannot be called or is asynchronous, there is no such scope, or
            a dependency of the application is not to be shared.
    """
    # Without a provider it is refused; type-checkers have their own word for it.
    return cast("T", Dependency(cast("Callable[..., object]", provider), scope, use_cache))
