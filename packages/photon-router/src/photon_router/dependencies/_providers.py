"""The providers of the values of arguments, for all operations of one application.

Theory of operation. An argument gets its value from the request, from the function in its
`Depends`, or from a provider of its type (`Host.provide`): a handler needs only ``db: Session``.
`Providers.dependency_of` chooses among these, overrides of tests included, and is the only code
that does; the document writer, the compiler and the checks all call it. `Providers` also caches the
signatures of providers, so that each is read once.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from photon_openapi.annotations import origin_of, strip_alias, without_none
from photon_runtime.callables import location
from photon_runtime.http import CallAdapter, Request

from ..annotations import Dependency, Overrides, Provider, foreign_argument
from ..errors import SignatureError
from ..signatures import Argument, Signature, read_signature
from ._application_values import ApplicationValues, Cell
from ._background import BackgroundTasks, background_tasks

Owned: TypeAlias = tuple[Callable[..., Any], Argument]
"""An argument, with the function that has it."""

BACKGROUND: Final = Dependency(background_tasks, release="after_response")


@attrs.define(eq=False)
class Providers:
    """The providers of arguments that do not come from the request.

    Attributes:
        by_type: Dependencies by the class of the argument.
        overrides: Replacements of providers, or of the providers of a class; for tests.
        application: The values that live as long as the application.
    """

    by_type: Mapping[type, Dependency] = attrs.field(factory=dict)
    overrides: Overrides = attrs.field(factory=dict)
    application: ApplicationValues = attrs.field(factory=ApplicationValues)
    _signatures: dict[Provider, Signature] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Add the providers that every application has."""
        self.by_type = {BackgroundTasks: BACKGROUND, **self.by_type}

    def dependency_of(self, argument: Argument) -> Dependency | None:
        """Return the dependency of an argument; ``None`` if its value comes from the request."""
        if argument.dependency is not None:
            return self.overridden(argument.dependency)
        if argument.annotation.marker is not None or argument.is_request:
            return None
        cls = class_of_argument(argument)
        return None if cls is None else self.provided(cls)

    def provided(self, cls: type) -> Dependency | None:
        """Return the dependency of a class; ``None`` if it is not provided."""
        provided = self.by_type.get(cls)
        if provided is None:
            return None
        override = self.overrides.get(cls)
        return (
            self.overridden(provided)
            if override is None
            else attrs.evolve(provided, provider=override)
        )

    def overridden(self, dependency: Dependency) -> Dependency:
        """Return the dependency with the override of its provider, or unchanged without one."""
        override = self.overrides.get(dependency.provider)
        return dependency if override is None else attrs.evolve(dependency, provider=override)

    def signature_of(self, provider: Provider) -> Signature:
        """Return the signature of a provider.

        Raises:
            SignatureError: The function cannot be a provider.
        """
        if provider not in self._signatures:
            self._signatures[provider] = read_signature(provider)
        return self._signatures[provider]

    def request_arguments(
        self,
        function: Callable[..., object],
        signature: Signature,
        dependencies: Sequence[Dependency] = (),
    ) -> list[Owned]:
        """Return the request arguments of a handler and of all its dependencies.

        Each dependency is visited once. Dependencies of the application have no request arguments.

        Args:
            function: The handler.
            signature: Its signature, without the argument that an adapter supplies.
            dependencies: The dependencies that run for their effect alone.

        Raises:
            SignatureError: A dependency is invalid, or depends on itself.
        """
        walk = _Walk(self)
        for dependency in dependencies:
            walk.into(self.overridden(dependency), ())
        walk.over(signature, (function,))
        return walk.request_arguments

    def cell(self, provider: Provider) -> Cell:
        """Return the cell of a value of the application, preceded by the cells that it needs.

        Raises:
            SignatureError: The provider needs a value of a request.
        """
        cells = self.application.cells
        if provider not in cells:
            needs = {}
            for argument in self.signature_of(provider).arguments:
                dependency = self.dependency_of(argument)
                if dependency is not None:
                    needs[argument.name] = self._needed(provider, dependency)
                elif argument.is_required:
                    raise SignatureError(
                        f"{location(provider)}, argument {argument.name}: a dependency of the "
                        "application is made before any request: add a default, or Depends"
                    )
            cells[provider] = Cell(provider, needs)
        return cells[provider]

    def _needed(self, provider: Provider, dependency: Dependency) -> Cell:
        if dependency.scope != "application":
            raise SignatureError(
                f"{location(provider)} lives as long as the application and cannot need "
                f"{location(dependency.provider)}, which is made for each request"
            )
        return self.cell(dependency.provider)


@attrs.frozen
class _Walk:
    """A walk over a handler and its dependencies.

    Attributes:
        providers: The providers of the application.
        request_arguments: The request arguments that the walk has collected.
        seen: The providers that the walk has visited.
    """

    providers: Providers
    request_arguments: list[Owned] = attrs.field(factory=list)
    seen: set[object] = attrs.field(factory=set)

    def over(self, signature: Signature, above: tuple[Callable[..., object], ...]) -> None:
        """Collect the arguments of a function, the last of ``above``, and of its dependencies."""
        for argument in signature.arguments:
            dependency = self.providers.dependency_of(argument)
            if dependency is None:
                _refuse_foreign(above[-1], argument)
                self.request_arguments.append((above[-1], argument))
            else:
                self.into(dependency, above)

    def into(self, dependency: Dependency, above: tuple[Callable[..., object], ...]) -> None:
        """Collect the arguments of a dependency, and of its dependencies."""
        provider = dependency.provider
        if provider in above:
            cycle = [*above[above.index(provider) :], provider]
            names = ", which needs ".join(location(each) for each in cycle)
            raise SignatureError(f"circular dependencies: {names}")
        if dependency.scope == "request" and provider not in self.seen:
            self.seen.add(provider)
            self.over(self.providers.signature_of(provider), (*above, provider))


def _refuse_foreign(owner: Callable[..., object], argument: Argument) -> None:
    """Refuse an argument from the request whose class is of another package.

    Raises:
        SignatureError: It is.
    """
    error = foreign_argument(argument.annotation.type)
    if error is not None:
        raise SignatureError(f"{location(owner)}, argument {argument.name}: {error}")


def connection_argument(signature: Signature, adapter: CallAdapter) -> Argument:
    """Return the argument of a handler that takes the connection of an adapter.

    Raises:
        SignatureError: The handler has no such argument, or several.
    """
    cls = adapter.argument
    matches = [
        argument
        for argument in signature.arguments
        if (own := class_of_argument(argument)) is not None and issubclass(own, cls)
    ]
    if len(matches) != 1:
        raise SignatureError(
            f"a handler of this route must have one argument of the class {cls.__qualname__}, "
            f"not {len(matches)}: write `ws: {cls.__qualname__}` for one of its arguments"
        )
    return matches[0]


def class_of_argument(argument: Argument) -> type | None:
    """Return the class of an argument, without ``None`` and type arguments."""
    annotated = argument.annotation.type
    if type(annotated) is type:
        return annotated
    plain = strip_alias(without_none(annotated))
    origin = origin_of(plain) or plain
    return origin if isinstance(origin, type) else None


def check_provided(cls: object) -> None:
    """Reject a class whose values come from requests.

    Raises:
        TypeError: It is not a class, or a class of parameters and bodies.
    """
    if not isinstance(cls, type):
        raise TypeError(f"values are provided for a class, not for {cls!r}")
    if cls is Request or cls in vars(builtins).values():
        raise TypeError(
            f"values of the class {cls.__qualname__} come from the request: provide a class of "
            "your own"
        )
