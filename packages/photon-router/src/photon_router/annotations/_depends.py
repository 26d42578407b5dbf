"""Dependencies: values that are made for a handler by other functions.

`Depends` marks an argument; its function is called like a handler, with arguments of its own from
the request or from further dependencies. Within one request a function is called once, however
many arguments depend on it. A generator function provides the value that it yields and resumes
after the handler, for clean-up. Generators resume in reverse order.

The kind of the response determines when they resume. A whole response is sent afterwards, so that a
failed commit of a transaction is an error that the client sees. A streamed response keeps its
dependencies open until its last part was sent or the client has disconnected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeAlias, TypeVar, cast, overload

import attrs

from photon_openapi.annotations import SignatureError, SourceMarker
from photon_runtime.callables import kind_of
from photon_runtime.parts import Finish, Release, Scope
from photon_runtime.signatures import resolve_local_names

T = TypeVar("T")
Provider: TypeAlias = Callable[..., Any]
Overrides: TypeAlias = Mapping[Provider, Provider]
"""The replacements of providers."""


@attrs.frozen
class Dependency(SourceMarker):
    """The marker that `Depends` leaves in a signature.

    Attributes:
        provider: The function or class that makes the value.
        scope: The lifetime of the value.
        use_cache: True if all arguments that depend on it in one request share one value.
        release: The time when a generator resumes; see `photon_runtime.parts.Release`.
        finish: Function that is called with the value before the handler's result is encoded; see
            `photon_runtime.parts.Finish`.
    """

    is_whole: ClassVar[bool] = True

    provider: Callable[..., object]
    scope: Scope = "request"
    use_cache: bool = True
    release: Release = "before_response"
    finish: Finish[Any] | None = None

    def __attrs_post_init__(self) -> None:
        """Reject a provider that is not callable, and an application value that is not shared."""
        if self.provider is None:
            raise SignatureError(
                "Depends() needs a provider: write Depends(function), or Depends(Class)"
            )
        if not callable(self.provider):
            raise SignatureError(
                f"Depends(...) takes a function or a class, not {self.provider!r}: pass the "
                "function, without calling it"
            )
        kind_of(self.provider)
        resolve_local_names(self.provider)  # it is read when the application starts
        if self.scope not in ("request", "application"):
            raise SignatureError(
                f"Depends(scope=...) must be 'request' or 'application', not {self.scope!r}"
            )
        if self.release not in ("before_response", "after_response"):
            raise SignatureError(
                f"release must be 'before_response' or 'after_response', not {self.release!r}"
            )
        if self.scope == "application" and not self.use_cache:
            raise SignatureError(
                "a dependency of the application is made once and always shared: leave "
                "use_cache=False out"
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
            generator function, the argument gets the yielded value, and the generator resumes after
            the handler.
        scope: ``request`` makes a value for each request. ``application`` makes one when the
            application starts, and releases it when the application stops; its provider has no
            arguments from requests, and only dependencies with the same scope.
        use_cache: True to make a value once per request and share it, false to make one for each
            argument.

    Raises:
        SignatureError: The provider is not callable or is asynchronous, the scope does not exist,
            or a dependency of the application is not shared.
    """
    # A missing provider is refused at run time; type-checkers report it by themselves.
    return cast("T", Dependency(cast("Callable[..., object]", provider), scope, use_cache))
