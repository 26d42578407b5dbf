"""Handlers that want a user where there may be none: found at start, not at the first request."""

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


def wrong_users(
    function: Callable[..., Any],
    signature: Signature,
    dependencies: Sequence[Dependency],
    providers: Providers,
) -> list[str]:
    """Return the mistakes in a handler of an operation that lets anonymous requests in.

    Args:
        function: The handler.
        signature: Its signature.
        dependencies: The dependencies that are made for their effect alone.
        providers: What makes the values of arguments.

    Raises:
        SignatureError: A dependency cannot be one.
    """
    walk = _Walk(providers, {function})
    found = list(walk.over(function, signature))
    for dependency in dependencies:
        found += walk.into(providers.overridden(dependency))
    return [
        f"argument {argument.name!r} of {location(owner)}: anonymous requests are let in, so there "
        "may be no user; write CurrentUser[... | None], or require security"
        for owner, argument in found
        if not _takes_none(argument.annotation.type)
    ]


@attrs.frozen
class _Walk:
    """A walk over a handler and its dependencies; `seen` has the functions that were walked."""

    providers: Providers
    seen: set[object]

    def over(self, function: Callable[..., Any], signature: Signature) -> Iterator[Owned]:
        """Yield the arguments of a function, and of its dependencies, that are the user."""
        for argument in signature.arguments:
            dependency = self.providers.dependency_of(argument)
            if dependency is None:
                continue
            if dependency.provider is current_identity:
                yield function, argument
            else:
                yield from self.into(dependency)

    def into(self, dependency: Dependency) -> Iterator[Owned]:
        """Yield those of a dependency."""
        provider = dependency.provider
        if provider not in self.seen:
            self.seen.add(provider)
            yield from self.over(provider, self.providers.signature_of(provider))


def _takes_none(type_: object) -> bool:
    plain = strip_alias(type_)
    return plain in (Any, object) or type(None) in (union_members(plain) or ())
