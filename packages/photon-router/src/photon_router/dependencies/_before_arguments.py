"""Functions that are called with values of their own and with dependencies, before a handler.

Theory of operation. A verifier calls a function of the application with a credential, before the
arguments of the request are read. Further arguments of that function get their values as those of a
handler do: from providers, from `Depends`, and the request itself. They are made for the call and
released after it, so that the handler, which has its own, waits for nothing that they hold.
Parameters and bodies are not available, and neither is what the function is called to find.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Any

from photon_runtime.callables import location
from photon_runtime.http import Request

from ..annotations import Dependency, Provider
from ..errors import SignatureError
from ..signatures import Argument
from ._outside_requests import Plan
from ._providers import Providers

CURRENT_REQUEST: ContextVar[Request] = ContextVar("photon_request_before_arguments")
"""The request of a function that `with_dependencies` has made."""

_REQUEST = "the request"


def with_dependencies(
    function: Callable[..., Any],
    own: int,
    providers: Providers,
    *,
    unavailable: Collection[Provider] = (),
) -> Callable[..., Any]:
    """Return a function that calls another one with its dependencies.

    Args:
        function: The function.
        own: Number of arguments that its caller passes.
        providers: The providers of the application.
        unavailable: Providers whose values do not exist yet.

    Returns:
        ``function`` itself if it has no further arguments that need values.

    Raises:
        SignatureError: A further argument cannot have a value, or not by its name.
    """
    if not _has_more(function, own):
        return function
    plan = _Plan(providers, location(function), unavailable)
    names = []
    for argument in providers.signature_of(function).arguments[own:]:
        key = plan.key_of(function, argument)
        if key is not None:
            names.append(argument.name)
            plan.keys.append(key)
    if not names:
        return function

    @functools.wraps(function)
    def call(*values: Any) -> Any:
        with plan.made() as made:
            return function(*values, **dict(zip(names, made, strict=True)))

    return call


def _has_more(function: Callable[..., Any], own: int) -> bool:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of a function in C, which has no dependencies
        return False
    more, takes_any_number = [], False
    for index, each in enumerate(parameters):
        is_required = each.default is inspect.Parameter.empty
        if each.kind is inspect.Parameter.VAR_POSITIONAL:
            takes_any_number = True
        elif index < own or each.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        elif each.kind is not inspect.Parameter.POSITIONAL_ONLY:
            more.append(is_required)
        elif is_required:
            raise SignatureError(
                f"{location(function)}: the argument {each.name!r} gets its value by name: write "
                "the / before it"
            )
    return any(more) if takes_any_number else bool(more)


class _Plan(Plan):
    """The calls of providers for a function that is called with a request."""

    def __init__(self, providers: Providers, user: str, unavailable: Collection[Provider]) -> None:
        super().__init__(providers, user)
        self._unavailable = unavailable

    def key_of(self, function: Provider, argument: Argument) -> Any:
        dependency = self._providers.dependency_of(argument)
        if dependency is None:
            return self._unprovided(function, argument)
        return self.add(dependency, (function,))

    def add(self, dependency: Dependency, above: tuple[Provider, ...]) -> Any:
        if dependency.provider in self._unavailable:
            raise SignatureError(
                f"{self._user} decides about the identity of the request, and needs it through "
                f"{location(above[-1])}: leave CurrentUser out"
            )
        return super().add(dependency, above)

    def _unprovided(self, provider: Provider, argument: Argument) -> Any:
        if argument.is_request:
            self._steps[_REQUEST] = lambda values, stack: CURRENT_REQUEST.get()
            return _REQUEST
        if argument.is_required:
            raise SignatureError(
                f"{self._user} is called before the arguments of a request are read, and nothing "
                f"provides the argument {argument.name!r} of {location(provider)}: write "
                "app.provide(...) for its class, annotate it with Depends, or take the Request"
            )
        return None
