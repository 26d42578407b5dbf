"""Detects, at start-up, handlers that require a user where authentication is optional."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

from photon_openapi.annotations import strip_alias, union_members
from photon_runtime.callables import location

from ..annotations import Dependency
from ..dependencies import Owned, Providers
from ..signatures import Signature
from ._identity import current_identity


def identity_arguments(
    function: Callable[..., Any],
    signature: Signature,
    dependencies: Sequence[Dependency],
    providers: Providers,
) -> list[Owned]:
    """Return the arguments of a handler and its dependencies that are the user.

    Args:
        function: The handler.
        signature: Its signature.
        dependencies: The dependencies that are called for their side effects only.
        providers: Providers of the values of arguments.

    Raises:
        SignatureError: A dependency is invalid.
    """
    walk = _Walk(providers, {function})
    users = list(walk.function(function, signature))
    for dependency in dependencies:
        users += walk.dependency(providers.overridden(dependency))
    return users


def optional_identity_errors(users: Sequence[Owned]) -> list[str]:
    """Return the errors in a handler of an operation that admits anonymous requests.

    Args:
        users: Its arguments that are the user.
    """
    return [
        f"argument {argument.name!r} of {location(owner)}: anonymous requests are admitted, so the "
        "user may be missing; write CurrentUser[... | None], or require security"
        for owner, argument in users
        if not _allows_none(argument.annotation.type)
    ]


def absent_identity_errors(users: Sequence[Owned]) -> list[tuple[Owned, str]]:
    """Return the arguments of a handler of an operation without security, which are never a user.

    Args:
        users: Its arguments that are the user.

    Returns:
        Those that may be ``None``, with their problems; others are errors in any case.
    """
    return [
        (
            (owner, argument),
            f"argument {argument.name!r} of {location(owner)}: the operation has no security, so "
            "the user would always be None; require it: security=[..., ANONYMOUS]",
        )
        for owner, argument in users
        if _allows_none(argument.annotation.type)
    ]


@attrs.frozen
class _Walk:
    """A walk over a handler and its dependencies; `seen` contains the visited functions."""

    providers: Providers
    seen: set[object]

    def function(self, function: Callable[..., Any], signature: Signature) -> Iterator[Owned]:
        """Yield the arguments of a function and of its dependencies that are the user."""
        for argument in signature.arguments:
            dependency = self.providers.dependency_of(argument)
            if dependency is None:
                continue
            if dependency.provider is current_identity:
                yield function, argument
            else:
                yield from self.dependency(dependency)

    def dependency(self, dependency: Dependency) -> Iterator[Owned]:
        """Yield the arguments of a dependency that are the user."""
        provider = dependency.provider
        if provider not in self.seen:
            self.seen.add(provider)
            yield from self.function(provider, self.providers.signature_of(provider))


def _allows_none(type_: object) -> bool:
    plain = strip_alias(type_)
    return plain in (Any, object) or type(None) in (union_members(plain) or ())
