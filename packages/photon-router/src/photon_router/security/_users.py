"""Handlers that want a user where there may be none: found at start, not at the first request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from photon_openapi.annotations import strip_alias, union_members
from photon_runtime.callables import location

from ..annotations._depends import Dependency
from ..signatures._signature import Argument, Signature, read_signature
from ._identity import current_identity


def wrong_users(
    function: Callable[..., Any], signature: Signature, dependencies: Sequence[Dependency]
) -> list[str]:
    """Return the mistakes in a handler of an operation that lets anonymous requests in.

    Args:
        function: The handler.
        signature: Its signature.
        dependencies: What is run before it besides those that it asks for.

    Raises:
        SignatureError: A dependency cannot be one.
    """
    seen: set[object] = {function}
    found = list(_users(function, signature, seen))
    for dependency in dependencies:
        found += _users_of(dependency, seen)
    return [
        f"argument {argument.name!r} of {location(owner)}: anonymous requests are let in, so there "
        "may be no user; write CurrentUser[... | None], or require security"
        for owner, argument in found
        if not _takes_none(argument.annotation.type)
    ]


def _users(
    function: Callable[..., Any], signature: Signature, seen: set[object]
) -> Iterator[tuple[Callable[..., Any], Argument]]:
    for argument in signature.arguments:
        if argument.dependency is None:
            continue
        if argument.dependency.provider is current_identity:
            yield function, argument
        else:
            yield from _users_of(argument.dependency, seen)


def _users_of(
    dependency: Dependency, seen: set[object]
) -> Iterator[tuple[Callable[..., Any], Argument]]:
    provider = dependency.provider
    if provider not in seen:
        seen.add(provider)
        yield from _users(provider, read_signature(provider), seen)


def _takes_none(type_: object) -> bool:
    plain = strip_alias(type_)
    return plain in (Any, object) or type(None) in (union_members(plain) or ())
